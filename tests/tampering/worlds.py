"""Worlds that have something in every table, to be tampered with."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from swingset.core.errors import KernelPanic
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from tests.vat_sources import PURSE

BANK = (
    """
from swingset.vat import E, adopt_promise, durable, make_promise, remotable
"""
    + PURSE
    + """
    def on_adopted(self, resolver):
        resolver.resolve(self)

@remotable
class Thing:
    def use(self):
        return 1

@remotable
class Bank:
    def __init__(self, baggage):
        self.baggage, self.held = baggage, []

    def open_purse(self, owner: str):
        return Purse(owner=owner)

    def thing(self):
        return Thing()

    def later(self):
        promise, resolver = make_promise()
        self.held.append(resolver)
        return promise

    def left_to_a_purse(self):
        promise, resolver = make_promise()
        adopt_promise(promise, Purse(owner="heir"))
        return promise

    def hold(self, value):
        self.held.append(value)

    def drop(self):
        self.held.clear()

    def fail(self):
        raise ValueError("no")

    def follow(self, value):
        return value

def build_root_object(baggage):
    return Bank(baggage)
"""
)


def rich(path: Path) -> None:
    """A local world: promises in flight, parked events, devices, meters, collected objects, branches."""
    with open_world(path, worker="local") as controller:
        session = Session(controller)
        bank, *_ = (session.define(name, dedent(BANK)) for name in ("bank", "shop", "gone", "still"))
        controller.vats.change_options("bank", {"meter": controller.meters.create(10**9), "reap_interval": 3})
        alice = session.wait(E(bank).open_purse("alice"))
        session.wait(E(alice).deposit(5))
        controller.checkpoint("start")
        session.wait(E(alice).deposit(1))
        controller.checkpoint("left")
        controller.history.go_back("start")
    with open_world(path, worker="local") as controller:
        session = Session(controller)
        bank, shop, gone, still = (session.root(name) for name in ("bank", "shop", "gone", "still"))
        alice = session.wait(E(bank).open_purse("bob"))
        thing = session.wait(E(gone).thing())
        session.wait(E(shop).hold([alice, thing]))
        timer = session.devices.timer()
        controller.devices.poll(3)
        devices(controller, session, shop, timer)
        promises(controller, session, bank, shop)
        controller.vats.suspend("still")
        E(still).thing()
        session.settle()
        controller.checkpoint("end")
        session.wait(E(shop).drop())
        controller.gc.reap_all()
        while controller.world.row("SELECT 1 from gc_actions") is None:
            assert controller.step() is not None
        controller.queue.pause()
        E(alice).deposit(7)
        E(bank).hold([shop, timer])
        session.names.remember({"alice": alice})
        session.flush()
        controller.gc.pin(str(session.kref_of(alice)))
        controller.gc.reap_all()
        controller.terminate_vat("gone")
        session.drafts.add("draft", "draft", "x = 1")
        controller.queue.unpause()


def devices(controller: Controller, session: Session, shop: Any, timer: Any) -> None:
    """Have devices keep something."""
    session.wait(E(shop).hold(E(timer).delay(100)))
    session.devices.vat_admin()
    session.devices.bundle("def build_root_object(): pass", "code")
    session.wait(E(shop).hold([session.devices.mailbox(), session.devices.bridge()]))
    session.devices.admin_node("shop")
    session.settle()


def promises(controller: Controller, session: Session, bank: Any, shop: Any) -> None:
    """Have promises in every state, with messages and vats that wait for them."""
    pending = E(bank).later()
    E(pending).deposit(1)
    session.wait(E(shop).hold([1]))
    E(shop).hold(pending)
    E(shop).follow(pending)
    E(shop).hold(E(bank).left_to_a_purse())
    session.settle()
    for method in ("later", "thing", "fail"):
        controller.queue_to_root("bank", method, policy="log_failure")
    controller.run()


def panicked(path: Path) -> None:
    """A local world that has stopped for good."""
    with open_world(path, worker="local") as controller:
        session = Session(controller)
        session.define("bank", dedent(BANK))
        controller.queue_to_root("bank", "fail", policy="panic")
        try:
            controller.run()
        except KernelPanic:
            return
        raise AssertionError("the world goes on")


def logged(path: Path) -> None:
    """A local world that hands its commits to a log elsewhere; events wait everywhere that they can wait."""
    with open_world(path, worker="local") as controller:
        session = Session(controller)
        bank, still = (session.define(name, dedent(BANK)) for name in ("bank", "still"))
        controller.history.feed(lambda commit: None, log="ledger")
        controller.checkpoint("start")
        E(E(bank).later()).deposit(1)
        controller.vats.suspend("still")
        E(still).thing()
        session.settle()
        controller.queue.pause()
        E(bank).thing()
        session.flush()


def confined(path: Path) -> None:
    """A world of the confined engine, with a heap image and deliveries after it."""
    with open_world(path, worker="wasm") as controller:
        session = Session(controller)
        bank = session.define("bank", dedent(BANK))
        session.wait(E(bank).thing())
        controller.checkpoint("start")
        alice = session.wait(E(bank).open_purse("alice"))
        E(alice).deposit(1)
        session.flush()
