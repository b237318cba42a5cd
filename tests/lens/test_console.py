"""The console of a world: what vats have said and what went wrong in them, out of the history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import swingset
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from swingset.lens.history.wording import Words
from swingset.lens.watching.console import LEVELS, MOST_OF_ONE, lines_of
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Send
from swingset.model.reports import Fault, Frame
from swingset.model.states import ConsoleStream
from swingset.world.records import CrankRecord
from tests.conftest import MakeStage
from tests.host.test_said import ALL, check
from tests.staging import Stage

BANK = """
import sys
from contextlib import ExitStack
from swingset.vat import E, remotable

@remotable
class Bank:
    def say(self, text):
        print(text)
        return text

    def fail(self):
        raise ValueError("no money")

    def warn(self):
        print("<bank:bank>:15: UserWarning: soon\\n  soon()", file=sys.stderr)

    def passes_on(self):
        return E(self).fail()

    async def handles(self):
        try:
            await E(self).fail()
        except ValueError:
            return "handled"

    def forget(self):
        E(self).fail()

    def forget_later(self):
        with ExitStack() as stack:
            stack.callback(E(self).fail)

def build_root_object():
    return Bank()
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world in which two vats have spoken, and is closed."""
    path = tmp_path_factory.mktemp("console") / "said.world"
    stage = Stage("local", path)
    bank, shop = stage.define("bank", BANK), stage.define("shop", BANK)
    for word in ("one", "two", "three"):
        stage.ask(bank, "say", word)
    stage.ask(shop, "say", ALL)
    stage.ask(bank, "warn")
    stage.ask(bank, "forget")
    with pytest.raises(ValueError, match="no money"):
        stage.ask(bank, "fail")
    stage.close()
    return path


@pytest.fixture(scope="module")
def world(path: Path) -> Iterator[swingset.Controller]:
    """The world again, to be looked at: what was said is in its history."""
    with swingset.open_world(path, look_only=True, workers=False) as opened:
        yield opened


def test_the_worst_comes_first_with_its_crank_method_and_line(world: swingset.Controller) -> None:
    """A rejection that no code handles is an error, and so is one that a session has awaited."""
    found = swingset.console(world, vat="bank")
    told = [(line.level, line.during, line.text[:20], line.where) for line in found.shown]
    assert told == [
        ("error", "forget()", "unhandled rejection ", "bank, line 13, in Bank.fail"),
        ("error", "fail()", "rejected: ValueError", "bank, line 13, in Bank.fail"),
        ("warning", "warn()", "UserWarning: soon", "bank, line 15"),
        ("print", "say()", "one", None),
        ("print", "say()", "two", None),
        ("print", "say()", "three", None),
    ]
    assert found.counted() == "2 errors, 1 warning, 3 printed lines"
    error = found.shown[0]
    record = next(record for record in world.history.records() if record.number == error.record)
    assert (record.crank, world.lens.cause(error.crank).step.vat) == (error.crank, "bank")


def test_the_newest_lines_of_each_level_are_shown(world: swingset.Controller) -> None:
    """Of more lines than were asked for, the worst and the newest are returned, and the others counted."""
    found = swingset.console(world, vat="bank", most=4)
    assert [line.text for line in found.shown[2:]] == ["UserWarning: soon", "three"]
    assert found.more == 2
    assert found.lines()[-1] == "and 2 more"


def test_a_stretch_of_the_past_is_asked_for_by_cranks(world: swingset.Controller) -> None:
    """Only what came after a crank, and up to another, is returned."""
    said = [line for line in swingset.console(world).shown if line.text in ("one", "two", "three")]
    one, two, three = (line.crank for line in said)
    between = swingset.console(world, since=one, until=two)
    assert [line.text for line in between.shown] == ["two"]
    assert "three" in str(swingset.console(world, since=three - 1))


def test_levels_are_those_that_are_asked_for_and_worse(world: swingset.Controller) -> None:
    """Each level adds lines to those of the level before."""
    counts = [len(swingset.console(world, level=level).shown) for level in LEVELS]
    assert counts == sorted(counts)
    assert counts[0] == 2
    assert counts[-1] > counts[1]


def test_what_a_stranger_says_is_one_line_of_drawn_characters(world: swingset.Controller) -> None:
    """A vat cannot pass for another, nor for the kernel."""
    found = swingset.console(world, vat="shop")
    check("\n".join(found.lines()))
    assert len(found.shown) > 1
    assert all(line.vat == "shop" for line in found.shown)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"level": "loud"}, "there is no level 'loud'; there are: error, warning, info, print"),
        ({"vat": "nonesuch"}, "there is no vat 'nonesuch'; there are: bank, "),
        ({"most": 0}, "ask for 1 or more"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    world: swingset.Controller, wrong: dict[str, object], says: str
) -> None:
    """A refusal says what there is instead."""
    with pytest.raises(swingset.KernelError, match=says):
        swingset.console(world, **wrong)  # type: ignore[arg-type]


REJECTED = [
    ("awaited", "fail", ["fail(): rejected: ValueError: no money"]),
    ("sent", "fail", ["the outcome of *: unhandled rejection in notebook: ValueError: no money"]),
    ("awaited", "passes_on", ["passes_on(): rejected: ValueError: no money"]),
    ("awaited", "handles", []),
    ("awaited", "forget", ["forget(): unhandled rejection in bank: ValueError: no money"]),
    ("awaited", "nonesuch", ["nonesuch(): rejected: TypeError: target has no method"]),
]


@pytest.fixture(scope="module")
def teller() -> Iterator[tuple[Stage, object]]:
    """A stage with a bank."""
    stage = Stage("local")
    yield stage, stage.define("bank", BANK)
    stage.close()


@pytest.mark.parametrize(("how", "method", "errors"), REJECTED)
def test_a_rejection_is_listed_once(
    teller: tuple[Stage, object], how: str, method: str, errors: list[str]
) -> None:
    """As unhandled if nobody handled it, else as rejected if a session was told of it."""
    stage, bank = teller
    before = stage.controller.crank
    promise = stage.send(bank, method)
    if how == "awaited":
        with suppress(ValueError, TypeError, swingset.RemoteError):
            stage.session.wait(promise)
    stage.session.settle()
    found = swingset.console(stage.controller, level="error", since=before)
    told = [f"{re.sub('kp[0-9]+', '*', line.during)}: {line.text}" for line in found.shown]
    assert len(told) == len(errors)
    assert all(line.startswith(expected) for line, expected in zip(told, errors, strict=True))
    assert all(stage.lens.cause(line.crank).step.number == line.record for line in found.shown)


def test_a_refused_upgrade_is_mended_by_a_good_one(make_stage: MakeStage) -> None:
    """It stays in the list, with the crank of the upgrade that succeeded; one after that is not mended."""
    stage = make_stage("local")
    stage.define("bank", BANK)
    for source in ("1 +", BANK + "# better", "2 +"):
        with suppress(swingset.VatFault):
            stage.upgrade("bank", source)
    first, last = swingset.console(stage.controller, level="error").shown
    assert (first.mended, last.mended) == (first.crank + 1, None)


FILES = [
    ("/home/alice/my.py", "my.py"),
    ("C:\\Users\\alice\\my.py", "my.py"),
    ("my.py", "my.py"),
    ("<stdin>", "<stdin>"),
    ("/home/alice/", "unnamed code"),
]


@pytest.mark.parametrize(("filename", "called"), FILES)
def test_no_folder_of_the_host_is_recorded(make_stage: MakeStage, filename: str, called: str) -> None:
    """What a program sends and nobody handles says where it was sent, without the folders of the host."""
    stage = make_stage("local")
    bank = stage.define("bank", BANK)
    exec(compile("E(bank).fail()", filename, "exec"), {"E": E, "bank": bank})
    stage.session.settle()
    found = str(swingset.console(stage.controller, level="error"))
    assert f"sent as E(...).fail() in {called}, line 1" in found


def test_no_folder_of_pythons_library_is_recorded(make_stage: MakeStage) -> None:
    """Also in a vat: a call from Python's library names only the library's file."""
    stage = make_stage("local")
    stage.ask(stage.define("bank", BANK), "forget_later")
    assert "sent as E(...).fail() in contextlib.py, line " in str(swingset.console(stage.controller))


JUDGED = [
    ("ERROR:bank:no money", [("error", "ERROR:bank:no money")]),
    ("CRITICAL:root:stop", [("error", "CRITICAL:root:stop")]),
    ("WARNING:a.b:low", [("warning", "WARNING:a.b:low")]),
    ("INFO:bank:ready\nDEBUG:bank:x", [("info", "INFO:bank:ready"), ("info", "DEBUG:bank:x")]),
    ("just so", [("warning", "just so")]),
    ("ERROR: bank:no", [("warning", "ERROR: bank:no")]),
    ("<bank:bank>:7: UserWarning: soon\n  code()", [("warning", "UserWarning: soon")]),
    ("one\n  of two\nlow", [("warning", "one⏎  of two"), ("warning", "low")]),
    (
        'oops\nTraceback (most recent call last):\n  File "<bank:bank>", line 3, in go\nKeyError: 1\nlow',
        [("error", 'oops⏎Traceback (most recent call last):⏎  File "<bank:bank>", line 3, in go⏎KeyError: 1'),
         ("warning", "low")],
    ),
    ("unhandled rejection in bank: ValueError: x", [("error", "unhandled rejection in bank: ValueError: x")]),
]  # fmt: skip


def said_by(*console: tuple[ConsoleStream, str], fault: Fault | None = None) -> CrankRecord:
    """The record of a delivery that said this."""
    event = Send("ko20", Message(CapData('#["go",[]]'), None), None)
    return CrankRecord(1, 1, 1, event, "delivered", "bank", None, fault, console)


@pytest.mark.parametrize(("text", "levels"), JUDGED, ids=range(len(JUDGED)))
def test_a_level_is_read_off_the_text(
    world: swingset.Controller, text: str, levels: list[tuple[str, str]]
) -> None:
    """Each form on standard error has its level, and lines that belong together are one."""
    found = lines_of(said_by(("stderr", text + "\n")), Words(world.kernel.store))
    assert [(line.level, line.text) for line in found] == levels


def test_a_delivery_that_failed_is_an_error_with_its_line(world: swingset.Controller) -> None:
    """A fault comes before what was printed on the way to it."""
    fault = Fault("wall-clock", "too long", "Error", (Frame("bank", 4, "Bank.spin"),))
    first, second = lines_of(said_by(("stdout", "on my way\n"), fault=fault), Words(world.kernel.store))
    assert (first.level, first.text) == ("error", "Error: too long [wall-clock]")
    assert first.where == "bank, line 4, in Bank.spin"
    assert second.text == "on my way"


def test_a_crank_has_a_bounded_number_of_lines(world: swingset.Controller) -> None:
    """However much a vat prints in one delivery, and however long a line is."""
    words = Words(world.kernel.store)
    assert len(list(lines_of(said_by(("stdout", "x\n" * 100_000)), words))) == MOST_OF_ONE
    (long,) = lines_of(said_by(("stderr", "(" * 1_000_000)), words)
    assert len(long.text) <= 1_000


def test_the_command_prints_the_console(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset console` takes a vat, a level and a stretch of the past."""
    assert main(["console", str(path), "bank", "--level", "warning"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("2 errors, 1 warning\nerror: crank ")
    check(printed)
    assert main(["console", str(path), "--until", "1"]) == 0
    assert capsys.readouterr().out == "no lines\n"


def test_what_was_pruned_is_said_to_be_gone(make_stage: MakeStage, tmp_path: Path) -> None:
    """What is left is shown, with a line about the part that is not, in the costs too."""
    stage = make_stage("local", tmp_path / "cut.world")
    bank = stage.define("bank", BANK)
    for word in ("early", "late"):
        stage.ask(bank, "say", word)
    stage.controller.history.prune(stage.controller.crank)
    stage.ask(bank, "say", "now")
    found = swingset.console(stage.controller)
    assert "early" not in [line.text for line in found.shown]
    assert found.shown[-1].text == "now"
    assert found.gone is not None
    assert found.lines()[0] == found.gone
    costs = swingset.costs_over_time(stage.controller)
    assert costs.gone == found.gone
    assert costs.since + costs.deliveries == stage.controller.crank
    assert sum(sum(each.deliveries) for each in costs.bins) == costs.deliveries
    assert swingset.storage(stage.controller).host.history > 0
