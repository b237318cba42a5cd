"""A notebook whose kernel is killed finds its world as it was: names, balances, heaps, half-done work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel, bank
from tests.vat_sources import ORACLE_METHODS

KEEPER = """%%vat keeper
from swingset.vat import E, make_promise, remotable

@remotable
class Keeper:
    def __init__(self):
        self.gate, self.opener = make_promise()
        count = 100
        def up():
            nonlocal count
            count += 1
            return count
        self.up = up
        self.log = []

    def next(self) -> int:
        return self.up()

    async def carry(self, purse):
        before = await E(purse).deposit(1)
        self.log.append("waiting")
        await self.gate
        after = await E(purse).deposit(1)
        self.log.append(f"{before} then {after}")

    def open(self) -> None:
        self.opener.resolve(None)

    def said(self):
        return list(self.log)

def build_root_object():
    return Keeper()
"""


@pytest.mark.parametrize("worker", ["wasm", "local"])
def test_a_killed_kernel_loses_nothing(tmp_path: Path, worker: str) -> None:
    """Names, balance, digest, a closure's local variable and a suspended coroutine outlive SIGKILL."""
    with Kernel(tmp_path) as first:
        first.run(f"%swingset open it.world --worker {worker}")
        first.run(bank())
        first.run(KEEPER)
        first.run('purse = await E(bank).open_purse("alice")\nawait E(purse).deposit(5)')
        first.run("held = {'of alice': [purse]}")
        assert first.run("await E(keeper).next()").plain == "101"
        first.run("E.send_only(keeper).carry(purse)\nNone")
        assert first.run("await E(keeper).said()").plain == "['waiting']"
        digest = first.run("%swingset digest").plain.splitlines()[0]

    with Kernel(tmp_path) as second:
        found = second.run(f"%swingset open it.world --worker {worker}").plain
        assert f"digest as found: {digest}" in found
        assert "names that came back: bank, held, keeper and purse" in found
        assert second.run("await E(purse).deposit(0)").plain == "6"
        assert second.run("held['of alice'][0] is purse").plain == "True"
        assert second.run("await E(keeper).next()").plain == "102"
        second.run("await E(keeper).open()")
        assert second.run("await E(keeper).said()").plain == "['waiting', '6 then 7']"
        assert second.run(bank()).plain.endswith("nothing changed")


def test_a_promise_of_the_killed_session_is_broken_for_those_who_wait(tmp_path: Path) -> None:
    """Who waits for something the old session had promised is told of the disconnection."""
    waiter = """%%vat waiter
from swingset.vat import E, RemoteRejection, remotable

@remotable
class Waiter:
    def __init__(self):
        self.end = "waiting"

    async def watch(self, promise) -> None:
        try:
            await promise
        except RemoteRejection as gone:
            self.end = gone.reason["name"]

    def how(self) -> str:
        return self.end

def build_root_object():
    return Waiter()
"""
    with Kernel(tmp_path) as first:
        first.run("%swingset open it.world --worker local")
        first.run(waiter)
        first.run("from swingset.vat import make_promise\npromise, resolver = make_promise()")
        first.run("E.send_only(waiter).watch(promise)\nNone")
        assert first.run("await E(waiter).how()").plain == "'waiting'"
    with Kernel(tmp_path) as second:
        found = second.run("%swingset open it.world --worker local").plain
        assert "1 promise that it had not settled" in found
        assert second.run("await E(waiter).how()").plain == "'vatUpgraded'"


ORACLE = (
    """%%vat oracle
from swingset.vat import E, make_promise, remotable

@remotable
class Oracle:
    def __init__(self):
        self.asked, self.resolvers, self.said = [], {}, "nothing"
"""
    + ORACLE_METHODS
    + """
    async def wait(self, promise) -> None:
        self.said = await promise

    def state(self):
        return [self.asked, self.said]

def build_root_object():
    return Oracle()
"""
)
CODE = """from swingset.vat import durable, resumable, watch_promise

@durable
class Listener:
    name: str

    def on_fulfilled(self, value):
        print(self.name, "heard", value)

@resumable
async def trial(oracle):
    return [await E(oracle).ask("guilty?"), await E(oracle).ask("sure?")]
"""


@pytest.mark.parametrize("worker", ["wasm", "local"])
def test_watchers_and_resumable_calls_of_the_notebook_go_on(tmp_path: Path, worker: str) -> None:
    """What a killed notebook watched and ran waits in the next for the cell that defines it, and goes on."""
    with Kernel(tmp_path) as first:
        first.run(f"%swingset open it.world --worker {worker}")
        first.run(ORACLE)
        first.run(CODE)
        first.run('ann = Listener("ann")\nwatch_promise(E(oracle).ask("when?"), ann)')
        first.run("E.send_only(oracle).wait(trial(oracle))\nNone")
    with Kernel(tmp_path) as second:
        found = second.run(f"%swingset open it.world --worker {worker}").plain
        assert "names that came back: oracle\n" in found
        assert "names that wait for their class: ann\n" in found
        assert "not defined yet in this session: @durable Listener and @resumable trial" in found
        assert "lost with the old session" not in found
        second.run('await E(oracle).answer("when?", "soon")\nawait E(oracle).answer("guilty?", "no")')
        status = second.run("%swingset").plain
        assert "@durable Listener and @resumable trial; waiting for that: 2 outcomes" in status
        assert "without its session or its code" in second.run("%swingset queue").plain
        defined = second.run(CODE)
        assert "names that came back: ann\n" in defined.printed
        assert "ann heard soon" in defined.printed
        assert "not defined yet" not in second.run("%swingset").plain
        assert second.run("ann.name").plain == "'ann'"
        second.run('await E(oracle).answer("sure?", "yes")')
        assert second.run("await E(oracle).state()").plain == (
            "[['when?', 'guilty?', 'sure?'], ['no', 'yes']]"
        )


def test_two_kernels_cannot_open_one_world(tmp_path: Path) -> None:
    """The second is told that the world is open elsewhere, as a real error."""
    with Kernel(tmp_path) as first, Kernel(tmp_path) as second:
        first.run("%swingset open it.world --worker local")
        ran = second.run("%swingset open it.world --worker local")
        assert ran.error is not None
        assert ran.error["ename"] == "WorldLocked"
        assert "no world is open" in second.run("%swingset").plain
