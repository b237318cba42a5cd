"""Views of a world: its vats, run-queue, c-lists and promises as rows, what things are, and why they are so.

Everything is read from the world file's tables, so the views are the same whether the world runs or is opened
to look only. The order of rows depends only on the world.
"""

from __future__ import annotations

from swingset.core.store import KernelStore
from swingset.lens.history.cause import BESIDE, Asked, Cause, Causes
from swingset.lens.history.story import Story, story
from swingset.lens.present.described import Described, describe
from swingset.lens.present.market import in_turn, with_offers
from swingset.lens.present.rows import (
    CListRow,
    ObjectRow,
    PromiseRow,
    QueueRow,
    VatRow,
    aims_of,
    clone_of,
    queue_row,
)
from swingset.lens.source.modules import ModuleRow, module_rows, stale_modules
from swingset.lens.state.reading import WHOLE, Extent, Reading, among, held_by
from swingset.lens.state.versions import Stale, Versions
from swingset.model.refs import kref_type, sort_key
from swingset.world.promises import FORWARDED, UNRESOLVED
from swingset.world.vats import SUSPENDED, TERMINATED, VatRecord


class Lens:
    """Views of one world.

    Each view reads a table of the world at most once, however many rows there are.

    Source:
        `controller.dump`, as rows of `vNN.*`, `vNN.c.*`, `koNN.*`, `kpNN.*` and `runQueue`. Causes and
        stories are ours, after the debugger Causeway.
    """

    def __init__(self, store: KernelStore, reading: Reading | None = None) -> None:
        """Views of a world as it is when one is asked for; of a `reading`, as it was read there."""
        self._store = store
        self._reading = reading

    def cached(self) -> Lens:
        """The same views of one moment, which read each table only once.

        Use it for several views that belong together, while nothing runs. It may not show later changes.

        Example:
            >>> lens = world.lens.cached()
            >>> [len(lens.clist(row.name)) for row in lens.vats()]
            [1, 1]
        """
        return self if self._reading else Lens(self._store, Reading(self._store))

    def _read(self, extent: Extent = WHOLE) -> Reading:
        return self._reading or Reading(self._store, extent)

    def vats(self) -> list[VatRow]:
        """The vats that are not terminated, oldest first.

        Example:
            >>> [(row.name, row.state) for row in world.lens.vats()]
            [('notebook', 'live'), ('bank', 'live')]
        """
        reading = self._read()
        rows = []
        for vat in reading.vats.values():
            if vat.state == TERMINATED:
                continue
            entries = reading.clists[vat.id]
            exports = sum("+" in entry.vref for entry in entries)
            span = reading.span(vat.id)
            rows.append(
                VatRow(
                    name=vat.name,
                    id=vat.id,
                    worker=vat.worker,
                    state=vat.state,
                    reason=vat.reason,
                    incarnation=vat.incarnation,
                    exports=exports,
                    imports=len(entries) - exports,
                    deliveries=span.position,
                    since_image=span.position - span.start,
                    computrons=span.computrons,
                    parked=len(reading.parked[vat.id]),
                    attached=vat.attached,
                    clone_of=clone_of(reading, vat),
                )
            )
        return rows

    def queue(self) -> list[QueueRow]:
        """Everything that waits: the run-queue first, then what is parked, then what waits for promises.

        The run-queue comes in the order in which it will run if nothing else comes, also in a market.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> [(row.where, row.summary) for row in world.lens.queue()]
            [('run-queue', 'open_purse()')]
        """
        first = self._read()
        waits = [(seq, "run-queue", event) for seq, event in in_turn(self._store, first.queue)]
        for vat in first.vats.values():
            why = "suspended" if vat.state == SUSPENDED else "without its session or its code"
            waits += [(seq, f"vat {vat.name}, {why}", event) for seq, event in first.parked[vat.id]]
        for kref in sorted(first.waiting, key=sort_key):
            waits += [(at, f"promise {kref}", event) for at, event in enumerate(first.waiting[kref], 1)]
        reading = self._read(among([kref for _, _, event in waits for kref in aims_of(event)]))
        rows = [queue_row(reading, position, where, event) for position, where, event in waits]
        return with_offers(self._store, rows, [event for _, _, event in waits])

    def clist(self, vat_name: str) -> list[CListRow]:
        """The c-list of one vat, exports before imports, by number; empty where there is no such vat.

        Args:
            vat_name: the name of the vat.
        Example:
            >>> [(row.vref, row.label) for row in world.lens.clist("bank")]
            [('o+0', 'root of bank')]
        """
        vat = self._named(vat_name)
        if vat is None:
            return []
        reading = self._read(held_by(vat.id))
        rows = []
        for entry in reading.clists[vat.id]:
            exported = "+" in entry.vref
            if kref_type(entry.kref) == "p":
                promise = reading.promises.get(entry.kref)
                decider = promise.decider if promise else None
                owner, counts = reading.name(decider) or "kernel", str(promise.refcount if promise else 0)
                label: str = "promise" if promise is None or promise.state == UNRESOLVED else promise.state
            else:
                obj = reading.objects.get(entry.kref)
                owner = (reading.name(obj.owner) if obj else None) or "nobody"
                counts = f"{obj.reachable},{obj.recognizable}" if obj else "0,0"
                label = reading.label(entry.kref)
            rows.append(
                CListRow(
                    vat_name,
                    entry.vref,
                    entry.kref,
                    "export" if exported else "import",
                    label,
                    owner,
                    entry.reachable,
                    counts,
                )
            )
        return sorted(rows, key=lambda row: (row.direction != "export", sort_key(row.kref)))

    def older_records(self, vat_name: str) -> tuple[Stale, ...]:
        """How many records of one vat are older than its code, by kind and version.

        Reads all records of the kinds that may have older ones; a vat without such kinds costs nothing.

        Args:
            vat_name: the name of the vat.
        Example:
            >>> world.lens.older_records("bank")
            ()
        """
        vat = self._named(vat_name)
        return () if vat is None else Versions(self._store, vat.id).stale()

    def outdated_kinds(self, vat_name: str) -> list[str]:
        """The kinds of one vat that may have records older than its code; reads no record.

        Args:
            vat_name: the name of the vat.
        Example:
            >>> world.lens.outdated_kinds("bank")
            []
        """
        vat = self._named(vat_name)
        if vat is None:
            return []
        if self._reading is None:
            return [kind.kind for kind in Versions(self._store, vat.id).outdated()]
        return [kind.kind for kind in self._reading.outdated.get(vat.id, ())]

    def modules(self) -> list[ModuleRow]:
        """The modules that are defined here, or that a vat has in its code, and who runs which version.

        Example:
            >>> session.modules.define("money", "CENTS = 100")
            True
            >>> [(row.name, row.stale) for row in world.lens.modules()]
            [('money', ())]
        """
        return module_rows(self._store)

    def stale_modules(self) -> dict[str, tuple[str, ...]]:
        """The modules of which a vat runs an older version than the newest, by the name of the vat.

        Example:
            >>> world.lens.stale_modules()
            {}
        """
        return stale_modules(self._store)

    def vat_name(self, vat_id: str) -> str:
        """The name of a vat, also of a terminated one; the id itself if there never was such a vat.

        Args:
            vat_id: its id.
        Example:
            >>> world.lens.vat_name(world.vats["bank"].id)
            'bank'
        """
        record = self._reading.vats.get(vat_id) if self._reading else self._store.vats.get(vat_id)
        return record.name if record else vat_id

    def _named(self, name: str) -> VatRecord | None:
        return self._reading.named.get(name) if self._reading else self._store.vats.named(name)

    def promises(self) -> list[PromiseRow]:
        """Every promise the kernel knows, by number.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> [row.state for row in world.lens.promises()]
            ['unresolved']
        """
        reading = self._read()
        rows = []
        for record in reading.promises.values():
            subscribers = tuple(reading.name(vat) or vat for vat in reading.subscribers[record.kref])
            decider = reading.name(record.decider) or ("kernel" if record.state == UNRESOLVED else "")
            waiting = len(reading.waiting[record.kref])
            followed = record.state == FORWARDED  # its decider is the promise that it follows
            value = _short(record.data.json) if record.data and not followed else ""
            rows.append(
                PromiseRow(record.kref, record.state, decider, subscribers, waiting, record.refcount, value)
            )
        return rows

    def objects(self) -> list[ObjectRow]:
        """Every object the kernel knows, by number.

        Example:
            >>> [row.label for row in world.lens.objects()]
            ['root of bank']
        """
        reading = self._read()
        rows = []
        for record in reading.objects.values():
            holders = tuple(
                reading.name(entry.vat) or entry.vat
                for entry in reading.holders[record.kref]
                if "-" in entry.vref
            )
            rows.append(
                ObjectRow(
                    record.kref,
                    reading.label(record.kref),
                    reading.name(record.owner) or "nobody",
                    holders,
                    record.reachable,
                    record.recognizable,
                    record.fate or "",
                )
            )
        return rows

    def label(self, kref: str) -> str:
        """What an object is, for people: `root of bank`, or the tag of its durable kind.

        Args:
            kref: the kernel's name for it.
        Example:
            >>> world.lens.label(world.vats.root("bank"))
            'root of bank'
        """
        return self._read(among([kref])).label(kref)

    def describe(self, kref: str) -> Described:
        """What a reference stands for: class, vat, stored state, methods, holders; of a promise, its outcome.

        Read from the world's records and from the source of the vat, of which nothing is run.

        Args:
            kref: the kernel's name for an object, a device node or a promise.
        Raises:
            KernelError: for what is not a kref.
        Example:
            >>> print(world.lens.describe(world.vats.root("bank")))
            Bank, root of bank · methods open_purse · held by notebook
        """
        return describe(self._store, kref)

    def cause(self, asked: Asked, *, most: int = 200, beside: int = BESIDE) -> Cause:
        """Why something happened, and what came of it, out of the committed records.

        Args:
            asked: the number of a crank, the kref of a promise or an object, or a record. A promise is asked
                about as the result of its message; an object is asked about as new.
            most: how many steps that came of it are returned at most.
            beside: how many steps of the same vat are returned before it, and after it, at most.
        Returns:
            The senders up to the request of the host; what was sent because of it; and what the same vat did
            before and after. Its text shows all of them.
        Raises:
            KernelError: if no record tells of it.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> print(world.lens.cause(world.crank).step)
            crank 2: open_purse('alice') to root of bank ko20
            >>> [step.summary for step in world.lens.cause(kref).up]
            ["open_purse('alice') to root of bank ko20"]
        """
        return Causes(self._store).cause(asked, most, beside)

    def story(self, asked: Asked) -> Story:
        """All that is known of one crank: message, sender, console, syscalls, cost, fault, changes, result.

        Args:
            asked: the number of a crank, the kref of a promise or an object, or a record, as in `cause`.
        Raises:
            KernelError: if no record tells of it.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.lens.story(kref).result.state
            'fulfilled'
        """
        return story(self._store, asked)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
