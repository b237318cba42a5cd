"""What a voter does with the explorer: find a proposal, read its page, and have it tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import extension
from swingset_nb.explorer import Explorer
from tests.browser.bare import Bare
from tests.js.installed import installed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

SHOP = """%%{magic}
from swingset.vat import remotable

@remotable
class Shop:
    def price(self, amount: int) -> int:
        return amount * {factor}

def build_root_object():
    return Shop()
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A notebook with a shop that has sold something, and a proposal for it whose words are markup."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("proposed"))
        running: Any = InteractiveShell()
        extension.load(running)
        running.run_cell("%swingset open proposed.world --worker local")
        assert running.run_cell(SHOP.format(magic="vat shop", factor=5)).success
        running.user_ns["wait"] = running._swingset_nb.notebook.world.session.wait
        assert running.run_cell("wait(E(shop).price(2))").success
        assert running.run_cell(SHOP.format(magic="module dear", factor=7)).success
        running.run_cell("%swingset propose shop dear <b>now</b>")
        yield running
        extension.unload(running)


def test_a_proposal_is_found_read_and_tried(shell: Any, browser: Any) -> None:
    """The list opens the page; Rehearse brings the verdict and both answers; nothing of it is markup."""
    from playwright.sync_api import expect

    notebook = shell._swingset_nb.notebook
    digest = notebook.world.controller.digest()
    panel = Explorer(notebook)
    notebook.panels.append(panel)
    panel.refresh()
    page = browser.new_page(viewport={"width": 1230, "height": 900}, reduced_motion="reduce")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    shown = Bare(page, panel).show()
    shown.get_by_role("button", name="Proposals").click()
    row = shown.locator(".sw-watched tbody tr")
    expect(row).to_contain_text("<b>now</b>")
    expect(row).to_contain_text("no vat counts votes")
    expect(row).to_contain_text("open")
    row.get_by_role("button").click()
    opened = shown.locator(".sw-walk")
    expect(opened).to_contain_text("%swingset proposal 1 --read")
    expect(opened).to_contain_text("its proposer says: <b>now</b>")
    expect(opened.locator("img.sw-graph")).to_have_attribute("alt", "Modules: 1 changed, 1 exit")
    expect(opened.locator(".sw-diff")).to_contain_text("return amount * 7")
    opened.get_by_role("button", name="Rehearse").click()
    expect(opened.locator(".sw-good")).to_contain_text("The upgrade of shop would go through.")
    expect(opened.locator(".sw-differs")).to_contain_text("fulfilled 10")
    expect(opened.locator(".sw-differs")).to_contain_text("fulfilled 14")
    expect(opened.locator("progress")).to_have_count(0)
    assert shown.locator("b", has_text="now").count() == 0
    page.evaluate((installed() / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("() => axe.run(document.querySelector('.sw-walk'))")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert serious == []
    shown.get_by_label("close this").click()
    expect(opened).to_be_hidden()
    assert (notebook.world.controller.digest(), problems) == (digest, [])
    page.close()
    notebook.panels.remove(panel)
