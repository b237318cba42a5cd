"""The story of one small bank, told through the calls an embedder makes."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.world.errors import WorldError
from tests.staging import Stage
from tests.vat_sources import PURSE

BANK = (
    """
from swingset.vat import E, durable, remotable, make_promise, provide
"""
    + PURSE
    + """
    def whose(self) -> str:
        return self.owner

    def spoil(self):
        self.balance = "a lot"

@remotable
class Teller:
    def __init__(self, baggage):
        self.baggage = baggage
        self.served = 0

    def open_purse(self, owner: str):
        self.served += 1
        print("opening a purse for", owner)
        self.baggage["last"] = purse = Purse(owner)
        return purse

    def last(self):
        return self.baggage["last"]

    def count(self):
        return self.served

    def fail(self, amount):
        rest = 10 - amount
        if rest < 0:
            raise ValueError("not enough")
        return rest

    async def ask(self, other):
        return await E(other).whose() + "!"

    def helper(self):
        return Helper()

@remotable
class Helper:
    def help(self):
        return "helped"

def build_root_object(parameters, baggage):
    return Teller(baggage)
"""
)


def test_message_to_durable_object(stage: Stage) -> None:
    """A durable object that a root returns is a reference, and answers messages with its own state."""
    bank = stage.define("bank", BANK)
    purse = stage.ask(bank, "open_purse", "alice")
    assert stage.ask(purse, "deposit", 5) == 5
    assert stage.ask(purse, "deposit", 2) == 7
    assert stage.ask(bank, "last") is purse


def test_pipelined_message(stage: Stage) -> None:
    """A message may be sent to the promise for an object that does not exist yet."""
    bank = stage.define("bank", BANK)
    assert stage.session.wait(E(E(bank).open_purse("bob")).deposit(1)) == 1


def test_vats_send_to_each_other(stage: Stage) -> None:
    """A reference may be passed on to a third vat, whose messages reach the first."""
    bank, other = stage.define("bank", BANK), stage.define("branch", BANK)
    purse = stage.ask(bank, "open_purse", "carol")
    assert stage.ask(other, "ask", purse) == "carol!"


def test_remotable_lives_in_heap(stage: Stage) -> None:
    """A remotable object keeps plain attributes between messages."""
    bank = stage.define("bank", BANK)
    for owner in ("a", "b", "c"):
        stage.ask(bank, "open_purse", owner)
    assert stage.ask(bank, "count") == 3
    assert stage.ask(stage.ask(bank, "helper"), "help") == "helped"


def test_annotations_are_enforced(stage: Stage) -> None:
    """State and arguments are checked against their annotations, and the message names both."""
    purse = stage.ask(stage.define("bank", BANK), "open_purse", "alice")
    with pytest.raises(TypeError, match=r"amount.*wanted int, got str"):
        stage.ask(purse, "deposit", "five")
    with pytest.raises(TypeError, match="balance") as caught:
        stage.ask(purse, "spoil")
    assert caught.value.trace[-1] == ("bank", 17, "Purse.spoil")
    assert stage.ask(purse, "deposit", 1) == 1


def test_error_of_a_vat(stage: Stage) -> None:
    """An exception rejects the promise with its type, its message and the line of the user's own cell."""
    bank = stage.define("bank", BANK)
    with pytest.raises(ValueError, match=r"^not enough") as caught:
        stage.ask(bank, "fail", 11)
    assert isinstance(caught.value, RemoteError)
    assert str(caught.value) == "not enough"
    assert caught.value.remote_name == "ValueError"
    assert caught.value.trace == (("bank", 40, "Teller.fail"),)


def test_unknown_method(stage: Stage) -> None:
    """A method that is not there is refused by name, with those that are."""
    bank = stage.define("bank", BANK)
    with pytest.raises(TypeError, match=r'no method "open_purze", has .*open_purse'):
        stage.ask(bank, "open_purze", "alice")


def test_output_waits_for_the_commit(stage: Stage) -> None:
    """What a vat prints is shown only once the crank it was printed in is durable."""
    bank = stage.define("bank", BANK)
    seen: list[bool] = []
    stage.controller.outputs.listen(lambda _output: seen.append(stage.controller.world.dirty))
    told: list[int] = []
    stage.send(bank, "open_purse", "alice")
    stage.controller.run(watch=lambda _report: told.append(len(stage.log)))
    assert told
    assert set(told) == {0}
    assert stage.log == ["opening a purse for alice"]
    assert seen == [False]
    assert stage.outputs[0].vat == "bank"


def test_output_of_a_lost_commit_never_appears(stage: Stage) -> None:
    """If the commit fails, neither the crank nor its output happened."""
    bank = stage.define("bank", BANK)
    world = stage.controller.world
    before = stage.controller.digest()

    def fail(step: str) -> None:
        if step == "before-commit":
            raise OSError("no space left")

    kref = stage.controller.kernel.root_of("bank")
    world.faults = fail
    from swingset.model import capdata

    stage.controller.kernel.queue_message(kref, capdata.data(["open_purse", ["alice"]]))
    with pytest.raises(WorldError, match="no space"):
        stage.controller.run()
    world.faults = None
    assert stage.controller.digest() == before
    assert stage.log == []
    assert stage.ask(bank, "count") == 0


def test_kind_in_a_cell_of_its_own(stage: Stage) -> None:
    """A kind drafted before its vat is defined is part of it, with its own line numbers."""
    stage.session.drafts.add(
        "shop",
        "kind Item",
        "\nfrom swingset.vat import durable\n@durable\nclass Item:\n    name: str\n    def boom(self):\n"
        "        return 1 / 0\n",
    )
    shop = stage.define(
        "shop",
        """
        from swingset.vat import remotable

        @remotable
        class Shop:
            def make(self, name: str):
                return Item(name)

        def build_root_object():
            return Shop()
        """,
    )
    item = stage.ask(shop, "make", "pen")
    with pytest.raises(ZeroDivisionError) as caught:
        stage.ask(item, "boom")
    assert caught.value.trace == (("kind Item", 7, "Item.boom"),)


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("x = (1,\n", "was never closed", 1),
        ("a = 1\nraise KeyError('gone')\n", "gone", 2),
        ("def build_root_object():\n    return 1 / 0\n", "division by zero", 2),
    ],
)
def test_broken_source(stage: Stage, source: str, words: str, line: int) -> None:
    """A vat whose code fails is not made; the error has the vat's name, the words and the line."""
    before = stage.controller.digest()
    with pytest.raises(VatFault, match=words) as caught:
        stage.session.define("broken", source)
    assert "broken" in str(caught.value)
    assert [(frame.part, frame.line) for frame in caught.value.fault.trace] == [("broken", line)]
    assert [vat.name for vat in stage.controller.vats] == ["notebook"]
    assert stage.lens.objects() == []
    assert stage.controller.digest() != before  # the crank was counted
    stage.define("broken", BANK)


def test_names_of_a_session(stage: Stage) -> None:
    """A session's names for references, and for data with references in it, are kept in its baggage."""
    bank = stage.define("bank", BANK)
    purse = stage.ask(bank, "open_purse", "alice")
    names: dict[str, Any] = {"bank": bank, "held": {"alice": [purse]}, "plain": 5, "_hidden": bank}
    names["promise"] = stage.send(bank, "count")
    assert stage.session.names.remember(names) == ["promise"]
    assert stage.session.names.recall() == {"bank": bank, "held": {"alice": [purse]}}
    del names["held"]
    stage.session.names.remember(names)
    assert stage.session.names.recall() == {"bank": bank}


def test_vat_whose_name_was_not_remembered(stage: Stage) -> None:
    """A vat is found under its own name even if the session was killed before it remembered the name."""
    bank = stage.define("bank", BANK)
    stage.session.names.remember({})
    assert stage.session.names.recall() == {"bank": bank}


def test_unchanged_cell(stage: Stage) -> None:
    """A cell that is the running one has no difference; a changed one shows its lines."""
    from textwrap import dedent

    stage.define("bank", BANK)
    assert stage.session.difference("bank", "bank", dedent(BANK)) is None
    difference = stage.session.difference("bank", "bank", dedent(BANK).replace("helped", "aided"))
    assert difference is not None
    lines = difference.unified()
    assert any(line.startswith("-") and "helped" in line for line in lines)
    assert any(line.startswith("+") and "aided" in line for line in lines)
