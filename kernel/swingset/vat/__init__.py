"""What vat authors import: `from swingset.vat import E, durable, remotable`.

The same file works inside a vat and as a plain module under a type checker or a test.

This module has the everyday names. `swingset.vat.patterns` narrows annotations and iterations (`gt`,
`prefix`), `swingset.vat.explicit` makes kinds and collections without classes, `swingset.vat.contract` is for
contracts, and `swingset.vat.testing` is for tests of vat code.
"""

from ..guest.base.context import set_stand_in
from ..guest.base.errors import RemoteError, RemoteRejection, VatError
from ..guest.base.promises import Promise
from ..guest.base.resolvers import Resolver, make_promise
from ..guest.guards.conformance import implements
from ..guest.guards.interfaces import Interface
from ..guest.guards.remotable import remotable
from ..guest.kinds.classes import durable, virtual
from ..guest.kinds.durability import can_be_durable
from ..guest.kinds.facets import Cohort, Facets, amplify, facet
from ..guest.kinds.migration import MigrationError, migrate
from ..guest.lasting.adoption import adopt_promise
from ..guest.lasting.resumable import resumable
from ..guest.lasting.watching import watch_promise
from ..guest.passing.copies import register_copy
from ..guest.passing.displays import Html, Markdown, Picture
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
    "Html",
    "Interface",
    "Markdown",
    "MigrationError",
    "Picture",
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
    "amplify",
    "can_be_durable",
    "durable",
    "facet",
    "implements",
    "make_promise",
    "migrate",
    "provide",
    "register_copy",
    "remotable",
    "resumable",
    "updates",
    "virtual",
    "watch_promise",
]
