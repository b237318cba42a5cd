"""What vat authors import: `from swingset.vat import E, durable, remotable`.

The same file works inside a vat and as a plain module under a type checker or a test.
"""

from ..guest.baggage import StoredMap, provide
from ..guest.device import D
from ..guest.eventual import E
from ..guest.kinds import durable
from ..guest.liveslots import Powers
from ..guest.passable import Tagged
from ..guest.patterns import alleged, between, gt, gte, length, lt, lte, matching, prefix
from ..guest.promises import Promise, Resolver, make_promise
from ..guest.remotables import Presence, Remotable, remotable
from ..guest.remote_errors import RemoteError, RemoteRejection

Baggage = StoredMap

__all__ = [
    "Baggage",
    "D",
    "E",
    "Powers",
    "Presence",
    "Promise",
    "Remotable",
    "RemoteError",
    "RemoteRejection",
    "Resolver",
    "Tagged",
    "alleged",
    "between",
    "durable",
    "gt",
    "gte",
    "length",
    "lt",
    "lte",
    "make_promise",
    "matching",
    "prefix",
    "provide",
    "remotable",
]
