"""The variables of a notebook: what comes back after a kill, what is told, and what going back takes away."""

from __future__ import annotations

from pathlib import Path

from tests.notebook.kernels import Kernel, bank

HOLDER = """from collections import deque
from dataclasses import dataclass
@dataclass
class Holder:
    p: object
"""

ODD = """
from unittest.mock import Mock
class Meta(type):
    def __getattr__(cls, name): raise RuntimeError(name)
    def __eq__(cls, other): raise RuntimeError("==")
    __hash__ = type.__hash__
class Odd(metaclass=Meta):
    def __getattr__(self, name): raise RuntimeError(name)
    @property
    def __class__(self): raise RuntimeError("__class__")
mock, odd = Mock(spec=dict), Odd()
nodes = [{"id": i} for i in range(300)]
for node in nodes:
    node["peers"] = nodes
matrix = [[0.0] * 1000 for _ in range(1000)]
nested = {i: {j: [0] * 50 for j in range(100)} for i in range(200)}
"""


def test_names_of_all_kinds_outlive_a_kill_and_are_what_they_were(tmp_path: Path) -> None:
    """Lists, sets, deques, holders and long lists come back as such after SIGKILL, with their objects."""
    with Kernel(tmp_path) as first:
        first.open_bank()
        first.run(HOLDER)
        first.run("a = [await E(bank).open_purse(str(i)) for i in range(3)]")
        first.run("in_set, dq, holder, by_name = set(a), deque(a, 9), Holder(a[0]), {'a': a}")
        first.run("many = [await E(bank).open_purse(str(i)) for i in range(30)]")
        first.run("many += many * 40")
        ran = first.run("bad = {'purse': a[0], 'how': print}")
        assert "will not come back after a restart: bad['how'] is a builtin_function" in ran.printed
        assert first.run("1").printed == ""
        assert "will not come back after a restart: bad['how']" in first.run("%swingset").plain
        assert "will not come back after a restart: bad['how']" in first.run("%swingset checkpoint one").plain
    with Kernel(tmp_path) as second:
        found = second.run("%swingset open it.world --worker local").plain
        assert "names that came back: a, bank, by_name, dq, in_set and many\n" in found
        assert "names that wait for their class: holder" in found
        assert "holder: it waits for its class Holder" in second.run("%swingset").plain
        assert "names that came back: holder" in second.run(HOLDER).printed
        second.run(
            "controller = __import__('swingset_nb').session().controller\n_ = controller.gc.reap_all()"
        )
        second.run("a.append(5)\nby_name['a'] is a")
        second.run("_ = controller.gc.reap_all()")
        shown = second.run(
            "[len(many), type(dq).__name__, dq.maxlen, len(in_set), holder.p is a[0], by_name['a'][0] is a[0]"
            ", len(a), await E(many[-1]).deposit(1), await E(a[2]).deposit(1)]"
        )
        assert shown.plain == "[1230, 'deque', 9, 3, True, True, 4, 1, 1]"


def test_handles_in_containers_are_dead_after_going_back(tmp_path: Path) -> None:
    """A purse in a list, from before `resume`, refuses; the purse with its number gets nothing."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        kernel.run("%swingset checkpoint one")
        kernel.run('later = [await E(bank).open_purse("bob")]\nbob = later[0]\npromise = E(bob).deposit(0)')
        shown = kernel.run("%swingset go-back one").plain
        assert "gone from the notebook: bob and promise" in shown
        kernel.run('carol = await E(bank).open_purse("carol")')
        ran = kernel.run("await E(later[0]).deposit(1000)")
        assert ran.error is not None
        assert ran.error["ename"] == "LifeEndedError"
        assert "Purse of vat bank" in ran.traceback
        assert "went back to checkpoint 'one'" in ran.traceback
        assert len(ran.traceback.splitlines()) < 5
        assert kernel.run("E.send_only(later[0]).deposit(500)").status == "error"
        assert kernel.run("await E(bank).open_purse(later[0])").status == "error"
        assert kernel.run("await E(carol).deposit(0)").plain == "0"
        kernel.run("%swingset close")
        kernel.open_bank("other.world")
        ran = kernel.run("await E(later[0]).deposit(1)")
        assert "it.world" in ran.traceback
        assert kernel.run("await E(bank).open_purse(later[0])").error is not None


def test_containers_of_a_checkpoint_take_the_place_of_those_that_were_left(tmp_path: Path) -> None:
    """After `resume`, and after closing and opening, a list of purses is the list of that state again."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        kernel.run('held = [await E(bank).open_purse("a")]\nprint = print')
        kernel.run("%swingset checkpoint one")
        kernel.run('held.append(await E(bank).open_purse("b"))\nnew = [held[1]]')
        assert "names that came back: bank and held" in kernel.run("%swingset go-back one").plain
        assert kernel.run("len(held), await E(held[0]).deposit(1)").plain == "(1, 1)"
        assert kernel.run("await E(new[0]).deposit(1)").error is not None
        kernel.run("%swingset close")
        assert kernel.run("E(held[0]).deposit(1)").error is not None
        assert (
            "names that came back: bank and held"
            in kernel.run("%swingset open it.world --worker local").plain
        )
        assert kernel.run("await E(held[0]).deposit(1)").plain == "2"
        assert kernel.run("held.append(5)\nlen(held)").plain == "2"


def test_odd_and_large_variables_harm_no_cell(tmp_path: Path) -> None:
    """Mocks, lying classes and knots of dicts change nothing about the names, and no cell says a word."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        ran = kernel.run(ODD)
        assert (ran.status, ran.printed) == ("ok", "")
        ran = kernel.run('dave = await E(bank).open_purse("dave")')
        assert ran.status == "ok"
        assert ran.printed == "bank │ opening dave\n"
        kernel.run("%swingset checkpoint one")
    with Kernel(tmp_path) as second:
        assert "bank and dave" in second.run("%swingset open it.world --worker local").plain


def test_a_notebook_runs_from_the_top_again(tmp_path: Path) -> None:
    """Opening what is open and naming what has that name already say so and go on; a name can be moved."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        first = kernel.run("%swingset checkpoint start").plain
        for _ in range(2):
            ran = kernel.run("%swingset open ./it.world --worker local")
            assert ran.status == "ok"
            assert "is open already" in ran.plain
            assert kernel.run(bank()).status == "ok"
            again = kernel.run("%swingset checkpoint start").plain
            assert first.startswith("checkpoint start at crank 1\n")
            assert again == "checkpoint start is at this state already, crank 1: nothing changed"
        assert kernel.run("%swingset open it.world").status == "ok"
        assert kernel.run("%swingset open it.world --worker wasm").status == "error"
        assert kernel.run("%swingset open other.world").status == "error"
        kernel.run('purse = await E(bank).open_purse("a")')
        ran = kernel.run("%swingset checkpoint start")
        assert "stays where it is" in ran.plain
        assert "%swingset checkpoint start --move" in ran.plain
        assert kernel.run("%swingset checkpoint start --move").status == "ok"
        kernel.run("await E(purse).deposit(5)")
        kernel.run("%swingset go-back start")
        assert kernel.run("await E(purse).deposit(0)").plain == "0"
