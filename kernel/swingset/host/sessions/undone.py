"""What an undo or a redo did, in words and in names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swingset.core.lifecycle import LeftBehind
from swingset.core.store import KernelStore
from swingset.lens.history.taken_back import Effects
from swingset.model.modules import Parts, by_module
from swingset.model.visible import one_line
from swingset.world.sources import MODULES

_FEW = 10


@dataclass(frozen=True, kw_only=True)
class Undone(Effects):
    """What an undo or a redo did.

    `steps` are the steps in words, newest first, such as `cell [5]`, and `numbers` those of this session's
    steps that have one, oldest first. `commit` and `crank` say where the world stands. `done` has what the
    steps did, in words, `more` how many lines there are beyond these, and `cranks` how many cranks they ran.
    `outside` is what stays, because it has left the world.
    `gone` are the names that were not bound in this state, and `back` has the objects that other names stood
    for in it: the very ones. The program unbinds and binds them. `holding_dead` are the names that stand for
    the same object as before and have a dead reference in it. `dead` is how many handles died, and `kept` how
    many promises keep a value that was taken back.
    `modules` says in words which definitions of modules are gone, back or as they were.
    `resumed` says why a new life of the session began; then all its handles are dead, and `left_behind` is
    what was lost. None means that the life goes on.

    Source:
        Ours.
    """

    steps: tuple[str, ...]
    numbers: tuple[int, ...]
    commit: int
    crank: int
    gone: tuple[str, ...] = ()
    back: Mapping[str, Any] = field(default_factory=dict)
    holding_dead: tuple[str, ...] = ()
    dead: int = 0
    kept: int = 0
    resumed: str | None = None
    left_behind: LeftBehind | None = None
    modules: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What it did, as lines of text; names are left out.

        Example:
            >>> session.steps.begin()
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.undo().lines()[0]
            "open_purse('alice') to root of bank ko20"
        """
        found = list(self.done)
        if self.more:
            found.append(f"and {self.more:,} more")
        found += self.modules
        if self.resumed is not None:
            found.append(
                f"the session began anew, because {self.resumed}: its references from before are dead"
            )
        if self.kept:
            promises = "promise keeps its value" if self.kept == 1 else "promises keep their values"
            found.append(f"{self.kept:,} {promises}, although that was taken back")
        if self.dead and self.resumed is None:
            these = "reference or promise that is" if self.dead == 1 else "references and promises that are"
            found.append(f"{self.dead:,} {these} newer can be used no longer")
        return found


def modules_of(store: KernelStore) -> dict[str, Parts]:
    """The modules that are defined in a world."""
    return by_module(store.sources.parts(MODULES))


def changed_modules(before: Mapping[str, Parts], now: Mapping[str, Parts]) -> tuple[str, ...]:
    """What became of the definitions of modules, in words."""
    changed = sorted(name for name in {**before, **now} if before.get(name) != now.get(name))
    found = []
    for name in changed[:_FEW]:
        became = "gone" if name not in now else "back" if name not in before else "as it was"
        found.append(f"module {one_line(name, 60)} is {became}")
    more = len(changed) - len(found)
    return (*found, f"and {more:,} more modules") if more else tuple(found)
