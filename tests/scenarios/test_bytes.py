"""Bytes that a delivery may write and a vat may keep, and the work that the host does for what is said.

A case is a line: what the vat does, as an expression, its options, and the reason its sender hears. All of
them run on the engine, with raw knocks where no guest library would say so much, and a bystander that answers
after each; the vat itself answers too, for whatever went over its limit is undone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from swingset import policies
from swingset.core import cranks
from swingset.core.errors import KernelError
from swingset.core.kernel import Kernel
from swingset.guest.base.errors import RemoteError
from swingset.host.base import running
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.limits import DEFAULT_LIMITS, MOST_WRITE_BYTES
from swingset.testing import audit
from swingset.world import graveyard
from swingset.world.file import WorldFile
from tests.conftest import MakeStage
from tests.core.mallory import Mallory
from tests.core.raw import RawWorld
from tests.staging import Stage

VAT = """
import _host, json
from swingset.vat import remotable

def knock(syscall):
    status, answer = json.loads(_host.call(b"S[" + json.dumps(syscall).encode() + b"]"))
    return answer

def data(body="#1", slots=()):
    return {"body": body, "slots": list(slots)}

def send(body='#["m",[]]', slots=(), target="o+0"):
    return ["send", target, {"methargs": data(body, slots), "result": None}]

def write(count, size, text="v", key="key"):
    for number in range(count):
        knock(["vatstoreSet", f"{key}{number}", text * size])

def read(count):
    for number in range(count):
        knock(["vatstoreGet", "key0"])

def delete(count):
    for number in range(count):
        knock(["vatstoreDelete", f"key{number}"])

def sends(count, size=0, slots=(), first=0):
    for number in range(count):
        knock(send("#" + "1" * size, slots))

def settle(count, size):
    knock(["resolve", [[f"p+{9000 + n}", False, data("#" + "1" * size)] for n in range(count)]])

def follow(count, size):
    knock(["resolve", [[f"p+{9000 + n}", False, data('#"&0"', ["p+8999"])] for n in range(count)]])
    knock(["resolve", [["p+8999", False, data("#" + "1" * size)]]])

def batch(*syscalls):
    _host.call(b"S" + json.dumps(syscalls).encode())

def look(count):
    for number in range(count):
        knock(["vatstoreGetNextKey", "k" * 900])

def keep(count):
    knock(["keepPromises", [f"p+{9000 + number}" for number in range(count)]])

def fresh(count):
    knock(send("#1", [f"o+{9000 + number}" for number in range(count)]))

@remotable
class Root:
    def ping(self):
        return "pong"

    def do(self, expression):
        eval(expression)

    def m(self, *given):
        pass

def build_root_object():
    return Root()
"""

MIB = 1 << 20


class Case(NamedTuple):
    """What a vat does, in deliveries one after the other, and the reason that the last one's sender hears."""

    title: str
    code: str | None
    options: dict[str, int]
    deliveries: tuple[str, ...]


def case(title: str, code: str | None, *deliveries: str, **options: int) -> Case:
    return Case(title, code, options, deliveries)


WRITTEN, FULL = reasons.TOO_MUCH_WRITTEN, reasons.STORE_FULL
CASES = [
    case("seven large values", WRITTEN, "write(7, 9_900_000)"),
    case("two large values", None, "write(2, 9_900_000)"),
    case("values", WRITTEN, "write(20, 60_000)", write_bytes=MIB),
    case("text that is longer as JSON", WRITTEN, r"write(4, 50_000, '\x01')", write_bytes=MIB),
    case("text that is longer as UTF-8", WRITTEN, r"write(10, 40_000, '\u20ac')", write_bytes=MIB),
    case("values that fit", None, "write(10, 60_000)", write_bytes=MIB),
    case("reading again and again", WRITTEN, "write(1, 60_000)", "read(20)", write_bytes=MIB),
    case("replacing what is large", WRITTEN, "write(9, 90_000)", "write(9, 90_000, 'w')", write_bytes=MIB),
    case("deleting what fits", None, "write(9, 90_000)", "delete(9)", write_bytes=MIB),
    case("messages", WRITTEN, "sends(20, 60_000)", write_bytes=MIB),
    case("references", WRITTEN, "sends(1, 0, ['o+0'] * 4_000)", write_bytes=MIB),
    case("references in a batch", WRITTEN, "batch(*[send('#1', ['o+0'] * 1_000)] * 220)"),
    case("promises kept", WRITTEN, "keep(4_000)", write_bytes=MIB),
    case("syscalls in a batch", WRITTEN, "batch(*[['vatstoreDelete', 'k']] * 9_000)", write_bytes=MIB),
    case(
        "keys looked for",
        WRITTEN,
        "[knock(['vatstoreGetNextKey', 'k' * 900]) for _ in range(1100)]",
        write_bytes=MIB,
    ),
    case("outcomes", WRITTEN, "settle(20, 60_000)", write_bytes=MIB),
    case("an outcome that many follow", None, "follow(20, 60_000)", write_bytes=MIB),
    case("last words", WRITTEN, "knock(['exit', True, data('#' + '1' * 2_000_000)])", write_bytes=MIB),
    case("a full store", FULL, "write(9, 90_000)", "write(9, 90_000, key='other')", stored_bytes=MIB),
    case("a store that is written again", None, "write(9, 9**5)", "write(9, 9**5, 'w')", stored_bytes=MIB),
    case(
        "a store that was emptied",
        None,
        "write(9, 90_000)",
        "delete(9)",
        "write(9, 99_000)",
        stored_bytes=MIB,
    ),
    case("what was given out", FULL, "fresh(6_000)", stored_bytes=MIB),
]


@pytest.fixture(scope="module")
def world() -> Any:
    stage = Stage("wasm")
    stage.define("bystander", VAT)
    yield stage
    stage.close()


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_what_is_over_a_limit_is_undone_and_told(world: Stage, case: Case) -> None:
    """The sender hears the reason, nothing is kept of it, and both the vat and the bystander answer."""
    bad = world.define(f"bad{CASES.index(case)}", VAT, options=case.options)
    for expression in case.deliveries[:-1]:
        assert world.ask(bad, "do", expression) is None
    code = None
    try:
        assert world.ask(bad, "do", case.deliveries[-1]) is None
    except RemoteError as refused:
        code, words = refused.code, str(refused)
        assert words.startswith("vat bad")
        assert "_bytes" in words
    assert code == case.code
    world.session.settle()
    if code is not None:
        assert world.ask(bad, "ping") == "pong"
    assert world.ask(world.session.root("bystander"), "ping") == "pong"
    world.check()


STORER = """
    from swingset.vat import E, remotable

    @remotable
    class Storer:
        def __init__(self, baggage):
            self.baggage = baggage

        def store(self, other, left):
            self.baggage[f"key{left}"] = "v" * 50_000
            if left:
                E(other).store(self, left - 1)

    def build_root_object(baggage):
        return Storer(baggage)
"""


def test_a_long_run_commits_before_it_is_too_large(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It commits by bytes on the way, and the world is the same to the letter as one committed at the end."""
    digests, commits = [], []
    for after in (running.COMMIT_AFTER, 200_000):
        monkeypatch.setattr(running, "COMMIT_AFTER", after)
        stage = make_stage("local")
        ping, pong = stage.define("ping", STORER), stage.define("pong", STORER)
        before = len(stage.controller.world.commits())
        stage.ask(ping, "store", pong, 20)
        stage.session.settle()
        commits.append(len(stage.controller.world.commits()) - before)
        digests.append((stage.controller.kernel.store.activity.digest(), stage.controller.digest()))
    assert digests[0] == digests[1]
    assert commits[1] > commits[0] + 3


def test_a_crank_that_no_commit_can_hold_is_set_aside_with_its_vat(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first try, naming the vat and the bytes; nothing of it is kept, and all others go on."""
    monkeypatch.setattr(cranks, "MOST_CHANGED", 100_000)
    world = RawWorld("A", "B")
    world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    world.kernel.queue_message(world.kernel.root_of("B"), CapData('#["go",[]]'))

    def write(_delivery: list[Any], ask: Any) -> None:
        ask(["vatstoreSet", "key", "v" * 200_000])

    world.vat("A").next = write
    reports = world.drain()
    assert [(report.outcome, report.vat) for report in reports] == [("stopped", "A"), ("delivered", "B")]
    reason = world.kernel.vat("A").reason or ""
    assert reason.startswith("host-failed: a crank changed 20")
    assert world.store.holdings.of(world.ids["A"]) == world.store.holdings.counted(world.ids["A"])
    assert audit(world.store) == []


def test_no_delivery_changes_more_than_a_crank_may() -> None:
    """The largest limit on what is written is well below what a crank may change, and that below a commit."""
    assert DEFAULT_LIMITS.write_bytes <= MOST_WRITE_BYTES <= cranks.MOST_CHANGED // 2
    assert running.COMMIT_AFTER + cranks.MOST_CHANGED < 1 << 29


@pytest.mark.parametrize("value", [0, -1, MOST_WRITE_BYTES + 1, "5", True, 1.5])
def test_a_limit_on_what_is_written_has_a_limit(value: object) -> None:
    """No option lets a delivery write more than a commit can hold."""
    world = RawWorld("A")
    with pytest.raises(KernelError, match=r"write_bytes wants None or an int from 1 to 134,217,728"):
        world.kernel.change_options("A", {"write_bytes": value})


def test_what_an_ended_vat_kept_is_deleted_a_few_bytes_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large values go in as many cranks as it takes, so that each of them fits into a commit."""
    monkeypatch.setattr(graveyard, "MOST_BYTES", 10_000)
    world = RawWorld("A")

    def write(ask: Any) -> None:
        for number in range(10):
            ask(["vatstoreSet", f"key{number}", "v" * 6_000])

    world.run_in("A", write)
    world.kernel.terminate("A", "")
    reports = world.drain()
    assert len([report for report in reports if report.outcome == "cleaned"]) >= 5
    assert world.store.vatstore.count(world.ids["A"]) == 0
    assert world.store.graveyard.next() is None
    assert audit(world.store) == []


def test_what_a_session_says_between_deliveries_is_limited_too(local: Stage) -> None:
    """A syscall of an attached vat that is over its limit is undone, and the next one is made as ever."""
    mallory = Mallory(local)
    kernel: Kernel = local.controller.kernel
    kernel.change_options("mallory", {"write_bytes": 50_000})
    with pytest.raises(AssertionError, match="write_bytes"):
        mallory.say("vatstoreSet", "key", "v" * 60_000)
    assert mallory.say("vatstoreGet", "key") is None
    mallory.say("vatstoreSet", "key", "v" * 40_000)
    assert local.controller.run(policies.cranks(1)).cranks <= 1


SLOTS = {"body": "#1", "slots": [f"o+{number}" for number in range(1, 200)]}
OVER: list[tuple[str, dict[str, int], list[Any]]] = [
    ("a value more than it may keep", {"stored_bytes": 50_000}, ["vatstoreSet", "key", "v" * 60_000]),
    (
        "a message of many new objects",
        {"write_bytes": 20_000},
        ["send", "o+0", {"methargs": SLOTS, "result": "p+8000"}],
    ),
]


@pytest.mark.parametrize(("options", "syscall"), [case[1:] for case in OVER], ids=[case[0] for case in OVER])
def test_nothing_of_a_syscall_that_is_over_a_limit_is_left(
    local: Stage, options: dict[str, int], syscall: list[Any]
) -> None:
    """What an attached vat was half through with is undone: names, counts and what it keeps."""
    mallory = Mallory(local)
    kernel: Kernel = local.controller.kernel
    kernel.change_options("mallory", options)
    before = kernel.world.digest()
    with pytest.raises(AssertionError, match=next(iter(options))):
        mallory.say(*syscall)
    assert kernel.world.digest() == before
    local.check()


def test_replies_to_a_crowd_are_not_told_as_they_are(local: Stage) -> None:
    """A vat that is told more than it may write, and would store it, is told so and goes on."""
    mallory = Mallory(local)
    local.define("keeper", KEEPER, options={"write_bytes": 100_000})
    root = mallory.meet("keeper")
    mallory.send(root, "keep", "p+9000")
    mallory.settle(("p+9000", '#"' + "x" * 150_000 + '"', []))
    local.session.settle()
    keeper = local.session.root("keeper")
    assert local.ask(keeper, "heard") == "too-large"


KEEPER = """
    from swingset.vat import remotable

    @remotable
    class Keeper:
        def __init__(self, baggage):
            self.baggage, self.told = baggage, None

        async def keep(self, promise):
            try:
                self.baggage["kept"] = await promise
            except Exception as problem:
                self.told = problem.code

        def heard(self):
            return self.told

    def build_root_object(baggage):
        return Keeper(baggage)
"""


def test_no_table_keeps_values_in_the_tree_of_its_keys() -> None:
    """SQLite reads all of a large value that lies beside the keys, whenever it passes it on its way."""
    with WorldFile.open(None) as world:
        tables = world.rows("SELECT name, sql from sqlite_schema where type = 'table' and sql is not null")
    beside = {name for name, sql in tables if "WITHOUT ROWID" in sql}
    assert {"promises", "promise_queue", "queue", "parked", "vatstore", "device_state"} & beside == set()
    assert {"clists", "objects"} <= beside
