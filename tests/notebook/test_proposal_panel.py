"""The page of a proposal as a panel: what its buttons bring, in parts that can be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import extension
from swingset_nb.on_proposals import listed
from swingset_nb.proposal_panel import ProposalPanel

SHOP = """%%{magic}
from swingset.vat import remotable

@remotable
class Shop:
    def price(self, amount: int) -> int:
        return amount * {factor}

def build_root_object():
    return Shop()
"""

COUNCIL = """%%vat council
from swingset.vat import durable, remotable

@durable
class Question:
    proposal: object
    status: str = "open"

    def end(self):
        self.status = "decided"

@remotable
class Council:
    def ask(self, proposal):
        return Question(proposal)

def build_root_object():
    return Council()
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A notebook with a shop that has answered six times, and two proposals for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("panel"))
        running: Any = InteractiveShell()
        extension.load(running)
        running.run_cell("%swingset open panel.world --worker local")
        assert running.run_cell(SHOP.format(magic="vat shop", factor=5)).success
        running.user_ns["wait"] = running._swingset_nb.notebook.world.session.wait
        assert running.run_cell("for n in range(6): wait(E(shop).price(n))").success
        assert running.run_cell(SHOP.format(magic="module dear", factor=7)).success
        assert running.run_cell("%%module rates\ndef fee(amount):\n    return amount\n").success
        running.run_cell("%swingset propose shop dear it is time")
        running.run_cell("%swingset propose shop rates --part fee")
        yield running
        extension.unload(running)


@pytest.fixture
def panel(shell: Any) -> ProposalPanel:
    """The page of the first proposal."""
    found = ProposalPanel(shell._swingset_nb.notebook, 1)
    found.refresh()
    return found


def press(panel: ProposalPanel, kind: str) -> dict[str, Any]:
    """Send what a button sends; the page that is shown then."""
    panel._hear(panel, {"kind": kind}, [])
    panel.refresh()
    return panel.view


def test_the_page_is_read_before_it_is_tried(panel: ProposalPanel) -> None:
    """It says which line shows the same."""
    view = panel.view
    assert view["line"] == "%swingset proposal 1 --read"
    assert [row[:2] for row in view["modules"]] == [["dear", "changed"]]
    assert view["lines"][-1] == "its proposer says: it is time"
    assert (view["tried"], view["triable"], view["ballots"]) == ({}, True, [])


def test_it_is_tried_in_parts(panel: ProposalPanel) -> None:
    """First the rehearsal, then few messages, then all that there are."""
    tried = press(panel, "try")["tried"]
    assert (tried["going"], tried["words"], tried["verdict"]["ok"]) == (True, "rehearsed", True)
    tried = press(panel, "more")["tried"]
    assert (tried["going"], len(tried["verdict"]["answers"])) == (True, 5)
    view = press(panel, "more")
    assert (view["tried"]["going"], len(view["tried"]["verdict"]["answers"])) == (False, 6)
    assert "5 of 6 recorded messages differently" in view["tried"]["verdict"]["words"]
    assert view["line"] == "%swingset proposal 1"
    assert press(panel, "more") == view


def test_it_can_be_stopped_between_two_parts(panel: ProposalPanel) -> None:
    """What was found till then stays."""
    press(panel, "try")
    tried = press(panel, "stop")["tried"]
    assert (tried["going"], tried["words"]) == (False, "rehearsed. Stopped; the world has not changed")
    assert press(panel, "more")["tried"] == tried


def test_what_was_tried_of_an_earlier_world_says_so(panel: ProposalPanel, shell: Any) -> None:
    """And no further messages are delivered for it."""
    press(panel, "try")
    shell.run_cell("wait(E(shop).price(9))")
    assert press(panel, "more")["tried"]["going"] is False
    assert panel.view["tried"]["note"] == "the world has gone on since this was tried"


def test_a_function_cannot_be_tried(shell: Any) -> None:
    """Its page is there to be read; a panel whose world is closed sleeps."""
    panel = ProposalPanel(shell._swingset_nb.notebook, 2)
    panel.refresh()
    assert panel.view["triable"] is False
    assert "it is read beside nothing: vat shop has no record of a decided fee" in panel.view["lines"]
    press(panel, "try")
    assert "it is for fee only" in panel.error
    panel.sleep("no world is open")
    assert panel.view == {"open": False, "why": "no world is open"}


def test_a_list_says_which_proposals_are_open(shell: Any) -> None:
    """Until the target runs one, or no vat says any more that one can vote on it."""
    world = shell._swingset_nb.notebook.world
    proposals = world.session.proposals
    assert [(each.number, each.is_open) for each in listed(world)[0]] == [(2, True), (1, True)]
    shell.user_ns["proposal"] = proposals.reference(2)
    assert shell.run_cell(COUNCIL).success
    assert shell.run_cell("question = wait(E(council).ask(proposal))").success
    (second, _), older = listed(world)
    assert (second.votes, second.is_open, older) == ("council: 'open'", True, 0)
    assert shell.run_cell("wait(E(question).end())").success
    world.controller.upgrade_vat("shop", proposals.parts(1))
    found = {each.number: each for each in listed(world)[0]}
    assert found[2].votes == "council: 'decided'"
    assert [each.is_open for each in found.values()] == [False, False]
