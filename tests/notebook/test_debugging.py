"""A past message is repeated from the notebook: as a trace, and under pdb with the notebook's own input."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import TIMEOUT, Kernel, bank


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a bank in the confined engine, which has had a message in crank 2."""
    kernel.run("%swingset open it.world")
    kernel.run(bank())
    kernel.run('purse = await E(bank).open_purse("alice")')
    return kernel


def typed(kernel: Kernel, code: str, *lines: str) -> tuple[str, list[str]]:
    """Run a cell that asks for these lines; returns what it printed and showed, and its prompts."""
    left, printed, prompts = list(lines), "", list[str]()

    def hear(message: dict[str, dict[str, object]]) -> None:
        nonlocal printed
        content = message["content"]
        printed += str(content.get("text", "")) + str(content.get("data", ""))

    def ask(message: dict[str, dict[str, str]]) -> None:
        prompts.append(message["content"]["prompt"])
        kernel.client.input(left.pop(0))

    kernel.client.execute_interactive(
        code, output_hook=hear, stdin_hook=ask, allow_stdin=True, timeout=TIMEOUT
    )
    return printed, prompts


def test_a_message_opens_in_the_notebooks_own_input(opened: Kernel) -> None:
    """`%swingset debug N` stops at the line of the cell, asks with pdb's prompt, and says how it ended."""
    printed, prompts = typed(opened, "%swingset debug 2", "p owner", "c")
    assert prompts == ["(Pdb) ", "(Pdb) "]
    assert "> <bank:bank>(" in printed
    assert "'alice'\n" in printed
    assert "the delivery did what the record says" in printed


def test_a_front_end_without_input_is_told(opened: Kernel) -> None:
    """Where nobody can type, the error says what to do instead."""
    ran = opened.run("%swingset debug 2")
    assert "this front end cannot ask for input" in ran.traceback
    assert "%swingset trace 2" in ran.traceback
    assert ran.printed == ""


def test_a_message_is_shown_line_by_line(opened: Kernel) -> None:
    """`%swingset trace N` shows the lines of the cell, and an error says which cranks there are."""
    shown = opened.run("%swingset trace 2").plain
    assert 'print("opening", owner)' in shown
    assert "it did what the record says" in shown
    assert "there is no committed crank 999" in opened.run("%swingset trace 999").traceback


def test_a_bug_becomes_a_file_beside_the_notebook(opened: Kernel) -> None:
    """`%swingset test N --name NAME` writes the file, and says how short its history is."""
    opened.run("await E(purse).deposit(-1)")
    ran = opened.run("%swingset trace 4")
    assert "cannot deposit" in ran.plain
    made = opened.run("%swingset test 4 --name negative").plain
    assert "3 inputs shrunk to 3" in made
    assert "!pytest test_negative.py" in made
    assert "'deposit', [-1]" in opened.run("print(open('test_negative.py').read())").printed
    assert "is no predicate" in opened.run('%swingset test 4 --name x --shows "import os"').traceback


def test_each_try_for_a_shorter_history_is_shown(opened: Kernel) -> None:
    """`%swingset test` shows how far it has come while it runs, and says if the bound of tries ended it."""
    opened.run("for amount in range(9): await E(purse).deposit(amount)")
    opened.run("await E(purse).deposit(-7)")
    crank = (
        int(opened.run("print(get_ipython()._swingset_nb.notebook.require().controller.crank)").printed) - 1
    )
    opened.run("%config SwingSet.progress_after = 0")
    ran = opened.run(f"%swingset test {crank} --name shown --tries 1")
    opened.run("%config SwingSet.progress_after = 600")
    assert "in 1 of at most 1 tries; interrupt to keep that" in str([*ran.shown, *ran.updates])
    assert "as many tries as allowed were made, so a shorter one may be there" in ran.plain
