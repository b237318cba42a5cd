"""What a person does at the end of the hour: restart and run all, twice, and open a second notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.browser.conftest import Lab
from tests.browser.test_journeys import VAT, blank

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

COUNTS = """() => window.notebook.content.widgets.map((cell) => cell.model.executionCount)"""


def cells_of(name: str) -> list[str]:
    return [
        f"%load_ext swingset_nb\n%swingset open {name}.world --worker local",
        VAT,
        "c = globals().get('c') or await E(counter).make()",
        "%swingset checkpoint begun",
        "await E(c).up()",
        "%swingset names",
    ]


@pytest.mark.slow
def test_restart_and_run_all_twice_and_a_second_notebook(front: Lab, pictures: Path) -> None:
    """Each run goes on with the world of the one before; another notebook learns who has it open."""
    from playwright.sync_api import expect

    name = "again-alone" if front.alone else "again"
    path = front.served / blank(front.served, name)
    notebook = nbformat.read(path, 4)
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells_of(name)]
    nbformat.write(notebook, path)
    front.open(path.name)
    front.run_all()
    cells = front.page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.nth(4)).to_contain_text("count</b> is 1")
    expect(cells.nth(5)).to_contain_text("comes back")
    for count in (2, 3):
        front.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-run-all'); }")
        front.page.locator(".jp-Dialog button.jp-mod-accept").click()
        expect(cells.nth(4)).to_contain_text(f"count</b> is {count}", timeout=60_000)
        front.page.wait_for_function(f"() => ({COUNTS})()[5] === 6")
        expect(cells.nth(0)).to_contain_text("names that came back: c and counter")
        expect(cells.nth(1)).to_contain_text("already runs exactly this cell")
        expect(cells.nth(3)).to_contain_text("begun stays where it is, at crank")
        assert front.page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    front.page.screenshot(path=pictures / f"from-the-top-{name}.png")
    front.open(blank(front.served, f"beside-{name}"))
    expect(front.run(cells_of(name)[0])).to_contain_text(f"is open in the notebook {name}.ipynb")
