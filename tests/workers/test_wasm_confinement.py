"""What vat code in the confined engine cannot reach, and that trying harms nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.workers.base import VatSpec, WorkerError
from swingset.workers.wasm.engine import WasmWorkerFactory

from .conftest import SPEC, Bench

REFUSED = {
    "open('/etc/passwd')": "FileNotFoundError",
    "open('/usr/local/lib/python315.zip', 'wb')": "OSError",
    "open('new', 'w')": "FileNotFoundError",
    "import os; os.listdir('/')": "FileNotFoundError",
    "import os; os.mkdir('/usr/local/lib/x')": "OSError",
    "import os; os.fork()": "AttributeError",
    "import subprocess; subprocess.run(['true'])": "OSError",
    "import socket; socket.socket()": "OSError",
    "import time; time.sleep(1)": "OSError",
    "import threading; threading.Thread(target=print).start()": "RuntimeError",
    "import ctypes": "ModuleNotFoundError",
    "import numpy": "ModuleNotFoundError",
    "import _multiarray_umath": "ModuleNotFoundError",
    "import _imp, types; _imp.create_builtin(types.SimpleNamespace(name='numpy.random.mtrand'))": (
        "ImportError"
    ),
    "raise SystemExit": "SystemExit",
    "x = []\nfor i in range(100_000): x = [x]\nrepr(x)": "RecursionError",
    "def f(n): return f(n + 1) + 1\nf(0)": "RecursionError",
    "import json; json.loads('[' * 100_000)": "RecursionError",
    "compile('(' * 5000 + ')' * 5000, 'a', 'eval')": "MemoryError",
    "[0] * 10**9": "MemoryError",
    "held = []\nwhile True: held.append(bytes(1_000_000))": "MemoryError",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_a_vat_has_no_business_with_is_an_ordinary_python_error(bench: Bench, source: str) -> None:
    """Files, processes, sockets, sleep, chance and memory bombs end in a Python exception."""
    fault = bench.run(source).fault
    assert fault is not None
    assert fault.name == REFUSED[source]


FATAL = {
    "while True: pass": reasons.OUT_OF_COMPUTRONS,
    "import re; re.match('(a*)*b', 'a' * 40)": reasons.OUT_OF_COMPUTRONS,
    "import functools; functools.reduce(lambda x, _: [x], range(1_000_000), [])": reasons.STACK_OVERFLOW,
    "import os; os._exit(3)": reasons.GUEST_CRASHED,
    "import os; os.abort()": reasons.GUEST_CRASHED,
    "_host.call(b'nonsense')": reasons.PROTOCOL,
    "_host.call(b'D')": reasons.PROTOCOL,
    "_host.call(b'')": reasons.PROTOCOL,
    "_host.call(b'S[[\"noSuchSyscall\"]]')": reasons.PROTOCOL,
    "_host.call(b'S[[\"vatstoreGet\", 5]]')": reasons.PROTOCOL,
    "_host.call(b'S[[\"vatstoreGet\"]]')": reasons.PROTOCOL,
    '_host.call(b\'S[["vatstoreGet", "\\\\ud800"]]\')': reasons.PROTOCOL,
    "_host.call(b'S[]')": reasons.PROTOCOL,
    "_host.call(b'S' + b'[' * 100_000)": reasons.PROTOCOL,
    "_host.call(b'S\\xff')": reasons.PROTOCOL,
    "_host.call(b'R{}')": reasons.PROTOCOL,
    '_host.call(b\'R{"status": "ok"}\')': reasons.PROTOCOL,
}


@pytest.mark.parametrize("source", FATAL)
def test_a_fault_names_its_reason_and_the_line_and_spares_other_vats(
    bare: WasmWorkerFactory, bench: Bench, source: str
) -> None:
    """A stopped vat says why and where; the worker refuses more, and its neighbour carries on."""
    neighbour = Bench(bare.start(SPEC))
    assert neighbour.run("x = 1").ok
    fault = bench.run(f"\n\n{source}").fault
    assert fault is not None
    assert fault.code == FATAL[source]
    if 'R{"s' not in source:  # there, vat code is over when the breach is seen
        assert fault.trace[-1].part == "cell"
        assert fault.trace[-1].line == 3
    with pytest.raises(WorkerError, match="tester"):
        bench.run("pass")
    assert neighbour.run("assert x == 1").ok
    neighbour.worker.close()


def test_a_stopped_vat_cannot_abuse_the_question_where_it_stood(bench: Bench) -> None:
    """Vat code that put itself in the way of the autopsy gets no trace and no more of the host."""
    trap = "def flood(*_):\n    while True: _host.call(bytes(90_000))\nimport sys; sys._getframe = flood\n"
    fault = bench.run(trap + "while True: pass", Limits(computrons=10_000_000)).fault
    assert fault is not None
    assert (fault.code, fault.trace) == (reasons.OUT_OF_COMPUTRONS, ())


def test_the_clock_stands_still(bench: Bench) -> None:
    """No clock tells a vat anything."""
    bench.run("import time, datetime; print(time.time(), time.monotonic(), datetime.datetime.now().year)")
    assert bench.run("print(time.time(), time.monotonic())").console == (("stdout", "0.0 0.0\n"),)


def test_a_nan_that_is_computed_has_the_same_bits_everywhere(bench: Bench) -> None:
    """Processors differ in its sign; the engine has one."""
    said = bench.run(
        "import struct; x = float('inf')\nfor nan in (x - x, x * 0): print(struct.pack('>d', nan).hex())"
    )
    assert said.console == (("stdout", "7ff8000000000000\n" * 2),)


def test_chance_follows_from_the_delivery(bare: WasmWorkerFactory) -> None:
    """The same delivery to the same vat draws the same numbers; another delivery or vat draws others."""
    source = "import os, uuid, random; print(os.urandom(8), os.urandom(8), uuid.uuid4(), random.random())"

    def draw(spec: VatSpec, source: str) -> str:
        bench = Bench(bare.start(spec))
        drawn = bench.run(source).console[0][1]
        bench.worker.close()
        return drawn

    drawn = draw(SPEC, source)
    assert drawn == draw(SPEC, source)
    others = [draw(SPEC, source + " "), draw(replace(SPEC, vat_id="v2"), source)]
    numbers = [*drawn.split(), *others[0].split(), *others[1].split()]
    assert len(set(numbers)) == len(numbers)


def test_output_is_cut_at_the_cap_without_the_vat_noticing(bench: Bench) -> None:
    """Fifty million characters cost the host no more than the cap."""
    result = bench.run(
        "print('x' * 50_000_000); import sys; print('y', file=sys.stderr)", Limits(console_bytes=1000)
    )
    assert result.ok
    assert result.console[0] == ("stdout", "x" * 1000)
    assert "cut" in result.console[-1][1]
    assert len(result.console) == 2


def test_the_library_is_the_one_file_there_is(bench: Bench) -> None:
    """The archive can be listed and read, and says nothing of the real machine."""
    result = bench.run(
        "import os\n"
        "assert os.listdir('/usr/local/lib') == ['python315.zip']\n"
        "found = os.stat('/usr/local/lib/python315.zip')\n"
        "assert (found.st_dev, found.st_mtime, found.st_uid) == (1, 0.0, 0), found\n"
        "with open('/usr/local/lib/python315.zip', 'rb') as file:\n"
        "    assert file.read(2) == b'PK'\n"
        "    file.seek(-22, 2); assert file.read(4) == b'PK\\5\\6'\n"
    )
    assert result.fault is None


def test_a_file_left_open_is_bad_in_the_next_delivery(bench: Bench) -> None:
    """Open files are no part of a vat's state."""
    assert bench.run("kept = open('/usr/local/lib/python315.zip', 'rb', buffering=0); kept.read(1)").ok
    fault = bench.run("kept.read(1)").fault
    assert fault is not None
    assert "Bad file descriptor" in fault.message
