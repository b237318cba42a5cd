"""Undo and redo from cells: what is taken back, what stays, and which names come and go."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel, bank


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A notebook with a bank and two purses; the cells that made these are [3], [4] and [5]."""
    kernel.open_bank()
    kernel.run("purse = await E(bank).open_purse('alice')")
    kernel.run("other = await E(bank).open_purse('bob'); n = 3")
    return kernel


def test_three_cells_back_and_forth(opened: Kernel) -> None:
    """Names follow the world, handles of then work, and what stays is listed; redo brings all back."""
    opened.run("purse, old = other, purse")
    opened.run("await E(old).deposit(7)")
    opened.run("1 + 1")
    told = opened.run("%swingset undo 3").plain
    assert told.splitlines() == [
        "took back cells [5], [6] and [7]: the world is as it was at crank 3",
        "  open_purse('bob') to root of bank ko20",
        "  deposit(7) to Purse ko21 of bank",
        "  1 reference or promise that is newer can be used no longer",
        "  names that are gone: old and other",
        "  names as they were: purse",
        "  these variables stay as they are: n",
        "  not taken back, because it has left the world: 1 printed line",
        "→ `%swingset redo` does it again, until a cell sends something",
    ]
    missed = opened.run("old").traceback
    assert "→ an undo took old back: `%swingset redo` does it again, until a cell sends something" in missed
    told = opened.run("%swingset redo").plain
    assert told.startswith("cells [5], [6] and [7] done again: the world is as it was at crank 7")
    assert "  names as they were: old, other and purse" in told
    assert opened.run("await E(old).deposit(1)").plain == "8"
    assert "nothing was taken back" in opened.run("%swingset redo").traceback
    assert "→" not in opened.run("older").traceback
    opened.run("%swingset undo")
    opened.run("await E(old).deposit(1)")
    assert "something was sent or changed since" in opened.run("%swingset redo").traceback


@pytest.mark.parametrize(
    ("before", "step", "told", "shows", "undone", "again"),
    [
        (
            "cfg = {'x': 1}",
            "cfg['p'] = await E(bank).open_purse('z')",
            "names that stay, with dead references in them: cfg",
            "cfg['x']",
            "1",
            "1",
        ),
        (
            "mix = [object(), 'mine']; twin = mix",
            "mix.append(await E(bank).open_purse('z'))",
            "names that stay, with dead references in them: mix and twin",
            "mix is twin, mix[1], len(mix)",
            "(True, 'mine', 3)",
            "(True, 'mine', 3)",
        ),
        (
            "x = [object(), 1]; y = x",
            "x = [await E(bank).open_purse('z'), object()]; was = x",
            "names as they were: x",
            "x is y, x is globals().get('was')",
            "(True, False)",
            "(False, True)",
        ),
    ],
)
def test_the_users_own_objects_stay(
    opened: Kernel, before: str, step: str, told: str, shows: str, undone: str, again: str
) -> None:
    """A name that was bound before the cell stays bound, to the very object; so it is after a redo."""
    opened.run(before)
    opened.run(step)
    opened.run("%swingset checkpoint kept --move")
    assert f"  {told}" in opened.run("%swingset undo").plain
    assert opened.run(shows).plain == undone
    assert opened.run("%swingset redo").status == "ok"
    assert opened.run(shows).plain == again
    opened.run("%swingset undo")
    opened.run("%swingset delete-checkpoint kept")
    opened.run("%reset_selective -f ^(cfg|mix|twin|x|y|was)$")


def test_a_vat_and_its_name_go_with_its_cell(opened: Kernel) -> None:
    """A vat that a cell has made is gone with the cell, and comes back with it."""
    opened.run(bank().replace("%%vat bank", "%%vat second"))
    assert "names that are gone: second" in opened.run("%swingset undo").plain
    assert opened.run("second").error is not None
    assert "names as they were: second" in opened.run("%swingset redo").plain
    assert opened.run("await E(second).open_purse('carol')").status == "ok"
    opened.run("%swingset undo 2")


def test_an_upgrade_is_under_the_same_word(opened: Kernel) -> None:
    """`undo upgrade VAT` lists and undoes an upgrade, and completion knows it."""
    changed = bank("--upgrade").replace("amount\n", "amount  # at once\n")
    assert opened.run(changed).status == "ok"
    assert opened.run("%swingset undo upgrade bank").plain.startswith("without the upgrade of bank")
    assert opened.complete("%swingset undo u") == ["upgrade"]
    assert opened.complete("%swingset undo upgrade b") == ["bank"]
    assert "took back cell [" in opened.run("%swingset undo").plain
    assert opened.run("%vat bank").plain.startswith("vat bank: incarnation 0")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("undo 0", "takes a number of cells from 1"),
        ("undo many", "takes a number of cells from 1"),
        ("undo 3 bank", "takes a number of cells from 1"),
        ("undo upgrade", "the upgrade of which vat?"),
        ("undo upgrade nobody", "there is no vat 'nobody'"),
        ("undo 99999", "cannot take back 99,999 steps: only"),
        ("delete-checkpoint nothing", "no checkpoint is named 'nothing'"),
    ],
)
def test_what_cannot_be_taken_back_has_a_next_step(opened: Kernel, line: str, wanted: str) -> None:
    """Every refusal says what to type."""
    ran = opened.run(f"%swingset {line}")
    assert wanted in ran.traceback
    assert "→ " in ran.traceback


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("log", "history"),
        ("delete", "delete-checkpoint"),
        ("inspect", "describe"),
        ("stop", "pause"),
        ("rewind", "undo"),
        ("histroy", "history"),
    ],
)
def test_a_wrong_word_gets_the_right_guess(opened: Kernel, word: str, wanted: str) -> None:
    """A word of other tools leads to the one of this tool, and so does `help` for it."""
    assert f"did you mean `%swingset {wanted}`?" in opened.run(f"%swingset {word}").traceback
    assert f"did you mean `%swingset help {wanted}`?" in opened.run(f"%swingset help {word}").traceback


def test_a_checkpoint_is_moved_and_deleted(opened: Kernel) -> None:
    """Its name can go to the present, and away."""
    opened.run("%swingset checkpoint here")
    opened.run("await E(purse).deposit(1)")
    assert "%swingset checkpoint here --move" in opened.run("%swingset checkpoint here").plain
    assert opened.run("%swingset checkpoint here --move").status == "ok"
    told = opened.run("%swingset delete-checkpoint here").plain
    assert told.startswith("checkpoint here, at crank ")
    assert "none yet" in opened.run("%swingset checkpoints").plain


def test_history_tells_the_cells(opened: Kernel) -> None:
    """A cell is one row, however many commits it made, with the first thing that it did."""
    opened.run("[await E(purse).deposit(1) for _ in range(4)]")
    listed = [line.split() for line in opened.run("%swingset history").plain.splitlines()]
    cells = [line[0] for line in listed if line and line[0].startswith("[")]
    assert len(set(cells)) == len(cells) > 3
    rows = {line[0]: " ".join(line[6:]) for line in listed if line and line[0] in cells}
    assert rows["[3]"] == "bank created"
    assert rows[cells[-1]] == "deposit(1) to Purse ko22 of bank, and 3 more"


def test_going_back_is_taken_back_in_a_new_life(opened: Kernel) -> None:
    """A cell that went back to a checkpoint is undone too; then all references are new, and it says so."""
    opened.run("%swingset checkpoint before")
    opened.run("third = await E(bank).open_purse('dora')")
    opened.run("%swingset go-back before")
    told = opened.run("%swingset undo").plain
    assert "the session began anew, because that state belongs to another session" in told
    assert "names that came back: bank" in told
    assert opened.run("await E(third).deposit(2)").plain == "2"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("suspend bank", "resume bank"), ("the suspension of vat bank", "the resumption of vat bank")),
        (("pause", "run"), ("the pause of the world", "the end of the pause")),
        (("terminate bank",), ("the termination of vat bank",)),
    ],
)
def test_what_is_taken_back_is_told_in_words(
    opened: Kernel, lines: tuple[str, ...], told: tuple[str, ...]
) -> None:
    """Each request is called as people call it, not as the kernel does."""
    for line in lines:
        assert opened.run(f"%swingset {line}").status == "ok"
    shown = opened.run(f"%swingset undo {len(lines)}").plain.splitlines()
    assert shown[1 : 1 + len(told)] == [f"  {words}" for words in told]
