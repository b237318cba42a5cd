"""Worlds in processes that are killed, joined by relays that cut, delay and duplicate what passes.

`Side` is one world and whatever process it is in now. What it is asked is asked again of the next process if
one was killed before it answered.
"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from swingset.host.base.engines import WorkerKind
from swingset.net.locators import Locator, parse_uri, sturdyref_uri
from swingset.time.replaying.replay import replay
from tests.forking import PROCESSES
from tests.net.links import side
from tests.net.links.relay import Relay, Weather
from tests.net.links.relayed import installed

PATIENCE = 120.0
"""After how many seconds without any answer a world is held to hang."""


_LET_GO = "xyiaqcpwog"
"""How the rows begin that stand for something of another world."""


class Hangs(AssertionError):
    """What was asked of a world is never answered."""


class Side:
    """One world, which is killed and started again."""

    def __init__(self, place: side.Place) -> None:
        self.place = place
        self.kills = 0
        self.location = ""
        self._asked: dict[int, tuple[Any, ...]] = {}
        self._answers: dict[int, Any] = {}
        self._number = 0
        self._process: Any = None
        self._pipe: Connection | None = None

    def start(self) -> None:
        """Start a process, and ask it what the last one has not answered."""
        self._pipe, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=side.live, args=(self.place, theirs))
        self._process.start()
        theirs.close()
        self._take_ready()
        for number, asked in self._asked.items():
            self._pipe.send((number, *asked))

    def _take_ready(self) -> None:
        assert self._pipe is not None
        if not self._pipe.poll(PATIENCE):
            raise Hangs(f"{self.place.name} does not start")
        word, self.location = self._pipe.recv()
        assert word == "ready"

    def signal_kill(self) -> None:
        """Kill the process, without looking whether it is gone."""
        os.kill(self._process.pid, signal.SIGKILL)
        self.kills += 1

    def reap(self) -> None:
        """Take in what a killed process has still said."""
        self._process.join(30)
        assert self._process.exitcode == -signal.SIGKILL, self._process.exitcode
        assert self._pipe is not None
        try:
            while True:
                self._take()
        except (EOFError, OSError):
            self._pipe.close()

    def kill(self) -> None:
        """Kill the process."""
        self.signal_kill()
        self.reap()

    def _take(self) -> None:
        assert self._pipe is not None
        number, value = self._pipe.recv()
        if number in self._asked:
            del self._asked[number]
            self._answers[number] = value

    def ask(self, *asked: Any) -> int:
        """Ask something; returns its number."""
        assert self._pipe is not None
        self._number += 1
        self._asked[self._number] = asked
        self._pipe.send((self._number, *asked))
        return self._number

    @property
    def pipe(self) -> Connection:
        """What leads to its process."""
        assert self._pipe is not None
        return self._pipe

    def listen(self, seconds: float) -> None:
        """Take in what comes for a while; this returns at the first."""
        assert self._pipe is not None
        if self._pipe.poll(seconds):
            self._take()

    def answered(self, number: int) -> bool:
        """Whether an answer has come."""
        assert self._pipe is not None
        while number in self._asked and self._pipe.poll():
            self._take()
        return number not in self._asked

    def answer(self, number: int) -> Any:
        """Wait for an answer."""
        end = time.monotonic() + PATIENCE
        while not self.answered(number):
            if time.monotonic() > end:
                raise Hangs(f"{self.place.name} does not answer {self._asked[number]}")
            self.listen(0.1)
        return self._answers.pop(number)

    def told(self, *asked: Any) -> Any:
        """Ask, and wait for the answer."""
        return self.answer(self.ask(*asked))

    def of(self, vat: str, method: str, *args: Any) -> Any:
        """Ask a vat, and wait."""
        return self.told("ask", vat, method, list(args))

    def uri(self, what: str) -> str:
        """The string for something that it shares."""
        found = parse_uri(self.location)
        assert isinstance(found, Locator)
        return sturdyref_uri(found, self.place.swissnum(what))

    def end(self) -> None:
        """Have the process close its world, and end."""
        assert self._pipe is not None
        self._pipe.send((0, "end"))
        self._process.join(60)
        assert self._process.exitcode == 0, self._process.exitcode
        self._pipe.close()

    def abandon(self) -> None:
        """End the process however it is, after a failure."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join(10)


@dataclass
class Worlds:
    """Some worlds, a relay before each."""

    sides: list[Side]
    relays: list[Relay]
    chance: random.Random

    @classmethod
    def make(
        cls,
        folder: Path,
        names: str,
        seed: int,
        *,
        worker: WorkerKind = "local",
        fault: str = "",
    ) -> Worlds:
        """Make worlds of these names, each of one letter, and start them.

        A fault is planted in the first.
        """
        folder.mkdir(exist_ok=True)
        netlayers = installed(folder / "netlayers")
        sides, relays = [], []
        for number, name in enumerate(names):
            at = [str(folder / f"{name}.{what}") for what in ("world", "sock", "front")]
            place = side.Place(name, at[0], at[1], at[2], netlayers, worker, "" if number else fault)
            relays.append(Relay(at[2], at[1], seed * 10 + number))
            sides.append(Side(place))
        made = cls(sides, relays, random.Random(seed))
        for each in sides:
            each.start()
        return made

    def close(self) -> None:
        """End everything that is still there."""
        for each in self.sides:
            each.abandon()
        for relay in self.relays:
            relay.close()

    def strike(self, *struck: Side) -> None:
        """Kill some of them in the same moment, and start them again."""
        for each in struck:
            each.signal_kill()
        for each in struck:
            each.reap()
        for each in struck:
            each.start()

    def pause(self, seconds: float) -> None:
        """Let them do what they do, and take in what they say."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            wait([each.pipe for each in self.sides], left)
            for each in self.sides:
                each.listen(0.0)

    def rest(self, patience: float = 60.0) -> list[str]:
        """Wait until nothing changes in their tables any more, and nothing is unacknowledged."""
        end, before = time.monotonic() + patience, None
        while True:
            found = [(each.told("tables"), each.told("owed")) for each in self.sides]
            if found == before and not any(owed for _, owed in found):
                return []
            if time.monotonic() > end:
                said = {
                    each.place.name: [each.told("links"), each.told("events")[-5:]] for each in self.sides
                }
                return [f"the worlds do not come to rest: {said}"]
            before = found
            self.pause(0.15)

    def left(self) -> list[str]:
        """What the tables still have of another world."""
        problems = []
        for each in self.sides:
            rows = each.told("tables")
            left = [f"{key}: {rows[key][:100]}" for key in rows if key[1:2] == "." and key[0] in _LET_GO]
            if left:
                problems.append(f"{each.place.name} still has {len(left)} rows: {left[:5]}")
        return problems

    def weather(self, weather: Weather) -> None:
        """Have it as it is from now on."""
        for relay in self.relays:
            relay.weather = weather


def replayed(sides: list[Side]) -> list[str]:
    """What differs when each world is fed its journal, without any network."""
    problems = []
    for each in sides:
        found = replay(each.place.path)
        if not found.ok:
            problems.append(f"{each.place.name}: {found}")
    return problems
