"""Chance in resumable calls: what was drawn before an upgrade or a restart is drawn again after it."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import WORKERS, MakeStage
from tests.staging import Stage

ORACLE = """
    from swingset.vat import make_promise, remotable

    @remotable
    class Oracle:
        def __init__(self):
            self.asked, self.waiting = [], []

        def ask(self, item):
            self.asked.append(item)
            promise, resolver = make_promise()
            self.waiting.append(resolver)
            return promise

        def answer(self):
            asked, self.asked, waiting, self.waiting = self.asked, [], self.waiting, []
            for resolver in waiting:
                resolver.resolve("yes")
            return asked

    def build_root_object():
        return Oracle()
"""

DRAWER = """
    import os, random, secrets, time, uuid
    from datetime import date
    from os import urandom
    from random import randint, random as rnd, shuffle
    from uuid import uuid4
    from time import time as now
    from swingset.vat import E, remotable, resumable

    def nested():
        return [uuid.uuid4().hex, random.random()]

    def shuffled():
        items = list(range(20))
        shuffle(items)
        return items

    def own():
        mine = random.Random()
        return [mine.random(), random.Random(7).random()]

    def reseeded():
        random.seed()
        return random.random()

    def local_import():
        from secrets import token_bytes
        from random import SystemRandom
        return [token_bytes(4).hex(), SystemRandom().random()]

    WAYS = {
        "uuid4": lambda: str(uuid.uuid4()),
        "uuid1": lambda: [str(uuid.uuid1()), str(uuid.uuid1())],
        "uuid by name": lambda: str(uuid4()),
        "random": lambda: [random.random(), random.randrange(1 << 64), random.gauss(0, 1)],
        "random by name": lambda: [rnd(), randint(0, 1 << 64)],
        "shuffle": shuffled,
        "urandom": lambda: os.urandom(9).hex(),
        "urandom by name": lambda: urandom(9).hex(),
        "secrets": lambda: [secrets.token_hex(), secrets.randbelow(1 << 64), secrets.choice(range(999))],
        "a Random of its own": own,
        "seed": reseeded,
        "SystemRandom": lambda: random.SystemRandom().randrange(1 << 80),
        "imported where it is drawn": local_import,
        "helpers": nested,
        "time": lambda: [time.time(), time.time_ns(), now(), time.monotonic()],
        "calendar": lambda: [
            list(time.gmtime()), list(time.localtime(None)), time.ctime(), time.asctime(),
            time.strftime("%Y"), list(time.gmtime(7)), date.today().isoformat() < "1970-01-02",
        ],
    }

    @resumable
    async def order(oracle, way):
        first = WAYS[way]()
        said = await E(oracle).ask(first)
        second = WAYS[way]()
        said += await E(oracle).ask(second)
        return [first, second, WAYS[way](), said]

    @resumable
    async def inner(oracle):
        first = str(uuid.uuid4())
        await E(oracle).ask(first)
        return first

    @resumable
    async def outer(oracle):
        one = str(uuid.uuid4())
        two = await inner(oracle)
        return [one, two, str(uuid.uuid4())]

    @remotable
    class Root:
        def start(self, oracle, way): return order(oracle, way)
        def nest(self, oracle): return outer(oracle)
        def plain(self): return [str(uuid.uuid4()), random.random()]

    def build_root_object():
        return Root()
"""

WAYS = (
    "uuid4",
    "uuid1",
    "uuid by name",
    "random",
    "random by name",
    "shuffle",
    "urandom",
    "urandom by name",
    "secrets",
    "a Random of its own",
    "seed",
    "SystemRandom",
    "imported where it is drawn",
    "helpers",
    "time",
    "calendar",
)


class Table:
    """A vat that draws, an oracle that answers when it is told to, and what was drawn."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.oracle = stage.define("oracle", ORACLE)
        self.drawer = stage.define("drawer", DRAWER)
        self.version = 0

    def upgrade(self) -> None:
        self.version += 1
        self.stage.upgrade("drawer", DRAWER + f"    # version {self.version}\n")

    def answer(self) -> list[Any]:
        self.stage.session.settle()
        asked: list[Any] = self.stage.ask(self.oracle, "answer")
        return asked


@pytest.mark.parametrize("way", WAYS)
def test_what_was_drawn_is_drawn_again(stage: Stage, way: str) -> None:
    """The call is resumed twice by upgrades, and its answer has what it sent the first time."""
    table = Table(stage)
    running = stage.send(table.drawer, "start", table.oracle, way)
    stage.session.settle()
    table.upgrade()
    [first] = table.answer()
    stage.session.settle()
    table.upgrade()
    [second] = table.answer()
    *drawn, third, said = stage.session.wait(running)
    assert (drawn, said) == ([first, second], "yesyes")
    if way not in ("time", "calendar"):
        assert len({str(item) for item in (first, second, third)}) == 3


def test_calls_draw_apart_from_each_other(stage: Stage) -> None:
    """Five calls under way at once, answered in one turn after an upgrade: ten different ids."""
    table = Table(stage)
    running = [stage.send(table.drawer, "start", table.oracle, "uuid4") for _ in range(5)]
    stage.session.settle()
    table.upgrade()
    firsts = table.answer()
    seconds = table.answer()
    results = [stage.session.wait(promise) for promise in running]
    assert sorted(result[0] for result in results) == sorted(firsts)
    assert sorted(result[1] for result in results) == sorted(seconds)
    assert len({*firsts, *seconds}) == 10


def test_a_resumable_that_calls_another_keeps_both_their_ids(stage: Stage) -> None:
    """Each has a chance of its own, and goes on with it."""
    table = Table(stage)
    running = stage.send(table.drawer, "nest", table.oracle)
    stage.session.settle()
    table.upgrade()
    [asked] = table.answer()
    one, two, three = stage.session.wait(running)
    assert two == asked
    assert len({one, two, three}) == 3


@pytest.mark.parametrize("worker", WORKERS)
def test_another_process_draws_the_same(worker: str, tmp_path: Path, make_stage: MakeStage) -> None:
    """The vat comes back from the file, is upgraded there, and the id is the one that was sent."""
    path = tmp_path / "world"
    stage = make_stage(worker, path)
    table = Table(stage)
    kref = stage.controller.queue_to_root("drawer", "start", [ref_of(stage, table.oracle), "uuid4"])
    assert kref is not None
    stage.session.settle()
    stage.close()
    again = make_stage(worker, path)
    oracle = again.session.root("oracle")
    again.upgrade("drawer", DRAWER + "    # another\n")
    [first] = again.ask(oracle, "answer")
    again.session.settle()
    [second] = again.ask(oracle, "answer")
    again.session.settle()
    assert again.controller.resolution(kref)[:2] == [first, second]


def ref_of(stage: Stage, presence: Any) -> Any:
    """The host's name for what a session holds."""
    from swingset.host.base.requests import Ref

    kref = stage.session.kref_of(presence)
    assert kref is not None
    return Ref(kref)


def test_the_chance_of_the_host_goes_on_as_it_was(local: Stage) -> None:
    """A local vat's resumable call leaves nothing in the modules of its host, nor in their state."""
    table = Table(local)
    before = (os.urandom, time.time, time.gmtime, random.seed, random.Random.seed, random.getstate())
    for way in WAYS:
        local.send(table.drawer, "start", table.oracle, way)
    table.answer()
    table.answer()
    after = (os.urandom, time.time, time.gmtime, random.seed, random.Random.seed, random.getstate())
    assert after == before
    assert os.urandom(8) != os.urandom(8)
    assert time.time() > 0


def test_what_is_no_resumable_call_draws_as_before(stage: Stage) -> None:
    """A plain method draws something new each time."""
    table = Table(stage)
    drawn = [stage.ask(table.drawer, "plain") for _ in range(3)]
    assert len({str(item) for item in drawn}) == 3


CLOCK = """
    from datetime import datetime, timezone
    from swingset.vat import E, remotable, resumable

    def helper():
        return datetime.now(timezone.utc).isoformat()

    WAYS = {
        "now": lambda: datetime.now().isoformat(),
        "utcnow": lambda: datetime.utcnow().isoformat(),
        "helper": helper,
        "told": lambda: datetime(2026, 1, 1).isoformat(),
        "from a number": lambda: datetime.fromtimestamp(0, timezone.utc).isoformat(),
    }

    @resumable
    async def stamped(oracle, way):
        stamp = WAYS[way]()
        await E(oracle).ask(stamp)
        return stamp

    @remotable
    class Root:
        def start(self, oracle, way): return stamped(oracle, way)
        def plain(self, way): return WAYS[way]()

    def build_root_object():
        return Root()
"""


@pytest.mark.parametrize("way", ["now", "utcnow", "helper"])
def test_the_clock_of_datetime_is_refused_where_it_runs(local: Stage, way: str) -> None:
    """In a resumable call of a local vat, at its line, also in a helper; a plain method may read it."""
    oracle, clock = local.define("oracle", ORACLE), local.define("clock", CLOCK)
    with pytest.raises(RuntimeError, match=r"in a @resumable call would give another time when .* resumed"):
        local.ask(clock, "start", oracle, way)
    assert local.ask(clock, "plain", way) > "2000"
    assert sys.getprofile() is None


@pytest.mark.parametrize("way", ["told", "from a number"])
def test_times_that_are_no_clocks_are_made_as_ever(stage: Stage, way: str) -> None:
    """What a call makes of numbers is the same when it is resumed."""
    oracle, clock = stage.define("oracle", ORACLE), stage.define("clock", CLOCK)
    running = stage.send(clock, "start", oracle, way)
    stage.session.settle()
    stage.upgrade("clock", CLOCK + "    # another\n")
    [asked] = stage.ask(oracle, "answer")
    assert stage.session.wait(running) == asked


class Numpy(ModuleType):
    """The three functions of numpy's global generator, which it shares with this process."""

    def __init__(self) -> None:
        super().__init__("numpy.random")
        self._generator = random.Random(5)
        self.get_state = self._generator.getstate
        self.set_state = self._generator.setstate
        self.random_sample = self._generator.random

    def seed(self, seed: int) -> None:
        assert 0 <= seed < 1 << 32
        self._generator.seed(seed)


NUMPY = DRAWER.replace(
    "    WAYS = {", "    import sys\n    numpy = sys.modules['numpy.random']\n    WAYS = {"
).replace(
    '"uuid4": lambda: str(uuid.uuid4()),', '"numpy": lambda: [numpy.random_sample() for _ in range(3)],'
)


def test_numpy_draws_the_same_again_and_goes_on_for_others(
    local: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its global generator follows the call's seed in the call, and is where it was outside of it."""
    numpy = Numpy()
    monkeypatch.setitem(sys.modules, "numpy.random", numpy)
    before = numpy.get_state()
    oracle, drawer = local.define("oracle", ORACLE), local.define("drawer", NUMPY)
    running = local.send(drawer, "start", oracle, "numpy")
    local.session.settle()
    assert numpy.get_state() == before
    local.upgrade("drawer", NUMPY + "    # another\n")
    [first] = local.ask(oracle, "answer")
    local.session.settle()
    local.upgrade("drawer", NUMPY + "    # a third\n")
    [second] = local.ask(oracle, "answer")
    *drawn, third, said = local.session.wait(running)
    assert (drawn, said) == ([first, second], "yesyes")
    assert len({*first, *second, *third}) == 9
    assert numpy.get_state() == before
