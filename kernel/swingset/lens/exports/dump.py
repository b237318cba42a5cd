"""A world as JSON data, for programs: everything the kernel keeps about vats, objects, promises and queues.

Vat stores are omitted: they may be large, and are private to the vats. The order depends only on the world.
"""

from __future__ import annotations

from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.state.reading import Reading
from swingset.model.messages import event_to_data
from swingset.model.refs import sort_key
from swingset.world.rows import Reader

COUNTED = ("objects", "promises", "clists", "queue", "parked", "promise_queue", "gc_actions", "vatstore")


def dump(store: KernelStore) -> dict[str, Any]:
    """The state of the kernel as JSON data.

    `cleaned_up` lists terminated vats that are not cleaned up yet, `kept` the promises that their deciders
    keep through an upgrade.
    """
    reading = Reading(store)
    vats = reading.vats.values()
    kept = [(device, key, value.to_json()) for device, key, value in store.devices.kept()]
    return {
        "crank": store.counters.get("crank"),
        "paused": bool(store.counters.get("paused")),
        "panic": store.panic.words(),
        "counters": dict(store.world.rows("SELECT name, value from counters order by name")),
        "activity": store.activity.digest(),
        "vats": [
            {
                "id": vat.id,
                "name": vat.name,
                "worker": vat.worker,
                "state": vat.state,
                "reason": vat.reason,
                "incarnation": vat.incarnation,
                "bundle": vat.bundle,
                "library": vat.library,
                "options": vat.options,
                "parameters": vat.parameters.to_json(),
                "deliveries": reading.span(vat.id).position,
                "transcript": reading.span(vat.id).hash,
            }
            for vat in vats
        ],
        "objects": [record._asdict() for record in reading.objects.values()],
        "promises": [
            {
                **record._asdict(),
                "data": record.data.to_json() if record.data else None,
                "subscribers": reading.subscribers[record.kref],
                "waiting": [event_to_data(event) for event in reading.waiting[record.kref]],
            }
            for record in reading.promises.values()
        ],
        "clists": {
            vat.id: [
                [entry.kref, entry.vref, "R" if entry.reachable else "_"]
                for entry in sorted(reading.clists[vat.id], key=lambda entry: sort_key(entry.kref))
            ]
            for vat in vats
        },
        "run_queue": [{"seq": seq, **event_to_data(event)} for seq, event in reading.queue],
        "parked": {
            vat.id: [{"seq": seq, **event_to_data(event)} for seq, event in events]
            for vat in vats
            if (events := reading.parked[vat.id])
        },
        "gc_actions": [list(action) for action in store.gc.all()],
        "reap_queue": [vat for _, vat in store.reaping.waiting()],
        "kept": _column(store, "promise", "kept"),
        "cleaned_up": _column(store, "vat", "dead"),
        "meters": [meter._asdict() for meter in store.meters.all()],
        "devices": [
            {**device._asdict(), "state": {key: value for owner, key, value in kept if owner == device.id}}
            for device in reading.devices.values()
        ],
        "pins": store.pins.all(),
    }


def stats(store: KernelStore) -> dict[str, int]:
    """How many rows each table has, and how many vats, objects and promises were ever created.

    The rows are counted on each call, which takes time in proportion to them; no crank pays for it.
    """
    found = {
        "cranks": store.counters.get("crank"),
        "vats_created": store.counters.get("v", 1) - 1,
        "objects_created": store.counters.get("ko", 20) - 20,
        "promises_created": store.counters.get("kp", 40) - 40,
    }
    states = store.world.rows("SELECT state, count(*) from vats group by state")
    for state in ("live", "suspended", "terminated"):
        found[f"vats_{state}"] = dict(states).get(state, 0)
    for table in COUNTED:
        row = store.world.row(f"SELECT count(*) from {table}")
        found[table] = int(row[0]) if row else 0
    spent = store.world.row("SELECT coalesce(sum(computrons), 0), coalesce(sum(position), 0) from spans")
    found["computrons"], found["deliveries"] = (int(spent[0]), int(spent[1])) if spent else (0, 0)
    return found


def _column(store: KernelStore, column: str, table: str) -> list[str]:
    found = store.world.rows(f"SELECT {column} from {table}")
    for row in found:
        Reader(table, column).check(store.world.name, row)
    return sorted((str(value) for (value,) in found), key=sort_key)
