"""A vat that changes only by what its voters decide, in each depth, and what does not count as a vote."""

from __future__ import annotations

from typing import Any

import pytest

from swingset import RemoteError, lib
from tests.scenarios.governing import AUCTION, BETTER, Town
from tests.staging import Stage


@pytest.fixture(scope="module")
def settled() -> Any:
    """A town whose refusals are tried one after the other."""
    stage = Stage("local")
    yield Town(stage)
    stage.close()


def test_a_parameter_changes_by_a_decision_and_within_its_range(stage: Stage) -> None:
    """The decision sets it. What is not declared is refused when it is asked, and is no question."""
    town = Town(stage)
    question = town.ask("ask_parameter", "least_bid", 50)
    assert town.vote(question, "yes", "no", "yes")["result"] == "performed"
    with pytest.raises(RemoteError, match="bid more than 49"):
        stage.ask(town.auction, "bid", "dan", 20)
    for name, value, words in (
        ("least_bid", 500, "least_bid is an int from 1 to 100, got 500"),
        ("lest_bid", 30, "there is no parameter 'lest_bid'; there are: least_bid"),
    ):
        with pytest.raises(RemoteError, match=words):
            town.ask("ask_parameter", name, value)
    assert stage.ask(town.auction, "bid", "dan", 60) == 6
    assert stage.ask(town.ask("ask_parameter", "least_bid", 40), "get_details")["number"] == 2


def test_a_range_that_is_narrower_when_it_is_decided_counts(local: Stage) -> None:
    """What was decided is tried once: the contract refuses it, and the result says why."""
    town = Town(local)
    question = town.ask("ask_parameter", "least_bid", 50)
    narrow = town.propose("narrow", AUCTION.replace('"most": 100', '"most": 40'))
    assert town.vote(town.ask("ask_code", narrow), "yes", "yes", "yes")["result"] == "performed"
    said = town.vote(question, "yes", "yes", "yes")
    assert (said["status"], said["outcome"]) == ("decided", "yes")
    assert said["result"].startswith("refused: least_bid is an int from 1 to 40")


def test_the_last_ballot_closes_a_question(local: Stage) -> None:
    """Until then members may vote again; from then on nobody may, and nobody had to close it."""
    town = Town(local)
    question = town.ask("ask_parameter", "least_bid", 50)
    for name, position in (("ann", "no"), ("bob", "yes"), ("ann", "yes"), ("cyd", "no")):
        local.ask(town.voters[name], "cast", question, position)
    town.session.settle()
    said = local.ask(question, "get_details")
    assert (said["status"], said["counts"], said["result"]) == ("decided", {"yes": 2, "no": 1}, "performed")
    with pytest.raises(RemoteError, match="is closed: decided"):
        local.ask(town.voters["bob"], "cast", question, "no")
    assert local.ask(question, "close") == "decided"


def test_a_pure_function_changes_by_a_decision_and_survives_upgrades(stage: Stage) -> None:
    """It is imported anew in each incarnation, of the contract as of its governor."""
    town = Town(stage)
    half = town.propose("half", "def fee(amount):\n    return amount // 2\n", part="fee")
    question = town.ask("ask_function", half)
    assert town.vote(question, "yes", "yes", "no")["result"] == "performed"
    assert stage.ask(town.auction, "bid", "dan", 20) == 10
    sly = town.propose("sly", "import math\n\ndef fee(amount):\n    return math.floor(amount)\n", part="fee")
    assert "not pure" in town.vote(town.ask("ask_function", sly), "yes", "yes", "yes")["result"]
    code = town.propose("better", BETTER)
    assert town.vote(town.ask("ask_code", code), "yes", "yes", "yes")["result"] == "performed"
    assert stage.ask(town.auction, "bid", "eve", 30) == 15
    assert stage.ask(town.auction, "leader") == "eve leads"


def test_a_function_is_read_beside_the_one_that_was_decided_before(local: Stage) -> None:
    """As the contract's own store says; without a decision it is read beside nothing."""
    town = Town(local)
    proposals = town.session.proposals
    half = town.propose("half", "def fee(amount):\n    return amount // 2\n", part="fee")
    third = town.propose("third", "def fee(amount):\n    return amount // 3\n", part="fee")
    assert (proposals.standing(1), proposals.standing(2)) == (None, None)
    assert [module.standing for module in proposals.judge(2).modules] == ["new"]
    town.vote(town.ask("ask_function", half), "yes", "yes", "yes")
    town.session.settle()
    assert proposals.standing(2) == proposals.get(1).bundle
    assert [module.standing for module in proposals.judge(1).modules] == ["known"]
    (changed,) = proposals.judge(2).modules
    assert changed.difference is not None
    assert "-    return amount // 2" in changed.difference.unified()
    town.vote(town.ask("ask_function", third), "yes", "yes", "yes")
    assert proposals.standing(1) == proposals.get(2).bundle


def test_code_changes_by_a_decision_while_bids_are_open(local: Stage) -> None:
    """State and identity go on; a proposal that the contract refuses changes nothing, decided or not."""
    town = Town(local)
    local.ask(town.auction, "bid", "dan", 20)
    said = town.vote(town.ask("ask_code", town.propose("better", BETTER)), "yes", "yes", "yes")
    assert said["result"] == "performed"
    assert local.ask(town.auction, "leader") == "dan leads"
    bad = AUCTION.replace('provide(baggage, "auction", lambda: ', "(")
    said = town.vote(town.ask("ask_code", town.propose("bad", bad)), "yes", "yes", "yes")
    assert "facets returned by contract changed identity" in said["result"]
    assert local.ask(town.auction, "leader") == "dan leads"
    narrow = AUCTION.replace('"initial": 5, "least": 1', '"initial": 9, "least": 9')
    said = town.vote(town.ask("ask_code", town.propose("narrow", narrow)), "no", "no", "yes")
    assert (said["outcome"], said["result"]) == ("no", "nothing to do")


def test_what_only_the_host_changes_goes_out_over_the_bridge_once(local: Stage) -> None:
    """A decision on the guest library or the kernel waits there until the host has performed it."""
    town = Town(local)
    for depth in ("guest library", "kernel"):
        said = town.vote(town.ask("ask_host", depth, {"version": "next"}), "yes", "yes", "no")
        assert said["result"] == "performed"
    found: list[Any] = []
    assert town.session.devices.bridge_receive(found.append) == 2
    assert [each["depth"] for each in found] == ["guest library", "kernel"]
    assert found[0]["detail"] == {"version": "next"}
    assert town.session.devices.bridge_receive(found.append) == 0


def test_a_question_ends_at_its_deadline_by_what_was_cast_then(local: Stage) -> None:
    """Before it nobody can close it, unless all have voted; without a quorum nothing is decided."""
    town = Town(local)
    local.controller.devices.poll(1)
    question = town.ask("ask_parameter", "least_bid", 50, {"closes_at": 10})
    assert town.vote(question, "yes", "yes", None)["status"] == "open"
    with pytest.raises(RemoteError, match="open until 10, or all have voted"):
        local.ask(question, "close")
    local.controller.devices.poll(10)
    town.session.settle()
    assert town.vote(question)["result"] == "performed"
    alone = town.ask("ask_parameter", "least_bid", 60, {"closes_at": 20})
    town.vote(alone, "yes", None, None)
    local.controller.devices.poll(25)
    town.session.settle()
    said = town.vote(alone)
    assert (said["status"], said["result"]) == ("undecided", "nothing to do")


def test_votes_and_results_survive_an_upgrade_of_the_governor_that_it_decides_itself(stage: Stage) -> None:
    """An open question goes on with its ballots, and the decision about itself is reported performed."""
    town = Town(stage)
    session = town.session
    open_question = town.ask("ask_parameter", "least_bid", 40)
    town.vote(open_question, "yes", None, None)
    node = session.wait(session.devices.admin_node("governor"))
    itself = stage.ask(town.root, "make_governor", town.electorate, "governor", {"admin_node": node})
    session.modules.define("governor2", lib.source("governance") + "\n# the second\n")
    proposal = session.proposals.propose("governor", session.devices.modulecap("governor2"))
    question = stage.ask(itself, "ask_code", proposal)
    assert town.vote(question, "yes", "yes", "yes")["result"] == "performed"
    assert stage.controller.vats["governor"].incarnation == 1
    assert town.vote(open_question, None, "yes", None)["counts"] == {"yes": 2, "no": 0}
    assert town.vote(open_question, "yes", "yes", "no")["result"] == "performed"
    with pytest.raises(RemoteError, match="bid more than 39"):
        stage.ask(town.auction, "bid", "dan", 20)


def test_a_question_of_any_kind_tells_its_performer(local: Stage) -> None:
    """Several positions, a share of two thirds, and an object of another vat that is told the outcome."""
    town = Town(local)
    teller = local.define(
        "teller",
        """
        from swingset.vat import remotable

        @remotable
        class Teller:
            heard = None

            def decided(self, question, outcome):
                self.heard = outcome

            def get(self):
                return self.heard

        def build_root_object():
            return Teller()
        """,
    )
    rules = {"share": [3, 5]}
    colours = ["red", "green", "blue"]
    for positions, outcome in ((("red", "green", "red"), "red"), (("red", "green", "blue"), None)):
        question = local.ask(town.admin, "ask", "which colour?", colours, rules, teller)
        assert town.vote(question, *positions)["outcome"] == outcome
        assert local.ask(teller, "get") == outcome


def _counted(town: Town) -> Any:
    """A question in which ann has voted three times, and at last for no."""
    question = town.ask("ask_parameter", "least_bid", 50)
    for position in ("yes", "yes", "no"):
        town.stage.ask(town.voters["ann"], "cast", question, position)
    return question


def _stranger(town: Town) -> Any:
    others = town.stage.ask(town.root, "make_electorate", "others", ["ann"])
    return others["voters"]["ann"], town.ask("ask_parameter", "least_bid", 50)


def _late(town: Town) -> Any:
    question = town.ask("ask_parameter", "least_bid", 50)
    return town.stage.ask(town.admin, "add", f"late {id(question)}"[:20]), question


def _closed(town: Town) -> Any:
    question = town.ask("ask_parameter", "least_bid", 50)
    town.vote(question, "no", "no", "no")
    return town.voters["ann"], question


REFUSED_BALLOTS = {
    "of another electorate with the same names": (_stranger, "was not of the electorate"),
    "of a question that is closed": (_closed, "is closed: decided"),
}


@pytest.mark.parametrize("case", REFUSED_BALLOTS)
def test_a_ballot_that_does_not_count_is_refused(settled: Town, case: str) -> None:
    """The counts are what they were."""
    make, words = REFUSED_BALLOTS[case]
    voter, question = make(settled)
    before = settled.vote(question)["counts"]
    with pytest.raises(RemoteError, match=words):
        settled.stage.ask(voter, "cast", question, "yes")
    assert settled.vote(question)["counts"] == before


def test_a_vote_is_counted_once_however_often_it_is_cast(settled: Town) -> None:
    """The last ballot of a member takes the place of those before."""
    question = _counted(settled)
    assert settled.vote(question)["counts"] == {"yes": 0, "no": 1}
    assert settled.stage.ask(settled.voters["ann"], "get_position", question) == "no"


def test_who_joins_or_leaves_later_does_not_change_an_open_question(local: Stage) -> None:
    """Its members, its quorum and its size are those of the moment when it was opened."""
    town = Town(local)
    question = town.ask("ask_parameter", "least_bid", 50)
    late = local.ask(town.admin, "add", "dan", 100)
    with pytest.raises(RemoteError, match="was not of the electorate"):
        local.ask(late, "cast", question, "no")
    local.ask(town.admin, "remove", "cyd")
    said = town.vote(question, "yes", "yes", "no")
    assert (said["electorate_size"], said["quorum"], said["outcome"]) == (3, 2, "yes")
    again = local.ask(town.admin, "add", "cyd")
    other = town.ask("ask_parameter", "least_bid", 60)
    with pytest.raises(RemoteError, match="was not of the electorate"):
        local.ask(town.voters["cyd"], "cast", other, "yes")
    local.ask(again, "cast", other, "yes")


REFUSED: dict[str, tuple[str, str, list[Any], str]] = {
    "a position that there is not": ("ann", "cast", ["@question", "maybe"], "the positions are yes, no"),
    "a question that is none": ("ann", "cast", ["@auction", "yes"], "question"),
    "one position": ("admin", "ask", ["x", ["yes"]], "two or more positions"),
    "the same position twice": ("admin", "ask", ["x", ["yes", "yes"]], "each another"),
    "an empty title": ("admin", "ask", ["", ["a", "b"]], "1 to 10000 characters"),
    "an unknown rule": ("admin", "ask", ["x", ["a", "b"], {"veto": 1}], "not veto"),
    "a quorum of nobody": ("admin", "ask", ["x", ["a", "b"], {"quorum": 0}], "weight from 1 to 3"),
    "a quorum of more than all": ("admin", "ask", ["x", ["a", "b"], {"quorum": 4}], "weight from 1 to 3"),
    "a share of everything": ("admin", "ask", ["x", ["a", "b"], {"share": [2, 2]}], "part, whole"),
    "a weight below one": ("admin", "add", ["zoe", 0], "from 1 to"),
    "a member twice": ("admin", "add", ["ann"], "is a member already"),
    "removing a stranger": ("admin", "remove", ["zoe"], "is no member"),
    **{
        f"{method} by {rules}": ("governor", method, [*args, rules], f"of this governor is {least} or more")
        for rules, least in (
            ({"quorum": 1}, 2),
            ({"share": [1, 100]}, ".1, 2."),
            ({"share": [49, 99]}, ".1, 2."),
        )
        for method, args in {
            "ask_parameter": ["least_bid", 77],
            "ask_function": ["@function"],
            "ask_code": ["@code"],
            "ask_host": ["kernel", {}],
        }.items()
    },
    "a depth of the host that is none": ("governor", "ask_host", ["moon", {}], "guest library or kernel"),
    "a proposal for another vat": ("governor", "ask_code", ["@foreign"], "is for vat 'governor'"),
    "a function as code": ("governor", "ask_code", ["@function"], "is for fee only"),
    "code as a function": ("governor", "ask_function", ["@code"], "is for all of the code"),
    "an open question": ("question", "close", [], "is open until all have voted"),
    "what is no proposal": (
        "governor",
        "ask_code",
        ["auction"],
        "is about a proposal, as .session.proposals",
    ),
    "an unknown power": ("root", "make_governor", ["@electorate", "x", {"all": 1}], "not all"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(settled: Town, case: str) -> None:
    """The call is rejected, with the rule that it breaks."""
    who, method, args, words = REFUSED[case]
    known = settled.cast_of_all()
    given = [known[arg[1:]] if isinstance(arg, str) and arg.startswith("@") else arg for arg in args]
    with pytest.raises((RemoteError, TypeError, ValueError), match=words):
        settled.stage.ask(known[who], method, *given)


STRICT = {"quorum": 3, "share": [2, 3], "closes_at": 50}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, None),
        ({"quorum": 3, "share": [4, 6], "closes_at": 50}, None),
        ({"share": [3, 4], "closes_at": 1_000}, None),
        ({"closes_at": None}, None),
        ({"quorum": 2}, "quorum of this governor is 3 or more, got 2"),
        ({"share": [1, 2]}, "share of this governor is .2, 3. or more"),
        ({"share": [66, 100]}, "share of this governor"),
        ({"closes_at": 49}, "deadline of this governor is 50 or later, got 49"),
        ({"quorum": None}, "a quorum is a weight"),
        ({"share": "ab"}, "a share is"),
    ],
)
def test_who_asks_a_governor_makes_its_rules_no_looser(
    settled: Town, asked: dict[str, Any], words: str | None
) -> None:
    """What is not given is as the governor has it, and what is given is stricter or refused."""
    stage = settled.stage
    governor = stage.ask(settled.root, "make_governor", settled.electorate, "auction", {}, STRICT)
    if words is None:
        question = stage.ask(governor, "ask_host", "kernel", {}, asked)
        said = stage.ask(question, "get_details")
        assert {name: said[name] for name in STRICT} == {**STRICT, **asked}
    else:
        with pytest.raises(RemoteError, match=words):
            stage.ask(governor, "ask_host", "kernel", {}, asked)


def test_a_host_installs_contracts_and_clones_their_vats_for_instances(stage: Stage) -> None:
    """Instances are apart, each with an admin node of its own; one is upgraded, and one does not start."""
    session = stage.session
    session.modules.define("governed", lib.source("governed"))
    session.modules.define("auction", AUCTION)
    session.modules.define("better", BETTER)
    cap = session.devices.modulecap
    parameters = {"admin": session.devices.vat_admin()}
    host = session.define("contracts", lib.source("contract_host"), parameters=parameters)
    installed = stage.ask(host, "install", cap("auction"), "auctions")
    assert stage.ask(installed, "get_modulecap") is cap("auction")
    vase, book = [stage.ask(installed, "start", {"item": item}, None) for item in ("vase", "book")]
    assert stage.ask(vase["public"], "bid", "dan", 20) == 2
    assert stage.ask(book["public"], "standing") == [None, 0]
    stage.ask(vase["admin_node"], "upgrade", cap("better"))
    assert stage.ask(vase["public"], "leader") == "dan leads"
    with pytest.raises(RemoteError, match=r"has no method .leader"):
        stage.ask(book["public"], "leader")
    with pytest.raises(RemoteError, match="item"):
        stage.ask(installed, "start", {}, None, "nothing")
    stage.upgrade("contracts", lib.source("contract_host") + "\n# again\n")
    third = stage.ask(installed, "start", {"item": "lamp"}, None)
    assert stage.ask(third["public"], "bid", "eve", 7) == 0
    names = [vat.name for vat in stage.controller.vats]
    assert names[-4:] == ["auctions", "auctions-1", "auctions-2", "auctions-4"]


def test_a_vat_proposes_through_vat_admin(local: Stage) -> None:
    """It gets the proposal, with references among its parameters, and the page has it under its number."""
    town = Town(local)
    town.session.modules.define("better", BETTER)
    cap = town.session.devices.modulecap("better")
    given = ["auction", cap, {"who": town.admin}, "", "from a vat"]
    proposal = local.ask(town.session.devices.vat_admin(), "propose", *given)
    (row,) = town.session.proposals
    assert (row.target, row.note, town.session.proposals.reference(1)) == ("auction", "from a vat", proposal)
    assert town.session.devices.call(proposal, "get_parameters") == {"who": town.admin}
    assert not town.session.proposals.rehearse(1).ok
    said = town.vote(town.ask("ask_code", proposal), "yes", "yes", "yes")
    assert "a contract takes the parameters" in said["result"]
