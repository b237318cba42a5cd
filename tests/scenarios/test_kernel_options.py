"""Options of the whole kernel, how many vats stay online, and reaping what was used since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swingset.command.cli import main
from swingset.core.errors import KernelError
from swingset.host.base import opened
from swingset.host.worlds.config import BadConfiguration
from swingset.host.worlds.opening import open_world
from swingset.model.messages import Reap
from tests.conftest import WORKERS, MakeStage
from tests.staging import Stage

COUNTER = """
    from swingset.vat import remotable

    @remotable
    class Counter:
        def __init__(self):
            self.count = 0

        def more(self):
            self.count += 1
            return self.count

    def build_root_object():
        return Counter()
"""


def reaps(stage: Stage, counter: Any, times: int) -> int:
    """How often a vat brings out its dead while it is sent so many messages."""
    found: list[str] = []
    stage.session.watch = lambda report: (
        found.append(report.vat or "") if isinstance(report.event, Reap) else None
    )
    for _ in range(times):
        stage.ask(counter, "more")
    return found.count("counter")


def test_a_default_holds_for_vats_that_do_not_say_otherwise(stage: Stage) -> None:
    """From the next delivery on, for those that are there already too, and until it is changed again."""
    counter = stage.define("counter", COUNTER)
    own = stage.define("own", COUNTER, options={"reap_interval": 1_000})
    assert reaps(stage, counter, 10) == 0
    stage.controller.options.change({"reap_interval": 5})
    assert reaps(stage, counter, 10) == 2  # at once, for the ten before count, and after five more
    stage.controller.vats.change_options("counter", {"reap_interval": 2})
    assert reaps(stage, counter, 6) == 3
    stage.controller.vats.change_options("counter", {"reap_interval": None})
    stage.controller.options.change({"defaultReapInterval": "never"})
    assert reaps(stage, counter, 20) == 0
    assert stage.ask(own, "more") == 1


BAD = {
    "a word": ({"defaultReapInterval": "banana"}, "invalid defaultReapInterval value: wants an int from 1"),
    "nothing": ({"reap_interval": 0}, "invalid reap_interval value"),
    "a truth": ({"reap_gc_krefs": True}, "invalid reap_gc_krefs value"),
    "an animal": ({"snapshotInterval": "elephant"}, "invalid snapshotInterval value"),
    "a fraction": ({"snapshot_interval": 1.5}, "got float 1.5"),
    "too much": ({"snapshot_interval": 1 << 62}, "invalid snapshot_interval value"),
    "unknown": ({"baz": "howdy"}, 'unknown option "baz"; there are: reap_interval, '),
    "no name": ({5: 1}, "unknown option int"),
    "twice": ({"reap_interval": 1, "defaultReapInterval": 2}, "option reap_interval is given twice"),
    "no dict": ([1], "want a dict, got list"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_options_change_nothing(local: Stage, what: str) -> None:
    """The error says which, and what it wants; a good one beside it is not taken either."""
    options, words = BAD[what]
    given = {"reap_computrons": 77, **options} if isinstance(options, dict) else options
    with pytest.raises(KernelError) as caught:
        local.controller.options.change(given)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert local.controller.kernel.options.get("reap_computrons") is None


def test_options_stay_with_the_world(tmp_path: Path, make_stage: MakeStage) -> None:
    """Another process goes on with them, and going back in time takes them back."""
    stage = make_stage("local", tmp_path / "world")
    stage.controller.checkpoint("before")
    changed = stage.controller.options.change({"snapshotInterval": 7, "reap_gc_krefs": None})
    assert changed == {
        "reap_interval": 200,
        "reap_gc_krefs": None,
        "reap_computrons": None,
        "snapshot_interval": 7,
    }
    stage.close()
    with open_world(tmp_path / "world", worker="local") as again:
        assert again.kernel.options.all() == changed
        assert again.options.snapshot_interval == 7
        again.history.go_back("before")
        assert again.options.snapshot_interval == 500
    with open_world(tmp_path / "world", worker="local", snapshot_interval=3) as again:
        assert again.options.snapshot_interval == 3


def test_heap_images_come_as_often_as_the_option_says(wasm: Stage) -> None:
    """With an interval of 4 there is one after four deliveries, with None there is none."""
    counter = wasm.define("counter", COUNTER)
    vats = wasm.controller.kernel.store.vats
    vat = wasm.controller.kernel.vat("counter").id
    wasm.controller.options.change({"snapshot_interval": None})
    for _ in range(6):
        wasm.ask(counter, "more")
    assert vats.span(vat).snapshot is None
    wasm.controller.options.change({"snapshot_interval": 4})
    wasm.ask(counter, "more")
    assert vats.span(vat).snapshot is not None


@pytest.mark.parametrize(("computrons", "wanted"), [(1_000, True), (1 << 40, False)])
def test_long_deliveries_get_a_heap_image_sooner(
    wasm: Stage, monkeypatch: pytest.MonkeyPatch, computrons: int, wanted: bool
) -> None:
    """A few deliveries are enough if they have spent much, and the interval has not passed."""
    monkeypatch.setattr(opened, "LONG", 3)
    monkeypatch.setattr(opened, "LONG_COMPUTRONS", computrons)
    counter = wasm.define("counter", COUNTER)
    vats = wasm.controller.kernel.store.vats
    vat = wasm.controller.kernel.vat("counter").id
    wasm.ask(counter, "more")
    assert vats.span(vat).snapshot is None
    wasm.ask(counter, "more")
    assert (vats.span(vat).snapshot is not None) == wanted


def played(worker: str, online: int | None) -> tuple[str, str, int]:
    """The digests of a world of four vats that take turns, and how many were online in the end."""
    stage = Stage(worker, None, online=online)
    try:
        counters = [stage.define(f"counter{number}", COUNTER) for number in range(4)]
        answers = [stage.ask(counter, "more") for _ in range(3) for counter in counters]
        assert answers == [1] * 4 + [2] * 4 + [3] * 4
        warehouse = stage.controller.kernel.warehouse
        alive = [vat for vat in stage.controller.vats if vat.name != "notebook"]
        count = sum(warehouse.is_online(vat.id) for vat in alive)
        return stage.controller.digest(), stage.controller.history.activity_digest(), count
    finally:
        stage.close()


@pytest.mark.parametrize("worker", WORKERS)
def test_how_many_vats_stay_online_reaches_no_digest(worker: str) -> None:
    """One at a time, two, or all: the same answers and the same digests."""
    state, activity, count = played(worker, None)
    assert count == 4
    for online in (1, 2):
        assert played(worker, online) == (state, activity, online)


def test_a_bad_number_of_vats_online_is_refused(tmp_path: Path) -> None:
    """Nothing is opened then, and the file can be opened with a better one."""
    for online in (0, -1, True, "5"):
        with pytest.raises(KernelError, match="online wants how many vats, an int from 1"):
            open_world(tmp_path / "world", worker="local", online=online)  # type: ignore[arg-type]
    open_world(tmp_path / "world", worker="local", online=2).close()


CONFIG = """
online = 2

[kernel]
reap_interval = 9
snapshotInterval = 11
"""


def test_a_configuration_says_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kernel's options go into the new world, how many are online holds whenever it is opened."""
    config, path = tmp_path / "my.toml", tmp_path / "my.world"
    config.write_text(CONFIG)
    for _ in range(2):
        with open_world(path, config, worker="local") as world:
            assert world.kernel.options.get("reap_interval") == 9
            assert world.options.snapshot_interval == 11
            assert world.kernel.warehouse.capacity == 2
    with open_world(path, config, worker="local", online=3) as world:
        assert world.kernel.warehouse.capacity == 3
    assert main(["run", str(path), "--online", "1", "--trust-local"]) == 0
    with pytest.raises(SystemExit):
        main(["run", str(path), "--online", "0"])
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("online = 0", "online wants how many vats, an int from 1, got 0"),
        ("online = true", "online wants how many vats, an int from 1, got True"),
        ("[kernel]\nreap_interval = 'x'", "kernel: invalid reap_interval value"),
        ("[kernel]\nbaz = 1", 'kernel: unknown option "baz"'),
        ("kernel = 5", "kernel wants a table"),
    ],
)
def test_a_bad_configuration_is_refused_by_its_place(tmp_path: Path, text: str, words: str) -> None:
    """No world is made after it."""
    config = tmp_path / "my.toml"
    config.write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        open_world(tmp_path / "my.world", config, worker="local")
    assert words in str(caught.value)
    assert not (tmp_path / "my.world").exists()


def test_only_what_was_used_since_is_reaped(stage: Stage) -> None:
    """Given where the last reaping left the vats, the next one asks those alone that have run since."""
    counters = [stage.define(name, COUNTER) for name in ("one", "two")]
    reaped: list[str] = []
    stage.session.watch = lambda report: (
        reaped.append(report.vat or "") if isinstance(report.event, Reap) else None
    )
    since = stage.controller.gc.reap_all()
    stage.session.settle()
    assert sorted(reaped) == ["notebook", "one", "two"]
    since = stage.controller.gc.reap_all(since)
    stage.session.settle()
    reaped.clear()
    stage.ask(counters[0], "more")
    before = dict(since)
    since = stage.controller.gc.reap_all(since)
    stage.session.settle()
    assert "one" in reaped
    assert "two" not in reaped
    assert before["two"] == since["two"]


def test_reaping_until_nothing_more_comes_of_it_ends(stage: Stage) -> None:
    """The loop of a host that wants the world clean: the answer is the same twice after a few rounds."""
    counter = stage.define("counter", COUNTER)
    for _ in range(3):
        stage.ask(counter, "more")
    since: dict[str, int] = {}
    rounds = 0
    while (found := stage.controller.gc.reap_all(since)) != since:
        stage.session.settle()
        since, rounds = found, rounds + 1
        assert rounds < 5
    assert rounds >= 1
