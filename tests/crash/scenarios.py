"""Scenarios that are crashed everywhere: small worlds that do everything a world does.

Each is a list of acts as an embedder writes them, and each act commits once where it can. `OPENINGS` has the
scenarios that need more than an open world.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from swingset import Controller, Ref, Retention, VatFault, export_archive, import_archive, open_world
from swingset.testing.lives import Act
from tests.crash.voting import DEARER, GOVERNANCE, SHOP, TOWN
from tests.vat_sources import PURSE, SAVINGS

BANK = (
    "from swingset.vat import durable, provide, remotable\n"
    + SAVINGS
    + """
@remotable
class Bank:
    def __init__(self, baggage):
        self.purse = provide(baggage, "purse", Purse)

    def pay(self, amount):
        print("paid", amount, "VERSION 1")
        return self.purse.deposit(amount)

    def purse(self):
        return self.purse

def build_root_object(baggage):
    return Bank(baggage)
"""
)

EUROS = (
    "from swingset.vat import BigMap, durable, migrate, provide, remotable\n"
    + PURSE
    + """
@remotable
class Bank:
    def __init__(self, baggage):
        self.purses = provide(baggage, "purses", lambda: BigMap("purses"))

    def open(self, *owners):
        for owner in owners:
            self.purses[owner] = Purse(owner, 5)

    def total(self, owner):
        print(owner, self.purses[owner].deposit(1))

def build_root_object(baggage):
    return Bank(baggage)
"""
)
CENTS = EUROS.replace("@durable", "@durable(version=2, eager=2)").replace(
    "    def deposit",
    """
    @migrate(1, 2)
    @staticmethod
    def to_cents(old):
        return {"owner": old["owner"], "balance": old["balance"] * 100}

    def deposit""",
)

CLERK = """
from swingset.vat import E, make_promise, remotable

@remotable
class Clerk:
    def __init__(self):
        self.promise, self.resolver = make_promise()
        self.notes = []

    def later(self):
        return self.promise

    def answer(self, value):
        print("answers", value)
        self.resolver.resolve(value)

    async def ask(self, other):
        self.notes.append(await E(E(other).forward(self)).bump())
        print("notes", self.notes)

    def forward(self, other):
        return E(other).later()

    def bump(self):
        return len(self.notes)

    async def wait(self, other):
        try:
            self.notes.append(await E(other).later())
        except Exception as problem:
            self.notes.append("broken")
        print("notes", self.notes)

    def hold(self, thing):
        self.held = thing

    def drop(self):
        self.held = None

def build_root_object():
    return Clerk()
"""

COUNTER = """
from swingset.vat import remotable

@remotable
class Counter:
    def __init__(self):
        self.count = 0

    def up(self):
        self.count += 1
        print(self.count)

def build_root_object():
    return Counter()
"""

ARCHIVE = """
from swingset.vat import BigMap, BigSet, provide, remotable

@remotable
class Archive:
    def __init__(self, baggage):
        self.years = provide(baggage, "years", lambda: BigMap("years", keys=int, values=str))
        self.names = provide(baggage, "names", lambda: BigSet("names"))

    def fill(self, first, last):
        for year in range(first, last):
            self.years[year] = f"year {year}"
            self.names.add(str(year))

    def empty(self):
        self.years.clear()
        print(len(self.years), len(self.names))

def build_root_object(baggage):
    return Archive(baggage)
"""

DEVICES = """
from swingset.vat import D, E, remotable

@remotable
class Sleeper:
    async def sleep(self, timer, duration):
        print("it is", await E(timer).delay(duration))

    def register(self, device):
        D(device).register(self)

    def deliver(self, peer, number, body):
        print("mail", peer, number, body)

    def post(self, mailbox, body):
        return D(mailbox).send("paris", body)

def build_root_object():
    return Sleeper()
"""

LANDLORD = """
from swingset.vat import E, remotable

@remotable
class Landlord:
    async def let(self, admin, name):
        made = await E(admin).create_vat_by_name("flat", {"name": name})
        self.node, self.flat = made["adminNode"], made["root"]
        print(await E(self.flat).rent())

    async def evict(self):
        gone = E(self.node).done()
        E(self.node).terminate("enough")
        print("gone", await gone)

def build_root_object():
    return Landlord()
"""
FLAT = """
from swingset.vat import remotable

@remotable
class Flat:
    def rent(self):
        return 7

def build_root_object():
    return Flat()
"""


def make(name: str, source: str) -> Act:
    """Create a vat."""
    return lambda world: world.create_vat(name, ((name, source),))


def upgrade(name: str, source: str) -> Act:
    """Upgrade it."""
    return lambda world: world.upgrade_vat(name, ((name, source),))


def clone(name: str, clone: str) -> Act:
    """Clone it."""
    return lambda world: world.clone_vat(name, clone)


def refused(name: str, source: str) -> Act:
    """Try to upgrade it with code that cannot take its state over."""

    def act(world: Controller) -> None:
        with pytest.raises(VatFault):
            world.upgrade_vat(name, ((name, source),))

    return act


def ask(vat: str, method: str, *args: Any) -> Act:
    """Send a message and run it. An argument that begins with @ is the root of that vat."""

    def act(world: Controller) -> None:
        given = [Ref(world.vats.root(arg[1:])) if str(arg).startswith("@") else arg for arg in args]
        world.queue_to_root(vat, method, given, policy="none")
        world.run()

    return act


def send(vat: str, method: str, *args: Any) -> Act:
    """Send a message that waits."""
    return lambda world: world.queue_to_root(vat, method, args, policy="none")


def run(world: Controller) -> None:
    """Run until nothing can run."""
    world.run()


def back(name: str) -> Act:
    """Go back to a checkpoint, or on to a later one."""
    return lambda world: world.history.go_back(name)


def point(name: str) -> Act:
    """Make a checkpoint."""
    return lambda world: world.checkpoint(name)


def prune(world: Controller) -> None:
    """Drop the branches that nothing leads to."""
    with world.lock:
        world.world.prune()


def retain(**given: Any) -> Act:
    """Choose how much of the past is kept."""
    return lambda world: world.history.retain(Retention(**given))


def retained(world: Controller) -> None:
    """The past begins with the last checkpoint, and the file is sound."""
    first, *later = world.history.timeline()
    assert first.cut
    assert first.checkpoints == ("one",)
    assert not any(stretch.checkpoints for stretch in later)
    assert world.verify() == []


def device(method: str, kind: str, *args: Any) -> Act:
    """Send a vat a message about a device, and run it."""

    def act(world: Controller) -> None:
        node = world.devices.service("timer") if kind == "timer" else world.devices.node(kind)
        world.queue_to_root("sleeper", method, [Ref(node), *args], policy="none")
        world.run()

    return act


def wake(world: Controller) -> None:
    """Let the alarm go off."""
    world.devices.poll(7)
    world.run()


def let(world: Controller) -> None:
    """Have a vat make another one."""
    world.devices.install_bundle((("flat", FLAT),), "flat")
    admin = world.devices.service("vatAdmin")
    world.queue_to_root("landlord", "let", [Ref(admin), "flat"], policy="none")
    world.run()


def install(name: str, source: str) -> Act:
    """Install a graph of modules under a name."""
    parts = (("exits", '__exits__ = ["swingset.vat.contract"]\n'), ("shop", source))
    return lambda world: world.devices.install_bundle(parts, name)


def settle(world: Controller) -> None:
    """Have the town make a shop, an electorate and a governor."""
    roots = [world.devices.service("vatAdmin"), world.vats.root("governor"), world.devices.node("bundle")]
    world.queue_to_root("town", "settle", [Ref(root) for root in roots], policy="none")
    world.run()


def export(world: Controller) -> None:
    """Write a copy and an archive of the world, which hold the same state."""
    with TemporaryDirectory() as folder:
        copies = Path(folder) / "copy.world", Path(folder) / "unpacked.world"
        world.history.export(copies[0])
        export_archive(world, Path(folder) / "it.swingset", level="replay")
        import_archive(Path(folder) / "it.swingset", copies[1])
        for copy in copies:
            with open_world(copy, worker="local") as other:
                assert other.digest() == world.digest()


V2, LOSSY = BANK.replace("VERSION 1", "VERSION 2"), CLERK

SCENARIOS: dict[str, list[Act]] = {
    "upgrade": [
        make("bank", BANK), ask("bank", "pay", 1), upgrade("bank", V2), ask("bank", "pay", 2),
        upgrade("bank", BANK), ask("bank", "pay", 3),
    ],
    "refused upgrade": [
        make("bank", BANK), ask("bank", "pay", 1), refused("bank", LOSSY), ask("bank", "pay", 2),
        refused("bank", "1 / 0"), ask("bank", "pay", 3),
    ],
    "migration": [
        make("bank", EUROS), ask("bank", "open", "ann", "bob", "cid", "dan"), upgrade("bank", CENTS),
        ask("bank", "total", "dan"), ask("bank", "total", "ann"),
        lambda world: world.vats.migrate("bank"),
    ],
    "checkpoint": [
        make("bank", BANK), point("one"), ask("bank", "pay", 1), point("two"), ask("bank", "pay", 2),
        lambda world: world.checkpoint("one", move=True), lambda world: world.vats.snapshot_all(),
    ],
    "resume": [
        make("bank", BANK), point("one"), ask("bank", "pay", 1), back("one"), ask("bank", "pay", 5),
        ask("bank", "pay", 6),
    ],
    "undo": [
        make("bank", BANK), ask("bank", "pay", 1), point("before"), upgrade("bank", V2),
        ask("bank", "pay", 2), point("after"), back("before"), ask("bank", "pay", 3), back("after"),
        ask("bank", "pay", 4),
    ],
    "prune": [
        make("bank", BANK), point("one"), ask("bank", "pay", 1), upgrade("bank", V2), ask("bank", "pay", 2),
        back("one"), prune, ask("bank", "pay", 7), prune,
    ],
    "retention": [
        make("bank", BANK), retain(cranks=2), ask("bank", "pay", 1), ask("bank", "pay", 2),
        ask("bank", "pay", 3), point("one"), retain(checkpoint="one"), ask("bank", "pay", 4),
        lambda world: world.checkpoint("one", move=True), ask("bank", "pay", 5), retain(ceiling=1),
        ask("bank", "pay", 6), retained,
    ],
    "termination": [
        make("clerk", CLERK), make("bank", EUROS), ask("bank", "open", "ann", "bob", "cid"),
        ask("clerk", "hold", "@bank"), send("bank", "total", "ann"),
        lambda world: world.terminate_vat("bank", "enough"), run, make("bank", BANK), ask("bank", "pay", 1),
    ],
    "promise chains": [
        make("ann", CLERK), make("bob", CLERK), ask("ann", "wait", "@bob"), ask("ann", "ask", "@bob"),
        upgrade("bob", CLERK), ask("ann", "answer", "@bob"), ask("ann", "bump"),
    ],
    "devices": [
        make("sleeper", DEVICES), device("sleep", "timer", 5), device("register", "mailbox"),
        device("post", "mailbox", "hello"), device("post", "mailbox", "again"), wake,
        lambda world: world.devices.receive("paris", [[1, "hi"], [2, "hm"]], ack=1), run,
    ],
    "collections": [
        make("archive", ARCHIVE), ask("archive", "fill", 1990, 2020), ask("archive", "fill", 2010, 2030),
        upgrade("archive", ARCHIVE), ask("archive", "empty"), ask("archive", "fill", 1, 3),
    ],
    "import": [ask("bank", "pay", 4), upgrade("bank", V2), ask("bank", "pay", 5), export],
    "waiting": [
        make("bank", BANK), lambda world: world.vats.suspend("bank"), send("bank", "pay", 1), run,
        lambda world: world.queue.pause(), send("bank", "pay", 2), lambda world: world.vats.resume("bank"),
        lambda world: world.queue.unpause(), run, lambda world: world.options.change({"reap_interval": 2}),
        lambda world: world.vats.change_options("bank", {"reap_interval": 3}), ask("bank", "pay", 3),
    ],
    "references": [
        make("ann", CLERK), make("bob", CLERK), ask("ann", "hold", "@bob"), lambda world: pin(world, "bob"),
        ask("ann", "drop"), lambda world: world.gc.reap_all(), run, lambda world: unpin(world, "bob"), run,
    ],
    "heaps": [
        make("count", COUNTER), ask("count", "up"), point("one"), ask("count", "up"), back("one"),
        ask("count", "up"), lambda world: world.vats.snapshot_all(), ask("count", "up"),
    ],
    "votes": [
        make("governor", GOVERNANCE), make("town", TOWN), install("shop", SHOP), settle,
        install("dearer", DEARER), ask("town", "propose", "dearer"), ask("town", "vote", "ann", "yes"),
        upgrade("governor", GOVERNANCE + "# the second"), ask("town", "vote", "bob", "yes"),
        ask("town", "close"), ask("town", "look"),
    ],
    "clones": [
        make("bank", BANK), ask("bank", "pay", 1), point("one"), clone("bank", "branch"),
        ask("branch", "pay", 2), clone("branch", "stall"), ask("stall", "pay", 3), upgrade("branch", V2),
        lambda world: world.terminate_vat("bank", "enough"), run, back("one"), clone("bank", "kiosk"),
        ask("kiosk", "pay", 4),
    ],
    "vats that make vats": [make("landlord", LANDLORD), let, ask("landlord", "evict"), run],
}  # fmt: skip
"""By name: what is done to a world."""


def pin(world: Controller, vat: str) -> str:
    """Hold the root of a vat."""
    return world.vats.pin_root(vat)


def unpin(world: Controller, vat: str) -> None:
    """Let go of it."""
    world.gc.unpin(world.vats.root(vat))


@cache
def archive() -> bytes:
    """An archive from elsewhere, of a world with a vat that was paid."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.swingset"
        with open_world(worker="local") as world:
            for act in (make("bank", BANK), ask("bank", "pay", 1), point("made"), ask("bank", "pay", 2)):
                act(world)
            export_archive(world, path, level="debug")
        return path.read_bytes()


def import_it(path: Path) -> Controller:
    """Open the world of an archive, which is unpacked first if it is not there."""
    if not path.exists():
        packed = path.with_name(f"{path.name}.swingset")
        packed.write_bytes(archive())
        import_archive(packed, path)
        packed.unlink()
    return opened(path)


def opened(path: Path, worker: Any = "local") -> Controller:
    """Open a world that saves heap images often."""
    return open_world(path, worker=worker, snapshot_interval=2)


OPENINGS: dict[str, Callable[[Path], Controller]] = {"import": import_it}


def opening(name: str, worker: str = "local") -> Callable[[Path], Controller]:
    """How the world of a scenario is opened."""
    return OPENINGS.get(name) or partial(opened, worker=worker)
