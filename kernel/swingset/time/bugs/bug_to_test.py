"""Makes a test of a bug: the shortest history that shows it, as a file for pytest over the public API.

The inputs of the world up to the bug's crank are played again in a fresh world (`swingset.time.bugs.inputs`),
and left out one after the other while the bug shows (`swingset.time.bugs.shrinking`). What is left is written
as plain calls of an embedder. The file is red as long as the bug shows, and green with mended code.

Nothing of a world is written but as a literal of Python: names, sources and values may be a stranger's.
"""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.history.cause import Causes
from swingset.model.messages import CloneVat, CreateVat, UpgradeVat
from swingset.model.visible import one_line
from swingset.time.bugs.acts import Act
from swingset.time.bugs.inputs import Inputs, inputs_until
from swingset.time.bugs.shrinking import (
    MOST_TRIES,
    Progress,
    Shrinking,
    ShrinkingEnd,
    holds,
    inputs_in,
    refusal,
    related,
    whole,
    with_code,
)
from swingset.time.bugs.writing_tests import written
from swingset.time.deliveries.past import NotRepeatable, crank_record
from swingset.time.predicates.predicate import Predicate
from swingset.time.predicates.until import happened
from swingset.world.records import CrankRecord

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}\Z")
_MOST_LEFT_OUT = 20
_MOST_REFUSED = 5
_FIXED = re.compile(r"[^0-9'\"\\…]{3,}")


@dataclass(frozen=True)
class BugTest:
    """A test that was written.

    `shows` is the predicate that holds where the bug shows, None for an upgrade or a creation that is
    refused. `inputs` is how many inputs the world had up to the bug, `kept` how many the test has, and
    `tries` how many histories were played. `left_out` says which inputs could not be written. `ended` says
    whether no shorter history is left to try; else it was the bound of tries or a Ctrl-C that ended it.
    """

    path: Path
    shows: str | None
    inputs: int
    kept: int
    tries: int
    left_out: tuple[str, ...]
    ended: ShrinkingEnd = "shortest"

    @property
    def ratio(self) -> float:
        """How many inputs the world had for each one of the test."""
        return self.inputs / max(self.kept, 1)

    def lines(self) -> list[str]:
        """The same in sentences."""
        shrunk = (
            f"{self.inputs:,} inputs shrunk to {self.kept:,}: {self.ratio:.1f} to 1, in {self.tries:,} tries"
        )
        shows = "the last start of code is refused" if self.shows is None else self.shows
        lines = [f"{self.path.name} is red while this shows: {one_line(shows, 300)}", shrunk]
        if self.ended == "bound":
            lines.append("as many tries as allowed were made, so a shorter one may be there: allow more")
        elif self.ended == "interrupted":
            lines.append("it was interrupted, so a shorter one may be there")
        more = len(self.left_out) - _MOST_LEFT_OUT
        lines += [f"left out: {said}" for said in self.left_out[:_MOST_LEFT_OUT]]
        return lines + ([f"and {more:,} more were left out"] if more > 0 else [])

    def __str__(self) -> str:
        return "\n".join(self.lines())


class NotReproduced(KernelError):
    """A bug does not show when the inputs of its world are played again in a fresh one."""


def bug_to_test(
    controller: Controller,
    crank: int,
    name: str,
    *,
    shows: str | None = None,
    folder: str | os.PathLike[str] = ".",
    code: Mapping[str, str] | None = None,
    mended: Mapping[str, str] | None = None,
    tries: int = MOST_TRIES,
    progress: Progress | None = None,
) -> BugTest:
    """Write `test_NAME.py`: the shortest history that still shows the bug of a crank.

    The file is red now, and green when the code of the vats in it is mended. The world does not change.

    Ctrl-C while histories are tried ends that, and the shortest one by then is written.

    Args:
        controller: the world.
        crank: the number of the crank that shows the bug.
        name: what the test is called, in small letters, digits and `_`.
        shows: a predicate that holds where the bug shows, such as `purse.balance < 0`; None for the rejection
            or the fault of the crank.
        folder: where the file is written.
        code: for a vat by name, the file with the source of its own cell, relative to the test; without one
            the test has the source in itself.
        mended: for a vat by name, the mended source of its own cell, if there is one. A history then counts
            only if the bug does not show with it, so that no other bug takes its place.
        tries: how many shorter histories are tried at most.
        progress: called after each try, with a `Tried` that says how far it has come.
    Returns:
        The file, and how much was left out.
    Raises:
        NotRepeatable: if there is no such crank, or it shows no rejection and no fault and `shows` is None.
        NotReproduced: if the bug does not show in a fresh world, or with the mended code too; it says what
            could not be written.
        BadPredicate: if `shows` is no predicate.
        KernelError: for a bad name, a file that is there already, or untrusted local vats.
    Source:
        Ours, with the delta debugging of Zeller and Hildebrandt.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", [7])
        >>> report = world.run()
        >>> made = swingset.bug_to_test(world, world.crank, "owner", folder=folder)
        >>> made.path.name, made.kept
        ('test_owner.py', 2)
    """
    if type(name) is not str or not _NAME.match(name) or keyword.iskeyword(name):
        raise KernelError(f"{name!r} is no name for a test: use small letters, digits and _")
    path = Path(folder) / f"test_{name}.py"
    if path.exists():
        raise KernelError(f"{path.name} is there already: choose another name, or move it away")
    record = crank_record(controller, crank)
    shows = _default(record) if shows is None else Predicate(shows).text
    found = inputs_until(controller, crank)
    acts = whole(found.acts)
    if not controller.trusts_local and any(act.worker == "local" for act in acts):
        raise KernelError(
            "the history has local vats, whose code would run in your own process: open the world with the"
            " worker local if you trust it"
        )
    seen = refusal if shows is None else partial(holds, predicate=shows)
    if not seen(acts):
        raise NotReproduced(_not_reproduced(crank, shows, found.left_out))
    better = dict(mended or {})
    if better and seen(with_code(acts, better)):
        raise NotReproduced(f"crank {crank}: the bug shows with the mended code, too")
    shrinking = Shrinking(
        acts, lambda some: seen(some) and not (better and seen(with_code(some, better))), tries, progress
    )
    ended = shrinking.run(_guesses(controller, record, found, acts))
    kept = _without_last_run(shrinking.kept)
    path.write_text(written(kept, name, shows, dict(code or {}), _about(record)), "utf-8")
    inputs = inputs_in(found.acts) + len(found.left_out)
    return BugTest(path, shows, inputs, inputs_in(kept), shrinking.tries + 1, found.left_out, ended)


def _guesses(
    controller: Controller, record: CrankRecord, found: Inputs, acts: Sequence[Act]
) -> Iterator[list[Act]]:
    """Histories that are likely to show a bug: of the act that caused it, and of what that is about."""
    causes = Causes(controller.kernel.store)
    numbers = [record.number, record.sender or 0, *(step.number for step in causes.cause(record, 1).up)]
    there = {act.number for act in acts}
    for number in numbers:
        for act in found.causes.get(number, ()):
            if act in there:
                yield related(acts, act)


def _default(record: CrankRecord) -> str | None:
    """The predicate for the rejection or the fault of a crank; None for a start of code that is refused."""
    if isinstance(record.event, CreateVat | CloneVat | UpgradeVat) and record.fault is not None:
        return None
    crank = happened(record)
    words = [f"vat == {_text(crank.vat)}"] if crank.vat is not None else []
    if crank.method is not None:
        words.append(f"method == {_text(crank.method)}")
    if crank.rejection is None:
        raise NotRepeatable(
            f"crank {record.crank} shows no rejection and no fault: say with `shows` what is wrong after it,"
            " such as shows='purse.balance < 0'"
        )
    # Numbers and quoted texts in a message may be others in a shorter history.
    fixed = sorted(_FIXED.findall(crank.rejection), key=len)
    words.append(f"{_text(fixed[-1].strip())} in rejection" if fixed else "rejection")
    return " and ".join(words)


def _text(text: str) -> str:
    return repr(text)


def _about(record: CrankRecord) -> str:
    crank = happened(record)
    words = [f"crank {record.crank}", *([f"of vat {crank.vat}"] if crank.vat else [])]
    words += [f"{crank.method}()"] if crank.method else []
    return ", ".join(words)


def _without_last_run(acts: Sequence[Act]) -> list[Act]:
    """The acts without a run at the end, where the test looks anyway."""
    kept = list(acts)
    while kept and kept[-1].kind == "run":
        kept.pop()
    return kept


def _not_reproduced(crank: int, shows: str | None, left_out: Sequence[str]) -> str:
    words = "the refusal" if shows is None else one_line(shows, 300)
    said = f"crank {crank}: {words} does not show when the inputs are played again in a fresh world"
    if left_out:
        shown = "; ".join(left_out[:_MOST_REFUSED])
        said += f". {len(left_out):,} inputs could not be written, which it may need: {shown}"
        said += "; and more" if len(left_out) > _MOST_REFUSED else ""
    return said
