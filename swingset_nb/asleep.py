"""What is said of suspended vats: why each is suspended, what is parked for it, and what makes it go on.

A person may have suspended a vat whose code is right: then resuming it is the cure. If the kernel has
suspended it, resuming it leads to the same event again, so better code comes first. The kernel's reasons
begin with a code of its own.
"""

from __future__ import annotations

from typing import Final, get_args

from swingset.model.states import Reason
from swingset.model.visible import one_line
from swingset.world.vats import SUSPENDED
from swingset_nb.next_steps import more_on
from swingset_nb.open_world import OpenWorld

_MOST = 5
_CODES: Final = frozenset(get_args(Reason))


def cures(name: str, reason: str | None) -> list[str]:
    """What makes a suspended vat go on, the likeliest first."""
    upgrade = f"`%%vat {name} --upgrade` with better code resumes it"
    resume = f"`%swingset resume {name}` lets it go on as it is"
    code = (reason or "").partition(":")[0]
    return [upgrade, resume, *more_on(code)] if code in _CODES else [resume]


def suspended(world: OpenWorld, *, only_waiting: bool = False) -> tuple[list[str], list[str]]:
    """A line for each suspended vat, or each for which something waits; and what makes them go on."""
    lines, hints = [], []
    for vat in world.lens.vats():
        if vat.state == SUSPENDED and (vat.parked or not only_waiting):
            name, reason = one_line(vat.name, 60), one_line(vat.reason or "", 300)
            lines.append(f"vat {name} is suspended: {reason}; {parked(vat.parked)}")
            hints += cures(name, vat.reason)
    return lines, hints


def parked(count: int) -> str:
    """How many events are parked for a vat, as a clause."""
    if not count:
        return "nothing waits for it"
    return f"{count:,} {'event is' if count == 1 else 'events are'} parked for it"


def nothing_runs(world: OpenWorld) -> tuple[str, list[str], list[str]]:
    """What a step says when there is none: a headline, the vats that hold events up, and their cures."""
    lines, hints = suspended(world, only_waiting=True)
    headline = "nothing can run: the run-queue is empty"
    if lines:
        headline += ", and what waits is parked for suspended vats"
    return headline, lines[:_MOST], hints[: 3 * _MOST]
