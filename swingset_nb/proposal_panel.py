"""The page of a proposal, live: what is read of it, and on request what it would do; and the votes.

What is read follows the world: another vote, or another incarnation of the target, is shown after the cell.
To try a proposal takes long, and while it is tried no button could be heard. So each message from the page
does a part, and the page asks for the next one until all is done or stopped: first the rehearsal, then the
last messages under both codes, a few and then more. All of it happens in forks that are thrown away.

Nothing here decides or performs a proposal. All texts are a stranger's, and go to the page as text.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import traitlets

from swingset.core.errors import KernelError
from swingset.host.code.rehearsal import Rehearsal
from swingset.lens.pictures.graph_picture import draw_graph
from swingset.lens.source.judging import Judged
from swingset.lens.state.proposals import ProposalRow
from swingset.time.forks.redelivery import redeliver
from swingset_nb.cells import stoppable
from swingset_nb.compared import View, row_view, some, verdict_view
from swingset_nb.errors import SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.on_proposals import (
    MESSAGES,
    MODULE_COLUMNS,
    MOST_DIFFERENCES,
    audited_in_words,
    head,
    leads_out,
    module_rows,
)
from swingset_nb.widget import Actions, LiveWidget

MOST_LINES = 200
"""The most rows of one difference."""
MOST_MODULES = 200
MOST_BALLOTS = 20
_FEW = 5
"""How many messages are delivered to both codes before more are."""


class ProposalPanel(LiveWidget):
    """The page of one proposal."""

    panel = traitlets.Unicode("proposal").tag(sync=True)

    def __init__(self, notebook: Notebook, number: int) -> None:
        self.number = number
        self.found: Rehearsal | None = None
        self.tried: View = {}
        """What was tried, and how far that is; empty if nothing was."""
        self.left: list[int] = []
        """The numbers of messages that are still to be delivered to both codes."""
        self.deeds = 0
        self._read: tuple[Hashable, Judged, View] | None = None
        super().__init__(notebook, f"page of proposal {number}", f"%swingset proposal {number}")

    def actions(self) -> Actions:
        """The buttons, and what the page sends by itself."""
        return {"try": self._try, "more": self._more, "stop": self._stop}

    def stamp(self) -> Hashable:
        """The commit, and what the buttons have done."""
        world = self.notebook.require()
        return (world.path, world.controller.history.head, self.deeds)

    def sleep(self, why: str) -> None:
        """Show only the reason, and forget what was tried."""
        self.found, self.tried, self.left, self._read = None, {}, [], None
        super().sleep(why)

    def compose(self) -> View:
        """What is read of the proposal now, what was tried, and the votes."""
        world = self.notebook.require()
        try:
            row = world.session.proposals.get(self.number)
            read = self._shown(row)
        except KernelError as problem:  # the world has gone back to before it was made, or files are damaged
            return {"open": False, "why": str(problem)}
        ballots = world.session.proposals.ballots(self.number)
        tried = self.tried
        if tried and tried["at"] != world.controller.history.head:
            tried = {**tried, "note": "the world has gone on since this was tried"}
        return {
            "open": True,
            "number": row.number,
            "vat": row.target,
            "line": f"%swingset proposal {row.number}{'' if tried else ' --read'}",
            **read,
            "tried": tried,
            "triable": not row.part and row.target in world.controller.vats,
            "ballots": [{"vat": each.vat, "said": list(each.said)} for each in ballots[:MOST_BALLOTS]],
            "more_ballots": max(0, len(ballots) - MOST_BALLOTS),
        }

    def _shown(self, row: ProposalRow) -> View:
        """What reading finds, read again only if the target has other code or other libraries count."""
        world = self.notebook.require()
        vats = world.controller.vats
        incarnation = vats[row.target].incarnation if row.target in vats else None
        proposals = world.session.proposals
        believed = tuple(library.digest for library in proposals.accepted())
        key = (world.path, row.bundle, incarnation, proposals.standing(row.number), believed)
        if self._read is None or self._read[0] != key:
            found = world.session.proposals.judge(row.number)
            self._read = (key, found, _reading(found))
        _, found, shown = self._read
        words = head(world, row, found)
        return {**shown, "words": words.headline, "lines": some(words.lines)}

    def _try(self, _content: Mapping[str, Any]) -> None:
        world = self.notebook.require()
        row = world.session.proposals.get(self.number)
        if row.part or row.target not in world.controller.vats:
            why = f"it is for {row.part} only, and no code changes" if row.part else "its target does not run"
            raise SwingSetError(f"proposal {row.number} cannot be rehearsed: {why}", "read it, and the votes")
        self.deeds += 1
        self.tried = {}
        with stoppable(self.notebook, row.target):
            found = world.session.proposals.rehearse(row.number)
        self.found = found
        self.left = [] if found.fault is not None else [_FEW, MESSAGES]
        self.tried = {"at": world.controller.history.head, "verdict": verdict_view(found, None, ())}
        self._count("rehearsed")

    def _more(self, _content: Mapping[str, Any]) -> None:
        if not self.left or self.found is None:
            return  # it was stopped while the page asked for more
        world = self.notebook.require()
        if world.controller.history.head != self.tried["at"]:
            self._stop({})  # the messages would be others than those of the rehearsal
            return
        row, parts = world.session.proposals.get(self.number), world.session.proposals.parts(self.number)
        self.deeds += 1
        messages = self.left[0]
        with stoppable(self.notebook, row.target):
            told = redeliver(
                world.controller, row.target, parts, messages=messages, parameters=row.parameters
            )
        self.left = [] if told.count < messages else self.left[1:]
        self.tried = {**self.tried, "verdict": verdict_view(self.found, told, ())}
        self._count(f"rehearsed, and as a shadow of the running code: {told.verdict[:-1]}")

    def _stop(self, _content: Mapping[str, Any]) -> None:
        if self.left:
            self.deeds += 1
            self.left = []
            self._count(f"{self.tried['words']}. Stopped; the world has not changed")

    def _count(self, words: str) -> None:
        """Say how far it is: the rehearsal counts as much as each round of messages."""
        left = len(self.left)
        self.tried = {**self.tried, "going": left > 0, "share": 1 - left / 3, "words": words}


def _reading(found: Judged) -> View:
    picture = draw_graph(found)
    differing = [module for module in found.modules if module.difference is not None]
    differences = []
    for module in differing[:MOST_DIFFERENCES]:
        assert module.difference is not None
        rows, hidden = module.difference.first_rows(MOST_LINES)
        why = "changed" if module.standing == "changed" else f"new{audited_in_words(module)}"
        shown = {"rows": [row_view(row) for row in rows], "hidden": hidden}
        differences.append({"title": f"{module.name} is {why}", **shown})
    return {
        "picture": {"src": picture.data_uri, "alt": picture.words},
        "columns": list(MODULE_COLUMNS),
        "modules": [[str(cell) for cell in row] for row in module_rows(found)[:MOST_MODULES]],
        "more_modules": max(0, len(found.modules) - MOST_MODULES),
        "leads": leads_out(found),
        "findings": some([f"{each.code}: {each}" for each in found.findings]),
        "differences": differences,
        "more_differences": max(0, len(differing) - MOST_DIFFERENCES),
    }
