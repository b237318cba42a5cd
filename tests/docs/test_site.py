"""The site is built of the pages, the notebooks and the docstrings, and nothing in it leads nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import swingset
import swingset.vat
from swingset_nb.commands import registered

ROOT = Path(__file__).parents[2]


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
    """What `swingset` and `swingset.vat` export, and every subcommand, has a place to link to."""
    page = (site / "reference" / "swingset.html").read_text() + (site / "reference" / "vat.html").read_text()
    shown = set(re.findall(r'class="sig-name descname"><span class="pre">(\w+)<', page))
    assert {*swingset.__all__, *swingset.vat.__all__} <= shown
    magics = (site / "reference" / "magics.html").read_text()
    for name in registered():
        assert f"%swingset {name}<" in magics


def test_no_link_leads_nowhere(site: Path) -> None:
    """Each link within the site leads to a page that is there, and nothing is loaded from elsewhere."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        for target in re.findall(r'(?:href|src)="([^"#][^"]*)"', text):
            if re.match(r"(https?|mailto|data):", target):
                continue
            path = unquote(target.partition("#")[0].partition("?")[0])
            assert (page.parent / path).exists(), f"{page.relative_to(site)} links to {target}"
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert not loaded, f"{page.relative_to(site)} loads {loaded}"
