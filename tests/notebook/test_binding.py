"""Names and drafts of a stranger's file: they replace nothing, and run in front of nothing unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset import Session
from swingset.guest.base import context
from swingset.host.code.drafts import StrangeDrafts
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.vat import E
from swingset_nb import commands, extension
from swingset_nb.binding import unfit
from tests.notebook.kernels import Kernel

ROOT = """
from swingset.vat import durable, remotable

@durable
class Thing:
    def who(self):
        return "a stranger"

@remotable
class Root:
    def make(self):
        return Thing()
    def who(self):
        return "a stranger"

def build_root_object():
    return Root()
"""

TAKEN = ["print", "os", "In", "Out", "get_ipython", "exit", "quit", "open", "display", "E", "mine", "len"]
"""What means something in the notebook before the file is opened; `os` and `mine` are the user's own."""

ODD = [
    "class",
    "None",
    "__name__",
    "_",
    "_hidden",
    "a b",
    "a.b",
    "1a",
    "",
    "ｐrint",
    "ﬁle",
    "x\u202ey",
    "é\n",
    "→",
]
"""What can be no name, or reads as another one."""

VATS = ["get_ipython", "Out", "print", "os", "a.b", "class"]


@pytest.mark.parametrize("name", [*ODD, *(name for name in TAKEN if name not in ("os", "mine", "E"))])
def test_some_names_are_nobodys(name: str) -> None:
    """What Python or IPython give a meaning to, and what reads as another name, is not given."""
    assert unfit(name) is not None


@pytest.mark.parametrize("name", ["bank", "purse_2", "é", "имя", "match", "os", "Purse"])
def test_others_are_anybodys(name: str) -> None:
    """A plain word is a name, in whatever script."""
    assert unfit(name) is None


@pytest.fixture
def gift(tmp_path: Path) -> Iterator[Path]:
    """A file whose vats, stored names and drafts are chosen to get in the way."""
    session = Session(open_world(tmp_path / "gift.world", worker="local"))
    made = session.define("maker", ROOT)
    things = {}
    for name in [*TAKEN, "free", "class", "a b", "ｐrint"]:
        things[name] = session.wait(E(made).make())
    session.names.remember(things)
    for name in VATS:
        session.define(name, ROOT)
    session.drafts.add("mine", "kind Thief", "import os\nprint('stolen', os.getcwd())\n")
    session.drafts.add("mine", "kind Purse", "\nx = 1\n")
    session.close()
    yield tmp_path
    context.set_default(None)


def test_opening_a_gift_replaces_nothing(gift: Path) -> None:
    """What was bound stays, what is free is given, the rest is told of and can be had by another name."""
    with Kernel(gift) as kernel:
        kernel.run("import os, builtins\nmine = 5\nE = 2.718")
        opened = kernel.run("%swingset open gift.world --worker local")
        assert opened.status == "ok"
        assert "names that came back: free and maker" in opened.plain
        assert "not bound, because these names have another meaning here" in opened.plain
        for name in ("print", "os", "get_ipython", "Out", "mine", "E", "a b"):
            assert name in opened.plain
        assert "`%swingset name E as NEW` gives one another name" in opened.plain
        kept = kernel.run(
            "(print is builtins.print, os.name, mine, E, callable(get_ipython), type(Out), len([]),"
            " 'a b' in globals(), 'class' in globals(), 'ｐrint' in globals())"
        ).plain
        assert kept == f"(True, '{__import__('os').name}', 5, 2.718, True, dict, 0, False, False, False)"
        assert "%swingset name" in kernel.run("%swingset").plain
        assert "stands for" in kernel.run("%swingset name mine as theirs").plain
        assert "E has another meaning here" in kernel.run("%swingset").plain
        kernel.run("from swingset.vat import E as send")
        assert kernel.run("await send(theirs).who()").plain == "'a stranger'"
        for bad in ("print", "get_ipython", "mine", "class", "no-name"):
            assert kernel.run(f"%swingset name os as {bad}").status == "error"
        assert (
            "is no name of the world that was not bound here"
            in kernel.run("%swingset name nothing as x").traceback
        )
        for name in (TAKEN[0], *TAKEN[2:9], "class", "_x", "a-b", "ｐrint", "E", "notebook"):
            ran = kernel.run(f"%%vat {name}\n{ROOT}")
            assert (ran.status, "becomes a name of the notebook" in ran.traceback) == ("error", True), name
        # Nothing of the withheld is lost with the session.
        kernel.run("%swingset close")
        assert kernel.run("(print is builtins.print, mine, E, 'free' in globals())").plain == (
            "(True, 5, 2.718, False)"
        )
        kernel.run("del mine, E")
        again = kernel.run("%swingset open gift.world --worker local").plain
        assert "names that came back: free, maker, mine and theirs" in again
        assert kernel.run("await E(mine).who()").plain == "'a stranger'"


def test_drafts_of_a_gift_wait_for_a_word(gift: Path) -> None:
    """They are listed and shown, stop the vat they are for, and are used or deleted as the user says."""
    with Kernel(gift) as kernel:
        opened = kernel.run("%swingset open gift.world --worker local").plain
        assert "drafts in the file that wait to be accepted, for mine" in opened
        refused = kernel.run(f"%%vat mine --worker local\n{ROOT}")
        assert "vat mine that are not of this session: kind Thief and kind Purse" in refused.traceback
        assert "stolen" not in refused.printed
        listed = kernel.run("%swingset drafts").plain
        assert ("kind Thief" in listed, "the file" in listed) == (True, True)
        shown = kernel.run("%swingset drafts mine").plain
        assert "print('stolen', os.getcwd())" in shown
        assert "`%swingset drop-draft mine CELL` deletes one" in shown
        assert "is not drafted" in kernel.run("%swingset drop-draft mine kind Thief").plain
        assert kernel.run(f"%%vat mine\n{ROOT}").status == "error"
        # The same cell, run by the user, is the user's.
        assert "drafted for vat mine already" in kernel.run("%%kind Purse --vat mine\nx = 1\n").plain
        assert "the name mine holds Thing of maker" in kernel.run(f"%%vat mine\n{ROOT}").traceback
        kernel.run("del mine")
        assert "made of this cell and kind Purse" in kernel.run(f"%%vat mine\n{ROOT}").plain
        assert "no such cell 'Thief'" in kernel.run("%swingset drop-draft mine Thief").traceback


def test_a_cell_can_be_taken_away(tmp_path: Path) -> None:
    """A slip in the name of a kind is dropped before the vat runs, or by an upgrade when it does."""
    with Kernel(tmp_path) as kernel:
        kernel.run("%swingset open my.world --worker local")
        kernel.run("%%kind Pruse --vat bank\ndef slip(self): return self.owner +\n")
        kernel.run("%%kind Extra --vat bank\nY = 1\n")
        assert kernel.run(f"%%vat bank\n{ROOT}").status == "error"
        assert "Pruse" in kernel.run("%swingset drop-draft bank Pruse").plain
        assert kernel.run(f"%%vat bank\n{ROOT}").status == "ok"
        asked = kernel.run("%swingset drop-draft bank Extra")
        assert "`%swingset drop-draft bank kind Extra --upgrade`" in asked.traceback
        done = kernel.run("%swingset drop-draft bank Extra --upgrade").plain
        assert "vat bank runs without kind Extra now: incarnation 1" in done
        assert "kind Extra" not in kernel.run("%vat bank").plain
        assert kernel.run("await E(bank).who()").plain == "'a stranger'"


def test_e_comes_back_where_it_was_lost(tmp_path: Path) -> None:
    """After `%reset` the cell of a vat gives it again, and `fetch`; a name that the user gave stays."""
    with Kernel(tmp_path) as kernel:
        kernel.run("%swingset open my.world --worker local")
        kernel.run(f"%%vat bank\n{ROOT}")
        kernel.run("%reset -f")
        kernel.run(f"%%vat bank\n{ROOT}")
        assert kernel.run("await E(bank).who()").plain == "'a stranger'"
        kernel.run("E = 2.718")
        kernel.run(f"%%vat bank\n{ROOT}")
        assert kernel.run("E").plain == "2.718"
        assert "E has another meaning here" in kernel.run("%swingset").plain
        kernel.run("fetch = bank")
        assert "fetch" in kernel.run("%swingset undo").plain
        assert "promise for an object of another world" in kernel.run("fetch.__doc__").plain
        assert kernel.run(f"%%vat fetch\n{ROOT}").status == "ok"
        assert "root of fetch" in kernel.run("fetch").plain
        kernel.run("%swingset close")
        kernel.run("fetch = 5")
        opened = kernel.run("%swingset open my.world --worker local").plain
        assert (
            "not bound, because these names have another meaning here or are not valid names: fetch" in opened
        )
        assert kernel.run("fetch").plain == "5"


def test_a_session_without_a_notebook_asks_too(gift: Path) -> None:
    """A program keeps or drops drafts that it finds, before a vat is made of them."""
    session = Session(open_world(gift / "gift.world", worker="local"))
    with pytest.raises(StrangeDrafts, match="kind Thief, kind Purse"):
        session.define("mine", ROOT)
    session.drafts.drop("mine", "kind Thief")
    with pytest.raises(StrangeDrafts, match="kind Purse"):
        session.define("mine", ROOT)
    session.drafts.keep("mine", "kind Purse")
    session.define("mine", ROOT)
    assert [part for part, _ in session.controller.vats.parts("mine")] == ["kind Purse", "mine"]
    session.close()


def test_a_queued_creation_of_a_stranger_is_told_of_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To open a file is not to run what waits in it for a local worker; `open` and `%swingset` tell of it."""
    monkeypatch.chdir(tmp_path)
    canary = tmp_path / "was here"
    parts = (("evil", f"open({str(canary)!r}, 'w').close()\n{ROOT}"),)
    with open_world(tmp_path / "gift.world", worker="local") as world:
        world.kernel.queue_creation("evil", "local", parts, CapData("#null"), {})
        world.commit("made")
    shell = InteractiveShell()
    extension.load(shell)
    try:
        notebook = extension.loaded(shell).notebook
        opened = commands.run(notebook, "open gift.world")
        assert "the creation of vat evil waits in the run-queue" in repr(opened)
        shell.run_cell("1")
        commands.run(notebook, "run")
        commands.run(notebook, "step")
        assert "the creation of vat evil waits in the run-queue" in repr(commands.run(notebook, ""))
        shell.run_cell(f"%%vat mine --worker local\n{ROOT}")
        assert "mine" not in notebook.require().vat_names()
    finally:
        extension.unload(shell)
    assert not canary.exists()
