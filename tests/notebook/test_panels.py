"""The panels without a browser: what their buttons do, and that nothing they meet is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import extension
from swingset_nb.explorer import Explorer
from swingset_nb.scripts import STATIC
from swingset_nb.upgrade_panel import UpgradePanel
from tests.notebook.kernels import bank


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A shell with a local world open and a bank in it, which is paused with one message waiting."""
    monkeypatch.chdir(tmp_path)
    running = InteractiveShell()
    extension.load(running)
    running.run_cell("%swingset open a.world --worker local")
    running.run_cell(bank())
    running.run_cell('purse = await E(bank).open_purse("alice")')
    running.run_cell("%swingset pause")
    running.run_cell('second = E(bank).open_purse("bob")')
    yield running
    extension.unload(running)


def notebook_of(shell: Any) -> Any:
    """The notebook behind a shell."""
    return shell._swingset_nb.notebook


def press(panel: Any, **message: object) -> None:
    """Send what a button sends."""
    panel._hear(panel, message, [])


def test_a_cell_that_changes_nothing_draws_nothing(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live panel is composed anew when the world or the panel has changed, and not after every cell."""
    panel = Explorer(notebook_of(shell))
    notebook_of(shell).panels.append(panel)
    shell.run_cell("1")
    composed = list[int]()
    monkeypatch.setattr(panel, "compose", lambda: composed.append(1) or {})
    shell.run_cell("x = 1")
    assert composed == []
    shell.run_cell("%swingset step")
    assert composed
    composed.clear()
    panel.sleep("to see")
    panel.refresh()
    assert composed == [1]


def test_a_panel_has_the_lines_that_show_it_again(shell: Any) -> None:
    """The page has them before the kernel ends, because nothing can be asked then."""
    start = ["%load_ext swingset_nb", "%swingset open a.world --worker local"]
    assert Explorer(notebook_of(shell)).again == [*start, "%swingset panel"]
    assert UpgradePanel(notebook_of(shell), "bank").again == [*start, "%swingset upgrade bank"]


def test_a_panel_shows_errors_and_ignores_strangers(shell: Any) -> None:
    """A failing handler ends in `error`; messages that are not ours do nothing."""
    notebook = notebook_of(shell)
    panel = Explorer(notebook)
    press(panel, kind="anywidget-command")
    panel._hear(panel, "nonsense", [])
    assert panel.turn == 0
    notebook.close()
    press(panel, kind="step")
    assert "no world is open" in panel.error
    assert panel.turn == 1


def test_an_upgrade_is_rehearsed_and_applied(shell: Any) -> None:
    """A rehearsal says what would happen and changes nothing; Apply does it; a refusal is shown."""
    notebook = notebook_of(shell)
    shell.run_cell(bank().replace("Purse", "Wallet"))
    panel = UpgradePanel(notebook, "bank")
    notebook.panels.append(panel)
    panel.refresh()
    assert "-class Purse:" in panel.view["diff"]
    press(panel, kind="rehearse")
    assert panel.view["verdict"]["ok"] is False
    press(panel, kind="apply")
    assert "nothing has changed" in panel.error
    assert panel.view["incarnation"] == 0
    shell.run_cell(bank().replace("+= amount", "+= 2 * amount"))
    assert panel.view["verdict"] == {}
    press(panel, kind="rehearse")
    assert panel.view["verdict"]["ok"] is True
    assert panel.view["incarnation"] == 0
    press(panel, kind="apply")
    assert panel.error == ""
    assert panel.view["incarnation"] == 1
    assert panel.view["happened"][0] == "vat bank upgraded: incarnation 1 runs now"
    assert panel.view["diff"] == []
    press(panel, kind="apply")
    assert "no change to apply" in panel.error


def test_closing_the_world_puts_panels_to_sleep(shell: Any) -> None:
    """A panel of a closed world says why it shows nothing."""
    notebook = notebook_of(shell)
    panel = Explorer(notebook)
    notebook.panels.append(panel)
    shell.run_cell("%swingset close")
    assert (panel.bar["open"], panel.bar["why"]) == (False, "its world was closed")


def test_style_sheets_fetch_nothing() -> None:
    """No style sheet imports another, or names an address."""
    for sheet in STATIC.glob("**/*.css"):
        assert not {"@import", "url(", "http"} & set(re.findall(r"@import|url\(|http", sheet.read_text()))
