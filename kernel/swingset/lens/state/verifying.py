"""Verifies a world without running it: whether the file is what was written, and whether it is consistent.

It checks pages, rows, bulk and history first (`swingset.world.verifying`), then the references and the ties
between tables (`swingset.lens.state.audit`), then each vat's span against its transcript and its heap image.
A row that cannot be read ends its part, and the other parts go on. Nothing is changed, no code runs, and at
most `MOST` problems are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Literal

from swingset.core.store import KernelStore
from swingset.lens.state.audit import audit, audit_holdings
from swingset.lens.state.reading import Reading
from swingset.model.messages import CreateVat, UpgradeVat
from swingset.world import verifying
from swingset.world.beginnings import beginnings
from swingset.world.errors import DamagedRow, WorldError
from swingset.world.vats import Span
from swingset.world.verifying import Problem

_INSTALLED = "bundle."
"""How the keys begin under which a bundle device keeps what was installed."""

FileDepth = Literal[1, 2]
"""How deep a file is verified: its pages, hash chain and bulk; or its rows, references and changes too."""

MOST = 100
"""How many problems are reported at most."""


def verify(store: KernelStore, *, chain_only: bool = False) -> list[Problem]:
    """The problems of a world, at most `MOST`; empty for a sound one.

    `chain_only` looks at pages and hashes alone.
    """
    store.world.make_whole()
    parts = [verifying.problems(store.world, chain_only=chain_only)]
    if not chain_only:
        parts += [_audited(store), _spans(store), _bundles(store)]
    found: dict[Problem, None] = {}
    for problem in chain.from_iterable(map(_guarded, parts)):
        found[problem] = None
        if len(found) == MOST:
            break
    return list(found)


def _guarded(part: Iterator[Problem]) -> Iterator[Problem]:
    """The problems that a part finds, and the one that ends it."""
    try:
        yield from part
    except DamagedRow as damage:
        yield Problem(damage.table, damage.key, damage.reason)
    except WorldError as problem:
        yield Problem("the file", "", str(problem))


def _audited(store: KernelStore) -> Iterator[Problem]:
    for words in audit(store) + audit_holdings(store):
        row, _, reason = words.partition(": ")
        yield Problem(_TABLES.get(row[:2], _TABLES.get(row[:1], "counters")), row, reason)


_TABLES = {"ko": "objects", "kp": "promises", "kd": "objects", "v": "vats", "d": "devices", "th": "queue"}


def _spans(store: KernelStore) -> Iterator[Problem]:
    reading = Reading(store)
    images = dict(store.world.rows("SELECT id, vat from snapshots"))
    for vat in reading.vats.values():
        span = reading.span(vat.id)
        if span.incarnation != vat.incarnation:
            yield Problem(
                "spans", vat.id, f"incarnation is {span.incarnation}, and the vat's is {vat.incarnation}"
            )
        yield from _guarded(_transcript(store, span))
        if span.snapshot is not None and images.get(span.snapshot) != vat.id:
            yield Problem("spans", vat.id, "its snapshot is missing, or another vat's")


def _bundles(store: KernelStore) -> Iterator[Problem]:
    """Whether the code is there that vats run, that waiting events start, and that was installed."""
    reading = Reading(store)
    named = [vat.bundle for vat in reading.vats.values() if vat.bundle is not None]
    waiting = chain(reading.queue, *reading.parked.values())
    named += [event.bundle for _, event in waiting if isinstance(event, CreateVat | UpgradeVat)]
    installing = {device.id for device in reading.devices.values() if device.kind == "bundle"}
    for device, key, _ in store.devices.kept():
        if device in installing and key.startswith(_INSTALLED):
            named.append(key.removeprefix(_INSTALLED))
    for bundle in dict.fromkeys(named):
        yield from _guarded(_bundle(store, bundle))


def _bundle(store: KernelStore, bundle: str) -> Iterator[Problem]:
    store.world.bundles.get(bundle)
    yield from ()


def _transcript(store: KernelStore, span: Span) -> Iterator[Problem]:
    """Whether a span's transcript belongs to its vat and has the recorded length."""
    marks = {
        span.position: span.hash,
        span.start: span.start_hash,
        span.incarnation_start: span.incarnation_hash,
    }
    at, running, spent, vat = span.position, span.hash, 0, span.vat
    begins = beginnings(store.world.db, store.world.name).get(span.vat)
    while True:
        if at in marks and marks.pop(at) != running:
            yield Problem("spans", span.vat, f"the running hash before position {at} is another")
        if begins is not None and (at, running) == (begins.position, begins.hash):
            if spent > span.computrons:
                words = f"computrons is {span.computrons:,}, and its later entries have {spent:,}"
                yield Problem("spans", span.vat, words)
            return
        if running is None:
            break
        entry = store.world.transcripts.record(running)
        if entry.vat != vat or entry.position != at - 1:
            words = f"its transcript has position {entry.position} of vat {entry.vat} for its own {at - 1}"
            yield Problem("spans", span.vat, words)
            return
        if isinstance(entry.entry, dict) and type(entry.entry.get("computrons")) is int:
            spent += entry.entry["computrons"]
        vat = store.world.transcripts.before(entry)
        at, running = at - 1, entry.prev
    if at != 0:
        yield Problem("spans", span.vat, f"its transcript lacks {at} entries")
    elif spent != span.computrons:
        yield Problem(
            "spans", span.vat, f"computrons is {span.computrons:,}, and its transcript has {spent:,}"
        )
