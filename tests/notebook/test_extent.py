"""What a notebook shows and stores does not grow with the world, and says how to see the rest.

One world has thousands of objects, messages, promises and names, and many vats. Each line below is typed in
it once, in this order. A new word of the command table needs no line to be tried.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset.lens.source.difference import Difference
from swingset_nb import commands, extension
from swingset_nb.errors import FOREIGN, SwingSetError
from swingset_nb.explorer import Explorer
from swingset_nb.extent import EVERYTHING, Extent, fit, size
from swingset_nb.render import Diff, Listing, Message, Shown, Stack, Table
from swingset_nb.sides import SideBySide
from swingset_nb.upgrade_panel import UpgradePanel
from tests.notebook.kernels import shown_by

pytestmark = pytest.mark.unaudited  # hundreds of vats, audited after each crank, take minutes

BOUND = 64_000
OBJECTS, MESSAGES, VATS, LABELS = 1_000, 150, 52, 60

SOURCE = """
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str

    def look(self) -> str:
        return self.owner

@remotable
class Bank:
    def many(self, count: int) -> list:
        print("x" * 100_000)
        for number in range(3 * count):
            print(number)
        return [Purse(owner=f"the {number}th owner, whose name is long") for number in range(count)]

    def text(self, length: int) -> str:
        return "x" * length

    def fail(self) -> None:
        raise ValueError("no " * 5_000)

def build_root_object():
    return Bank()
"""
CHANGED = SOURCE + "\n".join(f"x{number} = {number}" for number in range(3_000))
KINDS = [f"class Kind{number}:\n    pass" for number in range(100)]
PLAIN = """
from swingset.vat import remotable

@remotable
class Root:
    pass

def build_root_object():
    return Root()
"""

LINES = """\
status
vats
queue
clists bank
clists notebook
clists
promises
picture
panel
checkpoints
drafts
drafts draft_1
names
help
help find
rings
digest
explain bank
explain p7
history
find
find --kind send
find look
cause 2
cause 9
cause 2 --lines
story 2
story p7
trace 2
trace 2 --steps 5000
verify
prune
sql "SELECT * FROM vats"
sql "SELECT * FROM nothing"
when "bank.nothing > 5"
rehearse bank --records all
shadow bank --since 1
upgrade bank
%vat
%vat bank
%vat notebook
%vat vat_7
%vat nobody
%%vat bank
%%kind Purse --vat bank
%%whatif
%%vat bank --upgrade
%%kind Much --vat draft_1
step 60
until "method == 1"
run
undo upgrade bank --yes
%%vat draft_1
keep-drafts draft_1
drop-draft draft_1 X
debug 999999
test 999999 --name none
migrate bank
upgrade-all --older-only
suspend vat_1 why
drop vat_1
resume vat_1
terminate vat_1
export out.world
export out.swingset --archive
unpack out.swingset new.world
export-trace trace.json
name p0 as q0
pause
undo
redo
undo 3
checkpoint last
go-back last
go-back nowhere
close
open big.world --worker local""".splitlines()
"""What is typed, in this order. A line without `%` is a subcommand; a cell magic gets a changed cell."""

CUT = """\
status
vats
queue
clists
clists bank
clists notebook
promises
checkpoints
drafts
names
find
trace 2
sql "SELECT * FROM vats"
%vat
%vat bank
%%vat bank
step 60
upgrade-all --older-only""".splitlines()
"""The lines whose answers are longer than what is shown."""

ARGUMENTS = {"VAT": "bank", "N": "2", "CRANK": "2", "PATH": "made.here", "WHAT": "bank", "NAME": "some"}
"""What a word without a line is given for its arguments."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A shell with the large world open, in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("large"))
        running = InteractiveShell()
        extension.load(running)
        make(running)
        yield running
        extension.unload(running)


def make(shell: Any) -> None:
    """Fill a world."""
    notebook = shell._swingset_nb.notebook
    shell.run_cell("%swingset open big.world --worker local")
    world = notebook.require()
    session, controller = world.session, world.controller
    shell.user_ns["bank"] = session.define("bank", SOURCE)
    for number in range(LABELS):
        controller.checkpoint(f"label {number} of those with a long name")
    shell.run_cell(f"purses = await E(bank).many({OBJECTS})")
    shell.user_ns |= {f"p{number}": purse for number, purse in enumerate(shell.user_ns["purses"])}
    shell.run_cell("1")
    for number in range(VATS):
        session.define(f"vat_{number}", PLAIN)
        session.drafts.add(f"draft_{number}", "kind X", "x = 1\n" * 200)
    for number in range(0, VATS, 2):
        controller.vats.suspend(f"vat_{number}", "because " * 50)
    controller.queue.pause()
    shell.run_cell(f"soon = [E(purse).look() for purse in purses[:{MESSAGES}]]")
    shell.run_cell("\n".join(f"soon{number} = soon[{number}]" for number in range(LABELS)))
    world.pending["bank"] = {"bank": CHANGED}


@dataclass
class Answer:
    """What one line has shown or raised, and what was displayed and printed beside it."""

    shown: list[Shown | BaseException]
    printed: str

    def length(self) -> int:
        """How many bytes it takes in a notebook."""
        return len(self.printed.encode()) + sum(map(length, self.shown))


@pytest.fixture(scope="module")
def answers(shell: Any) -> dict[str, Answer]:
    """The answer to each line."""
    notebook, magics = shell._swingset_nb.notebook, shell._swingset_nb.magics
    words = {line.partition(" ")[0] for line in LINES}
    others = [line_for(word) for word in commands.registered() if word not in words]
    said: dict[str, Answer] = {}
    with pytest.MonkeyPatch.context() as patch:
        displayed: list[Any] = []
        patch.setattr("IPython.display.display", displayed.append)
        for line in [*LINES[:-2], *others, *LINES[-2:]]:
            displayed.clear()
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                try:
                    shown = typed(notebook, magics, line)
                except (SwingSetError, *FOREIGN) as problem:
                    shown = problem
            kept = [each for each in (shown, *displayed) if isinstance(each, Shown | BaseException)]
            said[line] = Answer(kept, printed.getvalue())
    return said


def typed(notebook: Any, magics: Any, line: str) -> Any:
    """Type one line."""
    magic, _, rest = line.partition(" ")
    if not magic.startswith("%"):
        return commands.run(notebook, line)
    cell = "\n".join(KINDS) if magic == "%%kind" else "1" if magic == "%%whatif" else CHANGED
    given = (cell,) if magic.startswith("%%") else ()
    return getattr(magics, magic.lstrip("%"))(rest, *given)


def line_for(word: str) -> str:
    """A word with something for each argument that it has to have."""
    actions = commands.registered()[word].parser._actions
    needed = [action for action in actions if not action.option_strings and action.nargs not in ("?", "*")]
    return " ".join([word, *(ARGUMENTS.get(str(action.metavar), "some") for action in needed)])


def length(answer: Shown | BaseException) -> int:
    """How many bytes an answer or an error takes in a notebook."""
    if isinstance(answer, Shown):
        return size(answer)
    lines = answer._render_traceback_()  # type: ignore[attr-defined]
    return sum(len(line.encode()) for line in (*lines, str(answer)))


@pytest.mark.parametrize("line", LINES)
def test_what_a_line_shows_is_bounded(line: str, answers: dict[str, Answer]) -> None:
    """All forms of what a cell shows take fewer bytes than the bound."""
    assert answers[line].shown
    assert answers[line].length() < BOUND


def test_words_without_a_line_are_bounded(answers: dict[str, Answer]) -> None:
    """A word that is not in the list is tried too."""
    assert {line.partition(" ")[0] for line in answers} >= set(commands.registered())
    for line in answers.keys() - set(LINES):
        assert answers[line].length() < BOUND, line


@pytest.mark.parametrize("line", CUT)
def test_what_is_left_out_is_counted(line: str, answers: dict[str, Answer]) -> None:
    """The answer says that there is more, and names the line or the option that shows it."""
    (shown,) = answers[line].shown
    assert isinstance(shown, Shown)
    for form in (shown.plain(), shown.html()):
        assert "more" in form
        assert "--all" in form


def test_what_the_answer_advises_works(shell: Any) -> None:
    """`--rows N` shows N rows, `--all` shows all of them, and neither is a word of the answer's own."""
    notebook = shell._swingset_nb.notebook
    assert len(commands.run(notebook, "clists bank --rows 70").rows) == 70  # type: ignore[union-attr]
    assert len(commands.run(notebook, "clists bank --all").rows) > OBJECTS  # type: ignore[union-attr]
    with pytest.raises(SwingSetError, match="--rows"):
        commands.run(notebook, "clists bank --rows 0")


def test_what_vats_print_is_bounded(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of 100,000 characters and 10,000 lines of one delivery are cut, and say how much is left out."""
    shell._swingset_nb.notebook.require().controller.queue.unpause()
    shell.run_cell("more = await E(bank).many(1000)")
    printed = capsys.readouterr().out
    assert len(printed) < BOUND
    assert "more characters" in printed


@pytest.mark.parametrize(
    ("cell", "much"),
    [
        ("await E(bank).text(1_000_000)", "940,002"),
        ("[await E(bank).text(100_000)] * 9", ""),
        ("import numpy; numpy.array(['x' * 100_000])", ""),
        ("'x' * 1_000_000", "940,002"),
    ],
)
def test_a_result_is_bounded(shell: Any, capsys: pytest.CaptureFixture[str], cell: str, much: str) -> None:
    """A long text, alone or in a list or an array, is cut, and says how much more there is."""
    shell._swingset_nb.notebook.require().controller.queue.unpause()
    shell.run_cell(cell)
    printed = capsys.readouterr().out
    assert len(printed) < BOUND
    assert f"and {much}" in printed
    assert "more characters: a part of the value shows them, such as `_[:1000]`" in printed


def test_a_result_is_whole_if_that_is_asked_for(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The setting is the one for what vats print; short results are as they were."""
    shell.run_cell("%config SwingSet.print_limit = 0")
    shell.run_cell("'x' * 100_000")
    assert len(capsys.readouterr().out) > 100_000
    shell.run_cell("%config SwingSet.print_limit = 60_000")
    shell.run_cell("'x' * 5")
    assert "'xxxxx'" in capsys.readouterr().out


def test_an_error_of_a_vat_is_bounded(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A rejection with a text of 15,000 characters."""
    shell.run_cell("await E(bank).fail()")
    printed = capsys.readouterr().out
    assert "ValueError" in printed
    assert len(printed) < BOUND


def test_names_that_cannot_be_stored_are_not_all_listed(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cell that binds hundreds of promises names some of them, and the word that lists the rest."""
    shell.user_ns |= {
        f"late{number}": shell.user_ns["E"](shell.user_ns["bank"]).fail() for number in range(300)
    }
    shell.run_cell("1")
    printed = capsys.readouterr().out
    assert "%swingset names" in printed
    assert len(printed) < BOUND


def test_panels_are_bounded(shell: Any) -> None:
    """What a panel sends to the browser, of which some front ends store a copy."""
    notebook = shell._swingset_nb.notebook
    notebook.require().pending["bank"] = {"bank": CHANGED}
    for panel in (Explorer(notebook), UpgradePanel(notebook, "bank")):
        panel.refresh()
        assert len(json.dumps(shown_by(panel))) < BOUND


WIDE = "<&'\"|`é" * 200
LONG: list[Shown] = [
    Message(WIDE * 20, [WIDE] * 500, [WIDE] * 500),
    Table(WIDE, [WIDE] * 20, [[WIDE] * 20] * 500, WIDE, [WIDE] * 500),
    Table("wide", ["c"] * 300, [["x" * 100] * 300] * 100),
    Diff([f"+{WIDE}"] * 3_000),
    SideBySide.of(Difference("vat", WIDE, f"{WIDE}\n" * 500, f"{WIDE} more\n" * 700)),
    Listing(WIDE, [WIDE] * 3_000),
    Stack([Table("t", ["a"], [[WIDE]] * 100)] * 500),
]


@pytest.mark.parametrize("shown", LONG, ids=lambda shown: type(shown).__name__)
def test_every_sort_of_answer_is_cut(shown: Shown) -> None:
    """Whatever text is in them, in whatever alphabet; and `--all` shows all of it."""
    cut = fit(shown, "%swingset it")
    assert size(cut) < BOUND
    assert "%swingset it --" in cut.plain()
    assert fit(shown, "%swingset it", Extent(everything=True)) is shown
    assert Extent(everything=True).most() == EVERYTHING


def test_a_line_that_does_something_is_not_advised_again() -> None:
    """The rest of the answer of a step is shown by a word that looks."""
    shown = fit(Message("did", ["x"] * 500), "%swingset step 500", rest="`%swingset find --all` shows them")
    assert "%swingset step" not in shown.plain()
    assert "%swingset find --all" in shown.plain()
