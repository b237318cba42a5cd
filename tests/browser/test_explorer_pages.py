"""The explorer in JupyterLab and in Notebook 7: an hour with it by its page, and the file that is left.

A page with a kernel costs half a minute, so all of these are slow; `test_explorer` shows the same widget in a
bare page, and `test_journeys` the panel in JupyterLab.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_explorer import BANK, SHOP
from tests.browser.test_journeys import blank, in_both_themes
from tests.js.installed import installed

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

OBJECTS = 5_000
MANY = """    def many(self, first: int, last: int):
        return [Purse(owner=f"owner {n}") for n in range(first, last)]
"""
LARGE = BANK.replace("    def teller", MANY + "    def teller")
CELLS = [
    LARGE,
    SHOP,
    'alice = await E(bank).open_purse("alice")\nbob = await E(bank).open_purse("bob")\n'
    'till = await E(bank).open_purse("till")\nawait E(shop).open(till)',
    f"held = [await E(bank).many(n, n + 500) for n in range(0, {OBJECTS}, 500)]\nlen(held)",
    "await E(alice).deposit(40)",
    'lamp = await E(shop).buy("lamp", alice, 30)\nlamp',
    "%swingset checkpoint before-lunch",
]
SHUT = """async () => {
  await window.notebook.context.save();
  await window.notebook.sessionContext.shutdown();
}"""
LINES = "() => [...document.querySelectorAll('.jp-OutputArea-output')].map((each) => each.textContent.trim())"


def untrusted(path: Path) -> str:
    """A copy of a stored notebook, as it comes from somebody else: its signature does not fit."""
    stored = json.loads(path.read_text())
    stored["metadata"]["from"] = "somebody else"
    for cell in stored["cells"]:  # a line of progress that was cleared is an output without anything in it
        cell["outputs"] = [each for each in cell.get("outputs", []) if each.get("data") != {}]
    other = path.with_name(f"{path.stem}-sent.ipynb")
    other.write_text(json.dumps(stored))
    return other.name


def nothing_serious(page: Any, selector: str) -> None:
    """axe-core finds nothing serious in a part of the page."""
    page.evaluate((installed() / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("(part) => axe.run(document.querySelector(part))", selector)
    bad = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert bad == [], [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in bad]


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    """What is expected may take a while: a rehearsal of 5,000 objects takes seconds, or more."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


def test_an_hour_in_the_explorer(front: Any, pictures: Path) -> None:
    """Search, drag, inspect, break, branch, upgrade, undo; then the kernel ends, and the file is opened."""
    from playwright.sync_api import expect

    lab, name = front, "explored-alone" if front.alone else "explored"
    lab.page.set_viewport_size({"width": 1400, "height": 1300})
    lab.open(blank(lab.served, name))
    opened = lab.run(f"%load_ext swingset_nb\n%swingset open {name}.world --worker local")
    expect(opened).to_contain_text("a new world")
    for cell in CELLS:
        lab.run(cell)
    expect(lab.page.locator(".jp-Notebook .jp-CodeCell").last).to_contain_text("before-lunch at crank")
    lab.run("%swingset panel")
    panel = lab.page.locator(".sw-explorer")
    inspector = panel.locator(".sw-inspector")
    where = panel.locator(".sw-where")

    panel.get_by_label("search the world").press_sequentially("owner 4321")
    expect(panel.locator(".sw-hits button").first).to_contain_text("owner 4321")
    lab.page.keyboard.press("Enter")
    expect(inspector).to_contain_text("'owner 4321'")

    time = panel.get_by_role("slider")
    time.scroll_into_view_if_needed()
    box = time.bounding_box()
    for step, share in enumerate((0.95, 0.6, 0.2, 0.5)):
        lab.page.mouse.move(box["x"] + box["width"] * share, box["y"] + 20, steps=5)
        if step == 0:
            lab.page.mouse.down()
    lab.page.mouse.up()
    expect(where).to_contain_text("looking back")
    expect(panel.locator(".sw-story")).to_contain_text(f"crank {time.get_attribute('aria-valuenow')}")
    lab.page.keyboard.press("End")
    expect(where).to_contain_text("the present")

    panel.locator(".sw-durable", has_text="Purse alice · 10").click()
    expect(inspector.locator("tr", has_text="balance")).to_contain_text("← 40 at crank")
    kref = inspector.locator(".sw-names").inner_text().split()[0]
    inspector.get_by_role("tab", name="Kernel").click()
    inspector.locator(".sw-entry", has_text="bank").click()
    expect(inspector.locator("h4")).to_have_text("bank")
    inspector.get_by_role("button", name=kref, exact=True).click()
    expect(inspector.locator("h4")).to_have_text("Purse of bank")
    in_both_themes(lab, panel, pictures / f"explorer-{name}.png")
    nothing_serious(lab.page, ".sw-explorer")

    lab.run("%swingset pause")
    lab.run("E(alice).deposit(7)\nE(shop).buy('vase', alice, 4)\nNone")
    panel.scroll_into_view_if_needed()
    inspector.get_by_role("tab", name="Methods").click()
    panel.get_by_label("break on withdraw").click()
    panel.locator("button.sw-run").click()
    expect(panel.locator(".sw-did")).to_contain_text("stopped after")
    expect(panel.locator(".sw-story")).to_contain_text("withdraw(4)")
    panel.locator(".sw-chip").click()
    panel.locator("button.sw-run").click()
    expect(panel.locator(".sw-queue")).to_contain_text("nothing waits")

    present = int(time.get_attribute("aria-valuenow"))
    for back in range(1, 4):
        panel.locator("button.sw-back").click()
        expect(time).to_have_attribute("aria-valuenow", str(present - back))
    panel.locator("button.sw-branch").click()
    panel.get_by_role("alertdialog").locator(".sw-confirm").click()
    expect(panel.locator(".sw-did")).to_contain_text("%swingset go-on")
    panel.locator(".sw-dismiss").click()

    lab.run(LARGE.replace("Purse", "Wallet").replace("self.balance += amount", "self.balance += 2 * amount"))
    panel.scroll_into_view_if_needed()
    panel.get_by_text("bank was changed: Upgrade…").click()
    walk = panel.locator(".sw-walk .sw-panel")
    walk.locator("button.sw-rehearse").click()
    expect(walk.locator(".sw-bad")).to_contain_text("would be refused")
    walk.locator("button.sw-fix").first.click()
    expect(walk.locator(".sw-good")).to_contain_text("would go through")
    in_both_themes(lab, panel, pictures / f"explorer-{name}-upgrade.png")
    nothing_serious(lab.page, ".sw-explorer")
    walk.locator("button.sw-apply").click()
    expect(walk.locator(".sw-steps > li")).to_have_count(1)
    walk.locator("button.sw-next").click()
    expect(walk.locator(".sw-steps > li")).to_have_count(2)
    expect(panel.locator(".sw-roomhead", has_text="bank")).to_contain_text("incarnation 1")
    walk.locator("button.sw-undo").click()
    walk.locator("button.sw-undo-now").click()
    expect(panel.locator(".sw-roomhead", has_text="bank")).to_contain_text("incarnation 0")
    panel.get_by_label("close this").click()
    expect(panel.locator(".sw-error").first).to_be_hidden()

    lab.page.evaluate("() => window.notebook.sessionContext.session.kernel.restart()")
    expect(panel.locator(".sw-dead").first).to_contain_text("The kernel of this panel has ended")
    panel.locator(".sw-dead button.sw-again").first.click()
    lines = panel.locator(".sw-dead pre").first.inner_text()
    lab.run(lines)
    again = lab.page.locator(".sw-explorer").last
    expect(again.locator("button.sw-step")).to_be_enabled()
    expect(again.locator(".sw-durable", has_text="Purse alice")).to_be_visible()

    lab.page.evaluate(SHUT)
    lab.open(untrusted(lab.served / f"{name}.ipynb"))
    outputs = lab.page.locator(".jp-OutputArea-output")
    outputs.last.wait_for()
    expect(outputs.filter(has_text=f"explorer of {name}.world (live while the kernel runs)")).to_have_count(2)
    assert all(lab.page.evaluate(LINES))
    assert lab.page.locator(".jp-OutputArea-output.jp-mod-trusted[data-mime-type='text/html']").count() == 0
    assert lab.page.locator("[data-mime-type*='stderr'], [data-mime-type*='error']").count() == 0
    assert not re.search("model not found|Error displaying|unsupported", lab.page.content())
    outputs.last.scroll_into_view_if_needed()
    lab.page.screenshot(path=pictures / f"explorer-{name}-untrusted.png")
    assert lab.strangers == []
