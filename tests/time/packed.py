"""A world with a past, and its archives taken apart and put together again by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref
from swingset.world.archive_metadata import Metadata, read_metadata
from swingset.world.archive_pieces import Measure, Reader, Writer
from tests.vat_sources import PURSE

BANK = (
    """
from swingset.vat import BigMap, E, durable, provide, remotable
"""
    + PURSE
    + """
def build_root_object(baggage):
    purses = provide(baggage, "purses", lambda: BigMap("purses", durable=True))
    calls = []

    @remotable
    class Bank:
        def deposit(self, owner: str, amount: int) -> int:
            calls.append(amount)
            if owner not in purses:
                purses[owner] = Purse(owner=owner)
            return purses[owner].deposit(amount)

        def calls(self):
            return list(calls)

        async def ask(self, other):
            try:
                return await E(other).calls()
            except Exception as problem:
                return str(problem)

        def know(self, other):
            baggage["other"] = other

        def ask_known(self):
            return self.ask(baggage["other"])

    return Bank()
"""
)

SECRET = BANK + "\n# a secret of the shop\n"

PARTS = (("bank", BANK),)


def asked(controller: Controller, vat: str, method: str, *args: Any) -> Any:
    """What comes of a message to a vat's root."""
    result = controller.queue_to_root(vat, method, list(args))
    assert result is not None
    controller.run()
    value = controller.resolution(result)
    controller.release(result)
    return value


def make(path: Path, worker: Any = "local") -> None:
    """A world with two incarnations, a heap image with entries since, a branch, a label and an ended vat."""
    with open_world(path, worker=worker) as controller:
        for name in ("bank", "shop", "gone"):
            controller.create_vat(name, PARTS if name != "shop" else (("shop", SECRET),))
        asked(controller, "bank", "deposit", "alice", 1)
        asked(controller, "gone", "deposit", "zoe", 1)
        controller.checkpoint("early")
        asked(controller, "bank", "deposit", "alice", 1_000)
        controller.history.go_back("early")
        shop = controller.vats.root("shop")
        controller.upgrade_vat("bank", PARTS)
        asked(controller, "bank", "know", Ref(shop, "shop"))
        asked(controller, "bank", "deposit", "alice", 10)
        controller.terminate_vat("gone", "enough")
        controller.run()
        controller.vats.snapshot_all()
        asked(controller, "bank", "deposit", "bob", 100)
        asked(controller, "shop", "deposit", "carol", 5)
        controller.queue_to_root("shop", "calls", policy="none")


def taken_apart(path: Path) -> tuple[Metadata, dict[str, bytes]]:
    """The metadata of an archive, and its artifacts unpacked, by name."""
    with path.open("rb") as file:
        reader = Reader(file, str(path))
        metadata = read_metadata(str(path), reader.metadata(), 1 << 30)
        found = {item.name: b"".join(reader.artifact(item)) for item in metadata.artifacts}
        reader.end()
    return metadata, found


def put_together(path: Path, metadata: bytes, artifacts: list[bytes]) -> None:
    """Write an archive of this metadata and these artifacts, whatever they are, with the right links."""
    with path.open("wb") as file:
        writer = Writer(file, metadata)
        for artifact in artifacts:
            writer.artifact([artifact])


Forge = Callable[[dict[str, Any], dict[str, bytes]], None]


def forged(path: Path, made: Path, forge: Forge, *, measured: bool = True) -> None:
    """Write an archive like another one, but for what `forge` changes in metadata and artifacts.

    With `measured`, sizes and hashes of the artifacts are right again.
    """
    metadata, artifacts = taken_apart(made)
    said: dict[str, Any] = json.loads(metadata.text())
    forge(said, artifacts)
    if measured:
        for item in said["artifacts"]:
            if item[0] in artifacts:
                measure = Measure()
                measure.add(artifacts[item[0]])
                item[2:] = measure.artifact("")[2:]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    put_together(path, text, [artifacts.get(item[0], b"") for item in said["artifacts"]])


def of(said: dict[str, Any], name: str) -> list[Any]:
    """The entry of an artifact in metadata."""
    found: list[Any] = next(item for item in said["artifacts"] if item[0] == name)
    return found
