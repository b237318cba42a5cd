"""The sweep: migrates all records of kinds with a new version, some at a time.

Vat code need not wait for it, because a record is migrated when it is used. But until the sweep is complete,
the code has to keep the migrations from every version that a record may still have. So the host gives the
sweep a budget now and then, and it continues through the records from where it stopped. Its progress is in
the store, and is written together with the records.

A record whose migration fails is left as it is. The number of such records and some of their errors are in
the store too, until the walk through the kind begins again: in the next incarnation, whose code may be
better, or when all kinds have been walked through. At the start of an incarnation the first records of each
kind are visited, and a failure refuses the upgrade. A rehearsal, which reports all failures, postpones that
first visit by a mark in the stored progress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base import jsontext
from .migration import MigrationError
from .records import VERSION

if TYPE_CHECKING:
    from .kind import Kind
    from .vat import Vat

Progress = dict[str, dict[str, Any]]

MOST_TOLD = 20  # how many errors of a kind's records the store keeps
MOST_WORDS = 600


class Sweep:
    """The sweep of one vat: a walk through the records that may have another version than their kind."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat

    def at_start(self) -> None:
        """Migrate the first records of each kind; raises MigrationError if one fails."""
        for kind in self._vat.kinds.outdated():
            walk = _Walk(self._vat, kind)
            if not walk.put_off:
                if walk.state["failed"]:
                    walk.begin()
                walk.go(kind.eager, strict=True)

    def some(self, budget: int) -> Progress:
        """Visit at most `budget` records; returns the progress of each kind by tag.

        A kind that was walked through with failures is walked again only after all others. Raises TypeError
        for a budget below 1.
        """
        if type(budget) is not int or budget < 1:
            raise TypeError(f"migrate_some({budget!r}): wants the number of records to visit, 1 or more")
        told: Progress = {}
        walks = [_Walk(self._vat, kind) for kind in self._vat.kinds.outdated()]
        if all(walk.done for walk in walks):
            for walk in walks:
                walk.begin()
        for walk in walks:
            if budget > 0 and not walk.done:
                budget -= walk.go(budget)
                told[walk.kind.tag] = walk.progress()
        return told


class _Walk:
    """The walk through the records of one kind."""

    def __init__(self, vat: Vat, kind: Kind) -> None:
        self.vat = vat
        self.kind = kind
        self.key = f"vom.sweep.{kind.id}"
        text = vat.store.get(self.key)
        self.state: dict[str, Any] = {} if text is None else jsontext.read(text)
        self.put_off = bool(self.state.get("putOff"))
        self.changed = False
        self.told: dict[str, str] = {}
        self.complete = False
        if self.state.get("to") != kind.version:
            self.begin()
            self.changed = False

    @property
    def done(self) -> bool:
        """Whether all records have been visited and some failed."""
        return bool(self.state.get("done"))

    def begin(self) -> None:
        """Begin again at the first record."""
        self.state = {"to": self.kind.version, "after": "", "seen": 0, "migrated": 0, "failed": 0}
        self.changed = True

    def go(self, budget: int, *, strict: bool = False) -> int:
        """Visit at most `budget` records; returns how many. With `strict` a failure is raised."""
        state, store, visited = self.state, self.vat.store, 0
        for key in store.keys(self.kind.records_prefix, after=state["after"]):
            if visited == budget:
                break
            visited += 1
            state["after"] = key
            state["seen"] += 1
            vref = key.removeprefix("vom.")
            try:
                state["migrated"] += self.visit(vref)
            except MigrationError as exc:
                if strict:
                    raise
                self.note(vref, exc)
        else:
            self.end()
            return visited
        if visited or self.changed:
            store.set(self.key, jsontext.write(state))
        return visited

    def note(self, vref: str, exc: MigrationError) -> None:
        """Record a failure: the record, its error, and the vat's own line."""
        self.state["failed"] += 1
        self.told[vref] = str(exc)
        failures = self.state.setdefault("failures", {})
        if len(failures) < MOST_TOLD:
            words = str(exc).encode("utf-8", "replace").decode()[:MOST_WORDS]
            failures[vref] = [self.version_of(vref), words, *self.vat.trace_of(exc)[-1:]]

    def visit(self, vref: str) -> bool:
        """Migrate one record; returns False if it has this version already."""
        kinds = self.vat.kinds
        if kinds.held(vref) is not None or self.version_of(vref) == self.kind.version:
            return False
        kinds.fetch(self.kind, vref)
        return True

    def version_of(self, vref: str) -> Any:
        """The version of a stored record."""
        return jsontext.read(self.vat.store.get(f"vom.{vref}") or "{}").get(VERSION, 1)

    def end(self) -> None:
        if self.state["failed"]:
            self.state["done"] = True
            self.vat.store.set(self.key, jsontext.write(self.state))
            return
        self.vat.store.delete(self.key)
        self.complete = True
        kind = self.kind
        kind.older = {}
        descriptor = dict(self.vat.kinds.stored(kind.id) or {})
        descriptor.pop("older", None)
        self.vat.kinds.save_descriptor(kind, descriptor)

    def progress(self) -> dict[str, Any]:
        told = {name: self.state[name] for name in ("seen", "migrated", "failed")}
        return {
            "version": self.kind.version,
            **told,
            "of": self.kind.next_number() - 1,
            "complete": self.complete,
            "failures": self.told,
        }
