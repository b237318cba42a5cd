"""Words that a vat chose, in every place where the kernel quotes them: none of them can stop the world."""

from __future__ import annotations

import json
import time

import pytest

from swingset.core.errors import VatFault
from swingset.guest.base.errors import RemoteError
from swingset.model.capdata import ifaces_of
from tests.staging import Stage

VICTIM = """
from swingset.vat import remotable

@remotable
class Victim:
    def ping(self):
        return "pong"

def build_root_object():
    return Victim()
"""

HOSTILE = """
import _host, json
import swingset.guest.supervisor as supervisor
from swingset.vat import remotable

def knock(frame):
    return _host.call(frame)

def last(frame):
    knock(frame)
    supervisor._call = lambda request: b""

def syscall(*call):
    knock(b"S" + json.dumps([list(call)]).encode())

def send(target, body, *slots):
    syscall("send", target, {"methargs": {"body": body, "slots": list(slots)}, "result": "p+9001"})

@remotable
class Hostile:
    def ping(self):
        return "pong"

    def attack(self, victim):
        ATTACK

START

def build_root_object():
    return Hostile()
"""

DEEP = "#" + "[" * 500_000 + "]" * 500_000
SURROGATE = '#["\\ud800",[]]'
LONG = '#["' + "m" * 9_000_000 + '",[]]'
LAST_WORDS = {
    "name": "X\ud800",
    "message": "m\ud800",
    "trace": [["\ud800", 1, "f\ud800"], ["p", 10**3000, "g"], ["p", -1, "g"]],
}
FRAME = b"R" + json.dumps({"status": "error", "error": LAST_WORDS}).encode()


def hostile(attack: str = "pass", start: str = "") -> str:
    return HOSTILE.replace("ATTACK", attack).replace("START", start)


@pytest.mark.parametrize("body", [SURROGATE, DEEP, LONG], ids=["surrogate", "deep", "long"])
@pytest.mark.parametrize("target", ["data", "victim"])
def test_method_names(wasm: Stage, body: str, target: str) -> None:
    """A message whose method is half a surrogate pair, too deep or too long does not stop the world."""
    if target == "data":
        send = 'send("p+9000", BODY); syscall("resolve", [["p+9000", False, {"body": "#1", "slots": []}]])'
    else:
        send = 'send("o-50", BODY)'
    victim = wasm.define("victim", VICTIM)
    bad = wasm.define("bad", hostile(send.replace("BODY", repr(body))))
    assert wasm.ask(bad, "attack", victim) is None
    assert wasm.ask(bad, "ping") == wasm.ask(victim, "ping") == "pong"


def test_reported_lines(wasm: Stage) -> None:
    """An error whose lines and functions no file can hold is told as far as it can be."""
    victim, bad = wasm.define("victim", VICTIM), wasm.define("bad", hostile(f"last({FRAME!r})"))
    with pytest.raises(RemoteError, match=r"attack\(\): m\?") as caught:
        wasm.ask(bad, "attack", victim)
    assert [tuple(frame) for frame in caught.value.trace] == [("?", 1, "f?")]
    assert wasm.ask(bad, "ping") == wasm.ask(victim, "ping") == "pong"


def test_reported_lines_at_the_start(wasm: Stage) -> None:
    """A vat that forges such an error when it starts is refused as a new vat and as an upgrade."""
    source = hostile(start=f"last({FRAME!r})")
    with pytest.raises(VatFault, match=r"m\?"):
        wasm.define("bad", source)
    bad = wasm.define("bad", hostile())
    with pytest.raises(VatFault, match=r"m\?"):
        wasm.upgrade("bad", source)
    assert wasm.ask(bad, "ping") == "pong"


@pytest.mark.parametrize("failed", [True, False])
def test_last_words(wasm: Stage, failed: bool) -> None:
    """A vat that ends with megabytes of words leaves a short reason, and its objects a short fate."""
    exits = f'syscall("exit", {failed}, {{"body": "x" * 9_999_999, "slots": []}})'
    victim, bad = wasm.define("victim", VICTIM), wasm.define("bad", hostile(exits))
    result = wasm.send(bad, "attack", victim)
    wasm.session.settle()
    with pytest.raises(RemoteError) as caught:
        wasm.ask(bad, "ping")
    assert len(str(caught.value)) < 3_000
    world = wasm.controller.world
    for query in ("SELECT max(length(reason)) FROM vats", "SELECT max(length(fate)) FROM objects"):
        (longest,) = world.row(query) or (0,)
        assert longest < 3_000
    assert result.status != "pending"
    assert wasm.ask(victim, "ping") == "pong"


def test_many_new_names_in_a_long_body() -> None:
    """What a body calls its objects is found in one pass over it, however many there are."""
    body = '#["' + "x" * 9_000_000 + '","$3.Alleged: Purse","$4","$3.other"]'
    begun = time.perf_counter()
    assert ifaces_of(body) == {3: "Purse"}
    assert time.perf_counter() - begun < 5
