"""Drafts: cells of vats that do not run yet, kept in the world until their vat is defined.

A draft runs as part of whatever is defined under its vat's name, in front of it. The world file keeps drafts,
so one that is found there may be anybody's. Only those are used that this session has made or has said to
keep; a vat with others is not defined until somebody has looked at them.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.controller import Controller
from swingset.host.starting import Parts


class StrangeDrafts(KernelError):
    """A vat that has drafts which this session has neither made nor said to keep."""

    def __init__(self, vat: str, parts: tuple[str, ...]) -> None:
        super().__init__(
            f"the file has drafts for vat {vat} that are not of this session: {', '.join(parts)}. They would"
            " run in front of its code: look at them (`drafts`), then `keep_draft` or `drop_draft` each"
        )
        self.vat = vat
        self.parts = parts


@dataclass(frozen=True)
class Draft:
    """One cell of a vat that does not run yet. `own` says that this session made it, or keeps it."""

    vat: str
    part: str
    source: str
    own: bool


class Drafting:
    """The part of a session that keeps drafts."""

    controller: Controller
    _own_drafts: set[tuple[str, str, str]]

    def draft(self, vat: str, part: str, source: str) -> None:
        """Keep a cell for a vat that does not exist yet; it becomes part of it when the vat is defined."""
        with self.controller.lock:
            self.controller.kernel.store.sources.put(vat, part, source)
            self.controller.commit(f"draft {part} for {vat}")
            self._own_drafts.add((vat, part, source))

    def drafts(self, vat: str | None = None) -> list[Draft]:
        """The drafts of the world, or those for one vat."""
        with self.controller.lock:
            sources, vats = self.controller.kernel.store.sources, self.controller.kernel.store.vats
            names = sources.vat_names() if vat is None else [vat]
            return [
                Draft(name, part, source, (name, part, source) in self._own_drafts)
                for name in names
                if vats.named(name) is None
                for part, source in sources.parts(name)
            ]

    def keep_draft(self, vat: str, part: str) -> None:
        """Use a draft that was found in the file as one of this session. Raises `KernelError`."""
        self._own_drafts.add((vat, part, self._find(vat, part).source))

    def drop_draft(self, vat: str, part: str) -> None:
        """Delete a draft, whosever it is. Raises `KernelError` where there is none."""
        with self.controller.lock:
            self._find(vat, part)
            sources = self.controller.kernel.store.sources
            sources.replace(vat, tuple(cell for cell in sources.parts(vat) if cell[0] != part))
            self.controller.commit(f"drop draft {part} for {vat}")

    def _find(self, vat: str, part: str) -> Draft:
        found = self.drafts(vat)
        for draft in found:
            if draft.part == part:
                return draft
        known = ", ".join(draft.part for draft in found) or "none"
        raise KernelError(f"vat {vat} has no draft {part!r}; there are: {known}")

    def _drafted(self, vat: str, part: str) -> Parts:
        """The cells that were drafted for a vat, but for one. Raises `StrangeDrafts`."""
        found = [draft for draft in self.drafts(vat) if draft.part != part]
        strange = tuple(draft.part for draft in found if not draft.own)
        if strange:
            raise StrangeDrafts(vat, strange)
        return tuple((draft.part, draft.source) for draft in found)
