"""The embedder's own vat, whose interpreter is started anew: what it left waits for its code, and goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import swingset
import swingset.vat
from tests.conftest import MakeStage
from tests.scenarios.test_eager_migration import stale
from tests.staging import Stage
from tests.vat_sources import ORACLE_METHODS

ORACLE = (
    """
from swingset.vat import E, make_promise, remotable

@remotable
class Oracle:
    def __init__(self):
        self.asked, self.resolvers, self.said = [], {}, {}
"""
    + ORACLE_METHODS
    + """
    def refuse(self, question, why):
        self.resolvers[question].reject(ValueError(why))

    async def wait(self, name, promise):
        try:
            self.said[name] = await promise
        except Exception as problem:
            self.said[name] = getattr(problem, "reason", str(problem))

    def heard(self, name):
        return self.said.get(name, "nothing")

    def count(self):
        return list(self.asked)

def build_root_object():
    return Oracle()
"""
)
LISTENER = """
    @durable
    class Listener:
        name: str

        def on_fulfilled(self, value, *args):
            print(self.name, "heard", value, *args)

        def on_rejected(self, reason, *args):
            print(self.name, "lost", reason, *args)
"""
HEIR = """
    @durable
    class Heir:
        def on_adopted(self, resolver, question, oracle):
            resolver.resolve(E(oracle).ask(question))
"""
TRIAL = """
    @resumable
    async def trial(oracle, name):
        first = await E(oracle).ask("guilty?")
        second = await E(oracle).ask("sure?")
        return [name, first, second]
"""


class Program:
    """A program around a world: cells that are run one by one, in an interpreter that can end at any time."""

    def __init__(self, make: Callable[[], Stage]) -> None:
        self._make = make
        self.stage = make()
        self.stage.define("oracle", ORACLE)
        self._begin()

    def _begin(self) -> None:
        public = {name: getattr(swingset.vat, name) for name in swingset.vat.__all__}
        self._public = set(public)
        self.names: dict[str, Any] = {**public, **self.stage.session.names.recall()}

    def again(self) -> None:
        """The interpreter is killed, and another one opens the world."""
        self.stage.check()
        self.stage.closed = True
        self.stage.controller.close()
        self.stage = self._make()
        self._begin()

    def run(self, *cells: str) -> list[str]:
        """Run cells; the lines that the program's own vat printed."""
        before = len(self.stage.log)
        for cell in cells:
            exec(compile(dedent(cell), "<cell>", "exec"), self.names)
            self.stage.session.settle()
            self.names.update(self.stage.session.names.recall_more())
            own = {name: value for name, value in self.names.items() if name not in self._public}
            self.stage.session.names.remember(own)
        return self.stage.log[before:]

    def ask(self, method: str, *args: Any) -> Any:
        """Ask the oracle."""
        return self.stage.ask(self.names["oracle"], method, *args)

    def waiting(self) -> int:
        """How many events wait for the program's code."""
        return len([row for row in self.stage.lens.queue() if row.where.startswith("vat notebook")])


@pytest.fixture(params=["local", "wasm"])
def program(request: pytest.FixtureRequest, tmp_path: Path, make_stage: MakeStage) -> Program:
    """A program that has run no cell yet, around a world whose other vat runs on either worker."""
    return Program(lambda: make_stage(request.param, tmp_path / "a.world"))


def test_outcome_waits_for_the_class_of_its_watcher(program: Program) -> None:
    """An outcome that comes before the watcher's class is defined is told when it is."""
    program.run(LISTENER, 'listener = Listener("ann")')
    program.run('watch_promise(E(oracle).ask("when?"), listener, "about when")')
    program.again()
    program.ask("answer", "when?", "soon")
    assert (program.waiting(), program.stage.session.lacking()) == (1, ["@durable Listener"])
    program.again()
    assert program.run("x = 1") == []
    assert program.waiting() == 1
    assert program.run(LISTENER) == ["ann heard soon about when"]
    assert (program.waiting(), program.stage.session.lacking()) == (0, [])
    program.again()
    assert program.run(LISTENER) == []
    with swingset.branch(program.stage.controller, at=0) as found:
        assert found.lines() == [], "a branch waits for code where the world did"


def test_class_before_the_outcome_waits_for_nothing(program: Program) -> None:
    """Where the class is defined first, the watcher hears as in a vat that was upgraded."""
    program.run(LISTENER, 'watch_promise(E(oracle).ask("when?"), Listener("ann"))')
    program.run('watch_promise(E(oracle).ask("where?"), Listener("bob"), 5)')
    program.again()
    program.run(LISTENER)
    program.ask("answer", "when?", "soon")
    program.run('E(oracle).refuse("where?", "nowhere")')
    assert program.stage.log == ["ann heard soon", "bob lost nowhere 5"]


def test_own_promise_is_broken_unless_somebody_takes_it_over(program: Program) -> None:
    """What the old interpreter had promised is rejected at once, and who watches it hears of that."""
    program.run(LISTENER)
    program.run('promise, _ = make_promise()\nwatch_promise(promise, Listener("ann"))')
    program.run('E.send_only(oracle).wait("it", promise)')
    assert program.ask("heard", "it") == "nothing"
    program.again()
    gone = {
        "name": "vatUpgraded",
        "upgradeMessage": "the session was started anew",
        "incarnationNumber": 0,
    }
    assert len(program.stage.session.left_behind.disconnected) == 1
    assert program.ask("heard", "it") == gone
    assert program.waiting() == 1
    (line,) = program.run(LISTENER)
    assert line.startswith("ann lost the vat was upgraded before it answered")


def test_adopted_promise_is_given_to_its_heir_when_its_class_comes(program: Program) -> None:
    """A promise with an adopter is not broken, and the heir is given its resolver once there is its class."""
    program.run(HEIR, LISTENER)
    program.run('promise, _ = make_promise()\nadopt_promise(promise, Heir(), "which?", oracle)')
    program.run('E.send_only(oracle).wait("it", promise)\nwatch_promise(promise, Listener("ann"))')
    program.again()
    program.again()
    assert program.stage.session.left_behind.disconnected == ()
    assert (program.ask("heard", "it"), program.ask("count")) == ("nothing", [])
    program.run(HEIR)
    assert program.ask("count") == ["which?"]
    program.ask("answer", "which?", "this one")
    assert program.ask("heard", "it") == "this one"
    assert program.run(LISTENER) == ["ann heard this one"]


def test_resumable_call_goes_on_when_its_function_comes(program: Program) -> None:
    """A call goes on where it was, asks nothing twice, and who waits for it never hears of the restarts."""
    program.run(TRIAL, 'E.send_only(oracle).wait("it", trial(oracle, "t"))')
    program.again()
    assert program.stage.session.lacking() == ["@resumable trial"]
    program.ask("answer", "guilty?", "no")
    assert (program.waiting(), program.ask("count")) == (1, ["guilty?"])
    program.again()
    program.run(TRIAL)
    assert (program.waiting(), program.ask("count")) == (0, ["guilty?", "sure?"])
    program.again()
    program.run(TRIAL.replace("[name,", '["after all", name,'))
    program.ask("answer", "sure?", "yes")
    assert program.ask("heard", "it") == ["after all", "t", "no", "yes"]
    assert program.ask("count") == ["guilty?", "sure?"]
    program.again()
    assert program.stage.session.lacking() == []


def test_resumable_call_whose_function_differs_is_rejected(program: Program) -> None:
    """A function that does not do as the log says rejects the call with both lines, as after an upgrade."""
    program.run(TRIAL, 'E.send_only(oracle).wait("it", trial(oracle, "t"))')
    program.again()
    program.run(TRIAL.replace("guilty?", "innocent?"))
    told = program.ask("heard", "it")
    assert told.startswith("@resumable trial cannot be resumed: line 4 of trial sends")
    assert program.ask("count") == ["guilty?"]


def test_call_with_an_argument_of_a_class_waits_for_both(program: Program) -> None:
    """A call whose arguments cannot be read yet waits for their class, even where its function is there."""
    program.run(LISTENER, TRIAL, 'E.send_only(oracle).wait("it", trial(oracle, Listener("t")))')
    program.again()
    program.ask("answer", "guilty?", "no")
    program.run(TRIAL)
    assert program.ask("count") == ["guilty?"]
    program.run(LISTENER)
    assert program.ask("count") == ["guilty?", "sure?"]


def test_name_waits_for_its_class(program: Program) -> None:
    """A name of a durable object is kept through sessions that do not define its class, and comes back."""
    program.run(LISTENER, 'ann, others = Listener("ann"), [Listener("bob")]')
    program.again()
    assert "oracle" in program.names
    assert "ann" not in program.names
    assert sorted(program.stage.session.names.unread) == ["ann", "others"]
    program.run("x = 1")
    program.again()
    program.run("others = 5")
    program.run(LISTENER)
    assert (program.names["ann"].name, program.names["others"]) == ("ann", 5)
    program.again()
    assert sorted(program.stage.session.names.unread) == ["ann"]


def test_records_of_the_program_itself_are_migrated(program: Program) -> None:
    """A cell that defines a class in a new version leaves older records, which the host can have migrated."""
    program.run(LISTENER, 'all_of_them = [Listener(f"listener {n}") for n in range(7)]')
    program.again()
    newer = LISTENER.replace("@durable", "@durable(version=2)").replace(
        "        name: str", "        title: str"
    )
    step = """
        @migrate(1, 2)
        @staticmethod
        def renamed(old):
            return {"title": old["name"]}
"""
    program.run(newer.replace("self.name", "self.title") + step)
    program.run("title = all_of_them[3].title")
    assert program.names["title"] == "listener 3"
    assert [row.count for row in stale(program.stage, "notebook")] == [6]
    done = program.stage.session.migrate("notebook", budget=5)
    assert (done.migrated, done.remaining) == (4, 2)
    assert program.stage.session.migrate("notebook").lines() == [
        "Listener: 2 records went from version 1 to 2"
    ]
