"""State in memory between commits is what would be in the file, whatever is undone, written or let go of."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import swingset
from swingset.model.capdata import CapData
from swingset.world import held, indexes, memory
from swingset.world.clists import CLists
from swingset.world.counters import Counters
from swingset.world.errors import DamagedWorld, ValueRefused
from swingset.world.file import WorldFile
from swingset.world.objects import Objects
from swingset.world.promises import FULFILLED, Promises
from swingset.world.queues import Queues
from swingset.world.schema import STATE_NAMES
from swingset.world.tables import TABLES
from tests.conftest import misremembered

pytestmark = pytest.mark.usefixtures("unrecorded")


@pytest.fixture
def world() -> Iterator[WorldFile]:
    with WorldFile.open(None) as opened:
        yield opened


def asked(world: WorldFile) -> list[str]:
    """The statements that SQLite is given from now on."""
    heard: list[str] = []

    def note(_cursor: object, sql: str, _bindings: object) -> bool:
        heard.append(sql)
        return True

    world.db.exec_trace = note
    return heard


def test_a_crank_that_is_undone_costs_no_statement(world: WorldFile) -> None:
    """Nor does one that is kept: what it changed reaches the file with the commit, once a row."""
    objects, clists, counters = Objects(world), CLists(world), Counters(world)
    objects.add("ko20", "v1")
    clists.add("v1", "ko20", "o+1")
    counters.set("crank", 1)
    world.commit("made")
    world.begin_crank()  # a transaction begins with it
    world.rollback_crank()
    heard = asked(world)
    for keep in (False, True, True):
        world.begin_crank()
        for _ in range(5):
            objects.count("ko20", 1, 1)
            counters.take("crank", 0)
        clists.set_reachable("v1", "ko20", False)
        world.release_crank() if keep else world.rollback_crank()
    assert heard == []
    found = objects.get("ko20")
    assert found is not None
    assert (found.reachable, counters.get("crank")) == (10, 11)
    world.commit("kept")
    written = sorted(sql.split(" (")[0] for sql in heard if "insert into" in sql)
    assert written == ["insert into clists", "insert into counters", "insert into objects"]


def test_a_small_table_is_asked_for_once(world: WorldFile) -> None:
    """Even what is not there is known, by any question."""
    clists, promises = CLists(world), Promises(world)
    clists.add("v1", "ko20", "o+1")
    promises.add("kp40", "v1")
    world.commit("made")
    assert promises.followers("kp40") == []
    heard = asked(world)
    for number in range(10):
        assert clists.by_kref("v1", f"ko3{number}") is None
        assert clists.by_vref("v1", f"o+3{number}") is None
        assert clists.holders(f"ko3{number}") == []
        assert promises.decided_by(f"v{2 + number}") == []
    assert promises.decided_by("v1") == ["kp40"]
    assert heard == []


@pytest.mark.parametrize(
    "statement",
    [
        "update objects set owner = 'v2' where kref = 'ko20'",
        "UPDATE objects SET owner = 'v2'",
        "insert or replace into objects (kref, owner, reachable, recognizable) values ('ko20', 'v2', 0, 0)",
        "with other as (select 1) update objects set owner = 'v2'",
    ],
)
@pytest.mark.parametrize("in_crank", [False, True])
def test_a_statement_of_its_own_is_not_missed(statement: str, in_crank: bool, world: WorldFile) -> None:
    """A change by any other way is seen by the next to ask, and is undone with its crank."""
    objects = Objects(world)
    objects.add("ko20", "v1")
    if in_crank:
        world.begin_crank()
    objects.count("ko20", 0, 0)
    world.execute(statement)
    found = objects.get("ko20")
    assert found is not None
    assert found.owner == "v2"
    if in_crank:
        world.rollback_crank()
        found = objects.get("ko20")
        assert found is not None
        assert found.owner == "v1"


def test_what_was_undone_is_as_it_was(world: WorldFile) -> None:
    """After a savepoint or a run was rolled back, everything is as before, counters and c-lists too."""
    objects, clists, counters = Objects(world), CLists(world), Counters(world)
    objects.add("ko20", "v1")
    clists.add("v1", "ko20", "o+1")
    assert counters.take("ko", 20) == 20
    world.commit("made")
    world.begin_crank()
    objects.orphan("ko20", "over")
    clists.delete("v1", "ko20")
    assert counters.take("ko", 20) == 21
    world.rollback_crank()
    found = objects.get("ko20")
    assert found is not None
    assert found.owner == "v1"
    assert clists.by_vref("v1", "o+1") == clists.by_kref("v1", "ko20")
    assert counters.get("ko") == 21
    objects.delete("ko20")
    world.rollback()
    assert objects.get("ko20") is not None


def test_a_larger_table_is_read_whole_once_it_is_asked_often(world: WorldFile) -> None:
    """Not for a few questions, so that a large world opens at once."""
    objects = Objects(world)
    for number in range(2_000):
        objects.add(f"ko{20 + number}", "v1")
    world.commit("made")
    world.rollback()
    heard = asked(world)
    for number in range(held.PATIENCE + 500):
        assert objects.get(f"ko{20 + number}") is not None
        assert objects.get(f"ko{5_000 + number}") is None
    rows = [sql for sql in heard if "where kref = ?" in sql]
    whole = [sql for sql in heard if "limit" in sql]
    assert (len(rows), len(whole), len(rows) + len(whole)) == (held.PATIENCE, 2, len(heard))


def test_content_that_was_kept_is_not_lost_with_a_crank_that_came_later(world: WorldFile) -> None:
    """Even if it was written in that crank, after a statement had SQLite open the savepoint."""
    world.begin_crank()
    bundle = world.bundles.put((("kept", "x = 1"),))
    entry = world.transcripts.append("v1", 0, 0, 1, None, {"kept": True})
    world.release_crank()
    world.begin_crank()
    world.libraries.put(b"a library, which a statement of its own stores")
    other = world.bundles.put((("undone", "x = 2"),))
    assert world.bundles.get(bundle) == (("kept", "x = 1"),)
    assert world.rows("SELECT count(*) FROM transcript") == [(1,)]
    world.rollback_crank()
    assert world.bundles.get(bundle) == (("kept", "x = 1"),)
    assert world.transcripts.read(entry) == [{"kept": True}]
    with pytest.raises(DamagedWorld, match="is not in the file"):
        world.bundles.get(other)
    world.commit("kept")
    assert world.rows("SELECT count(*) FROM bundles") == [(1,)]


def test_going_back_forgets(world: WorldFile) -> None:
    """In the state of another commit, that commit's rows are read."""
    objects = Objects(world)
    objects.add("ko20", "v1")
    first = world.commit("first")
    assert first is not None
    objects.orphan("ko20", "over")
    world.commit("second")
    world.goto(first)
    found = objects.get("ko20")
    assert found is not None
    assert found.owner == "v1"


def test_a_vref_that_is_given_again_names_the_new_one(world: WorldFile) -> None:
    """An entry that was deleted is not found under its vref, nor under another one of its kref."""
    clists = CLists(world)
    clists.add("v1", "ko20", "o-50")
    assert clists.by_vref("v1", "o-50") is not None
    clists.delete("v1", "ko20")
    assert clists.by_vref("v1", "o-50") is None
    clists.add("v1", "ko20", "o-51")
    assert clists.by_vref("v1", "o-50") is None
    found = clists.by_vref("v1", "o-51")
    assert found is not None
    assert found.kref == "ko20"


def test_a_row_is_not_added_twice(world: WorldFile) -> None:
    """A second one of the same key is refused, before and after the first was written."""
    objects = Objects(world)
    objects.add("ko20", "v1")
    for _ in range(2):
        with pytest.raises(ValueRefused, match="there is a row ko20 in objects already"):
            objects.add("ko20", "v2")
        world.commit("made")


def test_memory_is_bounded(world: WorldFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many rows of a table are held, and so many bytes: a world may be larger than memory."""
    monkeypatch.setattr(held, "FEW", 5)
    monkeypatch.setattr(held, "MOST", 10)
    monkeypatch.setattr(held, "MOST_BYTES", 100_000)
    objects, promises = Objects(world), Promises(world)
    for number in range(100):
        objects.add(f"ko{20 + number}", "v1")
    assert len(world.memory.of(TABLES["objects"]).rows) <= 10
    for number in range(3):
        promises.add(f"kp4{number}", "v1")
        promises.settle(f"kp4{number}", FULFILLED, CapData("#" + '"' + "a" * 100_000 + '"'))
    assert len(world.memory.of(TABLES["promises"]).rows) <= 1
    for number in range(3):
        found = promises.get(f"kp4{number}")
        assert found is not None
        assert len(found.body or "") == 100_003
    assert len(list(objects.all())) == 100
    for number in range(100):
        assert objects.get(f"ko{20 + number}") is not None
        assert objects.get(f"ko{500 + number}") is None
    assert len(world.memory.of(TABLES["objects"]).rows) <= 10


@pytest.mark.parametrize("after", range(1, 12))
def test_an_interrupt_between_two_lines_is_undone(after: int, world: WorldFile) -> None:
    """Wherever it falls into a change, the crank is rolled back whole, and the next one works."""
    clists, promises = CLists(world), Promises(world)
    clists.add("v1", "ko20", "o+1")
    promises.add("kp40", "v1")
    world.commit("made")
    before = world.digest()
    calls = 0

    class Stop(BaseException):
        pass

    def interrupt(frame: Any, event: str, _what: Any) -> Any:
        nonlocal calls
        if frame.f_code.co_name == "_replace":
            calls += event == "line"
            if calls >= after:
                raise Stop
            return interrupt
        return None

    world.begin_crank()
    previous = sys.gettrace()
    sys.settrace(interrupt)
    try:
        clists.add("v1", "ko21", "o+2")
        clists.delete("v1", "ko20")
        promises.set_decider("kp40", "v2")
        promises.delete("kp40")
    except Stop:
        pass
    finally:
        sys.settrace(previous)
    world.rollback_crank()
    assert misremembered(world) == []
    assert world.digest() == before
    assert promises.decided_by("v1") == ["kp40"]
    assert clists.by_vref("v1", "o+1") is not None
    assert clists.by_vref("v1", "o+2") is None


class Model:
    """What a world should say, as plain dicts that are copied for each savepoint."""

    def __init__(self) -> None:
        self.promises: dict[str, tuple[str | None, int]] = {}
        self.queue: dict[int, str] = {}

    def copy(self) -> Model:
        """The same once more."""
        twin = Model()
        twin.promises, twin.queue = dict(self.promises), dict(self.queue)
        return twin


KREFS = st.sampled_from([f"kp4{number}" for number in range(6)])
ITEMS = [f'{{"promise":"kp4{number}","type":"notify","vat":"v1"}}' for number in range(4)]
DECIDERS = st.sampled_from(["v1", "v2", None])
ACTS = st.one_of(
    st.tuples(st.just("put"), KREFS, DECIDERS),
    st.tuples(st.just("count"), KREFS, st.integers(1, 3)),
    st.tuples(st.just("delete"), KREFS),
    st.tuples(st.just("decide"), KREFS, DECIDERS),
    st.tuples(st.just("append"), st.sampled_from(ITEMS)),
    st.tuples(st.just("take")),
    st.tuples(st.just("open")),
    st.tuples(st.just("release")),
    st.tuples(st.just("undo")),
    st.tuples(st.just("flush")),
    st.tuples(st.just("look")),
    st.tuples(st.just("statement"), KREFS),
    st.tuples(st.just("commit")),
    st.tuples(st.just("rollback")),
)


NESTED: list[tuple[Any, ...]] = [
    *(("open",), ("open",), ("put", "kp40", "v1"), ("statement", "kp40"), ("undo",), ("undo",)),
]
"""A row that is written to the file inside two savepoints, of which both are undone one after the other."""


@settings(max_examples=150, deadline=None)
@example(acts=NESTED, most=3, dirty=2)
@example(
    acts=[("put", "kp40", None), ("open",), *NESTED[:2], ("decide", "kp40", "v2"), *NESTED[3:]],
    most=3,
    dirty=2,
)
@given(
    acts=st.lists(ACTS, max_size=40),
    most=st.sampled_from([3, 5, 50_000]),
    dirty=st.sampled_from([2, 100_000]),
)
def test_memory_says_what_a_simple_model_says(acts: list[tuple[Any, ...]], most: int, dirty: int) -> None:
    """Over changes, savepoints, statements, commits and rollbacks, with much room and with little."""
    with pytest.MonkeyPatch.context() as patch, WorldFile.open(None) as world:
        for module in (held, indexes):
            patch.setattr(module, "MOST", most)
        patch.setattr(held, "FEW", most // 2)
        patch.setattr(held, "PATIENCE", 4)
        patch.setattr(memory, "MOST_DIRTY", dirty)
        promises, queues = Promises(world), Queues(world)
        now, committed, saved = Model(), Model(), list[tuple[str, Model]]()
        number = 0
        for act, *given_ in acts:
            match act:
                case "put" if given_[0] not in now.promises:
                    promises.add(given_[0], given_[1])
                    now.promises[given_[0]] = (given_[1], 0)
                case "count" if given_[0] in now.promises:
                    promises.count(*given_)
                    decider, count = now.promises[given_[0]]
                    now.promises[given_[0]] = (decider, count + given_[1])
                case "decide" if given_[0] in now.promises:
                    promises.set_decider(*given_)
                    now.promises[given_[0]] = (given_[1], now.promises[given_[0]][1])
                case "delete":
                    promises.delete(given_[0])
                    now.promises.pop(given_[0], None)
                case "append":
                    queues.append_item(given_[0], None)
                    row = world.row("SELECT max(seq) from queue") if number % 2 else None
                    seq = row[0] if row else max(seq for (seq,) in world.rows("SELECT seq from queue"))
                    now.queue[seq] = given_[0]
                case "take" if now.queue:
                    first = queues.head()
                    assert first is not None
                    assert first.seq == min(now.queue)
                    queues.take(first.seq)
                    del now.queue[first.seq]
                case "open":
                    number += 1
                    world.savepoint(f"s{number}")
                    saved.append((f"s{number}", now.copy()))
                case "release" if saved:
                    world.release(saved.pop()[0])
                case "undo" if saved:
                    name, now = saved.pop()
                    world.rollback_to(name)
                    world.release(name)
                case "flush":
                    world.flush()
                case "statement" if given_[0] in now.promises:
                    world.execute("update promises set refcount = 7 where kref = ?", (given_[0],))
                    now.promises[given_[0]] = (now.promises[given_[0]][0], 7)
                case "commit" if not saved:
                    world.commit("so far")
                    committed = now.copy()
                case "rollback":
                    world.rollback()
                    now, saved = committed.copy(), []
            for vat in ("v1", "v2"):
                wanted = sorted(kref for kref, (decider, _) in now.promises.items() if decider == vat)
                assert promises.decided_by(vat) == wanted
            assert (queues.head() is None) == (not now.queue)
            for kref in ("kp40", "kp41"):
                found = promises.get(kref)
                assert (None if found is None else (found.decider, found.refcount)) == now.promises.get(kref)
        stored = {
            kref: (decider, count)
            for kref, decider, count in world.rows("SELECT kref, decider, refcount from promises")
        }
        assert stored == now.promises
        assert dict(world.rows("SELECT seq, item from queue")) == now.queue
        assert misremembered(world) == []


def test_no_module_has_a_statement_of_its_own_that_writes_state() -> None:
    """All that changes state goes through rows in memory, where it is noted, undone and told of."""
    root = Path(swingset.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                table = memory._written(node.value)
                if table in STATE_NAMES:
                    found.append(f"{path.relative_to(root)}, line {node.lineno}: {node.value}")
    assert found == []
