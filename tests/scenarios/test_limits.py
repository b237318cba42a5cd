"""How far a run goes, and what becomes of a vat whose delivery goes too far."""

from __future__ import annotations

import pytest

from swingset import policies
from swingset.guest.base.errors import RemoteError, RemoteRejection
from tests.scenarios.admin import Admin
from tests.staging import Stage

PLAYER = """
    from swingset.vat import E, remotable

    @remotable
    class Player:
        def play(self, other):
            E(other).play(self)

    def build_root_object():
        return Player()
"""


@pytest.mark.parametrize("limit", [15, 2, 16])
def test_an_endless_exchange_runs_for_exactly_so_many_cranks(stage: Stage, limit: int) -> None:
    """A run of 15, 2 or 16 cranks is one of exactly so many, says that there is more, and can be repeated."""
    ping, pong = stage.define("ping", PLAYER), stage.define("pong", PLAYER)
    stage.send(ping, "play", pong)
    stage.session.flush()
    for _ in range(2):
        report = stage.controller.run(policies.cranks(limit))
        assert (report.cranks, len(report.reports), report.more) == (limit, limit, True)


BURNER = """
    from swingset.vat import make_promise, remotable

    @remotable
    class Burner:
        def __init__(self, baggage):
            self.baggage = baggage
            self.kept = []

        def keep(self, what):
            self.kept.append(what)
            self.baggage["kept"] = self.kept
            return self.kept

        def wait(self):
            promise, self.resolver = make_promise()
            return promise

        def answer(self, value):
            self.resolver.resolve(value)

        def burn(self):
            self.keep("half done")
            self.resolver.resolve("never said")
            while True:
                pass

    def build_root_object(baggage):
        return Burner(baggage)
"""


def test_a_delivery_past_its_limit_is_undone_and_the_vat_lives(metered: Admin) -> None:
    """Only the message that ran out is rejected, as out-of-computrons; memory and promises are as before.

    The reference terminates the vat, breaks its promises and rejects done with `Compute meter exceeded`. That
    makes any caller who finds an expensive argument the master over the vat's life. Here a delivery is
    undone as if it had never been made, so nothing is half done that would make the vat unfit to go on.
    Computrons are counted in the engine only.
    """
    admin, wasm = metered, metered.stage
    root, node = admin.create(admin.bundle(BURNER), name="burner", computrons=300_000_000)
    done, waiting = admin.send(node, "done"), admin.send(root, "wait")
    assert admin.ask(root, "keep", "before") == ["before"]
    heap, rows = wasm.heap("burner"), wasm.lens.clist("burner")
    with pytest.raises(RemoteError, match=r"^vat burner: burn\(\): ") as caught:
        admin.ask(root, "burn")
    assert caught.value.code == "out-of-computrons"
    assert (wasm.heap("burner"), wasm.lens.clist("burner")) == (heap, rows)
    assert (done.status, waiting.status) == ("pending", "pending")
    assert admin.ask(root, "keep", "after") == ["before", "after"]
    admin.ask(root, "answer", "said")
    assert admin.wait(waiting) == "said"
    admin.ask(node, "terminate_with_failure", "enough")
    with pytest.raises(RemoteRejection) as ended:
        admin.wait(done)
    assert ended.value.reason == "enough"


def test_a_delivery_past_its_limit_is_paid_for(metered: Admin) -> None:
    """The meter pays for what was undone, up to the limit, else endless deliveries would cost nothing."""
    admin = metered
    meter = admin.ask(admin.vat_admin, "create_meter", 10**12, 0)
    root, _ = admin.create(admin.bundle(BURNER), meter=meter, computrons=300_000_000)
    waiting = admin.send(root, "wait")
    admin.stage.session.settle()
    for _ in range(2):
        before = admin.ask(meter, "get")["remaining"]
        with pytest.raises(RemoteError) as caught:
            admin.ask(root, "burn")
        assert caught.value.code == "out-of-computrons"
        assert before - admin.ask(meter, "get")["remaining"] == 300_000_000
    assert waiting.status == "pending"
