"""The picture of a world: the same bytes for the same world, legible when full, safe whatever it is told."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.lens.pictures import paper
from swingset.lens.pictures.picture import draw
from swingset.lens.pictures.scene import MOST_IN_ONE_BOX, MOST_THINGS, MOST_VATS, compose
from swingset.lens.present.tables import Lens
from swingset.model.visible import one_line, visible

MAKER = """
from swingset.vat import durable, make_promise, remotable

@durable
class Thing:
    pass

@remotable
class Fleeting:
    pass

@remotable
class Maker:
    def make(self): return Thing()
    def fleeting(self): return Fleeting()
    def never(self):
        self.promise, self.resolver = make_promise()
        return self.promise

def build_root_object(): return Maker()
"""


@pytest.fixture
def session() -> Iterator[Session]:
    """A world in memory with one maker."""
    running = Session(open_world(None, worker="local"))
    running.define("maker", MAKER)
    yield running
    running.close()


def lens(session: Session) -> Lens:
    """Views of the session's world."""
    return Lens(session.controller.kernel.store)


def test_the_same_world_gives_the_same_bytes(session: Session) -> None:
    """Drawing twice, or the fork of a world, makes no difference."""
    session.wait(E(session.root("maker")).make())
    first = draw(lens(session))
    assert draw(lens(session)) == first
    fork = session.controller.fork()
    assert draw(Lens(fork.kernel.store)) == first
    fork.close()


def test_it_says_who_holds_what(session: Session) -> None:
    """Durable, fleeting and abandoned objects, holders and waiting messages are all in the words."""
    root = session.root("maker")
    kept = session.wait(E(root).make())
    gone = session.wait(E(root).fleeting())
    words = draw(lens(session)).words
    assert "  Thing ko21, held by notebook" in words
    assert "  Fleeting ko22, held by notebook" in words
    session.upgrade("maker", "maker", MAKER + "#")
    session.controller.queue.pause()
    promise = E(root).make()
    session.flush()
    words = draw(lens(session)).words
    assert "maker (incarnation 1, live, local)" in words
    assert "nobody (owners are gone)\n  Fleeting, abandoned ko22, held by notebook" in words
    assert "waiting 1: make() for maker ko20 (root of maker)" in words
    del kept, gone, promise


def test_what_waits_elsewhere_is_not_next(session: Session) -> None:
    """Only what is in the run-queue runs next; what waits at a promise or for a vat is counted apart."""
    maker, controller = session.root("maker"), session.controller
    asked = E(E(maker).never()).go()
    session.settle()
    assert "Run-queue: empty; 1 waits at a promise or for a vat" in draw(lens(session)).svg
    controller.queue.pause()
    made = E(maker).make()
    session.flush()
    assert "Run-queue: 1 waiting; 1 is next; 1 waits at a promise or for a vat" in draw(lens(session)).svg
    controller.vats.suspend("maker")
    controller.queue.unpause()
    session.settle()
    assert "Run-queue: empty; 2 wait at a promise or for a vat" in draw(lens(session)).svg
    del asked, made  # held until here, so that nothing that waits is garbage


def test_a_full_world_is_counted_not_crammed(session: Session) -> None:
    """Past the limits objects and vats are summarised with their number."""
    root = session.root("maker")
    kept = [session.wait(E(root).make()) for _ in range(60)]
    for number in range(MOST_VATS + 3):
        session.define(f"v{number}", MAKER)
    scene = compose(lens(session))
    assert len(scene.boxes) == MOST_VATS
    assert sum(len(box.things) for box in scene.boxes) <= MOST_THINGS + MOST_VATS
    maker = next(box for box in scene.boxes if box.name == "maker")
    assert maker.things[-1].label == f"and {61 - MOST_IN_ONE_BOX} more"
    assert any("not drawn: " in words and "more vats" in words for words in scene.left_out)
    ET.fromstring(draw(lens(session)).svg)
    del kept


def test_hostile_names_cannot_leave_their_text(session: Session) -> None:
    """Whatever kinds and methods are called, the SVG is well-formed and holds no element of theirs."""
    evil = "</text><script>alert(1)</script><text onload='x'>&"
    source = MAKER.replace("@durable\nclass Thing:\n    pass", "class Thing:\n    pass")
    source += f"\nThing.__name__ = Thing.__qualname__ = {evil!r}\nThing = durable(Thing)\n"
    session.define("evil", source)
    session.wait(E(session.root("evil")).make())
    session.controller.queue.pause()
    getattr(E(session.root("maker")), "<script>")("x")
    session.flush()
    picture = draw(lens(session))
    tree = ET.fromstring(picture.svg)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert "script" not in tags
    assert not any(name.startswith("on") for element in tree.iter() for name in element.attrib)
    assert "&lt;script&gt;" in picture.svg


def test_invisible_characters_are_spelt_out() -> None:
    """Escape sequences, reversals and zero-width characters become readable codes."""
    assert visible("a\x1b[0m\u202eb\u200bc") == "a\\x1b[0m\\u202eb\\u200bc"
    assert visible("plain äöü 漢字\n\tx") == "plain äöü 漢字\n\tx"
    assert one_line("a\nb", 10) == "a⏎b"
    assert visible("abcdef", 4) == "abc…"


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb`, as the accessibility guidelines define it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


TEXTS = (paper.INK, paper.FAINT)
PAPERS = (paper.PAPER, paper.BOX, paper.CARD)
SHAPES = (*paper.HOLDERS, paper.CARD_EDGE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", [*TEXTS, *SHAPES])
def test_everything_can_be_seen_on_light_and_on_dark_paper(colour: str, scheme: str) -> None:
    """Text has a contrast of 4.5 with everything that it lies on, lines and marks one of 3."""

    def shown(light: str) -> str:
        return paper.DARK[light] if scheme == "dark" else light

    for sheet in PAPERS:
        least = 4.5 if colour in TEXTS else 3.0
        if colour != paper.CARD_EDGE or sheet == paper.CARD:
            assert contrast(shown(colour), shown(sheet)) >= least, (colour, paper)


def test_dark_paper_has_a_colour_for_each_that_is_drawn(session: Session) -> None:
    """No colour of a picture is left light among dark ones, and each has a rule in its style."""
    svg = draw(session.controller.lens).svg
    style = svg.split("<style>")[1].split("</style>")[0]
    body = svg.replace(style, "")
    drawn = set(re.findall(r"(?:fill|stroke)='(#[0-9a-f]{6})'", body))
    assert drawn
    assert drawn <= paper.DARK.keys()
    assert all(f"[fill='{light}']{{fill:{dark}}}" in style for light, dark in paper.DARK.items())
