"""An upgrade through vatAdmin that fails late: everything the new code did before is unwound."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from tests.scenarios.admin import Admin
from tests.vat_sources import SPY

PINGED = """
    from swingset.vat import E, durable, make_promise, provide, remotable, watch_promise

    @durable
    class Watcher:
        spy: object

        def on_fulfilled(self, value):
            E(self.spy).saw(["watched", value])

        def on_rejected(self, reason):
            E(self.spy).saw(["watched", "a rejection"])

    @remotable
    class Pinged:
        def __init__(self, baggage, parameters):
            self.baggage, self.parameters, self.pings = baggage, parameters, 0

        def get_parameters(self):
            return self.parameters

        def use(self, spy):
            provide(self.baggage, "watcher", lambda: Watcher(spy))
            self.baggage["spy"] = spy

        def ping(self):
            self.pings += 1
            return f"ping {self.pings}"

    def build_root_object(baggage, parameters):
        return Pinged(baggage, parameters)
"""

KABOOM = PINGED.replace(
    "        return Pinged(baggage, parameters)",
    """        spy, watcher = baggage["spy"], baggage["watcher"]
        settled, resolver = make_promise()
        resolver.resolve(["settled in", parameters["version"]])
        E(spy).saw(settled)
        watch_promise(settled, watcher)
        watch_promise(E(spy).saw("sent"), watcher)
        baggage["left"] = Watcher(spy)
        raise ValueError("kaboom")""",
)
assert KABOOM != PINGED


def rows(admin: Admin) -> tuple[Any, ...]:
    """Everything the world knows of the vat `pinged`: names, stored data, promises."""
    stage = admin.stage
    vat = stage.controller.kernel.vat("pinged")
    stored = stage.controller.world.rows(
        "SELECT key, value from vatstore where vat = ? order by key", (vat.id,)
    )
    return vat, stored, stage.lens.clist("pinged"), stage.transcript("pinged")


def test_nothing_of_a_failed_third_version_is_seen(admin: Admin) -> None:
    """Version 3 exports a settled promise, sends, watches and then throws: no spy hears, version 2 goes on.

    The reference tells the caller only `vat-upgrade failure`. Here the reason and the line are told as well.
    """
    spy = admin.stage.define("spy", SPY)
    code = admin.bundle(PINGED)
    root, node = admin.create(code, name="pinged", vatParameters={"version": 1})
    assert admin.ask(root, "ping") == "ping 1"
    assert admin.ask(node, "upgrade", code, {"vatParameters": {"version": 2}}) == {"incarnationNumber": 1}
    admin.ask(root, "use", spy)
    assert [admin.ask(root, "ping") for _ in range(2)] == ["ping 1", "ping 2"]
    before, heap = rows(admin), admin.stage.heap("pinged")
    bad = admin.bundle(KABOOM)
    with pytest.raises(RemoteError, match=r"^vat-upgrade failure: kaboom") as caught:
        admin.ask(node, "upgrade", bad, {"vatParameters": {"version": 3}})
    assert [(part, function) for part, _, function in caught.value.trace] == [("main", "build_root_object")]
    assert (rows(admin), admin.stage.heap("pinged")) == (before, heap)
    assert admin.ask(root, "ping") == "ping 3"
    assert admin.ask(root, "get_parameters") == {"version": 2}
    assert admin.ask(spy, "all") == []
    assert admin.ask(node, "upgrade", code, {"vatParameters": {"version": 3}}) == {"incarnationNumber": 2}
    assert admin.ask(root, "get_parameters") == {"version": 3}
    assert admin.ask(spy, "all") == []


def test_the_same_version_without_the_exception_is_heard(admin: Admin) -> None:
    """What version 3 would have said reaches the spy and the watcher where it does not throw."""
    spy = admin.stage.define("spy", SPY)
    root, node = admin.create(admin.bundle(PINGED), vatParameters={"version": 1})
    admin.ask(root, "use", spy)
    good = admin.bundle(KABOOM.replace('raise ValueError("kaboom")', "return Pinged(baggage, parameters)"))
    admin.ask(node, "upgrade", good, {"vatParameters": {"version": 3}})
    admin.stage.session.settle()
    heard = admin.ask(spy, "all")
    assert [what for what in heard if isinstance(what, list | str)] == [
        "sent",
        ["watched", ["settled in", 3]],
        ["watched", None],
    ]
    assert len(heard) == 4
