"""What tests of vat code import, where it is a plain module: `from swingset.vat.testing import drain, start`.

`Baggage()` is a baggage to try code with, `start(build_root_object)` makes the root object, and `drain()`
runs what is waiting to run.
"""

from ..guest.standalone import drain, start
from ..guest.stores.baggage import StoredMap

Baggage = StoredMap

__all__ = ["Baggage", "drain", "start"]
