"""A changed past: what comes again, what is withheld, and what is answered differently."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

import swingset
from swingset.core import recording
from swingset.time.branches import living
from swingset.vat import remotable
from tests.staging import Stage
from tests.vat_sources import PURSE

BANK = f"""
from swingset.vat import E, durable, remotable
{PURSE}
    def pay(self, other, amount: int) -> int:
        self.balance -= amount
        return other.deposit(amount)

    def show(self, teller):
        return E(teller).tell(self.balance)

@remotable
class Bank:
    def open_purse(self, owner: str):
        return Purse(owner=owner)

def build_root_object():
    return Bank()
"""
TWICE = BANK.replace("self.balance += amount", "self.balance += 2 * amount")


LIGHT = """
from swingset.vat import remotable

def build_root_object():
    count = 0

    @remotable
    class Light:
        def more(self) -> int:
            nonlocal count
            count += 1
            return count

    return Light()
"""


class Story:
    """Alice and Bob open purses, deposit, and Bob pays Alice."""

    def __init__(self, worker: str = "local") -> None:
        self.stage = Stage(worker)
        self.controller = self.stage.controller
        self.bank = self.stage.define("bank", BANK)
        self.began = self.controller.crank
        self.alice = self.stage.ask(self.bank, "open_purse", "alice")
        self.bob = self.stage.ask(self.bank, "open_purse", "bob")
        self.stage.ask(self.alice, "deposit", 10)
        self.stage.ask(self.bob, "deposit", 5)
        self.stage.ask(self.bob, "pay", self.alice, 3)

    def sent(self, number: int) -> int:
        """The record of a message of the session, counted from 0."""
        found = [
            record.number
            for record in self.controller.history.records()
            if isinstance(record, swingset.RequestRecord)
            and record.verb == "syscall"
            and record.arguments["syscall"][0] == "send"
            and record.crank >= self.began
        ]
        return found[number]


@pytest.fixture
def story() -> Iterator[Story]:
    made = Story()
    yield made
    made.stage.close()


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_an_unchanged_past_leads_to_the_same_world(worker: str) -> None:
    """Everything comes again, nothing is listed, and the bank has the same store."""
    story = Story(worker)
    before = story.controller.digest()
    with swingset.branch(story.controller, at=story.began) as found:
        assert (found.withheld, found.premise_changed, found.unanswered, found.answers) == ((), (), (), ())
        store = "SELECT key, value FROM vatstore WHERE key LIKE 'vom.o+d%' ORDER BY key"
        assert found.controller.world.rows(store) == story.controller.world.rows(store)
    assert story.controller.digest() == before
    story.stage.close()


@pytest.mark.parametrize(
    ("dropped", "withheld", "answers"),
    [
        (0, ["deposit()", "pay()"], []),
        (1, ["deposit()", "pay()"], []),
        (2, [], ["pay(): recorded 13, came 3"]),
        (3, [], []),
        (4, [], []),
    ],
)
def test_a_message_that_is_dropped(
    story: Story, dropped: int, withheld: list[str], answers: list[str]
) -> None:
    """What follows from its result is withheld, and what only comes after it is sent and compared."""
    number = story.sent(dropped)
    with swingset.branch(story.controller, at=story.began, drop=[number]) as found:
        assert [(entry.record, entry.why) for entry in found.dropped] == [(number, "dropped")]
        assert [entry.what.split()[1] for entry in found.withheld] == withheld
        assert [str(answer).partition(": ")[2] for answer in found.answers] == answers


def test_an_argument_is_edited(story: Story) -> None:
    """A request may have other arguments, and all answers that change are listed, in order."""
    number = story.sent(2)
    record = next(r for r in story.controller.history.records() if r.number == number)
    assert isinstance(record, swingset.RequestRecord)
    name, target, message = record.arguments["syscall"]
    other = {"methargs": {"body": '#["deposit",[100]]', "slots": []}, "result": message["result"]}
    edit = {number: {"syscall": [name, target, other]}}
    with swingset.branch(story.controller, at=story.began, edit=edit) as found:
        told = [str(answer).partition(": ")[2] for answer in found.answers]
        assert told == ["deposit(): recorded 10, came 100", "pay(): recorded 13, came 103"]


@pytest.mark.parametrize(
    "raw", [[], None, 5, "send", ["send"], ["send", 5, {}], ["send", "o-51", None], [[]]]
)
def test_a_syscall_that_is_none_is_withheld(story: Story, raw: object) -> None:
    """Whatever stands in the record of a syscall, the branch lists it and goes on."""
    number = story.sent(2)
    with swingset.branch(story.controller, at=story.began, edit={number: {"syscall": raw}}) as found:
        assert [entry.record for entry in found.withheld][:1] == [number]


def test_other_code_answers_otherwise(story: Story) -> None:
    """With code from then on, each answer that differs is listed, and what was sent after it is marked."""
    with swingset.branch(story.controller, at=story.began, code={"bank": (("bank", TWICE),)}) as found:
        assert [answer.came for answer in found.answers] == ["20", "10", "26"]
        assert [answer.recorded for answer in found.answers] == ["10", "5", "13"]
        assert [entry.record for entry in found.premise_changed] == [story.sent(3), story.sent(4)]
        assert not found.withheld


def test_strict_stops_at_a_changed_premise(story: Story) -> None:
    """It names the message, and the outcome that was another one."""
    with pytest.raises(swingset.KernelError, match=r"premise of record \d+: send deposit\(\).*another one"):
        swingset.branch(story.controller, at=story.began, code={"bank": (("bank", TWICE),)}, strict=True)


def test_a_record_that_is_no_request_cannot_be_dropped(story: Story) -> None:
    """Only what came from outside can be changed; it is refused with its number."""
    with pytest.raises(swingset.KernelError, match="record 1 is no request after crank 1"):
        swingset.branch(story.controller, at=story.began, drop=[1])


def test_host_messages_come_again() -> None:
    """The results of an embedder's messages are matched, and their outcomes compared."""
    stage = Stage("local")
    stage.define("bank", BANK)
    began = stage.controller.crank
    purse = stage.controller.queue_to_root("bank", "open_purse", ["alice"])
    stage.controller.run()
    opened = stage.controller.resolution(purse or "")
    stage.controller.queue_to_object(opened.kref, "deposit", [10])
    stage.controller.run()
    with swingset.branch(stage.controller, at=began, code={"bank": (("bank", TWICE),)}) as found:
        assert [str(answer).partition(": ")[2] for answer in found.answers] == [
            "deposit(): recorded 10, came 20"
        ]
        assert not found.withheld
    stage.close()


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_an_upgrade_is_undone_with_fifty_later_messages(worker: str) -> None:
    """No message is lost, the old code runs, and exactly the answers that differ are listed."""
    stage = Stage(worker)
    bank = stage.define("bank", BANK)
    purse = stage.ask(bank, "open_purse", "alice")
    stage.ask(purse, "deposit", 1)
    stage.upgrade("bank", TWICE)
    new = [stage.ask(purse, "deposit", amount) for amount in range(50)]
    old, total = [], 1
    for amount in range(50):
        total += amount
        old.append(total)
    with swingset.undo_upgrade(stage.controller, "bank") as found:
        assert found.controller.vats["bank"].incarnation == 0
        differ = [(str(one), str(other)) for one, other in zip(new, old, strict=True) if one != other]
        assert [(answer.recorded, answer.came) for answer in found.answers] == differ
        assert (found.withheld, found.unanswered, found.notes) == ((), (), ())
        assert [entry.what for entry in found.dropped] == ["upgrade-vat bank"]
    assert stage.controller.vats["bank"].incarnation == 1
    stage.close()


def test_a_vat_that_was_not_upgraded_has_nothing_to_undo(story: Story) -> None:
    """It is refused by the vat's name."""
    with pytest.raises(swingset.KernelError, match="vat bank has no upgrade to undo: it runs the code that"):
        swingset.undo_upgrade(story.controller, "bank")


@remotable
class Teller:
    """An object of the session, whose code must not run again."""

    told: ClassVar[list[int]] = []

    def tell(self, balance: int) -> str:
        """Note what it is told."""
        Teller.told.append(balance)
        return f"told {balance}"


def test_a_message_to_the_session_is_answered_from_the_record(story: Story) -> None:
    """Its code never runs again: an equal message gets the recorded answer, another one stays unanswered."""
    Teller.told.clear()
    assert story.stage.ask(story.alice, "show", Teller()) == "told 13"
    story.controller.commit()
    with swingset.branch(story.controller, at=story.began) as found:
        assert (found.unanswered, found.answers) == ((), ())
    with swingset.branch(story.controller, at=story.began, code={"bank": (("bank", TWICE),)}) as found:
        assert len(found.unanswered) == 1
        assert found.unanswered[0].startswith("tell() to o+")
        assert str(found.answers[-1]).endswith("show(): recorded 'told 13', came no outcome")
    assert Teller.told == [13]


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_a_branch_is_kept(worker: str, tmp_path: Path) -> None:
    """The world becomes the branch, with its history, and goes on from there, also after it was closed."""
    path = tmp_path / "my.world"
    stage = Stage(worker, path)
    bank = stage.define("bank", BANK)
    purse = stage.ask(bank, "open_purse", "alice")
    stage.upgrade("bank", TWICE)
    assert [stage.ask(purse, "deposit", 1) for _ in range(2)] == [2, 4]
    left = stage.controller.history.head
    stage.controller.checkpoint("twice")
    with swingset.undo_upgrade(stage.controller, "bank") as found:
        digest = found.controller.digest()
        commit = swingset.keep_branch(stage.controller, found)
    assert (stage.controller.history.head, stage.controller.digest()) == (commit, digest)
    assert stage.controller.verify() == []
    with pytest.raises(swingset.LifeEndedError, match="a branch of its past took its place"):
        stage.ask(purse, "deposit", 1)
    digest = stage.controller.digest()  # the session has begun a new life
    stage.close()
    with swingset.open_world(path, worker=worker) as again:
        assert (again.vats["bank"].incarnation, again.digest()) == (0, digest)
        assert again.verify() == []
        assert swingset.replay(again).ok
        again.history.go_back("twice")
        assert again.vats["bank"].incarnation == 1
        assert left in [stretch.commit for stretch in again.history.timeline()]


def test_what_comes_again_has_its_cell_and_session() -> None:
    """Messages of sessions and of the host keep the cell and the line; what is asked for later has none."""
    stage = Stage("local")
    world = stage.controller
    purse = stage.ask(stage.define("bank", BANK), "open_purse", "alice")
    stage.upgrade("bank", TWICE)
    began = world.crank
    for number, line in ((7, 2), (8, None)):
        world.kernel.request.cell = lambda cell=(number, line): cell  # type: ignore[misc]
        stage.ask(purse, "deposit", 1)
        world.queue_to_root("bank", "open_purse", ["bob"])
        world.run()
        if number == 7:
            stage.session.attach()
            purse = stage.ask(stage.session.root("bank"), "open_purse", "carol")
    world.kernel.request.cell = lambda: None

    def asked(controller: swingset.Controller) -> list[tuple[object, ...]]:
        found = swingset.search(controller, kind="request", since=began - 1, most=1_000).steps
        messages = ("deposit(", "open_purse(", "begins in its host")
        return [
            (message, step.cell, step.session)
            for step in found
            for message in messages
            if message in step.summary and step.cell is not None
        ]

    assert {cell for _, cell, _ in asked(world)} == {(7, 2), (8, None)}
    assert {session for _, _, session in asked(world)} == {1, 2}
    with swingset.undo_upgrade(world, "bank") as found:
        assert asked(found.controller) == asked(world)
        found.controller.queue_to_root("bank", "open_purse", ["dora"])
        found.controller.commit()
        *_, last = found.controller.history.records()
        assert isinstance(last, swingset.RequestRecord)
        assert last.cell is None
    stage.close()


def test_a_branch_without_messages_is_kept() -> None:
    """An upgrade that is undone at once leaves nothing to repeat, and the world goes back to before it."""
    stage = Stage("local")
    bank = stage.define("bank", BANK)
    purse = stage.ask(bank, "open_purse", "alice")
    stage.ask(purse, "deposit", 1)
    stage.upgrade("bank", TWICE)
    with swingset.undo_upgrade(stage.controller, "bank") as found:
        digest = found.controller.digest()
        swingset.keep_branch(stage.controller, found)
    assert stage.controller.vats["bank"].incarnation == 0
    assert stage.controller.digest() == digest
    stage.close()


def test_a_branch_is_not_kept_if_the_world_has_gone_on(story: Story) -> None:
    """What was done since it began would be lost, so it has to be made again."""
    with swingset.branch(story.controller, at=story.began) as found:
        story.stage.ask(story.alice, "deposit", 1)
        with pytest.raises(swingset.KernelError, match="make the branch again"):
            swingset.keep_branch(story.controller, found)


def test_a_branch_is_not_kept_in_a_world_with_a_log(story: Story) -> None:
    """The log would lack its commits."""
    with swingset.branch(story.controller, at=story.began) as found:
        story.controller.history.feed(lambda _: None)
        with pytest.raises(swingset.KernelError, match="export the branch"):
            swingset.keep_branch(story.controller, found)


def test_records_without_rows_are_looked_up(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a large crank made is found in the state after it, because its record does not list it."""
    monkeypatch.setattr(recording, "MOST_ROWS", 6)
    carol = story.stage.ask(story.bank, "open_purse", "carol")
    story.stage.ask(carol, "deposit", 4)
    kref = story.controller.queue_to_root("bank", "open_purse", ["dora"]) or ""
    story.controller.run()
    dora = story.controller.resolution(kref).kref
    story.controller.queue_to_object(dora, "deposit", [5])
    story.controller.run()
    assert [record.rows for record in story.controller.history.records()].count(None) > 5
    with swingset.branch(story.controller, at=story.began, code={"bank": (("bank", TWICE),)}) as found:
        told = [str(answer).partition(": ")[2] for answer in found.answers]
        assert told[-2:] == ["deposit(): recorded 4, came 8", "deposit(): recorded 5, came 10"]
        assert (found.withheld, found.notes) == ((), ())


PING = """
from swingset.vat import E, remotable

@remotable
class Ping:
    def hit(self, other, times: int):
        if times:
            E(other).hit(self, times - 1)

def build_root_object():
    return Ping()
"""


def test_a_branch_that_does_not_come_to_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and that vats stand otherwise, and that the world has stopped for good."""
    monkeypatch.setattr(living, "MOST_CRANKS", 20)
    stage = Stage("local")
    ping, pong = stage.define("ping", PING), stage.define("pong", PING)
    began = stage.controller.crank
    stage.ask(ping, "hit", pong, 3)
    forever = PING.replace("times - 1", "times")
    code = {name: ((name, forever),) for name in ("ping", "pong")}
    with swingset.branch(stage.controller, at=began, code=code) as found:
        ran, waits = found.notes
        assert ran == "after 20 cranks more than were recorded, the branch still ran"
        assert waits == "events that wait at the end: 3 in the branch, 0 in the world"
    ends = PING.replace("def build_root_object():", "def build_root_object(powers):")
    ends = ends.replace("if times:", "self.powers.exit(3)").replace(
        "            E(other).hit(self, times - 1)", ""
    )
    ends = ends.replace("return Ping()", "Ping.powers = powers\n    return Ping()")
    with swingset.branch(stage.controller, at=began, code={"pong": (("pong", ends),)}) as found:
        (note,) = found.notes
        assert note.startswith("vat pong is terminated in the branch: ")
        assert note.endswith("vat pong asked to end")
    stage.controller.queue_to_root("pong", "hit", [None, 0], policy="panic")
    stage.controller.run()
    gone = PING.replace("def hit", "def miss")
    with swingset.branch(stage.controller, at=began, code={"pong": (("pong", gone),)}) as found:
        assert found.notes[0].startswith("the branch has stopped for good: ")
    stage.close()


def test_vats_of_one_name_are_told_apart(story: Story) -> None:
    """A vat whose name another one had before is not taken for that one."""
    story.controller.terminate_vat("bank", "moved")
    bank = story.stage.define("bank", BANK)
    story.stage.ask(story.stage.ask(bank, "open_purse", "carol"), "deposit", 2)
    with swingset.branch(story.controller, at=story.began) as found:
        assert found.lines() == []


def test_a_world_that_stands_still_is_not_run(story: Story) -> None:
    """What waits in the world waits in the branch, which is compared with it."""
    story.controller.queue.pause()
    story.stage.send(story.alice, "deposit", 1)
    story.stage.session.settle()
    with swingset.branch(story.controller, at=story.began) as found:
        assert found.lines() == []
        assert len(found.controller.queue) == 1
        assert found.controller.queue.paused


def test_long_lists_are_cut(story: Story) -> None:
    """A sort of things has at most so many lines, and says how many more there are; all can be had."""
    for _ in range(60):
        story.controller.queue_to_object(story.stage.session.kref_of(story.alice) or "", "deposit", [1])
    story.controller.run()
    with swingset.branch(story.controller, at=story.began, code={"bank": (("bank", TWICE),)}) as found:
        assert len(found.answers) == 63
        lines = str(found).splitlines()
        assert len(lines) == 53
        assert lines[51] == "another answer: 13 more"
        assert lines[52].endswith(", and 61 more after it")
        assert len(found.lines(None)) == 63 + 62


def test_a_vat_without_a_transcript_begins_anew_and_the_branch_says_so() -> None:
    """Its memory is in no record, so its answers may be others for that reason alone: a note names it."""
    stage = Stage("local")
    vat = stage.define("light", LIGHT, options={"use_transcript": False})
    assert stage.ask(vat, "more") == 1
    began = stage.controller.crank
    assert [stage.ask(vat, "more") for _ in range(2)] == [2, 3]
    with swingset.branch(stage.controller, at=began) as found:
        words = (
            "has no transcript: it began anew in the branch, with what it had stored and without its memory"
        )
        assert found.notes == (f"vat light {words}",)
        assert str(found.answers[0]).endswith("more(): recorded 2, came 1")
    stage.close()


VALUES = {
    "[1, [True, None]]": "[1, [True, None]]",
    "{'a': b'x'}": "{'a': ",
    "(1 << 60, -2.5)": "1152921504606846976, -2.5",
    "[Purse(owner='zoe')]": "[Purse]",
    "'!'": "'!'",
}


@pytest.mark.parametrize("value", VALUES)
def test_other_answers_are_in_words(value: str) -> None:
    """Both sides are written as Python would write them, and a reference by what it is."""
    stage = Stage("local")
    source = BANK.replace(
        "def open_purse(self, owner: str):", "def tell(self):\n        return 0\n\n    def old(self):"
    )
    bank = stage.define("bank", source.replace("owner=owner", "owner='x'"))
    began = stage.controller.crank
    stage.ask(bank, "tell")
    code = {
        "bank": (("bank", source.replace("owner=owner", "owner='x'").replace("return 0", f"return {value}")),)
    }
    with swingset.branch(stage.controller, at=began, code=code) as found:
        (answer,) = found.answers
        assert answer.recorded == "0"
        assert VALUES[value] in answer.came
        assert "$" not in answer.came
        assert "#" not in answer.came
    stage.close()
