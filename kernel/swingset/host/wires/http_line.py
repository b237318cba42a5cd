"""HTTP of an open world: from its device to the thread with the sockets, and back.

What comes in waits, bounded, until the world's own thread calls `pump`: then it is written in a visit to the
device, in the journal before a vat acts on it. What goes out stands in the device's state until the commit
that makes it true.

From one opening of the world, or going back in time, to the next is one life. When one begins, requests that
may be repeated are sent again, all others are rejected as `outcome-unknown`, and WebSockets are gone.
A fork has no life, so nothing of it is sent.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swingset.host.base import policies
from swingset.host.base.opened import Opened
from swingset.host.base.running import Running
from swingset.host.base.starting import service_counter
from swingset.host.controls.own_devices import DeviceCall, Served
from swingset.host.wires import http_inputs as inputs
from swingset.host.wires.http_device import ASK, CONN, NAME, OUT, HttpDevice
from swingset.host.wires.http_io import Exchange
from swingset.host.wires.http_sites import response_of
from swingset.host.wires.wire_inbox import Inbox
from swingset.world.vats import LIVE, TERMINATED

AT_ONCE = 50
"""How many inputs are written in one visit."""


class HttpLine:
    """HTTP of one open world."""

    def __init__(self, opened: Opened, beside: Inbox) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self.inbox = Inbox(beside)
        self.exchange = Exchange(self.inbox)
        self._device = HttpDevice()
        self._begun = False
        self._stale = True
        self._sent = 0
        self._pumping = False
        opened.kernel.devices.install(Served(self._device, opened.kernel))

    def has_vat(self) -> bool:
        """Whether the world has the service vat."""
        number = self._kernel.store.counters.get(service_counter(NAME))
        vat = self._kernel.store.vats.get(f"v{number}") if number else None
        return vat is not None and vat.state != TERMINATED

    def begin(self) -> None:
        """Have a life of the device; the world has the device."""
        if not self._begun:
            self._begun = True
            self._opened.committed.append(self._flush)
            self._opened.moved.append(self._move)
            self._opened.starting.append(self._ready)
            self._opened.ending.append(self.close)
        if self._stale:
            self._live()

    def _live(self) -> None:
        self._stale = False
        self.exchange.begin(secrets.token_hex(8))
        self.inbox.clear()
        self._sent = 0
        with self._visit() as call:
            again = inputs.begin(call)
            call.state["written"] = 0
            sites = inputs.prefixes(call)
            rows = {number: call.state[ASK + number] for number in again}
        self.exchange.serve(sites)
        for number, row in rows.items():
            self.exchange.ask(number, row)
        self._opened.keep("a life of HTTP begins")

    def _move(self) -> None:
        """The world has gone back in time."""
        self._stale = True

    def _ready(self) -> None:
        if self._stale and self._kernel.store.devices.named(NAME) is not None:
            self._live()

    @contextmanager
    def _visit(self) -> Iterator[DeviceCall]:
        with self._kernel.request("visit-device", name=NAME):
            yield self._call()

    def _call(self) -> DeviceCall:
        return DeviceCall(self._kernel, self._kernel.devices.context(NAME))

    def reading(self) -> DeviceCall | None:
        """The state of the device, to be read; None if the world has none."""
        return None if self._kernel.store.devices.named(NAME) is None else self._call()

    def _serves(self) -> bool:
        paused = bool(self._kernel.store.counters.get("paused"))
        return not paused and self.has_vat() and self._kernel.vat(NAME).state == LIVE

    def _due(self) -> bool:
        return self._serves() and self._kernel.cranks.has_work(clean_up=False)

    def waits(self) -> bool:
        """Whether an answer or a message may still come."""
        if not self._begun or self._stale or not self._serves():
            return False
        return bool(self.inbox) or self._device.wrote or self.exchange.open > 0

    def pump(self, seconds: float) -> bool:
        """Write what came in, run the world, commit and send; returns whether anything was done."""
        if not self._begun or self._pumping:
            return False
        self._ready()
        if not self._serves() or not (self.inbox or self._due()):
            return False
        self._pumping = True
        try:
            until = time.monotonic() + seconds
            while True:
                taken = self._take()
                left = until - time.monotonic()
                if self._due():
                    Running(self._opened).run(policies.seconds(max(left, 0.001)), None)
                if left <= 0 or not (taken or self._due()):
                    break
            self._opened.commit("what came in by HTTP")
        finally:
            self._pumping = False
        return True

    def _take(self) -> int:
        """Write some of what came in; returns how much."""
        if not self._serves() or not self.inbox:
            return 0
        count = 0
        with self._visit() as call:
            for key in [key for key in call.state if key.startswith(OUT)]:
                if _number(key) <= self._sent:
                    del call.state[key]
            while count < AT_ONCE and (taken := self.inbox.take()) is not None:
                self._input(call, *taken)
                count += 1
        return count

    def _input(self, call: DeviceCall, method: str, args: list[Any]) -> None:
        if method == "requested":
            if not inputs.requested(call, *args):
                self.exchange.reply(args[0], 404)
        elif method == "knocked":
            name, prefix, request = args
            if not inputs.knocked(call, name, prefix, request, self._device):
                self.exchange.reply(args[0], 503)
        else:
            inputs.INPUTS[method](call, *args)

    def _flush(self) -> None:
        """After a commit: send what it made true."""
        if self._stale or not self._device.wrote:
            return
        self._device.wrote = False
        call = self._call()
        state = call.state
        for key in [key for key in state if key.startswith(OUT)]:
            if _number(key) > self._sent:
                self._sent = _number(key)
                self._send(call, state, *state[key])

    def _send(self, call: DeviceCall, state: Mapping[str, Any], verb: str, name: str, *more: Any) -> None:
        match verb:
            case "ask":
                if (row := state.get(ASK + name)) is not None:
                    self.exchange.ask(name, row)
            case "connect":
                if (row := state.get(CONN + name)) is not None:
                    self.exchange.connect(name, row["wanted"])
            case "say":
                self.exchange.say(name, more[0])
            case "hang-up":
                self.exchange.say(name, (more[0], more[1]))
            case "reply":
                self.exchange.reply(name, response_of(more[0]))
            case "admit":
                self.exchange.reply(name, None)
            case "site":
                self.exchange.serve(inputs.prefixes(call))

    def withdraw(self, prefix: str) -> bool:
        """Serve a prefix no more; returns whether it was served."""
        with self._visit() as call:
            found = inputs.withdrawn(call, prefix)
            sites = inputs.prefixes(call)
        self._opened.keep("withdrew a site")
        self.exchange.serve(sites)
        return found

    def close(self) -> None:
        """End everything that is open, and listen no more."""
        self.exchange.close()


def _number(key: str) -> int:
    return int(key.removeprefix(OUT))
