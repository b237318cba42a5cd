"""One life of a world under test: acts that run until one of its steps is struck, and what was seen of it.

A life runs the acts of a scenario on one controller. It knows the states that the scenario goes through,
because an undisturbed run has shown them (`Course`), and where in them the world stands. A state is known by
its `Standing`: digests of state and activity, and the checkpoints.

Whatever happens to a life, what is found afterwards must be the last state that a commit has acknowledged, or
the next one, whose commit was under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from swingset.host.base.outputs import Output
from swingset.host.worlds.controller import Controller
from swingset.lens.state.audit import audit, audit_holdings
from swingset.world.vats import LIVE

Act = Callable[[Controller], object]
"""One act of a scenario: a function that does something to a world."""

QUIET = ("change",)
"""Steps that change memory only: a crash there is a crash just before the next step."""


class Crash(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Standing:
    """What identifies a committed state: its digest, that of the activity, and the checkpoints."""

    state: str
    activity: str
    checkpoints: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, controller: Controller) -> Standing:
        """Where the world of a controller stands now."""
        world = controller.world
        digests = {commit.seq: commit.digest for commit in world.commits()}
        labels = tuple((label.name, digests.get(label.seq)) for label in world.labels())
        return cls(controller.digest(), controller.history.activity_digest(), labels)


@dataclass
class Course:
    """What an undisturbed run of a scenario went through."""

    standings: list[Standing] = field(default_factory=list)
    """The first is the world as it is opened, then one for each commit."""
    ends: list[int] = field(default_factory=list)
    """For each act, the place of its last commit in `standings`."""
    outputs: list[tuple[int, Output]] = field(default_factory=list)
    """Each output, with the place of the commit after which it was released."""
    heaps: dict[str, str] = field(default_factory=dict)
    """The digest of the heap of each live vat at the end."""
    steps: list[str] = field(default_factory=list)
    """The names of all steps, in order."""

    def act_at(self, place: int) -> int:
        """The act that comes next for a world that stands there."""
        return next((act for act, end in enumerate(self.ends) if end > place), len(self.ends))


@dataclass(frozen=True)
class CrashProblem:
    """Something that a crash has broken.

    `kind` is `lost` for what was acknowledged and is missing, `doubled` for what was released twice or too
    early, and `divergent` for a state, a count or a replay that is another than without the crash.

    Source:
        Ours.
    """

    kind: str
    words: str


class Broken(BaseException):
    """A problem that ends a run; no act may catch it."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.problem = CrashProblem(kind, words)


class Steps:
    """Counts the steps of a life, and calls `strike` at the one with the number `at`."""

    def __init__(self, at: int | None = None, strike: Callable[[str], None] | None = None) -> None:
        self.names: list[str] = []
        self._at = at
        self._strike = strike

    def __call__(self, name: str) -> None:
        """Count a step, unless it changes memory only."""
        if name in QUIET:
            return
        self.names.append(name)
        if self._strike is not None and self._at is not None and len(self.names) >= self._at:
            self._strike(name)


class Heard:
    """The outputs of all lives of one run, held against those of the undisturbed one.

    Every output may come once, in the order of the undisturbed run, and only after its commit. One that was
    committed and not released before the crash is not released later: at most once is the promise.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self._next = 0

    def hear(self, output: Output, place: int) -> None:
        """Take an output that was released while the world stood at that place."""
        known = self.course.outputs
        for at in range(self._next, len(known)):
            due, wanted = known[at]
            if wanted == output:
                if due > place:
                    raise Broken("doubled", f"{output.text!r} of vat {output.vat} came before its commit")
                self._next = at + 1
                return
        raise Broken("doubled", f"{output.text!r} of vat {output.vat} came twice, or in another order")


@dataclass(eq=False)
class Life:
    """One controller that goes through the acts, from wherever the world stands."""

    scenario: Sequence[Act]
    course: Course
    steps: Steps
    place: int = 0
    """The place in the course of the last state that was acknowledged."""
    _most: int = field(default=0, init=False)
    forgiving: bool = field(default=False, init=False)
    """Whether there may be a commit that the course lacks: a run that fails keeps its whole cranks."""
    between: bool = field(default=False, init=False)
    """Whether there was one since the last state of the course."""
    acknowledged: Callable[[int], None] | None = field(default=None, init=False)
    """Called with each place that is acknowledged."""

    @contextmanager
    def watching(self, controller: Controller, hear: Callable[[Output, int], None]) -> Iterator[None]:
        """Count the steps of a controller, and hear its outputs."""

        def told(step: str) -> None:
            if step == "after-commit":
                self._acknowledge(Standing.of(controller))
            self.steps(step)

        def released(output: Output) -> None:
            self.steps("output")
            if output.stream != "file":
                hear(output, self._most if self.between else self.place)

        stop = controller.outputs.listen(released)
        controller.world.faults = told
        try:
            yield
        finally:
            controller.world.faults = None
            stop()

    def _acknowledge(self, now: Standing) -> None:
        for place in (self.place + 1, self.place, *range(self.place + 2, self._most + 1)):
            if place <= self._most and self.course.standings[place] == now:
                self.place = place
                self.between = False
                if self.acknowledged is not None:
                    self.acknowledged(place)
                return
        if self.forgiving:
            self.between = True
            return
        raise Broken("divergent", f"a commit after place {self.place} has a state that no other run has")

    def find(self, controller: Controller) -> None:
        """Hold the state of a world that was opened again against the ones that it may have."""
        found, known = Standing.of(controller), self.course.standings
        if problems := counted(controller):
            raise Broken("divergent", f"after it was opened again: {problems[0]}")
        if found == known[self.place]:
            self._skip_what_is_done()
            return
        later = next((at for at in range(self.place, len(known)) if known[at] != known[self.place]), None)
        if later is not None and found == known[later]:
            self.place = later
            self._skip_what_is_done()
        elif found in known[: self.place]:
            earlier = known.index(found)
            raise Broken("lost", f"commit {self.place} was acknowledged, and the world stands at {earlier}")
        else:
            raise Broken("divergent", f"after commit {self.place} the world has a state that none committed")

    def _skip_what_is_done(self) -> None:
        """Stand at the end of an act of which all that changed the state was committed.

        What follows in it, such as a cut that the retention asks for, is made up for by the world itself.
        """
        act, known = self.course.act_at(self.place), self.course.standings
        begins = self.course.ends[act - 1] if act else 0
        if act < len(self.course.ends) and self.place > begins:
            end = self.course.ends[act]
            if all(standing == known[self.place] for standing in known[self.place : end + 1]):
                self.place = end

    def go_on(self, controller: Controller) -> None:
        """Run the acts that are left, each followed by a commit."""
        for act in range(self.course.act_at(self.place), len(self.scenario)):
            self._most = self.course.ends[act]
            self.scenario[act](controller)
            controller.commit()
            found, wanted = Standing.of(controller), self.course.standings[self._most]
            if found != wanted:
                raise Broken("divergent", f"act {act} has come to another end than without a crash")
            self.place = self._most


def undisturbed(scenario: Sequence[Act], controller: Controller, steps: Steps) -> Course:
    """Run a scenario without a crash, and return what it went through.

    Raises `ValueError` if an output comes before its commit.
    """
    course = Course([Standing.of(controller)], steps=steps.names)
    committed, early = controller.crank, list[Output]()

    def told(step: str) -> None:
        nonlocal committed
        if step == "after-commit":
            committed = controller.crank
            course.standings.append(Standing.of(controller))
        steps(step)

    def released(output: Output) -> None:
        steps("output")
        if output.crank > committed:
            early.append(output)
        if output.stream != "file":
            course.outputs.append((len(course.standings) - 1, output))

    stop = controller.outputs.listen(released)
    controller.world.faults = told
    try:
        for act in scenario:
            act(controller)
            controller.commit()
            course.ends.append(len(course.standings) - 1)
    finally:
        controller.world.faults = None
        stop()
    if early:
        raise ValueError(
            f"even without a crash {early[0].text!r} of vat {early[0].vat} came before its commit"
        )
    course.heaps = heaps(controller)
    return course


def counted(controller: Controller) -> list[str]:
    """What is wrong with the counts of references and stored bytes."""
    store = controller.kernel.store
    return audit(store) + audit_holdings(store)


def heaps(controller: Controller) -> dict[str, str]:
    """The digest of the heap of each live vat, which is restored from its transcript if it must."""
    warehouse = controller.kernel.warehouse
    live = [vat for vat in controller.vats if vat.state == LIVE and not vat.attached]
    return {vat.name: str(warehouse.heap_digest(vat)) for vat in live}
