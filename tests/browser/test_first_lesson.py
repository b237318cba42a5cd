"""What a person does at the very beginning: the card of the launcher, or the help menu, opens a lesson."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LAUNCH = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  await app.commands.execute('filebrowser:go-to-path', {path: 'begun'});
  await app.commands.execute('launcher:create', {cwd: 'begun'});
}"""
OPENED = """async () => {
  const app = window.jupyterapp;
  while (!app.shell.currentWidget?.sessionContext) await new Promise((go) => setTimeout(go, 50));
  const {context, sessionContext} = app.shell.currentWidget;
  await context.ready; await sessionContext.ready;
  return [context.path, sessionContext.session?.kernel?.name];
}"""
KERNEL = "swingset"


def checked(front: Lab, page: Any, folder: str) -> None:
    """The lesson is open in a page, with the kernel that has the extension, and its copy has no outputs."""
    assert page.evaluate(OPENED) == [f"{folder}/quickstart.ipynb", KERNEL]
    cells = json.loads((front.served / folder / "quickstart.ipynb").read_text())["cells"]
    assert len(cells) > 10
    assert not any(cell.get("outputs") for cell in cells)
    assert not any("](../docs/" in "".join(cell["source"]) for cell in cells)


def test_the_first_lesson_is_one_click_away(front: Lab) -> None:
    """A card of the launcher, or an entry of the help menu, makes a copy and opens it."""
    from playwright.sync_api import expect

    folder = "begun-alone" if front.alone else "begun"
    (front.served / folder).mkdir()
    front.page.goto(f"{front.url}/{f'tree/{folder}' if front.alone else 'lab?reset'}")
    front.page.wait_for_function("() => window.jupyterapp")
    if front.alone:
        front.page.get_by_role("menuitem", name="Help").click()
        with front.page.expect_popup() as opened:
            front.page.get_by_role("menuitem", name="First Lesson of Swingset").click()
        opened.value.wait_for_function("() => window.jupyterapp")
        checked(front, opened.value, folder)
        opened.value.close()
        return
    front.page.evaluate(LAUNCH)
    card = front.page.locator(".jp-LauncherCard:visible", has_text="First Lesson of Swingset").first
    image = card.locator("img")
    assert image.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 0
    card.click()
    expect(front.page.locator(".jp-Notebook")).to_contain_text("swingset")
    checked(front, front.page, folder)
    mine = front.served / "mine"
    mine.mkdir()
    text = (front.served / folder / "quickstart.ipynb").read_text().replace("# ", "# My ", 1)
    (mine / "quickstart.ipynb").write_text(text)
    front.page.evaluate("() => window.jupyterapp.commands.execute('swingset:first-lesson', {cwd: 'mine'})")
    checked(front, front.page, "mine")
    assert (mine / "quickstart.ipynb").read_text() == text, "a copy that is there is opened as it is"
