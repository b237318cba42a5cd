"""A governed auction for the tests of governance: voters, a governor, and code to vote on."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from swingset import lib
from tests.staging import Stage

AUCTION = dedent(
    """
    import governed
    from swingset.vat import E
    from swingset.vat.contract import contract, durable, provide

    def fee(amount):
        return amount // 10

    PARAMETERS = {"least_bid": {"initial": 5, "least": 1, "most": 100}}

    @durable
    class Auction:
        item: str
        governed: object
        bidder: str | None = None
        best: int = 0

        def bid(self, bidder: str, amount: int) -> int:
            least = self.governed.get("least_bid")
            if amount < least or amount <= self.best:
                raise ValueError(f"bid more than {max(self.best, least - 1)}")
            self.bidder, self.best = bidder, amount
            return governed.call(self.governed, "fee", amount)

        def standing(self) -> list:
            return [self.bidder, self.best]

    def start(terms, baggage):
        facet = governed.governed(baggage, PARAMETERS, {"fee": fee})
        auction = provide(baggage, "auction", lambda: Auction(terms["item"], facet))
        return {"creator": facet, "public": auction}

    build_root_object = contract(start, upgradable="can_upgrade")
    """
)

BETTER = AUCTION.replace(
    "    def standing(self) -> list:",
    '    def leader(self) -> str:\n        return f"{self.bidder} leads"\n\n    def standing(self) -> list:',
)

VOTERS = ["ann", "bob", "cyd"]


class Town:
    """A world in which three voters govern an auction."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        session = self.session = stage.session
        session.modules.define("governed", lib.source("governed"))
        session.modules.define("auction", AUCTION)
        devices = session.devices
        made = stage.ask(devices.vat_admin(), "create_vat", devices.modulecap("auction"), {"name": "auction"})
        kit = stage.ask(made["root"], "start", {"item": "vase"}, None)
        self.auction = kit["public"]
        self.root = session.define(
            "governor",
            lib.source("governance"),
            parameters={"timer": devices.timer(), "bridge": devices.bridge()},
        )
        council = stage.ask(self.root, "make_electorate", "council", VOTERS)
        self.voters, self.admin, self.electorate = council["voters"], council["admin"], council["electorate"]
        powers = {"governed": kit["creator"], "admin_node": made["adminNode"]}
        self._cast: dict[str, Any] = {}
        self.governor = stage.ask(self.root, "make_governor", self.electorate, "auction", powers)

    def ask(self, method: str, *args: Any) -> Any:
        """Open a question of the governor."""
        return self.stage.ask(self.governor, method, *args)

    def vote(self, question: Any, *positions: str | None) -> dict[str, Any]:
        """Cast the ballots of the voters in order, close the question if all have voted; its details."""
        for name, position in zip(VOTERS, positions, strict=False):
            if position is not None:
                self.stage.ask(self.voters[name], "cast", question, position)
        if len(positions) == len(VOTERS) and None not in positions:
            self.stage.ask(question, "close")
            self.session.settle()
        details: dict[str, Any] = self.stage.ask(question, "get_details")
        return details

    def propose(self, module: str, source: str, **options: Any) -> Any:
        """Define a module, and propose it for the auction."""
        self.session.modules.define(module, source)
        cap = self.session.devices.modulecap(module)
        return self.session.proposals.propose("auction", cap, **options)

    def cast_of_all(self) -> dict[str, Any]:
        """All that takes part in it by name, with a question and proposals of each sort."""
        if not self._cast:
            half = "def fee(amount):\n    return 1\n"
            cap = self.session.devices.modulecap
            self._cast = {
                **self.voters,
                "admin": self.admin,
                "governor": self.governor,
                "auction": self.auction,
                "root": self.root,
                "electorate": self.electorate,
                "question": self.ask("ask_parameter", "least_bid", 50),
                "code": self.propose("better", BETTER),
                "function": self.propose("half", half, part="fee"),
                "foreign": self.session.proposals.propose("governor", cap("half")),
            }
        return self._cast
