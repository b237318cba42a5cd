"""The sweep: bringing all records of a new version's kinds up to date, some at a time.

Nobody has to wait for it, since a record is migrated when it is touched. But until it is through, the code
has to keep the migrations from every version that a record may still have. So whoever drives the vat gives
it a budget now and then, and it walks on through the records from where it stopped. How far it is stands in
the store and is written with the records themselves.

A record that does not migrate is left as it is and told of, and the walk begins anew after its end. At the
start of an incarnation the first records of each kind are visited, and one that does not migrate refuses the
upgrade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import jsontext
from .migration import MigrationError
from .records import VERSION

if TYPE_CHECKING:
    from .kinds import Kind
    from .liveslots import Liveslots

Progress = dict[str, dict[str, Any]]


class Sweep:
    """The walk through the records of one vat that may be of another version than their kind."""

    def __init__(self, world: Liveslots) -> None:
        self._world = world

    def at_start(self) -> None:
        """Migrate the first records of each kind; raises MigrationError for one that does not."""
        for kind in self._world.kinds.outdated():
            _Walk(self._world, kind).go(kind.eager, strict=True)

    def some(self, budget: int) -> Progress:
        """Visit so many records at most; what was done and what is left, by tag."""
        if type(budget) is not int or budget < 1:
            raise TypeError(f"migrate_some({budget!r}): wants the number of records to visit, 1 or more")
        told: Progress = {}
        for kind in self._world.kinds.outdated():
            if budget > 0:
                walk = _Walk(self._world, kind)
                budget -= walk.go(budget)
                told[kind.tag] = walk.progress()
        return told


class _Walk:
    """The walk through the records of one kind."""

    def __init__(self, world: Liveslots, kind: Kind) -> None:
        self.world = world
        self.kind = kind
        self.key = f"vom.sweep.{kind.id}"
        text = world.store.get(self.key)
        state = {} if text is None else jsontext.read(text)
        if state.get("to") != kind.version:
            state = {"to": kind.version, "after": "", "seen": 0, "migrated": 0, "failed": 0}
        self.state = state
        self.failures: dict[str, str] = {}
        self.complete = False

    def go(self, budget: int, *, strict: bool = False) -> int:
        """Visit records; how many were."""
        state, store, visited = self.state, self.world.store, 0
        for key in store.keys(self.kind.records_prefix, after=state["after"]):
            if visited == budget:
                break
            visited += 1
            state["after"] = key
            state["seen"] += 1
            try:
                state["migrated"] += self.visit(key)
            except MigrationError as exc:
                if strict:
                    raise
                state["failed"] += 1
                self.failures[key.removeprefix("vom.")] = str(exc)
        else:
            self.end()
            return visited
        if visited:
            store.set(self.key, jsontext.write(state))
        return visited

    def visit(self, key: str) -> bool:
        vref = key.removeprefix("vom.")
        kinds = self.world.kinds
        if kinds.held(vref) is not None:
            return False
        version = jsontext.read(self.world.store.get(key) or "{}").get(VERSION, 1)
        if version == self.kind.version:
            return False
        kinds.fetch(self.kind, vref)
        return True

    def end(self) -> None:
        self.world.store.delete(self.key)
        if self.state["failed"]:
            return
        self.complete = True
        kind = self.kind
        kind.older = {}
        descriptor = dict(self.world.kinds.stored(kind.id) or {})
        descriptor.pop("older", None)
        self.world.kinds.save_descriptor(kind, descriptor)

    def progress(self) -> dict[str, Any]:
        told = {name: self.state[name] for name in ("seen", "migrated", "failed")}
        return {
            "version": self.kind.version,
            **told,
            "of": self.kind.next_number() - 1,
            "complete": self.complete,
            "failures": self.failures,
        }
