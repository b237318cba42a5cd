"""What if: code in a fork, with the references of the live world, which does not move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset import LifeEndedError
from swingset.guest.base import context
from swingset.guest.sending.eventual import E
from swingset.vat import remotable
from tests.conftest import MakeStage
from tests.staging import Stage

BANK = """
    from swingset.vat import E, durable, make_promise, remotable

    @durable
    class Purse:
        owner: str
        balance: int = 0

        def deposit(self, amount: int) -> int:
            print("paid", amount)
            self.balance += amount
            return self.balance

    @remotable
    class Bank:
        def __init__(self, baggage):
            self.baggage = baggage
            self.waiting = []

        def open_purse(self, owner: str):
            purse = Purse(owner=owner)
            self.baggage["opened"] = self.baggage.get("opened", 0) + 1
            return purse

        def later(self):
            promise, resolver = make_promise()
            self.waiting.append(resolver)
            return promise

        def settle(self, value):
            for resolver in self.waiting:
                resolver.resolve(value)

        def tell(self, listener):
            E(listener).hear("hello")

    def build_root_object(baggage):
        return Bank(baggage)
"""


class Looked:
    """The world as it was before, and what is the same after."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.before = self._now()

    def _now(self) -> tuple[Any, ...]:
        controller = self.stage.controller
        path = controller.path
        data = Path(path).read_bytes() if path else b""
        return controller.digest(), controller.history.head, controller.crank, data, context.found()

    def unmoved(self) -> bool:
        """Whether the digest, the file and the default session are those of before."""
        return self._now() == self.before


@pytest.fixture
def bank(make_stage: MakeStage, tmp_path: Path) -> tuple[Stage, Any, Any]:
    """A world in a file, with a bank, and a purse that the session holds."""
    stage = make_stage("local", tmp_path / "my.world")
    root = stage.define("bank", BANK)
    purse = stage.ask(root, "open_purse", "alice")
    stage.ask(purse, "deposit", 5)
    return stage, root, purse


def rows(found: swingset.WhatIf) -> dict[str, tuple[str, str]]:
    return {place: (first, second) for place, first, second in found.rows()}


def test_both_worlds_are_shown_and_the_live_one_stays(bank: tuple[Stage, Any, Any]) -> None:
    """Answers, console, fields, baggage, promises and the queue are compared."""
    stage, root, purse = bank
    waiting = E(root).later()
    stage.session.settle()
    looked = Looked(stage)

    def act(fork: swingset.Fork) -> Any:
        E(fork.root("bank")).open_purse("bob")
        E(fork.root("bank")).settle(3)
        return E(fork.here({"mine": [purse]})["mine"][0]).deposit(100)

    found = swingset.what_if(stage.controller, act)
    assert looked.unmoved()
    told = rows(found)
    assert told["answer"] == ("-", "105")
    assert told["bank prints"] == ("-", "paid 100")
    assert told["Purse o+d10/1 of bank: balance"] == ("5", "105")
    assert told["Purse o+d10/2 of bank"] == ("-", "{'owner': 'bob', 'balance': 0}")
    assert told["bank.opened"] == ("1", "2")
    (promise,) = [place for place in told if place.startswith("promise")]
    assert told[promise] == ("unresolved, decided by bank", "fulfilled: 3")
    assert "1 event waits for notebook" in found.notes[0]
    assert waiting.status == "pending"
    assert stage.ask(purse, "deposit", 1) == 6


def test_a_promise_of_the_session_means_the_same_in_the_fork(bank: tuple[Stage, Any, Any]) -> None:
    """A settled one has its value there, and a pending one is settled there alone."""
    stage, root, purse = bank
    done, later = E(purse).deposit(0), E(root).later()
    stage.session.settle()

    def act(fork: swingset.Fork) -> Any:
        E(fork.root("bank")).settle("now")
        return fork.session.wait(fork.here(done)), fork.session.wait(fork.here((later,))[0])

    found = swingset.what_if(stage.controller, act)
    assert found.answer == (5, "now"), found.error
    assert (done.result(), later.status) == (5, "pending")


@pytest.mark.parametrize("use", ["send", "argument", "wait", "then", "status"])
def test_a_reference_of_the_live_world_is_refused(bank: tuple[Stage, Any, Any], use: str) -> None:
    """Whatever is not passed to `here` raises an error and sends nothing; later it works again."""
    stage, root, purse = bank
    promise = E(root).later()
    stage.session.settle()
    looked = Looked(stage)

    def act(fork: swingset.Fork) -> Any:
        match use:
            case "send":
                return E(purse).deposit(1)
            case "argument":
                return E(fork.root("bank")).tell(purse)
            case "wait":
                return stage.session.wait(promise)
            case "then":
                return promise.then(print)
        return promise.result()

    found = swingset.what_if(stage.controller, act)
    assert "in a fork of that world" in str(found.error)
    assert looked.unmoved()
    assert promise.status == "pending"
    stage.ask(root, "settle", 9)
    assert stage.session.wait(promise) == 9
    assert stage.ask(purse, "deposit", 1) == 6


def test_an_object_of_the_host_is_heard_in_the_fork(bank: tuple[Stage, Any, Any]) -> None:
    """One that only the heap has is exported by the fork's session, and called there."""
    stage, _root, _purse = bank
    heard = []

    @remotable
    class Listener:
        def hear(self, words: str) -> None:
            heard.append(words)

    found = swingset.what_if(stage.controller, lambda fork: E(fork.root("bank")).tell(Listener()))
    assert found.error is None
    assert heard == ["hello"]


def test_it_begins_at_a_past_crank(bank: tuple[Stage, Any, Any]) -> None:
    """What does not exist there has no meaning in the fork; the rest of the history is a difference."""
    stage, _root, purse = bank
    crank = stage.controller.crank
    stage.ask(purse, "deposit", 50)
    looked = Looked(stage)
    found = swingset.what_if(stage.controller, lambda fork: E(fork.here(purse)).deposit(1), at=crank)
    assert found.answer == 6
    assert rows(found)["Purse o+d10/1 of bank: balance"] == ("55", "6")
    early = swingset.what_if(stage.controller, lambda fork: fork.here(purse), at=1)
    assert type(early.error) is LifeEndedError
    assert "does not exist in the fork" in str(early.error)
    assert looked.unmoved()
    with pytest.raises(swingset.WrongCrank):
        swingset.what_if(stage.controller, lambda fork: None, at=10_000)
    assert looked.unmoved()


def test_a_vat_is_upgraded_terminated_and_made_in_the_fork(bank: tuple[Stage, Any, Any]) -> None:
    """The vats that stand differently are told; a fork of a paused world runs."""
    stage, _root, purse = bank
    stage.controller.queue.pause()
    looked = Looked(stage)

    def act(fork: swingset.Fork) -> Any:
        parts = fork.controller.vats.parts("bank")
        fork.controller.upgrade_vat("bank", parts)
        fork.controller.create_vat("branch", parts)
        return E(fork.here(purse)).deposit(1)

    found = swingset.what_if(stage.controller, act)
    assert found.answer == 6, found.error
    vats = [(unlike.first, unlike.second) for unlike in found.unlike if unlike.place == "vat"]
    assert vats == [
        ("bank: incarnation 0, live", "bank: incarnation 1, live"),
        ("-", "branch: incarnation 0, live"),
    ]
    ended = swingset.what_if(stage.controller, lambda fork: fork.controller.terminate_vat("bank"))
    assert ("bank: incarnation 0, live", "-") in [(unlike.first, unlike.second) for unlike in ended.unlike]
    assert looked.unmoved()


def test_an_answer_that_cannot_be_shown_is_named(bank: tuple[Stage, Any, Any]) -> None:
    """A class whose `repr` raises is answered by its name."""

    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no words")

    stage, *_ = bank
    assert "Odd that cannot be shown: no words" in str(swingset.what_if(stage.controller, lambda fork: Odd()))


@pytest.mark.parametrize(
    ("dropped", "balance"), [(0, 235), (1, 220), (2, 40)], ids=["first", "second", "third"]
)
def test_a_message_is_left_out_and_the_rest_repeated(
    bank: tuple[Stage, Any, Any], dropped: int, balance: int
) -> None:
    """The messages after it are delivered in the fork, also those to objects that are new since then."""
    stage, root, purse = bank
    cranks = []
    for amount in (10, 25, 205):
        stage.ask(purse, "deposit", amount)
        cranks.append(stage.controller.crank - 1)
    second = stage.ask(root, "open_purse", "bob")
    stage.ask(second, "deposit", 8)
    looked = Looked(stage)
    found = swingset.what_if(stage.controller, at=cranks[dropped], drop=True)
    assert looked.unmoved()
    assert found.error is None
    (note,) = found.notes
    assert note.startswith("premise changed: record ")
    assert note.endswith(f"the outcome of deposit() is another one, and {3 - dropped} more after it")
    told = rows(found)
    assert told["Purse o+d10/1 of bank: balance"] == ("245", str(balance))
    assert "Purse o+d10/2 of bank: balance" not in told


def test_a_message_that_waited_is_left_out(bank: tuple[Stage, Any, Any]) -> None:
    """It is dropped from the queue of the fork, where the others still wait."""
    stage, _root, purse = bank
    kref = stage.session.kref_of(purse)
    assert kref is not None
    for amount in (1, 20, 300):
        stage.controller.queue_to_object(kref, "deposit", [amount])
    stage.controller.run()
    found = swingset.what_if(stage.controller, at=stage.controller.crank - 1, drop=True)
    assert rows(found)["Purse o+d10/1 of bank: balance"] == ("326", "306")


def test_other_code_lives_the_past_again(bank: tuple[Stage, Any, Any]) -> None:
    """After an upgrade in the fork, the messages since then go to the new code."""
    stage, _root, purse = bank
    crank = stage.controller.crank
    for amount in (1, 20):
        stage.ask(purse, "deposit", amount)
    source = dict(stage.controller.vats.parts("bank"))["bank"].replace("+= amount", "+= 2 * amount")

    for act in (None, lambda fork: None):  # a branch, and the messages alone
        found = swingset.what_if(stage.controller, act, at=crank, code={"bank": (("bank", source),)})
        assert found.error is None
        assert rows(found)["Purse o+d10/1 of bank: balance"] == ("26", "47")
    bad = swingset.what_if(stage.controller, at=crank, code={"bank": (("bank", "x"),)})
    assert isinstance(bad.error, swingset.VatFault)


@pytest.mark.parametrize("given", [{"drop": True}, {"at": 1, "drop": True}, {"at": 99, "code": {"bank": ()}}])
def test_only_what_came_after_a_crank_is_repeated(
    bank: tuple[Stage, Any, Any], given: dict[str, Any]
) -> None:
    """Without a crank, or with one that delivered no message or never was, it is refused."""
    stage, *_ = bank
    looked = Looked(stage)
    with pytest.raises(swingset.KernelError):
        swingset.what_if(stage.controller, **given)
    assert looked.unmoved()


WRONG: list[tuple[dict[str, Any], str, tuple[int, ...]]] = [
    ({"at": 99}, "no crank 99: the history has cranks 0 to 7", (7,)),
    ({"at": 99, "drop": True}, "no crank 99: the history has cranks 0 to 7", (5,)),
    ({"at": -3}, "no crank -3: the history has cranks 0 to 7", (0,)),
    ({"at": "3"}, "no crank 3: the history has", (0,)),
    ({"at": 0, "drop": True}, "it is the beginning. Near it are open_purse('alice')", (2,)),
    ({"at": 1, "drop": True}, "it was the creation of vat bank. Near it are open_purse('alice')", (2,)),
    ({"at": 3, "drop": True}, "it was the outcome of kp", (2, 4)),
    ({"at": 4, "drop": True, "code": None}, "", ()),
    ({"at": 6, "drop": True}, "Near it are deposit(50) to Purse ko21 of bank in crank 5", (5,)),
]


@pytest.mark.parametrize(("given", "words", "near"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_a_wrong_crank_is_told_with_those_near_it(
    make_stage: MakeStage, given: dict[str, Any], words: str, near: tuple[int, ...]
) -> None:
    """The error says what was there, and names the nearest cranks that would do."""
    stage = make_stage("local")
    purse = stage.ask(stage.define("bank", BANK), "open_purse", "alice")
    for amount in (5, 50):
        stage.send(purse, "deposit", amount)
    stage.session.settle()
    if not words:
        assert swingset.what_if(stage.controller, **given).error is None
        return
    with pytest.raises(swingset.WrongCrank) as caught:
        swingset.what_if(stage.controller, **given)
    assert words in str(caught.value)
    assert caught.value.near == near


def test_odd_text_is_drawn_and_forges_no_line(bank: tuple[Stage, Any, Any]) -> None:
    """What vats print, store and raise comes to the reader as drawn characters, each on its own line."""
    stage, _root, purse = bank
    odd = "x\x1b[2J\u202e\ncranks: - → 9"

    def act(fork: swingset.Fork) -> Any:
        E(fork.root("bank")).open_purse(odd)
        E(fork.root("bank")).settle(odd)
        return E(fork.here(purse)).deposit(odd)

    found = swingset.what_if(stage.controller, act)
    assert found.error is not None
    since = swingset.when(stage.controller, "purse.balance == 5")
    for text in (str(found), str(since), str(swingset.until(stage.controller, f"purse.owner == {odd!r}"))):
        assert all(line.isprintable() for line in text.split("\n")), text
    assert not [line for line in str(found).split("\n") if line.startswith("cranks: - → 9")]


def test_what_is_printed_in_both_worlds_is_no_difference(bank: tuple[Stage, Any, Any]) -> None:
    """What the live world printed since then stands on its side, and what both printed is left out."""
    stage, _, purse = bank
    stage.controller.commit()
    began = stage.controller.crank
    stage.ask(purse, "deposit", 7)
    stage.ask(purse, "deposit", 8)
    stage.controller.commit()

    def act(fork: swingset.Fork) -> Any:
        return E(fork.here(purse)).deposit(7)

    found = swingset.what_if(stage.controller, act, at=began)
    assert [row for row in found.rows() if row[0] == "bank prints"] == [("bank prints", "paid 8", "-")]


def test_a_cell_is_added_to_the_past(bank: tuple[Stage, Any, Any]) -> None:
    """With `again`, what came since then comes again after it, also what the session's objects were told."""
    stage, root, purse = bank
    crank = stage.controller.crank
    stage.ask(purse, "deposit", 1)
    second = stage.ask(root, "open_purse", "bob")
    stage.ask(second, "deposit", 8)
    looked = Looked(stage)
    found = swingset.what_if(
        stage.controller, lambda fork: E(fork.here(purse)).deposit(100), at=crank, again=True
    )
    assert looked.unmoved()
    assert (found.answer, found.error) == (105, None)
    told = rows(found)
    assert told["Purse o+d10/1 of bank: balance"] == ("6", "106")
    assert "Purse o+d10/2 of bank: balance" not in told
    with pytest.raises(swingset.KernelError, match="what came after a crank comes again: say `at`"):
        swingset.what_if(stage.controller, again=True)


def test_many_differences_are_cut(bank: tuple[Stage, Any, Any]) -> None:
    """The text has 50 rows, says how many more there are, and keeps the costs; `rows` has all."""
    stage, _root, purse = bank
    kref = stage.session.kref_of(purse) or ""
    crank = stage.controller.crank
    for _ in range(60):
        stage.controller.queue_to_object(kref, "deposit", [1])
    stage.controller.run()
    found = swingset.what_if(stage.controller, at=crank + 1, drop=True)
    assert len(found.rows()) > 60
    lines = str(found).splitlines()
    assert lines[48].startswith("cranks: ")
    assert lines[50] == f"{len(found.rows()) - 50} rows more: `rows()` has all of them"
