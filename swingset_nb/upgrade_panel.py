"""The upgrade panel: the difference of the sources, the report of a rehearsal, Apply, and the result.

It works on the changed cell that was run last and not applied. A rehearsal upgrades a fork of the world and
discards the fork, so its report is observed, not guessed. Apply is the same upgrade as `%%vat NAME
--upgrade`: if it is refused, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from swingset_nb.cells import changed, rehearse, upgrade
from swingset_nb.errors import SwingSetError
from swingset_nb.extent import fit
from swingset_nb.notebook import Notebook
from swingset_nb.scripts import script, style
from swingset_nb.widget import Actions, LiveWidget, show

MOST_LINES = 400
MOST_SENTENCES = 60
"""The most lines of a rehearsal's report."""


class UpgradePanel(LiveWidget):
    """One vat's pending change."""

    _esm = script("upgrade_panel.js")
    _css = style()

    def __init__(self, notebook: Notebook, vat: str) -> None:
        self.vat = vat
        self.part = ""
        self.rehearsed: str | None = None
        self.verdict: dict[str, Any] = {}
        self.happened: list[str] = []
        super().__init__(notebook, f"upgrade panel of vat {vat}", f"%swingset upgrade {vat}")

    def actions(self) -> Actions:
        """The buttons: rehearse, apply, and the choice of a cell if several have changed."""
        return {"rehearse": self._rehearse, "apply": self._apply, "choose": self._choose}

    def stamp(self) -> Hashable:
        """The commit, the changed cells, and what the buttons have done."""
        world = self.notebook.require()
        changed = tuple(world.pending.get(self.vat, {}).items())
        done = str(self.verdict), tuple(self.happened)
        return (world.path, world.controller.history.head, changed, self.part, *done)

    def compose(self) -> dict[str, Any]:
        """The current change, and the results of a rehearsal and of Apply."""
        world = self.notebook.require()
        parts = world.pending.get(self.vat, {})
        if self.part not in parts:
            self.part = next(reversed(parts), "")
        source = parts.get(self.part)
        if source is not None:
            self.happened = []
        if source != self.rehearsed:
            self.verdict = {}
        difference = None
        if source is not None and world.has_vat(self.vat):
            difference = world.session.difference(self.vat, self.part, source)
        lines = difference.unified() if difference else []
        vats = world.controller.vats
        return {
            "open": True,
            "vat": self.vat,
            "incarnation": vats[self.vat].incarnation if self.vat in vats else None,
            "part": self.part,
            "parts": list(parts),
            "diff": lines[:MOST_LINES],
            "hidden": max(0, len(lines) - MOST_LINES),
            "verdict": self.verdict,
            "happened": self.happened,
        }

    def _pending(self) -> str:
        source = self.notebook.require().pending.get(self.vat, {}).get(self.part)
        if source is None:
            hint = f"run a changed `%%vat {self.vat}` cell; it appears here"
            raise SwingSetError(f"vat {self.vat} has no change to apply", hint)
        return source

    def _rehearse(self, _content: Mapping[str, Any]) -> None:
        source = self._pending()
        found = rehearse(self.notebook, self.vat, self.part, source)
        self.rehearsed = source
        self.verdict = {"ok": found.ok, "words": found.verdict, "lines": _some(found.lines)}

    def _apply(self, _content: Mapping[str, Any]) -> None:
        done = upgrade(self.notebook, self.vat, self.part, self._pending(), "applied from the upgrade panel")
        self.happened = [done.headline, *_some(done.lines)]
        self.verdict = {}

    def _choose(self, content: Mapping[str, Any]) -> None:
        self.part = str(content.get("part", ""))


def _some(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_SENTENCES
    return [*lines[:MOST_SENTENCES], *([f"and {more:,} more"] if more > 0 else [])]


def show_upgrade(notebook: Notebook, vat: str) -> None:
    """Display the difference, and a panel to rehearse and apply it."""
    snapshot = fit(changed(notebook.require(), vat), f"%vat {vat}", rest=f"`%vat {vat} --all` shows them")
    show(notebook, UpgradePanel(notebook, vat), snapshot)
