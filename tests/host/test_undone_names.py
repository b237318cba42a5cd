"""Undo and redo of names: what each stands for after it, and that it is the very object of then.

A case has cells before the step, the cells that are undone, and what each name stands for then: `gone`,
`same` for the object that it stood for before the undone cells, `kept` for the one that it stood for after
them. After a redo each name stands for what it stood for before the undo.
"""

from __future__ import annotations

import ast
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.guest.sending.eventual import E
from swingset.host.sessions.collecting import collect_garbage
from swingset.vat import durable, remotable
from tests.host.test_lives import bank_stage
from tests.staging import Stage


@remotable
class Own:
    """An object of the session."""


class Box:
    """An object of the program's own, with anything in it."""

    def __init__(self, inner: object) -> None:
        self.inner = inner


class Notebook:
    """A program that runs cells, stores its names after each, and takes back what it is told to."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.session = stage, stage.session
        self.names: dict[str, Any] = {
            "bank": stage.session.root("bank"),
            "E": E,
            "Own": Own,
            "Box": Box,
            "ask": stage.session.wait,
            "send": E,
            "durable": durable,
        }
        self.session.names.classes = self.names
        self.session.names.remember(self.names)
        self.run("purse = ask(E(bank).open_purse('alice'))")

    def run(self, *cells: str) -> None:
        """Run cells, each a step."""
        for cell in cells:
            self.session.steps.begin()
            exec(compile(ast.parse(cell), "<cell>", "exec"), self.names)
            self.names.pop("__builtins__", None)
            self.session.settle()
            self.session.names.remember(self.names)

    def begin(self) -> None:
        """Begin the step in which something is taken back."""
        self.session.steps.begin()
        self.session.names.note(self.names)

    def undo(self, n: int = 1) -> Any:
        """Take back steps, and bind names as that says."""
        self.begin()
        return self._bind(self.session.undo(n))

    def redo(self) -> Any:
        """Do them again, and bind names as that says."""
        self.begin()
        return self._bind(self.session.redo())

    def _bind(self, done: Any) -> Any:
        assert done.resumed is None
        for name in done.gone:
            del self.names[name]
        self.names.update(done.back)
        self.session.names.remember(self.names)
        return done


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    """Cells over a world with a bank."""
    stage = bank_stage(tmp_path / "a.world")
    yield Notebook(stage)
    stage.close()


OPEN = "ask(E(bank).open_purse('bob'))"

CASES = {
    "a purse": ([], [f"p = {OPEN}"], {"p": "gone", "purse": "same"}),
    "purses in a list": ([], [f"ps = [{OPEN}, 1]"], {"ps": "gone"}),
    "another name for a purse": ([], ["p = purse"], {"p": "gone", "purse": "same"}),
    "plain data beside": ([], [f"n = 5; p = {OPEN}"], {"p": "gone", "n": "kept"}),
    "into a dict": (["d = {'x': 1}"], [f"d['p'] = {OPEN}"], {"d": "same"}),
    "into a list": (["ps = []"], [f"ps.append({OPEN})"], {"ps": "same"}),
    "into a set": (["ps = set()"], [f"ps.add({OPEN})"], {"ps": "same"}),
    "into an object": (["b = Box(1)"], [f"b.inner = {OPEN}"], {"b": "same"}),
    "into a list of purses": (["ps = [purse]"], [f"ps.append({OPEN})"], {"ps": "same"}),
    "into two names": (["a = [purse]", "b = a"], [f"a.append({OPEN})"], {"a": "same", "b": "same"}),
    "beside what cannot be stored": (
        ["m = [purse, 1]; m.append(object())"], [f"m.append({OPEN})"], {"m": "same"}
    ),
    "over a number": (["x = 5"], [f"x = {OPEN}"], {"x": "same"}),
    "over a list": (["x = [1, object()]; y = x"], [f"x = [{OPEN}]"], {"x": "same", "y": "same"}),
    "over an object": (["x = object()"], [f"x = {OPEN}"], {"x": "same"}),
    "over a purse": ([f"x = {OPEN}"], [f"x = {OPEN}"], {"x": "same"}),
    "over two purses": ([f"x = {OPEN}; y = x"], [f"x = {OPEN}", f"x = {OPEN}"], {"x": "same", "y": "same"}),
    "over a list of purses": (["x = [purse, object()]"], [f"x = [{OPEN}]"], {"x": "same"}),
    "a number over a purse": ([f"x = {OPEN}"], ["x = 5"], {"x": "same"}),
    "a number over a list of purses": (["x = [purse, object()]"], ["x = 5"], {"x": "same"}),
    "a number over a number": (["x = 5"], [f"x = 6; p = {OPEN}"], {"x": "kept", "p": "gone"}),
    "over a number, and back": (["x = 5"], [f"x = {OPEN}", f"x = 6; p = {OPEN}"], {"x": "kept"}),
    "deleted": ([f"x = {OPEN}; y = x"], ["del x"], {"x": "same", "y": "same"}),
    "deleted in a list": (["x = [purse, object()]"], ["del x"], {"x": "same"}),
    "swapped": ([f"x = {OPEN}"], ["x, purse = purse, x"], {"x": "same", "purse": "same"}),
    "a promise": ([], ["p = E(bank).wait()"], {"p": "gone"}),
    "a promise over a number": (["p = 5"], ["p = E(bank).wait()"], {"p": "same"}),
    "an own object": ([], [f"o = Own(); p = {OPEN}"], {"o": "kept", "p": "gone"}),
    "a proxy": ([], [f"e = E({OPEN})"], {"e": "gone"}),
    "with a cell of plain data between": (
        ["a = [purse]"],
        [f"p = {OPEN}", "a.append(5)", f"q = {OPEN}"],
        {"a": "same", "p": "gone", "q": "gone"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_name_stands_for_what_it_stood_for(notebook: Notebook, case: str) -> None:
    """Undo gives each name the very object of then, and redo the one that undo took away; twice over."""
    before, cells, wanted = CASES[case]
    notebook.run(*before)
    then = dict(notebook.names)
    notebook.run(*cells)
    after = dict(notebook.names)
    counted = len(cells) - ("a.append(5)" in cells)
    for _ in range(2):
        notebook.undo(counted)
        found = {name: notebook.names.get(name, "gone") for name in wanted}
        stands = {"gone": dict.fromkeys(wanted, "gone"), "same": then, "kept": after}
        assert {name: what for name, what in wanted.items() if found[name] is not stands[what][name]} == {}, (
            found
        )
        notebook.redo()
        assert {name for name in after if notebook.names.get(name) is not after[name]} == set()
        assert notebook.names.keys() == after.keys()


@pytest.mark.parametrize(
    "cell",
    ["a.append(5)", "x = 6", "y = [1, 2]", "del x", "x = [1]; x.append(x)", "1 + 1", "m[1] = object()"],
)
def test_a_cell_of_plain_data_is_no_step(notebook: Notebook, cell: str) -> None:
    """A cell that neither changes the world nor binds a name to something of it is not counted."""
    notebook.run("x = 5; a = [purse]; m = [purse, 1]", "ask(E(purse).deposit(7))", cell)
    x = notebook.names.get("x")
    assert notebook.undo().done == ("deposit(7) to Purse ko21 of bank",)
    assert notebook.names.get("x") is x
    assert notebook.session.wait(E(notebook.names["purse"]).read()) == ["alice", 0]


@pytest.mark.parametrize("what", ["checkpoint", "collect"])
def test_keeping_house_is_no_step(notebook: Notebook, what: str) -> None:
    """After a checkpoint or a collection, an undo takes back the step before it."""
    notebook.run("ask(E(purse).deposit(7))")
    notebook.session.steps.begin()
    if what == "checkpoint":
        notebook.stage.controller.checkpoint("here")
    else:
        collect_garbage(notebook.session)
    assert notebook.undo().done == ("deposit(7) to Purse ko21 of bank",)
    assert notebook.session.wait(E(notebook.names["purse"]).read()) == ["alice", 0]


def test_dead_references_in_what_stays_are_listed(notebook: Notebook) -> None:
    """A dict of the program that got a purse stays, and the list says that something in it is dead."""
    notebook.run("d = {'x': 1}; other = [purse]", f"d['p'] = {OPEN}")
    done = notebook.undo()
    assert (done.gone, dict(done.back), done.holding_dead) == ((), {}, ("d",))
    assert notebook.names["d"]["x"] == 1
    assert notebook.redo().holding_dead == ()
    assert notebook.session.wait(E(notebook.names["d"]["p"]).read()) == ["bob", 0]


def gone_from_memory(notebook: Notebook, ref: weakref.ref[Any]) -> bool:
    """Whether nothing holds an object any more, after a collection."""
    notebook.begin()
    collect_garbage(notebook.session)
    gc.collect()
    return ref() is None


@pytest.mark.parametrize("value", ["b", "[b]"])
def test_what_a_redo_needs_is_held_until_it_is_impossible(notebook: Notebook, value: str) -> None:
    """A collection spares what an undo took away; once something is sent, it does not."""
    notebook.run(f"b = Box({OPEN}); x = {value}; del b")
    ref = weakref.ref(notebook.names["x"] if value == "b" else notebook.names["x"][0])
    notebook.undo()
    assert "x" not in notebook.names
    assert not gone_from_memory(notebook, ref)
    assert "x" in notebook.redo().back
    notebook.undo()
    notebook.run("ask(E(purse).deposit(1))")
    assert gone_from_memory(notebook, ref)
    with pytest.raises(KernelError, match="something was sent or changed since"):
        notebook.session.redo()


def test_a_collection_lets_go_of_what_an_undo_would_bring_back(notebook: Notebook) -> None:
    """A list that a step has deleted is held until garbage is collected; then it comes from the store."""
    notebook.run(f"b = Box({OPEN}); x = [b]; del b", "del x")
    ref = weakref.ref(notebook.session.names.bindings.changed.before["x"].value()[0])
    assert ref() is not None
    assert gone_from_memory(notebook, ref)
    notebook.undo()
    assert notebook.session.wait(E(notebook.names["x"][0].inner).read()) == ["bob", 0]


def test_a_reference_that_was_deleted_is_not_held(notebook: Notebook) -> None:
    """The name of a purse can be brought back without holding the purse, because it is stored."""
    notebook.run(f"x = {OPEN}")
    ref = weakref.ref(notebook.names["x"])
    notebook.run("del x")
    notebook.stage.controller.gc.reap_all()
    notebook.session.settle()
    gc.collect()
    assert ref() is None
    assert "x" in notebook.undo().back
    assert notebook.session.wait(E(notebook.names["x"]).read()) == ["bob", 0]
