"""The line of a vat's code that sent a message, found by repeating the sender's delivery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import swingset
from swingset.command.cli import main
from swingset.guest.sending.eventual import E

SHOP = """
from swingset.vat import E, remotable

def send_for(target, number):
    E.send_only(target).take(number)

@remotable
class Shop:
    def first(self, target):
        E.send_only(target).take(1)
        E.send_only(target).take(2)

    def helped(self, target):
        before = 3
        send_for(target, before)
        E.send_only(target).take(4)

    def twice(self, target):
        for number in range(2):
            E.send_only(target).take(5)
        E.send_only(target).take(5)

    def later(self, target):
        def then(value):
            return E(target).take(value + 1)

        return E(target).take(6).then(then)

    def piped(self, target):
        return E(E(target).me()).take(8)

    async def waits(self, target):
        value = await E(target).take(9)
        await E(target).take(value + 1)

    def take(self, number):
        return number

    def me(self):
        return self

def build_root_object():
    return Shop()
"""

METHODS = ("first", "helped", "twice", "later", "piped", "waits")
LINES = {
    1: ["shop, line 10, in Shop.first: E.send_only(target).take(1)"],
    2: ["shop, line 11, in Shop.first: E.send_only(target).take(2)"],
    3: ["shop, line 5, in send_for: E.send_only(target).take(number)"],
    4: ["shop, line 16, in Shop.helped: E.send_only(target).take(4)"],
    5: [
        "shop, line 20, in Shop.twice: E.send_only(target).take(5)",
        "shop, line 20, in Shop.twice: E.send_only(target).take(5)",
        "shop, line 21, in Shop.twice: E.send_only(target).take(5)",
    ],
    6: ["shop, line 27, in Shop.later: return E(target).take(6).then(then)"],
    7: ["shop, line 25, in Shop.later.<locals>.then: return E(target).take(value + 1)"],
    8: ["shop, line 30, in Shop.piped: return E(E(target).me()).take(8)"],
    9: ["shop, line 33, in Shop.waits: value = await E(target).take(9)"],
    10: ["shop, line 34, in Shop.waits: await E(target).take(value + 1)"],
}


@pytest.fixture(scope="module", params=["local", "wasm"])
def world(request: pytest.FixtureRequest) -> Iterator[swingset.Controller]:
    """A shop that sends to another in all ways that a message can be sent."""
    with swingset.open_world(worker=request.param) as made:
        session = swingset.Session(made)
        target, shop = session.define("target", SHOP), session.define("shop", SHOP)
        for method in METHODS:
            session.wait(getattr(E(shop), method)(target))
        made.run()
        yield made


def messages(world: swingset.Controller, method: str) -> Iterator[tuple[swingset.CrankRecord, str]]:
    """The cranks that delivered such a message, with its body."""
    for record in world.history.records():
        if not isinstance(record, swingset.CrankRecord) or not isinstance(record.event, swingset.Send):
            continue
        if record.event.message.method == method and record.outcome == "delivered":
            yield record, record.event.message.methargs.body


def test_each_message_is_traced_to_the_line_that_sent_it(world: swingset.Controller) -> None:
    """Also one of several equal ones, one sent by a helper or a reaction, and one that waited."""
    before = world.digest()
    found: dict[int, list[str]] = {}
    for record, body in messages(world, "take"):
        number = int(body.partition("[[")[2].partition("]")[0] or body.rpartition("[")[2].partition("]")[0])
        sent = swingset.sent_from(world, record)
        assert sent.step.number == record.sender
        found.setdefault(number, []).append(repr(sent).partition(", ")[2])
    assert found == LINES
    assert world.digest() == before


def test_what_a_session_sent_is_told_by_its_record(world: swingset.Controller) -> None:
    """Nothing is repeated for it: the request is its place, with the cell and the line if there is one."""
    (record, _), *_ = messages(world, "first")
    sent = swingset.sent_from(world, record)
    assert sent.frame is sent.note is None
    assert repr(sent) == sent.step.title


@pytest.mark.parametrize("crank", [1, 2])
def test_what_is_no_message_has_no_line(world: swingset.Controller, crank: int) -> None:
    """A start was sent by no line; the error says what it is."""
    with pytest.raises(swingset.KernelError, match=r"the creation of vat .* it is no message"):
        swingset.sent_from(world, crank)


def test_what_cannot_be_repeated_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Local code of a file is not run without trust; the chain is shown all the same, with the reason."""
    path = str(tmp_path / "my.world")
    with swingset.open_world(path, worker="local") as world:
        root = world.create_vat("shop", (("shop", SHOP),))
        world.queue_to_object(root, "first", [swingset.Ref(root)])
        world.create_vat("target", (("target", SHOP),))
        world.queue_to_object(root, "first", [swingset.Ref(world.vats.root("target"))])
        world.run()
        crank = next(record.crank for record, _ in messages(world, "take") if record.vat == "target")
    assert main(["cause", path, str(crank), "--lines"]) == 0
    shown = capsys.readouterr().out
    assert "  it came into the world from its host\n" in shown
    assert f"crank {crank} was sent from crank" in shown
    assert "line 10" not in shown
    assert main(["cause", path, str(crank), "--lines", "--trust-local"]) == 0
    assert "shop, line 10, in Shop.first: E.send_only(target).take(1)\n" in capsys.readouterr().out
