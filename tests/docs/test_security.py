"""What the pages on security promise is tested, and by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"

_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows() -> list[str]:
    """The rows of the tables of attacks."""
    _, _, tables = PAGE.read_text().partition("## Attacks")
    lines = [line for line in tables.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("|---", "| attack", "| what |"))]


def named() -> list[tuple[str, str]]:
    """Each file that the page names, with the function or nothing."""
    return [(file, function) for row in rows() for file, function in _NAMED.findall(row)]


def test_every_attack_names_what_happens_and_a_test() -> None:
    """Three columns, none of them empty."""
    assert len(rows()) > 30
    for row in rows():
        attack, happens, tests = (cell.strip() for cell in row.strip("|").split("|"))
        assert attack
        assert happens
        assert _NAMED.search(tests), attack
        assert _NAMED.sub("", tests).strip(" ,") == "", attack


@pytest.mark.parametrize(("file", "function"), sorted(set(named())))
def test_what_is_named_is_there(file: str, function: str) -> None:
    """The file has tests, and the one that is meant among them."""
    tree = ast.parse((ROOT / file).read_text())
    tests = [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"
    ]
    assert tests
    assert not function or function in tests


def test_the_policy_leads_to_the_page() -> None:
    """Whoever looks for how to report finds what is promised."""
    assert "(docs/security.md)" in (ROOT / "SECURITY.md").read_text()
