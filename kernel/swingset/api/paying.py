"""The names of messages that bid for their turn, and of the accounts that pay."""

from swingset.core.market_terms import Terms
from swingset.host.controls.market import AccountRow, Market, MarketTotals, RentRow
from swingset.lens.present.market import BidRow, Orders
from swingset.model.bids import Bid
from swingset.world.footprints import Room

__all__ = [
    "AccountRow",
    "Bid",
    "BidRow",
    "Market",
    "MarketTotals",
    "Orders",
    "RentRow",
    "Room",
    "Terms",
]
