"""How deep C code of the interpreter may recurse: the table that docs/limits.md shows, run in the engine.

Where the interpreter watches its stack, the outcome is the same on every machine. Where it does not, the
engine's native stack is the limit; the depths of those rows are far inside it, and far beyond it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swingset.model.limits import Limits
from swingset.workers.wasm.engine import WasmWorkerFactory

from .conftest import SPEC, Bench

DOCS = Path(__file__).resolve().parents[2] / "docs" / "limits.md"

LISTS = "x = None\nfor _ in range({n}): x = [x]\n"
TUPLES = "x = None\nfor _ in range({n}): x = (x,)\n"
TYPES = "x = int\nfor _ in range({n}): x = (x,)\n"
NODES = "class Node: pass\nx = None\nfor _ in range({n}):\n    y = Node(); y.x = x; x = y\ny = x = None"
MAPS = "x = iter([1])\nfor _ in range({n}): x = map(abs, x)\n"
CHAINS = "import itertools\nx = iter([1])\nfor _ in range({n}): x = itertools.chain(x)\n"
CLOSURES = "x = None\ndef make(x): return lambda: x\nfor _ in range({n}): x = make(x)\nx = None"
ERRORS = "x = None\nfor _ in range({n}):\n    y = ValueError(); y.__context__ = x; x = y\ny = x = None"

ENDS, RECURSION, MEMORY, CRASH, STOP = (
    "ends well",
    "`RecursionError`",
    "`MemoryError`",
    "`guest-crashed`",
    "`stack-overflow`",
)

CASES = {
    "a function that calls itself": (
        "def f(n): return n and f(n - 1)\nf({n})",
        {500: ENDS, 10_000: RECURSION},
    ),
    "`json.loads`": ("import json; json.loads('[' * {n} + ']' * {n})", {5_000: ENDS, 20_000: RECURSION}),
    "`json.dumps`": (f"{LISTS}import json; json.dumps(x)", {1_000: ENDS, 50_000: RECURSION}),
    "`==` of lists": (f"{LISTS}y = x\n{LISTS}x == y", {1_000: ENDS, 50_000: RECURSION}),
    "`repr` of lists": (f"{LISTS}repr(x)", {1_000: ENDS, 50_000: RECURSION}),
    "`pickle.dumps`": (f"{LISTS}import pickle; pickle.dumps(x)", {100: ENDS, 50_000: RECURSION}),
    "`copy.deepcopy`": (f"{LISTS}import copy; copy.deepcopy(x)", {100: ENDS, 50_000: RECURSION}),
    "`re.compile` of groups": (
        "import re; re.compile('(' * {n} + ')' * {n})",
        {50: ENDS, 50_000: RECURSION},
    ),
    "parentheses in code": ("compile('(' * {n} + ')' * {n}, 'a', 'eval')", {100: ENDS, 5_000: MEMORY}),
    "objects in a chain, let go": (NODES, {100_000: ENDS, 1_000_000: ENDS}),
    "closures in a chain, let go": (CLOSURES, {100_000: ENDS}),
    "exceptions in a chain, let go": (ERRORS, {100_000: ENDS}),
    "lists, let go": (f"{LISTS}x = None", {100_000: ENDS, 1_000_000: STOP}),
    "tuples, let go": (f"{TUPLES}x = None", {100_000: ENDS, 1_000_000: STOP}),
    "dicts, let go": (LISTS.replace("[x]", "{1: x}") + "x = None", {100_000: ENDS, 1_000_000: STOP}),
    "`hash` of tuples": (f"{TUPLES}hash(x)", {100_000: ENDS, 1_000_000: STOP}),
    "`isinstance` of tuples": (f"{TYPES}isinstance('', x)", {100_000: ENDS, 1_000_000: STOP}),
    "`itertools.chain` of chains": (f"{CHAINS}next(x)", {100_000: ENDS, 1_000_000: STOP}),
    "`map` of maps": (f"{MAPS}next(x)", {1_000: ENDS, 50_000: CRASH}),
}
"""By what nests: code for a depth of {n}, and what comes of which depth."""

RUNS = [(what, depth) for what, (_, outcomes) in CASES.items() for depth in outcomes]


def _outcome(factory: WasmWorkerFactory, what: str, depth: int) -> tuple[str, int]:
    bench = Bench(factory.start(SPEC))
    result = bench.run(CASES[what][0].replace("{n}", str(depth)), Limits(seconds=None))
    bench.worker.close()
    if result.fault is None:
        return ENDS, result.computrons or 0
    by_name = result.fault.name in ("RecursionError", "MemoryError")
    return f"`{result.fault.name if by_name else result.fault.code}`", result.computrons or 0


@pytest.mark.parametrize(("what", "depth"), RUNS)
def test_what_comes_of_deep_recursion_in_c_code(bare: WasmWorkerFactory, what: str, depth: int) -> None:
    """A construct of this depth ends as the table says."""
    assert _outcome(bare, what, depth)[0] == CASES[what][1][depth]


def test_the_documentation_has_the_same_table() -> None:
    """docs/limits.md lists these constructs, depths and outcomes, and no others."""

    def cells() -> Iterator[str]:
        for what, (_, outcomes) in CASES.items():
            yield f"| {what} | " + ", ".join(f"{n:,}: {said}" for n, said in outcomes.items()) + " |"

    table = DOCS.read_text().split("| what nests | depth: outcome |\n|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == list(cells())


def test_the_stack_is_the_same_on_a_thread_that_has_little(bare: WasmWorkerFactory) -> None:
    """On a thread with 256 KiB of stack, deep recursion ends as elsewhere, for the same computrons."""
    found: list[tuple[str, int]] = []
    before = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=lambda: found.append(_outcome(bare, "lists, let go", 100_000)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found == [_outcome(bare, "lists, let go", 100_000)]
    assert found[0][0] == ENDS


NO_ROOM = """
import resource
from tests.workers.conftest import SOURCES, SPEC, Bench
from swingset.workers.base import WorkerError
from swingset.workers.wasm.engine import make_factory

factory = make_factory("lean", SOURCES)
bench = Bench(factory.start(SPEC))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
most = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used + (30 << 20), most))
try:
    bench.run("x = 1")
except WorkerError as problem:
    print(problem)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
print(Bench(factory.start(SPEC)).run("x = 1").fault)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and limits its address space like this")
def test_that_the_host_has_no_memory_for_a_stack_is_no_fault_of_the_vat() -> None:
    """The delivery raises an error of the host, and the next vat runs when there is memory again."""
    root = str(DOCS.parents[1])
    done = subprocess.run([sys.executable, "-c", NO_ROOM], cwd=root, capture_output=True, text=True)
    refused, again = done.stdout.splitlines()
    assert refused.startswith("the engine failed, not the guest: Cannot allocate memory"), done.stderr
    assert again == "None"
