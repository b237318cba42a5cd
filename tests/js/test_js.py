"""The JavaScript of the panels: its types, its format, its unit tests, and what is sent to the page."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from swingset_nb.deltas import delta
from swingset_nb.install import EXTENSION
from swingset_nb.scripts import STATIC, script
from tests.js.installed import HERE, installed, node
from tests.notebook.test_deltas import json_data

SENT = {"panel.js": 2_000, "panels.js": 64_000}
"""What is sent, and how many bytes it may have: the first with each panel, the other once for all of them."""


def run(*command: str | Path) -> None:
    """Run a tool, and show what it says if it fails."""
    ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_types_are_right() -> None:
    """The type checker finds nothing in the modules, at its strictest."""
    run(installed() / ".bin" / "tsc", "--project", ".")


def test_the_format_is_one() -> None:
    """Modules and their tests are as the formatter writes them; `npm run format` does it."""
    run(installed() / ".bin" / "prettier", "--config", ".prettierrc.json", "--check", STATIC, EXTENSION, ".")


def test_units() -> None:
    """The parts without a page do what their own tests say."""
    run(node(), "--test", ".")


_APPLY = """import { merged } from "%s";
import { readFileSync } from "node:fs";
const pairs = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(pairs.map(([old, change]) => merged(old, change))));"""


def test_a_page_makes_of_the_changes_what_was_meant() -> None:
    """What Python writes about the difference of two data is applied in JavaScript, for hundreds of them."""
    chance = random.Random(7)
    pairs = [(json_data(chance, 4), json_data(chance, 4)) for _ in range(300)]
    given = json.dumps([[old, delta(old, new)] for old, new in pairs])
    code = _APPLY % (STATIC / "deltas.js").as_uri()
    ran = subprocess.run(
        [node(), "--input-type=module", "-e", code], input=given, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout) == [new for _, new in pairs]


@pytest.mark.parametrize("name", SENT)
def test_what_a_panel_sends_stands_alone(name: str, tmp_path: Path) -> None:
    """The text is one module, is small, fetches nothing, and makes elements from text only."""
    source = script(name)
    assert len(source.encode()) < SENT[name]
    for word in ("http:", "https:", "import", "innerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in source.replace("http://www.w3.org/2000/svg", "")
    assert source.count("export default") == 1
    written = tmp_path / "panel.mjs"
    written.write_text(source)
    run(node(), "--check", written)
