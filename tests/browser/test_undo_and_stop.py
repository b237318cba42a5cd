"""Undo, redo and the stop button in the page, and a second notebook on the same world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_journeys import START, blank, world

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

SPIN = """%%vat spin --seconds 600 --computrons 1e15
from swingset.vat import remotable

@remotable
class Spin:
    def go(self):
        while True:
            pass

def build_root_object():
    return Spin()"""
INTERRUPT = "() => window.notebook.sessionContext.session.kernel.interrupt()"


def test_undo_redo_and_a_runaway_that_is_cancelled(notebook_page: Any, pictures: Path) -> None:
    """Cells are taken back and done again; a runaway is stopped, and one click in the panel drops it."""
    from playwright.sync_api import expect

    lab = notebook_page
    world(lab, "undoing")
    lab.run("d = await E(counter).make()")
    lab.run("await E(c).up()")
    undone = lab.run("%swingset undo 2")
    expect(undone).to_contain_text("took back cells")
    expect(undone).to_contain_text("names that are gone: d")
    expect(lab.run("d")).to_contain_text("NameError")
    expect(lab.run("%swingset redo")).to_contain_text("names as they were: d")
    expect(lab.run("await E(c).up()")).to_contain_text("3")
    lab.run("%swingset panel")
    panel = lab.page.locator(".sw-panel")
    expect(panel.locator("button.sw-cancel")).to_be_hidden()
    expect(lab.run(SPIN)).to_contain_text("runs now")
    lab.page.evaluate(START, "await E(spin).go()")
    stuck = lab.page.locator(".jp-Notebook .jp-CodeCell").last
    expect(stuck).to_contain_text(
        "computrons", timeout=30_000
    )  # the line of progress: the delivery is under way
    lab.page.evaluate(INTERRUPT)
    expect(stuck).to_contain_text("in the middle of the message go() in vat spin", timeout=30_000)
    panel.scroll_into_view_if_needed()
    panel.locator("button.sw-cancel").click()
    expect(panel.locator(".sw-did")).to_contain_text("the message go() is dropped")
    expect(panel.locator("button.sw-cancel")).to_be_hidden()
    panel.screenshot(path=pictures / "cancelled.png")
    expect(lab.run("await E(c).up()")).to_contain_text("4")
    lab.open(blank(lab.served, "second"))
    refused = lab.run("%load_ext swingset_nb\n%swingset open undoing.world")
    expect(refused).to_contain_text("is open in the notebook undoing.ipynb")
    assert lab.strangers == []
