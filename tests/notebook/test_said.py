"""What strangers wrote reaches the notebook as drawn characters only, in every view and every form of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset.core.report import CrankReport
from swingset.lens.source.difference import Difference
from swingset.model.messages import Reap
from swingset.vat import E
from swingset_nb import commands, extension
from swingset_nb.explorer import Explorer
from swingset_nb.render import Diff, Message, Shown, Stack, Table
from swingset_nb.sides import SideBySide
from swingset_nb.upgrade_panel import UpgradePanel
from tests.host.test_said import ALL, NASTY, SOURCE, check
from tests.notebook.kernels import shown_by

FORMS = ("plain", "markdown", "html")

LINKS = "see https://evil.example and www.evil.example and [here](https://evil.example) ![x](//evil.example)"


def shown_with(text: str) -> list[Shown]:
    """Every sort of answer, with a text at every place of it."""
    return [
        Message(text, [text], [text, f"`{text}`"]),
        Table(text, [text], [[text], [(text,)]], text, [text]),
        Table(text, [text], [], text, [text]),
        Diff([f"+{text}", f"--- {text}"]),
        Stack([Message(text), Diff([f" {text}"])]),
        SideBySide.of(Difference("vat", text, f"x = 1\n{text}\n", f"x = 2\n{text} more\n")),
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("nasty", [*NASTY, ALL], ids=range(len(NASTY) + 1))
def test_every_answer_in_every_form(nasty: str, form: str) -> None:
    """Nothing steers a terminal or a page, and no line of it passes for one of ours."""
    for shown in shown_with(f"it said {nasty}"):
        check(getattr(shown, form)())


def test_markdown_makes_no_links_of_addresses() -> None:
    """Neither of those that are written as links nor of bare ones, in a sentence, a list or a table."""
    for shown in shown_with(LINKS)[:3]:
        outside = re.sub(r"`[^`]*`", "", shown.markdown())
        assert not re.search(r"(?<!\\)\]\(|://|www\.", outside), outside


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A shell with a local world in which odd text is wherever a vat or a host can put it."""
    monkeypatch.chdir(tmp_path)
    running = InteractiveShell()
    extension.load(running)
    notebook = running._swingset_nb.notebook
    notebook.open("odd.world", "local")
    session = notebook.require().session
    for name in ("root", "other", "ended"):
        session.define(name, SOURCE.format(nasty=ALL))
    controller = session.controller
    controller.vats.suspend("other", ALL)
    controller.terminate_vat("ended", ALL)
    session.drafts.add("draft", ALL.replace("\x00", ""), f"x = 1\n# {ALL}")
    E.send_only(session.root("other")).say()
    notebook.require().pending["root"] = {ALL: f"y = 1\n# {ALL}", "root": f"z = 1\n# {ALL}"}
    yield running
    extension.unload(running)


LINES = [
    *("", "vats", "queue", "clists", "clists root", "promises", "picture", "checkpoints", "rings", "drafts"),
    *(
        "drafts draft",
        "help",
        "digest",
        "explain root",
        "step",
        "run",
        "resume other",
        "drop other",
        "explain ko1",
    ),
    *(
        "costs",
        "costs root",
        "vats --storage",
        "console",
        "console root --level error",
        "cause",
        "cause 3",
        "cause 4",
        "cause root",
        "story 3",
        "story 4",
        "story root",
        "find",
        "find --rejected",
        'sql "SELECT * FROM vats"',
        'sql "SELECT * FROM promises"',
    ),
    *("keep-drafts draft", "close", "rehearse root"),
]


def test_every_command(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a command answers or raises is fit to be looked at."""
    notebook = shell._swingset_nb.notebook
    for line in LINES:
        try:
            shown = commands.run(notebook, line)
        except Exception as error:
            check(str(error))
        else:
            for form in FORMS if shown is not None else ():
                check(getattr(shown, form)())
    printed = capsys.readouterr()
    check(printed.out)
    check(printed.err)


def test_what_is_typed_is_no_better(shell: Any) -> None:
    """A line that cannot be read is quoted as what it is."""
    notebook = shell._swingset_nb.notebook
    for line in (ALL, f"explain {ALL}", f"resume {ALL}", f"suspend {ALL}", f"--{ALL}"):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - of whatever sort
            commands.run(notebook, line.replace("\n", " "))
        check(str(caught.value))


def test_panels(shell: Any) -> None:
    """The state of a panel, which its script puts into the page as text."""
    notebook = shell._swingset_nb.notebook
    for panel in (Explorer(notebook), UpgradePanel(notebook, "root")):
        panel.refresh()
        for message in (
            {"kind": "step"},
            {"kind": "run"},
            {"kind": "pick", "subject": ALL},
            {"kind": "pick", "subject": "ko20"},
            {"kind": "search", "text": "o"},
            {"kind": "look", "crank": 1},
            {"kind": "rehearse"},
        ):
            panel._hear(panel, message, [])
            state = json.loads(json.dumps(shown_by(panel)))
            for text in texts(state):
                check(text)


def texts(state: Any) -> Iterator[str]:
    """Every text in a state."""
    if isinstance(state, str):
        yield state
    elif isinstance(state, dict | list):
        for item in state.values() if isinstance(state, dict) else state:
            yield from texts(item)


def test_progress(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What is told of a long run names the vat in which it is."""
    notebook = shell._swingset_nb.notebook
    notebook.settings.progress_after = 0.0
    notebook.progress.crank(CrankReport(Reap("v1"), "delivered", ALL, number=1))
    check(capsys.readouterr().err.replace("\r\x1b[K", ""))


@pytest.mark.parametrize("typed", ["%swingset resume ", "%swingset go-back ", "%%vat "])
def test_completions(typed: str, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What completion offers is written into the user's line."""
    notebook = shell._swingset_nb.notebook
    monkeypatch.setattr(type(notebook.world), "vat_names", lambda _: [ALL, "root"])
    for word in shell.Completer.complete(line_buffer=typed, cursor_pos=len(typed))[1]:
        check(word)
