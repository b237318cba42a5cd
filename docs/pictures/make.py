"""Takes the pictures of the explorer that the README shows: `python -m docs.pictures.make`.

It is the real panel, in a bare page of Chromium, over a world in which something was sold, and something was
not. It is looked at after the rejection, so that the picture has a past, a cause and messages that wait.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import extension
from swingset_nb.explorer import Explorer
from tests.browser.bare import Bare
from tests.browser.conftest import ARGS
from tests.browser.test_explorer import BANK, BEFORE, SHOP

HERE = Path(__file__).resolve().parent
CELLS = (
    BANK.replace("<b>{self.owner}</b>", "{self.owner}"),
    SHOP,
    BEFORE,
    "%swingset checkpoint before-lunch",
    "E(shop).buy('sofa', bob, 100); None",
    "[wait(E(purse).deposit(3)) for purse in purses[:4]]; wait(E(shop).buy('vase', alice, 4))",
)


def lived() -> Any:
    """A notebook with the world of the picture."""
    shell: Any = InteractiveShell()
    extension.load(shell)
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell("%swingset open bank.world")
        shell.user_ns["wait"] = shell._swingset_nb.notebook.world.session.wait
        for cell in CELLS:
            ran = shell.run_cell(cell)
            assert ran.success, cell
    return shell._swingset_nb.notebook


def main() -> None:
    """Write `explorer-light.png` and `explorer-dark.png` beside this file."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        notebook = lived()
        explorer = Explorer(notebook)
        notebook.panels.append(explorer)
        explorer.refresh()
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=path, headless=True, args=ARGS)
            page = browser.new_page(viewport={"width": 1180, "height": 900}, reduced_motion="reduce")
            bare = Bare(page, explorer)
            for light in (True, False):
                panel = bare.show(light=light)
                if light:
                    panel.locator(".sw-durable", has_text="Purse bob").click()
                    panel.locator(".sw-mark-error text", has_text="rejected: ").first.click()
                    panel.locator(".sw-story .sw-wrong").wait_for()
                page.evaluate("document.activeElement.blur()")
                page.mouse.move(5, 5)
                page.wait_for_timeout(500)
                panel.screenshot(path=HERE / f"explorer-{'light' if light else 'dark'}.png")
            browser.close()


if __name__ == "__main__":
    main()
