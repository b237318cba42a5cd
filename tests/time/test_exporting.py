"""Exports of histories: Chrome trace events as Perfetto wants them, and spans through the SDK's exporters."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import swingset
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from tests.host.test_said import ALL, SOURCE, check
from tests.lens.test_cause import BANK
from tests.time.test_merging import POST, carry

Worlds = dict[str, swingset.Controller]


@pytest.fixture(scope="module")
def world() -> Iterator[swingset.Controller]:
    """A metered world with a fault in it: a bank whose purse is asked to spin."""
    with swingset.open_world() as made:
        session = swingset.Session(made)
        bank = session.define("bank", BANK, options={"computrons": 30_000_000})
        purse = session.wait(E(bank).open_purse("alice"))
        session.wait(E(purse).deposit(10))
        made.kernel.request.cell = lambda: (4, 2)
        with pytest.raises(swingset.RemoteError):
            session.wait(E(purse).spin())
        yield made


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    """Two worlds, of which one said a word to the other and was answered."""
    made = {name: swingset.open_world(worker="local") for name in ("ann", "bob")}
    for world in made.values():
        root = world.create_vat("post", (("post", POST),))
        world.queue_to_object(root, "use", [swingset.Ref(world.devices.node("mailbox"))])
        world.run()
    made["ann"].queue_to_root("post", "say", ["bob", "one"])
    made["ann"].run()
    carry(made, 2)
    yield made
    for world in made.values():
        world.close()


# Chrome trace events


def exported(worlds: swingset.Controller | Worlds, path: Path) -> list[dict[str, Any]]:
    count = swingset.export_trace(worlds, path)
    raw = json.loads(path.read_text("ascii"))
    assert set(raw) == {"displayTimeUnit", "traceEvents"}
    assert raw["displayTimeUnit"] in ("ms", "ns")
    events: list[dict[str, Any]] = raw["traceEvents"]
    assert len(events) == count
    return events


REQUIRED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "X": {"ts": (int, float), "dur": (int, float), "cat": str, "args": dict},
    "s": {"ts": (int, float), "id": str, "cat": str},
    "f": {"ts": (int, float), "id": str, "cat": str, "bp": str},
    "M": {"args": dict},
}
"""What the format wants of an event of each phase, besides `name`, `ph`, `pid` and `tid`."""


def validate(events: list[dict[str, Any]]) -> None:
    """Hold events against the Trace Event Format."""
    slices: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    flows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    names: dict[tuple[str, int, int], str] = {}
    for event in events:
        wanted = REQUIRED[event["ph"]]
        assert set(event) == {"name", "ph", "pid", "tid", *wanted}
        assert isinstance(event["name"], str)
        assert type(event["pid"]) is type(event["tid"]) is int
        for key, kinds in wanted.items():
            assert isinstance(event[key], kinds)
        track = event["pid"], event["tid"]
        match event["ph"]:
            case "X":
                assert event["dur"] > 0
                slices[track].append((event["ts"], event["ts"] + event["dur"]))
            case "M":
                assert event["name"] in ("process_name", "thread_name")
                assert (event["name"], *track) not in names
                names[event["name"], *track] = event["args"]["name"]
            case "s" | "f":
                flows[event["id"]].append(event)
    for track, found in slices.items():
        assert ("thread_name", *track) in names
        assert all(end <= begin for (_, end), (begin, _) in pairwise(found))
    for pair in flows.values():
        start, finish = pair
        assert (start["ph"], finish["ph"], finish["bp"]) == ("s", "f", "e")
        assert start["ts"] < finish["ts"]
        for event in pair:
            found = slices[event["pid"], event["tid"]]
            assert any(begin <= event["ts"] < end for begin, end in found), "it is bound to no slice"


def test_a_trace_is_of_the_format(world: swingset.Controller, tmp_path: Path) -> None:
    """Each event has what its phase wants, slices of a track do not overlap, and arrows join slices."""
    events = exported(world, tmp_path / "trace.json")
    validate(events)
    phases = {event["ph"] for event in events}
    assert phases == set(REQUIRED)


def test_a_crank_is_a_slice_as_long_as_its_computrons(world: swingset.Controller, tmp_path: Path) -> None:
    """Each record is one slice, on the track of its vat, and each sender is the start of an arrow."""
    events = exported(world, tmp_path / "trace.json")
    tracks = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    slices = {event["args"]["record"]: event for event in events if event["ph"] == "X"}
    arrows = {event["id"].rpartition("/")[2]: event for event in events if event["ph"] == "s"}
    records = list(world.history.records())
    assert list(slices) == [record.number for record in records]
    for record in records:
        found = slices[record.number]
        if isinstance(record, swingset.RequestRecord):
            assert (tracks[found["tid"]], found["cat"], found["dur"]) == ("host", "request", 1.0)
            continue
        assert tracks[found["tid"]] == f"vat {record.vat}"
        assert found["dur"] == max(1_000, record.computrons or 0) / 1_000
        assert found["args"]["outcome"] == record.outcome
        if record.sender is not None:
            arrow, sender = arrows[str(record.number)], slices[record.sender]
            assert (arrow["ts"], arrow["tid"]) == (sender["ts"], sender["tid"])
    failed = [found for found in slices.values() if found["cat"].endswith(",failed")]
    assert len(failed) == 1
    assert "computrons" in failed[0]["args"]["fault"]
    assert [found["args"]["console"] for found in slices.values() if "console" in found["args"]] == ["got 10"]


def test_mail_gives_arrows_between_worlds(worlds: Worlds, tmp_path: Path) -> None:
    """Each world is a process; an arrow leads from the crank that sent a letter to the request with it."""
    events = exported(worlds, tmp_path / "trace.json")
    validate(events)
    processes = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert processes == {1: "world ann", 2: "world bob"}
    mail = {event["id"]: event["pid"] for event in events if event["ph"] == "s" and "mail" in event["id"]}
    assert mail == {"ann/bob/mail 1": 1, "bob/ann/mail 1": 2}


def test_a_file_that_is_there_stays(world: swingset.Controller, tmp_path: Path) -> None:
    """Nothing is written over, and a trace that cannot be finished is deleted."""
    path = tmp_path / "mine.json"
    path.write_text("mine")
    with pytest.raises(swingset.KernelError, match="there is a file"):
        swingset.export_trace(world, path)
    assert path.read_text() == "mine"
    with pytest.raises(OSError, match="No such file"):
        swingset.export_trace(world, tmp_path / "nowhere" / "trace.json")


def test_a_trace_of_a_damaged_history_leaves_no_file(tmp_path: Path) -> None:
    """The error names the commit, and half a trace is deleted."""
    import sqlite3

    from swingset.world.codec import compress

    path = tmp_path / "my.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"])
        world.run()
    with sqlite3.connect(path) as db:
        db.execute(
            "UPDATE commits SET records = ? WHERE seq = (SELECT max(seq) FROM commits)", (compress(b"{}"),)
        )
    db.close()
    with (
        swingset.open_world(path, look_only=True) as world,
        pytest.raises(swingset.WorldError, match="commits"),
    ):
        swingset.export_trace(world, tmp_path / "trace.json")
    assert not (tmp_path / "trace.json").exists()


def test_the_command_writes_a_trace_of_several_worlds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset export-trace` takes other worlds with their names, and refuses a name twice."""
    for name in ("ann", "bob"):
        with swingset.open_world(tmp_path / f"{name}.world", worker="local") as world:
            world.create_vat("bank", (("bank", BANK),))
    ann, bob, out = (str(tmp_path / name) for name in ("ann.world", "bob.world", "trace.json"))
    assert main(["export-trace", ann, out, "--name", "ann", "--beside", f"bob={bob}"]) == 0
    assert "open it in ui.perfetto.dev" in capsys.readouterr().out
    validate(json.loads(Path(out).read_text())["traceEvents"])
    for beside in ("bob", f"ann={bob}"):
        assert main(["export-trace", ann, f"{out}.2", "--name", "ann", "--beside", beside]) == 1
        assert "a name of its own" in capsys.readouterr().err


# Spans


def spans_of(worlds: swingset.Controller | Worlds, begin: int = 0) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    count = swingset.export_spans(worlds, exporter, begin=begin)
    found = list(exporter.get_finished_spans())
    assert len(found) == count
    return found


def attribute(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(f"swingset.{name}")


def test_a_message_is_a_span_and_its_parent_sent_it(world: swingset.Controller) -> None:
    """Each record is a span with outcome, cost and fault; its parent is the record of its sender."""
    spans = {attribute(span, "record"): span for span in spans_of(world)}
    records = list(world.history.records())
    assert list(spans) == [record.number for record in records]
    ids = {number: span.context for number, span in spans.items()}
    assert len({context.span_id for context in ids.values() if context}) == len(records)
    for record in records:
        span = spans[record.number]
        assert span.start_time is not None
        assert span.end_time is not None
        if isinstance(record, swingset.RequestRecord):
            assert span.parent is None
            assert (attribute(span, "cell"), attribute(span, "line")) == (record.cell or (None, None))
            continue
        assert span.parent == (None if record.sender is None else ids[record.sender])
        assert attribute(span, "outcome") == record.outcome
        assert attribute(span, "vat") == record.vat
        assert span.end_time - span.start_time == max(1_000, record.computrons or 0)
        wanted = StatusCode.UNSET if record.fault is None else StatusCode.ERROR
        assert span.status.status_code is wanted
        assert [event.attributes for event in span.events] == [
            {"text": text.rstrip()} for _, text in record.console
        ]


def test_what_a_request_set_off_is_one_trace(world: swingset.Controller) -> None:
    """A span has the trace of its parent, and a span without one begins its own."""
    traces: set[int] = set()
    for span in spans_of(world):
        assert span.context is not None
        assert (span.context.trace_id in traces) is (span.parent is not None)
        traces.add(span.context.trace_id)
    assert 1 < len(traces) < len(list(world.history.records()))


def test_a_second_export_gives_the_same_spans(world: swingset.Controller) -> None:
    """Ids and times are functions of the history, so what is imported twice is the same."""
    first, second = spans_of(world), spans_of(world)
    assert [span.to_json() for span in first] == [span.to_json() for span in second]
    later = spans_of(world, begin=10**18)
    assert later[0].start_time == 10**18
    assert [span.context for span in later] == [span.context for span in first]


def test_mail_is_a_link_between_two_traces(worlds: Worlds) -> None:
    """The request that brought a letter links to the crank of the other world that sent it."""
    spans = spans_of(worlds)
    by_id = {span.context.span_id: span for span in spans if span.context}
    linked = [(span, by_id[link.context.span_id]) for span in spans for link in span.links]
    assert [(span.name[:7], sender.name[:5]) for span, sender in linked] == [
        ("mail fr", "say('"),
        ("mail fr", "deliv"),
    ]
    for span, sender in linked:
        assert span.resource.attributes["service.name"] != sender.resource.attributes["service.name"]


class Failing(SpanExporter):
    """An exporter that takes nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_an_exporter_that_fails_is_named(world: swingset.Controller) -> None:
    """The error says how far it got."""
    with pytest.raises(swingset.KernelError, match="Failing failed after 0 spans"):
        swingset.export_spans(world, Failing())


def test_without_the_sdk_it_is_said_what_to_install(
    world: swingset.Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "swingset.time.looking.spans", None)
    with pytest.raises(swingset.KernelError, match=r"pip install 'swingset-nb\[otel\]'"):
        swingset.export_spans(world, InMemorySpanExporter())


def test_odd_text_is_drawn_in_every_export(tmp_path: Path) -> None:
    """Names, faults and what vats print reach a viewer as drawn characters."""
    with swingset.open_world(worker="local") as world:
        root = world.create_vat("root", (("root", SOURCE.format(nasty=ALL)),))
        world.queue_to_object(root, "say")
        world.queue_to_object(root, ALL, [ALL])
        world.run()
        world.vats.suspend("root", ALL)
        world.commit()
        texts: list[Any] = [exported(world, tmp_path / "trace.json")]
        texts += [[span.name, dict(span.attributes or {})] for span in spans_of(world)]
        texts += [dict(event.attributes or {}) for span in spans_of(world) for event in span.events]
    for text in _texts(texts):
        check(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts([key, item])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
