"""What code and tests promise their readers."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
CODE = (TESTS.parent / "kernel", TESTS.parent / "swingset_nb")
MOST_LINES = 450


def test_no_module_is_longer_than_a_readers_patience() -> None:
    """Every module of the project has at most 450 lines."""
    sizes = {
        str(path.relative_to(TESTS.parent)): len(path.read_text().splitlines())
        for folder in CODE
        for path in folder.rglob("*.py")
    }
    assert len(sizes) > 200
    assert {module: size for module, size in sizes.items() if size > MOST_LINES} == {}


def test_every_test_states_its_fact_in_a_docstring() -> None:
    """Each test function says in a sentence what it shows."""
    silent = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                text = ast.get_docstring(node)
                if not text or not text.rstrip().endswith("."):
                    silent.append(f"{path.relative_to(TESTS)}:{node.lineno} {node.name}")
    assert not silent, "\n".join(silent)
