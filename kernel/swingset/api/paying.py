"""The names of messages that bid for their turn, and of the accounts that pay."""

from swingset.core.market_terms import Terms
from swingset.host.controls.market import AccountRow, Market, MarketTotals, RentRow
from swingset.lens.present.market import BidRow, Orders
from swingset.lens.watching.funds import FundRow, PriceRow
from swingset.model.bids import Bid
from swingset.world.footprints import Room

__all__ = [
    "AccountRow",
    "Bid",
    "BidRow",
    "FundRow",
    "Market",
    "MarketTotals",
    "Orders",
    "PriceRow",
    "RentRow",
    "Room",
    "Terms",
]
