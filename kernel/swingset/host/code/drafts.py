"""Drafts: cells of vats that do not run yet, stored in the world until their vat is defined.

A draft becomes part of the vat that is defined under its vat's name, before the vat's own cell. Drafts are
stored in the world file, so anybody may have written one that is found there. Only drafts that this session
has made or accepted with `keep` are used; a vat that has others cannot be defined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.host.worlds.controller import Controller
from swingset.model.wording import named


class StrangeSources(KernelError):
    """Sources found in the file, which this session has not accepted, would become code of a vat.

    `vat` is the name of the vat, and `names` are those of the sources.
    """

    def __init__(self, vat: str, names: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.vat = vat
        self.names = names


class StrangeDrafts(StrangeSources):
    """A vat has drafts that this session has neither made nor accepted with `keep`."""


@dataclass(frozen=True)
class Draft:
    """One cell of a vat that does not run yet. `own` is whether this session has made or accepted it."""

    vat: str
    part: str
    source: str
    own: bool


class Drafts:
    """The drafts of a world, as `session.drafts`. Iterating gives a `Draft` for each.

    Source:
        Ours.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._own: set[tuple[str, str, str]] = set()

    def __iter__(self) -> Iterator[Draft]:
        return iter(self.all())

    def add(self, vat: str, part: str, source: str) -> None:
        """Store a cell for a vat that does not exist yet, and commit.

        It becomes part of the vat when that is defined.

        Args:
            vat: the name of the vat.
            part: the name of the cell.
            source: its code.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> [draft.part for draft in session.drafts]
            ['kind Ware']
        """
        with self._controller.lock:
            kernel = self._controller.kernel
            with kernel.request("draft", vat=vat, part=part, source=source):
                kernel.store.sources.put(vat, part, source)
            self._controller.commit(f"draft {part} for {vat}")
            self._own.add((vat, part, source))

    def all(self, vat: str | None = None) -> list[Draft]:
        """The drafts of the world, or those of one vat.

        Args:
            vat: the name of the vat; None for all vats.
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
        """Accept a draft that was found in the file, so that it is used.

        Args:
            vat: the name of the vat.
            part: the name of the cell.
        Raises:
            KernelError: if there is no such draft.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> other = swingset.Session(world, "other")
            >>> other.drafts.keep("shop", "kind Ware")
            >>> [draft.own for draft in other.drafts]
            [True]
        """
        self._own.add((vat, part, self._find(vat, part).source))

    def drop(self, vat: str, part: str) -> None:
        """Delete a draft, whoever made it, and commit.

        Args:
            vat: the name of the vat.
            part: the name of the cell.
        Raises:
            KernelError: if there is no such draft.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> session.drafts.drop("shop", "kind Ware")
            >>> session.drafts.all()
            []
        """
        with self._controller.lock:
            self._find(vat, part)
            kernel = self._controller.kernel
            kept = [cell for cell in kernel.store.sources.parts(vat) if cell[0] != part]
            kernel.keep_sources(vat, tuple(kept))
            self._controller.commit(f"drop draft {part} for {vat}")

    def usable(self, vat: str, part: str) -> Parts:
        """The drafts of a vat, without the cell that is being defined.

        Args:
            vat: the name of the vat.
            part: the cell that is left out.
        Raises:
            StrangeDrafts: if this session has neither made nor accepted one of them.
        Example:
            >>> session.drafts.add("shop", "kind Ware", "class Ware: pass")
            >>> session.drafts.usable("shop", "shop")
            (('kind Ware', 'class Ware: pass'),)
        """
        found = [draft for draft in self.all(vat) if draft.part != part]
        strange = tuple(draft.part for draft in found if not draft.own)
        if strange:
            raise StrangeDrafts(
                vat,
                strange,
                f"the file has drafts for vat {vat} that are not of this session: {named(strange)}. They"
                " would run in front of its code: look at them (`drafts`), then `keep` or `drop` each",
            )
        return tuple((draft.part, draft.source) for draft in found)

    def _find(self, vat: str, part: str) -> Draft:
        found = self.all(vat)
        for draft in found:
            if draft.part == part:
                return draft
        known = named(draft.part for draft in found)
        raise KernelError(f"vat {vat} has no draft {part!r}; there are: {known}")
