"""The explorer: the timeline, the world at one of its moments, and all about what was clicked, live.

What it shows comes from `swingset.explore` alone, as data in which every text is safe and everything is
bounded. Each region is a trait of its own, which is composed anew only if what it depends on has changed,
and of which only the changes are sent. What its buttons do, they do through the same functions as the lines
one could type, and the panel shows that line.

To inspect a thing can take as long as a cell, so a cell does not wait for it: the page is told that what it
shows of the thing is stale, and asks for it again when the kernel is free.

A vat is upgraded in the explorer itself: it opens that vat's upgrade panel within it, in the same output. The
page of a proposal opens in the same place.

Looking back changes nothing: the panel stands at a moment, and the world at its present. A button that runs
the world brings the panel back to the present.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import anywidget
import traitlets

from swingset.core.errors import KernelError
from swingset.time.explorer.exploring import explore
from swingset.time.looking.monitoring import console, costs_over_time
from swingset.time.predicates.predicate import BadPredicate, Predicate
from swingset_nb.asleep import nothing_runs
from swingset_nb.errors import BadArguments
from swingset_nb.explorer_verbs import Did, done_by, vat_to_upgrade
from swingset_nb.notebook import Notebook
from swingset_nb.on_branches import cost_of_going_on, went_on
from swingset_nb.on_predicates import run_until
from swingset_nb.on_proposals import listed
from swingset_nb.on_runs import cancel_interrupted, run_all, take_steps
from swingset_nb.plain_data import plain
from swingset_nb.proposal_panel import ProposalPanel
from swingset_nb.render import Shown
from swingset_nb.upgrade_panel import UpgradePanel
from swingset_nb.what_if import Wanted, what_if_cell
from swingset_nb.widget import Actions, LiveWidget, show

MOST_BREAKS = 8
MOST_OPENED = 40
MOST_WATCHED = 30
MOST_CHANGED = 8
_LONGEST = 200
_EMPTY: dict[str, Any] = {"columns": 1, "width": 1, "lanes": [], "bins": [], "marks": [], "more_marks": 0}
_START = {"since": 0, "until": 0, "first": 0, "present": 0, **_EMPTY}
_NOTHING: dict[str, Any] = {
    "at": None,
    "crank": 0,
    "boxes": [],
    "arrows": [],
    "waiting": [],
    "waiting_total": 0,
}


@dataclass
class _Part:
    """A region as it was composed last, and what it depended on."""

    stamp: Hashable
    shown: dict[str, Any]


_DEEDS = ("step", "run", "pause", "cancel", "break", "branch", "whatif", "verb", "upgrade", "proposal")
"""What takes the place of the deed before, even if it is refused."""


class Explorer(LiveWidget):
    """The world, live, at its present or at a moment of its past."""

    panel = traitlets.Unicode("explorer").tag(sync=True)
    bar = traitlets.Dict({"open": False, "why": "", "breaks": [], "changed": [], "stale": False}).tag(
        sync=True
    )
    walkthrough = anywidget.WidgetTrait().tag(sync=True)
    """The panel that is open within this one: an upgrade, or the page of a proposal."""
    timeline = traitlets.Dict(_START).tag(sync=True)
    world = traitlets.Dict({**_NOTHING, "waiting_total": 0, "elsewhere": 0, "left_out": []}).tag(sync=True)
    inspector = traitlets.Dict().tag(sync=True)
    tick = traitlets.Dict().tag(sync=True)
    watched = traitlets.Dict({"view": "", "headline": "", "rows": []}).tag(sync=True)
    found = traitlets.Dict({"text": "", "hits": [], "more": False, "notes": []}).tag(sync=True)

    def __init__(self, notebook: Notebook) -> None:
        world = notebook.require()
        self._model = explore(world.controller, world.session)
        self._at: int | None = None
        self._span: tuple[int | None, int | None] = (None, None)
        self._opened: dict[str, None] = {}
        self._subject = ""
        self._breaks: dict[str, None] = {}
        self._ask: dict[str, Any] | None = None
        self._did: Did | None = None
        self._parts: dict[str, _Part] = {}
        self._watching = ""
        self._furthest = 0
        self._asked = False
        super().__init__(notebook, f"explorer of {world.path}", "%swingset panel")

    def actions(self) -> Actions:
        """What the page can ask for."""
        return {
            "look": self._look,
            "zoom": self._zoom,
            "open": self._open,
            "close": self._close,
            "pick": self._pick,
            "search": self._search,
            "watch": self._watch,
            "step": self._step,
            "run": self._run,
            "pause": self._pause,
            "cancel": self._cancel,
            "break": self._break,
            "unbreak": self._unbreak,
            "branch": self._branch,
            "whatif": self._what_if,
            "verb": self._verb,
            "upgrade": self._upgrade,
            "proposal": self._proposal,
            "shut": self._shut,
            "dismiss": self._dismiss,
            "again": self._again,
        }

    # What is shown

    def stamp(self) -> Hashable:
        """The commit, and what the page has asked for."""
        own = (self._at, self._span, tuple(self._opened), self._subject, tuple(self._breaks), self._watching)
        return (*self._now(), *own, str(self._ask), self._did, self._changed())

    def _changed(self) -> tuple[str, ...]:
        """The vats with cells that were changed and not applied."""
        return tuple(islice(self.notebook.require().pending, MOST_CHANGED))

    def _now(self) -> tuple[Hashable, ...]:
        """What the present depends on."""
        controller = self.notebook.require().controller
        queue = controller.queue
        return (
            controller.history.head,
            controller.crank,
            len(queue),
            queue.paused,
            queue.interrupted is None,
        )

    def compose(self) -> dict[str, Any]:
        """The regions, each composed anew if what it depends on has changed."""
        world = self.notebook.require()
        now, present = self._now(), world.controller.crank
        if present < self._furthest or (self._at is not None and self._at >= present):
            self._at, self._parts = None, {}  # the world has left that past
        self._furthest = present
        at, when = self._at, now if self._at is None else self._at
        opened = tuple(self._opened)
        crank = present if at is None else at
        scene = self._part("world", (when, opened), lambda: plain(self._model.scene(at, opened)))
        inspector, stale = self._later("inspector", (when, self._subject), self._inspected)
        watched, old = self._later("watched", (now, self._span, self._watching), self._watched)
        return {
            "timeline": self._part("timeline", (now, self._span), self._timeline),
            "world": scene,
            "inspector": inspector,
            "watched": watched,
            "tick": self._part("tick", (now, crank), lambda: self._ticked(crank)),
            "bar": self._bar(world.path, scene["crank"], present, stale or old),
        }

    def sleeping(self, why: str) -> dict[str, Any]:
        """Only the reason."""
        self._parts = {}
        return {"bar": {"open": False, "why": plain(why), "breaks": [], "changed": [], "stale": False}}

    def refresh(self) -> None:
        """Show the current state of the world, in the upgrade panel within too."""
        super().refresh()
        if self.walkthrough is not None:
            self.walkthrough.refresh()

    def sleep(self, why: str) -> None:
        """Show only the reason."""
        super().sleep(why)
        self._close_walkthrough()

    def put(self, composed: dict[str, Any]) -> None:
        """Show what was composed: each region by itself."""
        self.bring(composed)

    def _part(self, name: str, stamp: Hashable, compose: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        part = self._parts.get(name)
        if part is None or part.stamp != stamp:
            part = self._parts[name] = _Part(stamp, compose())
        return part.shown

    def _later(
        self, name: str, stamp: Hashable, compose: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        """A region for which no cell waits, and whether it is stale, because nobody has asked for it yet."""
        part = self._parts.get(name)
        if part is not None and part.stamp != stamp and not self._asked:
            return part.shown, True
        return self._part(name, stamp, compose), False

    def _hear(self, widget: object, content: object, buffers: object) -> None:
        self._asked = True
        if isinstance(content, dict) and content.get("kind") in _DEEDS:
            self._did = None
        try:
            super()._hear(widget, content, buffers)
        finally:
            self._asked = False

    def _bar(self, path: str, crank: int, present: int, stale: bool) -> dict[str, Any]:
        queue = self.notebook.require().controller.queue
        bar = {"open": True, "why": "", "path": path, "crank": crank, "present": present, "at": self._at}
        did = None if self._did is None else asdict(self._did)
        interrupted = queue.interrupted is not None
        more = {
            "paused": queue.paused,
            "interrupted": interrupted,
            "breaks": list(self._breaks),
            "changed": list(self._changed()),
            "stale": stale,
        }
        shown: dict[str, Any] = plain({**bar, **more, "ask": self._ask, "did": did})
        return shown

    def _timeline(self) -> dict[str, Any]:
        shown: dict[str, Any] = plain(self._model.timeline(*self._span))
        # Bins are the largest part of a picture of the past, so they go without the names of their fields,
        # and each lane has a list, so that the rest of a lane is not sent again when something is added.
        lanes: list[list[list[int]]] = [[] for _ in shown["lanes"]]
        for lane, *rest in (each.values() for each in shown["bins"]):
            lanes[lane].append(rest)
        return {**shown, "bins": lanes}

    def _inspected(self) -> dict[str, Any]:
        found = self._model.inspect(self._subject, self._at) if self._subject else None
        if found is None:
            return {}
        boxes = self._parts["world"].shown["boxes"]
        whose = next((box["name"] for box in boxes if box["id"] == found.vat), "")
        return {**plain(found), "whose": whose}

    def _ticked(self, crank: int) -> dict[str, Any]:
        try:
            shown: dict[str, Any] = plain(self._model.tick(crank)) if crank > 0 else {}
        except KernelError:  # it was pruned
            return {}
        return shown

    def _watched(self) -> dict[str, Any]:
        """What vats said or cost in the part of the past that the timeline shows, or who can still pay."""
        controller = self.notebook.require().controller
        since, until = max(0, (self._span[0] or 1) - 1), self._span[1]
        if self._watching == "console":
            said = console(controller, most=MOST_WATCHED, since=since, until=until)
            return {"view": "console", "headline": said.counted(), "rows": plain(said.shown)}
        if self._watching == "costs":
            cost = costs_over_time(controller, columns=1, most=MOST_WATCHED, since=since, until=until)
            return {"view": "costs", "headline": cost.headline(), "rows": plain(cost.methods)}
        if self._watching == "market":
            market = controller.market
            words = market.pictures()[2].words if market.is_open else "no market is open"
            return {"view": "market", "headline": words, "rows": plain(market.funds()[:MOST_WATCHED])}
        if self._watching == "proposals":
            rows, older = listed(self.notebook.require())
            words = f"open: {sum(row.is_open for row in rows):,} of {len(rows):,}; a click opens the page"
            words += f"; {older:,} older ones are not shown" if older else ""
            return {"view": "proposals", "headline": words, "rows": plain(rows[:MOST_WATCHED])}
        return {"view": "", "headline": "", "rows": []}

    # Looking

    def _look(self, content: Mapping[str, Any]) -> None:
        crank = content.get("crank")
        present = self.notebook.require().controller.crank
        if type(crank) is not int or crank >= present:
            self._at = None
            return
        self._model.scene(max(0, crank), tuple(self._opened))  # raises if the history does not lead there
        self._at = max(0, crank)

    def _zoom(self, content: Mapping[str, Any]) -> None:
        since, until = content.get("since"), content.get("until")
        whole = type(since) is not int or type(until) is not int or since > until
        self._span = (None, None) if whole else (since, until)

    def _open(self, content: Mapping[str, Any]) -> None:
        self._opened[str(content.get("row", ""))[:_LONGEST]] = None
        while len(self._opened) > MOST_OPENED:
            del self._opened[next(iter(self._opened))]

    def _close(self, content: Mapping[str, Any]) -> None:
        self._opened.pop(str(content.get("row", "")), None)

    def _pick(self, content: Mapping[str, Any]) -> None:
        subject, crank = str(content.get("subject", ""))[:_LONGEST], content.get("crank")
        kind, _, number = subject.partition(":")
        if kind == "crank" and number.isascii() and number.isdecimal():
            self._look({"crank": int(number[:15])})
        elif type(crank) is int and self._model.inspect(subject, self._at) is None:
            self._look({"crank": crank})
        self._subject = subject

    def _search(self, content: Mapping[str, Any]) -> None:
        text = str(content.get("text", ""))[:_LONGEST]
        self.put({"found": {"text": text, **plain(self._model.search(text))}})

    def _watch(self, content: Mapping[str, Any]) -> None:
        self._watching = str(content.get("view", ""))[:_LONGEST]

    def _again(self, _content: Mapping[str, Any]) -> None:
        self._stamp = None

    # Running

    def _step(self, _content: Mapping[str, Any]) -> None:
        self._at, self._did = None, None
        if not take_steps(self.notebook, 1):
            headline, lines, hints = nothing_runs(self.notebook.require())
            self._did = Did("%swingset step", (headline, *lines, *hints))

    def _run(self, _content: Mapping[str, Any]) -> None:
        self._at = None
        if self._breaks:
            text = " or ".join(f"({each})" if len(self._breaks) > 1 else each for each in self._breaks)
            shown = run_until(self.notebook, Predicate(text))
            self._did = Did(f"%swingset until '{text}'", _lines(shown))
        else:
            headline, lines = run_all(self.notebook)
            self._did = Did("%swingset run", (headline, *lines))

    def _pause(self, _content: Mapping[str, Any]) -> None:
        self.notebook.require().controller.queue.pause()

    def _cancel(self, _content: Mapping[str, Any]) -> None:
        headline, lines, _ = cancel_interrupted(self.notebook, hold=False)
        self._at, self._did = None, Did("%swingset cancel", (headline, *lines))

    def _break(self, content: Mapping[str, Any]) -> None:
        text = str(content.get("predicate", "")).strip()
        try:
            Predicate(text)
        except BadPredicate as problem:
            raise BadArguments(
                str(problem), "`vat`, `method`, `object`, `rejection` are words of it"
            ) from None
        if len(self._breaks) >= MOST_BREAKS:
            raise BadArguments(f"there are {MOST_BREAKS} breakpoints already", "remove one above the buttons")
        self._breaks[text] = None

    def _unbreak(self, content: Mapping[str, Any]) -> None:
        self._breaks.pop(str(content.get("predicate", "")), None)

    # Acting

    def _branch(self, content: Mapping[str, Any]) -> None:
        crank = content.get("crank") if content.get("confirmed") else self._at
        if type(crank) is not int:
            raise BadArguments("the world is shown as it is now", "drag the timeline back to a moment first")
        if content.get("confirmed"):
            headline, lines, hints = went_on(self.notebook, crank)
            self._at, self._ask, self._parts = None, None, {}
            self._did = Did(f"%swingset go-on {crank} --yes", (headline, *lines, *hints))
            return
        lines = cost_of_going_on(self.notebook, crank).lines()
        self._ask = {"crank": crank, "headline": f"Go on from crank {crank:,}?", "lines": lines}

    def _what_if(self, content: Mapping[str, Any]) -> None:
        crank = content.get("crank")
        if type(crank) is int:
            shown = what_if_cell(self.notebook, "", Wanted(at=crank, drop=True))
            self._did = Did(f"%whatif --at {crank} --drop", _lines(shown))
            return
        line = "%%whatif" if self._at is None else f"%%whatif --at {self._at}"
        words = "a cell that begins with this line runs in a fork of the world, which is thrown away:"
        self._did = Did(line, (words, "its code sees your names as they were then, and nothing here changes"))

    def _verb(self, content: Mapping[str, Any]) -> None:
        found = self._model.inspect(str(content.get("subject", ""))[:_LONGEST], self._at)
        if found is None:
            raise BadArguments("there is no such thing at the moment that is shown", "pick it again")
        verb = str(content.get("verb", ""))
        if verb == "upgrade":
            self._open_walkthrough(vat_to_upgrade(self.notebook, found))
            return
        self._did = done_by(self.notebook, found, verb, content)

    def _upgrade(self, content: Mapping[str, Any]) -> None:
        vat = str(content.get("vat", ""))
        if vat not in self.notebook.require().pending:
            raise BadArguments("that vat has no cell that was changed", "change the vat's cell, and run it")
        self._open_walkthrough(vat)

    def _open_walkthrough(self, vat: str) -> None:
        before = self.walkthrough
        if not isinstance(before, UpgradePanel) or before.vat != vat:
            self._close_walkthrough()
            self.walkthrough = UpgradePanel(self.notebook, vat)

    def _proposal(self, content: Mapping[str, Any]) -> None:
        number, before = content.get("number"), self.walkthrough
        if type(number) is not int:
            raise BadArguments("a proposal has a number", "%swingset proposal")
        self.notebook.require().session.proposals.get(number)  # raises if there is none
        if not isinstance(before, ProposalPanel) or before.number != number:
            self._close_walkthrough()
            self.walkthrough = ProposalPanel(self.notebook, number)

    def _shut(self, _content: Mapping[str, Any]) -> None:
        self._close_walkthrough()

    def _close_walkthrough(self) -> None:
        before = self.walkthrough
        if before is not None:
            self.walkthrough = None
            before.sleep("it was closed")
            before.close()

    def _dismiss(self, _content: Mapping[str, Any]) -> None:
        self._ask = self._did = None


def _lines(shown: Shown) -> tuple[str, ...]:
    return tuple(shown.plain().split("\n"))


def show_explorer(notebook: Notebook, snapshot: Shown, place: Callable[[object], None] | None = None) -> None:
    """Display the snapshot and, below it or in another place, an explorer."""
    show(notebook, Explorer(notebook), snapshot, place)
