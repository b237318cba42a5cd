"""The live panel: the run-queue as a strip, vats, a c-list, the picture; Step, Run, Pause and Cancel.

It shows the same tables and pictures of `lens` as the static commands. It sends the browser one c-list at a
time, and of a long one only the beginning.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from swingset.lens.picture import draw
from swingset_nb.notebook import Notebook
from swingset_nb.on_runs import cancel_interrupted, run_all, take_steps
from swingset_nb.render import Shown, Table
from swingset_nb.scripts import script, style
from swingset_nb.tables import clist_table, queue_table, step_row, vat_table
from swingset_nb.widget import Actions, LiveWidget, show

MOST_ROWS = 60
MOST_CARDS = 30
MOST_NOTES = 8


class WorldPanel(LiveWidget):
    """The world, live."""

    _esm = script("panel.js")
    _css = style()

    def __init__(self, notebook: Notebook) -> None:
        world = notebook.require()
        names = world.vat_names()
        self.selected = names[0] if names else world.session.name
        self.last = ""
        super().__init__(notebook, f"panel of {world.path}", "%swingset panel")

    def actions(self) -> Actions:
        """The buttons: step, run, pause, cancel and the choice of a vat."""
        return {
            "step": self._step,
            "run": self._run,
            "pause": self._pause,
            "cancel": self._cancel,
            "select": self._select,
        }

    def stamp(self) -> Hashable:
        """The commit, and what the buttons change in the panel alone."""
        world = self.notebook.require()
        controller = world.controller
        where = world.path, controller.history.head, controller.crank, controller.queue.paused
        return (*where, self.selected, self.last)

    def compose(self) -> dict[str, Any]:
        """The current state of the world."""
        world = self.notebook.require()
        lens, paused = world.lens.cached(), world.controller.queue.paused
        names = [vat.name for vat in lens.vats()]
        if self.selected not in names:
            self.selected = names[-1] if names else ""
        picture = draw(lens)
        queue = queue_table(lens, paused=paused)
        return {
            "open": True,
            "path": world.path,
            "crank": world.controller.crank,
            "paused": paused,
            "interrupted": world.controller.queue.interrupted is not None,
            "last": self.last,
            "waiting": len(queue.rows),
            "queue": queue.texts()[:MOST_CARDS],
            "vats": _data(vat_table(lens), "%swingset vats --all"),
            "selected": self.selected,
            "clist": _data(clist_table(lens, self.selected), f"%swingset clists {self.selected} --all"),
            "picture": {"src": picture.data_uri, "alt": picture.words, "width": picture.width},
        }

    def _step(self, _content: Mapping[str, Any]) -> None:
        reports = take_steps(self.notebook, 1)
        if reports:
            crank, event, vat, outcome, spent = step_row(self.notebook.require(), reports[0])
            metered = "" if spent == "-" else f", {spent:,} computrons"
            self.last = f"crank {crank}: {event}, vat {vat}: {outcome}{metered}"
        else:
            self.last = "nothing can run: the run-queue is empty"

    def _run(self, _content: Mapping[str, Any]) -> None:
        headline, lines = run_all(self.notebook)
        self.last = "; ".join([headline, *lines])

    def _pause(self, _content: Mapping[str, Any]) -> None:
        self.notebook.require().controller.queue.pause()
        self.last = "paused: what is sent waits in the run-queue"

    def _cancel(self, _content: Mapping[str, Any]) -> None:
        headline, lines, _ = cancel_interrupted(self.notebook, hold=False)
        self.last = "; ".join([headline, *lines])

    def _select(self, content: Mapping[str, Any]) -> None:
        self.selected = str(content.get("vat", ""))


def show_panel(notebook: Notebook, snapshot: Shown) -> None:
    """Display the snapshot and a panel."""
    show(notebook, WorldPanel(notebook), snapshot)


def _data(table: Table, everything: str) -> dict[str, Any]:
    rows = table.texts()
    notes = list(table.notes)
    if len(rows) > MOST_ROWS:
        notes.insert(0, f"and {len(rows) - MOST_ROWS:,} more: {everything} lists them all")
    return {
        "caption": table.caption,
        "columns": list(table.columns),
        "rows": rows[:MOST_ROWS],
        "empty": table.empty,
        "notes": notes[:MOST_NOTES],
    }
