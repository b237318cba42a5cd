"""The design pages name files, tests and each other as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs" / "design"
PAGES = sorted(DESIGN.glob("*.md"))

_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_MODULE = re.compile(r"`((?:kernel/swingset/)?[\w/]+\.py)`")


def test_every_page_is_listed() -> None:
    """The first page names all others, and only pages that exist."""
    named = re.findall(r"\]\(([\w-]+)\.md\)", (DESIGN / "README.md").read_text())
    assert sorted(named) == [page.stem for page in PAGES if page.stem != "README"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Modules are named below `kernel/swingset/`; of a test, its function exists too."""
    text = page.read_text()
    for file, function in _TEST.findall(text):
        assert (ROOT / file).is_file(), file
        defined = {
            node.name
            for node in ast.walk(ast.parse((ROOT / file).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert not function or function in defined, f"{file}::{function}"
    for file in _MODULE.findall(text):
        if not file.startswith("tests/"):
            places = (ROOT, ROOT / "kernel" / "swingset")
            assert any((place / file).is_file() for place in places), file


def test_every_source_of_a_difference_has_a_test() -> None:
    """Each row of the page on determinism has three columns, and the last names tests and nothing else."""
    lines = (DESIGN / "determinism.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith(("|---", "| source"))]
    assert len(rows) > 30
    for row in rows:
        source, closed, tests = (cell.strip() for cell in row.strip("|").split("|"))
        assert source
        assert closed
        assert _TEST.search(tests), source
        assert _TEST.sub("", tests).strip(" ,") == "", source
