"""Random worlds made of rows, and the graph of who holds whom, written down as they are made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import strategies as st

from swingset.core.store import KernelStore
from swingset.lens.present.explain import ASSUMED
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Send
from swingset.world.device_records import DeviceRecord
from swingset.world.file import WorldFile
from swingset.world.promises import FULFILLED
from swingset.world.vats import LIVE, TERMINATED, VatRecord
from tests.meddling import altered

ROOT = "(lives by itself)"


@dataclass
class Sketch:
    """A world and its edges: (holder, held) -> cost. Nodes are krefs, or `vat/vref` where there is none."""

    store: KernelStore
    edges: dict[tuple[str, str], int] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    durable: set[str] = field(default_factory=set)
    recognizers: dict[str, set[str]] = field(default_factory=dict)
    heap_imports: set[tuple[str, str]] = field(default_factory=set)
    explained: set[tuple[str, str]] = field(default_factory=set)

    def hold(self, holder: str, held: str, cost: int = 1) -> None:
        if holder != held:
            self.edges[holder, held] = min(cost, self.edges.get((holder, held), cost))

    def costs(self) -> dict[str, int]:
        """The cheapest way to each node, by relaxing all edges until nothing changes."""
        cost = {ROOT: 0}
        changed = True
        while changed:
            changed = False
            for (holder, held), step in self.edges.items():
                if holder in cost and cost[holder] + step < cost.get(held, 1 << 30):
                    cost[held] = cost[holder] + step
                    changed = True
        return cost


@st.composite
def sketches(draw: st.DrawFn, *, durable_only: bool = False) -> Sketch:
    """A random world of a few vats, objects, promises and records."""
    sketch = Sketch(KernelStore(WorldFile.open(None)))
    store = sketch.store
    vats = [f"v{number}" for number in range(1, draw(st.integers(2, 4)) + 1)]
    living = {}
    for vat in vats:
        living[vat] = draw(st.integers(0, 9)) < 9
        state = LIVE if living[vat] else TERMINATED
        store.vats.add(VatRecord(vat, f"vat-{vat}", "raw", state, None, 0, None, CapData("#null"), {}, 0))
    names: dict[str, dict[str, str]] = {vat: {} for vat in vats}  # vat -> vref -> node
    objects: list[str] = []
    for number in range(draw(st.integers(4 if durable_only else 1, 7))):
        vat, kref = draw(st.sampled_from(vats)), f"ko{20 + number}"
        vref = f"o+d10/{number + 1}" if durable_only or draw(st.booleans()) else f"o+{number + 10}"
        if not durable_only and draw(st.integers(0, 5)) == 0 and "o+0" not in names[vat]:
            vref = "o+0"
        store.objects.add(kref, vat)
        store.clists.add(vat, kref, vref)
        names[vat][vref] = kref
        sketch.owner[kref] = vat
        if vref.startswith("o+d"):
            sketch.durable.add(kref)
        if vref == "o+0" and living[vat]:
            sketch.hold(ROOT, kref)
        objects.append(kref)
    for number in range(draw(st.integers(0, 3))):  # durable objects that only their vat knows
        vat, vref = draw(st.sampled_from(vats)), f"o+d10/{number + 50}"
        node = f"{vat}/{vref}"
        names[vat][vref], sketch.owner[node] = node, vat
        sketch.durable.add(node)
    promises = [f"kp{40 + number}" for number in range(draw(st.integers(0, 3)))]
    reachable: dict[str, list[str]] = {vat: [] for vat in vats}
    for vat in vats:
        fewest = 3 if durable_only else 0
        imported = st.lists(st.sampled_from(objects), unique=True, min_size=fewest, max_size=6)
        for number, kref in enumerate(draw(imported)):
            if sketch.owner[kref] == vat:
                continue
            vref = f"o-{50 + number}"
            store.clists.add(vat, kref, vref)
            if draw(st.integers(0, 19 if durable_only else 4)) == 0:
                store.clists.set_reachable(vat, kref, False)
                sketch.recognizers.setdefault(kref, set()).add(f"vat-{vat}")
                continue
            store.objects.count(kref, 1, 1)
            names[vat][vref] = kref
            reachable[vat].append(kref)
            if not durable_only:
                sketch.hold(ROOT, kref, ASSUMED if living[vat] else 1)
    known = [*objects, *promises]
    for kref in promises:
        outcome = draw(st.lists(st.sampled_from(known), unique=True, max_size=2))
        host = draw(st.integers(0, 3)) == 0
        store.promises.add(kref, None, "ignore" if host else None)
        if host:
            sketch.hold(ROOT, kref)
        if draw(st.booleans()):
            store.promises.settle(kref, FULFILLED, CapData("#[]", tuple(outcome)))
            for held in outcome:
                sketch.hold(kref, held)
                if held in objects:
                    store.objects.count(held, 1, 1)
        elif outcome:
            store.promises.enqueue(kref, 1, _send(kref, outcome))
            for held in outcome:
                sketch.hold(kref, held)
                if held in objects:
                    store.objects.count(held, 1, 1)
        if draw(st.integers(0, 9 if durable_only else 3)) == 0:
            vat = draw(st.sampled_from(vats))
            store.clists.add(vat, kref, f"p-{60 + int(kref[2:])}")
            sketch.hold(ROOT, kref)
    for number in range(draw(st.integers(0, 0 if durable_only else 2))):
        held = draw(st.sampled_from(known))
        if draw(st.booleans()):
            store.queues.append(_send(held, []))
        else:
            vat = draw(st.sampled_from(vats))
            store.queues.park(vat, number, _send(held, []))
        sketch.hold(ROOT, held)
        if held in objects:
            store.objects.count(held, 1, 1)
    if draw(st.integers(0, 9 if durable_only else 2)) == 0:
        pinned = draw(st.sampled_from(objects))
        altered(store.world, "insert into pins values (?)", (pinned,))
        store.objects.count(pinned, 1, 1)
        sketch.hold(ROOT, pinned)
    if not durable_only:
        _edges_of_the_world(draw, sketch, vats, living, known)
    for vat in vats:
        _records(draw, sketch, vat, names[vat], living[vat], dense=durable_only)
        if durable_only:
            for kref in reachable[vat]:
                if not living[vat] or (vat, kref) not in sketch.explained:
                    sketch.hold(ROOT, kref)
    return sketch


def _edges_of_the_world(
    draw: st.DrawFn, sketch: Sketch, vats: list[str], living: dict[str, bool], known: list[str]
) -> None:
    """Devices with nodes and what they keep, parameters of vats, keepers of meters."""
    store = sketch.store
    nodes = [f"kd{30 + number}" for number in range(draw(st.integers(0, 4)))]
    for kref in nodes:
        store.objects.add(kref, "d7")
    if nodes:
        store.devices.add(DeviceRecord("d7", "shelf", "test", nodes[0]))
        store.objects.count(nodes[0], 1, 1)
        sketch.hold(ROOT, nodes[0])

    def count(held: str) -> None:
        if held[1] != "p":
            store.objects.count(held, 1, 1)

    mentioned = st.lists(st.sampled_from([*known, *nodes]), unique=True, max_size=3)
    for key in [*nodes[1:], *(["a key"] if nodes else [])]:
        slots = draw(mentioned)
        store.devices.keep("d7", key, CapData("#[]", tuple(slots)))
        for held in slots:
            sketch.hold(ROOT if key == "a key" else key, held)
            count(held)
    for vat in vats:
        for kref in draw(st.lists(st.sampled_from(nodes), unique=True, max_size=2)) if nodes else ():
            store.clists.add(vat, kref, f"d-{70 + int(kref[2:])}")
            store.objects.count(kref, 1, 1)
            sketch.hold(ROOT, kref, ASSUMED if living[vat] else 1)
        record = store.vats.get(vat)
        assert record is not None
        slots = draw(mentioned) if living[vat] and draw(st.integers(0, 3)) == 0 else []
        store.vats.save(record.having(parameters=CapData("#[]", tuple(slots))))
        for held in slots:
            sketch.hold(ROOT, held)
            count(held)
    if draw(st.integers(0, 3)) == 0:
        keeper = draw(st.sampled_from([kref for kref in known if kref[1] == "o"]))
        meter = store.meters.get(store.meters.add(1, 0))
        assert meter is not None
        store.meters.save(meter._replace(keeper=keeper))
        store.objects.count(keeper, 1, 1)
        sketch.hold(ROOT, keeper)


def _records(
    draw: st.DrawFn, sketch: Sketch, vat: str, names: dict[str, str], living: bool, *, dense: bool
) -> None:
    if not names:
        return
    mentioned = st.lists(st.sampled_from(sorted(names)), min_size=int(dense), max_size=3, unique=True)
    for vref in sorted(names):
        if not vref.startswith("o+d") or (not dense and draw(st.integers(0, 3)) == 0):
            continue
        fields = {}
        for name in draw(st.lists(st.sampled_from(["a", "b"]), min_size=int(dense), unique=True)):
            slots = draw(mentioned)
            fields[name] = {"body": "#[]", "slots": slots}
            for slot in slots:
                if living:
                    sketch.hold(names[vref], names[slot])
                    sketch.explained.add((vat, names[slot]))
        if dense:  # an import that no record mentions would be taken to be in the heap
            rest = sorted(
                slot for slot in names if "-" in slot and (vat, names[slot]) not in sketch.explained
            )
            fields["rest"] = {"body": "#[]", "slots": rest}
            for slot in rest if living else ():
                sketch.hold(names[vref], names[slot])
                sketch.explained.add((vat, names[slot]))
        sketch.store.vatstore.set(vat, f"vom.{vref}", json.dumps(fields))
    if draw(st.integers(0, 6 if dense else 2)) == 0:
        slots = draw(mentioned)
        sketch.store.vatstore.set(vat, "vc.1.spurse", json.dumps({"body": "#[]", "slots": slots}))
        for slot in slots:
            if living:
                sketch.hold(ROOT, names[slot])
                sketch.explained.add((vat, names[slot]))


def _send(target: str, slots: list[str]) -> Send:
    return Send(target, Message(CapData('#["m",[]]', tuple(slots))))
