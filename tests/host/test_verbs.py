"""Every verb of a host is driven and leaves its record, what a host does by itself included."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import swingset
from swingset.core.verbs import VERBS
from swingset.guest.sending.eventual import E
from swingset.host.worlds.opening import open_world
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.vat import remotable
from tests.core.raw import RawWorld
from tests.core.test_failures import Bug, failing, tell
from tests.core.test_stopped import stopping
from tests.host.test_records import ACTOR, ASKED
from tests.scenarios.test_migrations import BROKEN, V1
from tests.scenarios.test_without_transcript import SOURCE, WITHOUT
from tests.staging import Stage

CLERK = """
    from swingset.vat import D, remotable

    @remotable
    class Clerk:
        def inbound(self, data):
            pass

        def register(self, bridge):
            D(bridge).register(self)

        def send(self, bridge, data):
            return D(bridge).send(data)

    def build_root_object():
        return Clerk()
"""

TAKER = """
    from swingset.vat import remotable

    @remotable
    class Taker:
        pass

    def build_root_object(parameters):
        return Taker()
"""

Records = list[swingset.Record]


def staged(act: Callable[[Stage], object], worker: str = "local") -> Records:
    """What is recorded of what a session and its controller do."""
    stage = Stage(worker)
    try:
        act(stage)
        stage.controller.commit()
        assert stage.controller.verify() == []
        return list(stage.controller.history.records())
    finally:
        stage.close()


def raw(act: Callable[[RawWorld], object]) -> Records:
    """What is recorded of a kernel whose vats are scripts."""
    world = RawWorld("A", "B")
    act(world)
    world.world.commit()
    return list(world.world.history.records_since(0, world.world.head))


@remotable
class Here:
    """An object of the session."""


def clerk(stage: Stage, device: Any) -> Any:
    """A vat that has registered with a device."""
    root = stage.define("clerk", CLERK)
    stage.ask(root, "register", device)
    return root


def sent_and_taken(stage: Stage) -> None:
    """Have the host take what a vat has sent over the bridge."""
    bridge = stage.session.devices.bridge()
    stage.ask(clerk(stage, bridge), "send", bridge, 5)
    assert stage.session.devices.bridge_receive(lambda data: None) == 1


def overruled(stage: Stage) -> None:
    """Have a world stop for good, and overrule that."""
    stage.define("vat", SOURCE)
    stage.controller.queue_to_root("vat", "fail", policy="panic")
    with pytest.raises(swingset.KernelPanic):
        stage.controller.run()
    stage.controller.queue.overrule_panic()


def begun_anew(stage: Stage) -> None:
    """Lose the worker of a vat that has no transcript."""
    root = stage.define("vat", SOURCE, options=WITHOUT)
    stage.controller.kernel.warehouse.discard_all()
    assert stage.ask(root, "more") == [1, 1]


def withdrawn_options(world: RawWorld) -> None:
    """Tell a vat something, and take it back before it is delivered."""
    world.kernel.withdraw_options(world.kernel.queue_options("A", {"migrate": 1}))


def unparked(world: RawWorld) -> None:
    """Have events wait with a vat, and try them again."""
    world.kernel.suspend("A", "for a while")
    tell(world)
    world.drain()
    world.kernel.unpark(world.ids["A"])


def stopped(world: RawWorld) -> None:
    """Have a delivery take too long."""
    factory = stopping(world)
    tell(world)
    factory.stops.append(reasons.WALL_CLOCK)
    world.drain()


def start_withdrawn(world: RawWorld) -> None:
    """Have a start that the host wants now take too long."""
    factory = stopping(world)
    world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {}, first=True)
    factory.stops.append(reasons.WALL_CLOCK)
    world.drain()


def given_up(world: RawWorld) -> None:
    """Have the host fail over the same event again and again."""
    tell(world)
    for _ in range(3):
        failing(world, Bug("over here"))
        with contextlib.suppress(Bug):
            world.step()


def configured() -> Records:
    """What is recorded of a world that is made after a configuration."""
    vats = {"main": swingset.VatConfig((("main", ACTOR),))}
    with open_world(None, config=swingset.Configuration(vats), worker="local") as world:
        return list(world.history.records())


def in_forks(monkeypatch: pytest.MonkeyPatch, act: Callable[[Stage], object]) -> Records:
    """What is recorded in the forks that are made meanwhile."""
    found: Records = []
    close = swingset.Controller.close

    def closing(controller: swingset.Controller, *args: Any, **given: Any) -> None:
        if controller is not stage.controller:
            controller.commit()
            found.extend(controller.history.records())
        close(controller, *args, **given)

    stage = Stage("local")
    try:
        stage.ask(stage.define("bank", V1), "fill")
        monkeypatch.setattr(swingset.Controller, "close", closing)
        act(stage)
        monkeypatch.undo()
        return found
    finally:
        stage.close()


DRIVEN: dict[str, Callable[[], Records]] = {
    "draft": lambda: staged(lambda stage: stage.session.drafts.add("shop", "kind Ware", "class Ware: pass")),
    "snapshot-vat": lambda: staged(
        lambda stage: (stage.define("ann", ACTOR), stage.controller.checkpoint("now")), "wasm"
    ),
    "attach-vat": lambda: staged(lambda stage: None),
    "syscall": lambda: staged(
        lambda stage: (E(stage.define("ann", ACTOR)).greet("x"), stage.session.flush())
    ),
    "introduce": lambda: staged(lambda stage: stage.define("ann", ACTOR)),
    "take-capdata": lambda: staged(lambda stage: stage.define("heir", TAKER, parameters={"of": Here()})),
    "overrule-panic": lambda: staged(overruled),
    "critical-vat-key": lambda: staged(lambda stage: stage.controller.devices.critical_vat_key()),
    "receive": lambda: staged(
        lambda stage: (
            clerk(stage, stage.session.devices.mailbox()),
            stage.controller.devices.receive("bob", [[1, "one"]]),
        )
    ),
    "bridge-taken": lambda: staged(sent_and_taken),
    "bridge-deliver": lambda: staged(
        lambda stage: (clerk(stage, stage.session.devices.bridge()), stage.session.devices.bridge_send(5))
    ),
    "begin-anew": lambda: staged(begun_anew),
    "configure": configured,
    "tell-options": lambda: raw(lambda world: world.kernel.queue_options("A", {"migrate": 1})),
    "withdraw-options": lambda: raw(withdrawn_options),
    "unpark": lambda: raw(unparked),
    "set-aside": lambda: raw(stopped),
    "withdraw": lambda: raw(start_withdrawn),
    "give-up": lambda: raw(given_up),
}
"""What leaves a record of each verb that no embedder says by its name; those of embedders are in `ASKED`."""

IN_A_FORK = {"put-off-migration", "leave-out"}
"""Verbs of a fork, driven by a test of their own."""


def test_every_verb_is_driven() -> None:
    """A verb that is added to the table, or that nothing leads to any more, fails here."""
    asked = {verb for verb, _ in ASKED.values()}
    assert asked | set(DRIVEN) | IN_A_FORK == set(VERBS)


def sound(verb: str, found: Records) -> None:
    """One of the records is of the verb, with its arguments and with rows; their numbers have no gaps."""
    record, *_ = [item for item in found if isinstance(item, swingset.RequestRecord) and item.verb == verb]
    assert record.arguments.keys() == set(VERBS[verb])
    assert record.rows


@pytest.mark.parametrize("verb", DRIVEN)
def test_a_verb_leaves_its_record(verb: str) -> None:
    """What the host did is in the journal, also where nobody has asked for it."""
    found = DRIVEN[verb]()
    sound(verb, found)
    assert [record.number for record in found] == list(range(1, len(found) + 1))


def test_what_is_put_off_in_a_rehearsal_is_recorded_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork in which the first record does not survive the upgrade has its record, and the world has not."""

    def rehearsed(stage: Stage) -> None:
        assert not stage.session.rehearse("bank", "bank", dedent(BROKEN), records="all").ok

    sound("put-off-migration", in_forks(monkeypatch, rehearsed))


def test_what_an_archive_of_one_vat_leaves_out_is_recorded_in_its_fork(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The others end in a fork, by requests that have records, and the world has none of them."""

    def archived(stage: Stage) -> None:
        stage.define("shop", V1)
        swingset.export_archive(stage.controller, tmp_path / "a.swingset", vat="bank")

    sound("leave-out", in_forks(monkeypatch, archived))
