"""What a person does with the mouse: run the notebooks, step the world, upgrade a vat."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.js.installed import installed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

BUSY = """import swingset_nb, time
with swingset_nb.session().controller.lock:
    time.sleep(4)"""
"""A cell that works in the world; while one only computes, some kernels answer a panel."""

VAT = """%%vat counter
from swingset.vat import durable, remotable

@durable
class Counter:
    count: int = 0
    def up(self) -> int:
        self.count += 1
        print(f"<b>count</b> is {self.count}")
        return self.count

@remotable
class Maker:
    def make(self):
        return Counter()

def build_root_object():
    return Maker()"""


def blank(served: Path, name: str) -> str:
    """An empty notebook in the served folder."""
    path = served / f"{name}.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    # Without a kernel named, JupyterLab would ask for one.
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path.name


def world(lab: Any, name: str) -> None:
    """A blank notebook with a world and a counter in it."""
    from playwright.sync_api import expect

    lab.open(blank(lab.served, name))
    expect(lab.run(f"%load_ext swingset_nb\n%swingset open {name}.world")).to_contain_text("a new world")
    expect(lab.run(VAT)).to_contain_text("runs now")
    expect(lab.run("c = await E(counter).make()\nawait E(c).up()")).to_contain_text("counter │")


def test_the_quickstart_runs_in_the_page(notebook_page: Any, pictures: Path) -> None:
    """The quickstart runs to its end in JupyterLab; every picture is drawn; nothing is fetched elsewhere."""
    from playwright.sync_api import expect

    lab = notebook_page
    lab.open("quickstart.ipynb")
    lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    lab.run_all()
    # Re-running stops at the first cell that raises unless it is tagged, as ours are.
    last = lab.page.locator(".jp-Notebook .jp-CodeCell").last
    last.scroll_into_view_if_needed()
    expect(last).to_contain_text("is closed; everything is in the file")
    image = lab.page.locator("img[alt*='root ko20']")
    image.scroll_into_view_if_needed()
    assert image.evaluate("(img) => img.naturalWidth") > 500
    lab.page.screenshot(path=pictures / "quickstart.png")
    assert lab.strangers == []


def test_step_and_run_from_the_panel(notebook_page: Any, pictures: Path) -> None:
    """Step delivers one message and says so; a look back moves the picture alone; Run ends the pause."""
    from playwright.sync_api import expect

    lab = notebook_page
    world(lab, "stepping")
    lab.run("%swingset pause")
    lab.run("E(c).up(); E(c).up(); E(counter).make()\nNone")
    lab.run("%swingset panel")
    panel = lab.page.locator(".sw-panel")
    expect(panel.locator(".sw-card")).to_have_count(3)
    panel.locator("button.sw-step").click()
    expect(panel.locator(".sw-story")).to_contain_text("up() to Counter ko21")
    expect(panel.locator(".sw-said")).to_contain_text("counter │ <b>count</b> is 2")
    expect(panel.locator(".sw-where")).to_contain_text("‖ paused")
    panel.locator(".sw-roomhead", has_text="counter").click()
    expect(panel.locator(".sw-inspector h4")).to_have_text("counter")
    panel.get_by_role("slider").click(position={"x": 200, "y": 20})
    expect(panel.locator(".sw-where")).to_contain_text("looking back")
    panel.screenshot(path=pictures / "panel.png")
    cells = lab.page.locator(".jp-Notebook .jp-CodeCell").count()
    # Keys of the notebook itself, which must not reach it from here: the end, a new cell, a deleted one.
    for key in ("ArrowUp", "a", "d", "d", "End"):
        lab.page.keyboard.press(key)
    expect(panel.locator(".sw-where")).to_contain_text("the present")
    assert lab.page.locator(".jp-Notebook .jp-CodeCell").count() == cells
    lab.begin(BUSY)
    lab.page.wait_for_timeout(500)
    panel.locator("button.sw-back").click()
    expect(panel.locator(".sw-state")).to_contain_text("waiting: a cell runs")
    expect(panel.locator(".sw-where")).to_contain_text("looking back", timeout=20_000)
    expect(panel.locator(".sw-state")).to_be_empty()
    panel.locator("button.sw-now").click()
    expect(panel.locator(".sw-where")).to_contain_text("the present")
    panel.locator("button.sw-run").click()
    expect(panel.locator(".sw-did")).to_contain_text("the pause is over")
    expect(panel.locator(".sw-queue")).to_contain_text("nothing waits")
    expect(lab.run("await E(c).up()")).to_contain_text("4")
    expect(panel.locator(".sw-error")).to_be_hidden()
    lab.run("%swingset close")
    panel.scroll_into_view_if_needed()
    expect(panel).to_contain_text("This panel is asleep")
    assert lab.strangers == []


@pytest.mark.slow
def test_a_panel_whose_kernel_has_ended_says_so(notebook_page: Any, pictures: Path) -> None:
    """Its buttons do nothing any more, and it has the lines that show it again."""
    from playwright.sync_api import expect

    lab = notebook_page
    world(lab, "ending")
    lab.run("%swingset panel")
    panel = lab.page.locator(".sw-panel")
    expect(panel.locator("button.sw-step")).to_be_enabled()
    lab.page.evaluate("() => window.notebook.sessionContext.session.kernel.restart()")
    expect(panel.locator(".sw-dead")).to_contain_text("The kernel of this panel has ended")
    expect(panel.locator(".sw-dead pre")).to_contain_text("%swingset open ending.world")
    for button in ("step", "run", "pause", "row"):
        expect(panel.locator(f"button.sw-{button}").first).to_be_disabled()
    panel.locator("button.sw-again").click()
    expect(panel.locator(".sw-dead .sw-state")).to_contain_text("into a cell and run it")
    panel.screenshot(path=pictures / "panel-ended.png")
    lab.run(panel.locator(".sw-dead pre").inner_text())
    expect(lab.page.locator(".sw-panel").last.locator("button.sw-step")).to_be_enabled()
    assert lab.strangers == []


THEMES = {"JupyterLab Dark": "-dark", "JupyterLab Light": ""}


def in_both_themes(lab: Any, panel: Any, path: Path) -> None:
    """Pictures of a panel on a dark page and on a light one."""
    for theme, suffix in THEMES.items():
        lab.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        lab.page.wait_for_function("(theme) => document.body.dataset.jpThemeName === theme", arg=theme)
        panel.screenshot(path=path.with_name(f"{path.stem}{suffix}{path.suffix}"))


def test_an_upgrade_from_change_to_undo(notebook_page: Any, pictures: Path) -> None:
    """A lost kind is refused, fixed by a button, rehearsed, applied and undone; axe-core finds nothing."""
    from playwright.sync_api import expect

    lab = notebook_page
    world(lab, "upgrading")
    lab.page.set_viewport_size({"width": 1280, "height": 1500})
    changed = VAT.replace("Counter", "Tally").replace("+= 1", "+= 10")
    lab.run(changed)
    lab.run("%swingset upgrade counter")
    panel = lab.page.locator(".sw-panel")
    expect(panel.locator("td.sw-removed code").first).to_have_text("class Counter:")
    expect(panel.locator("td.sw-added mark").first).to_have_text("Tally")
    panel.locator("button.sw-rehearse").click()
    expect(panel.locator(".sw-bad")).to_contain_text("would be refused")
    expect(panel.locator("button.sw-apply")).to_be_disabled()
    panel.screenshot(path=pictures / "upgrade-refused.png")
    panel.locator("button.sw-fix").first.click()
    expect(panel.locator(".sw-good")).to_contain_text("would go through")
    expect(panel.locator("td.sw-added code").first).to_have_text('@durable(tag="Counter")')
    expect(panel.locator(".sw-differs").last).to_contain_text("fulfilled 10")
    expect(panel.locator("button.sw-apply")).to_have_class(re.compile("sw-ready"))
    panel.locator("button.sw-copy").click()
    expect(panel.locator(".sw-fixed + details + button + .sw-state")).to_contain_text("over the cell")
    panel.locator("button.sw-try-records").click()
    expect(panel.locator(".sw-records")).to_contain_text("every record is of the version")
    in_both_themes(lab, panel, pictures / "upgrade-rehearsed.png")
    panel.locator("button.sw-apply").click()
    expect(panel.locator(".sw-happened")).to_contain_text("1 Counter kept, with identity and state")
    expect(panel.locator(".sw-steps > li")).to_have_count(1)
    panel.locator("button.sw-next").click()
    expect(panel.locator(".sw-steps > li[aria-current]")).to_contain_text("brings out its dead")
    panel.locator("button.sw-all").click()
    expect(panel.locator(".sw-steps")).to_contain_text("incarnation 1 starts with the new code")
    panel.screenshot(path=pictures / "upgrade-applied.png")
    expect(lab.run("await E(c).up()")).to_contain_text("11")
    panel.scroll_into_view_if_needed()
    panel.locator("button.sw-undo").click()
    expect(panel.locator(".sw-confirm")).to_contain_text("recorded 11, came 2")
    panel.screenshot(path=pictures / "upgrade-undo.png")
    panel.locator("button.sw-undo-now").click()
    expect(panel.locator(".sw-good")).to_contain_text("is undone: incarnation 0")
    expect(panel.locator("button.sw-undo")).to_be_disabled()
    expect(lab.run("await E(c).up()")).to_contain_text("3")
    assert lab.strangers == []
    lab.run(changed)
    panel.locator("button.sw-rehearse").click()
    expect(panel.locator("button.sw-fix")).to_have_count(2)
    axe = (installed() / "axe-core" / "axe.min.js").read_text()
    lab.page.evaluate(axe)
    found = lab.page.evaluate("() => axe.run(document.querySelector('.sw-panel'))")
    bad = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert bad == [], [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in bad]


def test_a_stored_notebook_can_be_read_without_a_kernel(notebook_page: Any, pictures: Path) -> None:
    """Opened again and not trusted, tables, differences and the picture are all there."""
    lab = notebook_page
    lab.open("quickstart.ipynb")
    outputs = lab.page.locator(".jp-OutputArea-output")
    outputs.first.wait_for()
    lab.page.locator(".jp-Notebook .jp-CodeCell").nth(14).scroll_into_view_if_needed()
    image = lab.page.locator("img[alt*='root ko20']")
    image.wait_for()
    assert image.evaluate("(img) => img.naturalWidth") > 500
    assert lab.page.locator("table", has_text="buy()").count() >= 1
    assert not re.search("model not found", lab.page.content())
    lab.page.screenshot(path=pictures / "stored.png")
