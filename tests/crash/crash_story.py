"""The story that crash tests interrupt, and what has to be true of a world wherever it was interrupted.

Run in a child process it reports each commit through a pipe: `about` with the digest just before, `done`
just after. So the parent knows which two states a kill may have left, and that there is no third.
"""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from typing import Any

from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.testing import audit
from swingset.vat import E
from tests.vat_sources import SAVINGS

BANK = (
    """
from swingset.vat import E, durable, provide, remotable

VERSION = 1
"""
    + SAVINGS
    + """
def build_root_object(baggage):
    purse = provide(baggage, "purse", Purse)

    @remotable
    class Bank:
        async def pay(self, other):
            purse.deposit(1)
            return await E(other).bump()

        def purse(self):
            return purse

    return Bank()
"""
)

SLOW = """
from swingset.vat import E, make_promise, remotable

def build_root_object():
    bumps = 0
    promise, resolver = make_promise()
    answers = []

    @remotable
    class Slow:
        def bump(self):
            nonlocal bumps
            bumps += 1
            return bumps

        def bumps(self):
            return bumps

        def wait(self):
            return promise

        def release(self, value):
            resolver.resolve(value)

        async def half(self, other):
            mine = bumps + 41
            answers.append([mine, await E(other).wait()])

        def answers(self):
            return answers

    return Slow()
"""


def begin(session: Session) -> dict[str, Any]:
    """Define the vats, leave an async method half done, and have the session remember its names."""
    bank, slow = session.define("bank", BANK), session.define("slow", SLOW)
    clerk = session.define("clerk", SLOW)
    session.wait(E(bank).pay(slow))
    E(clerk).half(slow)
    session.settle()
    names = {"bank": bank, "slow": slow, "clerk": clerk, "purse": session.wait(E(bank).purse())}
    session.names.remember(names)
    return names


def check_and_finish(controller: Controller, session: Session, queued: int = 0) -> None:
    """The names, a balance, a closure's variable and the half-done method are there, and it finishes."""
    kernel = controller.kernel
    assert audit(kernel.store) == []
    controller.queue.unpause()
    session.settle()
    names = session.names.recall()
    assert sorted(names) == ["bank", "clerk", "purse", "slow"]
    balance = session.wait(E(names["purse"]).deposit(0))
    assert balance == session.wait(E(names["slow"]).bumps())
    assert balance >= 1 + queued
    assert session.wait(E(names["bank"]).pay(names["slow"])) == balance + 1
    assert session.wait(E(names["clerk"]).answers()) == []
    session.wait(E(names["slow"]).release("at last"))
    session.settle()
    assert session.wait(E(names["clerk"]).answers()) == [[41, "at last"]]
    assert audit(kernel.store) == []


def child(path: str, worker: str, act: str, pipe: Connection) -> None:
    """Tell the story up to an act, then wait to be killed, or go on until it is."""
    controller = open_world(path, worker=worker, snapshot_interval=7)

    def told(step: str) -> None:
        if step in ("before-commit", "after-commit"):
            pipe.send(("about" if step == "before-commit" else "done", controller.digest()))

    controller.world.faults = told
    session = Session(controller)
    names = begin(session)
    if act == "queued":
        controller.queue.pause()
        for _ in range(5):
            E(names["bank"]).pay(names["slow"])
        session.settle()
        controller.step()
    elif act == "upgraded":
        controller.checkpoint("before")
        session.upgrade("bank", "bank", BANK.replace("VERSION = 1", "VERSION = 2"))
    pipe.send(("ready", ""))
    if act != "commits":
        time.sleep(60)
        os._exit(1)
    for turn in range(10_000):
        session.wait(E(names["bank"]).pay(names["slow"]))
        if turn % 4 == 1:
            session.upgrade("bank", "bank", BANK.replace("VERSION = 1", f"VERSION = {turn}"))
        if turn % 5 == 2:
            controller.checkpoint(f"turn {turn}")
