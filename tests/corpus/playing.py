"""How a world of the corpus goes on: the steps that `make.py` records and the test repeats.

A step is a list: what to do, and what it is done to. What came of each is recorded beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller

FOLDER = Path(__file__).parent
SUFFIX = ".world.zst"
ARCHIVE = ".swingset"
MOST = 64 << 20
"""The most bytes that a world of the corpus has when it is unpacked."""


def unpack(packed: Path, path: Path) -> Path:
    """Write a world of the corpus to where it can be opened."""
    path.write_bytes(zstandard.ZstdDecompressor().decompress(packed.read_bytes(), max_output_size=MOST))
    return path


def digests(controller: Controller) -> dict[str, str]:
    """Those of the state and of all that was done."""
    return {"state": controller.digest(), "activity": controller.history.activity_digest()}


def repeated(controller: Controller) -> dict[str, list[Any]]:
    """Each confined vat's whole incarnation, repeated: deliveries and the digest of its heap."""
    kernel = controller.kernel
    return {vat.name: list(kernel.warehouse.verify(vat)) for vat in controller.vats if not vat.attached}


def play(controller: Controller, steps: list[list[Any]]) -> Iterator[Any]:
    """Go on with a world; what came of each step, as JSON data."""
    for what, *given in steps:
        yield _STEPS[what](controller, *given)


def _ask(controller: Controller, vat: str, method: str, *args: Any) -> Any:
    """Send to a vat's root, run the world, and tell how the answer stands."""
    result = controller.queue_to_root(vat, method, list(args))
    assert result is not None
    controller.run()
    found, value = controller.status(result), controller.resolution(result)
    controller.release(result)
    return [found, str(value) if found == "rejected" else value]


def _poll(controller: Controller, now: int) -> int:
    woken = controller.devices.poll(now)
    controller.run()
    return woken


def _wake(controller: Controller, vat: str) -> None:
    controller.vats.resume(vat)
    controller.run()


def _back(controller: Controller, name: str) -> bool:
    """Go back to a checkpoint; whether it has the digest that it had."""
    controller.history.go_back(name)
    wanted = controller.world.history.commit(controller.world.head).digest
    return wanted is not None and wanted == controller.digest()


def _names(controller: Controller) -> list[str]:
    """Join as the notebook did, and tell the names that come back."""
    return sorted(Session(controller).names.recall())


def _use(controller: Controller, name: str, method: str, *args: Any) -> Any:
    """Join, and send to what a stored name stands for."""
    session = Session(controller)
    return session.wait(getattr(E(session.names.recall()[name]), method)(*args))


_STEPS = {"ask": _ask, "poll": _poll, "wake": _wake, "back": _back, "names": _names, "use": _use}
