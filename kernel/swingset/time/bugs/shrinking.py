"""The shortest history that still shows a bug: acts are left out as long as it shows.

Each try plays some of the acts in a fresh world in memory, on the engines that the vats had, and looks
whether the bug shows. First halves are left out, then smaller pieces, at last single acts (delta debugging).
An act whose result another one mentions stays as long as that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from swingset.core.errors import KernelError, VatFault
from swingset.host.worlds.opening import open_world
from swingset.time.bugs.acting import Player, worker_of
from swingset.time.bugs.acts import Act
from swingset.time.predicates.until import until
from swingset.world.errors import WorldError

MOST_TRIES = 200
"""How many histories are tried by default."""

ShrinkingEnd = Literal["shortest", "bound", "interrupted"]
"""Why no more histories were tried: none is left, as many as allowed were tried, or by Ctrl-C."""


@dataclass(frozen=True)
class Tried:
    """How far shrinking has come: `tries` of at most `most`, and `kept` acts of `inputs` are left."""

    tries: int
    most: int
    inputs: int
    kept: int

    def __str__(self) -> str:
        shrunk = f"{self.inputs:,} inputs shrunk to {self.kept:,}"
        return f"{shrunk}, in {self.tries:,} of at most {self.most:,} tries"


Progress = Callable[[Tried], object]
"""Called after each try."""


class Shrinking:
    """Leaves out acts as long as `shows` is true of the rest.

    `kept` are the acts that are left, and `tries` counts histories. A Ctrl-C ends it, and what is left by
    then is kept.
    """

    def __init__(
        self,
        acts: Sequence[Act],
        shows: Callable[[Sequence[Act]], bool],
        most: int = MOST_TRIES,
        progress: Progress | None = None,
    ) -> None:
        self.kept = list(acts)
        self.tries = 0
        self.most = most
        self._inputs = inputs_in(acts)
        self._shows = shows
        self._progress = progress

    def run(self, guesses: Iterable[Sequence[Act]] = ()) -> ShrinkingEnd:
        """Try shorter histories until none shows it: first the guesses, then halves, then smaller pieces."""
        try:
            for guess in guesses:
                if not self._try(guess):
                    return "bound"
            return "shortest" if self._halve() else "bound"
        except KeyboardInterrupt:
            return "interrupted"

    def _halve(self) -> bool:
        """Leave out pieces, the last acts first, for they matter the least often; false at the bound."""
        pieces = 2
        while len(self.kept) > 1:
            size, before = -(-len(self.kept) // pieces), len(self.kept)
            for start in range(before - size, -size, -size):
                if not self._try([*self.kept[: max(start, 0)], *self.kept[max(start + size, 0) :]]):
                    return False
                if len(self.kept) < before:
                    break
            if len(self.kept) < before:
                pieces = max(pieces - 1, 2)
            elif size == 1:
                return True
            else:
                pieces = min(pieces * 2, len(self.kept))
        return True

    def _try(self, some: Sequence[Act]) -> bool:
        """Keep some of the acts if they show it and are fewer; false if no more may be tried."""
        shorter = whole(with_needed(some, self.kept))
        if len(shorter) >= len(self.kept):
            return True
        if self.tries == self.most:
            return False
        self.tries += 1
        if self._shows(shorter):
            self.kept = shorter
        if self._progress is not None:
            self._progress(Tried(self.tries, self.most, self._inputs, inputs_in(self.kept)))
        return True


def inputs_in(acts: Iterable[Act]) -> int:
    """How many of these acts are inputs, and no runs between them."""
    return sum(act.kind != "run" for act in acts)


def related(acts: Sequence[Act], act: int) -> list[Act]:
    """The acts that mention an object that an act mentions, or one that such an act mentions, and so on.

    The roots of vats do not count, because too much mentions them. Starts of vats, and what is asked of the
    whole world, are all among them.
    """
    about = {one.number: {origin for origin in one.origins() if not origin.vat} for one in acts}
    known, kept, before = set(about.get(act, ())), {act}, -1
    while len(kept) != before:
        before = len(kept)
        for number, mentioned in about.items():
            if mentioned & known or any(origin.act == number for origin in known):
                kept.add(number)
                known |= mentioned
    return [one for one in acts if one.number in kept or one.kind not in ("send", "bundle", "own")]


def with_needed(some: Iterable[Act], acts: Sequence[Act]) -> list[Act]:
    """Some of these acts, and those of them that they need, in order."""
    wanted = {act.number for act in some}
    starts = {act.starts: act.number for act in reversed(acts) if act.starts}
    for act in reversed(acts):
        if act.number in wanted:
            vats = {act.vat, *(origin.vat for origin in act.origins())}
            wanted.update(act.needs(), (starts[vat] for vat in vats if vat in starts))
    return [act for act in acts if act.number in wanted]


def whole(acts: Sequence[Act]) -> list[Act]:
    """The acts without those that need one that is not among them, and without a run that follows another."""
    there, vats, kept = set[int](), set[str](), list[Act]()
    for act in acts:
        if not all(origin.vat in vats for origin in act.origins() if origin.vat):
            continue
        if not there.issuperset(act.needs()):
            continue
        if act.starts:
            vats.add(act.starts)
        elif act.kind in ("upgrade", "terminate", "suspend", "resume") and act.vat not in vats:
            continue
        if act.kind == "run" and (not kept or kept[-1].kind == "run"):
            continue
        there.add(act.number)
        kept.append(act)
    return kept


def with_code(acts: Sequence[Act], code: Mapping[str, str]) -> list[Act]:
    """The acts with another source for the own cells of these vats, where each was started last."""
    last = {act.vat: act.number for act in acts if act.parts}
    return [
        replace(act, parts=tuple((part, code[part] if part == act.vat else text) for part, text in act.parts))
        if act.vat in code and act.number == last.get(act.vat)
        else act
        for act in acts
    ]


def refusal(acts: Sequence[Act]) -> bool:
    """Whether the last of these acts is a creation or an upgrade that is refused, and no other is."""
    with open_world(worker=worker_of(acts)) as world:
        player = Player(world)
        for act in acts:
            try:
                player.play(act)
            except VatFault:
                return act is acts[-1]
            except (KernelError, WorldError, TypeError, LookupError, AttributeError):
                return False
    return False


def holds(acts: Sequence[Act], predicate: str) -> bool:
    """Whether a predicate holds at some moment while these acts are played and run."""
    with open_world(worker=worker_of(acts)) as world:
        player = Player(world)
        try:
            for act in acts:
                if act.kind != "run":
                    player.play(act)
                elif until(world, predicate).held:
                    return True
            return until(world, predicate).held
        except (KernelError, WorldError, TypeError, LookupError, AttributeError):
            return False
