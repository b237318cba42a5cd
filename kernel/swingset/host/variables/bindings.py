"""What the names of a session stand for, and how each step has changed that.

An undo gives a name back the very object that it stood for, not a copy of what is stored: a copy has lost
what cannot be stored, and is not what other names stand for. So each step notes which names it has bound
first, and what the others stood for before it, if that or what came after has to do with the world. Names of
other data are no business of an undo.

An object is held as long as its step can be taken back, or until garbage is collected by hand. A reference
that is stored is held weakly, because the store has it. Nothing of an object's own code runs.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from swingset.guest.liveslots import Liveslots
from swingset.host.variables import looking
from swingset.host.variables.kept import Unkept, check_leaf

ABSENT: Final[Any] = object()
"""Stands for the value of a name that is not bound, and for one that is not known any more."""


class Held:
    """What a name stood for before a step."""

    def __init__(self, value: object, live: Liveslots, *, of_world: bool) -> None:
        self._of_world = of_world
        self._value: object = value
        self._ref: weakref.ref[Any] | None = None
        if looking.is_reference(value):
            try:
                check_leaf(value, live)
            except Unkept:
                return
            self.let_go()

    def value(self) -> Any:
        """The object itself; `ABSENT` if it is gone."""
        found = self._value if self._ref is None else self._ref()
        return ABSENT if self._ref is not None and found is None else found

    def let_go(self) -> None:
        """Hold it weakly from now on, if it has to do with the world."""
        if self._of_world and self._ref is None and self._value is not ABSENT:
            with suppress(TypeError):  # of a list or a dict there are no weak references
                self._ref = weakref.ref(self._value)
            self._value = ABSENT


@dataclass(eq=False)
class Changed:
    """What one step did to names: those that it bound first, and what others stood for before it.

    `touched` says whether any of that has to do with the world.
    """

    fresh: set[str] = field(default_factory=set)
    before: dict[str, Held] = field(default_factory=dict)
    touched: bool = False

    def then(self, later: Changed) -> None:
        """Add what a later step did."""
        self.fresh |= later.fresh - self.before.keys()
        for name, held in later.before.items():
            if name not in self.fresh:
                self.before.setdefault(name, held)
        self.touched = self.touched or later.touched

    def let_go(self) -> None:
        """Hold weakly what has to do with the world."""
        for held in self.before.values():
            held.let_go()


class Bindings:
    """The names of one session as they were when they were looked at last, and what its step did to them."""

    def __init__(self) -> None:
        self.now: dict[str, Any] = {}
        self.changed = Changed()
        self._live: Liveslots | None = None

    def start(self, namespace: Mapping[str, Any]) -> None:
        """Take the names as they are, as no step's doing."""
        self.now = dict(namespace)

    def note(
        self,
        namespace: dict[str, Any],
        live: Liveslots,
        had: Mapping[str, object],
        may_hold: Callable[[str], bool],
    ) -> None:
        """Note what has changed since the last look.

        `had` are the variables that held a reference by then, and `may_hold` tells of a name whether it may
        now. In another life of the session all has changed, which no undo within a life takes back.
        """
        before, self.now = self.now, namespace
        other_life, self._live = self._live not in (None, live), live
        if other_life:
            return
        for name, value in namespace.items():
            if (old := before.get(name, ABSENT)) is not value:
                self._note(name, old, live, had, may_hold(name))
        for name in before.keys() - namespace.keys():
            self._note(name, before[name], live, had, False)

    def _note(self, name: str, old: object, live: Liveslots, had: Mapping[str, object], holds: bool) -> None:
        changed = self.changed
        held = looking.is_reference(old) or (name in had and had[name] is old)
        if old is ABSENT:
            if name not in changed.before:
                changed.fresh.add(name)
        elif (held or holds) and name not in changed.fresh:
            changed.before.setdefault(name, Held(old, live, of_world=held))
        changed.touched = changed.touched or held or holds

    def set(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Note that names stand for other objects, or for none, by no step; returns what they were."""
        was = {name: self.now.get(name, ABSENT) for name in names}
        self.now = {name: value for name, value in (self.now | dict(names)).items() if value is not ABSENT}
        return was
