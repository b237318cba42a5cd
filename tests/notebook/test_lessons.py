"""The lessons: what each copy has, and that what its texts say to type and to open is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import commands, extension
from swingset_nb.notebook import Notebook
from swingset_nb.on_lessons import lessons

NAMES = list(lessons())
TYPED = re.compile(r"`%swingset ([a-z][a-z-]*)")
HELP = re.compile(r"`%swingset help ([a-z][a-z-]*)`")
LINK = re.compile(r"\]\(([\w./-]+)\)")


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    """A notebook without a world."""
    shell = InteractiveShell()
    extension.load(shell)
    yield shell._swingset_nb.notebook
    extension.unload(shell)


def cells(name: str) -> list[dict[str, Any]]:
    """The cells of a lesson, with their texts in one piece."""
    read = json.loads(lessons()[name].read_text())["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in read]


def texts(name: str) -> str:
    """All that a lesson says between its cells."""
    return "\n".join(cell["source"] for cell in cells(name) if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_all_cells_and_no_outputs(
    notebook: Notebook, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`%swingset lesson NAME` puts the same code beside the notebook; links lead to what can be there."""
    monkeypatch.chdir(tmp_path)
    commands.run(notebook, f"lesson {name}")
    copied = json.loads((tmp_path / f"{name}.ipynb").read_text())["cells"]
    for cell, original in zip(copied, cells(name), strict=True):
        source = "".join(cell["source"])
        assert cell["cell_type"] == "markdown" or source == original["source"]
        for target in LINK.findall(source):
            assert f"]({target}) (`%swingset lesson {Path(target).stem}`)" in source
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copied)


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_begins_and_ends_like_the_others(name: str) -> None:
    """It has a title, it begins anew each time, and it says what to try next."""
    found = cells(name)
    assert found[0]["source"].startswith("# ")
    setup = found[1]["source"]
    assert "%load_ext swingset_nb\n%swingset close\nfor leftover in " in setup
    assert "leftover.unlink()" in setup
    last = [cell["source"] for cell in found if cell["cell_type"] == "markdown"][-1]
    assert last.rpartition("## ")[2].startswith("What to try next\n")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_lesson_says_to_type_is_there(notebook: Notebook, name: str) -> None:
    """Every subcommand that its texts name exists, and every word that they send to the help has a line."""
    said = texts(name)
    assert set(TYPED.findall(said)) <= commands.registered().keys()
    for word in HELP.findall(said):
        assert commands.run(notebook, f"help {word}") is not None


@pytest.mark.parametrize("name", NAMES)
def test_what_a_lesson_links_to_is_there(name: str) -> None:
    """Other lessons are linked by their files, so that the links work where the copies lie."""
    for target in LINK.findall(texts(name)):
        assert (lessons()[name].parent / target).is_file(), target
