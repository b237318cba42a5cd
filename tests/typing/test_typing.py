"""What a type checker makes of vat code: accepted where right, refused where wrong, known where it can be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mypy import api

from swingset_nb.demo import RAISES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SAMPLES = HERE / "samples"

Check = Callable[..., tuple[str, int]]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    """Runs the type checker over files, with or without its strictest rules."""
    monkeypatch.setenv("MYPYPATH", str(ROOT / "kernel"))
    monkeypatch.chdir(tmp_path)

    def run(*paths: Path, strict: bool = True) -> tuple[str, int]:
        options = ["--strict"] if strict else []
        options += ["--config-file=", "--no-color-output", "--no-error-summary"]
        options += ["--cache-dir", str(ROOT / ".mypy_cache" / "samples"), "--hide-error-context"]
        out, problems, status = api.run([*options, *map(str, paths)])
        assert not problems, problems
        return out, status

    return run


def marked(path: Path, pattern: str) -> dict[int, str]:
    """The remarks of a sample by line."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.search(pattern, line)
        if match:
            found[number] = match[1]
    return found


def told(out: str, pattern: str) -> dict[int, str]:
    """What the checker said by line."""
    found = {}
    for line in out.splitlines():
        match = re.match(r".*?\.py:(\d+): " + pattern, line)
        if match:
            found[int(match[1])] = re.sub(r"\b(?:\w+\.)+(?=\w)", "", match[2])
    return found


@pytest.mark.parametrize(("sample", "types"), [("known.py", 9), ("promised.py", 23)])
def test_vat_code_is_accepted_and_its_types_are_known(check: Check, sample: str, types: int) -> None:
    """Under the strictest rules, sends through a known interface have its methods, arguments and results."""
    out, _ = check(SAMPLES / sample)
    assert "error:" not in out, out
    wanted = marked(SAMPLES / sample, r"reveal_type\(.*\)  # (.*)$")
    assert told(out, r'note: Revealed type is "(.*)"$') == wanted
    assert len(wanted) == types


def test_wrong_vat_code_is_refused_at_its_line(check: Check) -> None:
    """Wrong arguments, unknown methods, direct calls and wrong fields are errors before anything runs."""
    out, _ = check(SAMPLES / "wrong.py")
    wanted = marked(SAMPLES / "wrong.py", r"# ([a-z-]+)$")
    assert told(out, r"error: .* \[([a-z-]+)\]$") == wanted
    assert len(wanted) == 9


def test_notebooks_are_accepted(check: Check, tmp_path: Path) -> None:
    """The vat code of every notebook passes a type checker as it stands, but for cells that shall fail."""
    cells = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text())["cells"]):
            source = "".join(cell["source"])
            fails = RAISES in cell["metadata"].get("tags", [])
            if cell["cell_type"] == "code" and not fails and re.match(r"%%(vat|kind) ", source):
                made = tmp_path / f"{path.stem}_{number}.py"
                made.write_text("#" + source)
                cells.append(made)
    assert len(cells) > 3
    out, status = check(*cells, strict=False)
    assert status == 0, out
