"""The words that look into other presents and into the past, in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel, bank


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with the bank and a purse in it."""
    with Kernel(tmp_path_factory.mktemp("what_if")) as kernel:
        kernel.open_bank()
        kernel.run("purse = await E(bank).open_purse('alice')")
        yield kernel


def test_a_cell_runs_until_something_holds(opened: Kernel) -> None:
    """The world is paused after that crank, and `%swingset run` goes on."""
    before = opened.run("await E(purse).deposit(0)").plain
    opened.run("%swingset pause")
    opened.run("for amount in (1, 2, 3): E(purse).deposit(amount)")
    reached = opened.run("%swingset until \"method == 'deposit' and purse.balance >= 3\"").plain
    assert "holds after crank" in reached
    assert "stopped after 2 cranks" in reached
    assert "the world is paused here" in reached
    opened.run("%swingset run")
    assert opened.run("await E(purse).deposit(0)").plain == str(int(before) + 6)
    failed = opened.run("%swingset until purse()")
    assert failed.error is not None
    assert "is no predicate" in failed.error["evalue"]


def test_since_when_something_holds(opened: Kernel) -> None:
    """The crank, the object, the message and the cell that sent it are shown."""
    opened.run("carols = await E(bank).open_purse('carol')")
    opened.run("await E(carols).deposit(1_000)")
    opened.run("await E(carols).deposit(1)")
    shown = opened.run("%swingset when \"Purse.owner == 'carol' and Purse.balance >= 1000\"").plain
    assert "balance 1000" in shown
    assert "states looked at" in shown
    assert "deposit(1000)" in shown
    assert "sent by cell [" in shown
    assert "%swingset trace" in shown
    assert opened.run("%swingset when 'method'").plain.splitlines()[0].startswith("method since crank")


def test_a_cell_runs_in_a_fork(opened: Kernel) -> None:
    """Its names mean the same things there, both worlds are shown, and nothing moves in the live one."""
    opened.run("both = {'purses': [purse]}; count = 1\nasync def pay(n): return await E(purse).deposit(n)")
    opened.run("%swingset")
    before = opened.run("%swingset digest").plain
    balance = opened.run("await E(purse).deposit(0)").plain
    before = opened.run("%swingset digest").plain
    shown = opened.run(
        "%%whatif\ncount = 2\nother = await E(bank).open_purse('bob')\nE(other).deposit(7)\n"
        "await pay(10)\nawait E(both['purses'][0]).deposit(90)"
    )
    assert shown.error is None, shown.traceback
    lines = [" ".join(line.split()) for line in shown.plain.splitlines()]
    assert lines[0] == "what if, now"
    assert f"answer - {int(balance) + 100}" in lines
    assert "bank prints - opening bob" in lines
    assert f"Purse o+d10/1 of bank: balance {balance} {int(balance) + 100}" in lines
    assert "Purse o+d10/3 of bank - {'owner': 'bob', 'balance': 7}" in lines
    assert lines[-1] == "nothing has changed in this world"
    assert opened.run("%swingset digest").plain == before
    assert opened.run("count, 'other' in globals()").plain == "(1, False)"
    assert opened.run("await E(purse).deposit(0)").plain == balance


def test_an_error_of_a_cell_in_a_fork_is_shown(opened: Kernel) -> None:
    """A rejection and a mistake are answers too; what is no Python is refused with the cell failing."""
    assert "cannot deposit -1" in opened.run("%%whatif\nawait E(purse).deposit(-1)").plain
    assert "nothing else" in opened.run("%%whatif\nimport asyncio\nawait asyncio.sleep(1)").plain
    failed = opened.run("%%whatif\n%swingset run")
    assert failed.error is not None
    assert "without magics" in failed.error["evalue"]
    hidden = opened.run("class Box: pass\nbox = Box(); box.purse = purse")
    assert hidden.error is None
    assert "runs in a fork of that world" in opened.run("%%whatif\nE(box.purse).deposit(1)").plain


def test_a_cell_begins_in_the_past(opened: Kernel) -> None:
    """Names of what did not exist at that crank are not bound, and it is said."""
    shown = opened.run("%%whatif --at 1\n(await E(bank).open_purse('zoe')) is not None")
    assert shown.error is None, shown.traceback
    assert "what if, from crank 1" in shown.plain
    assert (
        "not bound in the cell, because there is no such thing at crank 1: purse, carols and both"
        in shown.plain
    )
    far = opened.run("%%whatif --at 100000\n1")
    assert far.error is not None
    code = opened.run("%%whatif --vat bank\ndef build_root_object(): return 3")
    assert code.error is None
    assert "VatFault" in code.plain


def test_the_past_is_lived_again_without_a_message(opened: Kernel) -> None:
    """What came after it is repeated, in the fork; a crank of no message is refused."""
    opened.run("last = await E(bank).open_purse('erin')")
    crank = 1 + int(opened.run("get_ipython()._swingset_nb.notebook.world.controller.crank").plain)
    opened.run("for amount in (1, 20, 300): E(last).deposit(amount)")
    shown = opened.run(f"%whatif --at {crank + 1} --drop")
    assert shown.error is None, shown.traceback
    lines = [" ".join(line.split()) for line in shown.plain.splitlines()]
    assert [line for line in lines if "balance" in line] == ["Purse o+d10/3 of bank: balance 321 301"]
    code = opened.run(
        f"%%whatif --at {crank - 1} --vat bank"
        + bank()
        .partition("\n")[2]
        .join(["\n", ""])
        .replace("self.balance += amount", "self.balance += 2 * amount")
    )
    assert code.error is None, code.traceback
    assert "321 642" in " ".join(code.plain.split())
    for line in ("%whatif", "%whatif --drop"):
        assert opened.run(line).error is not None
    hints = {
        "%whatif --at 1 --drop": ("it was the creation of vat bank", "%whatif --at 2 --drop"),
        "%%whatif --at 99999\n1": ("there is no crank 99999", "%%whatif --at "),
        "%%whatif --at 1 --drop --vat bank\n1": ("no message", "%%whatif --at 2 --drop --vat bank"),
    }
    for cell, words in hints.items():
        told = opened.run(cell).traceback
        assert all(part in told for part in words), told


def test_recorded_messages_are_re_delivered_to_a_changed_cell(opened: Kernel) -> None:
    """The first difference is shown with both answers; a word that is no number is refused."""
    opened.run("twice = await E(bank).open_purse('dora')")
    opened.run("await E(twice).deposit(4)")
    opened.run(bank().replace("self.balance += amount", "self.balance += 2 * amount"))
    shown = opened.run("%swingset rehearse bank --messages 2").plain
    assert "It would answer 1 of 2 recorded messages differently" in shown
    assert "the old code: fulfilled 4" in shown
    assert "the new code: fulfilled 8" in shown
    failed = opened.run("%swingset rehearse bank --messages few")
    assert "--messages takes a number of messages from 1, not 'few'" in failed.traceback
