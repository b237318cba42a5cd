"""A clone is shown as one: in the table of vats, the timeline, pictures, stories and of its objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.lens.history.story import story
from swingset.lens.pictures.picture import draw

SHOP = """
from swingset.vat import remotable

@remotable
class Shop:
    def ping(self):
        return "pong"

def build_root_object():
    return Shop()
"""


@pytest.fixture(scope="module")
def world() -> Iterator[Controller]:
    """A vat, and a clone of it that has got a message."""
    with open_world(worker="local") as world:
        world.create_vat("shop", (("shop", SHOP),))
        world.clone_vat("shop", "branch")
        world.queue_to_root("branch", "ping", policy="none")
        world.run()
        yield world


def test_tables_and_pictures_say_of_which_vat_it_is_a_clone(world: Controller) -> None:
    """Each with its name."""
    assert [(row.name, row.clone_of) for row in world.lens.vats()] == [("shop", None), ("branch", "shop")]
    assert "a clone of shop" in draw(world.lens).svg
    described = world.lens.describe(world.vats.root("branch"))
    assert described.name == "Shop, root of branch"
    assert described.notes == ("vat branch is a clone of shop",)


def test_the_timeline_says_when_it_was_made(world: Controller) -> None:
    """In the words of the commit, and as a mark of the explorer."""
    words = [str(happening) for stretch in world.history.timeline() for happening in stretch.happenings]
    assert words == ["shop created", "branch created, a clone of shop"]


def test_causes_and_stories_name_it(world: Controller) -> None:
    """The crank in which it was made, and what was asked for."""
    crank = world.vats["branch"].created
    told = str(story(world.kernel.store, crank))
    assert "the clone branch of vat shop" in told
    assert "1 exports have a counterpart in it" in told
