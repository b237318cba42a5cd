"""What the tests promise their readers."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent


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
