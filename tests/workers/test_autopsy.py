"""The question to a stopped guest, where it stood: it is answered once and in few words, or not at all."""

from __future__ import annotations

import pytest

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.model.reports import Frame

from .conftest import Bench

LIMITS = Limits(computrons=20_000_000)
FORGED = '[["cell", 1, "forged"]]'

TRAPS: list[tuple[str, str, tuple[Frame, ...]]] = [
    ("speaks once", f"json.dumps = lambda found: {FORGED!r}", (Frame("cell", 1, "forged"),)),
    (
        "speaks twice",
        f"json.dumps = lambda found: (_host.call({FORGED.encode()!r}), {FORGED!r})[1]",
        (),
    ),
    (
        "speaks thrice",
        f"json.dumps = lambda found: (_host.call(b'[]'), _host.call(b'[]'), {FORGED!r})[2]",
        (),
    ),
    ("asks for the delivery", "json.dumps = lambda found: (_host.call(b'D'), '[]')[1]", ()),
    (
        "makes a syscall",
        """json.dumps = lambda found: (_host.call(b'S[["subscribe","p-6"]]'), '[]')[1]""",
        (),
    ),
    ("claims a result", """json.dumps = lambda found: (_host.call(b'R{"status":"ok"}'), '[]')[1]""", ()),
    (
        "as much as it may",
        f"json.dumps = lambda found: {FORGED!r} + ' ' * {100_000 - len(FORGED)}",
        (Frame("cell", 1, "forged"),),
    ),
    ("one byte more", f"json.dumps = lambda found: {FORGED!r} + ' ' * {100_001 - len(FORGED)}", ()),
    ("no JSON", "json.dumps = lambda found: 'where'", ()),
    ("no text", "json.dumps = lambda found: '\\ud800'", ()),
    ("too deep", "json.dumps = lambda found: '[' * 50_000", ()),
    ("a large number", "json.dumps = lambda found: '[[\"cell\", ' + '9' * 5000 + ', \"f\"]]'", ()),
    ("no list", "json.dumps = lambda found: '5'", ()),
    ("odd frames", """json.dumps = lambda found: '[5, ["cell"], ["cell", "1", "f"], [1, 1, 1]]'""", ()),
    ("silence", "def f(found): raise SystemExit\njson.dumps = f", ()),
    ("exits", "def f(found): os._exit(0)\njson.dumps = f", ()),
    ("runs on", "def f(found):\n    while True: pass\njson.dumps = f", ()),
    ("eats memory", "def f(found): return 'x' * (1 << 30)\njson.dumps = f", ()),
    ("no frames", "sys._getframe = None", ()),
]


@pytest.mark.parametrize(("trap", "trace"), [case[1:] for case in TRAPS], ids=[case[0] for case in TRAPS])
def test_a_stopped_guest_is_heard_once(bench: Bench, trap: str, trace: tuple[Frame, ...]) -> None:
    """Whatever it does when asked, the fault is why it was stopped, and no syscall comes of it."""
    source = f"import json, os, sys\n{trap}\nwhile True: pass"
    result = bench.run(source, LIMITS)
    assert result.fault is not None
    assert (result.fault.code, result.fault.trace) == (reasons.OUT_OF_COMPUTRONS, trace)
    assert result.computrons == 20_000_000
    assert bench.syscalls == []


def test_an_honest_guest_tells_its_lines(bench: Bench) -> None:
    """Outermost first, with the functions they are in, and at most fifty."""
    fault = bench.run("def inner():\n    while True: pass\ndef outer(): inner()\nouter()", LIMITS).fault
    assert fault is not None
    assert fault.trace == (Frame("cell", 4, "<module>"), Frame("cell", 3, "outer"), Frame("cell", 2, "inner"))
