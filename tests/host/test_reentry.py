"""What a host function may not do to the run that it is called in."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.host.sessions.pending import StillPending
from tests.staging import Stage

CALLER = """
    from swingset.vat import D, remotable

    @remotable
    class Caller:
        def __init__(self):
            self.count = 0

        def up(self):
            self.count += 1
            return self.count

        def call(self, function):
            return D(function).call()

        def call_and_go_on(self, function):
            try:
                D(function).call()
            except Exception as error:
                return [self.up(), type(error).__name__, str(error)]

    def build_root_object():
        return Caller()
"""


class Gone(BaseException):
    """What no `except Exception` catches."""


def leave() -> None:
    """What a script does that is called as a function."""
    sys.exit(3)


def go() -> None:
    """What a library with its own loop does."""
    raise Gone("away")


@pytest.mark.parametrize(
    ("function", "said"), [(leave, "SystemExit: 3"), (go, "Gone: away")], ids=["exit", "other"]
)
def test_a_host_function_that_leaves_fails_its_caller_only(
    stage: Stage, function: Callable[[], Any], said: str
) -> None:
    """What a host function raises goes to who called it, whatever it is, and the run goes on."""
    caller = stage.define("caller", CALLER)
    node = stage.session.devices.plugin("leave", function)
    before = stage.send(caller, "up")
    answer = stage.send(caller, "call", node)
    after = stage.send(caller, "up")
    with pytest.raises(RemoteError, match=rf"host function leave\(\) ended with {said}"):
        stage.session.wait(answer)
    assert (stage.session.wait(before), stage.session.wait(after)) == (1, 2)
    assert stage.ask(caller, "call_and_go_on", node)[0] == 3


def test_an_interrupted_host_function_ends_the_run_and_loses_nothing(stage: Stage) -> None:
    """An interrupt is the host's: its crank is undone, and the message is delivered by the next run."""
    caller = stage.define("caller", CALLER)
    times = []

    def stop() -> int:
        times.append(1)
        if len(times) == 1:
            raise KeyboardInterrupt
        return 7

    answer = stage.send(caller, "call", stage.session.devices.plugin("stop", stop))
    with pytest.raises(KeyboardInterrupt):
        stage.session.settle()
    assert stage.session.wait(answer) == 7


def test_a_host_function_that_takes_longer_than_its_vat_may_is_undone_with_it(local: Stage) -> None:
    """The time limit of a local vat ends the delivery in a host function too, and its message waits."""
    caller = local.define("caller", CALLER, options={"seconds": 1})
    slow = [True]

    def sleep() -> None:
        end = time.monotonic() + 20
        while slow and time.monotonic() < end:
            time.sleep(0.01)

    answer = local.send(caller, "call", local.session.devices.plugin("sleep", sleep))
    with pytest.raises(StillPending, match="vat caller, suspended"):
        local.session.wait(answer)
    reason = local.controller.kernel.vat("caller").reason or ""
    assert "more than 1 seconds and was stopped" in reason
    slow.clear()
    local.controller.vats.resume("caller")
    assert local.session.wait(answer) is None
    assert local.ask(caller, "up") == 1


@pytest.mark.parametrize("name", ["commit", "run", "step", "queue.pause", "vats.snapshot_all", "close"])
def test_a_host_function_cannot_enter_the_world(stage: Stage, name: str) -> None:
    """A call back into the controller is an error of its caller, and what ran before it stays."""
    caller = stage.define("caller", CALLER)
    node = stage.session.devices.plugin("enter", lambda: attrgetter(name)(stage.controller)())
    before = stage.send(caller, "up")
    number, kind, said = stage.ask(caller, "call_and_go_on", node)
    assert (stage.session.wait(before), number) == (1, 2)
    assert (kind, "in the middle of a delivery" in said) == ("KernelError", True)
