"""What the explorer answers is bounded and safe, however hostile the world; looking changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.model.capdata import CapData
from swingset.time.explorer.reel import Reel
from tests.time.test_exploring import BANK, make_town

STRANGE = "\u202egpj\x1b[31m\n<script>\x00" + "W" * 300
"""A name that would turn a line round, colour it, end it, and run in a page."""

FIRST_BYTES, ZOOM_BYTES = 60_000, 20_000


def size(timeline: swingset.Timeline) -> int:
    """The bytes of a timeline as JSON, its bins as lists."""
    plain = asdict(timeline)
    plain["bins"] = [list(item.values()) for item in plain["bins"]]
    return len(json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode())


def texts(answer: Any) -> Iterator[str]:
    """All texts in an answer."""
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, tuple):
        for item in answer:
            yield from texts(item)
    elif is_dataclass(answer):
        for field in fields(answer):
            yield from texts(getattr(answer, field.name))


def is_safe(answer: Any, most: int) -> None:
    """Each text is short and drawn as it is, and all of them together are bounded."""
    found = list(texts(answer))
    for text in found:
        assert len(text) <= 600
        assert text.replace("\n", "").isprintable()
    assert sum(map(len, found)) < most


@pytest.fixture(scope="module")
def hostile() -> Iterator[swingset.Controller]:
    """A world with a vat of 500 exports of as many kinds, strange names, and a field of a megabyte."""
    with swingset.open_world(worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        purses = [world.queue_to_root("bank", "open_purse", [STRANGE]) for _ in range(3)]
        world.run()
        world.queue_to_object(purses[0], "withdraw", [1_000_000])
        world.queue_to_root("bank", "open_purse", [STRANGE, STRANGE])
        world.run()
        store = world.kernel.store
        (bank,) = [vat for vat in world.vats if vat.name == "bank"]
        with world.kernel.request("pin", kref=world.vats.root("bank")):
            for number in range(500):
                kref = store.new_object(bank.id)
                store.objects.set_iface(kref, f"{STRANGE}{number}")
                store.clists.add(bank.id, kref, f"o+{number + 100}")
                store.hold(kref)
            store.vatstore.set(bank.id, "vom.dkind.10.descriptor", json.dumps({"tag": STRANGE}))
            many = {f"{STRANGE}{at}": CapData("#1").to_json() for at in range(300)}
            store.vatstore.set(bank.id, "vom.o+d10/1", json.dumps(many))
            long = {"owner": CapData(f'#"{"x" * 1_000_000}"').to_json()}
            store.vatstore.set(bank.id, "vom.o+d10/2", json.dumps(long))
            store.vatstore.set(bank.id, "vom.o+d10/3", "[" * 1_000)
        world.queue_to_root("bank", "open_purse", ["last"], policy="none")
        world.run()
        yield world


def test_the_answers_about_a_hostile_world_are_bounded_and_safe(hostile: swingset.Controller) -> None:
    """Neither many kinds, nor names that would end a line, nor a field of a megabyte harm a reader."""
    explorer = swingset.explore(hostile)
    scene = explorer.scene()
    is_safe(scene, 20_000)
    (bank,) = [box for box in scene.boxes if box.name == "bank"]
    assert len(bank.rows) < 20
    assert bank.more > 480
    rest = bank.rows[-1]
    assert (rest.sort, rest.opens) == ("rest", True)
    opened = {rest.id}
    for _ in range(11):
        wide = explorer.scene(opened=opened)
        opened.add(wide.boxes[-1].rows[-1].id)
    is_safe(wide, 200_000)
    assert sum(len(box.rows) for box in wide.boxes) < 500
    assert len(wide.arrows) <= 400
    is_safe(explorer.timeline(), 20_000)
    for crank in range(1, hostile.crank + 1):
        is_safe(explorer.tick(crank), 10_000)
    for text in ("x", "W", STRANGE, "purse", "ko", "%", "\\", '"', "owner", "_"):
        is_safe(explorer.search(text), 20_000)


@pytest.mark.parametrize("at", [None, -1])
def test_what_is_inspected_in_a_hostile_world_is_bounded_and_safe(
    hostile: swingset.Controller, at: int | None
) -> None:
    """Each kind of subject, in the present and in the past."""
    explorer = swingset.explore(hostile)
    at = at and hostile.crank
    objects = [row.kref for row in hostile.lens.objects()][:5]
    promises = [row.kref for row in hostile.lens.promises()][:3]
    for subject in [*objects, *promises, "v1", "crank:2", f"crank:{hostile.crank}"]:
        found = explorer.inspect(subject, at)
        assert found is not None
        is_safe(found, 40_000)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "ko",
        "ko0",
        "kp999999",
        "kd1",
        "v0",
        "v99",
        "d99",
        "crank:",
        "crank:x",
        "crank:99999999999999999999",
        "waiting:",
        "waiting:q",
        "waiting:q1x",
        "waiting:v1.1",
        "waiting:kp1.-",
        STRANGE,
        "g:000000000000",
    ],
)
def test_what_is_no_subject_is_none(hostile: swingset.Controller, subject: str) -> None:
    """Whatever a page asks about, there is an answer."""
    assert swingset.explore(hostile).inspect(subject) is None


def test_looking_changes_nothing(tmp_path: Path) -> None:
    """The digest and the file are those of before, whatever was asked."""
    path = tmp_path / "a.world"
    town = make_town(path)
    with town.world as world:
        before = path.read_bytes(), world.digest(), world.history.head
        explorer = swingset.explore(world)
        for at in (None, world.crank, 3, 0):
            scene = explorer.scene(at)
            ids = [row.id for box in scene.boxes for row in box.rows] + [box.id for box in scene.boxes]
            explorer.scene(at, ids)
            for subject in [*ids, "crank:3"]:
                explorer.inspect(subject, at)
        explorer.timeline()
        explorer.timeline(2, 5, columns=2)
        for text in ("bank", "owner", "alice"):
            explorer.search(text)
        assert (path.read_bytes(), world.digest(), world.history.head) == before


def _sent(number: int) -> tuple[str, list[str]]:
    return ("\u2603" * 60, []) if number % 5 == 4 else ("open_purse", ["alice"])


def many_cranks(cranks: int) -> swingset.Controller:
    """A world in which three vats get messages in turn, every fifth of which fails."""
    world = swingset.open_world(worker="local")
    names = ("bank", "shop", "audit")
    for name in names:
        world.create_vat(name, ((name, BANK),), options={"reap_interval": 1_000_000})
    while world.crank < cranks:
        for name in names:
            for number in range(30):
                world.queue_to_root(name, *_sent(number))
        world.run()
    return world


@pytest.mark.unaudited
@pytest.mark.parametrize("cranks", [600, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_long_timeline_is_binned_and_never_read_again(cranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are bounded, its bins have every crank once, and later ones cost only their own records."""
    with many_cranks(cranks) as world:
        explorer = swingset.explore(world)
        whole = explorer.timeline()
        assert size(whole) <= FIRST_BYTES
        assert sum(found.cranks for found in whole.bins) == world.crank
        assert {lane.name for lane in whole.lanes} == {"bank", "shop", "audit"}
        assert sum(found.errors for found in whole.bins) > cranks // 10
        for since, until in [(1, 50), (100, 400), (500, world.crank), (1, world.crank)]:
            part = explorer.timeline(since, until, columns=2_000)
            assert size(part) <= ZOOM_BYTES
            assert sum(found.cranks for found in part.bins) == until - since + 1
            assert all(since <= crank <= until for crank in part.commits)
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
        read: list[int] = []
        streamed = Reel.streamed

        def counted(reel: Reel, place: int) -> Iterator[bytes]:
            read.append(place)
            return streamed(reel, place)

        monkeypatch.setattr(Reel, "streamed", counted)
        assert explorer.timeline().present == world.crank
        assert len(set(read)) <= 3
