"""What tests of vat code import: `from swingset.vat.testing import Baggage, drain, start`.

In a test, vat code is a plain module. `Baggage()` makes a baggage, `start(build_root_object)` makes the root
object, and `drain()` runs the turns that wait.
"""

from ..guest.standalone import drain, start
from ..guest.stores.baggage import StoredMap

Baggage = StoredMap

__all__ = ["Baggage", "drain", "start"]
