"""Every name that an embedder needs, imported from where it is defined.

`swingset` hands these out one by one when they are asked for. Whatever a public method takes, returns or
raises is here, and a test says so (`tests/host/test_exports.py`).
"""

from swingset.api import hosting, past, paying, records, views
from swingset.api.hosting import *
from swingset.api.past import *
from swingset.api.paying import *
from swingset.api.records import *
from swingset.api.views import *

__all__: list[str] = []
__all__ += hosting.__all__
__all__ += past.__all__
__all__ += paying.__all__
__all__ += records.__all__
__all__ += views.__all__
__all__.sort()
