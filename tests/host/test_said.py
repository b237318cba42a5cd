"""Whatever a stranger writes, wherever it stands, reaches no reader as anything but drawn characters."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import traceback
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from swingset import KernelError, Session
from swingset.command.cli import main
from swingset.command.saying import say, say_json
from swingset.guest.base import context
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.host.base.outputs import Output
from swingset.host.worlds.opening import open_world
from swingset.lens.source.difference import Difference
from swingset.model.places import places
from swingset.model.reports import Fault, Frame
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError
from swingset.world.schema import STATE_NAMES
from swingset_nb.console import marked
from swingset_nb.errors import SwingSetError, as_text, explain
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.tampering.worlds import rich

FORGED = "→ `%swingset forged`"
NASTY = [
    "\x1b[2J\x1b[1;31mred",
    "\x1b]8;;http://evil\x07link",
    "\x9b2J",
    "back\x08\x08space",
    "bell\x07 null\x00 delete\x7f",
    "return\rover",
    f"new\n{FORGED}",
    f"page\x0c{FORGED}",
    f"separator\u2028{FORGED}\u2029{FORGED}\x85{FORGED}",
    f"first\r\n{FORGED}\nswingset: forged\n  vat forged, line 1 of its cell\nforged │ said",
    "bidi \u202eright\u202c \u2066isolate\u2069 \u200fmark \u061cletter",
    "zero\u200bwidth\u200djoin\ufeffer \u2060word \u00adsoft",
    "tag \U000e0041 private \ue000 noncharacter \ufffe surplus \U0010ffff",
    "wide\u3000space no\u00a0break",
]
"""Each would do something to a terminal or a page, or pass for a line of ours."""

ALL = "|".join(NASTY)


def check(text: str) -> None:
    """All of it is drawn, and no line of it is one that a stranger has forged."""
    odd = {char for char in text if char not in "\n\t " and unicodedata.category(char)[0] in "CZ"}
    assert not odd, ascii(odd)
    begins = (FORGED, "swingset: forged", "  vat forged", "forged")
    assert not [line for line in text.split("\n") if line.startswith(begins)], text


def plain(lines: list[str]) -> str:
    """Lines of a traceback without the colours, which are ours."""
    return "\n".join(lines).replace("\x1b[31m", "").replace("\x1b[0m", "")


SOURCE = """
from swingset.vat import E, VatError, remotable
NASTY = {nasty!r}

@remotable
class Root:
    def fail(self):
        raise VatError(NASTY, code=NASTY)

    def fail_by_name(self):
        raise type(NASTY, (ValueError,), {{}})(NASTY)

    def say(self):
        print(NASTY)

    def drop(self):
        E(self).fail()
        E(self).fail_by_name()

    def name_no_method(self):
        return getattr(E(self), NASTY)()

    def end(self):
        return {{"name": "vatUpgraded", "upgradeMessage": NASTY}}

def build_root_object():
    return Root()
"""


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A session on a world of local vats."""
    return make_stage("local")


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_errors_of_a_vat(nasty: str, stage: Stage) -> None:
    """Text, code and name of an error, in whatever prints it, and what nobody looked at."""
    root = stage.define("root", SOURCE.format(nasty=nasty))
    for method in ("fail", "fail_by_name", "name_no_method"):
        with pytest.raises(RemoteError) as caught:
            stage.ask(root, method)
        error = caught.value
        check(str(error))
        check("".join(traceback.format_exception(RuntimeError("mine").with_traceback(None), limit=0)))
        check("".join(traceback.format_exception_only(error)))
        check("".join(getattr(error, "__notes__", ())))
        check(plain(explain(error, lambda _: f"1\n{nasty}", [f"type `{nasty}`"])))
        check(as_text(error, stage.session.reading.source_of))
        assert error.remote_message == nasty or method != "fail"
    stage.ask(root, "say")
    stage.ask(root, "drop")
    stage.session.settle()
    said = [line for output in stage.outputs for line in marked(output)]
    assert len(said) >= 3
    check("\n".join(said))
    assert all(line.startswith(("root", "notebook")) for line in said)


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_errors_of_a_start(nasty: str, stage: Stage) -> None:
    """What a vat says that does not start, and the lines of its source."""
    with pytest.raises(KernelError) as caught:
        stage.session.define("root", f"TEXT = {nasty!r}\nraise ValueError(TEXT)\n")
    check("".join(traceback.format_exception_only(caught.value)))
    with pytest.raises(KernelError) as caught:
        stage.session.define("root", f"TEXT = '''{nasty}'''\nraise ValueError(TEXT)\n".replace("\x00", ""))
    check("".join(traceback.format_exception_only(caught.value)))


WORDED: list[Callable[[str], str]] = [
    lambda text: str(KernelError(text)),
    lambda text: str(WorldError(text)),
    lambda text: str(WorkerError(text)),
    lambda text: str(SwingSetError(text)),
    lambda text: plain(SwingSetError(text, text, f"`{text}`")._render_traceback_()),
    lambda text: plain(explain(KernelError(text), lambda _: text, [text])),
    lambda text: as_text(ValueError(text), lambda _: None),
    lambda text: "\n".join(places([Frame(text, 1, text)], lambda _: text, text)),
    lambda text: "\n".join(marked(Output(1, text, "stdout", text))),
    lambda text: _said(say, text),
    lambda text: _said(say, f"vat {text}: {text}"),
    lambda text: _said(say, KernelError(text)),
    lambda text: _said(say_json, {"a": [text], text: text}),
]
"""Everything that words a stranger's text for a reader."""


def _said(how: Callable[..., None], value: object) -> str:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        how(value)
    return stream.getvalue()


@pytest.mark.parametrize("how", WORDED, ids=range(len(WORDED)))
@pytest.mark.parametrize("nasty", [*NASTY, ALL], ids=range(len(NASTY) + 1))
def test_words(nasty: str, how: Callable[[str], str]) -> None:
    """Each of those that word something spells out what is not drawn, and marks further lines."""
    check(how(f"it said {nasty}"))


@pytest.mark.parametrize("value", [*NASTY, {"é": "é→"}, [1, None, True]], ids=range(len(NASTY) + 2))
def test_json_is_still_json(value: object) -> None:
    """What programs read is the very value, and letters that are drawn stay as they are."""
    text = _said(say_json, value)
    assert json.loads(text) == value
    assert "\\u00e9" not in text


def test_a_difference_has_no_line_but_its_own() -> None:
    """Names of cells come from the file, and stand in the head of a diff."""
    from swingset_nb.render import Diff

    lines = Difference("v", ALL, "a", "b").unified()
    check(Diff(lines).plain())
    check(str(Fault("code", "fine")))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with something in every table."""
    path = tmp_path_factory.mktemp("world") / "rich.world"
    rich(path)
    context.set_default(None)
    return path


def columns() -> list[tuple[str, str]]:
    """Every column of text of every table of state, and those of the history that people read."""
    from swingset.world.schema import SCHEMA

    found = []
    with sqlite3.connect(":memory:") as db:
        for statement in SCHEMA:
            db.execute(statement)
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table in STATE_NAMES or table in ("labels", "commits", "meta"):
                for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                    if kind == "TEXT":
                        found.append((table, column))
    return found


@pytest.mark.parametrize(("table", "column"), columns(), ids=lambda name: str(name))
def test_a_file_with_odd_text_anywhere(
    table: str, column: str, world: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether it is refused or shown, a command prints what is drawn, and no traceback."""
    path = str(shutil.copy(world, tmp_path / "odd.world"))
    with sqlite3.connect(path) as db:
        keys = [row[1] for row in db.execute(f"PRAGMA table_info({table})").fetchall() if row[5]]
        one = f"select {', '.join(keys)} from {table} limit 1"
        db.execute(f"update {table} set {column} = ? where ({', '.join(keys)}) in ({one})", (ALL,))
    db.close()
    for command in ("status", "dump"):
        main([command, path])
    printed = capfd.readouterr()
    check(printed.out)
    check(printed.err)
    assert "Traceback" not in printed.err


def test_odd_words_that_a_host_may_give(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Reasons, last words and what a program queued are shown by every command."""
    path = str(tmp_path / "odd.world")
    with open_world(path, worker="local") as controller:
        session = Session(controller)
        root = session.define("root", SOURCE.format(nasty=ALL))
        session.define("other", SOURCE.format(nasty=ALL))
        session.define("ended", SOURCE.format(nasty=ALL))
        controller.vats.suspend("other", ALL)
        controller.terminate_vat("ended", ALL)
        session.drafts.add("draft", ALL.replace("\x00", ""), "x")
        E(root).say()
        session.flush()
        kref = str(session.kref_of(root))
        controller.queue_to_root("root", "fail", policy="panic")
        controller.commit("last")
    context.set_default(None)
    for args in (
        ["run"],
        ["status"],
        ["vats"],
        ["vats", "--json"],
        ["dump"],
        ["rings"],
        ["verify"],
        ["step"],
    ):
        main([args[0], path, *args[1:], "--trust-local"])
    main(["explain", path, kref, "--trust-local"])
    main(["explain", path, ALL, "--trust-local"])
    main(["drop", path, "other", "--trust-local"])
    printed = capfd.readouterr()
    assert "root: " in printed.out
    check(printed.out)
    check(printed.err)
    assert "Traceback" not in printed.err
