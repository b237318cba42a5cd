"""What contract authors import: `from swingset.vat.contract import contract, durable, provide`.

A contract's author writes about terms, private arguments, a baggage and facets, and not about the vat.
"""

from ..guest.base.errors import VatError
from ..guest.contracts import CAN_BE_UPGRADED, CAN_UPGRADE, NONE, ContractRoot, contract, provide_map
from ..guest.guards.remotable import remotable
from ..guest.importing import import_bundle
from ..guest.kinds.classes import durable, virtual
from ..guest.kinds.facets import Cohort, Facets, amplify, facet
from ..guest.passing.remotables import Remotable
from ..guest.sending.eventual import E
from ..guest.stores.baggage import StoredMap, provide

Baggage = StoredMap

__all__ = [
    "CAN_BE_UPGRADED",
    "CAN_UPGRADE",
    "NONE",
    "Baggage",
    "Cohort",
    "ContractRoot",
    "E",
    "Facets",
    "Remotable",
    "VatError",
    "amplify",
    "contract",
    "durable",
    "facet",
    "import_bundle",
    "provide",
    "provide_map",
    "remotable",
    "virtual",
]
