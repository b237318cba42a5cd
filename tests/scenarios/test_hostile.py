"""Hostile cells, in every place where a cell can run: what it is told, and that nobody else notices.

Each attack is tried in a method, in an async method after an await, in `build_root_object` and in an
upgrade. The line that the error has to name is the one marked `# here`.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.host.sessions.pending import StillPending
from swingset.world.schema import STATE_TABLES
from tests.staging import Stage

CELL = """
from swingset.vat import E, durable, remotable

def attack(spy=None):
ATTACK

@remotable
class Root:
    def ping(self):
        return "pong"

    def method(self, spy):
        return attack(spy)

    async def later(self, spy):
        await E(spy).ping()
        return attack(spy)

def build_root_object():
    BUILD
    return Root()
"""

HARMLESS = CELL.replace("ATTACK", "    pass").replace("BUILD", "pass")
OPTIONS = {"computrons": 300_000_000}


@dataclass(frozen=True)
class Attack:
    """One hostile piece of code. Its exception, the kernel's code, and words of the message."""

    title: str
    code: str | None
    name: str
    words: str
    source: str

    @property
    def body(self) -> str:
        return indent(dedent(self.source).strip("\n"), "    ")

    def cell(self, *, build: bool = False) -> str:
        return CELL.replace("ATTACK", self.body).replace("BUILD", "attack()" if build else "pass")

    @property
    def line(self) -> int | None:
        lines = self.cell().splitlines()
        return next((number for number, line in enumerate(lines, 1) if line.endswith("# here")), None)


def raises(title: str, name: str, words: str, source: str) -> Any:
    """An attack that Python itself answers with an exception, which rejects the promise."""
    return pytest.param(Attack(title, None, name, words, source), id=title)


def stopped(title: str, code: str, name: str, words: str, source: str) -> Any:
    """An attack that the engine or the kernel stops, undoing the crank."""
    return pytest.param(Attack(title, code, name, words, source), id=title)


RAISED = [
    raises("open", "FileNotFoundError", "/etc/passwd", "return open('/etc/passwd').read()  # here"),
    raises("listdir", "FileNotFoundError", "No such file", "import os\nos.listdir('/')  # here"),
    raises(
        "socket",
        "AttributeError",
        "getaddrinfo",
        "import socket\nsocket.create_connection(('127.0.0.1', 80))  # here",
    ),
    raises("fork", "AttributeError", "no attribute 'fork'", "import os\nos.fork()  # here"),
    raises("system", "AttributeError", "no attribute 'system'", "import os\nos.system('id')  # here"),
    raises("subprocess", "OSError", "", "import subprocess\nsubprocess.run(['id'])  # here"),
    raises("ctypes", "ModuleNotFoundError", "ctypes", "import ctypes  # here"),
    raises(
        "thread",
        "RuntimeError",
        "can't start new thread",
        "import threading\nthreading.Thread(target=print).start()  # here",
    ),
    raises("sleep", "RuntimeError", "a vat cannot sleep", "import time\ntime.sleep(1000)  # here"),
    raises("exit", "SystemExit", "3", "raise SystemExit(3)  # here"),
    raises("interrupt", "KeyboardInterrupt", "", "raise KeyboardInterrupt  # here"),
    raises("syntax", "SyntaxError", "invalid syntax", "return eval('1 +')  # here"),
    raises("recursion", "RecursionError", "recursion depth", "return attack()  # here"),
    raises(
        "memory",
        "MemoryError",
        "",
        "hoard = []\nwhile True:\n    hoard.append(bytearray(1 << 20))  # here",
    ),
]

HUGE_KEY = """
import _host
_host.call(b'S[["vatstoreSet","' + b'k' * 2000 + b'","v"]]')  # here
"""

STOPPED = [
    stopped(
        "loop",
        "out-of-computrons",
        "DeliveryStopped",
        "used up its computrons (300,000,000)",
        "while True: pass  # here",
    ),
    stopped(
        "loop in finally",
        "out-of-computrons",
        "DeliveryStopped",
        "used up its computrons",
        "try:\n    1 / 0\nfinally:\n    while True: pass  # here",
    ),
    stopped(
        "catches everything",
        "out-of-computrons",
        "DeliveryStopped",
        "used up its computrons",
        "while True:\n    try:\n        while True: pass  # here\n    except BaseException:\n        pass",
    ),
    stopped(
        "exit at once",
        "guest-crashed",
        "GuestExit",
        "exited with code 3",
        "import os\nos._exit(3)  # here",
    ),
    stopped("abort", "guest-crashed", "DeliveryStopped", "crashed", "import os\nos.abort()  # here"),
    stopped(
        "garbage",
        "protocol",
        "ProtocolBreach",
        "at the door, wanted D, F, G, R or S",
        "import _host\n_host.call(b'\\xff\\x00garbage')  # here",
    ),
    stopped(
        "garbage json",
        "protocol",
        "ProtocolBreach",
        "not JSON",
        "import _host\n_host.call(b'S' + b'[' * 100000)  # here",
    ),
    stopped(
        "unknown syscall",
        "protocol",
        "ProtocolBreach",
        "no syscall 'format'",
        "import _host\n_host.call(b'S[[\"format\"]]')  # here",
    ),
    stopped(
        "two deliveries",
        "protocol",
        "ProtocolBreach",
        "asked for twice",
        "import _host\n_host.call(b'D')  # here",
    ),
    stopped(
        "too much at the door",
        "protocol",
        "ProtocolBreach",
        "bytes at the door",
        "import _host\n_host.call(b'S' * (70 << 20))  # here",
    ),
]

KNOCK = """
import _host, json
_host.call(b"S" + json.dumps([SYSCALL]).encode())  # here
"""

FORGED = [
    ("guessed object", ["send", "o-51", {"methargs": {"body": '#["x",[]]', "slots": []}, "result": None}]),
    (
        "forged slot",
        ["send", "o+0", {"methargs": {"body": '#["x",["$0"]]', "slots": ["o-99"]}, "result": None}],
    ),
    ("kernel's own name", ["send", "ko20", {"methargs": {"body": '#["x",[]]', "slots": []}, "result": None}]),
    ("guessed promise", ["resolve", [["p-77", False, {"body": "#1", "slots": []}]]]),
    ("subscription", ["subscribe", "p-77"]),
    ("other's result", ["send", "o+0", {"methargs": {"body": '#["x",[]]', "slots": []}, "result": "p-60"}]),
    ("drops a stranger", ["dropImports", ["o-99"]]),
    ("retires a stranger", ["retireExports", ["o-99"]]),
    ("huge key", ["vatstoreSet", "k" * 2000, "v"]),
]


def state(stage: Stage) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the world's state, but for counters and for what the session itself was told."""
    me = stage.controller.kernel.vat("notebook").id
    tables = {}
    for name, key in STATE_TABLES:
        rows = stage.controller.world.rows(f"SELECT * FROM {name} ORDER BY {', '.join(key)}")
        tables[name] = [
            row
            for row in rows
            if name not in ("counters", "activity") and not (row[0] == me and name in HOUSEKEEPING)
        ]
    return tables


HOUSEKEEPING = ("spans", "reap", "vatstore")


def others_carry_on(stage: Stage, spy: Any) -> None:
    """The session, the kernel and another vat answer as ever."""
    assert stage.ask(spy, "ping") == "pong"
    again = stage.define("afterwards", HARMLESS)
    assert stage.ask(again, "ping") == "pong"
    stage.check()


def told_the_line(attack: Attack, trace: Any) -> None:
    """The error's trace ends in the marked line of the vat's own cell."""
    assert (trace[-1][0], trace[-1][1]) == ("bad", attack.line)


@pytest.mark.parametrize("attack", RAISED)
@pytest.mark.parametrize("method", ["method", "later"])
def test_exception(wasm: Stage, attack: Attack, method: str) -> None:
    """What the confined interpreter does not have or allow is an ordinary exception of the vat's."""
    spy, bad = wasm.define("spy", HARMLESS), wasm.define("bad", attack.cell())
    with pytest.raises(RemoteError) as caught:
        wasm.ask(bad, method, spy)
    assert caught.value.remote_name == attack.name
    assert attack.words in str(caught.value)
    told_the_line(attack, caught.value.trace)
    assert wasm.ask(bad, "ping") == "pong"
    others_carry_on(wasm, spy)


@pytest.mark.parametrize("attack", STOPPED)
def test_stopped_message(wasm: Stage, attack: Attack) -> None:
    """A message that had to be stopped is rejected, and leaves nothing behind but the rejection."""
    spy, bad = wasm.define("spy", HARMLESS), wasm.define("bad", attack.cell(), options=OPTIONS)
    wasm.ask(bad, "ping")
    before, heap = state(wasm), wasm.heap("bad")
    for _ in range(2):
        with pytest.raises(RemoteError) as caught:
            wasm.ask(bad, "method", spy)
        assert caught.value.code == attack.code
        assert caught.value.remote_name == attack.name
        assert str(caught.value).startswith("vat bad: method(): ")
        assert attack.words in str(caught.value)
        told_the_line(attack, caught.value.trace)
        # The spy was introduced as an argument, so the vat's heap is compared, not only its rows.
        assert (state(wasm), wasm.heap("bad")) == (before, heap)
    assert wasm.ask(bad, "ping") == "pong"
    others_carry_on(wasm, spy)


@pytest.mark.parametrize("attack", STOPPED)
def test_stopped_notification(wasm: Stage, attack: Attack) -> None:
    """A notification that had to be stopped suspends the vat, with the reason, until new code comes."""
    spy, bad = wasm.define("spy", HARMLESS), wasm.define("bad", attack.cell(), options=OPTIONS)
    promise = wasm.send(bad, "later", spy)
    with pytest.raises(StillPending, match=r"vat bad, which has to settle promise kp[0-9]+, is suspended"):
        wasm.session.wait(promise)
    [row] = [row for row in wasm.lens.vats() if row.name == "bad"]
    assert (row.state, row.parked) == ("suspended", 1)
    assert attack.words in (row.reason or "")
    assert f"bad, line {attack.line}, in attack" in (row.reason or "")
    [notice] = [output.text for output in wasm.outputs if output.stream == "notice"]
    assert attack.words[:20] in notice
    others_carry_on(wasm, spy)
    wasm.upgrade("bad", HARMLESS, "a better one")
    with pytest.raises(RemoteRejection, match="a better one"):
        wasm.session.wait(promise)
    assert wasm.ask(bad, "ping") == "pong"


@pytest.mark.parametrize("attack", RAISED + STOPPED)
def test_in_build_root_object(wasm: Stage, attack: Attack) -> None:
    """A vat whose start is hostile is not made, and its name stays free."""
    spy = wasm.define("spy", HARMLESS)
    before = state(wasm)
    with pytest.raises(VatFault, match="vat bad: it could not be created: ") as caught:
        wasm.define("bad", attack.cell(build=True), options=OPTIONS)
    assert attack.words in str(caught.value)
    assert caught.value.fault.name == attack.name
    told_the_line(attack, caught.value.fault.trace)
    assert state(wasm) == before
    assert wasm.ask(wasm.define("bad", HARMLESS), "ping") == "pong"
    others_carry_on(wasm, spy)


@pytest.mark.parametrize("attack", RAISED + STOPPED)
def test_in_upgrade(wasm: Stage, attack: Attack) -> None:
    """A hostile upgrade is refused, and the old incarnation did not notice, its heap included."""
    spy, bad = wasm.define("spy", HARMLESS), wasm.define("bad", HARMLESS, options=OPTIONS)
    wasm.ask(bad, "ping")
    before, heap = state(wasm), wasm.heap("bad")
    with pytest.raises(VatFault, match="nothing has changed") as caught:
        wasm.upgrade("bad", attack.cell(build=True))
    assert attack.words in str(caught.value)
    told_the_line(attack, caught.value.fault.trace)
    assert (state(wasm), wasm.heap("bad")) == (before, heap)
    assert wasm.ask(bad, "ping") == "pong"
    others_carry_on(wasm, spy)


@pytest.mark.parametrize(("title", "syscall"), FORGED, ids=[title for title, _ in FORGED])
@pytest.mark.parametrize("method", ["method", "later"])
def test_forged_reference(wasm: Stage, title: str, syscall: list[Any], method: str) -> None:
    """A vat that names what it was never given is ended, and nothing it named was reached."""
    attack = Attack(title, None, "", "", KNOCK.replace("SYSCALL", repr(syscall)))
    spy, bad = wasm.define("spy", HARMLESS), wasm.define("bad", attack.cell())
    held = wasm.lens.clist("spy")
    with pytest.raises(RemoteError, match=f"illegal syscall '{syscall[0]}'") as caught:
        wasm.ask(bad, method, spy)
    assert caught.value.code == "illegal-syscall"
    if method == "method":
        told_the_line(attack, caught.value.trace)
    assert [row.name for row in wasm.lens.vats()] == ["notebook", "spy"]
    assert wasm.lens.clist("spy") == held
    with pytest.raises(RemoteError) as caught:
        wasm.ask(bad, "ping")
    assert caught.value.code == "illegal-syscall"
    others_carry_on(wasm, spy)


def test_store_of_another_vat(wasm: Stage) -> None:
    """Whatever key a vat reads, it reads in its own store: there is no name for another's."""
    secret = HARMLESS.replace("def build_root_object():", "def build_root_object(baggage):").replace(
        "pass\n    return", "baggage['secret'] = 's3cret'\n    return"
    )
    spy = wasm.define("spy", secret)
    kernel = wasm.controller.kernel
    keys = [
        key
        for (key,) in wasm.controller.world.rows(
            "SELECT key FROM vatstore WHERE vat = ?", (kernel.vat("spy").id,)
        )
    ]
    assert any("secret" in key for key in keys)
    source = """
    import _host, json
    found, prior = [], ""
    while prior is not None:
        status, prior = json.loads(_host.call(b"S" + json.dumps([["vatstoreGetNextKey", prior]]).encode()))
        found.append(prior)
    for key in KEYS:
        found.append(json.loads(_host.call(b"S" + json.dumps([["vatstoreGet", key]]).encode()))[1])
    return found
    """
    guesses = [*keys, "../v2/vc.1.ssecret", "v2.vs.vc.1.ssecret", "' OR '1'='1"]
    attack = Attack("reads", None, "", "", source.replace("KEYS", repr(guesses)))
    bad = wasm.define("bad", attack.cell())
    found = wasm.ask(bad, "method", spy)
    assert "s3cret" not in repr(found)
    assert not any("secret" in str(key) for key in found)
    others_carry_on(wasm, spy)


def test_fifty_megabytes_printed(wasm: Stage) -> None:
    """What a vat prints is cut at its limit, with a word about it; the delivery itself counts."""
    spy = wasm.define("spy", HARMLESS)
    bad = wasm.define("bad", Attack("", None, "", "", "print('x' * (50 << 20))").cell())
    assert wasm.ask(bad, "method", spy) is None
    sizes = {output.stream: len(output.text) for output in wasm.outputs}
    assert sizes["stdout"] == 65536
    assert any("cut" in output.text for output in wasm.outputs)
    others_carry_on(wasm, spy)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("return {1, 2}", "the result of Root.method() is a set of 2, which cannot be passed"),
        ("return E(spy).note([0, {'deep': object()}])", 'E(x).note(...) was not sent: args[0][1]["deep"] is'),
        ("return E(spy).note('x' * (20 << 20))", "is more than the 10000000 a message may have"),
        ("x = []\nx.append(x)\nreturn x", "contains itself"),
    ],
)
def test_unserialisable(wasm: Stage, source: str, words: str) -> None:
    """What cannot pass is refused where it was sent, with the path to it and what to do."""
    spy = wasm.define("spy", HARMLESS)
    bad = wasm.define("bad", Attack("", None, "", "", source).cell())
    with pytest.raises(TypeError) as caught:
        wasm.ask(bad, "method", spy)
    assert words in str(caught.value)
    assert wasm.ask(bad, "ping") == "pong"
    others_carry_on(wasm, spy)


@pytest.mark.parametrize("value", [{1}, object(), "x" * (20 << 20), 1j, lambda: None])
def test_unserialisable_from_the_session(stage: Stage, value: Any) -> None:
    """A cell that sends what cannot pass gets the refusal, and the vat never hears of it."""
    root = stage.define("vat", HARMLESS)
    before = stage.transcript("vat")
    with pytest.raises(TypeError, match=r"E\(x\).method\(...\) was not sent"):
        stage.ask(root, "method", value)
    assert stage.transcript("vat") == before
    assert stage.ask(root, "ping") == "pong"


def test_syntax_error_of_the_cell(wasm: Stage) -> None:
    """A cell that is not Python is refused with its own line, as a new vat and as an upgrade."""
    source = HARMLESS.replace("def ping(self):", "def ping(self:")
    line = source.splitlines().index("    def ping(self:") + 1
    for attempt in (wasm.define, wasm.upgrade):
        with pytest.raises(VatFault, match=r"was never closed|invalid syntax") as caught:
            attempt("bad", source)
        told = caught.value.fault.trace[-1]
        assert (told.part, told.line) == ("bad", line)
        if attempt == wasm.define:
            wasm.define("bad", HARMLESS)
