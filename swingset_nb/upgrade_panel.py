"""The upgrade panel: from a change to its undo.

It works on the changed cells that were run and not applied, together: the difference of one of them from the
code that runs, a rehearsal with its verdict, the answers to recorded messages under both codes, and fixes of
what is refused. A fix changes the source that waits, and the panel shows its text, because a panel cannot
rewrite a cell. Apply is the same upgrade as `%%vat NAME --upgrade`; its steps are told from the records. Undo
first lists what would be answered differently without the upgrade, and what it costs.

A rehearsal of all records takes long, and while it runs no button could be heard. So each message from the
page does a part of it, and the page asks for the next one until it is done or stopped. What a single message
does is stopped as a cell is: by interrupting the kernel. The page says so if it takes long.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import traitlets

from swingset.core.errors import VatFault
from swingset.host.code.combining import all_combined
from swingset.host.code.trials import RecordsTrial, TrialReport, try_records
from swingset.lens.source.fixes import Fix
from swingset.time.forks.redelivery import redeliver
from swingset_nb.cells import changed, rehearse, stoppable, upgrade
from swingset_nb.compared import View, row_view, some, verdict_view
from swingset_nb.cures import cell_text
from swingset_nb.errors import SwingSetError, UpgradeRefused
from swingset_nb.extent import fit
from swingset_nb.notebook import Notebook
from swingset_nb.on_branches import undo_of_upgrade
from swingset_nb.render import Message
from swingset_nb.widget import Actions, LiveWidget, show

MOST_LINES = 400
MOST_MESSAGES = 100
_MESSAGES = 5


class UpgradePanel(LiveWidget):
    """One vat's pending change."""

    panel = traitlets.Unicode("upgrade").tag(sync=True)

    def __init__(self, notebook: Notebook, vat: str) -> None:
        self.vat = vat
        self.part = ""
        self.messages = _MESSAGES
        self.rehearsed: dict[str, str] | None = None
        """The changed cells, as they were when a button was pressed."""
        self.fixes: Sequence[Fix] = ()
        self.fixed: Fix | None = None
        self.told: View = {}
        """What the buttons have brought: a verdict, a fix, a trial of the records, an upgrade, an undo."""
        self.trial: RecordsTrial | None = None
        self.deeds = 0
        super().__init__(notebook, f"upgrade panel of vat {vat}", f"%swingset upgrade {vat}")

    def actions(self) -> Actions:
        """The buttons, and what the page sends by itself."""
        return {
            "rehearse": self._rehearse,
            "messages": self._choose_messages,
            "fix": self._fix,
            "records": self._try_records,
            "more": self._try_more,
            "stop": self._stop,
            "apply": self._apply,
            "undo": self._ask_for_undo,
            "undo-now": self._undo,
            "keep": self._keep,
            "choose": self._choose,
        }

    def stamp(self) -> Hashable:
        """The commit, the changed cells, and what the buttons have done."""
        world = self.notebook.require()
        changed = tuple(world.pending.get(self.vat, {}).items())
        return (world.path, world.controller.history.head, changed, self.part, self.messages, self.deeds)

    def sleep(self, why: str) -> None:
        """Show only the reason, and throw away what was tried."""
        self._end_trial()
        super().sleep(why)

    def compose(self) -> View:
        """The current change, and the results of the buttons."""
        world = self.notebook.require()
        parts = world.pending.get(self.vat, {})
        if self.part not in parts:
            self.part = next(reversed(parts), "")
        source = parts.get(self.part)
        if parts and parts != self.rehearsed:
            self._forget()
        difference = None
        if source is not None and world.has_vat(self.vat):
            difference = world.session.difference(self.vat, self.part, source)
        rows, hidden = difference.first_rows(MOST_LINES) if difference else ([], 0)
        vats = world.controller.vats
        incarnation = vats[self.vat].incarnation if self.vat in vats else None
        return {
            "open": True,
            "vat": self.vat,
            "incarnation": incarnation,
            "part": self.part,
            "parts": list(parts),
            "rows": [row_view(row) for row in rows],
            "hidden": hidden,
            "messages": self.messages,
            "told": self.told,
        }

    def _pending(self) -> str:
        source = self.notebook.require().pending.get(self.vat, {}).get(self.part)
        if source is None:
            hint = f"run a changed `%%vat {self.vat}` cell; it appears here"
            raise SwingSetError(f"vat {self.vat} has no change to apply", hint)
        return source

    def _changed(self) -> dict[str, str]:
        """All changed cells of the vat: they are rehearsed and applied together."""
        return dict(self.notebook.require().pending[self.vat])

    def _forget(self) -> None:
        self._end_trial()
        self.told, self.fixes, self.rehearsed = {}, (), None

    def _rehearse(self, _content: Mapping[str, Any]) -> None:
        source = self._pending()
        self._forget()
        self.deeds += 1
        changed = self._changed()
        found = rehearse(self.notebook, self.vat, self.part, source, also=changed)
        redelivered = None
        if found.fault is None and self.messages:
            world = self.notebook.require()
            parts = all_combined(world.session, self.vat, {**changed})
            with stoppable(self.notebook, self.vat):
                redelivered = redeliver(world.controller, self.vat, parts, messages=self.messages)
        cures = found.fixes or (redelivered.fixes if redelivered is not None else ())
        self.fixes = [fix for fix in cures if fix.part in changed]
        self.rehearsed = changed
        self.told = {"verdict": verdict_view(found, redelivered, self.fixes)}
        if self.fixed is not None and self.fixed.source == changed.get(self.fixed.part):
            cell = cell_text(self.vat, self.fixed)
            self.told["fixed"] = {
                "title": self.fixed.title,
                "cell": [f" {line}" for line in cell.split("\n")],
            }

    def _choose_messages(self, content: Mapping[str, Any]) -> None:
        count = content.get("count")
        if type(count) is int and 0 <= count <= MOST_MESSAGES:
            self.messages = count

    def _fix(self, content: Mapping[str, Any]) -> None:
        number = content.get("number")
        self._pending()
        if type(number) is not int or not 0 <= number < len(self.fixes):
            raise SwingSetError("that fix belongs to another change", "press Rehearse")
        fix = self.fixes[number]
        self.part = fix.part
        self.notebook.require().pending[self.vat][fix.part] = fix.source
        self.fixed = fix
        self._rehearse(content)

    def _try_records(self, content: Mapping[str, Any]) -> None:
        self._pending()
        self._end_trial()
        world, changed = self.notebook.require(), self._changed()
        parts = all_combined(world.session, self.vat, {**changed})
        try:
            self.trial = try_records(world.controller, self.vat, parts)
        except VatFault:
            self._rehearse(content)  # its verdict says why the change is refused, with the fixes
            return
        self.rehearsed = changed
        self._try_more(content)

    def _try_more(self, _content: Mapping[str, Any]) -> None:
        if self.trial is None:
            return  # it was stopped while the page asked for more
        self.deeds += 1
        found = self.trial.step()
        self.told = {**self.told, "records": _records(found, going=not found.done)}
        if found.done:
            self._end_trial()

    def _stop(self, _content: Mapping[str, Any]) -> None:
        if self.trial is not None:
            self._end_trial()
            self.deeds += 1
            stopped = {**self.told["records"], "going": False}
            stopped["lines"] = [*stopped["lines"], "stopped; the world has not changed"]
            self.told = {**self.told, "records": stopped}

    def _end_trial(self) -> None:
        if self.trial is not None:
            self.trial.close()
            self.trial = None

    def _apply(self, content: Mapping[str, Any]) -> None:
        source = self._pending()
        try:
            words, also = "applied from the upgrade panel", self._changed()
            done = upgrade(self.notebook, self.vat, self.part, source, words, also=also)
        except UpgradeRefused:
            self._rehearse(content)
            words = self.told["verdict"]["words"]
            self.told["verdict"]["words"] = f"Apply was refused, and nothing has changed. {words}"
            return
        self._forget()
        self.deeds += 1
        self.told = {"done": _done(done, self._steps())}

    def _steps(self) -> list[View]:
        steps = self.notebook.require().controller.vats.upgrade_steps(self.vat)
        return [{"title": step.title, "lines": list(step.lines)} for step in steps]

    def _ask_for_undo(self, _content: Mapping[str, Any]) -> None:
        self.deeds += 1
        self.told = {**self.told, "undo": _message(undo_of_upgrade(self.notebook, self.vat, confirmed=False))}

    def _undo(self, _content: Mapping[str, Any]) -> None:
        self.deeds += 1
        done = undo_of_upgrade(self.notebook, self.vat, confirmed=True)
        self._forget()
        parts = self.notebook.require().pending.get(self.vat, {})
        self.part = next(reversed(parts), "")
        self.rehearsed = dict(parts)
        self.told = {"done": {**_message(done), "steps": []}}

    def _keep(self, _content: Mapping[str, Any]) -> None:
        self.deeds += 1
        self.told = {name: value for name, value in self.told.items() if name != "undo"}

    def _choose(self, content: Mapping[str, Any]) -> None:
        self.part = str(content.get("part", ""))


def _records(found: TrialReport, *, going: bool) -> View:
    whole = max(1, found.migrated + found.left)
    return {
        "going": going,
        "ok": not found.left,
        "share": 1 if found.done else found.migrated / whole,
        "lines": some(found.lines()),
    }


def _done(message: Message, steps: list[View]) -> View:
    return {**_message(message), "steps": steps}


def _message(message: Any) -> View:
    return {"words": message.headline, "lines": some(message.lines), "hints": list(message.hints)}


def show_upgrade(notebook: Notebook, vat: str) -> None:
    """Display the difference, and a panel to rehearse and apply it."""
    snapshot = fit(changed(notebook.require(), vat), f"%vat {vat}", rest=f"`%vat {vat} --all` shows them")
    show(notebook, UpgradePanel(notebook, vat), snapshot)
