"""Causes in a notebook: the cell and the line that a message was sent from, and the commands that show it."""

from __future__ import annotations

import re

import pytest

from tests.notebook.kernels import Kernel, bank


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a world open, and a bank and a purse in it."""
    kernel.run("%swingset close")
    kernel.run("%swingset open causes.world --worker local")
    kernel.run(bank())
    kernel.run("purse = await E(bank).open_purse('alice')")
    kernel.run("helper = lambda target: E(target).deposit(5)")
    return kernel


WORLD = "get_ipython()._swingset_nb.notebook.require().controller"
CELLED = f"print([r.cell for r in {WORLD}.history.records() if getattr(r, 'cell', None)"
SENT = f"{CELLED} and r.verb == 'syscall' and r.arguments['syscall'][0] == 'send'][-1])"
CELLS = [
    ("a = 1\nE(purse).deposit(1)", 2, "a line of its own"),
    ("a = 1\n\nawait E(purse).deposit(1)", 3, "a line that waits"),
    ("def pay():\n    E(purse).deposit(2)\n\npay()", 2, "a function of the cell"),
    ("a = 1\nhelper(purse)", 2, "a function of an earlier cell"),
    ("for n in range(2):\n    if n:\n        E(purse).deposit(n)", 3, "a loop"),
]


@pytest.mark.parametrize(("cell", "line", "name"), CELLS, ids=[case[2] for case in CELLS])
def test_a_message_is_recorded_with_its_cell_and_line(
    opened: Kernel, cell: str, line: int, name: str
) -> None:
    """The number is the one that the notebook shows, and the line is the one that sent, as users count."""
    assert opened.run(cell).status == "ok", name
    number = int(opened.run("print(len(In) - 2)").printed)
    assert opened.run(SENT).printed.strip() == str((number, line))


def test_what_runs_after_a_cell_has_its_number_and_no_line(opened: Kernel) -> None:
    """What a promise's reaction sends is sent when the cell has ended, so no line of it runs."""
    opened.run("x = E(purse).deposit(1).then(lambda _: E(purse).deposit(1))")
    number = int(opened.run("print(len(In) - 2)").printed)
    shown = opened.run(f"{CELLED}])").printed
    assert f"({number}, 1)" in shown
    assert f"({number}, None)" in shown


def test_a_command_shows_the_chain_up_to_the_cell(opened: Kernel) -> None:
    """`%swingset cause` of a crank and of a name ends with the cell's line; `story` tells the message."""
    opened.run("p = E(purse).deposit(7)")
    number = int(opened.run("print(len(In) - 2)").printed)
    opened.run("await p")
    crank = int(opened.run(f"print({WORLD}.crank)").printed)
    shown = opened.run(f"%swingset cause {crank}").plain
    assert "the outcome of" in shown
    assert f"  cell [{number}], line 1: vat notebook: send deposit(7) to" in shown
    assert "process order, vat notebook" in shown
    assert "creation of vat bank" in opened.run("%swingset cause bank").plain
    assert "the promise p is settled" in opened.run("%swingset cause p").traceback
    story = opened.run(f"%swingset story {crank - 1}").plain
    assert "message: deposit(7)" in story
    assert f"sent by: cell [{number}], line 1" in story


def test_a_promise_can_be_asked_about_while_it_waits(opened: Kernel) -> None:
    """`%swingset cause` takes the name of an unsettled promise, which is neither true nor false."""
    opened.run("%swingset pause")
    opened.run("waits = E(purse).deposit(8)")
    number = int(opened.run("print(len(In) - 2)").printed)
    shown = opened.run("%swingset cause waits").plain
    assert shown.startswith(f"cell [{number}], line 1: vat notebook: send deposit(8) to")
    opened.run("%swingset run")


@pytest.mark.parametrize("line", ["cause 99999", "cause nonesuch", "story kp99999", "cause x --y"])
def test_what_there_is_no_record_of_is_an_error(opened: Kernel, line: str) -> None:
    """The cell fails, with what was asked."""
    assert opened.run(f"%swingset {line}").status == "error"


def test_a_question_in_sql_is_a_table(opened: Kernel) -> None:
    """`%swingset sql` shows rows, says when there are more, and refuses by name."""
    question = "SELECT name FROM vats WHERE state = 'live' ORDER BY id"
    assert opened.run(f'%swingset sql "{question}"').plain.splitlines()[3:] == ["notebook", "bank"]
    shown = opened.run(f'%swingset sql "{question}" --rows 1').plain
    assert shown.splitlines()[3:] == ["notebook", "and more: `--rows 4` or `--all` shows them"]
    assert "BadQuery" in opened.run('%swingset sql "DELETE FROM vats"').traceback


def test_a_trace_is_written(opened: Kernel) -> None:
    """`%swingset export-trace` writes a new file, and none twice."""
    assert "ui.perfetto.dev" in opened.run("%swingset export-trace trace.json").plain
    assert opened.run("%swingset export-trace trace.json").status == "error"


def test_a_search_finds_what_a_cell_caused(opened: Kernel) -> None:
    """`%swingset find` takes the number of a cell, a method, and a name of the notebook as the object."""
    opened.run("await E(purse).deposit(9)")
    number = int(opened.run("print(len(In) - 2)").printed)
    shown = opened.run(f"%swingset find --cell {number} --kind send").plain
    assert shown.splitlines()[0] == "1 found"
    assert "deposit(9) to Purse" in shown
    assert "deposit(9) to Purse" in opened.run("%swingset find --object purse --method deposit").plain
    assert "0 found" in opened.run("%swingset find nonesuch").plain
    assert opened.run("%swingset find --kind bill").status == "error"


def test_the_lines_of_the_senders_are_shown_on_demand(opened: Kernel) -> None:
    """`--lines` repeats the vat that sent a message, and names the line of its cell, as users count."""
    opened.run(
        "%%vat shop\nfrom swingset.vat import E, remotable\n\n@remotable\nclass Shop:\n"
        "    def pay(self, purse):\n        return E(purse).deposit(3)\n\n"
        "def build_root_object():\n    return Shop()\n"
    )
    assert opened.run("await E(shop).pay(purse)").status == "ok"
    found = opened.run("%swingset find --vat bank --method deposit --kind send").plain
    crank = found.splitlines()[-1].split(":")[0].removeprefix("crank ")
    shown = opened.run(f"%swingset cause {crank} --lines").plain.splitlines()
    assert "shop, line 7, in Shop.pay: return E(purse).deposit(3)" in shown[-1]
    assert "shop, line 7" not in opened.run(f"%swingset cause {crank}").plain


def test_a_cell_keeps_its_name_where_the_notebook_goes_on_counting(opened: Kernel) -> None:
    """Going back in time or opening the world again begins no session: a cell has its prompt's number."""
    opened.run("await E(purse).deposit(11)")
    before = int(opened.run("print(len(In) - 2)").printed)
    opened.run("%swingset checkpoint here")
    opened.run("%swingset back here")
    opened.run("await E(purse).deposit(12)")
    opened.run("%swingset close")
    opened.run("%swingset open causes.world --worker local")
    opened.run("await E(purse).deposit(13)")
    number = int(opened.run("print(len(In) - 2)").printed)
    for cell, amount in ((before, 11), (number, 13)):
        shown = opened.run(f"%swingset find --cell {cell} --kind request deposit").plain
        assert f"cell [{cell}], line 1" in shown
        assert f"deposit({amount})" in shown
    crank = int(opened.run(f"print({WORLD}.crank)").printed)
    assert f"cell [{number}], line 1" in opened.run(f"%swingset cause {crank}").plain


def test_a_stuck_promise_says_what_to_type(opened: Kernel) -> None:
    """An await that cannot end names the line that shows the chain, and that line works as it is."""
    opened.run(
        "%%vat mute --worker local\n"
        "from swingset.vat import make_promise, remotable\n"
        "@remotable\n"
        "class Mute:\n"
        "    def answer(self):\n"
        "        promise, self.settle = make_promise()\n"
        "        return promise\n"
        "def build_root_object():\n"
        "    return Mute()\n"
    )
    ran = opened.run("stuck = E(mute).answer()\nawait stuck")
    hint = re.search(r"→ `(%swingset explain kp\d+)` says what it waits for", ran.traceback)
    assert hint is not None
    shown = opened.run(hint[1]).plain
    assert shown == opened.run("%swingset explain stuck").plain
    assert shown.endswith("vat mute waits for no other vat: its own code has to settle it")
    opened.run("%swingset undo")
