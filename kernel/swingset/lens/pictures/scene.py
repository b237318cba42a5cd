"""Chooses what a picture of a world shows, before anything is drawn: boxes, the things in them, the arrows.

A vat is a box with its exports inside; an arrow leads from every vat that imports a thing to that thing.
An unsettled promise is in the box of the vat that has to settle it. Settled promises are omitted: they are
data by now. Beyond the limits the rest is counted and the count is shown, so that the picture stays readable
and nothing disappears silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from swingset.lens.present.rows import CListRow, ObjectRow, QueueRow, VatRow
from swingset.lens.present.tables import Lens
from swingset.model.counting import plural
from swingset.model.visible import one_line

MOST_VATS = 12
MOST_THINGS = 40
MOST_IN_ONE_BOX = 14
MOST_QUEUED = 8

Sort = Literal["root", "durable", "heap", "promise", "lost", "rest"]
"""The sort of a thing; `rest` stands for those that are counted but not drawn."""


class Thing(NamedTuple):
    """One line in a box. `kref` is empty for the line that counts the rest."""

    kref: str
    label: str
    sort: Sort


@dataclass
class Box:
    """One vat, one device whose nodes are held, or `nobody` for things that have lost their owner."""

    name: str
    title: str
    state: str
    things: list[Thing] = field(default_factory=list)


class Arrow(NamedTuple):
    """An arrow from box `holder` to the thing at `place` in box `owner`. `waits`: it awaits a promise."""

    holder: str
    owner: str
    place: int
    waits: bool


class Queued(NamedTuple):
    """One event that waits, in the order it will run in."""

    position: int
    text: str
    target: str


class Scene(NamedTuple):
    """Everything one picture shows."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    queue: tuple[Queued, ...]
    queue_length: int
    """How many events wait, drawn or not."""
    elsewhere: int
    """How many of them are not in the run-queue: they wait at a promise, or for a suspended vat."""
    left_out: tuple[str, ...]


def compose(lens: Lens) -> Scene:
    """Choose what to draw of a world."""
    lens = lens.cached()
    vats, queue, promises = lens.vats(), lens.queue(), lens.promises()
    shown = vats[:MOST_VATS]
    names = {vat.name for vat in shown}
    clists = {vat.name: lens.clist(vat.name) for vat in vats}
    boxes = {vat.name: _box(vat) for vat in shown}
    for name, box in boxes.items():
        box.things += [
            _thing(row) for row in clists[name] if row.direction == "export" and row.kref[1] == "o"
        ]
    for promise in promises:
        if promise.state == "unresolved" and promise.decider in boxes:
            boxes[promise.decider].things.append(Thing(promise.kref, "promise", "promise"))
    _put_apart(boxes, [row for row in lens.objects() if row.owner not in clists and row.holders])
    left_out = []
    if len(vats) > len(shown):
        left_out.append(f"not drawn: {plural(len(vats) - len(shown), 'more vat')}")
    if settled := sum(promise.state != "unresolved" for promise in promises):
        left_out.append(f"{settled} settled {_plural(settled, 'promise')} not drawn")

    places = _cut(boxes)
    held = (
        Arrow(vat.name, *places[row.kref], waits=False)
        for vat in shown
        for row in clists[vat.name]
        if row.direction == "import" and row.kref in places
    )
    awaited = (
        Arrow(subscriber, *places[promise.kref], waits=True)
        for promise in promises
        if promise.kref in places
        for subscriber in promise.subscribers
        if subscriber in names
    )
    return Scene(
        tuple(boxes.values()),
        tuple(arrow for arrow in dict.fromkeys((*held, *awaited)) if arrow.holder != arrow.owner),
        tuple(_queued(number, row) for number, row in enumerate(queue[:MOST_QUEUED], 1)),
        len(queue),
        sum(row.where != "run-queue" for row in queue),
        tuple(left_out),
    )


def in_words(scene: Scene) -> str:
    """The picture as text: the same facts, one per line."""
    holders: dict[tuple[str, int], list[str]] = {}
    for arrow in scene.arrows:
        holders.setdefault((arrow.owner, arrow.place), []).append(arrow.holder)
    lines = []
    for box in scene.boxes:
        lines.append(one_line(f"{box.title} ({box.state})"))
        for place, thing in enumerate(box.things):
            held = sorted(set(holders.get((box.name, place), [])))
            what = f"{thing.label} {thing.kref}".strip()
            lines.append(one_line(f"  {what}" + (f", held by {', '.join(held)}" if held else "")))
    lines += [f"waiting {item.position}: {item.text} for {item.target}" for item in scene.queue]
    if scene.queue_length > len(scene.queue):
        lines.append(f"waiting: {scene.queue_length - len(scene.queue)} more")
    if not scene.queue:
        lines.append("the run-queue is empty")
    return "\n".join([*lines, *scene.left_out])


def _box(vat: VatRow) -> Box:
    worker = "this notebook's interpreter" if vat.attached else vat.worker
    waiting = f", {vat.parked} parked" if vat.parked else ""
    state = f"incarnation {vat.incarnation}, {vat.state}{waiting}, {worker}"
    if vat.clone_of is not None:
        state += f", a clone of {vat.clone_of}"
    return Box(vat.name, one_line(vat.name, 30), one_line(state, 200))


def _put_apart(boxes: dict[str, Box], apart: list[ObjectRow]) -> None:
    """Add boxes for what no vat owns: one for each device, and one for things that have lost their owner."""
    lost = []
    for row in apart:
        if row.kref[1] != "d":
            lost.append(Thing(row.kref, one_line(row.label, 30), "lost"))
            continue
        edge = Box(row.owner, one_line(row.owner, 30), "an edge of the world")
        is_root = row.label != "device node"
        node = Thing(row.kref, "root", "root") if is_root else Thing(row.kref, "node", "heap")
        boxes.setdefault(row.owner, edge).things.append(node)
    if lost:
        boxes["nobody"] = Box("nobody", "nobody", "owners are gone", lost)


def _thing(row: CListRow) -> Thing:
    if row.vref == "o+0":
        return Thing(row.kref, "root", "root")
    if row.vref.startswith("o+d"):
        return Thing(row.kref, one_line(row.label, 22), "durable")
    return Thing(row.kref, one_line(row.label, 22), "heap")


def _cut(boxes: dict[str, Box]) -> dict[str, tuple[str, int]]:
    """Apply the limits, with one line that counts the rest of each box; returns the place of every kref."""
    budget = MOST_THINGS
    places: dict[str, tuple[str, int]] = {}
    for name, box in boxes.items():
        keep = min(len(box.things), MOST_IN_ONE_BOX, max(budget, 1))
        if len(box.things) == keep + 1:
            keep += 1  # a line that says "1 more" is no shorter than the one
        budget -= keep
        kept, rest = box.things[:keep], box.things[keep:]
        for place, thing in enumerate(kept):
            places[thing.kref] = (name, place)
        for thing in rest:
            places[thing.kref] = (name, len(kept))
        box.things = kept + ([Thing("", f"and {len(rest)} more", "rest")] if rest else [])
    return places


def _queued(number: int, row: QueueRow) -> Queued:
    where = "" if row.where == "run-queue" else f" [{row.where}]"
    what = row.summary if row.kind == "send" else f"{row.kind} {row.summary}"
    what += "" if row.offer is None else f" offers {row.offer:,}"
    return Queued(number, one_line(f"{what}{where}", 40), one_line(row.target, 40))


def _plural(count: int, word: str) -> str:
    return f"{word} is" if count == 1 else f"{word}s are"
