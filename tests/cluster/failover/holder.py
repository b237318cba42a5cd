"""A process that runs a world with a lease, adds the numbers that it is given, and dies where it is told to.

It tells what it does through a pipe: `ready` with the numbers that it found, `said` for each output that left
it, `done` for each number when its commit was acknowledged, and `refused` with the code of an error. So the
parent knows which numbers have to be in the world, and that nothing else has left.
"""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import Any, Literal

from swingset.cluster import LeaseError, lease_world
from tests import forking
from tests.time.packed import asked

LEDGER = """
from swingset.vat import BigMap, provide, remotable

def build_root_object(baggage):
    numbers = provide(baggage, "numbers", lambda: BigMap("numbers", durable=True))

    @remotable
    class Ledger:
        def add(self, number: int) -> int:
            print(number)
            numbers[len(numbers)] = number
            return number

        def numbers(self):
            return list(numbers.values())

    return Ledger()
"""

SECONDS = 0.3

POINTS = ("before-commit", "lease-locked", "truth-stored", "after-commit")
"""Before anything is sent to the database, before its commit, after it, and after that of the file."""

How = Literal["kill", "pause"]


def hold(address: str, path: str, name: str, seconds: float, pipe: Connection) -> None:
    """Take the lease, and do what the parent says until it says nothing more."""
    try:
        with lease_world(address, path, name, worker="local", wait=None, seconds=seconds) as leased:
            world = leased.controller
            if "ledger" not in world.vats:
                world.create_vat("ledger", (("ledger", LEDGER),))
            world.outputs.listen(lambda output: pipe.send(("said", int(output.text))))
            pipe.send(("ready", leased.epoch, asked(world, "ledger", "numbers")))
            while True:
                number, point, how = pipe.recv()
                world.world.faults = striking(point, how, pipe)
                world.queue_to_root("ledger", "add", [number], policy="none")
                world.run()
                pipe.send(("done", number))
    except LeaseError as problem:
        pipe.send(("refused", problem.code))
    except EOFError:
        pass


def striking(point: str | None, how: How, pipe: Connection) -> Any:
    """What ends or pauses this process when it comes to a step."""

    def strike(step: str) -> None:
        if step == point:
            if how == "pause":
                pipe.send(("pauses",))
            os.kill(os.getpid(), signal.SIGKILL if how == "kill" else signal.SIGSTOP)

    return strike


class Holder:
    """Such a process, from its parent's side."""

    def __init__(self, address: str, path: str, name: str, seconds: float = SECONDS) -> None:
        self._pipe, theirs = forking.PROCESSES.Pipe()
        self._process = forking.PROCESSES.Process(
            target=hold, args=(address, path, name, seconds, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def told(self) -> tuple[Any, ...] | None:
        """The next thing that it tells; None if it has ended."""
        try:
            found: tuple[Any, ...] = self._pipe.recv()
            return found
        except (EOFError, OSError):
            return None

    def add(self, number: int, point: str | None = None, how: How = "kill") -> None:
        """Have it add a number, and perhaps end or pause at a step of that."""
        self._pipe.send((number, point, how))

    def wake(self) -> None:
        """Let it go on after a pause."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it now, whatever it does."""
        self._process.kill()

    def end(self) -> None:
        """Let it close its world, unless it has ended, and wait for that."""
        self._pipe.close()
        self._process.join()
