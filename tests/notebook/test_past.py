"""The past from the notebook: what happened, what it takes, and dropping it once it was shown what goes."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel

BANK = """%%vat bank
from swingset.vat import remotable

@remotable
class Bank:
    def greet(self, name: str) -> str:
        return f"hello, {name}"

def build_root_object():
    return Bank()
"""
HASH = "import hashlib; print(hashlib.sha256(open('a.world', 'rb').read()).hexdigest())"


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A notebook with a vat that was greeted, and a checkpoint."""
    for cell in ("%load_ext swingset_nb", "%swingset open a.world --worker local", BANK):
        kernel.run(cell)
    for name in ("you", "me"):
        kernel.run(f"await E(bank).greet('{name}')")
    kernel.run("%swingset checkpoint greeted")
    return kernel


def test_history_tells_what_happened_and_what_it_takes(opened: Kernel) -> None:
    """The last commits are listed with vats and checkpoints, and the costs are below."""
    told = opened.run("%swingset history").plain
    assert "bank created" in told
    assert "checkpoint greeted" in told
    assert "bytes of past" in told
    short = opened.run("%swingset history --rows 1").plain
    assert "commits before these: `%swingset history --rows 4` shows more, `--all` shows all" in short


def test_prune_shows_what_goes_and_does_it_with_yes(opened: Kernel) -> None:
    """Without --yes the file stays as it is; with it the past is gone, and the session goes on."""
    before = opened.run(HASH).printed
    told = opened.run("%swingset prune --before 3").plain
    assert told.startswith("this would free ")
    assert "cannot be seen, repeated, debugged or gone back to any more" in told
    assert "→ `%swingset prune --yes`" in told
    assert opened.run(HASH).printed == before
    assert opened.run("%swingset prune --before 3 --yes").plain.startswith("freed ")
    assert "the past before it was pruned" in opened.run("%swingset history").plain
    assert opened.run("await E(bank).greet('again')").plain == "'hello, again'"
    assert opened.run("%swingset verify").plain.splitlines()[0] == "0 problems found"


def test_a_retention_is_shown_and_taken_with_yes(opened: Kernel) -> None:
    """What another one would drop is said first; a cut that comes later is told below its cell."""
    assert opened.run("%swingset retention").plain.startswith(
        "retention: everything, up to 4,294,967,296 bytes"
    )
    told = opened.run("%swingset retention --cranks 3 --no-ceiling").plain
    assert told.startswith("the retention would be: the last 3 cranks")
    assert "→ `%swingset retention --yes`" in told
    assert opened.run("%swingset retention --cranks 3 --no-ceiling --yes").plain.startswith(
        "retention: the last 3 cranks"
    )
    printed = "".join(opened.run("await E(bank).greet('more')").printed for _ in range(3))
    assert "kernel (file) │ retention of the last 3 cranks: Cranks before" in printed
    assert "for the cranks of its retention" in opened.run("%swingset history").plain


def test_equal_rejections_that_nobody_handled_are_one_line(opened: Kernel) -> None:
    """One line tells of the first, and one at the end how many there were; what vats print is not counted."""
    told = opened.run("kept = [E(bank).gret() for n in range(30)]").printed
    lines = [line for line in told.splitlines() if "unhandled rejection in notebook" in line]
    assert len(lines) == 2
    assert lines[1].endswith("(30 times in all)")
    again = opened.run("kept = E(bank).gret()").printed
    assert again.count("unhandled rejection in notebook") == 1
    assert "times in all" not in again
