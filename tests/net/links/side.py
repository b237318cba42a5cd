"""One world in a process of its own, which does what it is told through a pipe until it is killed.

It tells only what a commit has made durable. Whoever asks says it again if the process was killed before it
answered, so what is asked may be done twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from swingset.host.base.engines import WorkerKind
from swingset.host.controls.device_access import NET
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref
from swingset.testing import audit, audit_holdings
from tests.net.links import planted
from tests.net.links.relayed import TRANSPORT
from tests.net.links.vats import COUNTER, SENDER, TAKER

VATS = {"counter": COUNTER, "sender": SENDER, "taker": TAKER}


@dataclass(frozen=True)
class Place:
    """Where a world is: its file, its socket, the one of the relay before it, and the folder of netlayers."""

    name: str
    path: str
    socket: str
    front: str
    netlayers: str
    worker: WorkerKind = "local"
    fault: str = ""

    def swissnum(self, what: str) -> bytes:
        """What an object of it is fetched by."""
        return f"{self.name}-{what}".ljust(32, "-").encode()


def live(place: Place, pipe: Connection) -> None:
    """Open the world, and serve."""
    if place.netlayers not in sys.path:
        sys.path.append(place.netlayers)
    planted.plant(place.fault)
    with open_world(place.path, worker=place.worker) as world:
        Living(place, world, pipe).serve()


class Living:
    """An open world, and what was asked of it that has no answer yet."""

    def __init__(self, place: Place, world: Controller, pipe: Connection) -> None:
        self._place, self._world, self._pipe = place, world, pipe
        self._awaited: dict[str, int] = {}
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        os.set_blocking(self._woken, False)
        world.net.notify(self._wake)
        self._location = world.net.listen(TRANSPORT, path=place.socket, through=place.front)
        self._verbs: dict[str, Callable[..., Any]] = {
            "meet": self._meet,
            "tables": self._tables,
            "audit": self._audit,
            "reap": self._reap,
            "events": self._events,
            "owed": lambda: sum(peer.unacknowledged for peer in world.net.peers()),
            "links": self._links,
        }

    def _wake(self) -> None:
        try:
            os.write(self._wakes, b".")
        except BlockingIOError:
            return  # it is awake

    def serve(self) -> None:
        """Until the other end of the pipe is closed, or says so."""
        if "counter" not in self._world.vats:
            self._make()
        self._pipe.send(("ready", self._location))
        while True:
            ready = wait([self._pipe, self._woken], 0.1)
            if self._woken in ready:
                os.read(self._woken, 65_536)
            if self._pipe in ready:
                try:
                    number, verb, *args = self._pipe.recv()
                except EOFError:
                    return
                if verb == "end":
                    return
                self._do(number, verb, args)
            while self._world.net.pump():
                self._tell()
            self._tell()

    def _make(self) -> None:
        for name, source in VATS.items():
            self._world.create_vat(name, ((name, source),))
        asked = self._world.queue_to_root("counter", "home")
        assert asked is not None
        self._world.run()
        home = self._world.resolution(asked)
        self._world.net.share(home, swissnum=self._place.swissnum("home"), label="home")
        self._world.net.share(
            self._world.vats.root("taker"), swissnum=self._place.swissnum("taker"), label="taker"
        )
        self._world.release(asked)
        self._world.run()

    def _do(self, number: int, verb: str, args: list[Any]) -> None:
        if verb in self._verbs:
            self._pipe.send((number, self._verbs[verb](*args)))
            return
        kref = self._world.queue_to_root(*args)
        assert kref is not None
        self._world.commit()
        self._awaited[kref] = number

    def _tell(self) -> None:
        for kref, number in list(self._awaited.items()):
            status = self._world.status(kref)
            if status != "unresolved":
                del self._awaited[kref]
                found = self._world.resolution(kref)
                self._world.release(kref)
                self._pipe.send((number, found if status == "fulfilled" else [status, str(found)]))

    def _meet(self, vat: str, method: str, uris: list[str], *args: Any) -> None:
        """Have a vat get what some strings are for."""
        fetched = [self._world.net.fetch(uri) for uri in uris]
        refs = [Ref(kref, "remote") for kref in fetched]
        self._world.queue_to_root(vat, method, [*refs, *args], policy="none")
        self._world.run()
        for kref in fetched:
            self._world.release(kref)

    def _tables(self) -> dict[str, str]:
        """The rows of the vat that speaks the protocol."""
        store, vat, key, found = self._world.kernel.store.vatstore, self._world.kernel.vat(NET).id, "net.", {}
        while (key := store.next_key(vat, key) or "").startswith("net."):
            found[key.removeprefix("net.")] = store.get(vat, key) or ""
        return found

    def _links(self) -> dict[str, str]:
        """The rows of links and of the connections that carry them, for whoever looks for a fault."""
        return {
            key: text
            for key, text in self._tables().items()
            if key.partition(".")[0] in ("link", "carrier", "asked")
        }

    def _audit(self) -> list[str]:
        store = self._world.kernel.store
        return audit(store) + audit_holdings(store)

    def _reap(self) -> None:
        self._world.gc.reap_all()

    def _events(self) -> list[str]:
        return [f"{event['event']}: {event['why']}" for event in self._world.net.events()]
