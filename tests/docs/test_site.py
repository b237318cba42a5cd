"""The site is built of the pages, the notebooks and the docstrings, and nothing in it leads nowhere."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from swingset_nb.commands import registered

ROOT = Path(__file__).parents[2]
MODULES = {
    "swingset": "swingset",
    "swingset.vat": "vat",
    "swingset.vat.patterns": "vat-patterns",
    "swingset.vat.explicit": "vat-explicit",
    "swingset.vat.contract": "vat-contract",
    "swingset.vat.testing": "vat-testing",
    "swingset.testing": "testing",
    "swingset.cluster": "cluster",
}
"""The public modules, with their pages of the reference."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "site" / "build.py"), str(out)], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr + built.stdout
    return out


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    """All that public modules export, every magic word and every subcommand have a place to link to."""
    for name, page in MODULES.items():
        text = (site / "reference" / f"{page}.html").read_text()
        shown = set(re.findall(r'class="sig-name descname"><span class="pre">(\w+)<', text))
        assert {*importlib.import_module(name).__all__} <= shown, name
    magics = (site / "reference" / "magics.html").read_text()
    for name in registered():
        assert f"%swingset {name}<" in magics
    command = (site / "reference" / "command.html").read_text()
    for name in ("run", "status", "help", "verify", "doctor"):
        assert f"<h2>swingset {name}<" in command
        assert f"usage: swingset {name}" in command


def test_no_link_leads_nowhere(site: Path) -> None:
    """Each link leads to a page, and a place on it, that is there; nothing is loaded from elsewhere."""
    places: dict[Path, set[str]] = {}

    def leads_nowhere(target: str, folder: Path) -> bool:
        path, _, place = unquote(target).partition("#")
        there = folder / path.partition("?")[0]
        if there not in places:
            if not there.exists():
                return True
            text = there.read_text() if there.suffix == ".html" else ""
            places[there] = set(re.findall(r'\bid="([^"]*)"', text))
        return bool(place) and there.suffix == ".html" and place not in places[there]

    for page in site.rglob("*.html"):
        text = page.read_text()
        targets = set(re.findall(r'(?:href|src)="([^"#][^"]*)"', text))
        inside = sorted(target for target in targets if not re.match(r"(https?|mailto|data):", target))
        nowhere = [target for target in inside if leads_nowhere(target, page.parent)]
        assert not nowhere, f"{page.relative_to(site)} links to {nowhere}"
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert not loaded, f"{page.relative_to(site)} loads {loaded}"
