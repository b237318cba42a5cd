"""What to type after an error of the layers below that no advice of its own belongs to.

Those layers serve hosts of every sort, so their errors do not speak of magics. Each step here is one line: a
class of errors, a pattern of the text, and what to type in a notebook. The first that fits counts.

A text may be a stranger's; a step repeats only numbers and kinds of names out of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from swingset.core.errors import KernelError
from swingset.guest.base.ended import LifeEndedError
from swingset.host.base.opened import MovedSince
from swingset.lens.exports.querying import BadQuery
from swingset.model.foreign import said
from swingset.model.recovering import recovery
from swingset.time.deliveries.past import NotRepeatable
from swingset.workers.base import WorkerError
from swingset.world.errors import NotAWorld, WorldError, WorldLocked

_LONGEST = 2_000


class Step(NamedTuple):
    """What to type after an error: `$1` stands for the first group of the pattern."""

    kind: type[BaseException]
    pattern: str
    lines: tuple[str, ...]


_WHICH = "`%swingset find --kind send` lists the cranks that delivered a message"
_CAUSE = "%swingset cause $1"
_RECORDED = "`%swingset find` lists the cranks that there are records of"

STEPS = (
    Step(
        WorldLocked,
        "",
        (
            "`%swingset close` in the notebook that has it open lets it go; so does a restart of its kernel",
            "`%swingset open other.world` opens another world here",
        ),
    ),
    Step(NotRepeatable, r"^crank (\d{1,18}) delivered to .* embedder's own interpreter", (_WHICH, _CAUSE)),
    Step(
        NotRepeatable,
        r"^crank (\d{1,18}) shows no rejection",
        (
            '%swingset test $1 --name NAME --shows "purse.balance < 0"',
            "`%swingset find --rejected` lists cranks that rejected a promise",
        ),
    ),
    Step(NotRepeatable, "", (_WHICH,)),
    Step(
        BadQuery,
        "no such column|no such table|only SELECT",
        ('%swingset sql "SELECT name, state FROM vats"',),
    ),
    Step(BadQuery, "", ('%swingset sql "SELECT name, state FROM vats"', "ask for less at a time")),
    Step(
        KernelError,
        r"has no upgrade to undo",
        (
            "`%swingset undo` takes back what the last cell did",
            "%swingset vats",
        ),
    ),
    Step(
        MovedSince,
        "",
        ("`%%whatif --at N` runs a cell as of crank N, in a fork", "`%swingset moves` lists what has moved"),
    ),
    Step(KernelError, r"was not upgraded", ("%swingset vats", "%swingset history")),
    Step(KernelError, r"has no record of k(p)\d", ("%swingset promises",)),
    Step(KernelError, r"has no record of k[od]\w", ("%swingset clists",)),
    Step(
        KernelError,
        r"^this world has no market",
        ("`%swingset market --open` opens one, for good; `world.market.open(...)` with terms of your own",),
    ),
    Step(
        KernelError,
        r"^this world has a market already",
        ("`%swingset undo` takes back the cell that opened it", "`%swingset market` shows it"),
    ),
    Step(
        KernelError,
        r"^there is (?:no|an) account |^account [\w.-]{1,100} (?:can|cannot|is) |^no account can be called",
        ("`%swingset market` lists the accounts, and what each can spend",),
    ),
    Step(
        KernelError,
        r"does not wait any more|^no message waits for whose result",
        ("`%swingset queue` lists what waits",),
    ),
    Step(
        KernelError,
        r"^(?:[a-z]+ of a |a |this )(?:bid|market) |^messages without a bid",
        ("%swingset help bid", "%swingset help market"),
    ),
    Step(KernelError, r"^there is no vat ", ("%swingset vats",)),
    Step(KernelError, r"has no record of crank|^no cause of ", (_RECORDED,)),
    Step(NotAWorld, "", ("`%swingset open other.world` opens another world",)),
    Step(LifeEndedError, "", ("`%swingset names` lists the references that this session has",)),
    Step(WorkerError, "", ("`%swingset vats` says how the vats are",)),
)


def more_on(name: str | None) -> list[str]:
    """The line that shows the cures of a code or of an error's class; empty if it has no section."""
    found = recovery(name) if name else None
    return [] if found is None else [f"`%swingset help {found.name}` says what to do about it"]


_SOMEWHERE = "nothing has changed; `%swingset` says where the world stands"


def next_steps(error: BaseException) -> Sequence[str]:
    """What to type after an error; never nothing."""
    words = said(error)[:_LONGEST]
    for kind, pattern, lines in STEPS:
        found = re.search(pattern, words, re.DOTALL) if isinstance(error, kind) else None
        if found is not None:
            first = found[1] if found.re.groups else ""
            return [line.replace("$1", first) for line in lines]
    code = error.code if isinstance(error, WorldError) else None
    return more_on(code) or more_on(type(error).__name__) or [_SOMEWHERE]
