"""What a person does with the keyboard: Tab, Shift-Tab and `?` on a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_journeys import world

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_a_reference_is_read_completed_and_inspected(notebook_page: Any, pictures: Path) -> None:
    """It says what it is; Tab completes the method, Shift-Tab shows its signature, `?` the whole."""
    from playwright.sync_api import expect

    lab = notebook_page
    world(lab, "reading")
    line = "Counter of counter · count 1 · methods up"
    shown = lab.run("c")
    expect(shown.locator(".jp-OutputArea-output b")).to_have_text("Counter of counter")
    expect(shown).to_contain_text(line)
    offered = lab.page.locator(".jp-Completer-item")
    cell = lab.type("await E(c).u")
    lab.page.keyboard.press("Tab")
    expect(offered).to_contain_text("up", timeout=30_000)
    lab.page.keyboard.press("Enter")
    expect(cell.locator(".cm-content")).to_contain_text("await E(c).up")
    lab.page.keyboard.type("(")
    lab.page.keyboard.press("Shift+Tab")
    tooltip = lab.page.locator(".jp-Tooltip")
    expect(tooltip).to_contain_text("up() -> int")
    expect(tooltip).to_contain_text("line 7 of cell counter")
    lab.page.screenshot(path=pictures / "references.png")
    lab.page.keyboard.press("Escape")
    cell = lab.type("c.")
    lab.page.keyboard.press("Tab")
    expect(offered).to_contain_text("E(c).up")
    lab.page.keyboard.press("Enter")
    expect(cell.locator(".cm-content")).to_contain_text("E(c).up")
    asked = lab.run("c.up?")
    expect(asked).to_contain_text("Method of: Counter of counter")
    expect(lab.run("c.up()")).to_contain_text("use `await E(c).up()`")
    assert lab.strangers == []
