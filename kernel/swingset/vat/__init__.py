"""What vat authors import: `from swingset.vat import E, durable, remotable`.

The same file works inside a vat and as a plain module under a type checker or a test.
"""

from ..guest.base.context import set_stand_in
from ..guest.base.errors import RemoteError, RemoteRejection, VatError
from ..guest.base.promises import Promise, Resolver, make_promise
from ..guest.guards.conformance import implements
from ..guest.guards.interfaces import Interface
from ..guest.guards.patterns import alleged, between, gt, gte, length, lt, lte, matching, prefix
from ..guest.guards.remotable import remotable
from ..guest.kinds.classes import durable, virtual
from ..guest.kinds.durability import can_be_durable
from ..guest.kinds.facets import Cohort, Facets, amplify, facet
from ..guest.kinds.migration import MigrationError, migrate
from ..guest.lasting.adoption import adopt_promise
from ..guest.lasting.explicit import (
    define_durable_kind,
    define_durable_kind_multi,
    define_kind,
    define_kind_multi,
    make_kind_handle,
    prepare_kind,
    prepare_kind_multi,
    prepare_singleton,
    provide_kind_handle,
)
from ..guest.lasting.resumable import resumable
from ..guest.lasting.watching import watch_promise
from ..guest.passing.copies import register_copy
from ..guest.passing.far_refs import FarRef
from ..guest.passing.passable import Tagged
from ..guest.passing.remotables import Presence, Remotable
from ..guest.powers import Powers
from ..guest.sending.device_calls import D
from ..guest.sending.eventual import E
from ..guest.sending.notifiers import updates
from ..guest.standalone import vat as _standalone
from ..guest.stores.baggage import StoredMap, provide
from ..guest.stores.bigmaps import (
    BigMap,
    BigSet,
    WeakBigMap,
    WeakBigSet,
    make_scalar_big_map_store,
    make_scalar_big_set_store,
    make_scalar_big_weak_map_store,
    make_scalar_big_weak_set_store,
)

Baggage = StoredMap

set_stand_in(_standalone)

__all__ = [
    "Baggage",
    "BigMap",
    "BigSet",
    "Cohort",
    "D",
    "E",
    "Facets",
    "FarRef",
    "Interface",
    "MigrationError",
    "Powers",
    "Presence",
    "Promise",
    "Remotable",
    "RemoteError",
    "RemoteRejection",
    "Resolver",
    "Tagged",
    "VatError",
    "WeakBigMap",
    "WeakBigSet",
    "adopt_promise",
    "alleged",
    "amplify",
    "between",
    "can_be_durable",
    "define_durable_kind",
    "define_durable_kind_multi",
    "define_kind",
    "define_kind_multi",
    "durable",
    "facet",
    "gt",
    "gte",
    "implements",
    "length",
    "lt",
    "lte",
    "make_kind_handle",
    "make_promise",
    "make_scalar_big_map_store",
    "make_scalar_big_set_store",
    "make_scalar_big_weak_map_store",
    "make_scalar_big_weak_set_store",
    "matching",
    "migrate",
    "prefix",
    "prepare_kind",
    "prepare_kind_multi",
    "prepare_singleton",
    "provide",
    "provide_kind_handle",
    "register_copy",
    "remotable",
    "resumable",
    "updates",
    "virtual",
    "watch_promise",
]
