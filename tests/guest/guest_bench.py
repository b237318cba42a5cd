"""A kernel small enough to see through: it records the syscalls of one vat and makes its deliveries.

The vat runs on one of two engines, whichever the fixture `engine` has chosen: in this interpreter ("host"),
or confined, in a worker as worlds have them ("wasm"). A test that says `usefixtures("engine")` runs on both,
and sees no difference: the same deliveries bring the same syscalls, stored keys, answers and words.

Some tests cannot be had in both. `host_only` marks those that look into the vat's own objects, take syscalls
from it or end them by exceptions of the host, give it no code at all, as a notebook's vat has none, show
functions without any vat, or show a rule in hundreds of random histories, some of which a test beside it
repeats in the engine. `wasm_only` marks those repetitions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from swingset.guest.liveslots import Liveslots
from swingset.model.limits import Limits
from swingset.model.syscalls import Malformed, Syscall, read
from swingset.workers.base import VatSpec
from swingset.workers.wasm import WasmWorker, prepare_engine
from tests.guest.protocol import Protocol

ROOT = "o+0"
ENGINES = ("host", "wasm")

host_only = pytest.mark.parametrize("engine", ["host"], indirect=True)
wasm_only = pytest.mark.parametrize("engine", ["wasm"], indirect=True)

_LIMITS = Limits()
_chosen = "host"
_running: list[WasmVat] = []
_tuning: list[str] = []
_made: list[list[Bench]] = []


@contextmanager
def running_on(engine: str) -> Iterator[None]:
    """Have every bench in the body run its vat on this engine; their workers are closed at its end."""
    global _chosen
    before, _chosen = _chosen, engine
    try:
        yield
    finally:
        _chosen = before
        close_vats()


def close_vats() -> None:
    """Free the memory of all confined vats: for tests that make hundreds."""
    while _running:
        _running.pop().worker.close()


@contextmanager
def tuned(module: str, **values: int) -> Iterator[None]:
    """Give budgets in a module of the guest library other values, for vats that start in the body."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setattr(import_module(f"swingset.guest.{module}"), name, value)
            _tuning.append(f"import swingset.guest.{module}; swingset.guest.{module}.{name} = {value}")
        try:
            yield
        finally:
            del _tuning[-len(values) :]


@contextmanager
def made_in() -> Iterator[list[Bench]]:
    """All benches that are made in the body."""
    _made.append([])
    try:
        yield _made[-1]
    finally:
        _made.pop()


def capdata(value: Any, *slots: str) -> dict[str, Any]:
    """A body from its JSON tree."""
    return {"body": "#" + json.dumps(value, separators=(",", ":")), "slots": list(slots)}


class WasmVat:
    """One incarnation in a confined worker, spoken to as `Liveslots` is."""

    def __init__(self, bench: Bench, spec: VatSpec) -> None:
        self.bench = bench
        self.incarnation = spec.incarnation
        self.worker: WasmWorker = prepare_engine().start(spec)
        _running.append(self)

    def _serve(self, call: Syscall) -> list[Any]:
        return ["ok", self.bench.syscall(call.raw)]

    def deliver(self, delivery: list[Any]) -> dict[str, Any]:
        """What the worker makes of a delivery, in the words of `Liveslots`."""
        self.bench.protocol.delivered(delivery)
        result = self.worker.deliver(delivery, self._serve, _LIMITS)
        for stream, text in result.console:
            if stream == "stderr":
                self.bench.unhandled += text.splitlines()
        self.bench.keep_the_law()
        fault = result.fault
        if fault is None:
            return {"status": "ok"}
        error: dict[str, Any] = {"name": fault.name, "message": fault.message}
        error["trace"] = [list(frame) for frame in fault.trace]
        if fault.details:
            error["details"] = fault.details
        return {"status": "error", "error": error}


class HostVat(Liveslots):
    """One incarnation in this interpreter."""

    bench: Bench

    def deliver(self, delivery: list[Any]) -> dict[str, Any]:
        """Serve one delivery."""
        self.bench.protocol.delivered(delivery)
        result = super().deliver(delivery)
        self.bench.keep_the_law()
        return result


class Bench:
    """One vat over a dict, with everything it asked for."""

    def __init__(
        self,
        source: str = "",
        *,
        parts: list[list[str]] | None = None,
        store: dict[str, str] | None = None,
        incarnation: int = 0,
        protocol: Protocol | None = None,
    ) -> None:
        self.protocol = protocol or Protocol()
        self.store: dict[str, str] = {} if store is None else store
        self.log: list[Any] = []
        self.calls: list[Any] = []
        self.everything: list[Any] = []
        self.unhandled: list[str] = []
        self.next_promise = 60
        for made in _made:
            made.append(self)
        self.vat: Any = self._vat(parts or ([["bank", source]] if source else None), incarnation)

    def _vat(self, parts: list[list[str]] | None, incarnation: int) -> Any:
        if _chosen == "wasm":
            assert parts is not None, "a confined vat has code: mark the test host_only"
            tuning = [("tuning", line) for line in _tuning]
            spec = VatSpec("v1", "bank", incarnation, (*tuning, *((name, text) for name, text in parts)))
            return WasmVat(self, spec)
        made = HostVat(self.syscall, vat_name="bank", incarnation=incarnation, parts=parts)
        made.bench = self
        made.on_unhandled = self.unhandled.append
        return made

    def syscall(self, call: list[Any]) -> Any:
        # As the door does: what it would not let through is a mistake on any engine.
        assert not isinstance(read(call).asked, Malformed), call
        self.everything.append(call)
        self.protocol.said(call)
        name = call[0]
        if name == "vatstoreGet":
            return self.store.get(call[1])
        if name == "vatstoreSet":
            self.store[call[1]] = call[2]
        elif name == "vatstoreDelete":
            self.store.pop(call[1], None)
        elif name == "vatstoreGetNextKey":
            return min((key for key in self.store if key > call[1]), default=None)
        else:
            self.calls.append(json.loads(json.dumps(call)))
        return None

    def keep_the_law(self) -> None:
        """Fail where the kernel would end the vat for what it has said."""
        assert not self.protocol.broken, self.protocol.broken

    def take(self) -> list[Any]:
        """The syscalls other than the store's since the last look."""
        calls, self.calls = self.calls, []
        return calls

    def reap(self) -> dict[str, list[str]]:
        """Have the dead brought out; what the kernel was told of it."""
        self.take()
        assert self.vat.deliver(["bringOutYourDead"]) == {"status": "ok"}
        return dict(self.take())

    def start(self, parameters: Any = None, *slots: str) -> dict[str, Any]:
        return self.vat.deliver(["startVat", capdata(parameters, *slots)])

    def up(self, parameters: Any = None) -> Bench:
        """Start, and be sure that it did."""
        result = self.start(parameters)
        assert result == {"status": "ok"}, result
        return self

    def upgrade(self, source: str) -> Bench:
        """The next incarnation over the same store, not yet started."""
        return Bench(
            source,
            store=self.store,
            incarnation=self.vat.incarnation + 1,
            protocol=self.protocol.upgraded(),
        )

    def send(
        self,
        method: str,
        *args: Any,
        target: str = ROOT,
        slots: tuple[str, ...] = (),
        kwargs: dict[str, Any] | None = None,
        result: str | None = "",
    ) -> str | None:
        """Deliver a message whose arguments are given as JSON trees; the name of its result promise."""
        if result == "":
            result = f"p-{self.next_promise}"
            self.next_promise += 1
        call = [method, list(args)] + ([kwargs] if kwargs else [])
        answer = self.vat.deliver(["message", target, {"methargs": capdata(call, *slots), "result": result}])
        assert answer == {"status": "ok"}, answer
        return result

    def notify(self, *resolutions: tuple[str, bool, dict[str, Any]]) -> None:
        batch = [[vpid, {"rejected": rejected, "data": data}] for vpid, rejected, data in resolutions]
        answer = self.vat.deliver(["notify", batch])
        assert answer == {"status": "ok"}, answer

    def ask(self, method: str, *args: Any, **more: Any) -> Any:
        """Deliver a message that is answered at once; the JSON tree of its answer."""
        result = self.send(method, *args, **more)
        settled = {entry[0]: entry for call in self.take() if call[0] == "resolve" for entry in call[1]}
        return json.loads(settled[result][2]["body"][1:])
