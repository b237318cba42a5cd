"""Makes the worlds of the corpus: `python tests/corpus/make.py [NAME...]`.

Every later version has to open them, repeat every confined vat and go on. Each is a world file, packed, and
beside it what it was when it was made: digests, deliveries and heaps, and how it went on. Two runs of this
script make worlds with the same digests.

The worlds of a released format are never made again. A later format, or a later release, adds stories with
names of their own, and keeps what is here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(root / "kernel"), str(root)]

from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref
from swingset.time.copies.archives import export_archive, import_archive
from tests.corpus.playing import ARCHIVE, FOLDER, SUFFIX, digests, play, repeated
from tests.vat_sources import PURSE

COUNTER = """
from swingset.vat import remotable

def build_root_object():
    counts = []

    @remotable
    class Counter:
        def up(self, by):
            counts.append(by)
            return sum(counts)

    return Counter()
"""

BANK = (
    """
from swingset.vat import BigMap, durable, provide, remotable
"""
    + PURSE
    + """
def build_root_object(baggage):
    purses = provide(baggage, "purses", lambda: BigMap("purses", durable=True))
    calls = []

    @remotable
    class Bank:
        def purse(self, owner: str):
            if owner not in purses:
                purses[owner] = Purse(owner=owner)
            return purses[owner]

        def deposit(self, owner: str, amount: int) -> int:
            calls.append(amount)
            return self.purse(owner).deposit(amount)

        def calls(self):
            return list(calls)

    return Bank()
"""
)

NEWER_BANK = (
    BANK.replace("@durable", "@durable(version=2)")
    .replace(
        "    balance: int = 0\n",
        """    balance: int = 0
    currency: str = "EUR"

    @migrate(1, 2)
    @staticmethod
    def priced(old):
        return {**old, "currency": "EUR"}
""",
    )
    .replace("BigMap, durable,", "BigMap, durable, migrate,")
)

WAITER = """
from swingset.vat import E, make_promise, remotable

def build_root_object():
    opened, heard = [], []

    @remotable
    class Waiter:
        def later(self):
            promise, resolver = make_promise()
            opened.append(resolver)
            return promise

        async def use(self, other):
            promise = E(other).later()
            length = await E(promise).length()
            heard.append(length)
            return length

        def settle(self, words):
            for resolver in opened:
                resolver.resolve(Words(words))
            opened.clear()

        def heard(self):
            return list(heard)

    @remotable
    class Words:
        def __init__(self, words):
            self.words = words

        def length(self):
            return len(self.words)

    return Waiter()
"""

SLEEPER = """
from swingset.vat import E, remotable

def build_root_object():
    woken = []

    @remotable
    class Sleeper:
        async def sleep(self, timer, duration: int):
            woken.append(await E(timer).delay(duration))

        def wake(self, now: int):
            woken.append(-now)

        async def each(self, timer, interval: int):
            await E(timer).repeat_after(0, interval, self)

        def woken(self):
            return list(woken)

    return Sleeper()
"""

Steps = list[list[Any]]


def images(controller: Controller) -> Steps:
    """A heap image and a transcript since, and a moment to go back to."""
    controller.create_vat("counter", (("counter", COUNTER),))
    _tell(controller, "counter", "up", 1)
    controller.checkpoint("early")
    _tell(controller, "counter", "up", 10)
    return [
        ["ask", "counter", "up", 100],
        ["back", "early"],
        ["ask", "counter", "up", 1000],
    ]


def unfinished(controller: Controller) -> Steps:
    """No image at all: promises in flight, messages that wait for them, half-finished functions."""
    for name in ("ann", "ben"):
        controller.create_vat(name, (("main", WAITER),))
    ben = Ref(controller.kernel.root_of("ben"), "ben")
    for _ in range(2):
        _tell(controller, "ann", "use", ben)
    _tell(controller, "ann", "settle", "nobody waits")
    controller.queue_to_root("ben", "heard", policy="none")
    return [
        ["ask", "ann", "heard"],
        ["ask", "ben", "settle", "settled at last"],
        ["ask", "ann", "heard"],
    ]


def upgraded(controller: Controller) -> Steps:
    """An upgraded vat, with durable state of its older version, and the moment before to go back to."""
    controller.create_vat("bank", (("kind", "# a part of its own"), ("bank", BANK)))
    for owner in ("alice", "bob", "carol"):
        _tell(controller, "bank", "deposit", owner, 3)
    controller.commit("before the upgrade")
    controller.world.label("before")
    controller.upgrade_vat("bank", (("bank", NEWER_BANK),))
    _tell(controller, "bank", "deposit", "alice", 3)
    return [
        ["ask", "bank", "deposit", "alice", 1],
        ["ask", "bank", "deposit", "bob", 1],
        ["ask", "bank", "calls"],
        ["back", "before"],
        ["ask", "bank", "deposit", "carol", 1],
    ]


def time(controller: Controller) -> Steps:
    """The library's own vats, alarms, a suspended vat with something parked, and a terminated one."""
    timer = Ref(controller.devices.service("timer"), "timer")
    controller.devices.service("vatAdmin")
    for name in ("sleeper", "held", "gone"):
        controller.create_vat(name, (("main", SLEEPER),))
        _tell(controller, name, "sleep", timer, 5)
    _tell(controller, "sleeper", "each", timer, 3)
    controller.terminate_vat("gone", "enough")
    controller.vats.suspend("held", "for the corpus")
    controller.devices.poll(4)
    controller.run()
    _tell(controller, "held", "sleep", timer, 1)
    controller.run()
    return [
        ["poll", 6],
        ["ask", "sleeper", "woken"],
        ["wake", "held"],
        ["poll", 12],
        ["ask", "held", "woken"],
        ["ask", "sleeper", "woken"],
    ]


def notebook(controller: Controller) -> Steps:
    """A session's own vat, with names that come back and promises that do not."""
    session = Session(controller)
    bank = session.define("bank", BANK)
    alice = session.wait(E(bank).purse("alice"))
    session.wait(E(alice).deposit(10))
    pending = E(bank).calls()
    session.names.remember({"bank": bank, "alice": alice, "pending": pending, "both": [alice, bank]})
    session.settle()
    return [["names"], ["use", "alice", "deposit", 5], ["ask", "bank", "deposit", "alice", 1]]


def carried(controller: Controller) -> Steps:
    """An archive of a world with all its records: a branch, a checkpoint, an upgrade, a promise in flight."""
    controller.create_vat("bank", (("bank", BANK),))
    for name in ("ann", "ben"):
        controller.create_vat(name, (("main", WAITER),))
    _tell(controller, "bank", "deposit", "alice", 1)
    controller.commit("early")
    controller.world.label("early")
    _tell(controller, "bank", "deposit", "alice", 1_000)
    controller.history.go_back("early")
    controller.upgrade_vat("bank", (("bank", NEWER_BANK),))
    _tell(controller, "bank", "deposit", "bob", 10)
    _tell(controller, "ann", "use", Ref(controller.kernel.root_of("ben"), "ben"))
    controller.queue_to_root("bank", "calls", policy="none")
    return [
        ["ask", "bank", "deposit", "alice", 5],
        ["ask", "ben", "settle", "settled at last"],
        ["ask", "ann", "heard"],
        ["back", "early"],
        ["ask", "bank", "deposit", "alice", 1],
    ]


STORIES: tuple[Callable[[Controller], Steps], ...] = (images, unfinished, upgraded, time, notebook)
ARCHIVED: tuple[Callable[[Controller], Steps], ...] = (carried,)
"""What is stored as an archive of everything, with the records of each crank and request."""


def _tell(controller: Controller, vat: str, method: str, *args: Any) -> None:
    controller.queue_to_root(vat, method, list(args), policy="none")
    controller.run()


def make(story: Callable[[Controller], Steps], folder: Path) -> dict[str, Any]:
    """Write one world of the corpus, and what is known of it; answers the latter."""
    name = story.__name__
    with tempfile.TemporaryDirectory() as scratch:
        path, copy = Path(scratch) / "made.world", Path(scratch) / "copy.world"
        with open_world(path, worker="wasm") as controller:
            steps = story(controller)
            controller.commit("made")
            if story in ARCHIVED:
                archive = folder / f"{name}{ARCHIVE}"
                archive.unlink(missing_ok=True)
                export_archive(controller, archive, level="debug")
                import_archive(archive, copy)
            else:
                controller.world.prune()
                controller.world.export(copy)
        if story not in ARCHIVED:
            packer = zstandard.ZstdCompressor(level=19, write_content_size=True)
            (folder / f"{name}{SUFFIX}").write_bytes(packer.compress(copy.read_bytes()))
        with open_world(copy, worker="wasm") as controller:
            known: dict[str, Any] = {
                "about": (story.__doc__ or "").strip(),
                "found": digests(controller),
                "repeated": repeated(controller),
                "steps": [[step, came] for step, came in zip(steps, play(controller, steps), strict=True)],
            }
            # What a session does of its own accord is its host's, which may be of a later release.
            known["left"] = None if story is notebook else digests(controller)
    (folder / f"{name}.json").write_text(json.dumps(known, indent=1) + "\n")
    return known


def main(names: list[str]) -> None:
    """Make the worlds of these names, or all of them, and tell what was made."""
    for story in (*STORIES, *ARCHIVED):
        if not names or story.__name__ in names:
            known = make(story, FOLDER)
            end = ARCHIVE if story in ARCHIVED else SUFFIX
            size = (FOLDER / f"{story.__name__}{end}").stat().st_size
            print(f"{story.__name__:12} {size:8,} bytes  state {known['found']['state'][:16]}…")


if __name__ == "__main__":
    main(sys.argv[1:])
