"""Crashes a scenario at its steps, one after the other, and checks what is left each time.

A scenario is a list of acts, functions of a controller. It runs once undisturbed. Then it runs again and
again, each time with another step struck: an error is raised there and the process is taken for dead
(`raise`), a child process is killed (`kill`), the power fails and writes that were not synced are lost or
torn (`tear`), the disk is full from there on (`full`), or the step fails once (`fail`). After the first three
the world is opened again; after the others the same controller goes on. With `twice`, the recovery crashes
too. Each run then goes on to the end of the scenario.

After each crash the world must stand at the last state that was acknowledged or at the one whose commit was
under way. No output may come twice, or before its commit. At the end state, activity, checkpoints, heaps and
counts must be those of the undisturbed run, in the controller that went on and in one that replays.

A step is a step of the world file, an output, or a write, truncation, sync or deletion of one of its files.
`swingset.testing.disk` says what a failing disk can do that is not shown here.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from swingset.host.base.outputs import Output
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.testing.disk import LOSSES, Disk, Images, Loss
from swingset.testing.failure import Failure
from swingset.testing.lives import (
    Act,
    Broken,
    Course,
    Crash,
    CrashProblem,
    Heard,
    Life,
    Steps,
    counted,
    heaps,
    undisturbed,
)

CrashMode = Literal["raise", "kill", "tear", "full", "fail", "twice"]
"""What happens at a step."""

MODES: tuple[CrashMode, ...] = get_args(CrashMode)

Opening = Callable[[Path], Controller]
"""A function that opens the world at a path, or makes it."""

_CLOSED = "closed"
"""The last step: the world was closed, and nothing more is written."""

_PATIENCE = 120
"""The seconds of computing after which a child is taken for one that hangs."""


@dataclass
class CrashReport:
    """What crashing a scenario has shown.

    `points` are its steps, by name, `runs` how often it was crashed, by mode. `skipped` says which modes this
    system cannot do. `problems` has the mode and the step of each problem.

    Source:
        Ours.
    """

    points: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, CrashProblem]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or divergent."""
        return not self.problems

    def count(self, kind: str) -> int:
        """How many problems are of that kind."""
        return sum(problem.kind == kind for _, problem in self.problems)

    def __add__(self, other: CrashReport) -> CrashReport:
        """The report of two scenarios."""
        return CrashReport(
            self.points + other.points,
            self.runs + other.runs,
            self.skipped | other.skipped,
            self.problems + other.problems,
        )

    def __str__(self) -> str:
        runs = ", ".join(f"{count} {mode}" for mode, count in sorted(self.runs.items()))
        found = ", ".join(f"{self.count(kind)} {kind}" for kind in ("lost", "doubled", "divergent"))
        lines = [f"{self.points.total()} crash points: {self.runs.total()} runs ({runs}), {found}"]
        lines += [f"not done: {mode}, because {why}" for mode, why in sorted(self.skipped.items())]
        lines += [f"{where}: {problem.kind}: {problem.words}" for where, problem in self.problems[:20]]
        return "\n".join(lines)


def crash_everywhere(
    scenario: Sequence[Act],
    opening: Opening = open_world,
    *,
    modes: Iterable[CrashMode] = MODES,
    every: Iterable[CrashMode] = ("raise",),
    sample: int = 20,
    seed: int = 0,
    most: int = 20,
) -> CrashReport:
    """Crash a scenario at its steps, and check each time that nothing is lost, doubled or divergent.

    The acts are run in order, each followed by a commit. An act is run again if the process ended before the
    last commit that it makes. So if it makes several, running it again from any of them must come to the same
    end: sending a message and running it are better two acts if the run is long. Nothing that an act depends
    on may be outside of the world: no clock, no chance, and no variable that an earlier act has set.

    Args:
        scenario: the acts, functions of a `Controller`. An error of an act ends the test.
        opening: opens the world at a path, which is made if it is not there. It must not change a world that
            is there, so a session, whose every `attach` begins an incarnation, is no part of it.
        modes: what happens at a step: `raise` ends the process, `kill` kills a child, `tear` also loses
            writes, `full` fills the disk, `fail` lets one step fail, and `twice` crashes the recovery too.
        every: the modes that strike at every step.
        sample: at how many steps the other modes strike, evenly spread, another choice for each `seed`.
        seed: chooses steps, and which writes a power failure loses.
        most: after so many problems it ends.
    Returns:
        What was done and what was found; print it.
    Raises:
        ValueError: if a mode is unknown, or the scenario does not come to the same end twice.
    Source:
        Ours, in the manner of the crash tests of SQLite.
    Example:
        >>> from swingset.testing import crash_everywhere
        >>> acts = [lambda world: world.options.change({"reap_interval": 5})]
        >>> report = crash_everywhere(acts, modes=["raise"])
        >>> report.sound, report.count("lost")
        (True, 0)
    """
    wanted = tuple(modes)
    if unknown := sorted({*wanted, *every} - set(MODES)):
        raise ValueError(f"no mode {unknown[0]!r}; there are: {', '.join(MODES)}")
    report = CrashReport()
    with tempfile.TemporaryDirectory(prefix="swingset-crashing-", dir=_quickest()) as folder:
        crashing = _Crashing(scenario, opening, Path(folder).resolve() / "crash.world", seed)
        report.points.update(crashing.course.steps)
        for mode in wanted:
            if mode == "kill" and not hasattr(os, "fork"):
                report.skipped[mode] = "this system cannot fork a process"
                continue
            for at, loss in _chosen(crashing.course.steps, mode, None if mode in every else sample, seed):
                problem = crashing.run(mode, at, loss)
                report.runs[mode] += 1
                if problem is not None:
                    where = f"{mode} at step {at}, {crashing.course.steps[at - 1]}"
                    report.problems.append((where, problem))
                    if len(report.problems) >= most:
                        return report
    return report


def _chosen(
    steps: Sequence[str], mode: CrashMode, sample: int | None, seed: int
) -> Iterator[tuple[int, Loss]]:
    """Numbers of steps, from 1, all or so many, evenly spread; with what a power failure loses there.

    The last step is always among them. If the power fails there, it loses once each.
    """
    count = len(steps)
    if sample is None or sample >= count:
        found = list(range(1, count + 1))
    else:
        shift, others = random.Random(f"{seed} {mode}").random(), max(sample - 1, 1)
        found = [*(1 + int((n + shift) * (count - 1) / others) for n in range(others)), count]
    for number, at in enumerate(found):
        for more in range(len(LOSSES) if mode == "tear" and at == count else 1):
            yield at, LOSSES[(number + more) % len(LOSSES)]


def _quickest() -> str | None:
    """A folder in memory, if this system has one: no file of a test has to outlive it."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class _Crashing:
    """One scenario, what it does undisturbed, and how to crash it."""

    def __init__(self, scenario: Sequence[Act], opening: Opening, path: Path, seed: int) -> None:
        self._scenario = scenario
        self._opening = opening
        self._path = path
        self._seed = seed
        self._disk = Disk(str(path))
        self.course = self._undisturbed()
        again = self._undisturbed()
        if self.course != again:
            raise ValueError(
                "the scenario does not do the same twice, so nothing can be said of a crash: it may use a"
                " clock or chance, or a variable that it sets itself"
            )

    def _undisturbed(self) -> Course:
        self._disk.put_back({})
        steps = Steps()
        with self._disk.in_use():
            try:
                with self._opening(self._path) as controller:
                    self._disk.told = steps
                    course = undisturbed(self._scenario, controller, steps)
                    if problems := counted(controller):
                        words = "the scenario leaves wrong counts even without a crash"
                        raise ValueError(f"{words}: {problems[0]}")
            finally:
                self._disk.told = None
        steps(_CLOSED)
        return course

    def run(self, mode: CrashMode, at: int, loss: Loss = "nothing") -> CrashProblem | None:
        """Strike at one step, go on to the end, and return the problem, if there is one."""
        self._disk.put_back({})
        heard = Heard(self.course)
        chance = random.Random(f"{self._seed} {mode} {at}")
        try:
            with self._disk.in_use():
                if mode == "kill":
                    place = self._killed(at, heard)
                elif mode in ("full", "fail"):
                    self._carried_on(mode, at, heard)
                    return None
                else:
                    life = Life(self._scenario, self.course, Steps())
                    place = self._ended(life, at, heard, chance, loss if mode == "tear" else None)
                if mode == "twice":
                    life = Life(self._scenario, self.course, Steps(), place)
                    # Half of them while the world is opened and its log recovered.
                    second = chance.randrange(1, chance.choice((20, len(self.course.steps))))
                    place = self._ended(life, second, heard, chance, None, recovering=True)
                self._finished(place, heard)
        except Broken as broken:
            return broken.problem
        return None

    @contextmanager
    def _open(self, place: int) -> Iterator[Controller]:
        try:
            controller = self._opening(self._path)
        except Exception as problem:
            raise Broken("lost", f"the world cannot be opened after commit {place}: {problem}") from problem
        try:
            yield controller
        except BaseException:
            # What the world cannot close any more, a dead process would have left open too.
            with suppress(BaseException):
                controller.close(keep=False)
            raise
        controller.close()

    def _ended(
        self,
        life: Life,
        at: int,
        heard: Heard,
        chance: random.Random,
        loss: Loss | None,
        *,
        recovering: bool = False,
    ) -> int:
        """Go through the acts until a step at which the process ends; returns the place acknowledged.

        With `loss`, the power fails as well. If `recovering`, the steps of opening the world count too.
        """
        left: Images | None = None

        def strike(step: str) -> None:
            nonlocal left
            if left is None:
                left = self._disk.after_loss(loss, chance) if loss else self._disk.images()
            raise Crash(step)

        steps = Steps(at, strike)
        life.steps = steps
        if recovering:
            self._disk.told = steps
        try:
            with self._open(life.place) as controller:
                self._disk.told = steps
                with life.watching(controller, heard.hear):
                    life.find(controller)
                    life.go_on(controller)
            steps(_CLOSED)
        except (Crash, Broken, Exception):
            if left is None:
                raise  # it is none of ours; after a strike, whatever a dying process says has no meaning
        self._disk.told = None
        if left is not None:
            self._disk.put_back(left)
        return life.place

    def _killed(self, at: int, heard: Heard) -> int:
        """Have a child go through the acts, and kill itself at a step; returns the place acknowledged."""
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child touches no thread of ours
            child = os.fork()
        if child == 0:
            os.close(reading)
            self._child(at, writing)
        os.close(writing)
        try:
            place = self._listened(reading, heard)
        finally:
            os.close(reading)
            _, status = os.waitpid(child, 0)
        ended = os.waitstatus_to_exitcode(status)
        if ended not in (-signal.SIGKILL, 0):
            raise Broken("divergent", f"the child ended by itself with {ended}")
        return place

    def _listened(self, pipe: int, heard: Heard) -> int:
        """Take what a child tells until it ends: the places acknowledged, of which this returns the last."""
        place, rest = 0, b""
        while piece := os.read(pipe, 1 << 16):
            *lines, rest = (rest + piece).split(b"\n")
            for word, number in (line.split() for line in lines):
                if word == b"at":
                    place = int(number)
                elif (at := int(number)) < 0:
                    raise Broken("doubled", "the child has released an output twice, or in another order")
                else:
                    heard.hear(self.course.outputs[at][1], place)
        return place

    def _child(self, at: int, pipe: int) -> None:
        ended = 1
        try:
            signal.alarm(_PATIENCE)
            known, told = [output for _, output in self.course.outputs], 0

            def hear(output: Output, _place: int) -> None:
                nonlocal told
                at = known.index(output, told) if output in known[told:] else -1
                os.write(pipe, b"said %d\n" % at)
                told = at + 1

            life = Life(
                self._scenario, self.course, Steps(at, lambda _: os.kill(os.getpid(), signal.SIGKILL))
            )
            life.acknowledged = lambda place: _ignore(os.write(pipe, b"at %d\n" % place))
            with self._open(0) as controller:
                self._disk.told = life.steps
                with life.watching(controller, hear):
                    life.go_on(controller)
            ended = 0
        finally:
            os._exit(ended)

    def _carried_on(self, mode: CrashMode, at: int, heard: Heard) -> None:
        """Have a step fail, and go on with the same controller."""
        strike = Failure(full=mode == "full")
        life = Life(self._scenario, self.course, Steps(at, strike))
        life.forgiving = True
        with self._open(0) as controller:
            self._disk.told = life.steps
            try:
                with life.watching(controller, heard.hear):
                    self._go_on_after(strike, life, controller)
                self._disk.told = None
                self._compared(controller)
            finally:
                self._disk.told = None
        self._replayed()

    def _go_on_after(self, strike: Failure, life: Life, controller: Controller) -> None:
        """Run to the end; where the step fails, check what is left, and go on from the last commit."""
        try:
            life.go_on(controller)
        except Exception:
            if not strike.struck:
                raise
            strike.full = False
            if problems := counted(controller):
                raise Broken("divergent", f"after the error: {problems[0]}") from None
            controller.history.go_back_to_commit(controller.history.head)
            if life.between:
                controller.run()  # the run that failed has kept its whole cranks
            life.find(controller)
            life.forgiving = False
            life.go_on(controller)
        strike.full = False

    def _finished(self, place: int, heard: Heard) -> None:
        """Open the world again after a crash, check where it stands, and go on to the end."""
        life = Life(self._scenario, self.course, Steps(), place)
        with self._open(place) as controller:
            with life.watching(controller, heard.hear):
                life.find(controller)
                life.go_on(controller)
            self._compared(controller)
        self._replayed()

    def _compared(self, controller: Controller) -> None:
        if problems := [*counted(controller), *map(str, controller.verify())]:
            raise Broken("divergent", f"at the end: {problems[0]}")
        if heaps(controller) != self.course.heaps:
            raise Broken("divergent", "at the end a vat has another heap than without a crash")

    def _replayed(self) -> None:
        """Open the finished world once more, and have every vat replay what it was told."""
        life = Life(self._scenario, self.course, Steps(), len(self.course.standings) - 1)
        with self._open(life.place) as controller:
            life.find(controller)
            if heaps(controller) != self.course.heaps:
                raise Broken("divergent", "a vat that replays its transcript comes to another heap")
            life.find(controller)


def _ignore(_: object) -> None:
    return None
