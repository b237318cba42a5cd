"""What a person does at the end of the hour: restart and run all, and open a second notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.test_journeys import VAT, blank

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

OPEN = "%load_ext swingset_nb\n%swingset open again.world --worker local"
CELLS = [
    OPEN,
    VAT,
    "c = globals().get('c') or await E(counter).make()",
    "%swingset checkpoint begun",
    "await E(c).up()",
    "%swingset names",
]
COUNTS = """() => window.notebook.content.widgets.map((cell) => cell.model.executionCount)"""


def test_restart_and_run_all_and_a_second_notebook(notebook_page: Any, pictures: Path) -> None:
    """The second run goes on with the world of the first; another notebook learns who has it open."""
    from playwright.sync_api import expect

    lab = notebook_page
    path = lab.served / blank(lab.served, "again")
    notebook = nbformat.read(path, 4)
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(notebook, path)
    lab.open(path.name)
    lab.run_all()
    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.nth(4)).to_contain_text("count</b> is 1")
    expect(cells.nth(5)).to_contain_text("comes back")
    lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-run-all'); }")
    lab.page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(cells.nth(4)).to_contain_text("count</b> is 2", timeout=60_000)
    lab.page.wait_for_function(f"() => ({COUNTS})()[5] === 6")
    expect(cells.nth(0)).to_contain_text("names that came back: c and counter")
    expect(cells.nth(1)).to_contain_text("already runs exactly this cell")
    expect(cells.nth(3)).to_contain_text("begun stays where it is, at crank")
    assert lab.page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    lab.page.screenshot(path=pictures / "from-the-top.png")
    lab.open(blank(lab.served, "second"))
    expect(lab.run(OPEN)).to_contain_text("is open in the notebook again.ipynb")
    assert lab.strangers == []
