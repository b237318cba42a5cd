"""Inspects whatever was clicked: an object, a promise, a vat, a device, a crank, an event that waits.

Each gets the same card, with the parts that it has.
"""

from __future__ import annotations

from swingset.core.errors import KernelError
from swingset.lens.history.changes import changes_in_words
from swingset.lens.history.wording import Words
from swingset.lens.source.outlines import ClassOutline
from swingset.lens.state.records import descriptors
from swingset.model.messages import Send
from swingset.model.refs import is_kref, is_vat_id, kref_type
from swingset.model.visible import one_line, visible
from swingset.time.explorer import verbs
from swingset.time.explorer.answers import Field, Inspected
from swingset.time.explorer.labels import LABEL, NAME, NOTE
from swingset.time.explorer.seen import Seen
from swingset.time.explorer.telling import Teller, came_of
from swingset.time.explorer.things import DOC, MOST_WAITING, MOST_WHY, Things, methods_of
from swingset.world.errors import WorldError
from swingset.world.vats import VatRecord

_MOST_CHANGES = 40


class Inspector:
    """Inspects the things of one moment."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._things = Things(seen)

    def inspect(self, subject: str) -> Inspected | None:
        """What is known of a subject; None if there is none at the moment."""
        if is_kref(subject):
            return (
                self._things.promise(subject) if kref_type(subject) == "p" else self._things.object(subject)
            )
        if is_vat_id(subject):
            vat = self._seen.labels.vats.get(subject)
            return None if vat is None else self._vat(vat)
        if subject in self._seen.labels.devices:
            return self._device(subject)
        kind, _, name = subject.partition(":")
        if kind == "crank" and name.isascii() and name.isdecimal() and len(name) < 16:
            return self._crank(int(name))
        return self._message(name) if kind == "waiting" else None

    def _vat(self, vat: VatRecord) -> Inspected:
        seen, labels = self._seen, self._seen.labels
        span = seen.store.vats.span(vat.id)
        (parked,) = seen.store.world.rows("SELECT count(*) from parked where vat = ?", (vat.id,))[0]
        seen.ticks.follow()
        last = seen.ticks.last_of(vat.name, seen.crank)
        root = next((row for row in seen.index.by_owner[vat.id].values() if row.key.sort == "root"), None)
        cls = self._class(vat)
        entries, more = self._things.entries("vat = ?", (vat.id,))
        name = one_line(vat.name, NAME)
        said = [vat.id, f"incarnation {vat.incarnation:,}", one_line(vat.worker, NAME), vat.state]
        metered = not vat.attached and vat.worker != "local"
        fields = [
            Field("state", vat.state),
            *([Field("reason", one_line(vat.reason, NOTE))] if vat.reason else []),
            Field("incarnation", f"{vat.incarnation:,}"),
            Field("worker", one_line(vat.worker, NAME)),
            Field("created", f"crank {vat.created:,}"),
            Field("deliveries", f"{span.position:,}"),
            Field("computrons", f"{span.computrons:,}" if metered else "not metered"),
            Field("exports and imports", f"{len(entries) + more:,}"),
            Field("parked", f"{parked:,}"),
        ]
        fields += [
            Field(one_line(key, NAME), one_line(str(value), NAME)) for key, value in vat.options.items()
        ][:20]
        return Inspected(
            vat.id,
            "vat",
            name,
            " · ".join(said),
            vat.id,
            tuple(fields),
            () if cls is None else methods_of(cls),
            () if root is None else (labels.vat_list(root.key.holders, 40),) if root.key.holders else (),
            (),
            seen.queue().of_vat(vat.id, MOST_WAITING),
            self._told(last),
            last,
            None if cls is None else self._things.code(vat, cls.part, cls.line),
            entries,
            more,
            verbs.of_vat(seen, vat, last),
            (),
            "" if cls is None else visible(cls.doc, DOC),
        )

    def _class(self, vat: VatRecord) -> ClassOutline | None:
        """The class of a vat's root."""
        code = self._seen.outlines.of(self._seen.store, vat)
        return code.named(code.root or "")

    def _told(self, crank: int | None) -> str:
        if crank is None:
            return ""
        try:
            tick = self._teller().tick(crank)
        except (KernelError, WorldError):
            return ""
        return one_line(f"{tick.what}({tick.args}) → {came_of(tick)}", NOTE)

    def _teller(self) -> Teller:
        return Teller(self._seen.store, self._seen.reel, self._seen.labels)

    def _device(self, device: str) -> Inspected:
        record = self._seen.labels.devices[device]
        rows = self._seen.store.world.rows
        (entries,) = rows("SELECT count(*) from device_state where device = ?", (device,))[0]
        fields = (
            Field("kind", one_line(record.kind, NAME)),
            Field("root", one_line(record.root, NAME)),
            Field("nodes", f"{self._seen.index.counts[device]:,}"),
            Field("entries of its state", f"{entries:,}"),
        )
        name = one_line(record.name, NAME)
        return Inspected(device, "device", name, f"{device} · device", "", fields)

    def _crank(self, crank: int) -> Inspected | None:
        seen = self._seen
        try:
            record = seen.reel.crank(crank)
            tick = self._teller().tick(crank)
        except KernelError:
            return None
        fields = [
            ("outcome", tick.outcome),
            ("error", tick.error),
            ("to", tick.target),
            ("result", tick.result),
            ("computrons", "" if tick.computrons is None else f"{tick.computrons:,}"),
            ("sent by", tick.parent),
            *(("printed", line) for line in tick.prints),
        ]
        changes: list[str] = []
        if record.rows is None:
            changes = ["it changed more rows than a record lists"]
        else:
            changes = changes_in_words(record.rows, Words(seen.store), descriptors(seen.store))
        more = len(changes) - _MOST_CHANGES
        vat = next((vat for vat in seen.labels.vats.values() if vat.name == record.vat), None)
        return Inspected(
            f"crank:{crank}",
            "crank",
            one_line(f"{tick.what}({tick.args})", LABEL),
            one_line(f"crank {crank:,} · {tick.vat or 'kernel'} · {tick.outcome}", NOTE),
            vat.id if vat is not None else "",
            tuple(Field(name, value) for name, value in fields if value),
            alive=tuple(one_line(link.text, NOTE) for link in tick.chain if link.side == "up")[:MOST_WHY],
            last=tick.parent,
            last_crank=crank,
            verbs=(
                verbs.traced(seen, crank, vat),
                verbs.verb(seen, "break", "Break on its method", _no_method(record.event)),
            ),
            notes=(
                *(one_line(change, NOTE) for change in changes[:_MOST_CHANGES]),
                *((f"and {more:,} more changes",) if more > 0 else ()),
            ),
        )

    def _message(self, id: str) -> Inspected | None:
        found = self._seen.queue().one(id)
        if found is None:
            return None
        row, event = found
        labels = self._seen.labels
        fields = [
            ("to", row.target),
            ("sent by", labels.owner(row.source) if row.source else "the host"),
            ("result", row.result or ""),
            ("waits for", row.where or (f"its turn: {row.position:,} in the run-queue")),
        ]
        held = "" if id.startswith("q") else "only what is in the run-queue is dropped one by one"
        return Inspected(
            f"waiting:{row.id}",
            "message",
            one_line(f"{row.what}({row.args})", LABEL),
            one_line(f"{row.where or 'run-queue'} · to {row.target}", NOTE),
            row.target_box,
            tuple(Field(name, value) for name, value in fields if value),
            verbs=(
                verbs.verb(self._seen, "drop", "Drop it", held),
                verbs.verb(self._seen, "break", "Break on its method", _no_method(event)),
            ),
        )


def _no_method(event: object) -> str:
    return "" if isinstance(event, Send) else "it calls no method"
