"""The door between the wasm guest and its host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.guest import supervisor
from tests.guest.guest_bench import capdata

SOURCE = """
from swingset.vat import E, durable, remotable

@durable
class Purse:
    n: int = 0
    def add(self, x: int):
        E.send_only(self).noop()
        self.n += x
        return self.n
    def noop(self): pass

@remotable
class Root:
    def open(self): return Purse()

def build_root_object():
    return Root()
"""


class Host:
    """The host's end of the door."""

    def __init__(self) -> None:
        self.store: dict[str, str] = {}
        self.delivery: dict[str, Any] = {}
        self.batches: list[list[Any]] = []
        self.result: dict[str, Any] = {}
        self.refuse = ""

    def call(self, request: bytes) -> bytes:
        """Serve one request."""
        kind, text = request[:1], request[1:].decode()
        if kind == b"G":
            return b"J" + json.dumps(self.delivery).encode()
        if kind == b"R":
            self.result = json.loads(text)
            return b""
        batch = json.loads(text)
        if kind == b"F":
            self.result = {"status": "ok"}
            if not batch:
                return b""
        self.batches.append(batch)
        value = None
        for call in batch:
            if call[0] == self.refuse:
                return json.dumps(["error", "refused"]).encode()
            value = self.serve(call)
        return json.dumps(["ok", value]).encode()

    def serve(self, call: list[Any]) -> Any:
        """One syscall."""
        if call[0] == "vatstoreGet":
            return self.store.get(call[1])
        if call[0] == "vatstoreSet":
            self.store[call[1]] = call[2]
        if call[0] == "vatstoreGetNextKey":
            return min((key for key in self.store if key > call[1]), default=None)
        return None

    def deliver(self, *delivery: Any, vat: Any = None) -> dict[str, Any]:
        """One turn."""
        self.delivery = {"delivery": list(delivery), "vat": vat}
        self.batches.clear()
        supervisor.turn()
        return self.result

    def start(self, source: str = SOURCE) -> dict[str, Any]:
        """The first turn."""
        vat = {"name": "bank", "incarnation": 0, "parts": [["bank", source]]}
        return self.deliver("startVat", capdata(None), vat=vat)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(supervisor, "_call", host.call, raising=False)  # it is there in the engine only
    monkeypatch.setattr(supervisor, "_vat", None)
    return host


def test_deliveries_through_the_door(host: Host) -> None:
    """A vat starts, serves and keeps its state between turns."""
    assert host.start() == {"status": "ok"}
    message = {"methargs": capdata(["open", []]), "result": "p-60"}
    assert host.deliver("message", "o+0", message) == {"status": "ok"}
    message = {"methargs": capdata(["add", [5]]), "result": "p-61"}
    assert host.deliver("message", "o+d10/1", message) == {"status": "ok"}
    assert json.loads(host.store["vom.o+d10/1"])["n"]["body"] == "#5"


def test_silent_syscalls_cross_together(host: Host) -> None:
    """Only a syscall that returns something crosses at once; the others wait for it, in order."""
    host.start()
    host.deliver("message", "o+0", {"methargs": capdata(["open", []]), "result": "p-60"})
    host.deliver("message", "o+d10/1", {"methargs": capdata(["add", [5]]), "result": "p-61"})
    assert [[call[0] for call in batch] for batch in host.batches] == [
        ["vatstoreGet"],
        ["resolve", "vatstoreSet"],
    ]


def test_refused_syscall_is_an_error_result(host: Host) -> None:
    """A refusal that the host answers a syscall with is reported as the result of the delivery."""
    host.start()
    host.deliver("message", "o+0", {"methargs": capdata(["open", []]), "result": "p-60"})
    host.refuse = "vatstoreGet"
    result = host.deliver("message", "o+d10/1", {"methargs": capdata(["add", [5]]), "result": "p-61"})
    assert result["status"] == "error"
    assert result["error"] == {
        "name": "SyscallError",
        "message": "refused",
        "trace": [["bank", 9, "Purse.add"]],
    }


def test_everything_ends_in_a_result(host: Host) -> None:
    """Without a vat, with nonsense, with code that does not compile: the host gets a result."""
    assert host.deliver("bringOutYourDead")["error"]["message"].startswith("this worker has no vat")
    assert host.start("def f(:")["error"]["name"] == "SyntaxError"
    assert host.deliver()["status"] == "error"
