"""Recorded messages, re-delivered to the old and the new code of a vat."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

import swingset
from swingset import KernelError
from swingset.guest.sending.eventual import E
from swingset.model.capdata import CapData
from swingset.vat import remotable
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.vat_sources import PURSE

BANK = f"""
from swingset.vat import E, durable, remotable
{PURSE}
@remotable
class Bank:
    def open_purse(self, owner: str):
        return Purse(owner=owner)

    def pair(self):
        return {{"left": Purse(owner="left"), "right": [Purse(owner="right")]}}

    def pay(self, purse: Purse, amount: int):
        return purse.deposit(amount)

    async def ask(self, clerk, purse: Purse):
        return await E(clerk).check(purse)

    def tell(self, listener):
        E(listener).hear("hello")

def build_root_object():
    return Bank()
"""

CLERK = """
from swingset.vat import E, remotable

@remotable
class Clerk:
    async def check(self, purse):
        return await E(purse).deposit(1)

def build_root_object():
    return Clerk()
"""


@pytest.fixture
def bank(make_stage: MakeStage) -> tuple[Stage, Any]:
    """A bank and a clerk."""
    stage = make_stage("local")
    stage.define("clerk", CLERK)
    return stage, stage.define("bank", BANK)


def compared(stage: Stage, source: str, count: int) -> swingset.Redelivered:
    """Re-deliver messages; the live world does not move."""
    before = stage.controller.digest(), stage.controller.history.head
    found = swingset.redeliver(stage.controller, "bank", (("bank", source),), messages=count)
    assert (stage.controller.digest(), stage.controller.history.head) == before
    return found


def test_the_same_code_answers_the_same(bank: tuple[Stage, Any]) -> None:
    """Objects that are new since then are found by the answers in which they came."""
    stage, root = bank
    pair = stage.ask(root, "pair")
    stage.ask(root, "pay", pair["right"][0], 5)
    purse = stage.ask(root, "open_purse", "ann")
    stage.ask(purse, "deposit", 7)
    stage.ask(root, "ask", stage.session.root("clerk"), purse)
    for count in (1, 2, 3, 6, 100):
        found = compared(stage, BANK + "\n", count)
        assert (found.differing, found.first, found.notes) == (0, None, ()), found
        assert found.count == min(count, 6)


def test_the_first_difference_has_both_answers(bank: tuple[Stage, Any]) -> None:
    """The call, what the old code answers, and what the new one does."""
    stage, root = bank
    purse = stage.ask(root, "open_purse", "ann")
    for amount in (5, 6, 7):
        stage.ask(purse, "deposit", amount)
    found = compared(stage, BANK.replace("balance += amount", "balance += amount if amount < 6 else 0"), 4)
    assert (found.count, found.differing) == (4, 2)
    assert found.first is not None
    old, new = found.first
    assert old is not None
    assert new is not None
    assert old.call.startswith("deposit(6) to Purse")
    assert (old.answer, new.answer) == ("fulfilled 11", "fulfilled 5")
    assert "the new code: fulfilled 5" in found.lines()


def test_what_another_vat_sends_is_a_message_too(bank: tuple[Stage, Any]) -> None:
    """The clerk's deposit is delivered in both forks, because the bank asks the clerk in both."""
    stage, root = bank
    purse = stage.ask(root, "open_purse", "ann")
    stage.ask(root, "ask", stage.session.root("clerk"), purse)
    less = BANK.replace("return await E(clerk).check(purse)", "return 1")
    found = compared(stage, less, 3)
    assert found.first is not None
    assert found.first[0] is not None
    assert found.first[1] is None
    assert found.first[0].call.startswith("deposit(1)")
    assert "does not get it" in found.lines()[2]


def test_objects_and_requests_of_the_host_come_again(bank: tuple[Stage, Any]) -> None:
    """An object of the session that was new then is there in both branches, and a vat is suspended again."""
    stage, root = bank
    stage.ask(root, "open_purse", "ann")

    @remotable
    class Listener:
        def hear(self, words: str) -> None:
            """Hear it."""

    stage.session.wait(E(root).tell(Listener()))
    stage.controller.vats.suspend("clerk")
    stage.ask(root, "open_purse", "bob")
    found = compared(stage, BANK + "\n", 3)
    assert (found.count, found.first, found.notes) == (3, None, ())


def test_what_cannot_be_repeated_is_said(bank: tuple[Stage, Any]) -> None:
    """A call of the session's object that is another one than the recorded one is answered by no record."""
    stage, root = bank

    @remotable
    class Listener:
        def hear(self, words: str) -> None:
            """Hear it."""

    stage.session.wait(E(root).tell(Listener()))
    found = compared(stage, BANK.replace('"hello"', '"goodbye"'), 1)
    assert found.first is None
    (note,) = found.notes
    assert note.startswith("no record answers hear() to o+")


def test_only_the_current_incarnation_is_asked(bank: tuple[Stage, Any]) -> None:
    """Messages before the last upgrade went to other code."""
    stage, root = bank
    stage.ask(root, "open_purse", "ann")
    stage.upgrade("bank", BANK)
    assert compared(stage, BANK, 5) == swingset.Redelivered(
        0, notes=("this incarnation has got no message yet",)
    )
    stage.ask(root, "open_purse", "bob")
    assert compared(stage, BANK, 5).count == 1


REFUSED = {
    "code that does not run": "x",
    "a kind that is missing": BANK.replace("Purse", "Wallet"),
    "a field without a default": BANK.replace("balance: int = 0", "balance: int = 0\n    limit: int"),
}
ASKERS: dict[str, Callable[[Stage], Any]] = {
    "re-delivered messages": lambda stage: compared(stage, BANK, 9).count,
    "a shadow": lambda stage: _at(swingset.shadow(stage.controller, "bank", (("bank", BANK),))),
    "the undo of an upgrade": lambda stage: _at(swingset.undo_upgrade(stage.controller, "bank")),
    "the steps of an upgrade": lambda stage: stage.controller.vats.upgrade_steps("bank")[0].title,
    "the timeline": lambda stage: [
        str(each) for stretch in stage.controller.history.timeline() for each in stretch.happenings
    ],
}


SAME = {
    "a renamed class": ("Purse", "Wallet"),
    "a line more": ("@remotable\nclass Bank", "MORE = 1\n\n@remotable\nclass Bank"),
}
OTHERS = {
    "a long text": ('"a" * 300', '"a" * 290 + "b" * 10', "aaa", "bbbbb"),
    "a long line that is printed": ('print("a" * 300)', 'print("a" * 299 + "c")', "aaa", "aac"),
    "another name in a text": ('"$0.Alleged: Purse"', '"$0.Alleged: Bank"', "Purse", "Bank"),
    "another error": ('raise ValueError("no")', 'raise TypeError("no")', "ValueError", "TypeError"),
}


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME)
def test_what_is_only_alleged_is_no_other_answer(make_stage: MakeStage, old: str, new: str) -> None:
    """The name of a class, or the line of an error, may be another one; the words tell the name."""
    stage = make_stage("local")
    source = BANK.replace("def tell", "def fail(self):\n        raise ValueError('no')\n\n    def tell")
    root = stage.define("bank", source)
    purse = stage.ask(root, "open_purse", "ann")
    stage.ask(root, "pay", purse, 5)
    with pytest.raises(ValueError, match="no"):
        stage.ask(root, "fail")
    changed = source.replace(old, new).replace("@durable\n", '@durable(tag="Purse")\n')
    found = compared(stage, changed, 3)
    assert (found.count, found.differing, found.verdict) == (
        3,
        0,
        "It would answer 3 recorded messages as before.",
    )
    note = "1 answer names a class otherwise, and is the same: fulfilled Purse new 1, with the new code"
    assert found.notes == ((f"{note} fulfilled Wallet new 1",) if new == "Wallet" else ())
    with swingset.shadow(stage.controller, "bank", (("bank", changed),)) as shadow:
        assert not [answer for answer in shadow.answers if "fail" in answer.message]


@pytest.mark.parametrize(("old", "new", "told", "came"), OTHERS.values(), ids=OTHERS)
def test_words_tell_what_differs(make_stage: MakeStage, old: str, new: str, told: str, came: str) -> None:
    """Both answers are in words, cut to where they differ, and never as the text of a body."""
    stage = make_stage("local")
    body = old if old.startswith(("raise", "print")) else f"return {old}"
    source = BANK.replace("def tell", f"def say(self):\n        {body}\n\n    def tell")
    root = stage.define("bank", source)
    with contextlib.suppress(ValueError):
        stage.ask(root, "say")
    found = compared(stage, source.replace(old, new), 1)
    assert found.differing == 1
    _, first, second, *_ = found.lines()
    assert first != second
    assert told in first
    assert came in second
    assert "body" not in first + second


def _at(found: swingset.Branch) -> int:
    with found:
        return found.at


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_refused_upgrade_begins_no_incarnation(bank: tuple[Stage, Any], refused: str) -> None:
    """Whoever looks for the crank in which the code of a vat began passes over upgrades that were refused."""
    stage, root = bank
    stage.upgrade("bank", BANK + "\n")
    purse = stage.ask(root, "open_purse", "ann")
    before = {name: ask(stage) for name, ask in ASKERS.items()}
    with pytest.raises(swingset.VatFault):
        stage.upgrade("bank", refused)
    assert {name: ask(stage) for name, ask in ASKERS.items()} == before
    stage.ask(purse, "deposit", 5)
    assert compared(stage, BANK, 9).count == 2


def test_what_was_refused_is_not_tried_again(bank: tuple[Stage, Any]) -> None:
    """After other code, a refused upgrade might be accepted, and then it would answer the messages."""
    stage, root = bank
    purse = stage.ask(root, "open_purse", "ann")
    refused = BANK.replace("balance: int = 0", "balance: int = 0\n    limit: int")
    with pytest.raises(swingset.VatFault):
        stage.upgrade("bank", refused.replace("balance += amount", "balance += 2 * amount"))
    stage.ask(purse, "deposit", 5)
    cured = refused.replace("limit: int", "limit: int = 0")
    found = compared(stage, cured, 2)
    assert (found.count, found.differing, found.notes) == (2, 0, ())
    parts = (("bank", cured),)
    with swingset.shadow(stage.controller, "bank", parts) as shadow:
        assert shadow.answers == ()
        assert shadow.controller.vats["bank"].incarnation == 1


def test_the_verdict_counts_the_differences(bank: tuple[Stage, Any]) -> None:
    """Code that the vat refuses as it was then re-delivers nothing, and says so."""
    stage, root = bank
    stage.ask(root, "open_purse", "ann")
    found = compared(stage, BANK.replace("owner=owner", "owner=owner + '!'"), 5)
    assert (found.count, found.verdict) == (1, "It would answer 1 recorded message as before.")
    gone = compared(stage, BANK.replace("def open_purse", "def open_account"), 5)
    assert gone.verdict == "It would answer 1 of 1 recorded message differently."
    refused = compared(stage, "x", 5)
    assert refused.differing == 0
    assert "the vat refuses the new code" in refused.notes[0]


def test_the_other_code_has_its_parameters_from_when_they_exist(bank: tuple[Stage, Any]) -> None:
    """Messages from before what they name are left out, and a branch there is refused."""
    stage, root = bank
    stage.ask(root, "open_purse", "ann")
    early = stage.session.kref_of(stage.session.root("clerk"))
    purse = stage.ask(root, "open_purse", "bob")
    at = stage.controller.crank
    late = stage.session.kref_of(stage.define("late", CLERK))
    stage.ask(purse, "deposit", 7)
    source = BANK.replace("owner: str):", "owner: str):\n        print(self.mark)").replace(
        "def build_root_object():\n    return Bank()",
        "def build_root_object(parameters):\n    root = Bank()\n"
        "    root.mark = parameters['mark']\n    return root",
    )

    def told(kref: str) -> swingset.Redelivered:
        given = CapData('#{"mark":"seen","one":"$0"}', (kref,))
        code = (("bank", source),)
        return swingset.redeliver(stage.controller, "bank", code, messages=9, parameters=given)

    found = told(early)
    assert (found.count, found.differing, found.notes) == (3, 2, ())
    assert found.first is not None
    assert "prints seen" in str(found.first[1])
    found = told(late)
    assert (found.count, found.differing) == (1, 0)
    assert found.notes == ("2 recorded messages came before what the parameters name existed",)
    given = {"bank": CapData('#"$0"', (late,))}
    with pytest.raises(KernelError, match=f"the parameters name {late}, not there after crank"):
        swingset.branch(stage.controller, at=at, code={"bank": (("bank", source),)}, parameters=given)
