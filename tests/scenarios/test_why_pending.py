"""What a session is told that waits for a promise which nothing that could still run will settle."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.guest.base.resolvers import make_promise
from swingset.guest.sending.eventual import E
from swingset.host.sessions.pending import StillPending
from tests.scenarios.test_forwarding import VAT
from tests.staging import Stage


def told(stage: Stage, promise: Any) -> str:
    """Wait, in vain."""
    with pytest.raises(StillPending) as caught:
        stage.session.wait(promise)
    return str(caught.value)


def test_who_has_to_settle_it_is_named(stage: Stage) -> None:
    """At the end of the chain, where the answer of one vat is that of another."""
    a, b = stage.define("A", VAT), stage.define("B", VAT)
    assert told(stage, E(b).relay()).endswith("is still unresolved: vat B has to settle it")
    assert told(stage, E(a).relay(b)).endswith("is still unresolved: vat B has to settle it")
    stage.controller.vats.suspend("B", "for a rest")
    words = told(stage, E(a).relay(b))
    assert words.endswith("waits: vat B, suspended")


def test_a_suspended_vat_is_named_with_its_reason(stage: Stage) -> None:
    """And with what can be done."""
    promise = stage.send(stage.define("B", VAT), "relay")
    stage.session.settle()
    stage.controller.vats.suspend("B", "for a rest")
    words = told(stage, promise)
    assert words.startswith("vat B, which has to settle promise kp")
    assert words.endswith("is suspended: for a rest; upgrade the vat, or resume it")


def test_a_message_that_waits_for_another_promise_is_named(stage: Stage) -> None:
    """Nobody decides its result before it is delivered."""
    promise = E(E(stage.define("B", VAT)).relay()).say("hello")
    words = told(stage, promise)
    assert "the message say(), whose result it is, waits: promise kp" in words


def test_a_device_is_not_called_a_vat(stage: Stage) -> None:
    """What a device will settle is waited for by everybody."""
    promise = stage.send(stage.session.devices.timer(), "wake_at", 10)
    assert told(stage, promise).endswith("is still unresolved: it waits for a device or for the host")
    stage.controller.devices.poll(10)
    assert stage.session.wait(promise) == 10


def test_an_own_promise_is_ones_own_affair(stage: Stage) -> None:
    """A promise of the session itself, which no vat was told of, has no name in the kernel."""
    root = stage.define("B", VAT)
    promise = stage.send(root, "all").then(lambda _: make_promise()[0])
    assert told(stage, promise).endswith("it waits for something in this session")


def test_a_callback_cannot_enter_the_world_again(stage: Stage) -> None:
    """It is called within the delivery that settles its promise; what it sends goes out with that."""
    root = stage.define("B", VAT)
    entered = stage.send(root, "all").then(lambda _: stage.session.root("B"))
    sent = stage.send(root, "all").then(lambda _: E(root).say("hello"))
    with pytest.raises(KernelError, match="the world is in the middle of a delivery"):
        stage.session.wait(entered)
    assert stage.session.wait(sent) == 1
    assert stage.ask(root, "all") == ["hello"]
