"""The wire of an open world: from its device to the thread with the sockets, and back.

What comes in waits, bounded, until the world's own thread calls `pump`: then it is a wish of the host like
any other, in the journal before the vat acts on it. What goes out stands in the device's state until the
commit that makes it true, and is sent then.

A connection belongs to a *life of the wire*: from one opening of the world, or going back in time, to the
next. When a life begins, the vat is told that the connections of the last are gone. Links outlive them, and
`wire_tending` looks after those that have no connection. A fork has no wire, and a
replay needs none.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Protocol

from swingset.core.report import CrankReport
from swingset.host.base import policies
from swingset.host.base.opened import Opened
from swingset.host.base.requests import read, write
from swingset.host.base.running import Running
from swingset.host.base.starting import service_counter
from swingset.host.controls.device_access import NET
from swingset.host.controls.own_devices import DeviceCall, DeviceState, OwnDevices
from swingset.host.wires.asking import NetError
from swingset.host.wires.tables import looking
from swingset.host.wires.wire_called import Called
from swingset.host.wires.wire_device import NAME, OUT, WireDevice
from swingset.host.wires.wire_forgetting import Forgetting
from swingset.host.wires.wire_inbox import Inbox
from swingset.host.wires.wire_io import Wires
from swingset.host.wires.wire_meters import Meters
from swingset.host.wires.wire_secrets import Secrets
from swingset.host.wires.wire_tending import Tending
from swingset.model.foreign import Unreadable, read_json
from swingset.model.messages import Send
from swingset.model.visible import one_line
from swingset.net.limits import Limits
from swingset.world.vats import LIVE, SUSPENDED, TERMINATED

AT_ONCE = 200
"""How many inputs are queued before the world runs."""

FROM_ONE = 20
"""How many inputs of one connection are: its session may end by the first."""

_LOG = 100


class Beside(Protocol):
    """Another way into the world, served together with its wire."""

    def pump(self, seconds: float) -> bool:
        """Deliver what came in; returns whether anything was done."""
        ...

    def waits(self) -> bool:
        """Whether something may still come that somebody waits for."""
        ...


class Line:
    """The wire of one open world."""

    def __init__(self, opened: Opened, own: OwnDevices) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._own = own
        self.inbox = Inbox()
        self.beside: list[Beside] = []
        """What else comes into the world from outside."""
        self.log: deque[dict[str, str]] = deque(maxlen=_LOG)
        self._secrets: Secrets | None = None
        self.is_copy = False
        self._wires: Wires | None = None
        self._device: WireDevice | None = None
        self._stale = False
        self._sent = 0
        self._pumping = False
        self._limits: Limits | None = None
        self._forgetting = Forgetting()
        self.called = Called(self._kernel)
        self.meters: Meters | None = None
        self._waiting: set[str] = set()  # connections whose sessions have not begun
        self._begun: set[str] = set()
        self._tending = Tending(self, opened)
        opened.moved.append(self._move)

    @property
    def wires(self) -> Wires | None:
        """The connections, if there may be any."""
        return self._wires

    def look(self) -> None:
        """Look after the links at the next `pump`."""
        self._tending.due = True

    def has_vat(self) -> bool:
        """Whether the world has the service vat."""
        number = self._kernel.store.counters.get(service_counter(NET))
        vat = self._kernel.store.vats.get(f"v{number}") if number else None
        return vat is not None and vat.state != TERMINATED

    def check(self, *, looking: bool = False) -> None:
        """Raise `NetError` if the service vat was terminated; and if it is suspended, but for looking."""
        number = self._kernel.store.counters.get(service_counter(NET))
        if not number:
            return
        vat = self._kernel.store.vats.get(f"v{number}")
        why = one_line((vat.reason if vat is not None else "") or "no reason is known", 200)
        if not self.has_vat():
            words = (
                "with it all sessions and all that was shared: go back in time to before it, or make another"
            )
            raise NetError(f"the vat net of this world was terminated ({why}), {words} world")
        if vat is not None and vat.state == SUSPENDED and not looking:
            words = "nothing can be shared or fetched before it is resumed, as by `world.vats.resume('net')`"
            raise NetError(f"the vat net of this world is suspended ({why}): {words}")

    def secrets(self) -> Secrets:
        """The secrets of the world, read or made when they are first needed."""
        if self._secrets is None:
            self._secrets = Secrets.of(self._opened.world.path)
        return self._secrets

    def known_secrets(self) -> Secrets | None:
        """The secrets of the world, or None if it has none: nothing is made by looking."""
        if self._secrets is None and not Secrets.are_at(self._opened.world.path):
            return None
        return self.secrets()

    def begin(self) -> Wires:
        """Have the device, and a life of the wire."""
        if self._wires is None:
            self.is_copy = self.has_vat() and self.known_secrets() is None
            self.secrets()  # if they cannot be read, nothing has begun
            self.meters = Meters(self.peer_of)
            self._wires = Wires(self.secrets, self.inbox, refused=self._refused, stirred=self._tending.stir)
            self._device = WireDevice(self.secrets, self._wires.peer_of, self.newest)
            self._opened.committing.append(self._keep)
            self._opened.committed.append(self._flush)
            self._opened.watching.append(self._watch)
            self._opened.starting.append(self._ready)
            self._opened.ending.append(self.close)
            self._own.install(self._device, NAME)
            self._stale = True
        if self._stale:
            self._live(self._wires)
        return self._wires

    def _live(self, wires: Wires) -> None:
        """Begin a life of the wire."""
        self._stale = False
        self.use(None)
        wires.drop_all()
        self._waiting.clear()
        self._begun.clear()
        wires.life, self._sent = secrets.token_hex(8), 0
        with self._kernel.request("visit-device", name=NAME):
            state = self._state()
            for key in [key for key in state if key.startswith(OUT)]:
                del state[key]
            state["life"], state["written"] = wires.life, 0
        if self.has_vat() and self._has_sessions():
            self.tell("lost", [self.secrets().designators()])
        self._tending.due = True
        self._opened.keep("a life of the wire begins")

    def _has_sessions(self) -> bool:
        vat, store = self._kernel.vat(NET).id, self._kernel.store.vatstore
        known = ("net.s.", "net.r.", "net.carrier.")
        return any((store.next_key(vat, prefix) or "").startswith(prefix) for prefix in known)

    def _move(self) -> None:
        """The world has gone back in time: what was said over the wire since is not true any more."""
        self._stale = self._wires is not None
        secrets = self.known_secrets()
        if secrets is not None:
            secrets.begin_life()

    def _ready(self) -> None:
        """Before a run: what a vat sends must not go into a connection of another life."""
        if self._stale and self._wires is not None:
            self._live(self._wires)

    def serves(self) -> bool:
        """Whether what comes in can be delivered; else it waits where it is bounded."""
        paused = bool(self._kernel.store.counters.get("paused"))
        return not paused and self.has_vat() and self._kernel.vat(NET).state == LIVE

    def tell(self, method: str, args: list[Any]) -> None:
        """Queue an input of the service vat."""
        self._kernel.queue_one_way(self._kernel.root_of(NET), write([method, args]))

    def pump(self, seconds: float) -> bool:
        """Deliver what came in, here and beside, run, commit and send; returns whether anything was done."""
        done = [each.pump(seconds) for each in self.beside]
        return self._pump(seconds) or any(done)

    def _pump(self, seconds: float) -> bool:
        if self._wires is None or self._pumping:
            return False
        self.begin()
        self._end_with_vat(self._wires)
        if self.serves():
            self._make_room()
            self._tending.tend(self._wires)
        if not self.serves() or not (self.inbox or self._due()):
            return False
        self._pumping = True
        try:
            until = time.monotonic() + seconds
            while True:
                taken = self._take() if self.serves() else 0
                left = until - time.monotonic()
                if self._due():
                    self._forget_sent()  # not before: what comes and is thrown away changes no world
                    Running(self._opened).run(policies.seconds(max(left, 0.001)), None)
                if left <= 0 or not (taken or self._due()):
                    break
            self._opened.commit("what came in")
        finally:
            self._pumping = False
        self._end_with_vat(self._wires)
        return True

    def _end_with_vat(self, wires: Wires) -> None:
        """Raise `NetError`, with all connections closed, if the service vat was terminated."""
        try:
            self.check(looking=True)
        except NetError:
            wires.close()
            self.inbox.clear()
            raise

    def _take(self) -> int:
        """Queue some of what came in; returns how much was taken.

        What came over a connection whose session has ended is thrown away.
        """
        count: Counter[str] = Counter()
        while count.total() < AT_ONCE and (taken := self.inbox.take()) is not None:
            method, args = taken
            name = str(args[0])
            count[name] += 1
            self._tending.due = True
            if method == "opened" or (method == "visit" and args[2] is None):
                self._waiting.add(name)
            gone = name in self._begun and self._state_of(name) is None
            if not name:
                gone = not self._tending.wants(method)
            if method == "closed":
                self._waiting.discard(name)
                self._begun.discard(name)
            if not gone:
                self.tell(method, args if name else args[1:])
            if count[name] >= FROM_ONE:
                break
        return count.total()

    def _state_of(self, connection: str) -> str | None:
        """The state of what a connection carries: `linked` if that is a link. None if nothing is left."""
        row = self.row(f"s.{connection}")
        if row is not None:
            return str(row.get("state"))
        return None if self.row(f"carrier.{connection}") is None else "linked"

    def row(self, key: str) -> dict[str, Any] | None:
        """A row of the service vat; None if there is none, or it is not what the vat writes."""
        text = self._kernel.store.vatstore.get(self._kernel.vat(NET).id, f"net.{key}")
        with contextlib.suppress(Unreadable):
            row = None if text is None else read_json(text)
            return row if isinstance(row, dict) else None
        return None

    def links(self) -> list[str]:
        """The names of the links of this world."""
        return list(self.below("net.link."))

    def later(self) -> dict[str, str]:
        """The peers that something from a link waits for, each with its location."""
        store, vat, prefix = self._kernel.store.vatstore, self._kernel.vat(NET).id, "net.later."
        found = {}
        for peer in self.below(prefix):
            with contextlib.suppress(Unreadable, LookupError, TypeError):
                found[peer] = str(read_json(store.get(vat, prefix + peer) or "")[0])
        return found

    def below(self, prefix: str) -> Iterator[str]:
        """What follows a prefix in the keys of the service vat's rows; each is looked up when asked for."""
        store, vat = self._kernel.store.vatstore, self._kernel.vat(NET).id
        key = store.next_key(vat, prefix)
        while key is not None and key.startswith(prefix):
            yield key.removeprefix(prefix)
            key = store.next_key(vat, key)

    def _watch(self, report: CrankReport) -> None:
        """What the vat could not take ends its session: else it would be lost in silence, or come again."""
        event = report.event
        if not isinstance(event, Send) or not self.has_vat():
            return
        if event.target != self._kernel.root_of(NET):
            return
        self._tending.due = True  # what was taken from the inbox may run in a later slice, or in a cell
        method, args = read(event.message.methargs)[:2]
        if method == "received" and self.meters is not None:
            size, spent = len(args[1]), report.computrons or 0
            why = self.meters.count(str(args[0]), size, spent, self.limits())
            if why is not None:
                self.tell("failed", [args[0], why])
                return
        if report.outcome != "refused":
            return
        if method in ("opened", "received", "visit"):
            why = one_line(str(report.fault or "the vat net failed over it"), 150)
            self.tell("failed", [args[0], f"this side could not take a message: {why}"])

    def _admit(self, wires: Wires) -> None:
        """Have read on from the connections whose sessions have begun."""
        if not self._waiting or not self.has_vat():
            return
        for name in sorted(self._waiting):
            if self._state_of(name) in ("live", "linked"):
                self._waiting.discard(name)
                self._begun.add(name)
                wires.admit(name)

    def _refused(self, connection: str, why: str) -> None:
        """A stranger was sent away before the vat knew of it; on the thread of the sockets."""
        about = {"event": "refused", "connection": connection, "peer": "", "code": ""}
        said = {**about, "why": one_line(why, 300)}
        self.log.append(said)

    def _due(self) -> bool:
        return self.serves() and self._kernel.cranks.has_work(clean_up=False)

    def waits(self) -> bool:
        """Whether something that waits for a peer, or beside, may still be answered."""
        return self._waits() or any(each.waits() for each in self.beside)

    def _waits(self) -> bool:
        if self._wires is None or self._stale or not self.serves():
            return False
        if self.inbox or (self._device is not None and self._device.wrote):
            return True
        decided = self._kernel.store.promises.decided_by(self._kernel.vat(NET).id)
        dials = self._wires.open or self._wires.redialling or self._tending.due
        return bool(dials and list(decided))

    def _keep(self) -> None:
        """Before a commit: what it has used of the secrets is in their file first."""
        if self._secrets is not None:
            self._secrets.save_changes()

    def _flush(self) -> None:
        """After a commit: send what it made true."""
        device, wires = self._device, self._wires
        if device is None or wires is None or self._stale:
            return
        self._admit(wires)
        if not device.wrote:
            return
        device.wrote, self._tending.due = False, True
        for key, said in self._written():
            if _number(key) > self._sent:
                self._sent = _number(key)
                self._send(wires, said)
        wires.go()

    def limits(self) -> Limits:
        """What other worlds may use: as was asked for last, or as the service vat has it."""
        if self._limits is None:
            self._limits = looking(self._opened).limits() if self.has_vat() else Limits()
        return self._limits

    def use(self, limits: Limits | None) -> None:
        """Hold peers to these limits from now on; None to ask the service vat again."""
        self._limits = limits
        found = self.limits()
        if self._wires is not None:
            self._wires.limits = found
            self.secrets().most_foreign = found.foreign

    def peer_of(self, connection: str) -> str:
        """The proved peer of a connection, or an empty text."""
        return "" if self._wires is None else self._wires.peer_of(connection)

    def _make_room(self) -> None:
        """Forget swissnums of other worlds that nothing refers to, if much of their room is used."""
        kept = self.secrets()
        if self._forgetting.due(kept) and not self._due():
            self._forgetting.forget(kept, self._opened.world, self._kernel.vat(NET).id, self.inbox)

    def newest(self, designator: str) -> str:
        """The designator of the key that has succeeded a key in the end, as the service vat knows it."""
        return looking(self._opened).newest(designator) if self.has_vat() else designator

    def renew(self) -> None:
        """Begin another life of the wire before anything else is done: all connections were closed."""
        self._stale = True
        if self._wires is not None:
            self._wires.here.clear()

    def _state(self) -> DeviceState:
        return DeviceCall(self._kernel, self._kernel.devices.context(NAME)).state

    def _written(self) -> list[tuple[str, list[Any]]]:
        state = self._state()
        return [(key, state[key]) for key in state if key.startswith(OUT)]

    def _send(self, wires: Wires, said: list[Any]) -> None:
        verb, connection, *more = said
        if verb == "connect":
            wires.connect(connection, more[0])
        elif verb == "send":
            wires.send(connection, self._filled(more[0], more[1]))
        elif verb == "close":
            self._waiting.discard(connection)
            wires.send(connection, None)
        else:
            self.log.append({name: one_line(text, 300) for name, text in more[0].items()})

    def _filled(self, data: bytes, places: list[Any]) -> bytes:
        """A message with the secrets in it that it is to have."""
        for offset, handle in places:
            secret = self.secrets().foreign.get(handle, b"")
            data = data[:offset] + secret + data[offset + len(secret) :]
        return data

    def _forget_sent(self) -> None:
        keys = [key for key in self._state() if key.startswith(OUT) and _number(key) <= self._sent]
        if keys:
            with self._kernel.request("visit-device", name=NAME):
                state = self._state()
                for key in keys:
                    del state[key]

    def close(self) -> None:
        """Close all connections, and listen no more."""
        if self._wires is not None:
            self._wires.close()


def _number(key: str) -> int:
    return int(key.removeprefix(OUT))
