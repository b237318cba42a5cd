"""What was fetched by a string that is taken back: it stays, or is cut off, for all who have it by that."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from swingset.net.values import Ref
from tests.net.bench import World
from tests.net.test_worlds import Meeting

OTHER = b"o" * 32


def digest(swissnum: bytes) -> str:
    return hashlib.sha256(swissnum).hexdigest()


class Cut(Meeting):
    """`there` shares its home twice, and `here` has it by the first string."""

    def __init__(self, *names: str) -> None:
        super().__init__("here", "there", *names)
        self.here, self.there = self.worlds[:2]
        self.first = self.swissnum(self.there)
        self.found = self.home(self.here, self.there)

    def unshare(self, cut: bool = True) -> None:
        self.there.hub.unshare(digest(self.first), cut)
        self.network.run()

    def code(self, world: World, target: str) -> Any:
        """What a message to an object is rejected with; None if it is answered."""
        outcome = self.value(world, world.call(target, "same", 1))
        return outcome[1].more["code"] if isinstance(outcome, tuple) else None


def test_what_was_fetched_stays_unless_it_is_cut() -> None:
    """A string that is taken back opens nothing; what it has opened is another matter."""
    cut = Cut()
    cut.unshare(cut=False)
    assert cut.code(cut.here, cut.found) is None
    cut.unshare()
    assert cut.code(cut.here, cut.found) == "revoked"
    assert cut.there.rows("k.") == []


def test_it_is_broken_whatever_way_it_has_come() -> None:
    """An answer, a part of an answer and a promise that lead to the object are broken with it."""
    cut = Cut()
    here, ways = cut.here, {}
    ways["answer"] = here.call(cut.found, "same", Ref(cut.found))
    ways["list"] = here.call(cut.found, "same", [Ref(cut.found)])
    cut.network.run()
    ways["direct"] = cut.found
    cut.unshare()
    assert {way: cut.code(here, name) for way, name in ways.items() if way != "list"} == {
        "answer": "revoked",
        "direct": "revoked",
    }
    later = here.call(ways["direct"], "same", 1)
    assert cut.code(here, later) == "revoked"


def test_other_objects_stay() -> None:
    """What the object gave away is not taken back with it."""
    cut = Cut()
    other = cut.there.object(lambda method, *args: "other")
    cut.kept["there"] = Ref(other)
    got = cut.value(cut.here, cut.here.call(cut.found, "kept"))
    cut.unshare()
    assert cut.code(cut.here, cut.found) == "revoked"
    assert cut.value(cut.here, cut.here.call(got.name, "ping")) == "other"


@pytest.mark.parametrize("closed", [False, True])
def test_another_string_that_is_open_keeps_it(closed: bool) -> None:
    """What was fetched by two strings is cut off with the second one."""
    cut = Cut()
    name = cut.there.store.table[f"net.f.{digest(cut.first)}"].strip('"')
    cut.there.share(name, OTHER)
    again = cut.here.fetch(cut.there.here, OTHER)
    assert cut.value(cut.here, again) == Ref(cut.found)
    cut.unshare()
    assert cut.code(cut.here, cut.found) is None
    if closed:
        cut.there.hub.unshare(digest(OTHER), True)
        assert cut.code(cut.here, cut.found) == "revoked"


def introduced(cut: Cut, third: World) -> str:
    cut.here.call(cut.home(cut.here, third), "keep", Ref(cut.found))
    cut.network.run()
    found = cut.kept[third.name]
    return str(third.outcome(found.name).name if found.name.startswith("p") else found.name)


def test_those_who_were_introduced_are_cut_off_too() -> None:
    """A third world that has it from the one that fetched it has it by the same string."""
    cut = Cut("third")
    third = cut.worlds[2]
    held = introduced(cut, third)
    assert cut.code(third, held) is None
    cut.unshare()
    assert cut.code(third, held) == cut.code(cut.here, cut.found) == "revoked"


def test_a_gift_that_waits_is_withheld() -> None:
    """What was deposited for a third world before the cut, and not fetched, cannot be fetched after it."""
    cut = Cut("third")
    cut.here.call(cut.home(cut.here, cut.worlds[2]), "keep", Ref(cut.found))
    cut.here.step()
    while not cut.there.rows("g."):
        cut.network.events.popleft()()
    cut.unshare()
    assert cut.there.rows("g.") == []
    for _ in range(3):
        cut.there.hub.age()
    outcome = cut.value(cut.worlds[2], cut.kept["third"].name)
    assert outcome[1].message == "the gift did not arrive"


def test_what_a_vat_passes_after_the_cut_works() -> None:
    """It is a new grant, by a new decision."""
    cut = Cut()
    name = cut.there.store.table[f"net.f.{digest(cut.first)}"].strip('"')
    cut.unshare()
    mine = cut.here.object(lambda method, given: Ref(cut.here.call(given.name, "same", 7)))
    cut.here.share(mine, OTHER)
    asked = cut.there.fetch(cut.here.here, OTHER)
    cut.network.run()
    taken = cut.there.call(cut.there.outcome(asked).name, "take", Ref(name))
    assert cut.value(cut.there, taken) == 7


def test_a_cut_of_what_nobody_has_changes_nothing() -> None:
    """A digest that is none, or of another object."""
    cut = Cut()
    before = dict(cut.there.store.table)
    for each in ("", "x" * 9_000, digest(b"?"), "0" * 64):
        cut.there.hub.unshare(each, True)
    assert cut.there.store.table == before
