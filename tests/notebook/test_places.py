"""Where an error arose in the user's own code, whatever the front end calls the files of cells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel

NAMES = [None, "<IPY-INPUT>", "/tmp/some-front-end/abc.py"]
"""What a front end may have the kernel call a cell's file; None for what the kernel chooses itself."""


@pytest.fixture(scope="module", params=NAMES, ids=["own", "marked", "path"])
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel whose cells have such names, with a bank and a module of the user's own beside it."""
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "mymod.py").write_text(
        "from swingset.vat import E\n\nasync def call(purse):\n    return await E(purse).deposit(-1)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            patch.setenv("IPYKERNEL_CELL_NAME", request.param)
        started = Kernel(folder)
    with started as running:
        running.open_bank("bank.world")
        running.run('alice = await E(bank).open_purse("alice")')
        yield running


def test_the_line_of_the_cell_is_shown(kernel: Kernel) -> None:
    """The very line, before those of the vat, and no name of a file."""
    ran = kernel.run('x = "one\u2028two"\n\nawait E(alice).deposit(-1)')
    lines = ran.traceback.splitlines()
    assert lines[1:4] == [
        "  this cell, line 3",
        "  ----> 3 await E(alice).deposit(-1)",
        "  vat bank, line 11 of its cell, in Purse.deposit",
    ]
    assert ran.traceback.count("of its cell") == 1
    assert not any(word in ran.traceback for word in ("ipykernel_", "IPY-INPUT", "front-end"))


def test_a_function_of_another_cell_is_told_apart(kernel: Kernel) -> None:
    """The line that failed is in an earlier cell, named by its number where each has a file."""
    kernel.run("async def again():\n    return await E(alice).deposit(-1)")
    own = "ipykernel_" in kernel.run("import sys; sys._getframe().f_code.co_filename").plain
    shown = kernel.run("await again()").traceback.splitlines()
    assert not own or (shown[1][:8], shown[2]) == ("  cell [", "  ----> 2 return await E(alice).deposit(-1)")
    assert "  vat bank, line 11 of its cell, in Purse.deposit" in shown
    assert not any(word in line for line in shown for word in ("ipykernel_", "IPY-INPUT", "front-end"))


def test_a_module_of_the_users_own_is_shown(kernel: Kernel) -> None:
    """Between the cell that called it and the vat."""
    ran = kernel.run("import mymod\nawait mymod.call(alice)")
    assert ran.traceback.splitlines()[1:6] == [
        "  this cell, line 2",
        "  ----> 2 await mymod.call(alice)",
        "  mymod.py, line 4, in call",
        "  ----> 4 return await E(purse).deposit(-1)",
        "  vat bank, line 11 of its cell, in Purse.deposit",
    ]


def test_what_is_not_awaited_names_its_cell(kernel: Kernel) -> None:
    """A rejection that nobody looks at says where it was sent, and no file."""
    ran = kernel.run("E(alice).deposit(-2)\nNone")
    assert "unhandled rejection in notebook: ValueError: cannot deposit -2" in ran.printed
    assert "sent as E(...).deposit() in cell [" in ran.printed
    assert not any(word in ran.printed for word in ("ipykernel_", "IPY-INPUT", "front-end"))


def test_an_ordinary_traceback_has_the_lines_of_the_vat(kernel: Kernel) -> None:
    """`logging.exception`, and an error of the user's own that was caused by it, each show them once."""
    ran = kernel.run(
        "import logging\n"
        "try:\n    await E(alice).deposit(-1)\nexcept ValueError:\n    logging.exception('failed')"
    )
    assert ran.printed.count("vat bank, line 11 of its cell, in Purse.deposit") == 1
    ran = kernel.run(
        "try:\n    await E(alice).deposit(-1)\nexcept ValueError as e:\n    raise RuntimeError('mine') from e"
    )
    assert ran.traceback.count("vat bank, line 11 of its cell, in Purse.deposit") == 1


def test_what_a_class_is_refused_for_names_its_cell(kernel: Kernel) -> None:
    """Where a kind is defined is said by the number of the cell."""
    ran = kernel.run(
        "from swingset.vat import remotable\n@remotable\nclass R:\n    def m(self, x: 'nowhere'): pass\n"
        "await E(R()).m(1)"
    )
    assert "annotation of 'x' at cell [" in ran.traceback
