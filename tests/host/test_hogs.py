"""A vat that would fill the disk is stopped at its limit, with everything else going on, on both workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.host.worlds.opening import open_world
from swingset.lens.state.accounts import audit_market
from swingset.testing import audit, audit_holdings
from tests.conftest import MakeStage
from tests.staging import Stage

HOG = """
import hashlib
from swingset.vat import E, remotable

def text(seed, size):
    # It cannot be compressed.
    words, state = [], b"%d" % seed
    while len(words) * 64 < size:
        state = hashlib.sha256(state).digest()
        words.append(state.hex())
    return "".join(words)[:size]

@remotable
class Hog:
    def __init__(self, baggage):
        self.baggage, self.heap, self.kept, self.waits = baggage, [], [], []

    def store(self, number, size):
        self.baggage[f"n{number}"] = text(number, size)

    def clear(self):
        for key in list(self.baggage):
            del self.baggage[key]

    def grow(self, size):
        self.heap.append(bytearray(size))

    def hoard(self, things):
        self.kept.append(things)

    def flood(self, friend, count, size):
        for _ in range(count):
            E.send_only(friend).listen("x" * size)

    def rewrite(self, number, size):
        self.baggage["n0"] = text(number, size)

    async def loop(self, friend, size):
        number = 0
        while True:
            number += 1
            await E(friend).nod()
            self.baggage[f"n{number}"] = "x" * size

def build_root_object(baggage):
    return Hog(baggage)
"""

FRIEND = """
from swingset.vat import remotable

@remotable
class Thing:
    pass

@remotable
class Friend:
    def __init__(self):
        self.heard = 0

    def listen(self, text):
        self.heard += 1

    def nod(self):
        return None

    def things(self, count):
        return [Thing() for _ in range(count)]

    def count(self):
        return self.heard

def build_root_object():
    return Friend()
"""

SIZE = 20_000
"""How much a hog takes at once."""


def hogs(stage: Stage, room: int, **options: Any) -> tuple[Any, Any]:
    """A hog with so much room beside what it has when it starts, and a friend without a limit."""
    hog, friend = stage.define("hog", HOG), stage.define("friend", FRIEND)
    stage.controller.vats.change_options("hog", {"total_bytes": 1 << 40, **options})
    stage.ask(hog, "clear")
    taken = stage.controller.kernel.store.footprints.of(stage.controller.kernel.vat("hog").id).total
    stage.controller.vats.change_options("hog", {"total_bytes": taken + room})
    return hog, friend


def refusals(stage: Stage, attempt: Any, most: int = 60) -> list[str]:
    """What a hog is told, asked again and again."""
    found = []
    for number in range(most):
        try:
            attempt(number)
        except swingset.RemoteError as error:
            found.append(str(error))
    return found


WAYS: dict[str, tuple[int, Any]] = {
    "its store": (2 * SIZE, lambda stage, hog, friend, number: stage.ask(hog, "store", number, SIZE)),
    "references": (
        2 * SIZE,
        lambda stage, hog, friend, number: stage.ask(hog, "hoard", stage.ask(friend, "things", 30)),
    ),
    "messages that wait": (
        2 * SIZE,
        lambda stage, hog, friend, number: stage.ask(hog, "flood", friend, 5, SIZE // 2),
    ),
}


@pytest.mark.unaudited
@pytest.mark.parametrize("worker", ["local", "wasm"])
@pytest.mark.parametrize("way", WAYS)
def test_a_hog_is_stopped_at_its_limit_and_others_go_on(make_stage: MakeStage, worker: str, way: str) -> None:
    """What would pass the limit is refused with words, the vat lives, and the others never notice."""
    stage = make_stage(worker)
    room, attempt = WAYS[way]
    hog, friend = hogs(stage, room)
    if way == "messages that wait":
        stage.controller.vats.suspend("friend")
    words = refusals(stage, lambda number: attempt(stage, hog, friend, number), 9)
    assert words
    assert all("are allowed (total_bytes)" in each for each in words)
    store, vat = stage.controller.kernel.store, stage.controller.kernel.vat("hog")
    assert vat.state == "live"
    assert store.footprints.of(vat.id).total <= vat.options["total_bytes"]
    if way == "messages that wait":
        stage.controller.vats.resume("friend")
    assert stage.ask(friend, "nod") is None
    stage.controller.vats.change_options("hog", {"total_bytes": 1 << 40})
    assert refusals(stage, lambda number: attempt(stage, hog, friend, number), 1) == []


def test_a_hog_of_memory_is_stopped(make_stage: MakeStage) -> None:
    """The linear memory of a confined vat counts, and is what it was after a refusal."""
    stage = make_stage("wasm")
    hog, friend = hogs(stage, 4 << 20)
    words = refusals(stage, lambda _: stage.ask(hog, "grow", 1 << 20), 8)
    assert words
    assert "memory" in words[0]
    store, vat = stage.controller.kernel.store, stage.controller.kernel.vat("hog")
    assert store.footprints.of(vat.id).total <= vat.options["total_bytes"]
    assert store.footprints.of(vat.id).memory > 1 << 20
    assert stage.ask(friend, "nod") is None
    assert swingset.replay(stage.controller).ok


def test_a_hog_that_never_returns_is_suspended(make_stage: MakeStage) -> None:
    """One that stores in each notification is suspended with it, and comes back when it may take more."""
    stage = make_stage("local")
    hog, friend = hogs(stage, 5 * SIZE)
    stage.send(hog, "loop", friend, SIZE)
    stage.session.settle()
    vat = stage.controller.vats["hog"]
    assert vat.state == "suspended"
    assert "total_bytes" in (vat.reason or "")
    assert stage.ask(friend, "nod") is None
    assert audit_holdings(stage.controller.kernel.store) == []


@pytest.mark.unaudited
@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_the_file_of_a_hog_stays_as_small_as_promised(
    tmp_path: Path, make_stage: MakeStage, worker: Any
) -> None:
    """Its room, and what its account pays for, bound what it adds to the file, whatever else happens to it.

    A restart, an upgrade, a checkpoint and going back leave it refused, and its world sound.
    """
    path = tmp_path / "hog.world"
    stage = make_stage(worker, path)
    world, market = stage.controller, stage.controller.market
    market.open(fee=1 << 20)  # a unit for each byte of a transcript
    hogs(stage, 4 * SIZE)
    market.open_account("hog", 20 * SIZE)
    world.vats.change_options("hog", {"account": "hog"})
    world.commit()
    asked, before = 0, path.stat().st_size

    def harass(world: swingset.Controller) -> None:
        nonlocal asked
        results = [world.queue_to_root("hog", "store", [number, SIZE]) for number in range(6)]
        results += [world.queue_to_root("hog", "rewrite", [number, SIZE]) for number in range(24)]
        asked += len(results)
        nods = world.queue_to_root("friend", "nod")
        world.run()
        refused = [result for result in results if world.status(result or "") == "rejected"]
        assert len(refused) > 3
        for result in refused:
            words = str(world.resolution(result or ""))
            assert "(total_bytes)" in words or "credit it" in words
        assert world.status(nods or "") == "fulfilled"
        assert world.vats["hog"].state == "live"
        assert audit(world.kernel.store) == [] == audit_holdings(world.kernel.store)
        (row,) = [row for row in swingset.storage(world).vats if row.vat == "hog"]
        assert row.room.total <= world.vats["hog"].options["total_bytes"]
        # A value is once in the store, and of each that was paid for the history has the new and the old.
        assert path.stat().st_size < before + 4 * SIZE + 3 * 20 * SIZE + 8_000 * asked

    harass(world)
    assert (market.account("hog").balance or 0) < 2 * SIZE
    world.checkpoint("full")
    stage.upgrade("hog", HOG + "# new\n")
    harass(world)
    world.history.go_back("full")
    harass(world)
    wanted = market.accounts(), market.rents()
    assert swingset.replay(world).ok
    stage.close()
    with open_world(path, worker=worker) as again:
        assert (again.market.accounts(), again.market.rents()) == wanted
        harass(again)
        assert audit_market(again.kernel.store) == []
        assert again.verify() == []
        again.vats.change_options("hog", {"total_bytes": None})
        again.market.credit("hog", 10**9)
        fine = again.queue_to_root("hog", "store", [99, SIZE])
        again.run()
        assert again.status(fine or "") == "fulfilled"
