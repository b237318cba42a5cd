"""What is stored in the notebooks hides nothing: no error, no invisible error, no widget state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from swingset_nb.demo import RAISES, surprising

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> list[Any]:
    """The code cells of a notebook."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_tagged_cells_fail_and_all_of_them_do(path: Path) -> None:
    """An error output and the tag `raises-exception` go together; every cell was executed."""
    for cell in cells(path):
        source = "".join(cell.source)
        assert cell.execution_count is not None, source
        assert not surprising(cell), source
        for output in cell.outputs:
            assert not (output.output_type == "stream" and output.name == "stderr"), source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_widget_state_and_no_times_are_stored(path: Path) -> None:
    """Neither `metadata.widgets` nor the time of execution is in the file."""
    read = json.loads(path.read_text())
    assert "widgets" not in read["metadata"]
    assert not any("execution" in cell["metadata"] for cell in read["cells"])


def test_there_are_notebooks() -> None:
    """The tests above are about something."""
    assert {path.stem for path in NOTEBOOKS} >= {"quickstart", "upgrade_walkthrough"}


@pytest.mark.parametrize(
    ("kind", "text", "tags", "wrong"),
    [
        ("stream", "fine\n", [], False),
        ("stream", "UsageError: Line magic function `%x` not found.\n", [], True),
        ("error", "", [], True),
        ("error", "", [RAISES], False),
        ("stream", "fine\n", [RAISES], True),
    ],
)
def test_what_counts_as_a_surprise(kind: str, text: str, tags: list[str], wrong: bool) -> None:
    """An untagged failure, a tagged cell that does not fail, and a hidden usage error are surprises."""
    output = NotebookNode(output_type=kind, text=text)
    assert surprising(NotebookNode(outputs=[output], metadata={"tags": tags})) is wrong
