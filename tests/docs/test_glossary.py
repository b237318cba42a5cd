"""Names that the glossary of CONTRIBUTING.md strikes out stay out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PLACES = ("kernel", "swingset_nb", "docs", "notebooks", "benchmarks", "README.md", "SECURITY.md", "Makefile")
READ = {".py", ".md", ".js", ".mjs", ".ipynb", ".toml", ""}


def struck_out() -> list[str]:
    """The names in the last column of the glossary."""
    text = (ROOT / "CONTRIBUTING.md").read_text().split("## Glossary\n")[1].split("\n## ")[0]
    return re.findall(r"~~`([^`]+)`~~", text)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Every text of the project by its path, but for what was installed or generated beside it."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", *PLACES],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    names = listed or [
        str(path.relative_to(ROOT))
        for place in PLACES
        for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"))
        if "node_modules" not in path.parts
    ]
    paths = [ROOT / name for name in names]
    return {
        str(path.relative_to(ROOT)): path.read_text(errors="replace")
        for path in paths
        if path.is_file() and path.suffix in READ
    }


def test_the_glossary_strikes_names_out() -> None:
    """There is something to look for."""
    assert len(struck_out()) > 20


@pytest.mark.parametrize("name", struck_out())
def test_an_old_name_stays_out(name: str, texts: dict[str, str]) -> None:
    """No code, page, notebook or command uses a name that was given up."""
    whole = re.compile(rf"(?<![\w]){re.escape(name)}(?!\w)" if name[-1].isalnum() else re.escape(name))
    found = [
        f"{path}:{text[: match.start()].count(chr(10)) + 1}"
        for path, text in texts.items()
        for match in whole.finditer(text)
    ]
    assert not found
