"""What a peer has by which string, so that it can be cut off when the string is taken back.

A reference is not its own once it has crossed: a peer keeps what it has fetched. A cut breaks it, for each
session that had it by that string, and for those that got it from there by an introduction. Whatever way the
same object has come to such a session before, it is broken there too, because both are one position; unless
another string that is still open has brought it as well. What the object has given away, its results, stays:
those are other objects. What a vat passes to the peer after the cut is new, and works.

Rows: `k.C.DIGEST` is the name of what the session has by the string of a digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import FULFILLED
from .values import Failure

if TYPE_CHECKING:
    from .core import Core

REVOKED = Failure("this object was taken back by the world that shared it", "Revoked", {"code": "revoked"})
"""What a message to an object that was cut off is rejected with."""


class Grants:
    """Which sessions have what by which strings."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def opened(self, conn: str, digest: str, name: str) -> None:
        """A session has fetched an object by the string of a digest."""
        self._core.batch.put(f"k.{conn}.{digest}", name)
        self._core.sessions.befriend(conn)

    def passed(self, giver: str, conn: str, name: str) -> None:
        """A session has got an object from another one, by an introduction."""
        for digest in self._by(giver, name):
            self.opened(conn, digest, name)

    def _by(self, conn: str, name: str) -> list[str]:
        batch = self._core.batch
        return [digest for digest in batch.below(f"k.{conn}.") if batch.get(f"k.{conn}.{digest}") == name]

    def cut(self, digest: str) -> None:
        """Break what sessions have by the string of a digest."""
        batch = self._core.batch
        for conn in batch.below("s."):
            name = batch.get(f"k.{conn}.{digest}")
            if name is not None:
                batch.drop(f"k.{conn}.{digest}")
                if not self._by(conn, name):
                    self._break(conn, name)

    def _break(self, conn: str, name: str) -> None:
        core, batch = self._core, self._core.batch
        position = batch.get(f"y.{conn}.{name}")
        if position is not None:
            batch.drop(f"y.{conn}.{name}")
            batch.put(f"x.{conn}.{position}", ["cut", name, batch.get(f"x.{conn}.{position}")[2]])
            core.names.unuse(name)
        for key in batch.below(f"a.{conn}."):
            cell = batch.get(f"a.{conn}.{key}")
            if self._mentions(cell, name):
                batch.put(f"a.{conn}.{key}", self._broken_in_place_of(cell))
        for key in batch.below(f"x.{conn}."):
            kind, cell, count = batch.get(f"x.{conn}.{key}")
            if kind == "c" and self._mentions(cell, name):
                batch.drop(f"y.{conn}.{cell}")
                broken = self._broken_in_place_of(cell)
                batch.put(f"x.{conn}.{key}", ["c", broken, count])
                batch.put(f"y.{conn}.{broken}", int(key))
        row = core.sessions.row(conn)
        if row is not None and row.get("session") is not None:
            core.handoff.withhold(conn, row["session"], name)

    def _mentions(self, cell: str, name: str) -> bool:
        """Whether a promise was fulfilled with an object, or with something that has it."""
        row = self._core.cells.row(cell)
        return row is not None and row["state"] == FULFILLED and name in row["slots"]

    def _broken_in_place_of(self, cell: str) -> str:
        cells = self._core.cells
        broken = cells.new(["own"])
        cells.use(broken)
        cells.reject(broken, REVOKED)
        cells.unuse(cell)
        return broken

    def end(self, conn: str) -> None:
        """A session has ended."""
        for digest in self._core.batch.below(f"k.{conn}."):
            self._core.batch.drop(f"k.{conn}.{digest}")
