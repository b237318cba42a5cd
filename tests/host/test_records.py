"""What is asked of a world and what each crank does leaves a record, and nothing else changes a world."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import swingset
from swingset.command.cli import main
from swingset.core.verbs import VERBS
from swingset.guest.sending.eventual import E
from swingset.host.worlds.opening import open_world
from swingset.world.errors import WorldMisuse
from tests.corpus.playing import FOLDER, SUFFIX, unpack
from tests.staging import Stage

ACTOR = """
from swingset.vat import D, E, remotable

def build_root_object():
    @remotable
    class Actor:
        def greet(self, name: str) -> str:
            print("hello")
            return name

        def pass_on(self, other, name: str):
            E(other).greet(name)

        def fail(self):
            while True:
                pass

        def ask(self, device):
            return D(device).add(5)

    return Actor()
"""


class Tally(swingset.Device):
    """Counts."""

    kind = "tally"

    def add(self, call: swingset.DeviceCall, by: int) -> int:
        """Add to the count."""
        call.state["count"] = call.state.get("count", 0) + by
        return int(call.state["count"])


PARTS = (("ann", ACTOR),)


def _meter(world: swingset.Controller) -> str:
    return world.meters.create(5_000_000)


def _account(world: swingset.Controller) -> None:
    world.market.open()
    world.market.open_account("ann", 100)


def _bid(world: swingset.Controller) -> None:
    _account(world)
    world.market.send("ann", "greet", ["x"], account="ann", base=1, slope="1/2", cap=9, allowance=2)


ASKED: dict[str, tuple[str, Callable[[swingset.Controller], Any]]] = {
    "a message": ("send", lambda world: world.queue_to_root("ann", "greet", ["x"])),
    "a message without an answer": (
        "send",
        lambda world: world.queue_to_root("ann", "greet", ["x"], policy="none"),
    ),
    "a result": ("release", lambda world: world.release(world.queue_to_root("ann", "greet", ["x"]) or "")),
    "an outcome to log": (
        "log-outcomes",
        lambda world: (world.queue_to_root("ann", "greet", ["x"], policy="log_always"), world.run()),
    ),
    "a vat": ("create-vat", lambda world: world.create_vat("ben", PARTS)),
    "its cells": ("keep-sources", lambda world: world.create_vat("ben", PARTS)),
    "its root": ("pin", lambda world: world.create_vat("ben", PARTS)),
    "a clone": ("clone-vat", lambda world: world.clone_vat("ann", "ben")),
    "an upgrade": ("upgrade-vat", lambda world: world.upgrade_vat("ann", PARTS)),
    "a termination": ("terminate-vat", lambda world: world.terminate_vat("ann")),
    "a suspension": ("suspend-vat", lambda world: world.vats.suspend("ann")),
    "a resumption": ("resume-vat", lambda world: (world.vats.suspend("ann"), world.vats.resume("ann"))),
    "options": ("change-options", lambda world: world.vats.change_options("ann", {"reap_interval": 7})),
    "a reaping": ("reap", lambda world: world.gc.reap_all()),
    "an unpinning": ("unpin", lambda world: world.gc.unpin(world.vats.root("ann"))),
    "a meter": ("create-meter", _meter),
    "a meter below another": (
        "create-meter-below",
        lambda world: world.meters.create(5, superior=_meter(world)),
    ),
    "a keeper": (
        "set-keeper",
        lambda world: world.meters.set_keeper(_meter(world), world.vats.root("ann")),
    ),
    "a refill": ("refill-meter", lambda world: world.meters.refill(_meter(world), 5)),
    "a threshold": ("set-threshold", lambda world: world.meters.set_threshold(_meter(world), 5)),
    "a meter less": (
        "forget-meter",
        lambda world: (_meter(world), world.commit(), world.meters.forget("m1")),
    ),
    "a market": ("open-market", lambda world: world.market.open()),
    "an account": ("open-account", lambda world: _account(world)),
    "money": ("credit-account", lambda world: (_account(world), world.market.credit("ann", 5))),
    "a facet": ("market-node", lambda world: (_account(world), world.market.facet("account", "ann"))),
    "a bid": ("offer", lambda world: _bid(world)),
    "a higher bid": (
        "raise-bid",
        lambda world: (_bid(world), world.market.raise_bid(world.market.bids()[0].position, base=3)),
    ),
    "kernel options": ("change-kernel-options", lambda world: world.options.change({"reap_interval": 7})),
    "a pause": ("pause", lambda world: world.queue.pause()),
    "an event less": (
        "drop-event",
        lambda world: (world.queue_to_root("ann", "greet", ["x"]), world.queue.drop(1)),
    ),
    "a parked event less": (
        "drop-parked",
        lambda world: (
            world.vats.suspend("ann"),
            world.queue_to_root("ann", "greet", ["x"]),
            world.run(),
            world.vats.drop_parked("ann"),
        ),
    ),
    "a device": ("add-device", lambda world: world.devices.add("clock", "timer")),
    "a service vat": ("keep-service", lambda world: world.devices.service("timer")),
    "the time": ("poll", lambda world: world.devices.poll(5)),
    "a module": ("upload-module", lambda world: world.devices.upload_module("x = 1")),
    "a bundle": ("install-bundle", lambda world: world.devices.install_bundle(PARTS, "ann")),
    "an admin node": ("admin-node", lambda world: world.devices.admin_node("ann")),
    "a host function": ("plugin", lambda world: world.devices.plugin("echo", lambda data: data)),
    "a visit": ("visit-device", lambda world: visit(world)),
}
"""What an embedder does, and a verb that it leaves in the journal."""


def visit(world: swingset.Controller) -> None:
    """Have a device of one's own remember something."""
    world.devices.own.install(Tally(), "tally")
    with world.devices.own.visit("tally") as call:
        call.state["count"] = 7


@pytest.mark.parametrize("what", ASKED)
def test_what_a_host_does_is_recorded(what: str) -> None:
    """The verb and its arguments are in the journal, with the rows that it changed, and the file is sound."""
    verb, act = ASKED[what]
    with open_world(None, worker="local") as world:
        world.create_vat("ann", PARTS)
        last = list(world.history.records())[-1].number
        act(world)
        world.commit()
        found = list(world.history.records(last))
        asked = [record for record in found if isinstance(record, swingset.RequestRecord)]
        (record, *_) = [record for record in asked if record.verb == verb]
        assert record.arguments.keys() == set(VERBS[verb])
        assert record.rows
        assert [record.number for record in found] == list(range(last + 1, last + 1 + len(found)))
        assert world.verify() == []


def test_a_crank_says_what_it_did_and_who_caused_it(tmp_path: Path) -> None:
    """Its event, its outcome, what was printed, and the record in which its event was sent."""
    with open_world(tmp_path / "a.world", worker="local") as world:
        ann, ben = world.create_vat("ann", PARTS), world.create_vat("ben", PARTS)
        world.queue_to_object(ann, "pass_on", [swingset.Ref(ben), "x"], policy="none")
        world.commit()
    with open_world(tmp_path / "a.world", worker="local") as world:
        world.run()
        cranks = {
            record.event.message.method: record
            for record in world.history.records()
            if isinstance(record, swingset.CrankRecord) and isinstance(record.event, swingset.Send)
        }
        sent = {record.number: record for record in world.history.records()}
        first, second = cranks["pass_on"], cranks["greet"]
        assert second.sender == first.number
        asked = sent[first.sender or 0]
        assert isinstance(asked, swingset.RequestRecord)
        assert asked.verb == "send"
        assert (second.outcome, second.vat, second.console[0]) == ("delivered", "ben", ("stdout", "hello\n"))
        assert world.kernel.store.vats.span(world.vats["ben"].id).hash in second.transcripts.values()
        assert world.verify() == []


def test_a_call_of_a_device_is_recorded_in_the_kernels_names() -> None:
    """What it was asked, what it remembered for that, and what it answered."""
    with open_world(None, worker="local") as world:
        ann = world.create_vat("ann", PARTS)
        node = world.devices.own.install(Tally(), "tally")
        world.queue_to_object(ann, "ask", [swingset.Ref(node)], policy="none")
        world.run()
        (call,) = [
            call
            for record in world.history.records()
            if isinstance(record, swingset.CrankRecord)
            for call in record.calls
        ]
        assert (call.node, call.method, call.args.body, call.answer.body) == (node, "add", "#[5]", "#5")
        assert [effect.what for effect in call.effects] == ["set"]


BULKY = """
from swingset.vat import D, remotable

def build_root_object(baggage):
    @remotable
    class Bulky:
        def fill(self, count: int, size: int):
            for at in range(count):
                baggage[f"key{at}"] = "é" * size

        def ask(self, device, count: int, size: int):
            for at in range(count):
                D(device).note("x" * size)

    return Bulky()
"""


class Pad(swingset.Device):
    """Notes the last text."""

    kind = "pad"

    def note(self, call: swingset.DeviceCall, text: str) -> None:
        """Keep it."""
        call.state["last"] = text


BULK: dict[str, tuple[str, tuple[int, int], str | None]] = {
    "some rows": ("fill", (50, 1), None),
    "very many rows": ("fill", (10_001, 1), "rows"),
    "very long rows": ("fill", (5, 900_000), "rows"),
    "some calls": ("ask", (3, 1), None),
    "very long calls": ("ask", (10, 500_000), "calls"),
}
"""What a vat does, how often and at what size, and what its crank's record does not tell then."""


@pytest.mark.parametrize("what", BULK)
def test_a_record_does_not_tell_of_too_much(what: str) -> None:
    """Rows or calls beyond the cap are None in the record; the commit has the rows all the same."""
    method, (count, size), untold = BULK[what]
    with open_world(None, worker="local") as world:
        bulky = world.create_vat("bulky", (("main", BULKY),))
        node = world.devices.own.install(Pad(), "pad")
        taken = list[swingset.CommitFeed]()
        world.history.feed(taken.append)
        given = [swingset.Ref(node)] if method == "ask" else []
        world.queue_to_object(bulky, method, [*given, count, size], policy="none")
        world.run()
        found = [record for record in world.history.records() if isinstance(record, swingset.CrankRecord)]
        (crank,) = [
            record
            for record in found
            if isinstance(record.event, swingset.Send) and record.event.message.method == method
        ]
        assert (crank.rows is None, crank.calls is None) == (untold == "rows", untold == "calls")
        if method == "fill":
            changed = {change.key for change in taken[-1].changes if change.table == "vatstore"}
            assert len(changed) >= count
        assert world.verify() == []
        world.history.go_back_to_commit(taken[-1].parent)
        assert world.verify() == []


def test_state_is_not_written_without_a_record() -> None:
    """Outside of a crank and of a request the world file refuses it, and says how it is done."""
    with open_world(None, worker="local") as world:
        with pytest.raises(WorldMisuse, match=r"within `kernel\.request`"):
            world.kernel.store.counters.set("paused", 1)
        with pytest.raises(swingset.KernelError, match="no request 'mend'"):
            world.kernel.request("mend")
        with pytest.raises(swingset.KernelError, match="request pin wants kref, got vref"):
            world.kernel.request("pin", vref="o+1")


def test_what_comes_to_nothing_is_not_recorded() -> None:
    """A request that changes no row leaves no record, and one that is rolled back neither."""
    with open_world(None, worker="local") as world:
        world.create_vat("ann", PARTS)
        before = list(world.history.records())
        world.kernel.pin(world.vats.root("ann"))
        with pytest.raises(swingset.KernelError):
            world.meters.create(-1)
        world.queue.pause()
        world.queue.unpause()
        world.commit()
        verbs = [record.verb for record in world.history.records(before[-1].number)]  # type: ignore[union-attr]
        assert verbs == ["pause", "pause"]


def test_a_session_leaves_records() -> None:
    """Its sends from outside of a crank are syscalls of its vat, in the order in which it made them."""
    stage = Stage("local")
    bank = stage.define("ann", ACTOR)
    assert stage.ask(bank, "greet", "x") == "x"
    E(bank).greet("y")
    stage.session.flush()
    verbs = {
        record.verb
        for record in stage.controller.history.records()
        if isinstance(record, swingset.RequestRecord)
    }
    assert {"attach-vat", "syscall", "introduce", "create-vat"} <= verbs


def test_records_of_a_branch_that_was_left_are_not_told() -> None:
    """What is told leads to the present state, and numbers go on from there."""
    with open_world(None, worker="local") as world:
        world.create_vat("ann", PARTS)
        world.checkpoint("here")
        before = [record.number for record in world.history.records()]
        world.queue.pause()
        world.history.go_back("here")
        assert [record.number for record in world.history.records()] == before
        world.vats.suspend("ann")
        assert [record.number for record in world.history.records()] == [*before, before[-1] + 1]
        assert world.verify() == []


FAILURES = (
    ArithmeticError("the log is full"),
    OSError(errno.ENOSPC, "no room for the log"),
    ConnectionResetError("the log hung up"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"),
    apsw.IOError("the log's own database"),
    swingset.WorldError("the log's own world"),
)
"""What a taker may raise: also what a world's own disk raises."""


def test_what_a_taker_raises_is_told_as_its_own_error(tmp_path: Path) -> None:
    """Whatever it is, the error names the taker and has what it raised as its cause; the world goes on."""
    with open_world(tmp_path / "a.world", worker="local") as world:
        raised: list[Exception | None] = [None]

        def keeper(commit: swingset.CommitFeed) -> None:
            if raised[0] is not None:
                raise raised[0]

        world.history.feed(keeper)
        for raised[0] in FAILURES:
            with pytest.raises(
                swingset.TakerFailed, match="keeper, which takes its commits, has raised"
            ) as got:
                world.queue.pause()
            assert got.value.__cause__ is raised[0]
            assert not world.queue.paused
        raised[0] = None
        world.queue.pause()
        assert world.verify() == []


def test_the_log_that_a_world_has_is_as_the_file_says(tmp_path: Path) -> None:
    """Where it could not be noted nothing is taken, and where it was left it can be noted again."""
    taken = list[swingset.CommitFeed]()

    def fail(step: str) -> None:
        if step == "before-commit":
            raise OSError(errno.EIO, "the disk fails")

    with open_world(tmp_path / "a.world", worker="local") as world:
        world.world.faults = fail
        with pytest.raises(swingset.WorldError, match="the disk fails"):
            world.history.feed(taken.append, log="ledger")
        world.world.faults = None
        world.create_vat("ann", PARTS)
        assert (world.history.log, taken, world.verify()) == (None, [], [])
        world.history.feed(lambda commit: None, log="ledger")
        assert (world.history.log, world.verify()) == ("ledger", [])
        world.history.leave_log()
        assert (world.history.log, world.verify()) == (None, [])


def test_each_commit_is_handed_out_before_it_is_durable(tmp_path: Path) -> None:
    """With its records and net rows; if the taker raises nothing is committed, and it may be tried again."""
    path, taken = tmp_path / "a.world", list[swingset.CommitFeed]()
    full: list[Exception | None] = [None]

    def take(commit: swingset.CommitFeed) -> None:
        if full[0] is not None:
            raise full[0]
        assert world.history.head == commit.parent
        taken.append(commit)

    with open_world(path, worker="local") as world:
        world.create_vat("ann", PARTS)
        world.history.feed(take, log="ledger")
        world.vats.suspend("ann", "because")
        (change,) = [change for change in taken[-1].changes if change.table == "vats"]
        assert change.before is not None
        assert change.after is not None
        assert ("live" in change.before, "suspended" in change.after) == (True, True)
        assert [record.verb for record in taken[-1].records] == ["suspend-vat"]  # type: ignore[union-attr]
        head = world.history.head
        for full[0] in FAILURES:
            with pytest.raises(
                swingset.TakerFailed, match=r"take, which takes its commits for the log ledger"
            ):
                world.vats.resume("ann")
            assert (world.history.head, world.vats["ann"].state) == (head, "suspended")
        full[0] = None
        world.vats.resume("ann")
        assert [commit.parent for commit in taken[1:]] == [commit.seq for commit in taken[:-1]]
        assert world.verify() == []
    with open_world(path, worker="local") as world:
        assert world.history.log == "ledger"
        with pytest.raises(swingset.LogAway, match="the log ledger"):
            world.vats.suspend("ann")
        with world.fork() as fork:
            fork.vats.suspend("ann")
        world.history.leave_log()
        world.vats.suspend("ann")


def test_the_command_copies_a_world_of_the_format_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Opened as it is it is refused, with the command that makes a copy of it."""
    old, copy = unpack(FOLDER / f"time{SUFFIX}", tmp_path / "old.world"), tmp_path / "new.world"
    before = old.read_bytes()
    assert main(["status", str(old)]) == 1
    assert "swingset migrate" in capsys.readouterr().err
    assert main(["migrate", str(old), str(copy)]) == 0
    assert main(["verify", str(copy)]) == 0
    assert main(["migrate", str(copy), str(tmp_path / "again.world")]) == 1
    assert old.read_bytes() == before
