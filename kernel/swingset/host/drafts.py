"""Drafts: cells of vats that do not run yet, kept in the world until their vat is defined.

A draft runs as part of whatever is defined under its vat's name, in front of it. The world file keeps drafts,
so one that is found there may be anybody's. Only those are used that this session has made or has said to
keep; a vat with others is not defined until somebody has looked at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.controller import Controller
from swingset.host.starting import Parts


class StrangeDrafts(KernelError):
    """A vat that has drafts which this session has neither made nor said to keep."""

    def __init__(self, vat: str, parts: tuple[str, ...]) -> None:
        super().__init__(
            f"the file has drafts for vat {vat} that are not of this session: {', '.join(parts)}. They would"
            " run in front of its code: look at them (`drafts`), then `keep` or `drop` each"
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


class Drafts:
    """The drafts of a world, as `session.drafts`. Iterating gives a `Draft` for each."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._own: set[tuple[str, str, str]] = set()

    def __iter__(self) -> Iterator[Draft]:
        return iter(self.all())

    def add(self, vat: str, part: str, source: str) -> None:
        """Keep a cell for a vat that does not exist yet, and commit.

        It becomes part of the vat when that is defined.

        Args:
            vat: the name of the vat.
            part: what the cell is called.
            source: its code.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> [draft.part for draft in session.drafts]
            ['kind Ware']
        """
        with self._controller.lock:
            self._controller.kernel.store.sources.put(vat, part, source)
            self._controller.commit(f"draft {part} for {vat}")
            self._own.add((vat, part, source))

    def all(self, vat: str | None = None) -> list[Draft]:
        """The drafts of the world, or those for one vat.

        Args:
            vat: the name of the vat; None for those of all.
        Example:
            >>> session.drafts.all("shop")
            []
        """
        with self._controller.lock:
            sources, vats = self._controller.kernel.store.sources, self._controller.kernel.store.vats
            names = sources.vat_names() if vat is None else [vat]
            return [
                Draft(name, part, source, (name, part, source) in self._own)
                for name in names
                if vats.named(name) is None
                for part, source in sources.parts(name)
            ]

    def keep(self, vat: str, part: str) -> None:
        """Use a draft that was found in the file as one of this session.

        Args:
            vat: the name of the vat.
            part: what the cell is called.
        Raises:
            KernelError: where there is no such draft.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> other = swingset.Session(world, "other")
            >>> other.drafts.keep("shop", "kind Ware")
            >>> [draft.own for draft in other.drafts]
            [True]
        """
        self._own.add((vat, part, self._find(vat, part).source))

    def drop(self, vat: str, part: str) -> None:
        """Delete a draft, whosever it is, and commit.

        Args:
            vat: the name of the vat.
            part: what the cell is called.
        Raises:
            KernelError: where there is no such draft.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> session.drafts.drop("shop", "kind Ware")
            >>> session.drafts.all()
            []
        """
        with self._controller.lock:
            self._find(vat, part)
            sources = self._controller.kernel.store.sources
            sources.replace(vat, tuple(cell for cell in sources.parts(vat) if cell[0] != part))
            self._controller.commit(f"drop draft {part} for {vat}")

    def usable(self, vat: str, part: str) -> Parts:
        """The cells that were drafted for a vat, but for the one that is being defined.

        Args:
            vat: the name of the vat.
            part: the cell that is left out.
        Raises:
            StrangeDrafts: where this session has neither made one of them nor said to keep it.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> session.drafts.usable("shop", "shop")
            (('kind Ware', 'class Ware: pass'),)
        """
        found = [draft for draft in self.all(vat) if draft.part != part]
        strange = tuple(draft.part for draft in found if not draft.own)
        if strange:
            raise StrangeDrafts(vat, strange)
        return tuple((draft.part, draft.source) for draft in found)

    def _find(self, vat: str, part: str) -> Draft:
        found = self.all(vat)
        for draft in found:
            if draft.part == part:
                return draft
        known = ", ".join(draft.part for draft in found) or "none"
        raise KernelError(f"vat {vat} has no draft {part!r}; there are: {known}")
