"""From the top, twice: cells that are run again say that they were, and go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel, bank

NOTE = """from swingset.vat import durable

@durable
class Note:
    text: str

    def read(self) -> str:
        return self.text
"""
OPEN = "%swingset open it.world --worker local"
NOTEBOOK = [
    OPEN,
    bank(),
    NOTE,
    "%swingset checkpoint begun",
    "purse = await E(bank).open_purse('alice')\nnote = Note(text='mine')",
    "(await E(purse).deposit(5), note.read())",
    "import os; os.chdir('sub')",
]


def drafts(walked: Kernel) -> list[str]:
    """The rows of the table of drafts."""
    return walked.run("%swingset drafts").plain.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebook, with another one in it."""
    found = tmp_path_factory.mktemp("again")
    (found / "sub").mkdir()
    (found / "other.world").touch()
    return found


@pytest.fixture(scope="module")
def walked(folder: Path) -> Kernel:
    """A kernel in which the notebook was run twice, after it had been run twice in another kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JPY_SESSION_NAME", str(folder / "Mine.ipynb"))
        with Kernel(folder) as first:
            for ran in [first.run(cell) for _ in range(2) for cell in NOTEBOOK[:3] + NOTEBOOK[4:6]]:
                assert ran.status == "ok", ran.traceback
        return Kernel(folder)


@pytest.fixture(scope="module", autouse=True)
def killed(walked: Kernel) -> object:
    """Kill the kernel at the end."""
    yield
    walked.kill()


def test_restart_and_run_all_twice(walked: Kernel) -> None:
    """Every cell runs, each time: on the same world, after a restart, and from another folder."""
    walked.run("%swingset open it.world --worker local")
    walked.run("%swingset checkpoint begun")
    told = []
    for _ in range(2):
        for cell in NOTEBOOK:
            ran = walked.run(cell.replace("'sub'", "'../sub' if os.getcwd().endswith('sub') else 'sub'"))
            assert ran.status == "ok", ran.traceback
            told.append(ran.printed + ran.plain)
    assert "it.world is open already" in told[0]
    assert "nothing changed" in told[0]
    assert "already runs exactly this cell" in told[1]
    assert "checkpoint begun is at this state already" in told[3]
    assert "checkpoint begun stays where it is" in told[10]
    assert "defined again: Note; its stored objects go on with this code" in told[9]
    assert told[-2].endswith("(5, 'mine')")
    walked.run("os.chdir('..')")


def test_a_checkpoint_of_the_same_state_says_so(walked: Kernel) -> None:
    """If more was done than names stored, it stays where it is, and says how to move it or go back to it."""
    walked.run("%swingset checkpoint here")
    walked.run("same = purse")
    assert "is at this state already" in walked.run("%swingset checkpoint here").plain
    walked.run("await E(purse).deposit(1)")
    for _ in range(2):
        told = walked.run("%swingset checkpoint here")
        assert told.status == "ok"
        assert re.match(r"checkpoint here stays where it is, at crank \d+: the world has gone on", told.plain)
        assert "→ `%swingset checkpoint here --move` moves it to the present" in told.plain
    assert walked.run("%swingset checkpoint here --move").plain.startswith("checkpoint here at crank ")


def test_another_worker_or_world_is_refused_with_the_way(walked: Kernel) -> None:
    """What cannot go on says what to type."""
    for line, again in (
        ("open it.world --worker wasm", "%swingset open it.world --worker wasm"),
        ("open other.world", "%swingset open other.world"),
    ):
        refused = walked.run(f"%swingset {line}").traceback
        assert "it.world is open already" in refused
        assert f"→ %swingset close\n→ {again}" in refused


def test_reset_leaves_a_way_back(walked: Kernel) -> None:
    """E and fetch are bound at once, and `open` binds the rest; nothing is forgotten meanwhile."""
    told = walked.run("%reset -f").printed
    assert "E and fetch are back, `%swingset open it.world --worker local` binds the others" in told
    assert walked.run("(E, fetch)").status == "ok"
    line = "`%swingset open it.world --worker local` binds"
    assert f"→ the world has bank, and it is not bound now: {line} it" in walked.run("bank").traceback
    assert f"→ {line} the names that are not bound: bank" in walked.run("%swingset").plain
    names = walked.run("%swingset names").plain
    assert names.count(f"not bound now: {line} it") == names.count("bank") > 0
    assert "names that came back: " in walked.run("%swingset open it.world").plain
    assert walked.run("await E(purse).deposit(0)").plain == "6"


@pytest.mark.parametrize("ends", ["%swingset close", "%unload_ext swingset_nb"])
def test_a_world_that_is_left_is_opened_by_its_own_path(walked: Kernel, ends: str) -> None:
    """Whatever ends it says how to open it; so do the refusals after it, from another folder too."""
    told = walked.run(ends)
    assert "it.world --worker local" in told.printed + told.plain
    if ends == "%swingset close":
        walked.run("import os; os.chdir('sub')")
        line = walked.run("%swingset vats").traceback.splitlines()[-1].removeprefix("→ ")
        assert line.endswith("/it.world --worker local")
        assert line in walked.run("%swingset").plain
        for name in ("E", "purse"):
            assert f"`{line}` binds `E` and the names of that world" in walked.run(name).traceback
        assert f"`{line}` binds `fetch`, `E` and the names" in walked.run("fetch").traceback
        assert "names that came back: " in walked.run(line).plain
        refused = walked.run("%swingset open it.world").traceback
        assert f"{line.split()[2]} is open already" in refused
        walked.run("os.chdir('..')")
    else:
        walked.run("%load_ext swingset_nb")
        assert "NameError" in walked.run("purse").traceback
        walked.run(OPEN)


def test_a_reload_opens_the_world_again(walked: Kernel) -> None:
    """Its names are bound and work, and a second reload is like the first; what is plain stays."""
    walked.run("plain = object(); kept = plain")
    for _ in range(2):
        told = walked.run("%reload_ext swingset_nb").printed
        assert re.search(r"it\.world is open again, at crank \d+; names that came back: .*purse", told)
        assert int(walked.run("await E(purse).deposit(0)").plain) > 0
    assert walked.run("kept is plain").plain == "True"


def test_a_kind_with_a_slip_in_its_name_is_dropped(walked: Kernel) -> None:
    """Before the vat is made, and while it runs; the hint says how."""
    kind = (
        "%%kind Purze --vat {vat}\nfrom swingset.vat import durable\n\n@durable\nclass Purze:\n    n: int\n"
    )
    for vat, done in (
        ("late", "is not drafted for vat late any more"),
        ("bank", "is forgotten: vat bank runs"),
    ):
        told = walked.run(kind.format(vat=vat)).plain
        assert f"→ `%swingset drop-draft {vat} Purze`" in told
        assert any("kind Purze" in line and vat in line for line in drafts(walked)), "it is listed"
        assert done in walked.run(f"%swingset drop-draft {vat} Purze").plain
        assert not any("kind Purze" in line for line in drafts(walked))
    assert "changed cell" not in walked.run("%swingset").plain


def test_a_class_that_does_not_fit_shows_the_cell_only(walked: Kernel) -> None:
    """The refusal names field and fix, and no frame of the library."""
    refused = walked.run(NOTE.replace("text: str", "text: int"))
    assert "Note.text: expected str as stored" in refused.traceback
    assert "this cell, line 3" in refused.traceback
    assert "kinds.py" not in refused.traceback
    walked.run(NOTE)


def test_paths_and_labels_complete_to_what_is_there(walked: Kernel) -> None:
    """Folders with their slash, worlds and archives, and nothing else; labels of this world."""
    assert walked.complete("%swingset open ") == ["it.world", "other.world", "sub/"]
    assert walked.complete("%swingset open s") == ["sub/"]
    assert walked.complete("%swingset go-back nothi") == ["nothi"]
    assert "here" in walked.complete("%swingset go-back ")
    assert walked.complete("%swingset checkpoint he") == ["here"]
    assert walked.complete("%swingset delete-checkpoint he") == ["here"]


def test_a_world_of_another_notebook_is_named_by_it(folder: Path, walked: Kernel) -> None:
    """The second notebook learns which one holds the world, and opens it when that is closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JPY_SESSION_NAME", str(folder / "Second.ipynb"))
        with Kernel(folder) as second:
            refused = second.run("%swingset open it.world --worker local").traceback
            assert "is open in the notebook Mine.ipynb (process " in refused
            assert "close the world there" in refused
            walked.run("%swingset close")
            told = second.run("%swingset open it.world --worker local").plain
            assert "names that came back: bank" in told
            refused = walked.run("%swingset open it.world --worker local").traceback
            assert "is open in the notebook Second.ipynb" in refused
