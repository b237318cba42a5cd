"""Gives references of one world a meaning in its fork, while the lives of the first world are set aside.

Code that was written for a world holds presences and promises of its session. In a fork they mean the same
things by the kernel's names, so `StandIns` finds the fork's reference for each. Whatever escapes that, such
as a presence inside of an object, must not send to the first world by mistake: while lives are set aside,
using any reference of theirs raises an error, and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swingset.core.kernel import Kernel
from swingset.guest.base import context
from swingset.guest.base.ended import Ended, LifeEndedError
from swingset.guest.base.promises import Promise
from swingset.guest.base.promises import settled as settled_promise
from swingset.guest.passing.remotables import Presence
from swingset.host.base.lives import Life
from swingset.host.sessions.session import Session
from swingset.host.variables.looking import is_reference, owner_of
from swingset.host.worlds.controller import Controller
from swingset.model.capdata import promise_named
from swingset.model.refs import kref_type

MOST_ITEMS = 1_000_000
"""How many items of containers are copied for one fork; what is beyond is used as it is."""


class _Aside(Ended):
    """Says of a reference that its world is set aside."""

    def told(self, item: Any) -> str:
        """The message of the error for an object of this life."""
        return f"{self._name(item)} belongs to {self.whose}, and {self.why}: {self.fix}"


@contextmanager
def set_aside(controller: Controller) -> Iterator[list[Life]]:
    """Make every reference of a world's sessions raise an error while the body runs; yields their lives."""
    lives, before = controller.lives.alive(), context.found()
    for life in lives:
        live = life.liveslots
        whose = f"incarnation {live.incarnation} of {live.title}"
        why = "this code runs in a fork of that world"
        live.turns.deaf = True
        live.ended = live.store.closed = _Aside(
            whose, why, "pass it to `here`, and use what that returns", {}
        )
    try:
        yield lives
    finally:
        for life in lives:
            life.liveslots.ended = life.liveslots.store.closed = None
            life.liveslots.turns.deaf = False
        context.set_default(before if any(before is life.liveslots for life in lives) else None)


class StandIns:
    """The references of a session in a fork that mean the same as references of the first world."""

    def __init__(self, kernel: Kernel, lives: list[Life], fork: Session) -> None:
        self._lives = {id(life.liveslots): life for life in lives}
        self._kernel = kernel
        self._fork = fork
        self._left = MOST_ITEMS
        self._made: dict[int, tuple[Any, Any]] = {}

    def here(self, value: Any) -> Any:
        """What a value means in the fork: containers are copied, references replaced, all else is itself.

        Raises `LifeEndedError` for a reference to something that the fork does not have.
        """
        found = self._made.get(id(value))
        if found is not None:
            return found[1]
        kind = type(value)
        if kind in _CONTAINERS and self._left > 0:
            return self._copied(value, kind)
        if not is_reference(value):
            return value
        life = self._lives.get(id(owner_of(value)))
        if life is None:
            return value
        made = self._reference(life, value)
        self._made[id(value)] = value, made
        return made

    def _copied(self, value: Any, kind: Any) -> Any:
        self._left -= len(value)
        if kind is list:
            made: Any = []
            self._made[id(value)] = value, made
            made += [self.here(item) for item in value]
        elif kind is dict:
            made = {}
            self._made[id(value)] = value, made
            made.update((self.here(key), self.here(item)) for key, item in list(value.items()))
        else:
            made = kind(self.here(item) for item in list(value))
        return made

    def _reference(self, life: Life, value: Any) -> Any:
        live, promised = life.liveslots, isinstance(value, Promise)
        vref = live.promises.name_of(value) if promised else live.slots.known_name(value)
        kref = self._kernel.recognize(life.vat_id, vref) if vref else None
        if promised and value._state == "fulfilled":  # its `status` is that of a life that is set aside
            with context.activate(self._fork.liveslots):
                return settled_promise(self._fork.liveslots.turns, self.here(value._value))
        if kref is None or not self._has(kref):
            raise LifeEndedError(f"{_named(value)} does not exist in the fork")
        if kref_type(kref) == "p":
            name = self._fork.controller.kernel.introduce(self._fork.vat_id, kref)
            with context.activate(self._fork.liveslots):
                return self._fork.liveslots.slots.decode(promise_named(name).to_json())
        iface = (
            value._iface.removeprefix("Alleged: ") if isinstance(value, Presence) else type(value).__name__
        )
        return self._fork.reference(kref, iface)

    def _has(self, kref: str) -> bool:
        store = self._fork.controller.kernel.store
        if kref_type(kref) == "p":
            return store.promises.get(kref) is not None
        found = store.objects.get(kref)
        return found is not None and found.owner is not None


def _named(value: Any) -> str:
    if isinstance(value, Presence):
        return f"this {value._iface.removeprefix('Alleged: ')} (presence {value._vref})"
    return "this promise" if isinstance(value, Promise) else f"this {type(value).__name__}"


_CONTAINERS = (list, dict, tuple, set, frozenset)
