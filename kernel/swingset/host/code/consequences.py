"""What an upgrade does to a world, in words: what survives, is lost and migrates, who notices, what it costs.

It is read off the fork in which a rehearsal did the upgrade. Costs are rounded to two figures: the exact ones
depend on what else the fork did, and say no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swingset.core.kernel import Kernel
from swingset.host.controls.migrating import STEP
from swingset.lens.present.rows import ObjectRow, PromiseRow
from swingset.lens.state.versions import Versions
from swingset.model.reports import Fault
from swingset.model.visible import one_line

_MOST = 20
"""How many objects or promises are named."""


@dataclass(frozen=True)
class Consequences:
    """What an upgrade does, sentence by sentence.

    Source:
        Ours.
    """

    survives: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    migrates: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()

    def sections(self) -> list[tuple[str, tuple[str, ...]]]:
        """The sentences under their headings.

        Example:
            >>> source = dict(world.vats.parts("bank"))["bank"] + "# better"
            >>> dict(session.rehearse("bank", "bank", source).consequences.sections())["lost"]
            ('nothing',)
        """
        return [
            ("survives", self.survives or ("nothing",)),
            ("lost", self.lost or ("nothing",)),
            ("migrates", self.migrates or ("nothing: every record is of the version that the code wants",)),
            ("who notices", self.notices or ("nobody",)),
            ("costs", self.costs or ("not known",)),
            *((("who gets access", self.reaches),) if self.reaches else ()),
        ]

    def lines(self) -> list[str]:
        """The same, each sentence with its heading.

        Example:
            >>> source = dict(world.vats.parts("bank"))["bank"] + "# better"
            >>> session.rehearse("bank", "bank", source).consequences.lines()[0]
            'survives: the root object, under the new code'
        """
        return [f"{heading}: {line}" for heading, lines in self.sections() for line in lines]


def store_size(kernel: Kernel, vat_id: str) -> int:
    """How many bytes the store of a vat has."""
    query = "SELECT coalesce(sum(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0) FROM vatstore"
    ((size,),) = kernel.store.world.rows(f"{query} WHERE vat = ?", (vat_id,))
    return int(size)


def migrating(kernel: Kernel, vat_id: str) -> tuple[tuple[str, ...], int]:
    """Which records the start of a vat has migrated, and which are left; and how many are left."""
    versions = Versions(kernel.store, vat_id)
    found = [
        f"{row.count:,} {row.kind}, from version {row.old} to {row.new}, at once"
        for row in versions.moved_at_start()
    ]
    stale = versions.stale()
    found += [
        f"{row.count:,} {row.kind} of version {row.version}, each when it is first used" for row in stale
    ]
    return tuple(found), sum(row.count for row in stale)


def noticing(
    abandoned: Iterable[ObjectRow],
    broken: Iterable[PromiseRow],
    rejected: Iterable[PromiseRow],
    faults: Iterable[Fault],
) -> tuple[str, ...]:
    """Which vats hold what is abandoned or wait for what is rejected, and what is rolled back."""
    holds: dict[str, list[str]] = {}
    waits: dict[str, list[str]] = {}
    for row in abandoned:
        for vat in row.holders:
            holds.setdefault(vat, []).append(f"{row.kref} ({row.label})")
    for promise in (*broken, *rejected):
        for vat in promise.subscribers:
            waits.setdefault(vat, []).append(promise.kref)
    told = [f"{vat} holds {_named(krefs)}: its messages there are rejected" for vat, krefs in holds.items()]
    told += [
        f"{vat} waits for {_named(krefs)}: it is notified of the rejection" for vat, krefs in waits.items()
    ]
    told += [f"a delivery that waits is rolled back: {fault}" for fault in faults]
    more = len(told) - _MOST
    return tuple(one_line(text, 400) for text in told[:_MOST]) + ((f"and {more:,} more",) if more > 0 else ())


def reaching(vat: str, before: Mapping[str, ObjectRow], after: Iterable[ObjectRow]) -> tuple[str, ...]:
    """Which vats hold afterwards what they did not hold: objects that there were, and new ones of this
    vat.
    """
    told = []
    for row in after:
        known = before.get(row.kref)
        if known is None and row.owner != vat:
            continue
        gained = sorted(set(row.holders) - set(known.holders if known is not None else ()) - {row.owner})
        words = f"{row.kref} ({row.label})" + ("" if known is not None else ", which is new")
        told += [f"{holder} gets {words}, of {row.owner}" for holder in gained]
    more = len(told) - _MOST
    return tuple(one_line(text, 400) for text in told[:_MOST]) + ((f"and {more:,} more",) if more > 0 else ())


def lost(
    abandoned: Iterable[ObjectRow], broken: Iterable[PromiseRow], rejected: Iterable[PromiseRow]
) -> tuple[str, ...]:
    """The objects and promises that end."""
    told = [f"{row.kref} ({row.label}), which lives in memory only: it is abandoned" for row in abandoned]
    told += [f"promise {row.kref}, which only memory could settle: it is rejected" for row in broken]
    told += [f"promise {row.kref}: it is rejected with {one_line(row.value, 200)}" for row in rejected]
    more = len(told) - _MOST
    return tuple(told[:_MOST]) + ((f"and {more:,} more",) if more > 0 else ())


def surviving(kept: Mapping[str, int]) -> tuple[str, ...]:
    """What goes on under the new code."""
    kinds = [f"{count:,} {kind}, with identity and state" for kind, count in kept.items()]
    return ("the root object, under the new code", *kinds, "the baggage, and all that it refers to")


def costing(
    computrons: int | None, size: tuple[int, int], ran: int, rolled_back: int, left: int
) -> tuple[str, ...]:
    """What the upgrade takes: computation, bytes of the vat's store, and cranks."""
    spent = "" if computrons is None else f", about {_about(computrons)} computrons"
    told = [f"one crank for the upgrade{spent}"]
    if ran:
        undone = f", {rolled_back:,} of them rolled back" if rolled_back else ""
        told.append(f"{ran:,} {'crank' if ran == 1 else 'cranks'} for what waits then{undone}")
    steps = -(-left // STEP)
    if steps:
        records = "1 record" if left == 1 else f"{left:,} records"
        told.append(f"{steps:,} {'crank' if steps == 1 else 'cranks'} more to migrate the {records} left")
    before, after = size
    change = f"{_about(abs(after - before))} {'more' if after > before else 'fewer'} than now"
    change = change if after != before else "as many as now"
    told.append(f"about {_about(after)} bytes in its store, {change}")
    return tuple(told)


def _about(count: int) -> str:
    """A number, rounded to two figures."""
    scale = 10 ** max(0, len(str(count)) - 2)
    return f"{(count + scale // 2) // scale * scale:,}"


def _named(krefs: list[str]) -> str:
    more = len(krefs) - _MOST
    return ", ".join(krefs[:_MOST]) + (f" and {more:,} more" if more > 0 else "")
