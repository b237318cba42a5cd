"""The JavaScript of the panels: its types, its format, its unit tests, and what is sent to the page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from swingset_nb.scripts import STATIC, script
from tests.js.installed import HERE, installed, node

PANELS = {"explorer/explorer.js": 48_000, "upgrade_panel.js": 14_000}
"""The panels, and how many bytes the text of each may have: every instance carries it."""


def run(*command: str | Path) -> None:
    """Run a tool, and show what it says if it fails."""
    ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_types_are_right() -> None:
    """The type checker finds nothing in the modules, at its strictest."""
    run(installed() / ".bin" / "tsc", "--project", ".")


def test_the_format_is_one() -> None:
    """Modules and their tests are as the formatter writes them; `npm run format` does it."""
    run(installed() / ".bin" / "prettier", "--config", ".prettierrc.json", "--check", STATIC, ".")


def test_units() -> None:
    """The parts without a page do what their own tests say."""
    run(node(), "--test", ".")


@pytest.mark.parametrize("name", PANELS)
def test_what_a_panel_sends_stands_alone(name: str, tmp_path: Path) -> None:
    """The text of a panel is one module, is small, fetches nothing, and makes elements from text only."""
    source = script(name)
    assert len(source.encode()) < PANELS[name]
    for word in ("http:", "https:", "import", "innerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in source.replace("http://www.w3.org/2000/svg", "")
    assert source.count("export default") == 1
    written = tmp_path / "panel.mjs"
    written.write_text(source)
    run(node(), "--check", written)
