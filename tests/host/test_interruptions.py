"""A delivery that was interrupted: what it was, where it stood, how it is dropped, and how far it was."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.workers.pulses import Pulse, listening

SPIN = {
    "wasm": "while True:\n            pass",
    "local": "import signal\n        signal.raise_signal(signal.SIGINT)",
}
SOURCE = """
from swingset.vat import remotable

@remotable
class Spin:
    def spin(self):
        {body}

    def echo(self, value):
        return value

def build_root_object():
    return Spin()
"""


@pytest.fixture(params=sorted(SPIN))
def world(request: pytest.FixtureRequest) -> Iterator[Controller]:
    """A world with a vat that never ends one of its methods, and the handler that Python starts with."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    with open_world(None, worker=request.param) as controller:
        source = SOURCE.format(body=SPIN[request.param])
        controller.create_vat("spin", (("spin", source),), options={"computrons": None})
        yield controller
    signal.signal(signal.SIGINT, found)


def interrupt(world: Controller) -> tuple[str, list[Pulse]]:
    """Run into the method that never ends, and press Ctrl-C in it; returns the promise for its result."""
    answer = world.queue_to_root("spin", "spin")
    world.queue_to_root("spin", "echo", [1], policy="none")
    heard: list[Pulse] = []

    def press(pulse: Pulse) -> None:
        heard.append(pulse)
        signal.raise_signal(signal.SIGINT)

    with listening(press), pytest.raises(KeyboardInterrupt):
        world.run()
    return str(answer), heard


def test_what_was_interrupted_is_known_with_the_line_it_stood_at(world: Controller) -> None:
    """It says which event, for which vat, and where; nothing of the delivery is in the world."""
    cranks, digest = world.crank, world.digest()
    answer, heard = interrupt(world)
    stopped = world.queue.interrupted
    assert stopped is not None
    assert (stopped.vat, stopped.event) == ("spin", "the message spin()")
    assert [(frame.function, 7 <= frame.line <= 8) for frame in stopped.trace] == [("Spin.spin", True)]
    assert (world.crank, world.status(answer), len(world.queue)) == (cranks, "unresolved", 2)
    assert digest != world.digest()  # two messages wait
    assert all(pulse.vat == "spin" and pulse.limit is None and pulse.computrons > 0 for pulse in heard)


def test_cancel_drops_it_and_the_rest_runs(world: Controller) -> None:
    """The result is rejected with the code `dropped`, and the vat serves the next message."""
    answer, _ = interrupt(world)
    assert world.queue.cancel() == "the message spin()"
    assert world.queue.interrupted is None
    assert world.run().cranks == 1
    assert getattr(world.resolution(answer), "code", None) == "dropped"
    with pytest.raises(KernelError, match="nothing to cancel"):
        world.queue.cancel()


def test_a_vat_that_is_suspended_keeps_it(world: Controller) -> None:
    """The event waits for the vat then, and other vats run."""
    answer, _ = interrupt(world)
    world.vats.suspend("spin")
    world.run()
    assert world.queue.interrupted is None
    assert world.status(answer) == "unresolved"
    assert world.vats.drop_parked("spin") == "the message spin()"
    world.vats.resume("spin")
    assert world.run().cranks == 1


def test_going_back_forgets_it(world: Controller) -> None:
    """In another state there is nothing to cancel."""
    made = world.commit() or world.history.head
    interrupt(world)
    world.history.go_back_to_commit(made)
    assert world.queue.interrupted is None


def test_whether_somebody_listens_changes_nothing() -> None:
    """A long delivery says how far it is and where it stands; memory, transcript and state are the same."""
    digests, heard, stood = set(), list[Pulse](), set[tuple[str, int]]()

    def hear(pulse: Pulse) -> None:
        heard.append(pulse)
        if len(heard) % 3 == 1:
            stood.update((frame.function, frame.line) for frame in pulse.stands_at()[-1:])

    for listens in (True, False):
        with open_world(None, worker="wasm") as world:
            body = "total = 0\n        for number in range(1_000_000):\n            total += number"
            world.create_vat("spin", (("spin", SOURCE.format(body=body)),))
            world.queue_to_root("spin", "spin", policy="none")
            with listening(hear if listens else lambda _: None):
                world.run()
            heap = world.kernel.warehouse.heap_digest(world.kernel.vat("spin"))
            digests.add((world.digest(), heap))
    assert len(digests) == 1
    assert heard
    assert [pulse.computrons for pulse in heard] == sorted(pulse.computrons for pulse in heard)
    assert all(pulse.limit is not None and pulse.computrons < pulse.limit for pulse in heard)
    assert stood <= {("Spin.spin", line) for line in (7, 8, 9)}
    assert stood
