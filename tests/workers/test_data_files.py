"""What packages of the engine read beside their modules: files that a vat can list and read, no more."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

import swingset
from swingset.workers.wasm import prepare_engine
from swingset.workers.wasm.data_files import FOLDER, DataFiles, font_list
from swingset.workers.wasm.guest_library import HAS_DATA_FILES, HAS_ZONES
from tests.conftest import MakeStage
from tests.staging import Stage

RUNS = """
    from swingset.vat import remotable

    @remotable
    class Runs:
        def run(self, source: str):
            names = globals()
            exec(source, names)
            return names.get("answer")

    def build_root_object():
        return Runs()
"""

DATA = f"/usr/local/lib/{FOLDER}"


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name, text in (("a.txt", "first"), ("deep/b.txt", "second" * 1_000), ("deep/er/c.txt", "")):
            target.writestr(f"{FOLDER}/{name}", text)
    return out.getvalue()


@pytest.fixture
def runs(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A vat of the lean engine, which has been given data files."""
    monkeypatch.setattr(prepare_engine("lean"), "_data", DataFiles(archive()))
    stage = make_stage("wasm")
    stage.define("runs", RUNS)
    return stage


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("import os; answer = sorted(os.listdir(DATA))", ["a.txt", "deep"]),
        ("import os; answer = sorted(os.listdir(DATA + '/deep'))", ["b.txt", "er"]),
        ("import os; answer = [len(files) for _, _, files in os.walk(DATA)]", [1, 1, 1]),
        ("answer = open(DATA + '/a.txt').read()", "first"),
        ("answer = open(DATA + '/deep/../a.txt').read()", None),
        ("with open(DATA + '/deep/b.txt') as f: f.seek(5_994); answer = f.read()", "second"),
        ("answer = open(DATA + '/deep/er/c.txt').read()", ""),
        ("import os; answer = os.stat(DATA + '/deep/b.txt').st_size", 6_000),
        ("import os; answer = [os.path.isdir(DATA), os.path.isdir(DATA + '/a.txt')]", [True, False]),
        ("import os; answer = os.listdir('/usr/local/lib')", ["python315.zip"]),
        ("answer = open(DATA + '/a.txt', 'w')", None),
        ("answer = open(DATA + '/new.txt', 'w')", None),
        ("answer = open(DATA + '/x.txt')", None),
        ("import os; answer = os.remove(DATA + '/a.txt') or 'gone'", None),
    ],
)  # fmt: skip
def test_a_vat_reads_them_like_files(runs: Stage, source: str, answer: object) -> None:
    """None in the table means that it is refused."""
    ask = f"DATA = {DATA!r}\n{source}"
    if answer is None:
        with pytest.raises(OSError, match="Errno"):
            runs.ask(runs.session.root("runs"), "run", ask)
    else:
        assert runs.ask(runs.session.root("runs"), "run", ask) == answer


def test_no_file_stays_open(runs: Stage) -> None:
    """A vat's memory is its whole state, so a file that it kept has to be opened again."""
    root = runs.session.root("runs")
    runs.ask(root, "run", f"kept = open({DATA + '/a.txt'!r}, 'rb', buffering=0); kept.read(2)")
    with pytest.raises(OSError, match="Bad file descriptor"):
        runs.ask(root, "run", "answer = kept.read(2)")


def test_a_vat_of_an_older_library_has_none(runs: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was recorded without them, and has to come out the same."""
    newest = prepare_engine("lean")._newest
    assert newest.interface >= HAS_DATA_FILES
    monkeypatch.setattr(newest, "interface", HAS_DATA_FILES - 1)
    stage_vat = runs.define("old", RUNS)
    with pytest.raises(OSError, match="No such file"):
        runs.ask(stage_vat, "run", f"open({DATA + '/a.txt'!r})")


ZONE = """
import zoneinfo
from datetime import datetime, timedelta
moment = datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))
answer = [moment.isoformat(), (moment + timedelta(days=180)).isoformat(), len(zoneinfo.available_timezones())]
"""


def test_the_lean_engine_has_time_zones(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their rules, and in a fork that starts from a heap image; a vat of an older library has none."""
    stage = make_stage("wasm")
    root = stage.define("runs", RUNS)
    zones = ["2024-07-01T12:00:00+02:00", "2024-12-28T12:00:00+01:00", 598]
    assert stage.ask(root, "run", ZONE) == zones
    stage.controller.vats.snapshot_all()
    with stage.controller.fork() as fork:
        kref = fork.queue_to_root("runs", "run", [ZONE])
        fork.run()
        assert fork.resolution(kref) == zones
    monkeypatch.setattr(prepare_engine("lean")._newest, "interface", HAS_ZONES - 1)
    with pytest.raises(swingset.RemoteError, match="No time zone found with key Europe/Paris"):
        stage.ask(stage.define("old", RUNS), "run", ZONE)


def test_the_list_of_fonts_names_files_that_are_there() -> None:
    """It is stored, because a vat would need a second to make it."""
    listed = json.loads(font_list())
    names = [entry["fname"] for entry in listed["ttflist"] + listed["afmlist"]]
    assert "fonts/ttf/DejaVuSans.ttf" in names
    assert all(name.startswith("fonts/") for name in names)


PLOT = """
import io
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 3, 2])
axes.set_title({title!r})
out = io.BytesIO()
figure.savefig(out, format="{kind}", metadata=None if "{kind}" != "png" else {{"Software": None}})
plt.close(figure)
answer = out.getvalue()
"""


@pytest.mark.slow
def test_matplotlib_draws_in_every_delivery(make_stage: MakeStage) -> None:
    """With its own fonts, the same picture each time, after a heap image was restored, too."""
    stage = make_stage("wasm-full")
    root = stage.define("runs", RUNS)
    first = stage.ask(root, "run", PLOT.format(title="first", kind="png"))
    assert first.startswith(b"\x89PNG")
    for kind in ("svg", "pdf"):
        assert len(stage.ask(root, "run", PLOT.format(title="äöü $x^2$", kind=kind))) > 5_000
    assert stage.ask(root, "run", PLOT.format(title="first", kind="png")) == first
    stage.controller.vats.snapshot_all()
    with stage.controller.fork() as fork:
        kref = fork.queue_to_root("runs", "run", [PLOT.format(title="first", kind="png")])
        fork.run()
        assert fork.resolution(kref) == first
    made = (
        "import json, matplotlib.font_manager as f; answer = json.dumps(f.FontManager(), cls=f._JSONEncoder)"
    )
    assert json.loads(stage.ask(root, "run", made)) == json.loads(font_list())
    assert not stage.log
