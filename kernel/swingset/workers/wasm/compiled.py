"""The compiled interpreter: what guests are made from, on one engine."""

from __future__ import annotations

from typing import NamedTuple

import wasmtime

from swingset.workers.wasm.door import Surroundings
from swingset.workers.wasm.native import Guest, HostFunctions
from swingset.workers.wasm.ticker import Ticker


class Compiled(NamedTuple):
    """The interpreter compiled for an engine, with what it imports, and the ticker of its guests."""

    engine: wasmtime.Engine
    instances: wasmtime.InstancePre
    functions: HostFunctions
    ticker: Ticker

    def guest(self, host: Surroundings) -> Guest:
        """Make a guest with these surroundings."""
        guest = Guest(self.engine, self.instances, host)
        guest.calls = self.functions
        host.guest = guest
        return guest
