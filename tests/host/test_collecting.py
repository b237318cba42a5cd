"""Garbage is collected to its end on request."""

from __future__ import annotations

import pytest

import swingset
from swingset.vat import E

CHAIN = """
from swingset.vat import remotable

@remotable
class Link:
    def __init__(self, next):
        self.next = next

@remotable
class Maker:
    def link(self, next=None):
        return Link(next)

def build_root_object():
    return Maker()
"""


def chain(session: swingset.Session, length: int) -> list[str]:
    """Make a chain of links through two vats by turns, of which the session drops the last; their krefs."""
    makers = [session.define(name, CHAIN) for name in ("left", "right")]
    before = {row.kref for row in session.controller.lens.objects()}
    link = None
    for number in range(length):
        link = session.wait(E(makers[number % 2]).link(link))
    made = [row.kref for row in session.controller.lens.objects() if row.kref not in before]
    assert len(made) == length
    return made


def test_a_chain_through_two_vats_goes_link_by_link() -> None:
    """What a vat gives back may be the last hold on something in another vat: all of it goes."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        made = chain(session, 6)
        found = swingset.collect_garbage(session)
        assert [row.kref for row in found.gone] == made
        assert found.complete
        assert found.rounds > 3
        again = swingset.collect_garbage(session)
        assert again == swingset.Collected((), 1, True)


def test_what_python_holds_stays() -> None:
    """A variable is a hold: its object is not collected, and neither is what that holds in another vat."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        left, right = session.define("left", CHAIN), session.define("right", CHAIN)
        kept = session.wait(E(left).link(session.wait(E(right).link())))
        assert swingset.collect_garbage(session).gone == ()
        del kept
        assert len(swingset.collect_garbage(session).gone) == 2


def test_a_paused_world_collects_nothing() -> None:
    """A pause is kept: the collection is refused, and says what to do."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        world.queue.pause()
        with pytest.raises(swingset.KernelError, match=r"paused.*unpause it first"):
            swingset.collect_garbage(session)
