"""The base of the live panels: it takes a button's message to the world, and shows the result.

A button's message may arrive on any thread, and while a cell runs, so its handler takes the world's lock
first. What a handler prints or raises would be lost, so both are caught: outputs of vats go to `said` and
errors to `error`, and the panel shows them. Nothing is shown only in a panel.

The code of all panels is in one widget that is never shown, so a further panel does not send it again. Of
what a panel shows, only the changes are sent (`deltas`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from shlex import quote
from typing import Any

import anywidget
import IPython.display
import traitlets

from swingset.model.visible import one_line, visible
from swingset_nb.deltas import Delta, delta
from swingset_nb.errors import as_text
from swingset_nb.hints import hints
from swingset_nb.notebook import Notebook
from swingset_nb.scripts import script, style

MOST_PANELS = 4
"""How many panels stay live; older ones stop, because each live one is redrawn after every cell."""
MOST_SAID = 50
MOST_TEXT = 2_000
"""The most characters of one text in a panel, except for a picture."""

Actions = Mapping[str, Callable[[Mapping[str, Any]], None]]


class PanelCode(anywidget.AnyWidget):
    """The script and the style sheet of all panels, which are sent to the page once."""

    _esm = script("panels.js")
    _css = style("panel.css", "upgrade_panel.css", "explorer.css")


_codes: list[PanelCode] = []


def panel_code() -> PanelCode:
    """The widget with the code; another one if somebody has closed it."""
    if not _codes or _codes[0].comm is None:
        _codes[:] = [PanelCode()]
    return _codes[0]


class LiveWidget(anywidget.AnyWidget):
    """A panel of one notebook, which `line` shows.

    `view` is all that it shows, and `turn` counts the messages it has handled. `patch` has what has changed
    in traits that are not sent as a whole.
    """

    _esm = script("panel.js")

    panel = traitlets.Unicode().tag(sync=True)
    """The name of its function in the code of all panels."""
    code = anywidget.WidgetTrait().tag(sync=True)
    patch = traitlets.Dict({"number": 0, "regions": {}}).tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    said = traitlets.List(traitlets.Unicode()).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    again = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The lines that show the panel again when its kernel has ended."""

    def __init__(self, notebook: Notebook, title: str, line: str) -> None:
        self.notebook = notebook
        self.title = title
        self._stamp: Hashable = None
        self._as_patch: frozenset[str] = frozenset()
        self._patches = 0
        world = notebook.require()
        worker = world.controller.default_worker
        opens = f"%swingset open {quote(world.path)}" + (f" --worker {worker}" if worker != "wasm" else "")
        super().__init__(
            code=panel_code(), again=[one_line(each) for each in ("%load_ext swingset_nb", opens, line)]
        )
        self.on_msg(self._hear)

    def __repr__(self) -> str:
        return f"{self.title} (live while the kernel runs)"

    def actions(self) -> Actions:
        """The functions of the buttons, by the `kind` of their messages."""
        raise NotImplementedError

    def compose(self) -> dict[str, Any]:
        """What to show now, as JSON data."""
        raise NotImplementedError

    def stamp(self) -> Hashable:
        """What `compose` depends on: it is called only if this has changed, because each cell refreshes."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show the current state of the world."""
        world = self.notebook.world
        if world is None:
            self.sleep("no world is open")
            return
        with world.controller.lock:
            if (stamp := self.stamp()) != self._stamp:
                self.put(self.compose())
                self._stamp = stamp

    def sleep(self, why: str) -> None:
        """Show only the reason."""
        self._stamp = None
        self.put(self.sleeping(why))

    def sleeping(self, why: str) -> dict[str, Any]:
        """What to show while there is no world to show: the reason."""
        return {"open": False, "why": why}

    def put(self, composed: dict[str, Any]) -> None:
        """Show what was composed."""
        self.bring({"view": _fit(composed)})

    def bring(self, traits: Mapping[str, Any]) -> None:
        """Set traits, and send in one message what has changed in them, or the whole if that is short."""
        regions: dict[str, Delta] = {}
        for name, value in traits.items():
            before = getattr(self, name)
            if before and value and before != value:
                change = delta(before, value)
                if 2 * _size(change) < _size(value):
                    regions[name] = change
        self._as_patch = frozenset(regions)
        try:
            with self.hold_sync():
                for name, value in traits.items():
                    self.set_trait(name, value)
                if regions:
                    self._patches += 1
                    self.patch = {"number": self._patches, "regions": regions}
        finally:
            self._as_patch = frozenset()

    def _should_send_property(self, key: str, value: object) -> bool:
        """Whether a trait is sent when it changes: not if the page makes it from the patch."""
        return key not in self._as_patch and bool(super()._should_send_property(key, value))

    def _hear(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        action = self.actions().get(str(content.get("kind", "")))
        if action is None:  # anywidget's own messages come this way too
            return
        notebook, error = self.notebook, ""
        try:
            world = notebook.require()
            with world.controller.lock, notebook.console.collecting() as lines, notebook.progress.silenced():
                notebook.allow_run()
                try:
                    action(content)
                finally:
                    self.said = [*self.said, *lines][-MOST_SAID:]
                notebook.remember(whole=False)
        except (Exception, KeyboardInterrupt) as problem:
            error = as_text(problem, notebook.source_of, tuple(hints(notebook.world, problem)))
        self.error = error
        try:
            notebook.refresh_panels()
        except Exception as problem:
            self.error = error or as_text(problem, notebook.source_of)
        self.turn += 1


def _size(data: object) -> int:
    return len(json.dumps(data, separators=(",", ":"), ensure_ascii=False))


def _fit(shown: Any) -> Any:
    """Make every text that a panel shows one line that is safe to show.

    Only a picture and its text, which the library writes, may be longer and have several lines.
    """
    if isinstance(shown, str):
        return one_line(shown, MOST_TEXT)
    if isinstance(shown, Mapping):
        return {key: visible(value) if key in ("alt", "src") else _fit(value) for key, value in shown.items()}
    return [_fit(item) for item in shown] if isinstance(shown, list | tuple) else shown


def show(
    notebook: Notebook, widget: LiveWidget, snapshot: object, place: Callable[[object], None] | None = None
) -> None:
    """Display the current state as a static answer, and the panel in a separate display below it.

    `place` displays the panel elsewhere.
    """
    display: Any = IPython.display.display
    notebook.panels.append(widget)
    while len(notebook.panels) > MOST_PANELS:
        notebook.panels.pop(0).sleep("newer panels took its place")
    widget.refresh()
    display(snapshot)
    (place or display)(widget)
