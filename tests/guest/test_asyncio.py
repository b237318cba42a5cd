"""asyncio in a vat: what needs a loop fails with words that name what to use, what needs none works."""

from __future__ import annotations

import pytest

from tests.guest.guest_bench import Bench, wasm_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
import asyncio, time
from swingset.vat import E, remotable, resumable

async def nothing(): pass

@resumable
async def waits():
    await asyncio.sleep(0)

@remotable
class Root:
    async def gather(self): return await asyncio.gather(E(self).one(), E(self).one())
    async def wait(self): return await asyncio.wait([E(self).one()])
    async def sleep(self): await asyncio.sleep(1)
    async def sleep_0(self): await asyncio.sleep(0)
    async def wait_for(self): await asyncio.wait_for(E(self).one(), 3)
    async def timeout(self):
        async with asyncio.timeout(3): pass
    async def task_group(self):
        async with asyncio.TaskGroup(): pass
    def create_task(self):
        call = nothing()
        try: asyncio.create_task(call)
        finally: call.close()
    def ensure_future(self):
        call = nothing()
        try: asyncio.ensure_future(call)
        finally: call.close()
    def future(self): asyncio.Future()
    def waits(self): return waits()
    def run(self):
        call = nothing()
        try: asyncio.run(call)
        finally: call.close()
    def time_sleep(self): time.sleep(1)
    def mine(self): raise RuntimeError("my event loops")
    def other(self): raise OSError("no such file")
    def one(self): return 1

    async def works(self):
        queue, lock, event = asyncio.Queue(), asyncio.Lock(), asyncio.Event()
        async with lock:
            queue.put_nowait(1)
        event.set()
        await event.wait()
        return await queue.get()

def build_root_object():
    return Root()
"""

BOTH = "`await Promise.all([...])` waits for several"
TIMER = "`await E(timer).delay(n)` waits for a time"
CALLED = "an async method runs by itself once it is called, `E(self).method()`, and " + BOTH

INSTEAD = {
    "gather": BOTH,
    "sleep": TIMER,
    "sleep_0": "not NoneType: there is no asyncio loop in a vat: " + BOTH,
    "wait_for": TIMER,
    "timeout": TIMER,
    "task_group": CALLED,
    "create_task": CALLED,
    "waits": BOTH,
}


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


@pytest.mark.parametrize("method", INSTEAD)
def test_the_error_names_what_to_use(bench: Bench, method: str) -> None:
    """It is Python's own, with what does the same in a vat."""
    told = bench.ask(method)["#error"]
    assert "there is no asyncio loop in a vat" in told
    assert INSTEAD[method] in told


@wasm_only
@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("ensure_future", CALLED),
        ("future", BOTH),
        ("run", "`await` it in an async method"),
        ("time_sleep", f"a vat cannot sleep: {TIMER}"),
    ],
)
def test_what_only_a_confined_vat_cannot_do(bench: Bench, method: str, words: str) -> None:
    """A local vat can start a loop and sleep: it is code of the host, and older Pythons start one unasked."""
    assert words in bench.ask(method)["#error"]


@pytest.mark.parametrize(("method", "told"), [("mine", "my event loops"), ("other", "no such file")])
def test_other_errors_are_left_as_they_are(bench: Bench, method: str, told: str) -> None:
    """Such as have the words, or the class, and nothing to do with asyncio."""
    assert bench.ask(method)["#error"] == told


def test_what_needs_no_loop_works(bench: Bench) -> None:
    """Locks, queues and events that are free at once."""
    assert bench.ask("works") == 1
