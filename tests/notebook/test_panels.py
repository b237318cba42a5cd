"""The panels without a browser: what their buttons do, and that nothing they meet is lost."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset.host.code.trials import RecordsTrial
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


def upgrading(shell: Any, old: str, new: str) -> Any:
    """A panel for the bank with a text in its cell replaced."""
    shell.run_cell(bank().replace(old, new))
    panel = UpgradePanel(notebook_of(shell), "bank")
    notebook_of(shell).panels.append(panel)
    panel.refresh()
    return panel


def sides(panel: Any) -> list[tuple[str, str]]:
    """The lines of the difference that are changed: the sign of a side, and its text."""
    found = []
    for change, old, new in panel.view["rows"]:
        for sign, side in (("-", old), ("+", new)):
            if change not in ("same", "gap") and side is not None:
                assert side[1][0] == sign.replace("-", "−")
                found.append((sign, side[1][2:]))
    return found


def test_an_upgrade_is_rehearsed_and_applied(shell: Any) -> None:
    """A rehearsal says what would happen and changes nothing; Apply does it, and tells its steps."""
    panel = upgrading(shell, "+= amount", "+= 2 * amount")
    assert sides(panel) == [
        ("-", "        self.balance += amount"),
        ("+", "        self.balance += 2 * amount"),
    ]
    before = notebook_of(shell).require().controller.digest()
    press(panel, kind="rehearse")
    verdict = panel.view["told"]["verdict"]
    assert verdict["ok"] is True
    assert [heading for heading, _ in verdict["sections"]] == [
        *("survives", "lost", "migrates", "who notices", "costs")
    ]
    assert panel.view["incarnation"] == 0
    assert notebook_of(shell).require().controller.digest() == before
    press(panel, kind="apply")
    assert panel.error == ""
    assert panel.view["incarnation"] == 1
    done = panel.view["told"]["done"]
    assert done["words"] == "vat bank upgraded: incarnation 1 runs now"
    assert [step["title"] for step in done["steps"]][-1].startswith("the crank is committed")
    assert panel.view["rows"] == []
    press(panel, kind="apply")
    assert "no change to apply" in panel.error


def test_answers_to_recorded_messages_are_side_by_side(shell: Any) -> None:
    """Of as many messages as are asked for; a rejection of what was answered has a fix."""
    shell.run_cell("%swingset run")
    shell.run_cell("await E(purse).deposit(5)")
    panel = upgrading(shell, "def deposit", "def put_in")
    press(panel, kind="messages", count=1)
    press(panel, kind="rehearse")
    verdict = panel.view["told"]["verdict"]
    ((call, old, new, same),) = verdict["answers"]
    assert call.startswith("deposit(5) to Purse")
    assert (old, same) == ("fulfilled 5", False)
    assert 'target has no method "deposit"' in new
    assert [fix["title"] for fix in verdict["fixes"]] == ["bring back deposit() of class Purse"]
    for count in (-1, 101, True, "5", None):
        press(panel, kind="messages", count=count)
    assert panel.view["messages"] == 1


def test_a_refusal_is_cured_by_a_button(shell: Any) -> None:
    """The fix changes the source that waits, is rehearsed at once, and its cell is there to be copied."""
    panel = upgrading(shell, "Purse", "Wallet")
    press(panel, kind="apply")
    assert panel.error == ""
    verdict = panel.view["told"]["verdict"]
    assert verdict["ok"] is False
    assert verdict["words"].startswith("Apply was refused, and nothing has changed.")
    assert [fix["title"] for fix in verdict["fixes"]] == [
        '@durable(tag="Purse") above class Wallet',
        "bring back class Purse",
    ]
    assert panel.view["incarnation"] == 0
    press(panel, kind="fix", number=0)
    assert panel.view["told"]["verdict"]["ok"] is True
    assert ("+", '@durable(tag="Purse")') in sides(panel)
    cell = "\n".join(line[1:] for line in panel.view["told"]["fixed"]["cell"])
    assert cell == bank().replace("Purse", "Wallet").replace("@durable", '@durable(tag="Purse")')
    press(panel, kind="apply")
    assert panel.view["incarnation"] == 1
    shell.run_cell(cell)
    assert notebook_of(shell).require().pending == {}


def test_pieces_are_counted_as_the_page_counts(shell: Any) -> None:
    """A character outside of the basic plane is two for a page; the pieces add up to the text."""
    panel = upgrading(shell, 'print("opening", owner)', 'print("\U0001f511 \u00e9", owner)  # \u202e')
    for _, *both in panel.view["rows"]:
        for side in both:
            if side is not None:
                assert sum(piece[0] for piece in side[2]) == len(side[1][2:].encode("utf-16-le")) // 2


@pytest.mark.parametrize("number", [0, 7, -1, True, "0", None])
def test_a_fix_that_is_not_there_is_refused(shell: Any, number: object) -> None:
    """Whatever the page sends."""
    panel = upgrading(shell, "+= amount", "+= 2 * amount")
    press(panel, kind="fix", number=number)
    assert "that fix belongs to another change" in panel.error


def test_another_change_takes_the_verdict_away(shell: Any) -> None:
    """A verdict is of the source that was rehearsed."""
    panel = upgrading(shell, "Purse", "Wallet")
    press(panel, kind="rehearse")
    assert panel.view["told"]["verdict"]["ok"] is False
    shell.run_cell(bank().replace("+= amount", "+= 2 * amount"))
    assert panel.view["told"] == {}


MIGRATED = """    balance: int = 0

    @migrate(1, 2)
    @staticmethod
    def checked(old):
        return {**old, "balance": 100 // (len(old["owner"]) - 3)}
"""


def test_all_records_are_rehearsed_in_parts(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message of the page does a part; it can be stopped; those that do not migrate are named."""
    monkeypatch.setattr("swingset.host.code.trials.STEP", 1)
    monkeypatch.setattr(RecordsTrial.step, "__defaults__", (1,))
    shell.run_cell("%swingset run")
    shell.run_cell('third = await E(bank).open_purse("carol")')
    source = bank().replace("import durable", "import durable, migrate")
    source = source.replace("@durable", "@durable(version=2)").replace("    balance: int = 0\n", MIGRATED)
    panel = upgrading(shell, bank(), source)
    shell.run_cell(source)
    before = notebook_of(shell).require().controller.digest()
    press(panel, kind="records")
    first = panel.view["told"]["records"]
    assert (first["going"], first["lines"]) == (True, ["1 record migrated: 2 left"])
    press(panel, kind="stop")
    stopped = panel.view["told"]["records"]
    assert (stopped["going"], stopped["lines"][-1]) == (False, "stopped; the world has not changed")
    press(panel, kind="more")
    assert panel.view["told"]["records"] == stopped
    press(panel, kind="records")
    press(panel, kind="more")
    press(panel, kind="more")
    end = panel.view["told"]["records"]
    assert (end["going"], end["ok"]) == (False, False)
    assert end["lines"][0] == "2 records migrated: 1 does not migrate"
    assert "ZeroDivisionError" in end["lines"][1]
    assert "line" in end["lines"][1]
    assert notebook_of(shell).require().controller.digest() == before
    press(panel, kind="records")
    assert panel.trial is not None
    shell.run_cell("%swingset close")
    assert panel.trial is None


def test_what_is_refused_is_rehearsed_with_its_cures(shell: Any) -> None:
    """All records of a change that is refused cannot be tried: the verdict says why, and has the fixes."""
    shell.run_cell("%swingset run")
    panel = upgrading(shell, "Purse", "Wallet")
    press(panel, kind="records")
    told = panel.view["told"]
    assert panel.error == ""
    assert told["verdict"]["words"].startswith("The upgrade of bank would be refused")
    assert [fix["title"] for fix in told["verdict"]["fixes"]] == [
        '@durable(tag="Purse") above class Wallet',
        "bring back class Purse",
    ]
    press(panel, kind="fix", number=0)
    assert panel.view["told"]["verdict"]["ok"]
    press(panel, kind="records")
    assert panel.view["told"]["records"]["ok"]


NOTE = """%%kind Note --vat bank
from swingset.vat import durable

@durable
class Note:
    text: str = ""
"""
USED = "KIND = Note\n\ndef build_root"


def test_changed_cells_that_need_each_other_are_upgraded_together(shell: Any) -> None:
    """A cell that uses the kind of another new one is refused alone; together they are one incarnation."""
    shell.run_cell("%swingset run")
    notebook = notebook_of(shell)
    shell.run_cell(bank().replace("def build_root", USED))
    own = notebook.world.pending["bank"]["bank"]
    assert not notebook.world.session.rehearse("bank", "bank", own).ok
    shell.run_cell(NOTE)
    panel = UpgradePanel(notebook, "bank")
    notebook.panels.append(panel)
    panel.refresh()
    assert panel.view["parts"] == ["bank", "kind Note"]
    press(panel, kind="rehearse")
    assert panel.error == ""
    assert panel.view["told"]["verdict"]["ok"]
    press(panel, kind="choose", part="bank")
    assert panel.view["told"]["verdict"]["ok"]
    told = shell.run_cell("%swingset rehearse").result.plain()
    assert "with 2 changed cells together: bank and kind Note" in told
    press(panel, kind="apply")
    assert panel.error == ""
    assert (panel.view["incarnation"], panel.view["parts"]) == (1, [])
    assert set(dict(notebook.world.controller.vats.parts("bank"))) >= {"bank", "kind Note"}


@pytest.mark.parametrize(
    "part", ["swingset_nb.upgrade_panel.redeliver", "swingset.host.sessions.session.Session.rehearse"]
)
def test_a_rehearsal_is_stopped_by_an_interrupt(
    shell: Any, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """In each of its parts; the panel says so, nothing has changed, and it can be rehearsed again."""
    shell.run_cell("%swingset run")
    panel = upgrading(shell, "+= amount", "+= 2 * amount")
    before = notebook_of(shell).world.controller.digest()
    with monkeypatch.context() as patch:
        patch.setattr(part, lambda *_given, **_named: signal.raise_signal(signal.SIGINT))
        press(panel, kind="rehearse")
    assert "the rehearsal for bank was stopped: nothing has changed" in panel.error
    assert "verdict" not in panel.view["told"]
    assert notebook_of(shell).world.controller.digest() == before
    press(panel, kind="rehearse")
    assert (panel.error, panel.view["told"]["verdict"]["ok"]) == ("", True)


def test_an_upgrade_is_undone_after_it_was_confirmed(shell: Any) -> None:
    """What would be answered differently is listed first; nothing changes until the second button."""
    shell.run_cell("%swingset run")
    panel = upgrading(shell, "+= amount", "+= 2 * amount")
    press(panel, kind="apply")
    steps = panel.view["told"]["done"]["steps"]
    shell.run_cell("await E(purse).deposit(5)")
    press(panel, kind="undo")
    asked = panel.view["told"]["undo"]
    crank = steps[0]["title"].split(":")[0]
    assert asked["words"] == f"without the upgrade of bank, since {crank}: one answer differs"
    assert asked["lines"][0].endswith("deposit(): recorded 10, came 5")
    assert panel.view["incarnation"] == 1
    press(panel, kind="keep")
    assert "undo" not in panel.view["told"]
    press(panel, kind="undo")
    press(panel, kind="undo-now")
    assert panel.error == ""
    assert panel.view["incarnation"] == 0
    assert panel.view["told"]["done"]["words"].startswith("the upgrade of bank is undone: incarnation 0")
    shell.run_cell("left = await E(purse).deposit(1)")
    assert shell.user_ns["left"] == 6
    (*_, step) = panel.view["told"]["done"]["hints"]
    assert step.startswith("`%swingset upgrade bank` shows the code that was undone")
    assert ("+", "        self.balance += 2 * amount") in sides(panel)
    press(panel, kind="undo")
    assert "has no upgrade to undo" in panel.error
    press(panel, kind="apply")
    assert panel.view["incarnation"] == 1


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


def test_the_way_of_an_upgrade_can_be_typed(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a panel: a refusal with its cures, the cure in the cell, the steps, and what has none."""
    notebook = notebook_of(shell)

    def typed(line: str) -> str:
        capsys.readouterr()
        shell.run_cell(line)
        return capsys.readouterr().out

    shell.run_cell("%swingset run")
    assert "vat bank was not upgraded" in typed("%swingset upgraded bank")
    assert "has no changed cell to fix" in typed("%vat bank --fix")
    assert "is for the changed cell of one vat" in typed("%vat --fix")
    shell.run_cell(bank().replace("+= amount", "+= 2 * amount"))
    assert "can be fixed by rule" in typed("%vat bank --fix")
    said = typed("%swingset rehearse bank")
    assert "survives: 2 Purse, with identity and state" in said
    shell.run_cell(bank().replace("Purse", "Wallet"))
    said = typed("%swingset rehearse bank")
    assert said.count("are in the store but not in the code") == 1
    assert '→ cure: @durable(tag="Purse") above class Wallet' in said
    assert "incarnation" not in said
    assert "there is no fix 3, there are 2" in typed("%vat bank --fix 3")
    assert "fix 2, not made" in typed("%vat bank --fix 1")
    assert "--fix 1` makes that fix instead" in typed("%vat bank --fix 2")
    assert "there is no fix 3, there are 2" in typed("%vat bank --fix 3")
    assert "class Purse" in notebook.require().pending["bank"]["bank"]
    assert "would go through" in typed("%swingset rehearse bank")
    shell.run_cell(bank("--upgrade").replace("+= amount", "+= 2 * amount"))
    said = typed("%swingset upgraded bank")
    assert "incarnation 0 brings out its dead, and ends with its heap" in said
    assert "incarnation 1 starts with the new code (not metered)" in said
