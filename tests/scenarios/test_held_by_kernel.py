"""Objects that for a while no vat holds: only a settled promise mentions them, or a message that waits."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from tests.meddling import atomic
from tests.scenarios.test_gc import reap
from tests.staging import Stage

OWNER = """
    from swingset.vat import remotable

    @remotable
    class Amy:
        def hello(self):
            return "amy"

    @remotable
    class Owner:
        def amy(self):
            return Amy()

    def build_root_object():
        return Owner()
"""

BETWEEN = """
    from swingset.vat import E, remotable

    @remotable
    class Between:
        async def pass_on(self, owner):
            return await E(owner).amy()

        async def send_on(self, owner, taker):
            amy = await E(owner).amy()
            promise = E(taker).later()
            return [E(promise).take(amy)]

    def build_root_object():
        return Between()
"""

TAKER = """
    from swingset.vat import E, make_promise, remotable

    @remotable
    class Taker:
        def fetch(self, between, owner):
            E(between).pass_on(owner).then(self.take)

        def later(self):
            promise, self.resolver = make_promise()
            return promise

        def accept(self):
            self.resolver.resolve(self)

        def refuse(self):
            self.resolver.reject(ValueError("not now"))

        def take(self, thing):
            self.thing = thing
            return "taken"

        def greet(self):
            return E(self.thing).hello()

        def lose(self):
            self.thing = None

    def build_root_object():
        return Taker()
"""


class Cast:
    """A owns amy, B comes between, C takes; what the kernel knows of amy."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.a, self.b, self.c = (
            stage.define(name, source) for name, source in (("A", OWNER), ("B", BETWEEN), ("C", TAKER))
        )

    def amy(self) -> tuple[str, int, int] | None:
        """Owner and counts, None where amy is gone."""
        found = [row for row in self.stage.lens.objects() if row.label == "Amy"]
        assert len(found) <= 1
        return (found[0].owner, found[0].reachable, found[0].recognizable) if found else None

    def known_in(self) -> list[str]:
        """The vats that have amy in their c-lists."""
        krefs = {row.kref for row in self.stage.lens.objects() if row.label == "Amy"}
        return [name for name in "ABC" if krefs & {row.kref for row in self.stage.lens.clist(name)}]

    def actions(self) -> list[Any]:
        """What vats are still to be told of what was dropped."""
        return list(self.stage.controller.kernel.store.gc.all())

    def drop_in(self, vat: str) -> None:
        """Have one vat bring out its dead in the very next crank."""
        kernel = self.stage.controller.kernel
        with atomic(kernel):
            kernel.store.reaping.schedule(kernel.vat(vat).id)
        report = self.stage.controller.step()
        assert report is not None
        assert (type(report.event).__name__, report.vat) == ("Reap", vat)


@pytest.fixture
def cast(stage: Stage) -> Cast:
    """The three of them."""
    return Cast(stage)


def test_what_only_a_settled_promise_mentions_is_kept_for_its_subscriber(cast: Cast) -> None:
    """B answers with amy and lets go of her before C hears: she stays until C has dropped her too."""
    stage = cast.stage
    stage.send(cast.c, "fetch", cast.b, cast.a)
    stage.session.flush()
    while "B" not in cast.known_in():
        assert stage.controller.step() is not None
    assert cast.amy() == ("A", 2, 2)
    cast.drop_in("B")
    assert (cast.amy(), cast.known_in(), cast.actions()) == (("A", 1, 1), ["A"], [])
    report = stage.controller.step()
    assert report is not None
    assert (type(report.event).__name__, report.vat) == ("Notify", "C")
    assert (cast.amy(), cast.known_in(), cast.actions()) == (("A", 1, 1), ["A", "C"], [])
    assert stage.ask(cast.c, "greet") == "amy"
    stage.ask(cast.c, "lose")
    reap(stage, "C", "A")
    assert cast.amy() is None


def message_that_waits(cast: Cast) -> Any:
    """Amy in a message to a promise that C is to settle, and nowhere else; the promise for its answer."""
    stage = cast.stage
    [answer] = stage.ask(cast.b, "send_on", cast.a, cast.c)
    reap(stage, "B")
    assert (cast.amy(), cast.known_in(), cast.actions()) == (("A", 1, 1), ["A"], [])
    reap(stage, "A")
    assert (cast.amy(), cast.known_in(), cast.actions()) == (("A", 1, 1), ["A"], [])
    assert answer.status == "pending"
    return answer


def test_what_only_a_waiting_message_mentions_is_kept_until_it_is_delivered(cast: Cast) -> None:
    """When the promise it waits for is settled the message brings amy to its target, who can use her."""
    answer = message_that_waits(cast)
    cast.stage.ask(cast.c, "accept")
    assert cast.stage.session.wait(answer) == "taken"
    assert (cast.amy(), cast.known_in()) == (("A", 1, 1), ["A", "C"])
    assert cast.stage.ask(cast.c, "greet") == "amy"


def test_what_only_a_waiting_message_mentions_ends_with_it(cast: Cast) -> None:
    """When the promise it waits for is rejected the message is rejected too, and amy is collected."""
    answer = message_that_waits(cast)
    cast.stage.ask(cast.c, "refuse")
    with pytest.raises(RemoteError, match="not now"):
        cast.stage.session.wait(answer)
    reap(cast.stage, "A")
    assert (cast.amy(), cast.actions()) == (None, [])
