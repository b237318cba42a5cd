"""A world goes on from a crank of its past, and says beforehand what that leaves behind."""

from __future__ import annotations

import pytest

import swingset
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world

COUNTER = """
from swingset.vat import remotable

@remotable
class Counter:
    def __init__(self):
        self.count = 0

    def up(self, by):
        self.count += by
        print("up by", by)
        return self.count

def build_root_object():
    return Counter()
"""


def counted(world: Controller, by: int) -> int:
    """What the counter answers."""
    kref = world.queue_to_root("counter", "up", [by])
    world.run()
    found = world.resolution(kref or "")
    assert isinstance(found, int)
    return found


@pytest.fixture
def world() -> Controller:
    """A counter that was counted up three times, several cranks to a commit."""
    made = open_world(worker="local")
    made.create_vat("counter", (("counter", COUNTER),))
    for by in (1, 10, 100):
        counted(made, by)
    return made


def test_it_goes_on_as_if_the_rest_had_not_happened_and_comes_back(world: Controller) -> None:
    """The state is that of the crank; the commit that was left has everything that came later."""
    before, there = world.digest(), world.crank - 2
    told = swingset.would_go_on(world, there)
    assert (told.left, told.outside) == (2, ("2 printed lines",))
    assert any("up(10)" in line for line in told.done)
    assert world.digest() == before
    left = swingset.go_on(world, there)
    assert (left, world.crank) == (told, there)
    assert counted(world, 1000) == 1001
    assert world.verify() == []
    world.history.go_back_to_commit(left.commit)
    assert world.digest() == before
    assert counted(world, 1000) == 1111


@pytest.mark.parametrize(
    ("crank", "words"), [(0, ""), (10**9, "there is no crank"), (-1, "there is no crank")]
)
def test_the_first_crank_is_the_empty_world(world: Controller, crank: int, words: str) -> None:
    """Crank 0 is before everything; what is no crank of the history is refused, and nothing changes."""
    before = world.digest()
    if not words:
        assert swingset.go_on(world, crank).left == 4
        assert [vat.name for vat in world.vats] == []
        return
    with pytest.raises(swingset.WrongCrank, match=words):
        swingset.go_on(world, crank)
    assert world.digest() == before


def test_the_present_leaves_nothing_behind(world: Controller) -> None:
    """There is nothing to go on from at the last crank."""
    with pytest.raises(swingset.KernelError, match="nothing to leave behind"):
        swingset.go_on(world, world.crank)


def test_of_a_commit_only_what_came_later_is_left(world: Controller) -> None:
    """Several cranks of one commit: those up to the crank that goes on are not said to be lost."""
    for by in (5, 6, 7):
        world.queue_to_root("counter", "up", [by])
    before, _ = world.crank, world.run()
    assert world.crank - before == 3
    told = swingset.would_go_on(world, before + 1)
    listed = [word for line in told.done for word in ("up(5)", "up(6)", "up(7)") if word in line]
    assert listed == ["up(6)", "up(7)"]
    assert told.outside == ("2 printed lines",)
