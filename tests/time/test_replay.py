"""A world is built anew from its records, and the first thing that differs is named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.core.verbs import VERBS
from swingset.host.base.engines import Engines
from swingset.time.replaying.repeating import EXECUTORS
from swingset.world.codec import Unpacking, compress
from swingset.world.migration import migrate
from swingset.world.record_lines import MOST_RECORDS, lines
from tests.core.raw import RawWorld
from tests.core.test_random_histories import History
from tests.corpus.playing import FOLDER, SUFFIX, unpack
from tests.host import test_verbs
from tests.replayed import agrees, replaying
from tests.staging import Stage

COUNTER = """
from swingset.vat import remotable

def build_root_object():
    count = 0

    @remotable
    class Counter:
        def up(self, by: int = 1) -> int:
            nonlocal count
            if by > 9:
                raise ValueError("too far")
            count += by
            print("at", count)
            return count
    return Counter()
"""


def counting(worker: str, path: Path | None = None) -> Stage:
    """A world with a counter that has counted, failed, been saved, upgraded and asked again."""
    stage = Stage(worker, path)
    counter = stage.define("counter", COUNTER)
    stage.ask(counter, "up")
    with pytest.raises(ValueError, match="too far"):
        stage.ask(counter, "up", 10)
    stage.controller.checkpoint("here")
    stage.upgrade("counter", COUNTER)
    stage.ask(stage.session.root("counter"), "up", 2)
    return stage


def test_every_verb_has_an_executor() -> None:
    """A verb that is added to the table of requests cannot be forgotten here."""
    assert EXECUTORS.keys() == VERBS.keys()


@pytest.mark.parametrize("verb", test_verbs.DRIVEN)
def test_a_request_of_each_verb_is_repeated(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a host does by itself or is asked for gives the same rows again."""

    def raw(act: Callable[[RawWorld], object]) -> list[swingset.Record]:
        world = RawWorld("A", "B")
        act(world)
        agrees(world.world)
        return []

    monkeypatch.setattr(test_verbs, "raw", raw)
    with replaying(monkeypatch):
        test_verbs.DRIVEN[verb]()


@pytest.mark.parametrize("worker", ["local", "wasm"])
@pytest.mark.parametrize("full", [False, True], ids=["kernel", "full"])
def test_a_replay_agrees_and_changes_nothing(worker: str, full: bool, tmp_path: Path) -> None:
    """Every crank and request is repeated, and the world and its file are as before."""
    path = tmp_path / "a.world"
    stage = counting(worker, path)
    stage.controller.commit()
    before = stage.controller.digest(), hashlib.sha256(path.read_bytes()).hexdigest()
    replayed = swingset.replay(stage.controller, full=full)
    records = list(stage.controller.history.records())
    assert replayed.ok
    assert replayed.not_checked == ()
    assert replayed.cranks == stage.controller.crank
    assert replayed.cranks + replayed.requests == len(records)
    assert (stage.controller.digest(), hashlib.sha256(path.read_bytes()).hexdigest()) == before
    stage.close()


@pytest.mark.parametrize("full", [False, True], ids=["kernel", "full"])
def test_a_vat_goes_on_from_its_image_after_a_delivery_that_was_stopped(full: bool) -> None:
    """The image is not repeated, so the vat is brought back from its transcript, and agrees."""
    spin = COUNTER.replace("if by > 9:", "while by == 8:\n                pass\n            if by > 9:")
    with swingset.open_world(None) as world:
        world.create_vat("counter", (("counter", spin),), options={"computrons": 50_000_000})
        asked = [world.queue_to_root("counter", "up")]
        world.run()
        world.checkpoint("here")
        for by in (8, 2):
            asked.append(world.queue_to_root("counter", "up", [by]))
            world.run()
        assert [world.status(kref or "") for kref in asked] == ["fulfilled", "rejected", "fulfilled"]
        replayed = swingset.replay(world, full=full)
        assert replayed.ok, str(replayed)


def test_a_file_is_replayed_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to open it, no local code of it runs, and no engine is prepared that no vat needs."""
    path = tmp_path / "a.world"
    counting("local", path).close()
    made: list[str] = []
    monkeypatch.setattr(Engines, "_make", lambda _, kind: made.append(kind))
    assert swingset.replay(path).ok
    found = swingset.replay(path, full=True)
    assert found.difference is not None
    assert "no worker of kind 'local'" in found.difference.came
    assert made == []


def test_uncommitted_work_is_replayed_too() -> None:
    """A replay in the middle of a run sees the cranks that no commit has yet."""
    stage = counting("local")
    promise = stage.controller.queue_to_root("counter", "up", [1])
    assert stage.controller.kernel.cranks.step() is not None
    cranks = stage.controller.crank
    assert swingset.replay(stage.controller).cranks == cranks
    stage.controller.release(promise or "")
    stage.close()


def clocked(stage: Stage) -> str:
    """Let a local vat see the clock, which a transcript cannot repeat."""
    vat = stage.define("seer", "import time\n" + COUNTER.replace("count += by", "count += time.time_ns()"))
    stage.ask(vat, "up")
    return "seer"


def test_a_full_replay_names_the_vat_that_saw_its_host() -> None:
    """The records can be repeated, and the vat cannot: the first row that differs is told with both sides."""
    stage = Stage("local")
    vat = clocked(stage)
    assert swingset.replay(stage.controller).ok
    found = swingset.replay(stage.controller, full=True).difference
    assert found is not None
    assert found.vat == vat
    assert found.came != found.recorded
    assert str(found).startswith(f"record {found.record}, crank {found.crank}, vat seer: ")
    stage.close()


def test_what_a_vat_without_a_transcript_did_is_not_checked() -> None:
    """Its rows are written as they were recorded, everything around it is repeated, and it is listed."""
    stage = Stage("local")
    options = {"use_transcript": False}
    stage.controller.create_vat("light", (("light", COUNTER),), options=options)
    stage.ask(stage.session.root("light"), "up")
    replayed = swingset.replay(stage.controller)
    assert replayed.ok
    assert replayed.commits
    assert replayed.not_checked == ("what vat light did, which has no transcript (2 times)",)
    stage.close()


class Dice(swingset.Device):
    """A device that is never called twice."""

    kind = "dice"
    rolled = 0

    def roll(self, call: swingset.DeviceCall) -> int:
        """Return another number each time."""
        Dice.rolled += 1
        call.state["last"] = Dice.rolled
        return Dice.rolled

    def on_vat_ended(self, call: swingset.DeviceCall, vat: str) -> None:
        """Keep who has ended."""
        call.state[f"ended {vat}"] = True


PLAYER = """
from swingset.vat import D, remotable

def build_root_object():
    @remotable
    class Player:
        def play(self, device, function) -> list:
            return [D(device).roll(), D(function).call(7)]
    return Player()
"""


def test_devices_and_host_functions_are_not_called_again() -> None:
    """Their answers and effects are those of the records."""
    stage = Stage("local")
    asked: list[int] = []
    stage.controller.devices.own.install(Dice())

    def tell(value: int) -> int:
        asked.append(value)
        return len(asked)

    function = stage.session.devices.plugin("tell", tell)
    player = stage.define("player", PLAYER)
    device = stage.session.devices.get("dice")
    before = Dice.rolled
    assert stage.ask(player, "play", device, function) == [before + 1, 1]
    stage.controller.terminate_vat("player")
    assert swingset.replay(stage.controller).ok
    assert (Dice.rolled, asked) == (before + 1, [7])
    stage.close()


# Altered records. Their seals are not looked at here: `verify` does that.


def first(records: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The first record with these parts."""
    return next(record for record in records if wanted.items() <= record.items())


def dearer(records: list[dict[str, Any]]) -> None:
    first(records, outcome="created")["computrons"] = 7


def other_row(records: list[dict[str, Any]]) -> None:
    row = next(row for row in first(records, outcome="created")["rows"] if row[0] == "counters")
    row[1][1] += 1


def other_message(records: list[dict[str, Any]]) -> None:
    given = first(records, do="create-vat")["with"]
    given["parameters"] = {"body": "#[1]", "slots": []}


def no_such_bundle(records: list[dict[str, Any]]) -> None:
    first(records, do="create-vat")["with"]["bundle"] = "b1-" + "0" * 64


def wrong_arguments(records: list[dict[str, Any]]) -> None:
    first(records, do="create-vat")["with"] = {"name": 5}


def no_such_verb(records: list[dict[str, Any]]) -> None:
    first(records, do="create-vat")["do"] = "explode"


def other_position(records: list[dict[str, Any]]) -> None:
    first(records, outcome="created")["seq"] = 77


def no_such_transcript(records: list[dict[str, Any]]) -> None:
    record = first(records, outcome="created")
    record["transcripts"] = dict.fromkeys(record["transcripts"], "00")


@pytest.mark.parametrize(
    ("alter", "what", "came", "recorded"),
    [
        (dearer, "computrons", "None", "7"),
        (other_row, "row ", "", ""),
        (other_message, "row ", "", ""),
        (no_such_bundle, "repeating it", "DamagedWorld: ", "no error"),
        (wrong_arguments, "repeating it", "KeyError: ", "no error"),
        (no_such_verb, "repeating it", "KeyError: 'explode'", "no error"),
        (other_position, "the event at 77 of the run-queue", "None", "CreateVat("),
        (no_such_transcript, "repeating it", "DamagedWorld: ", "no error"),
    ],
)
def test_an_altered_record_is_the_first_difference(
    alter: Callable[[list[dict[str, Any]]], None], what: str, came: str, recorded: str, tmp_path: Path
) -> None:
    """It is named with what came and what was recorded, and the replay ends there without an error."""
    path = tmp_path / "a.world"
    counting("local", path).close()
    with sqlite3.connect(path) as db:
        for seq, packed in db.execute("SELECT seq, records FROM commits ORDER BY seq").fetchall():
            records = [json.loads(line) for line in lines(Unpacking(packed, MOST_RECORDS, "records"))]
            if any(record.get("do") == "create-vat" for record in records):
                alter(records)
                text = "\n".join(json.dumps(record) for record in records)
                db.execute("UPDATE commits SET records = ? WHERE seq = ?", (compress(text.encode()), seq))
                break
    db.close()
    found = swingset.replay(path).difference
    assert found is not None
    assert found.what.startswith(what)
    assert found.came.startswith(came)
    assert found.recorded.startswith(recorded)
    assert found.came != found.recorded


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}")))
def test_a_world_of_the_corpus_is_replayed(name: str, tmp_path: Path) -> None:
    """Worlds of earlier versions agree; a part without records is listed as not checked."""
    migrate(unpack(FOLDER / f"{name}{SUFFIX}", tmp_path / "old.world"), tmp_path / "a.world")
    replayed = swingset.replay(tmp_path / "a.world")
    assert replayed.ok, str(replayed)
    assert replayed.commits or replayed.not_checked


def replay_random(seed: int, steps: int) -> None:
    """Replay one random history."""
    history = History(seed, steps)
    history.everybody_lets_go()
    agrees(history.world)


@pytest.mark.parametrize("seed", range(8))
def test_a_random_history_is_replayed(seed: int) -> None:
    """Crashes, upgrades, terminations, evictions and suspensions at random: every row agrees."""
    replay_random(seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_two_thousand_random_histories_are_replayed(block: int) -> None:
    """The same for histories of other lengths and other chance."""
    for seed in range(1_000 + 50 * block, 1_050 + 50 * block):
        replay_random(seed, 20 + seed % 150)


def test_a_world_that_went_back_is_replayed_along_its_line() -> None:
    """What was left behind is not repeated, and numbers go on from where the world went back to."""
    stage = counting("local")
    stage.controller.history.go_back("here")
    stage.session.attach("went back")
    stage.ask(stage.session.root("counter"), "up", 3)
    assert swingset.replay(stage.controller).ok
    stage.close()


def test_what_is_told_fits_on_lines() -> None:
    """The text counts what agreed, and nothing in it can leave its line."""
    stage = counting("local")
    text = str(swingset.replay(stage.controller))
    assert text.endswith("requests were repeated, and agree")
    assert text.isprintable()
    stage.close()


FAILING_STARTS = {
    "it raises": "1 / 0",
    "its meter cannot pay": COUNTER.replace("count = 0", "count = sum(range(300_000))"),
    "it has no root": COUNTER.replace("return Counter()", "return Counter"),
}


@pytest.mark.parametrize("why", FAILING_STARTS)
def test_an_upgrade_that_fails_is_replayed(why: str) -> None:
    """Whatever stops the next incarnation: the same words, and the meter has paid the same."""
    with swingset.open_world(None) as world:
        meter = world.meters.create(40_000_000)
        world.create_vat("counter", (("counter", COUNTER),), options={"meter": meter})
        paid = world.meters.get(meter)
        with pytest.raises(swingset.VatFault) as caught:
            world.upgrade_vat("counter", (("counter", FAILING_STARTS[why]),))
        assert (caught.value.fault.code == "meter-exhausted") == (why == "its meter cannot pay")
        assert world.meters.get(meter) != paid
        replayed = swingset.replay(world)
        assert replayed.ok, str(replayed)
