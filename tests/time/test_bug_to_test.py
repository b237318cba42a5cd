"""A bug of a world becomes a test: short, red with the bug and green without it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.time.bugs.acts import Act, Origin
from swingset.time.bugs.shrinking import Shrinking, whole
from swingset.time.bugs.writing_tests import written
from tests.conftest import MakeStage
from tests.staging import Stage

ROOT = Path(__file__).parents[2]

BANK = """
from swingset.vat import durable, remotable, E

@durable
class Purse:
    owner: str
    balance: int = 0
    paid: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        self.paid += amount
        return self.balance

    def withdraw(self, amount: int) -> int:
        if amount > self.balance:
            raise ValueError(f"{self.owner} has {self.balance}")
        self.balance -= amount
        return self.balance

@remotable
class Bank:
    def __init__(self, baggage):
        if "accounts" not in baggage:
            baggage["accounts"] = {}
        self.baggage = baggage

    def open_purse(self, owner: str):
        purse = Purse(owner=owner)
        self.baggage["accounts"] = {**self.baggage["accounts"], owner: purse}
        return purse

    def find(self, owner: str):
        return [self.baggage["accounts"][owner]]

    async def top_up(self, teller, purse, amount: int):
        await E(teller).allow(amount)
        purse.deposit(amount)

    def count(self, number: int) -> int:
        while number > 0:
            number -= 2
        return number

def build_root_object(baggage):
    return Bank(baggage)
"""

TELLER = """
from swingset.vat import remotable

@remotable
class Teller:
    def allow(self, amount: int) -> bool:
        return True

def build_root_object():
    return Teller()
"""


@dataclass(frozen=True)
class Bug:
    """A bug that is planted by a change of the bank's code, and what happens until it shows."""

    good: str
    bad: str
    play: Callable[[Stage, Any], object]
    shows: str | None
    kept: int


def _overdraw(stage: Stage, bank: Any) -> object:
    purse = stage.ask(bank, "open_purse", "alice")
    stage.ask(purse, "deposit", 10)
    return stage.ask(purse, "withdraw", 100)


def _forget(stage: Stage, bank: Any) -> object:
    stage.ask(bank, "open_purse", "carol")
    source = stage.controller.vats.parts("bank")[0][1]
    stage.session.upgrade("bank", "bank", f"{source}\n# again")
    return _rejected(stage, bank, "find", "carol")


def _spin(stage: Stage, bank: Any) -> object:
    return _rejected(stage, bank, "count", 7)


def _lose(stage: Stage, bank: Any) -> object:
    purse = stage.ask(bank, "open_purse", "dora")
    teller = stage.define("teller", TELLER)
    first = stage.send(bank, "top_up", teller, purse, 1)
    stage.send(bank, "top_up", teller, purse, 2)
    return stage.session.wait(first)


def _refuse(stage: Stage, bank: Any) -> object:
    stage.ask(bank, "open_purse", "erin")
    source = stage.controller.vats.parts("bank")[0][1].replace("class Purse:", "class Wallet:")
    with pytest.raises(swingset.VatFault):
        stage.session.upgrade("bank", "bank", source.replace("Purse(", "Wallet("))
    return None


def _rejected(stage: Stage, target: Any, method: str, *args: Any) -> None:
    with pytest.raises((KeyError, swingset.RemoteError)):
        stage.ask(target, method, *args)


BUGS = {
    "overdraft": Bug("if amount > self.balance:", "if amount > 1_000:", _overdraw, "purse.balance < 0", 3),
    "forgotten": Bug('if "accounts" not in baggage:', "if True:", _forget, None, 4),
    "endless": Bug("number -= 2", "number -= number % 2", _spin, None, 2),
    "lost_update": Bug(
        """        await E(teller).allow(amount)
        purse.deposit(amount)""",
        """        before = purse.balance
        await E(teller).allow(amount)
        purse.balance = before + amount
        purse.paid += amount""",
        _lose,
        "purse.balance < purse.paid",
        5,
    ),
    "own": Bug("if amount > self.balance:", "if amount > 99_999:", _overdraw, "purse.balance < 0", 3),
    "refused": Bug("class Purse:", "class Purse:", _refuse, None, 2),
}


SAMPLE = ("overdraft", "own", "refused")
"""The bugs that are tried each time; the slow sweep tries all."""


def made(folder: Path, names: Iterable[str]) -> dict[str, swingset.BugTest]:
    """Write the tests of some bugs; all but `own` read the bank's code from a file."""
    tests = {}
    for name in names:
        bug = BUGS[name]
        stage = Stage("wasm")
        bad = BANK.replace(bug.good, bug.bad)
        options = {"computrons": 200_000_000} if name == "endless" else None
        bank = stage.session.define("bank", bad, options=options) if options else stage.define("bank", bad)
        stage.ask(stage.ask(bank, "open_purse", "bob"), "deposit", 5)  # what the bug does not need
        bug.play(stage, bank)
        before = stage.controller.digest()
        code = {"bank": f"{name}.py"}
        crank = _crank(stage, name)
        tests[name] = swingset.bug_to_test(
            *(stage.controller, crank, name),
            shows=bug.shows,
            folder=folder,
            code=None if name == "own" else code,
            # Without it, to ask for a purse that nobody opened would be the shortest rejection.
            mended={"bank": BANK} if name == "forgotten" else None,
        )
        assert stage.controller.digest() == before
        (folder / f"{name}.py").write_text(_last_source(stage, name, bad))
        stage.close()
    return tests


def _crank(stage: Stage, name: str) -> int:
    """The crank that shows a bug."""
    records = [r for r in stage.controller.history.records() if isinstance(r, swingset.CrankRecord)]
    if name == "refused":
        return next(r.crank for r in records if r.fault is not None)
    if name in ("forgotten", "endless"):
        method = "find" if name == "forgotten" else "count"
        return next(r.crank for r in records if f'"{method}"' in str(r.event))
    return stage.controller.crank


def _last_source(stage: Stage, name: str, bad: str) -> str:
    """The code of the bank that has the bug, as it was started last."""
    if name == "refused":
        return bad.replace("class Purse:", "class Wallet:").replace("Purse(", "Wallet(")
    return stage.controller.vats.parts("bank")[0][1]


def run_pytest(folder: Path) -> dict[str, str]:
    """Run the tests of a folder in a fresh process; returns the outcome of each by name."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "kernel"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
    )
    found = {}
    for line in ran.stdout.splitlines():
        outcome, _, rest = line.partition(" ")
        if outcome in ("PASSED", "FAILED", "ERROR"):
            found[rest.split("::")[-1].split(" ")[0].removeprefix("test_")] = outcome
    assert found, ran.stdout + ran.stderr
    return found


@pytest.mark.parametrize("names", [SAMPLE, pytest.param(tuple(BUGS), marks=pytest.mark.slow)], ids=len)
def test_each_is_short_red_with_the_bug_and_green_with_the_mended_code(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """The files have only what the bug needs; all fail with it, and pass with the good code."""
    tests = made(tmp_path, names)
    for name, found in tests.items():
        assert found.kept == BUGS[name].kept, found.path.read_text()
        assert found.inputs > found.kept
        assert f"{found.inputs} inputs shrunk to {found.kept}" in str(found)
        assert found.left_out == ()
    assert run_pytest(tmp_path) == dict.fromkeys(names, "FAILED")
    for name in names:
        bug = BUGS[name]
        file = tmp_path / (f"test_{name}.py" if name == "own" else f"{name}.py")
        source = file.read_text()
        file.write_text(BANK if name == "refused" else source.replace(bug.bad, bug.good))
    assert run_pytest(tmp_path) == dict.fromkeys(names, "PASSED")


REFUSED = {
    "a name": ({"name": "No Name"}, "is no name for a test"),
    "a keyword": ({"name": "class"}, "is no name for a test"),
    "a path": ({"name": "../x"}, "is no name for a test"),
    "a file that is there": ({"name": "taken"}, "is there already"),
    "no bug": ({}, "shows no rejection and no fault"),
    "no predicate": ({"shows": "import os"}, "is no predicate"),
    "never true": ({"shows": "purse.balance > 1_000"}, "does not show when the inputs are played again"),
    "no crank": ({"crank": 999}, "there is no committed crank 999"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made_is_refused(local: Stage, tmp_path: Path, case: str) -> None:
    """Each error says what to do, and no file is written."""
    options, words = REFUSED[case]
    stage = local
    stage.ask(stage.ask(stage.define("bank", BANK), "open_purse", "alice"), "deposit", 1)
    (tmp_path / "test_taken.py").write_text("")
    given: dict[str, Any] = {"crank": stage.controller.crank, "name": "fine"} | options
    with pytest.raises((swingset.KernelError, ValueError), match=words):
        swingset.bug_to_test(stage.controller, **given, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test_taken.py"]


def test_untrusted_local_vats_are_not_played(make_stage: MakeStage, tmp_path: Path) -> None:
    """The code of a local vat of a file that is not trusted runs nowhere."""
    stage = make_stage("local", tmp_path / "my.world")
    stage.ask(stage.define("bank", BANK), "open_purse", "alice")
    stage.close()
    with (
        swingset.open_world(tmp_path / "my.world", look_only=True) as world,
        pytest.raises(swingset.KernelError, match="trust"),
    ):
        swingset.bug_to_test(world, world.crank, "x", shows="purse.balance == 0", folder=tmp_path)


def test_a_strangers_text_is_only_a_literal_in_the_file() -> None:
    """Names, sources and arguments of any sort leave a file that is Python and runs nothing of theirs."""
    nasty = '"""\nimport os; os._exit(1)\n\\" \u202e \x1b[2J \ud800\''
    acts = [
        Act(0, "create", nasty, ((nasty, nasty), ("class", nasty)), "local", {nasty: nasty}),
        Act(1, "send", nasty, target=Origin(vat=nasty), method=nasty, args=(nasty, [{nasty: nasty}])),
        Act(
            2,
            "send",
            nasty,
            target=Origin(act=1, path=(nasty, 0)),
            method=nasty,
            kwargs={nasty: float("inf")},
        ),
    ]
    text = written(acts, "nasty", nasty, {}, nasty)
    assert all(char.isprintable() or char == "\n" for char in text)
    called: list[str] = []
    names: dict[str, Any] = {}
    exec(compile(text.replace("import swingset", ""), "test_nasty.py", "exec"), names)
    assert callable(names["test_nasty"])
    assert called == []


def test_what_needs_an_act_goes_with_it() -> None:
    """Leaving out an act leaves out what mentions its answer, and the shortest keeps what the bug needs."""
    acts = [
        Act(0, "create", "bank"),
        Act(1, "send", "bank", target=Origin(vat="bank"), method="open"),
        Act(2, "run"),
        Act(3, "send", "bank", target=Origin(act=1, promise=True), method="deposit"),
        Act(4, "send", "bank", target=Origin(vat="bank"), method="noise"),
    ]
    assert [act.number for act in whole([*acts[:1], *acts[2:]])] == [0, 2, 4]
    shrinking = Shrinking(acts, lambda some: any(act.method == "deposit" for act in some))
    assert shrinking.run() == "shortest"
    assert [act.number for act in shrinking.kept] == [0, 1, 3]
    assert shrinking.tries < 12


def test_the_command_writes_a_test(
    make_stage: MakeStage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swingset test FILE N --name NAME` writes the file into a folder, and says how short it is."""
    stage = make_stage("wasm", tmp_path / "my.world")
    bank = stage.define("bank", BANK)
    stage.ask(bank, "open_purse", "bob")
    _rejected(stage, bank, "find", "nobody")
    crank = _crank(stage, "forgotten")
    stage.controller.commit()
    line = ["test", str(tmp_path / "my.world"), str(crank), "--folder", str(tmp_path), "--name"]
    assert main([*line, "nobody", "--tries", "7"]) == 0
    printed = capsys.readouterr()
    assert "3 inputs shrunk to 2" in printed.out
    assert printed.err == "3 inputs shrunk to 2, in 1 of at most 7 tries\n"
    assert (tmp_path / "test_nobody.py").exists()
    assert main([*line, "again", "--shows", "import os"]) == 1
    assert "is no predicate" in capsys.readouterr().err
