"""A past delivery is shown line by line, as it was, and the world does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.model.visible import visible
from swingset.time.deliveries.tracing import _Gathered
from swingset.workers.agents.tracing import syscall_of
from tests.conftest import MakeStage
from tests.staging import Stage

BANK = """
from swingset.vat import durable, remotable, E

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int) -> int:
        if amount < 0:
            raise ValueError(f"cannot deposit {amount}")
        before = self.balance
        self.balance += amount
        return before

@remotable
class Bank:
    def __init__(self):
        self.opened = []

    def open_purse(self, owner: str):
        self.opened.append(owner)
        print("opening", owner)
        return Purse(owner=owner)

    async def give(self, purse, amount):
        got = await E(purse).deposit(amount)
        return got + amount

def build_root_object():
    return Bank()
"""


def played(stage: Stage) -> int:
    """Play a bank's day; returns the crank of the deposit of 10."""
    bank = stage.define("bank", BANK)
    purse = stage.ask(bank, "open_purse", "alice")
    stage.ask(purse, "deposit", 10)
    crank = delivered(stage, "deposit")[-1]
    stage.ask(stage.define("teller", BANK), "give", purse, 5)
    with pytest.raises(ValueError, match="cannot deposit"):
        stage.ask(purse, "deposit", -1)
    return crank


def delivered(stage: Stage, method: str) -> list[int]:
    """The cranks that delivered a method to another vat than the session."""
    return [
        record.crank
        for record in stage.controller.history.records()
        if isinstance(record, swingset.CrankRecord)
        and isinstance(record.event, swingset.Send)
        and record.event.message.method == method
    ]


def traced(stage: Stage, crank: int, **options: Any) -> swingset.Trace:
    return swingset.trace(stage.controller, crank, **options)


def test_each_line_is_shown_with_what_it_changed(stage: Stage) -> None:
    """The steps of a message are its own lines, its values, its syscalls and what it returned."""
    crank = played(stage)
    found = traced(stage, crank)
    assert found.difference is None
    assert not found.cut
    assert [(step.part, step.line, step.source) for step in found.steps if step.kind == "line"] == [
        ("bank", 10, "if amount < 0:"),
        ("bank", 12, "before = self.balance"),
        ("bank", 13, "self.balance += amount"),
        ("bank", 14, "return before"),
    ]
    changes = [str(change) for step in found.steps for change in step.changes]
    assert "self.balance = 10 (was 0)" in changes
    assert "amount = 10" in changes
    assert [step.text for step in found.steps if step.kind == "return"] == ["0"]
    syscalls = [step.text for step in found.steps if step.kind == "syscall"]
    assert any(text.startswith("resolve p-") and text.endswith("fulfilled with 0") for text in syscalls)
    assert any(text.startswith("vatstoreSet vom.o+") and "balance 10" in text for text in syscalls)
    assert str(found).endswith("it did what the record says")


def test_what_was_printed_and_raised_is_shown_where_it_was(stage: Stage) -> None:
    """Output stands between the lines, and an exception at the line that raised it."""
    played(stage)
    opened = traced(stage, delivered(stage, "open_purse")[0])
    assert [step.text for step in opened.steps if step.kind == "printed"] == ["opening alice\n"]
    assert "self.opened = ['alice'] (was [])" in [str(c) for step in opened.steps for c in step.changes]
    refused = traced(stage, delivered(stage, "deposit")[-1])
    assert refused.difference is None
    raised = [step for step in refused.steps if step.kind == "raise"]
    assert [(step.line, step.text) for step in raised] == [(11, "ValueError('cannot deposit -1')")]
    assert "leave" in [step.kind for step in refused.steps]


def test_a_call_that_waits_goes_on_in_a_later_crank(stage: Stage) -> None:
    """The notification of what an `await` waits for resumes the method at its line."""
    played(stage)
    crank = delivered(stage, "give")[0]
    assert "suspend" in [step.kind for step in traced(stage, crank).steps]
    later = [
        record.crank
        for record in stage.controller.history.records()
        if isinstance(record, swingset.CrankRecord)
        and record.crank > crank
        and record.vat == "teller"
        and isinstance(record.event, swingset.Notify)
    ]
    found = traced(stage, later[0])
    assert found.difference is None
    assert [step.text for step in found.steps if step.kind == "return"] == ["15"]
    assert "got = 10" in [str(change) for step in found.steps for change in step.changes]


WAITING = """
from swingset.vat import E, remotable

class Two:
    def __init__(self):
        self.left = 2

    def __iter__(self):
        return self

    def __next__(self):
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return self.left

class Later(Two):
    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.left == 0:
            raise StopAsyncIteration
        return self.__next__()

@remotable
class Root:
    async def own(self):
        return 1 + await self.helper(5)

    async def helper(self, number):
        return number

    async def other(self):
        return 1 + await E(self).helper(5)

    async def each(self):
        async for number in Later():
            last = number

    async def anext(self):
        later = Later()
        later.left = 0
        try:
            await later.__anext__()
        except StopAsyncIteration:
            return 9

    def loop(self):
        for number in Two():
            pass

    def inner(self):
        yield 7
        return 8

    def outer(self):
        yield (yield from self.inner())

    def listed(self):
        return [*self.outer()]

    def caught(self):
        try:
            next(iter([]))
        except StopIteration:
            return 9

def build_root_object():
    return Root()
"""
WAITS = {
    "own": ["return helper 5", "await own 5", "return own 6"],
    "other": ["suspend other ", "return helper 5", "await other 5", "return other 6"],
    "each": [
        *("return __init__ None", "return __aiter__ <Later>", "return __next__ 1", "return __anext__ 1"),
        *("await each 1", "return __next__ 0", "return __anext__ 0", "await each 0"),
        *("raise __anext__ StopAsyncIteration()", "leave __anext__ "),
        "return each None",
    ],
    "anext": [
        *("return __init__ None", "raise __anext__ StopAsyncIteration()", "leave __anext__ "),
        *("raise anext StopAsyncIteration()", "return anext 9"),
    ],
    "loop": [
        *("return __init__ None", "return __iter__ <Two>", "return __next__ 1", "return __next__ 0"),
        *("raise __next__ StopIteration()", "leave __next__ ", "return loop None"),
    ],
    "listed": [
        *("suspend inner 7", "suspend outer 7", "return inner 8", "suspend outer 8"),
        *("return outer None", "return listed [7, 8]"),
    ],
    "caught": ["raise caught StopIteration()", "return caught 9"],
}


@pytest.fixture(scope="module", params=["wasm", "local"])
def waiting(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A vat that waits in every way, on both engines."""
    stage = Stage(request.param)
    root = stage.define("root", WAITING)
    for method in WAITS:
        stage.ask(root, method)
    yield stage
    stage.close()


@pytest.mark.parametrize("method", WAITS)
def test_an_await_is_shown_as_one_with_its_value(waiting: Stage, method: str) -> None:
    """What ends an await or a loop is no exception of the code, and a return is shown with its value."""
    found = traced(waiting, delivered(waiting, method)[0])
    assert found.difference is None
    ends = ("return", "await", "suspend", "raise", "leave")
    said = [step for step in found.steps if step.kind in ends and "build_root" not in step.function]
    assert [f"{step.kind} {step.function.rpartition('.')[2]} {step.text}" for step in said] == WAITS[method]


def test_every_crank_is_shown_or_says_why_not(stage: Stage) -> None:
    """Each crank of a life with an upgrade, an image and an end is traced, or refused with the reason."""
    played(stage)
    stage.controller.checkpoint("images")
    stage.upgrade("bank", BANK.replace("+= amount", "+= 2 * amount"))
    stage.ask(stage.ask(stage.session.root("bank"), "open_purse", "bob"), "deposit", 3)
    stage.controller.terminate_vat("bank")
    shown, refused = 0, set[str]()
    for crank in range(1, stage.controller.crank + 1):
        try:
            found = traced(stage, crank)
        except swingset.NotRepeatable as problem:
            refused.add(str(problem).partition(", ")[2] or str(problem).partition(" ")[2][:30])
        else:
            assert found.difference is None, str(found)
            shown += 1
    assert shown >= 8
    assert all("embedder" in said or "delivered nothing" in said for said in refused), refused


FAULTY = """
from swingset.vat import remotable

@remotable
class Root:
    def spin(self):
        n = 1
        while n:
            n += 1

    def leave(self):
        print("leaving")
        import os
        os._exit(3)

    def speak(self):
        import _host
        _host.call(b"S[]")

def build_root_object():
    return Root()
"""

UNDONE = {
    "spin": ("out-of-computrons", "n += 1"),
    "leave": ("guest-crashed", "os._exit(3)"),
    "speak": ("protocol", '_host.call(b"S[]")'),
}


@pytest.mark.parametrize("method", UNDONE)
def test_a_delivery_that_was_rolled_back_is_repeated_in_a_fork(wasm: Stage, method: str) -> None:
    """What no transcript has is run again beside the world, up to the line of the fault."""
    code, source = UNDONE[method]
    root = wasm.session.define("root", FAULTY, options={"computrons": 50_000_000})
    with pytest.raises(swingset.RemoteError):
        wasm.ask(root, method)
    crank = delivered(wasm, method)[0]
    before = wasm.controller.digest()
    found = traced(wasm, crank, steps=60)
    assert found.difference is None, str(found)
    assert source in [step.source for step in found.steps]
    assert "rolled back" in found.title
    assert ("leaving" in str(found)) is (method == "leave")
    assert wasm.controller.digest() == before
    assert code in {
        r.fault.code for r in wasm.controller.history.records() if hasattr(r, "fault") and r.fault
    }


def test_an_upgrade_that_was_refused_is_shown_up_to_its_error(stage: Stage) -> None:
    """The start of the new code is repeated, with the line that refused it."""
    stage.define("bank", BANK)
    with pytest.raises(swingset.VatFault):
        stage.upgrade("bank", BANK.replace("return Bank()", "return Bonk()"))
    found = traced(stage, stage.controller.crank)
    assert found.difference is None
    raised = [step for step in found.steps if step.kind == "raise"]
    assert (raised[-1].source, raised[-1].function) == ("return Bonk()", "build_root_object")


REFUSED = {
    "none": (0, "there is no committed crank 0"),
    "later": (10**9, "there is no committed crank 1000000000"),
    "no number": ("8", "there is no committed crank '8'"),
    "no steps": (1, "steps is a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_shown_is_refused(local: Stage, case: str) -> None:
    """A crank that there is not, or a wrong number of steps, is an error of its own."""
    crank, words = REFUSED[case]
    played(local)
    options = {"steps": 0} if case == "no steps" else {}
    with pytest.raises(swingset.KernelError, match=words):
        traced(local, crank, **options)  # type: ignore[arg-type]


def test_looking_changes_nothing(make_stage: MakeStage, tmp_path: Path) -> None:
    """The digest of the world and its file are the same before and after."""
    stage = make_stage("wasm", tmp_path / "my.world")
    crank = played(stage)
    stage.controller.commit()
    before = stage.controller.digest(), (tmp_path / "my.world").read_bytes(), stage.heap("bank")
    traced(stage, crank)
    assert before == (
        stage.controller.digest(),
        (tmp_path / "my.world").read_bytes(),
        stage.heap("bank"),
    )


def test_a_vat_that_saw_its_host_says_where_it_differs(local: Stage) -> None:
    """A local delivery that cannot be repeated names both sides, and shows what there is."""
    source = """
        import time
        from swingset.vat import remotable

        @remotable
        class Clock:
            def read(self):
                return time.perf_counter_ns()

        def build_root_object():
            return Clock()
    """
    clock = local.define("clock", source)
    local.ask(clock, "read")
    found = traced(local, delivered(local, "read")[0])
    assert found.difference is not None
    assert "recorded" in found.difference
    assert "repeated" in found.difference
    assert found.rest[0].startswith('["resolve"')
    assert "return time.perf_counter_ns()" in [step.source for step in found.steps]


HOSTILE = r"""
from swingset.vat import remotable
import sys

class Evil:
    def __repr__(self):
        raise SystemExit("repr")
    def __str__(self):
        while True: pass
    @property
    def __class__(self):
        raise KeyError("class")
    def __len__(self):
        raise SystemExit("len")

class Meta(type):
    def __getattribute__(cls, name):
        raise SystemExit(name)

class Strange(metaclass=Meta):
    pass

@remotable
class Root:
    def look(self):
        evil, strange, big = Evil(), Strange, 10 ** 5000
        deep = []
        for _ in range(1000):
            deep = [deep]
        text = "\x1b[2J\u202e" * 1000
        print("\x1b[31mred\r\u202e")
        return 1
    def spin(self):
        n = 0
        while n < 20_000:
            n += 1
        return n
    def knock(self):
        if sys.gettrace() is None:
            return
        import _host
        for said in (b"XT[", b"XT" + b"[" * 100_000, b"XT{}", b'XT["line", 1]', b"X", b"XI", b"XQ", b"X\xff"):
            _host.call(said)
        _host.call(b'XT["line", -5, "\\u001b[2J", -1, "\\u202e", [["a", "b", 3], ["\\n", "\\r", null]]]')

def build_root_object():
    return Root()
"""


def test_hostile_values_are_shown_as_plain_text(stage: Stage) -> None:
    """Values whose methods raise, hang or lie are written without calling them, and nothing invisible."""
    root = stage.define("root", HOSTILE)
    assert stage.ask(root, "look") == 1
    found = traced(stage, delivered(stage, "look")[0])
    text = str(found)
    assert found.difference is None
    assert "evil = <Evil>" in text
    assert "<an int of 16610 bits>" in text
    assert visible(text) == text


def test_a_long_delivery_is_cut(stage: Stage) -> None:
    """A trace has a limit, says that it was cut, and the delivery is still compared to its end."""
    root = stage.define("root", HOSTILE)
    assert stage.ask(root, "spin") == 20_000
    found = traced(stage, delivered(stage, "spin")[0], steps=50)
    assert found.cut
    assert len(found.steps) <= 50
    assert found.difference is None
    assert "cut after" in str(found)


def test_a_vat_that_speaks_for_the_tracer_only_fools_itself(make_stage: MakeStage) -> None:
    """Knocks of vat code at the tracer's door are read as data, and what they say is bounded and visible."""
    stage = make_stage("wasm")
    root = stage.define("root", HOSTILE)
    stage.ask(root, "knock")
    found = traced(stage, delivered(stage, "knock")[0])
    assert found.difference is None
    assert visible(str(found)) == str(found)
    assert ("\\u202e", 0) in [(step.function, step.depth) for step in found.steps]


def test_the_command_shows_a_trace_of_a_file(
    make_stage: MakeStage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset trace FILE N` opens the file to look, and repeats in an engine of its own."""
    stage = make_stage("wasm", tmp_path / "my.world")
    crank = played(stage)
    stage.controller.commit()
    assert main(["trace", str(tmp_path / "my.world"), str(crank)]) == 0
    printed = capsys.readouterr().out
    assert "self.balance = 10 (was 0)" in printed
    assert main(["trace", str(tmp_path / "my.world"), "100000"]) == 1
    assert "there is no committed crank" in capsys.readouterr().err


SYSCALLS: dict[str, tuple[Any, Any]] = {
    "short": (["vatstoreGet", "a"], "vatstoreGet a"),
    "long": (["vatstoreSet", "a", "x" * 5_000], "['vatstoreSet', 'a', 'xxx"),
    "deep": (["vatstoreGet", [[[[[[[[["a"]]]]]]]]]], "['vatstoreGet', [[["),
    "many": (["dropImports", ["o-50"] * 2_000], "['dropImports', ['o-50', 'o-50', "),
    "none": ([], "no syscall"),
    "odd": ([5, {"methargs": 3}], "no syscall"),
}


@pytest.mark.parametrize("case", SYSCALLS)
def test_a_syscall_is_in_words_if_it_is_short(case: str) -> None:
    """Others are a text of limited length; nothing that a guest says of its syscalls fails a trace."""
    call, shown = SYSCALLS[case]
    gathered = _Gathered(5, {})
    gathered.take(["syscall", syscall_of(call)])
    (step,) = gathered.steps
    assert step.text.startswith(shown)
    assert len(step.text) <= 500
