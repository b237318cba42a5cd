"""Contracts: started once, restarted and upgraded from their baggage, and refused when they cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import VatFault
from tests.staging import Stage

AUCTION = """
from swingset.vat.contract import Cohort, amplify, contract, durable, facet, provide, provide_map

VERSION = 1

@durable
class Auction(Cohort):
    item: str
    best: int = 0
    winner: str | None = None
    fee: int = 0

    @facet("creator")
    def close(self):
        return [self.winner, self.best - self.fee]

    @facet("public")
    def bid(self, who: str, amount: int) -> bool:
        if amount <= self.best:
            return False
        self.best, self.winner = amount, who
        return True

    @facet("creator", "public")
    def version(self):
        return VERSION

def prepare(baggage):
    count = baggage.get("starts", 0) + 1
    baggage["starts"] = count
    return {"starts": count}

def start(terms, private, baggage, prepared):
    creator = provide(baggage, "auction", lambda: Auction(terms["item"]).facets.creator)
    bids = provide_map(baggage, "bids")
    bids[str(prepared["starts"])] = private
    return {"creator": creator, "public": amplify(Auction, creator).facets.public}

build_root_object = contract(start, prepare=prepare, upgradable="can_upgrade")
"""

SIMPLE = """
from swingset.vat.contract import contract, durable, provide, remotable

@durable
class Public:
    notes: list = []

    def add(self, note: str):
        self.notes = [*self.notes, note]
        return self.notes

@remotable
class Fleeting:
    def hi(self):
        return "hi"

def start(terms, private, baggage):
    public = provide(baggage, "public", Public)
    public.add(f"{terms} {private}")
    return {"public": public}

build_root_object = contract(start, upgradable="can_upgrade")
"""


def start(stage: Stage, source: str = SIMPLE, **given: Any) -> Any:
    return stage.session.define("c", source, parameters=given or None)


def upgrade(stage: Stage, source: str, parameters: Any = None) -> Any:
    return stage.session.upgrade("c", "c", source, parameters=parameters)


def test_contract_with_parameters_starts_with_its_vat(stage: Stage) -> None:
    """Terms and private arguments given as parameters of the vat start the contract in the same crank."""
    root = start(stage, terms="t", private="p")
    public = stage.ask(root, "public_facet")
    assert stage.ask(public, "add", "x") == ["t p", "x"]
    assert stage.ask(root, "creator_facet") is None
    assert (stage.ask(root, "terms"), stage.ask(root, "upgradable")) == ("t", "can_upgrade")


def test_contract_is_started_by_a_message(stage: Stage) -> None:
    """Without parameters the contract is only prepared, and starts once, when its root is told to."""
    root = start(stage)
    with pytest.raises(Exception, match="the contract is not started") as caught:
        stage.ask(root, "public_facet")
    assert caught.value.code == "not-started"  # type: ignore[attr-defined]
    facets = stage.ask(root, "start", "t", "p")
    assert facets["public"] is stage.ask(root, "public_facet")
    with pytest.raises(Exception, match="the contract is started already"):
        stage.ask(root, "start", "t", "p")


def test_restart_with_new_private_arguments(stage: Stage) -> None:
    """An upgrade to the same code runs start again, with the terms of old and new private arguments."""
    public = stage.ask(start(stage, terms="t", private="p"), "public_facet")
    upgrade(stage, SIMPLE, {"private": "q"})
    upgrade(stage, SIMPLE)
    assert stage.ask(public, "add", "x") == ["t p", "t q", "t q", "x"]
    assert stage.ask(stage.session.root("c"), "public_facet") is public


def test_contract_that_was_not_started_is_upgraded(stage: Stage) -> None:
    """A vat that is only prepared can be upgraded and started afterwards."""
    root = start(stage)
    upgrade(stage, SIMPLE.replace("hi", "ho"))
    assert stage.ask(root, "start", "t", "p")["public"] is not None


def test_instance_baggage_lies_inside_the_installations(stage: Stage) -> None:
    """Prepare and start keep things under the same names without meeting, in every incarnation."""
    root = start(stage, AUCTION, terms={"item": "vase"}, private="first")
    creator, public = stage.ask(root, "creator_facet"), stage.ask(root, "public_facet")
    assert stage.ask(public, "bid", "ann", 5) is True
    upgrade(stage, AUCTION.replace("VERSION = 1", "VERSION = 2"), {"private": "second"})
    assert stage.ask(public, "bid", "bob", 4) is False
    assert (stage.ask(public, "version"), stage.ask(creator, "version")) == (2, 2)
    assert stage.ask(creator, "close") == ["ann", 5]
    with pytest.raises(TypeError, match="no method"):
        stage.ask(public, "close")
    world = stage.controller.kernel.store.world
    keys = [key for (key,) in world.rows("SELECT key from vatstore where key like 'vc.1.%' order by key")]
    assert [key for key in keys if key.startswith("vc.1.s")] == ["vc.1.sstarts"]
    assert [key for key in keys if "bids" in key] == ["vc.1.linstance/mbids/s1", "vc.1.linstance/mbids/s2"]


def refused(stage: Stage, source: str, parameters: Any = None) -> str:
    """Why an upgrade is refused; the contract goes on as it was."""
    public = stage.ask(stage.session.root("c"), "public_facet")
    with pytest.raises(VatFault, match="nothing has changed") as caught:
        upgrade(stage, source, parameters)
    assert stage.ask(stage.session.root("c"), "public_facet") is public
    return caught.value.fault.message


@pytest.mark.parametrize("level", ["none", "can_be_upgraded"])
def test_code_that_is_not_declared_to_upgrade_is_refused(stage: Stage, level: str) -> None:
    """Only code that says that it can upgrade takes over from another incarnation."""
    start(stage, terms="t")
    words = refused(stage, SIMPLE.replace("can_upgrade", level))
    assert words.startswith(f"contract cannot upgrade: the new code is declared '{level}'")


def test_contract_whose_facets_were_not_durable_is_not_restarted(stage: Stage) -> None:
    """What was started as `none` may have given out facets that end, so it is never upgraded."""
    fleeting = SIMPLE.replace('{"public": public}', '{"public": Fleeting()}')
    start(stage, fleeting.replace("can_upgrade", "none"), terms="t")
    assert refused(stage, SIMPLE) == "restart_contract failed: original contract facets were not durable"


def test_facets_keep_their_identity(stage: Stage) -> None:
    """New code that returns other facets than the parties hold is refused."""
    start(stage, terms="t")
    words = refused(stage, SIMPLE.replace('provide(baggage, "public", Public)', "Public()"))
    assert words == "restart_contract failed: facets returned by contract changed identity (public)"


def test_terms_are_fixed(stage: Stage) -> None:
    """An upgrade cannot change what the parties agreed to."""
    start(stage, terms="t")
    assert "terms of a contract are fixed" in refused(stage, SIMPLE, {"terms": "u"})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('{"public": public}', '{"public": Fleeting()}', "make its class @durable"),
        ('{"public": public}', '{"public": 5}', "the public facet must be an object of this vat, not int 5"),
        ('{"public": public}', '{"pubic": public}', 'start() must return {"creator": ..., "public": ...}'),
        ("start(terms, private, baggage)", "start(terms, zcf, private, baggage)", "start asks for zcf"),
        (
            'upgradable="can_upgrade"',
            'upgradable="yes"',
            "upgradable is none, can_be_upgraded or can_upgrade",
        ),
    ],
)
def test_unfit_contract_does_not_start(stage: Stage, old: str, new: str, words: str) -> None:
    """A contract that does not return what it says stops its vat from starting, with the reason."""
    with pytest.raises(VatFault) as caught:
        start(stage, SIMPLE.replace(old, new), terms="t", private="p")
    assert words in caught.value.fault.message


def test_parameters_are_checked(stage: Stage) -> None:
    """A contract takes terms and private arguments, and nothing else."""
    with pytest.raises(VatFault, match="a contract takes the parameters"):
        start(stage, price=5)
