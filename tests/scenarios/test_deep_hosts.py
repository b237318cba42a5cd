"""A host that calls from deep in its own stack: what its vats read, answer and digest is the same."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.stack import FRAMES, room
from tests.staging import Stage

DEPTH = 800
"""How many frames stand below the kernel: less than half of what reading a deep value takes is left."""

ECHO = """
    from swingset.vat import remotable

    @remotable
    class Echo:
        def echo(self, value):
            return [value]

        def how_deep(self):
            def down(level):
                try:
                    return down(level + 1)
                except RecursionError:
                    return level
            return down(0)

    def build_root_object():
        return Echo()
"""


def frames() -> int:
    """How many frames stand here, this one left out."""
    frame, count = sys._getframe().f_back, 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


def from_deep(depth: int, act: Callable[[], Any]) -> Any:
    """What `act` answers when it is called over so many frames, or over those there are."""
    return act() if frames() >= depth else from_deep(depth, act)


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


def run_from(depth: int, worker: str) -> tuple[Any, str]:
    """What comes of a deep value and its echo, and the digest of the world, for a host that stood so deep."""
    stage = Stage(worker)
    echo = stage.define("echo", ECHO)
    promise = stage.send(echo, "echo", nested(98))
    stage.session.flush()
    from_deep(depth, stage.controller.run)
    answer, digest = stage.session.wait(promise), stage.controller.digest()
    stage.close()
    return answer, digest


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_a_deep_value_reaches_a_vat_whatever_stands_below_the_kernel(worker: str) -> None:
    """It arrives, its answer comes back, and the digest is that of a host that called from the top."""
    answer, digest = run_from(DEPTH, worker)
    assert answer == nested(99)
    assert digest == run_from(0, worker)[1]


LEVELS = 95
"""How deep the values of the host nest, which may be a hundred levels with what is put around them."""

KEEPER = """
    from swingset.vat import D, remotable

    @remotable
    class Keeper:
        def __init__(self, parameters):
            self.value = parameters

        def register(self, bridge):
            D(bridge).register(self)

        def inbound(self, value):
            self.value = value

        def send(self, bridge, value):
            D(bridge).send(value)

        def all(self):
            return self.value

    def build_root_object(parameters):
        return Keeper(parameters)
"""


def kept(stage: Stage, send: Callable[[], Any]) -> Any:
    """What a vat has been told by the program around it."""
    from_deep(DEPTH, send)
    return stage.ask(stage.session.root("keeper"), "all")


def outcome(stage: Stage) -> Any:
    """The host reads what a promise was settled with."""
    kref = stage.controller.queue_to_root("echo", "echo", [nested(LEVELS - 1)])
    stage.controller.run()
    return from_deep(DEPTH, lambda: stage.controller.resolution(str(kref)))


def argument(stage: Stage) -> Any:
    """The host writes the arguments of a message."""
    return kept(stage, lambda: stage.controller.queue_to_root("keeper", "inbound", [nested(LEVELS)]))


def parameters(stage: Stage) -> Any:
    """A session writes what a vat is started with."""
    return stage.ask(
        from_deep(DEPTH, lambda: stage.define("other", KEEPER, parameters=nested(LEVELS))), "all"
    )


def bridge_in(stage: Stage) -> Any:
    """A session writes what goes over the bridge, and the bridge reads whether it can be read."""
    return kept(stage, lambda: stage.session.devices.bridge_send(nested(LEVELS)))


def bridge_out(stage: Stage) -> Any:
    """A session reads what has come over the bridge, which takes no more than 64 levels."""
    stage.ask(stage.session.root("keeper"), "send", stage.session.devices.bridge(), nested(60))
    came: list[Any] = []
    from_deep(DEPTH + 100, lambda: stage.session.devices.bridge_receive(came.append))
    return came[0]


CASES = [(outcome, LEVELS), (argument, LEVELS), (parameters, LEVELS), (bridge_in, LEVELS), (bridge_out, 60)]


@pytest.mark.parametrize(("passes", "levels"), CASES)
def test_a_deep_value_passes_the_host_whatever_stands_below_it(
    passes: Callable[[Stage], Any], levels: int
) -> None:
    """What the host itself reads and writes arrives whole, as from the top of its stack."""
    stage = Stage("local")
    stage.define("echo", ECHO)
    stage.ask(stage.define("keeper", KEEPER), "register", stage.session.devices.bridge())
    assert passes(stage) == nested(levels)
    stage.close()


def test_a_local_vat_does_not_see_how_deep_its_host_stands() -> None:
    """How often it can call itself differs by a handful of frames at most, under any limit of the host."""
    seen = []
    for depth, limit in ((0, 1_000), (DEPTH, 1_000), (0, 5_000)):
        stage = Stage("local")
        root = stage.define("echo", ECHO)
        promise = stage.send(root, "how_deep")
        stage.session.flush()
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, before))
        try:
            from_deep(depth, stage.controller.run)
            assert sys.getrecursionlimit() == max(limit, before)
        finally:
            sys.setrecursionlimit(before)
        seen.append(stage.session.wait(promise))
        stage.close()
    assert max(seen) - min(seen) < 30
    assert FRAMES / 2 < min(seen) < FRAMES


def test_the_limit_of_the_process_is_what_it_was_when_all_have_left() -> None:
    """Threads that enter and leave in any order do not leave a limit of their own behind."""
    before = sys.getrecursionlimit()
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with room():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=stay)
    with room():
        other.start()
        assert inside.wait(10)
        with room(exactly=True):
            assert sys.getrecursionlimit() >= frames() + FRAMES - 10
        assert sys.getrecursionlimit() > before
    assert sys.getrecursionlimit() >= FRAMES
    leave.set()
    other.join()
    assert sys.getrecursionlimit() == before
