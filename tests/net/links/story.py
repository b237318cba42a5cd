"""A story that worlds tell while they are killed and their links are cut, and how its end is judged.

It is told in as many portions as there are kills, and each kill is in one of them, at random. A portion
begins when the one before the last is done, so what a kill has left meets the next.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swingset.host.base.engines import WorkerKind
from tests.net.links.harness import Side, Worlds, replayed
from tests.net.links.relay import Weather

CALM = Weather()
ROUGH = Weather(cut=0.004, delay=0.05, double=0.01, longest=0.01)
STORM = Weather(cut=0.01, delay=0.05, double=0.1, longest=0.01)
AT_ONCE = 0.2
"""Which share of the kills strikes two worlds in the same moment."""


@dataclass(frozen=True)
class Plan:
    """How many messages are sent, how often a world is killed, and in what weather."""

    messages: int
    kills: int
    seed: int
    weather: Weather = ROUGH
    worker: WorkerKind = "local"
    fault: str = ""


@dataclass(frozen=True)
class Report:
    """What a story has come to: its figures, and what is wrong."""

    plan: Plan
    problems: list[str]
    kills: int
    at_once: int
    done: Counter[str]
    seconds: float

    def __str__(self) -> str:
        done = self.done
        told = [
            f"{self.plan.messages:,} messages, {self.kills} kills ({self.at_once} of two at once)",
            f"{done['cuts']} cuts, {done['delays']} delays and {done['doubles']} frames said twice "
            f"in {done['connections']} connections",
            f"seed {self.plan.seed}, {self.seconds:.0f} s: {len(self.problems)} problems",
        ]
        return "; ".join([*told[:2], told[2]])


class Story(Protocol):
    """What is told."""

    @property
    def names(self) -> str:
        """The worlds, a letter for each."""
        ...

    def begin(self, worlds: Worlds) -> None:
        """Have the worlds know each other. Nothing happens meanwhile: a first dial that fails is rejected."""
        ...

    def go_on(self, worlds: Worlds, upto: int) -> list[tuple[Side, int]]:
        """Have so many messages sent; returns what is asked, and of whom. It may be asked again."""
        ...

    def judge(self, worlds: Worlds, messages: int) -> list[str]:
        """What is wrong once all is sent and answered."""
        ...


def tell(folder: Path, plan: Plan, story: Story) -> Report:
    """Tell a story, and judge its end."""
    begun = time.monotonic()
    worlds = Worlds.make(folder, story.names, plan.seed, worker=plan.worker, fault=plan.fault)
    try:
        story.begin(worlds)
        worlds.weather(plan.weather)
        at_once = _kill(worlds, plan, story)
        worlds.weather(CALM)
        problems = worlds.rest()
        problems += story.judge(worlds, plan.messages) + _let_go(worlds)
        for each in worlds.sides:
            each.end()
        problems += replayed(worlds.sides)
    finally:
        worlds.close()
    done = sum((relay.done for relay in worlds.relays), Counter[str]())
    kills = sum(each.kills for each in worlds.sides)
    return Report(plan, problems, kills, at_once, done, time.monotonic() - begun)


def _kill(worlds: Worlds, plan: Plan, story: Story) -> int:
    """Have all messages sent, and worlds killed meanwhile; returns how often two were at once."""
    chance, at_once, portion, open_ = worlds.chance, 0, 0.2, list[list[tuple[Side, int]]]()
    portions = max(plan.kills, 1)
    for number in range(1, portions + 1):
        begun = time.monotonic()
        open_.append(story.go_on(worlds, plan.messages * number // portions))
        worlds.pause(chance.uniform(0.0, portion))
        left = plan.kills - sum(each.kills for each in worlds.sides)
        struck = chance.sample(worlds.sides, min(left, 2 if chance.random() < AT_ONCE else 1))
        at_once += len(struck) == 2
        worlds.strike(*struck)
        if len(open_) > 1:
            _answered(open_.pop(0))
            portion = (portion + time.monotonic() - begun) / 2
    for asked in open_:
        _answered(asked)
    return at_once


def _answered(asked: list[tuple[Side, int]]) -> None:
    for side, number in asked:
        side.answer(number)


def _let_go(worlds: Worlds) -> list[str]:
    """What is left in the tables once no world holds anything of another any more."""
    for each in worlds.sides:
        for vat in ("sender", "taker", "counter"):
            each.of(vat, "forget")
    problems = list[str]()
    for _ in range(4):
        for each in worlds.sides:
            each.told("reap")
        problems = worlds.rest() + worlds.left()
        if not problems:
            break
    for each in worlds.sides:
        problems += [f"{each.place.name}: {problem}" for problem in each.told("audit")]
    return problems


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Where what one of two worlds has given is not what the other has, and the other way."""
    problems = []
    for mine, theirs in ((one, other), (other, one)):
        exports = {key.split(".")[2]: json.loads(text)[2] for key, text in mine.items() if key[:2] == "x."}
        imports = {key.split(".")[2]: json.loads(text)[1] for key, text in theirs.items() if key[:2] == "i."}
        if exports != imports:
            problems.append(f"one world has given {exports}, the other has {imports} of it")
    return problems
