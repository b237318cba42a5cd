"""What the explorer costs: the bytes of its answers and the time they take, in small and large worlds.

Worlds of 60, 5,000 and 50,000 objects are looked at first, after a cell, and by a search. A world of 100,000
cranks has its timeline made, zoomed into and extended by a step, and is looked back on. Times are those of
the processor, because other work on the machine doubles the others. The bytes are those of an answer as JSON.

The same worlds are then used in a notebook with an open panel: what the first picture, a step and a cell cost
more than without it, and how many bytes each sends to the page.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

import swingset
from swingset.guest.sending.eventual import E
from swingset_nb import extension
from swingset_nb.explorer import Explorer

OBJECTS, CRANKS, LOOKS = (60, 5_000, 50_000), 100_000, 40
FIRST_MS, CELL_MS, SEARCH_MS, MEDIAN_MS, WORST_MS = 1_000, 50, 300, 300, 2_000
FIRST_BYTES, ZOOM_BYTES, STEP_BYTES = 60_000, 20_000, 20_000
ROUNDS = 15

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

@remotable
class Bank:
    def open_purses(self, first: int, count: int):
        return [Purse(owner=f"owner{number}") for number in range(first, first + count)]

def build_root_object():
    return Bank()
"""

_missed: list[str] = []


def took(answer: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of the processor, and the answer."""
    start = time.process_time()
    found = answer()
    return (time.process_time() - start) * 1_000, found


def size(answer: Any) -> int:
    """The bytes of an answer as JSON, the bins of a timeline as lists."""
    plain = asdict(answer)
    if "bins" in plain:
        plain["bins"] = [list(item.values()) for item in plain["bins"]]
    return len(json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode())


def held_to(what: str, value: float, most: float) -> None:
    """Note a target that is missed."""
    if value > most:
        _missed.append(f"{what}: {value:,.0f}, at most {most:,.0f} wanted")


def objects(count: int) -> None:
    """A world of so many objects, all held by the session in one list."""
    with swingset.open_world(None, worker="local") as world:
        session = swingset.Session(world)
        bank = session.define("bank", BANK)
        purses: list[Any] = []
        while len(purses) < count:
            some = min(500, count - len(purses))
            purses += session.wait(E(bank).open_purses(len(purses), some))
        session.names.remember({"bank": bank, "purse": purses[0], "purses": purses})
        explorer = swingset.explore(world)
        first, scene = took(explorer.scene)
        again, _ = took(explorer.scene)
        cells = []
        for _ in range(5):
            session.wait(E(purses[0]).deposit(1))
            session.names.remember({"bank": bank, "purse": purses[0], "purses": purses})
            cells.append(took(explorer.scene)[0])
        cell = statistics.median(cells)
        found = max(
            took(lambda text=text: explorer.search(text))[0]
            for text in ("owner7", "purse", "open_purses", "x9")
        )
        kref = session.kref_of(purses[0])
        card, inspected = took(lambda: explorer.inspect(kref or ""))
        opened = [row.id for box in scene.boxes for row in box.rows if row.opens]
        wide, opened_scene = took(lambda: explorer.scene(opened=opened))
    print(
        f"{count:>7,} objects: first picture {first:,.0f} ms, again {again:,.0f} ms, after a cell"
        f" {cell:,.0f} ms, {size(scene):,} bytes; opened {wide:,.0f} ms, {size(opened_scene):,} bytes;"
        f" a search {found:,.0f} ms; a card {card:,.0f} ms, {size(inspected):,} bytes"
    )
    held_to(f"the first picture of {count:,} objects, ms", first, FIRST_MS)
    if count <= 5_000:
        held_to(f"a cell at {count:,} objects, ms", cell, CELL_MS)
        held_to(f"a search in {count:,} objects, ms", found, SEARCH_MS)


def panels(count: int) -> None:
    """The same world in a notebook: what an open panel costs, and what it sends."""
    sent: list[int] = []

    def send(message: Any, buffers: object = None) -> None:
        sent.append(len(json.dumps(message.get("state", {}), separators=(",", ":")).encode()))

    def spent(act: Callable[[], Any]) -> tuple[float, int]:
        sent.clear()
        return took(act)[0], sum(sent)

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        shell: Any = InteractiveShell()
        extension.load(shell)
        notebook = shell._swingset_nb.notebook
        shell.run_cell("%swingset open large.world --worker local")
        shell.run_cell("%%vat bank\n" + BANK)
        shell.run_cell(
            f"held = []\nfor n in range(0, {count}, 500):\n"
            f"    held += await E(bank).open_purses(n, min(500, {count} - n))\n"
            "purse = held[0]"
        )
        cell = "await E(purse).deposit(1)"
        for _ in range(3):
            shell.run_cell(cell)
        alone = [took(lambda: shell.run_cell(cell))[0] for _ in range(ROUNDS)]
        panel = Explorer(notebook)
        panel._send = send
        first, picture = spent(panel.refresh)
        panel._hear(
            panel, {"kind": "pick", "subject": notebook.world.session.kref_of(shell.user_ns["purse"])}, []
        )
        notebook.panels.append(panel)
        beside = [spent(lambda: shell.run_cell(cell)) for _ in range(ROUNDS)]
        shell.run_cell("%swingset pause")
        shell.run_cell("; ".join(["E(purse).deposit(1)"] * ROUNDS) + "; None")
        steps = [spent(lambda: panel._hear(panel, {"kind": "step"}, [])) for _ in range(ROUNDS)]
        assert panel.error == ""
        extension.unload(shell)
    more = statistics.median(ms for ms, _ in beside) - statistics.median(alone)
    step = statistics.median(ms for ms, _ in steps)
    cell_bytes, step_bytes = (max(size for _, size in found) for found in (beside, steps))
    print(
        f"{count:>7,} objects, an open panel: first picture {first:,.0f} ms, {picture:,} bytes; a cell"
        f" {more:,.0f} ms more than {statistics.median(alone):,.0f}, {cell_bytes:,} bytes; a step"
        f" {step:,.0f} ms, {step_bytes:,} bytes"
    )
    held_to(f"the first picture in the panel of {count:,} objects, ms", first, FIRST_MS)
    held_to(f"the bytes of a cell at {count:,} objects", cell_bytes, STEP_BYTES)
    held_to(f"the bytes of a step at {count:,} objects", step_bytes, STEP_BYTES)
    if count <= 5_000:
        held_to(f"a cell beside the panel of {count:,} objects, more ms", more, CELL_MS)


def cranks(count: int) -> None:
    """A world of so many cranks in a file, each message a commit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.world"
        with swingset.open_world(None, worker="local") as world:
            for name in ("bank", "shop", "audit"):
                world.create_vat(name, ((name, BANK),), options={"reap_interval": 1_000})
            while world.crank < count:
                for name in ("bank", "shop", "audit"):
                    world.queue_to_root(name, "open_purses", [world.crank, 0], policy="none")
                world.run()
            world.history.export(path)
        with swingset.open_world(path, worker="local") as world:
            explorer = swingset.explore(world)
            first, whole = took(explorer.timeline)
            again, _ = took(explorer.timeline)
            zooms, sizes = [], []
            chance = random.Random(count)
            for _ in range(LOOKS):
                since = chance.randrange(1, count)
                until = min(since + chance.randrange(10, count), count)
                ms, zoomed = took(lambda since=since, until=until: explorer.timeline(since, until))
                zooms.append(ms)
                sizes.append(size(zoomed))
            world.queue_to_root("bank", "open_purses", [0, 1], policy="none")
            world.run()
            step, _ = took(explorer.timeline)
            tick, told = took(lambda: explorer.tick(world.crank))
            backs = [
                took(lambda at=at: explorer.scene(at=at))[0]
                for at in (chance.randrange(1, count) for _ in range(LOOKS))
            ]
            search, _ = took(lambda: explorer.search("open_purses"))
    print(
        f"{count:>7,} cranks: timeline {first:,.0f} ms, {size(whole):,} bytes, again {again:,.1f} ms; zoom"
        f" {statistics.median(zooms):,.1f} ms, {max(sizes):,} bytes; after a step {step:,.1f} ms; a tick"
        f" {tick:,.1f} ms, {size(told):,} bytes; back {statistics.median(backs):,.0f} ms, worst"
        f" {max(backs):,.0f}; a search {search:,.0f} ms"
    )
    held_to("the first timeline, bytes", size(whole), FIRST_BYTES)
    held_to("a zoom, bytes", max(sizes), ZOOM_BYTES)
    held_to("a look back, median ms", statistics.median(backs), MEDIAN_MS)
    held_to("a look back, worst ms", max(backs), WORST_MS)


def main() -> int:
    """Measure, print, and fail where a target is missed."""
    print(f"milliseconds of the processor; load {os.getloadavg()[0]:.1f}")
    scale = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for count in OBJECTS:
        objects(max(count // scale, 10))
    for count in OBJECTS:
        panels(max(count // scale, 10))
    cranks(CRANKS // scale)
    for words in _missed:
        print(f"MISSED {words}")
    return 1 if _missed else 0


if __name__ == "__main__":
    sys.exit(main())
