"""A notebook whose file is gone, or whose folder is another one than it was."""

from __future__ import annotations

from tests.notebook.kernels import Kernel, bank

BEGIN = "%swingset open {0}.world --worker local"


def begin(kernel: Kernel, name: str) -> None:
    """Open a new world with a bank in it, and a purse."""
    kernel.run("%swingset close")
    assert "a new world" in kernel.run(BEGIN.format(name)).plain
    assert kernel.run(bank()).status == "ok"
    assert kernel.run('alice = await E(bank).open_purse("alice")').status == "ok"


def test_a_deleted_file_is_told_of_and_saved(kernel: Kernel) -> None:
    """The next cell fails, close is refused once, export saves what was committed, and it opens again."""
    begin(kernel, "gone")
    kernel.run('import os; os.unlink("gone.world")')
    ran = kernel.run("await E(alice).deposit(10)")
    assert ran.status == "error"
    assert "%swingset export PATH" in ran.traceback
    ran = kernel.run("%swingset close")
    assert ran.status == "error"
    assert "not closed, because not everything is in the file" in ran.traceback
    assert "→ %swingset export PATH" in ran.traceback
    assert "the world is in saved.world" in kernel.run("%swingset export saved.world").plain
    assert "everything is in the file" not in kernel.run("%swingset close").plain
    assert "alice" in kernel.run("%swingset open saved.world --worker local").plain
    assert kernel.run("await E(alice).deposit(1)").status == "ok"
    kernel.run("%swingset close")


def test_a_path_that_is_shown_leads_to_the_file(kernel: Kernel) -> None:
    """After a change of folder, what close advises opens the world that was closed."""
    begin(kernel, "away")
    kernel.run('import os; before = os.getcwd(); os.makedirs("sub"); os.chdir("sub")')
    advised = kernel.run("%swingset close").plain
    command = next(line for line in advised.splitlines() if "%swingset open" in line)
    again = command[command.index("%swingset") :].rstrip("`")
    assert "as it was at crank" in kernel.run(again).plain
    kernel.run("%swingset close")
    kernel.run("os.chdir(before)")
