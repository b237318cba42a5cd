"""Archives and restarts from a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with the bank and a purse in it."""
    with Kernel(tmp_path_factory.mktemp("carrying")) as kernel:
        kernel.open_bank()
        kernel.run("purse = await E(bank).open_purse('alice')")
        yield kernel


def test_an_archive_is_written_and_unpacked(opened: Kernel) -> None:
    """Both say what they did, and what to type next; a file that is no archive is refused in words."""
    made = opened.run("%swingset export 'the bank.swingset' --archive --level replay").plain
    assert "the world is in the bank.swingset" in made
    assert "level replay" in made
    assert "`%swingset unpack 'the bank.swingset' NEW.world`" in made
    found = made.partition("its hash is ")[2].split()[0]
    unpacked = opened.run(f"%swingset unpack 'the bank.swingset' new.world --expect {found}").plain
    assert "new.world: a world, checked" in unpacked
    assert "`%swingset open new.world`" in unpacked
    alone = opened.run("%swingset export bank.swingset --archive --vat bank").plain
    assert "vat bank alone is in bank.swingset" in alone
    assert "which is suspended" in opened.run("%swingset unpack bank.swingset bank.world").plain
    failed = opened.run("%swingset unpack new.world other.world")
    assert failed.error is not None
    assert "open it as it is" in failed.error["evalue"]
    failed = opened.run("%swingset export copy.world --vat bank")
    assert failed.error is not None
    assert "are for archives" in failed.error["evalue"]


def test_all_vats_are_restarted(opened: Kernel) -> None:
    """There is a line for each vat, and names of durable objects go on."""
    said = opened.run("%swingset upgrade-all").plain
    assert "1 of 2 vats restarted" in said
    assert "bank: restarted as incarnation 1" in said
    assert "notebook: left" in said
    assert opened.run("await E(purse).deposit(5)").plain == "5"
