"""Errors as people at a session read them: a text that is safe to print, and the lines of the vats' code.

Both are made when an error arrives, from the code that runs then, because an error may be printed long after,
when the vat was upgraded or the world is closed.
"""

from __future__ import annotations

from swingset.guest.base.errors import RemoteError
from swingset.host.worlds.controller import Controller
from swingset.model.places import places
from swingset.model.reports import Frame
from swingset.model.visible import quoted
from swingset.world.errors import WorldError


class Reading:
    """Makes the texts of errors for people at one open world."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._sources: dict[str, str | None] = {}
        self._as_of = (-1, -1)

    def __call__(self, error: RemoteError) -> tuple[str, str]:
        """The text of an error, and the lines of the vats that it passed."""
        trace = tuple(Frame(*frame) for frame in error.trace)
        try:
            lines = places(trace, self.source_of)
        except WorldError:  # the file is damaged there, which other checks report
            lines = places(trace, lambda _part: None)
        return quoted(error.remote_message), "\n".join(lines)

    def source_of(self, part: str) -> str | None:
        """The source of a vat's cell; None if the name of the part does not identify the vat."""
        store = self._controller.kernel.store
        now = (store.vats.saved, store.world.rewound)
        if self._as_of != now:
            self._as_of, self._sources = now, {}
        if part not in self._sources:
            self._sources[part] = self._find(part)
        return self._sources[part]

    def _find(self, part: str) -> str | None:
        found = set()
        for vat in self._controller.vats:
            bundle = self._controller.world.bundles.get(vat.bundle) if vat.bundle else ()
            source = dict(bundle).get(part)
            if source is not None:
                if vat.name == part:
                    return source
                found.add(source)
        return found.pop() if len(found) == 1 else None
