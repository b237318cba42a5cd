"""The explorer's model: what it answers about small worlds, of the present and of the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import swingset
from swingset.guest.sending.eventual import E

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    \"\"\"Money of one owner.\"\"\"
    owner: str
    balance: int = 0

    def deposit(self, amount: int) -> int:
        \"\"\"Put money in.\"\"\"
        self.balance += amount
        return self.balance

    def withdraw(self, amount: int) -> int:
        if amount > self.balance:
            raise ValueError(f"{self.owner} has {self.balance}, not {amount}")
        self.balance -= amount
        return self.balance

@remotable
class Bank:
    def open_purse(self, owner: str):
        print("opened for", owner)
        return Purse(owner=owner)

def build_root_object():
    return Bank()
"""


@dataclass
class Town:
    """A world with a bank and a session that has some names."""

    world: swingset.Controller
    session: swingset.Session
    explorer: swingset.Explorer

    def names(self, **names: object) -> None:
        self.session.names.remember(names)

    def box(self, name: str, at: int | None = None, opened: tuple[str, ...] = ()) -> swingset.Box:
        (found,) = [box for box in self.explorer.scene(at, opened).boxes if box.name == name]
        return found


def make_town(path: Path | None = None) -> Town:
    world = swingset.open_world(path, worker="local")
    session = swingset.Session(world)
    town = Town(world, session, swingset.explore(world))
    bank = session.define("bank", BANK)
    purses = []
    for number in range(6):
        promise = E(bank).open_purse(f"owner{number}")
        world.run()
        purses.append(session.wait(promise))
    town.names(bank=bank, alice=purses[0], others=purses[1:])
    session.wait(E(purses[0]).deposit(10))
    return town


@pytest.fixture
def town() -> Iterator[Town]:
    made = make_town()
    yield made
    made.world.close()


def test_equal_objects_are_one_row_and_a_named_one_stands_apart(town: Town) -> None:
    """The purse with a name of its own has a row, the five in a list share one."""
    rows = town.box("bank").rows
    assert [(row.label, row.count, row.sort) for row in rows] == [
        ("Bank", 1, "root"),
        ("Purse owner0 · 10", 1, "durable"),
        ("Purse", 5, "durable"),
    ]
    assert rows[1].note == "alice in notebook"
    assert rows[2].note == "owner1 · 0, owner2 · 0, owner3 · 0, … · held by notebook"


def test_a_row_that_is_opened_lists_its_members(town: Town) -> None:
    """The id of the group opens it, and stays the same."""
    group = town.box("bank").rows[2]
    assert group.opens
    rows = town.box("bank", opened=(group.id,)).rows
    assert [row.label for row in rows[3:]] == [f"Purse owner{number} · 0" for number in range(1, 6)]
    assert rows[2].id == group.id
    assert rows[2].opened


def test_arrows_lead_from_names_to_rows(town: Town) -> None:
    """Each name of the session has an arrow to what it holds, as thick as it holds things there."""
    scene = town.explorer.scene()
    rows = {row.id: row.label for box in scene.boxes for row in box.rows}
    found = [(rows[arrow.holder_row or ""], rows[arrow.row], arrow.count) for arrow in scene.arrows]
    assert found == [("alice", "Purse owner0 · 10", 1), ("bank", "Bank", 1), ("others", "Purse", 5)]


def test_a_picture_of_the_past_has_the_same_rows(town: Town) -> None:
    """A row has the same id then and now, and says what was so then."""
    deposit = town.explorer.search("deposit").hits[-1].crank
    assert deposit is not None
    before, after = (town.box("bank", at=crank) for crank in (deposit - 1, deposit))
    assert [row.label for row in before.rows] == ["Bank", "Purse"]
    assert [row.label for row in after.rows] == ["Bank", "Purse owner0 · 10", "Purse"]
    assert after == town.box("bank")


def test_a_tick_tells_of_its_crank(town: Town) -> None:
    """The message with its arguments and result, what was printed, and the chain of causes."""
    crank = town.explorer.search("owner3").hits[-1].crank
    assert crank is not None
    tick = town.explorer.tick(crank)
    assert (tick.what, tick.args, tick.outcome, tick.vat) == ("open_purse", "'owner3'", "delivered", "bank")
    assert tick.prints == ("opened for owner3",)
    assert tick.result == "Purse ko24"
    assert [link.side for link in tick.chain] == ["up", "here", "down"]


def test_an_object_shows_its_state_and_history(town: Town) -> None:
    """Fields with what they were, methods with docstrings, the class's lines, and what can be done."""
    (row,) = [row for row in town.box("bank").rows if "owner0" in row.label]
    found = town.explorer.inspect(row.id)
    assert found is not None
    assert found.title == "Purse of bank"
    balance = found.fields[1]
    assert [change.value for change in balance.history] == ["10", "0"]
    assert found.methods[0].signature == "deposit(amount: int) -> int"
    assert found.methods[0].doc == "Put money in."
    assert found.code is not None
    assert found.code.lines[found.code.mark - found.code.first] == "class Purse:"
    assert found.last.startswith("deposit(10) → 10")
    assert {entry.vat: entry.direction for entry in found.kernel} == {"bank": "export", "notebook": "import"}
    assert all(verb.enabled for verb in found.verbs)
    assert town.explorer.inspect("ko999") is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("bank", "vat"),
        ("purse", "kind"),
        ("alice", "name"),
        ("withdraw", "method"),
        ("owner4", "field"),
        ("ko21", "object"),
        ("opened for", "print"),
        ("open_purse", "message"),
    ],
)
def test_a_search_finds_what_people_look_for(town: Town, text: str, kind: str) -> None:
    """Vats, kinds, names, methods, fields, krefs, prints and messages."""
    assert kind in [hit.kind for hit in town.explorer.search(text).hits]


def test_the_timeline_has_every_crank(town: Town) -> None:
    """Few cranks are ticks, each in the lane of its vat."""
    line = town.explorer.timeline()
    assert sorted(found.first for found in line.bins) == list(range(1, town.world.crank + 1))
    assert [lane.name for lane in line.lanes] == ["notebook", "bank"]
    assert [mark.text for mark in line.marks if mark.kind == "created"] == ["bank created"]
