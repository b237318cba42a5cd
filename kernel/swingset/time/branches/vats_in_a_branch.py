"""Vats that are not in a branch as they are in the world: in words, for the notes of the branch.

A vat without a transcript has only its stored state in a copy of the world: its memory is in the process
that runs it. So in a branch it begins anew when it is first delivered to, and what it answers after that may
differ for that reason alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swingset.core.kernel import Kernel
from swingset.model.visible import one_line
from swingset.world.records import Record, RequestRecord
from swingset.world.vats import LIVE

_MOST = 300


def began_anew(kernel: Kernel, records: Iterable[Record]) -> Iterator[str]:
    """The vats that began anew in a branch, by its own records."""
    told: set[str] = set()
    for record in records:
        if isinstance(record, RequestRecord) and record.verb == "begin-anew":
            vat = kernel.store.vats.get(str(record.arguments.get("vat")))
            if vat is not None and vat.id not in told:
                told.add(vat.id)
                words = "has no transcript: it began anew in the branch, with what it had stored and without"
                yield one_line(f"vat {vat.name} {words} its memory", _MOST)


def states_in_words(kernel: Kernel, present: Kernel) -> Iterator[str]:
    """The vats that live in the world of `present`, and are suspended or terminated in the branch."""
    here = {vat.name: vat for vat in kernel.store.vats.all()}  # the last one of a name
    for then in present.store.vats.all():
        vat = here.get(then.name)
        if then.state == LIVE and vat is not None and vat.state != LIVE:
            why = f": {vat.reason}" if vat.reason else ""
            yield one_line(f"vat {vat.name} is {vat.state} in the branch{why}", _MOST)
