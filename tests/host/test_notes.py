"""The lines of vats travel on the exception: whatever prints a traceback shows them, and counts right."""

from __future__ import annotations

import ast
import io
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from swingset import Session, VatFault
from swingset.guest.sending.eventual import E
from swingset.host.worlds.opening import open_world
from swingset.lens.source.difference import Difference
from swingset.model.lines import source_lines
from tests.conftest import MakeStage
from tests.staging import Stage

ROOT = Path(__file__).parents[2]

BAD = """
from swingset.vat import E, remotable

class Overdrawn(ValueError):
    pass

@remotable
class Bad:
    def over(self):
        raise Overdrawn("too much")

    async def ask(self, other):
        return await E(other).over()

    def send(self, other):
        E(other).over()

def build_root_object():
    return Bad()
"""
SAYS = "  vat bad, line 10 of its cell, in Bad.over"
ARROW = '  ---> 10         raise Overdrawn("too much")'


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A session with a vat that fails."""
    stage = make_stage("local")
    stage.define("bad", BAD)
    return stage


def printed(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def logged(error: BaseException) -> str:
    stream = io.StringIO()
    logger = logging.getLogger("tests.notes")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    try:
        logger.error("it failed", exc_info=error)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def caused(error: BaseException) -> str:
    problem = RuntimeError("mine")
    problem.__cause__ = error
    return printed(problem)


def grouped(error: BaseException) -> str:
    assert isinstance(error, Exception)
    return printed(ExceptionGroup("several", [error])).replace("  | ", "").replace("    | ", "")


@pytest.mark.parametrize("how", [printed, logged, caused, grouped])
def test_every_printer_shows_the_lines_of_the_vat(how: Callable[[BaseException], str], stage: Stage) -> None:
    """Which vat and which line, with the line itself, once."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        stage.ask(stage.session.root("bad"), "over")
    text = how(caught.value)
    assert (SAYS.strip() in text, ARROW.strip() in text) == (True, True)
    assert text.count("line 10 of its cell") == 1


def test_an_error_brings_the_lines_of_all_vats_it_passed(stage: Stage) -> None:
    """Those of who waited come first, those of who raised last."""
    asker = stage.define("asker", BAD)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        stage.ask(asker, "ask", stage.session.root("bad"))
    (note,) = caught.value.__notes__
    lines = [line for line in note.split("\n") if "of its cell" in line]
    assert lines == ["  vat asker, line 13 of its cell, in Bad.ask", SAYS]


def test_what_a_listener_is_told_has_them_too(stage: Stage) -> None:
    """Also an error that nobody waited for, but a callback was handed."""
    told: list[BaseException] = []
    E.when(E(stage.session.root("bad")).over(), None, told.append)
    stage.session.settle()
    assert told[0].__notes__ == ["\n".join([SAYS, "        9     def over(self):", ARROW])]


def test_a_note_of_the_users_own_comes_behind(stage: Stage) -> None:
    """Notes can be added as to any exception."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        stage.ask(stage.session.root("bad"), "over")
    caught.value.add_note("while saving")
    assert printed(caught.value).endswith(f"{ARROW}\nwhile saving\n")


def test_a_vat_that_does_not_start_says_where(stage: Stage) -> None:
    """At its start and at an upgrade the line is one of the source that was tried."""
    with pytest.raises(VatFault) as caught:
        stage.define("worse", "x = 1\n1 / 0\n")
    assert "  vat worse, line 2 of its cell\n" in printed(caught.value)
    assert "  ----> 2 1 / 0" in printed(caught.value)
    with pytest.raises(VatFault) as caught:
        stage.upgrade("bad", BAD + "\n1 / 0\n")
    assert "  ---> 21 1 / 0" in printed(caught.value)


def test_vats_hear_of_errors_as_before(make_stage: MakeStage) -> None:
    """What a vat is told is the message as it was said, and no notes: that is for people."""
    stage = make_stage("local")
    source = """
        from swingset.vat import E, remotable
        @remotable
        class R:
            async def look(self, other):
                try:
                    await E(other).over()
                except ValueError as error:
                    return [str(error), getattr(error, "__notes__", None)]
            def over(self):
                raise ValueError("one\\ntwo\\x1b")
        def build_root_object():
            return R()
    """
    one, two = stage.define("one", source), stage.define("two", source)
    assert stage.ask(one, "look", two) == ["one\ntwo\x1b", None]


def test_a_script_that_fails_says_where(tmp_path: Path) -> None:
    """An error that nobody catches ends a script with the line of the vat."""
    script = tmp_path / "script.py"
    script.write_text(
        dedent(f"""
        import swingset
        from swingset.vat import E
        session = swingset.Session(swingset.open_world(None, worker="local"))
        bad = session.define("bad", {BAD!r})
        session.wait(E(bad).over())
        """)
    )
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.endswith(f"Overdrawn: too much\n{SAYS}\n        9     def over(self):\n{ARROW}\n")


SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
"""What ends a line for `str.splitlines`, and none for Python."""

ENDS = ["\n", "\r\n", "\r"]


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_a_line_is_what_python_takes_for_one(separator: str, make_stage: MakeStage) -> None:
    """Whatever stands in a text before it, the line that raised is the one shown."""
    stage = make_stage("local")
    bad = stage.session.define("bad", f"# one{separator}line\nTEXT = 'one{separator}line'\n{BAD}")
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        stage.ask(bad, "over")
    assert '  ---> 12         raise Overdrawn("too much")' in caught.value.__notes__[0]


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_lines_may_end_as_they_do_anywhere(end: str, make_stage: MakeStage) -> None:
    """Sources of other systems are counted as Python counts them."""
    stage = make_stage("local")
    bad = stage.session.define("bad", BAD.replace("\n", end))
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        stage.ask(bad, "over")
    assert ARROW in caught.value.__notes__[0]


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\n\nb", "\n", "\ra\r\nb\n\r", *SEPARATORS, "\x0c\ra"])
def test_lines_are_those_of_the_parser(text: str) -> None:
    """As many as Python counts, in a comment to each."""
    source = text.replace("a", "#a").replace("b", "#b") + "\nlast"
    try:
        number = ast.parse(source).body[-1].lineno
    except SyntaxError:
        number = source.count("\n") + 1
    assert source_lines(source)[number - 1] == "last"


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_a_difference_counts_the_same_lines(separator: str) -> None:
    """The lines of a diff are those of the cells."""
    old = f"a = 'x{separator}y'\nb = 1\n"
    assert Difference("v", "v", old, old.replace("1", "2")).unified(0)[2:] == [
        "@@ -2 +2 @@",
        "-b = 1",
        "+b = 2",
    ]


def test_source_is_split_in_one_place() -> None:
    """Nobody else splits text by what Python takes for no end of a line, but where it is no source."""
    allowed = {
        "command/running.py",  # what a vat printed, which is visible by then
        "workers/wasm/worker.py",  # what an interpreter said when it crashed
        "guest/guards/method_tables.py",  # a docstring
        "lens/history/story.py",  # what a vat printed, which is visible by then
        "time/explorer/telling.py",  # what a vat printed, which is visible by then
        "time/bugs/writing_tests.py",  # pieces of a literal, which are joined again
    }
    kernel = ROOT / "kernel" / "swingset"
    found = {
        str(path.relative_to(kernel))
        for path in kernel.rglob("*.py")
        if "splitlines(" in path.read_text("utf-8")
    }
    assert found <= allowed
    shown = [path.name for path in (ROOT / "swingset_nb").rglob("*.py") if "splitlines(" in path.read_text()]
    assert sorted(shown) == ["demo.py", "on_lessons.py"]  # which show notebooks of ours


def test_a_closed_world_still_tells(tmp_path: Path) -> None:
    """What was caught before is printed with its lines when the world is gone."""
    session = Session(open_world(tmp_path / "a.world", worker="local"))
    bad = session.define("bad", BAD)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        session.wait(E(bad).over())
    session.close()
    assert SAYS in printed(caught.value)
