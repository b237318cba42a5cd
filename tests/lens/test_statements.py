"""What a view of a world asks SQLite: once for each table, however many rows there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from swingset.core.store import KernelStore
from swingset.lens.exports.dump import dump
from swingset.lens.pictures.picture import draw
from swingset.lens.present.cycles import find_rings
from swingset.lens.present.explain import explain
from swingset.lens.present.tables import Lens
from swingset.lens.state.audit import audit
from swingset.lens.state.verifying import verify
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Notify, Send
from swingset.world import held
from swingset.world.file import WorldFile
from swingset.world.vats import LIVE, VatRecord
from swingset_nb.tables import clist_table, queue_table, vat_table

KIND = {"tag": "Thing", "version": 2, "older": {"1": {}}}


def peopled(rows: int, vats: int) -> KernelStore:
    """A world of so many vats, the first of which has so many of everything that a row can be about."""
    store = KernelStore(WorldFile.open(None))
    names = [f"v{number}" for number in range(1, vats + 1)]
    for vat in names:
        store.vats.add(VatRecord(vat, f"vat-{vat}", "raw", LIVE, None, 0, None, CapData("#null"), {}, 0))
        store.vatstore.set(vat, "vom.dkind.10.descriptor", json.dumps(KIND))
        root = store.counters.take("ko", 20)
        store.objects.add(f"ko{root}", vat)
        store.clists.add(vat, f"ko{root}", "o+0")
        store.queues.park(vat, root, Notify(vat, "kp40"))
    for number in range(rows):
        kref, promise = f"ko{1000 + number}", f"kp{1000 + number}"
        store.objects.add(kref, "v1")
        store.clists.add("v1", kref, f"o+d10/{number + 1}")
        store.clists.add("v2", kref, f"o-{number + 1}")
        store.promises.add(promise, "v1")
        store.clists.add("v1", promise, f"p+{number + 1}")
        store.promises.subscribe(promise, "v2")
        send = Send(kref, Message(CapData('#["m",[]]', (kref,))))
        store.promises.enqueue(promise, number, send)
        store.queues.append(send)
        store.queues.park("v1", number + 500, send)
        record = {"#version": 1, "next": {"body": "#0", "slots": [f"o+d10/{number + 2}"]}}
        store.vatstore.set("v1", f"vom.o+d10/{number + 1}", json.dumps(record))
        store.vatstore.set("v1", f"vom.dkind.{number + 20}.descriptor", json.dumps(KIND))
    return store


@contextmanager
def counting(store: KernelStore) -> Iterator[list[str]]:
    """The questions that SQLite is asked inside."""
    found: list[str] = []

    def seen(_: object, sql: str, __: object) -> bool:
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            found.append(sql)
        return True

    store.world.db.exec_trace = seen
    yield found
    store.world.db.exec_trace = None


def clists(store: KernelStore) -> None:
    """What `%swingset clists` lists."""
    lens = Lens(store).cached()
    for vat in lens.vats():
        clist_table(lens, vat.name)
        lens.outdated_kinds(vat.name)


OF_ALL: dict[str, Callable[[KernelStore], object]] = {
    "vats": lambda store: Lens(store).vats(),
    "queue": lambda store: Lens(store).queue(),
    "c-list": lambda store: Lens(store).clist("vat-v1"),
    "promises": lambda store: Lens(store).promises(),
    "objects": lambda store: Lens(store).objects(),
    "label": lambda store: Lens(store).label("ko1001"),
    "vat's name": lambda store: Lens(store).vat_name("v1"),
    "older records": lambda store: Lens(store).older_records("vat-v1"),
    "outdated kinds": lambda store: Lens(store).outdated_kinds("vat-v1"),
    "picture": lambda store: draw(Lens(store)),
    "all c-lists": clists,
    "table of vats": lambda store: vat_table(Lens(store)),
    "table of the queue": lambda store: queue_table(Lens(store), paused=False),
    "dump": dump,
    "audit": lambda store: audit(store),
}
"""The views that read a table once, whoever has its rows."""

BY_VAT: dict[str, Callable[[KernelStore], object]] = {
    "rings": find_rings,
    "explain": lambda store: explain(store, "ko1000"),
    "verify": verify,
}
"""Those that read what each vat has stored, one vat after the other, or what lies around one object."""


def asked(view: Callable[[KernelStore], object], rows: int, vats: int) -> list[str]:
    """The questions of a view of a world of which no table is held in memory."""
    store = peopled(rows, vats)
    store.world.flush()
    store.world.memory.forget()
    with pytest.MonkeyPatch.context() as patch, counting(store) as found:
        patch.setattr(held, "FEW", -1)
        patch.setattr(held, "PATIENCE", 1_000_000)
        view(store)
    store.world.close()
    return found


@pytest.mark.parametrize("name", [*OF_ALL, *BY_VAT])
def test_a_view_asks_as_often_of_many_rows_as_of_few(name: str) -> None:
    """The number of questions does not depend on the number of rows."""
    view = {**OF_ALL, **BY_VAT}[name]
    few, many = asked(view, 10, 2), asked(view, 200, 2)
    assert few
    assert len(many) == len(few)


@pytest.mark.parametrize("name", OF_ALL)
def test_a_view_asks_as_often_of_many_vats_as_of_few(name: str) -> None:
    """The number of questions does not depend on the number of vats."""
    few, many = asked(OF_ALL[name], 3, 2), asked(OF_ALL[name], 3, 60)
    assert len(many) == len(few)
