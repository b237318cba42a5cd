"""A past delivery opens in pdb inside the same engine, and the world does not notice."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import swingset
from swingset.command.cli import main
from swingset.model.visible import visible
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.time.test_tracing import BANK, FAULTY, HOSTILE, delivered, played


class Terminal:
    """A reader who types these lines, and then ends the input; `seen` is what was shown, with the prompts."""

    def __init__(self, *lines: str | Callable[[], str]) -> None:
        self._lines = iter(lines)
        self.seen = ""

    def read(self, prompt: str) -> str:
        self.seen += prompt
        for line in self._lines:
            typed = line if isinstance(line, str) else line()
            self.seen += f"{typed}\n"
            return typed
        raise EOFError

    def write(self, text: str) -> None:
        self.seen += text


def debugged(stage: Stage, crank: int, *lines: str | Callable[[], str]) -> tuple[swingset.Debugged, str]:
    terminal = Terminal(*lines)
    found = swingset.debug(stage.controller, crank, read=terminal.read, write=terminal.write)
    return found, terminal.seen


@pytest.fixture(scope="module")
def bank() -> Iterator[tuple[Stage, int]]:
    """A stage where a bank has had its day, and the crank of a deposit of 10; no session changes it."""
    stage = Stage("wasm")
    yield stage, played(stage)
    stage.close()


def test_it_stops_at_the_first_line_of_the_method(bank: tuple[Stage, int]) -> None:
    """pdb stands at the user's own line in the user's own cell, with the source around it, and steps."""
    found, seen = debugged(*bank, "w", "l", "n", "n", "p before, amount", "c")
    assert seen.startswith("> <bank:bank>(10)deposit()\n-> if amount < 0:\n(Pdb) w\n")
    assert ' 11  \t            raise ValueError(f"cannot deposit {amount}")\n' in seen
    assert "> <bank:bank>(13)deposit()\n-> self.balance += amount\n(Pdb) p before, amount\n(0, 10)\n" in seen
    assert (found.left, found.difference) == (False, None)
    assert str(found) == "the delivery did what the record says; the world is as it was"


def test_a_step_out_of_the_vats_code_goes_to_its_next_line(bank: tuple[Stage, int]) -> None:
    """The guest library between two calls of the vat's own is passed over, and hidden from the stack."""
    stage, _crank = bank
    found, seen = debugged(stage, delivered(stage, "open_purse")[0], *["s"] * 20)
    assert "swingset" not in seen.replace("swingset.vat", "")
    assert "opening alice\n" in seen
    assert found.difference is None


TYPED = {
    "a field that the delivery did not read": (["p self.owner"], "'alice'\n"),
    "a statement": (["for i in range(2): print(i)", ""], "0\n1\n"),
    "an error": (["1 / 0"], "*** ZeroDivisionError: division by zero\n"),
    "a breakpoint": (["b 14", "c"], "> <bank:bank>(14)deposit()\n"),
    "interaction": (["interact", "self.balance + 1"], "\n1\n"),
    "run": (["run"], "a delivery cannot be run again"),
    "what no terminal shows": ([r"print('\x1b[2J\u202e')"], r"\x1b[2J\u202e"),
}


@pytest.mark.parametrize("case", TYPED)
def test_what_is_typed_is_answered_in_the_guest(bank: tuple[Stage, int], case: str) -> None:
    """Commands and expressions work as in any pdb, and looking at more than was read is no difference."""
    lines, words = TYPED[case]
    found, seen = debugged(*bank, *lines, "c", "c")
    assert words in seen
    assert found.difference is None
    assert found.left is (case == "interaction")  # the end of the input leaves it, and then pdb


def test_a_change_is_named_as_the_difference(bank: tuple[Stage, int]) -> None:
    """Who changes a value sees what the vat would have said, and the world keeps what it was told."""
    stage, crank = bank
    found, _seen = debugged(stage, crank, "self.balance = 40", "c")
    assert found.difference is not None
    assert "#0" in found.difference
    assert "#40" in found.difference


def _interrupt() -> str:
    signal.raise_signal(signal.SIGINT)
    return "p 'not interrupted'"


def _loop() -> str:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    return "while True: pass"


@pytest.mark.parametrize("last", ["q", "exit", "EOF", _interrupt, _loop])
def test_it_quits_cleanly(bank: tuple[Stage, int], last: str | Callable[[], str]) -> None:
    """Every way to leave ends the repetition at once, also out of a loop; the world goes on."""
    stage, crank = bank
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        found, _seen = debugged(stage, crank, "n", last)
    finally:
        signal.signal(signal.SIGINT, before)
    assert found.left
    assert str(found) == "left the delivery; the world is as it was"
    assert stage.ask(stage.session.root("bank"), "open_purse", "bob") is not None


def test_a_line_that_never_ends_is_stopped(bank: tuple[Stage, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What one line may spend is limited, and the session says so."""
    monkeypatch.setattr("swingset.time.deliveries.debugging.MOST_COMPUTRONS", 100_000_000)
    found, _seen = debugged(*bank, "while True: pass")
    assert found.difference is not None
    assert "computrons, and was stopped" in found.difference


def test_looking_changes_nothing(make_stage: MakeStage, tmp_path: Path) -> None:
    """The digest of the world, its file and the vat's heap are the same before and after a session."""
    stage = make_stage("wasm", tmp_path / "my.world")
    crank = played(stage)
    stage.controller.commit()

    def state() -> tuple[object, ...]:
        return stage.controller.digest(), (tmp_path / "my.world").read_bytes(), stage.heap("bank")

    before = state()
    debugged(stage, crank, "self.balance = 1_000", "c")
    debugged(stage, crank, "n", "q")
    assert state() == before


@pytest.mark.parametrize("last", ["c", "q", "EOF", _interrupt])
def test_a_local_vat_opens_in_this_interpreter(local: Stage, last: str | Callable[[], str]) -> None:
    """For a local vat it is the host's pdb, with the same stops and the same ways out."""
    crank = played(local)
    found, seen = debugged(local, crank, "n", "n", "p before, self.balance", last)
    assert "> <bank:bank>(13)deposit()" in seen
    assert "(0, 0)\n" in seen
    assert found.left is (last != "c")
    assert found.difference is None
    assert local.ask(local.session.root("bank"), "open_purse", "bob") is not None


def test_a_delivery_that_was_rolled_back_opens_too(wasm: Stage) -> None:
    """It stops at the first line, answers from a fork of the world, and ends with the same fault."""
    root = wasm.session.define("root", FAULTY)
    with pytest.raises(swingset.RemoteError):
        wasm.ask(root, "leave")
    crank = delivered(wasm, "leave")[0]
    before = wasm.controller.digest()
    found, seen = debugged(wasm, crank, "n", "n", "p os.name", "c")
    assert '> <root:root>(12)leave()\n-> print("leaving")\n' in seen
    assert "leaving\n" in seen
    assert found.difference is None
    assert debugged(wasm, crank, "n", "q")[0].left
    changed, _seen = debugged(wasm, crank, "n", "n", "os._exit = print", "c")
    assert changed.difference is not None
    assert changed.difference.endswith("repeated no fault")
    assert wasm.controller.digest() == before


def test_a_hostile_vat_speaks_to_the_terminal_in_plain_text(wasm: Stage) -> None:
    """What vat code sends to the terminal itself is bounded and visible, and cannot raise in the host."""
    root = wasm.define("root", HOSTILE.replace('b"XQ", ', ""))
    wasm.ask(root, "knock")
    found, seen = debugged(wasm, delivered(wasm, "knock")[0], "b 54", "c", "p 1", "c", "c", "c", "c")
    assert visible(seen) == seen
    assert found.crank == delivered(wasm, "knock")[0]


def test_the_command_takes_lines_from_its_input(
    make_stage: MakeStage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`swingset debug FILE N` is pdb in the terminal, on a file that it only looks at."""
    stage = make_stage("wasm", tmp_path / "my.world")
    crank = played(stage)
    stage.controller.commit()
    monkeypatch.setattr("sys.stdin", io.StringIO("n\np amount\nc\n"))
    assert main(["debug", str(tmp_path / "my.world"), str(crank)]) == 0
    printed = capsys.readouterr().out
    assert "> <bank:bank>(10)deposit()" in printed
    assert "10\n" in printed
    assert printed.endswith("the delivery did what the record says; the world is as it was\n")


@pytest.mark.parametrize("stdin", [None, io.StringIO(""), "closed"], ids=["none", "at its end", "closed"])
def test_the_command_refuses_before_it_begins_where_there_is_no_input(
    make_stage: MakeStage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stdin: io.StringIO | str | None,
) -> None:
    """Without a line to read nothing is opened, and the error says what needs none."""
    stage = make_stage("wasm", tmp_path / "my.world")
    crank = played(stage)
    stage.controller.commit()
    if stdin == "closed":
        stdin = io.StringIO("n\n")
        stdin.close()
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["debug", str(tmp_path / "my.world"), str(crank)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "a debugger needs lines to read" in printed.err
    assert f"{crank}` needs none" in printed.err


def test_what_was_pruned_is_refused_and_what_is_left_opens(wasm: Stage) -> None:
    """Where a transcript begins with a heap image, messages open from it, with all stored values."""
    bank = wasm.define("bank", BANK)
    purse = wasm.ask(bank, "open_purse", "alice")
    pruned = wasm.controller.crank
    wasm.controller.checkpoint("images")
    wasm.controller.history.prune(before=wasm.controller.crank, to_images=True)
    wasm.ask(wasm.ask(bank, "open_purse", "bob"), "deposit", 1)
    wasm.ask(purse, "deposit", 2)
    crank = delivered(wasm, "deposit")[-1]
    found, seen = debugged(wasm, crank, "p self.owner, self.balance", "c")
    assert "('alice', 0)\n" in seen
    assert found.difference is None
    with pytest.raises(swingset.NotRepeatable, match="was pruned"):
        debugged(wasm, pruned - 2)


def test_it_opens_in_the_vat_that_was_upgraded_since(bank: tuple[Stage, int]) -> None:
    """The code is the one that ran then, from before the upgrade."""
    stage, crank = bank
    stage.upgrade("bank", BANK.replace("before = self.balance", "before = self.balance * 1"))
    _found, seen = debugged(stage, crank, "l 12, 12", "q")
    assert " 12  \t        before = self.balance\n" in seen
