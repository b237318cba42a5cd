"""The explorer's model: what it answers about small worlds, of the present and of the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import swingset
from swingset.guest.sending.eventual import E

BANK = """
from swingset.vat import E, durable, make_promise, remotable

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

@durable
class Safe:
    purses: list

@remotable
class Bank:
    def lock(self, purses):
        return Safe(purses=list(purses))

    def waste(self, purse):
        E(purse).withdraw(1_000)

    def later(self):
        promise, self.resolver = make_promise()
        return promise

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
    town = Town(world, session, swingset.explore(world, session))
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
    assert [(row.label, row.note) for row in town.box("notebook").rows] == [
        ("alice", "Purse owner0 · 10"),
        ("bank", "root of bank ko20"),
        ("others", "Purse, …"),
    ]
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
    assert [(link.side, link.text) for link in tick.chain] == [
        ("up", "notebook: open_purse('owner3') to root of bank ko20"),
        ("here", "open_purse('owner3') to root of bank ko20"),
        ("down", "the outcome of kp44"),
    ]


def test_an_object_shows_its_state_and_history(town: Town) -> None:
    """Fields with what they were, methods with docstrings, the class's lines, and what can be done."""
    (row,) = [row for row in town.box("bank").rows if "owner0" in row.label]
    found = town.explorer.inspect(row.id)
    assert found is not None
    assert found.title == "Purse of bank"
    balance = found.fields[1]
    assert [change.value for change in balance.history] == ["0"]
    assert found.fields[0].history == ()
    assert balance.since == found.last_crank
    assert found.methods[0].signature == "deposit(amount: int) -> int"
    assert found.methods[0].doc == "Put money in."
    assert found.code is not None
    assert found.code.lines[found.code.mark - found.code.first] == "class Purse:"
    assert found.last.startswith("deposit(10) → 10")
    assert found.held == ("notebook as alice",)
    assert found.alive == ("vat notebook keeps ko21 (Purse of bank) as o-51 in its name 'alice'",)
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


def test_the_timeline_has_the_commits_if_they_can_be_told_apart(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is at the last crank before it; of more than fit only the number is told."""
    committed = {commit.crank for commit in town.world.world.commits()} - {0}
    line = town.explorer.timeline()
    assert (set(line.commits), line.more_commits) == (committed, 0)
    monkeypatch.setattr("swingset.time.explorer.ticks.MOST_COMMITS", 1)
    line = town.explorer.timeline()
    assert line.commits == ()
    assert line.more_commits >= len(committed)


def test_the_last_delivery_is_found_through_a_promise(town: Town) -> None:
    """A message sent to the promise of a purse was delivered to the purse."""
    purse = E(town.session.root("bank")).open_purse("carol")
    town.session.wait(E(purse).deposit(3))
    kref = max(row.kref for row in town.world.lens.objects())
    found = town.explorer.inspect(kref)
    assert found is not None
    assert found.last.startswith("deposit(3) → 3")


def test_what_waits_is_shown_in_order_with_its_target(town: Town) -> None:
    """Each event has the row that it will reach; an id can be inspected and dropped."""
    town.world.queue_to_root("bank", "open_purse", ["dora"], policy="none")
    town.world.queue_to_root("bank", "later", [])
    waiting = town.explorer.scene().waiting
    assert [(item.position, item.what, item.args, item.target_row) for item in waiting] == [
        (1, "open_purse", "'dora'", "ko20"),
        (2, "later", "", "ko20"),
    ]
    found = town.explorer.inspect(f"waiting:{waiting[0].id}")
    assert found is not None
    assert (found.title, found.verbs[0].verb, found.verbs[0].enabled) == ("open_purse('dora')", "drop", True)
    root = town.explorer.inspect("ko20")
    assert root is not None
    assert [item.what for item in root.waiting] == ["open_purse", "later"]


def test_a_promise_says_who_waits_and_who_settles_it(town: Town) -> None:
    """It has a row in the box of the vat that decides, and an arrow from the one that waits."""
    waited = E(town.session.root("bank")).later()
    town.session.settle()
    (row,) = [row for row in town.box("bank").rows if row.sort == "promise"]
    assert row.note == "notebook waits, bank settles it"
    (arrow,) = [arrow for arrow in town.explorer.scene().arrows if arrow.waits]
    assert (arrow.row, arrow.holder, arrow.owner) == (row.id, "v1", "v2")
    found = town.explorer.inspect(row.id)
    assert found is not None
    assert [(field.name, field.value) for field in found.fields] == [
        ("state", "unresolved"),
        ("settled by", "bank"),
    ]
    del waited


def test_a_suspended_vat_says_why_and_how_it_goes_on(town: Town) -> None:
    """Its box has the reason, and only what helps can be done."""
    town.world.vats.suspend("bank", "out of computrons (bank, line 20, in Bank.later)")
    assert town.box("bank").note == "out of computrons (bank, line 20, in Bank.later)"
    found = town.explorer.inspect("v2")
    assert found is not None
    verbs = {verb.verb: (verb.enabled, verb.why) for verb in found.verbs}
    assert verbs["resume"] == (True, "")
    assert verbs["suspend"] == (False, "bank is suspended already")
    assert verbs["drop"] == (False, "nothing is parked for it")


def test_in_the_past_nothing_can_be_done(town: Town) -> None:
    """But a delivery can be traced; what it takes to do more is said."""
    found = town.explorer.inspect("ko20", at=town.world.crank)
    assert found is not None
    assert [verb.verb for verb in found.verbs if verb.enabled] == ["trace"]
    assert all("go on from here" in verb.why for verb in found.verbs if not verb.enabled)


def test_the_timeline_marks_what_people_look_for(town: Town) -> None:
    """Checkpoints, upgrades and errors with their words; after a prune, where the past begins."""
    world = town.world
    purse = world.queue_to_root("bank", "open_purse", ["bob"])
    world.run()
    world.queue_to_object(purse, "withdraw", [5])
    world.run()
    world.checkpoint("poor")
    world.upgrade_vat("bank", (("bank", BANK),))
    marks = town.explorer.timeline().marks
    assert [mark.text for mark in marks if mark.crank > world.crank - 2] == [
        "checkpoint poor",
        "rejected: ValueError: bob has 0, not 5",
        "bank upgraded to incarnation 1",
    ]
    world.history.prune(before=world.crank - 3)
    line = town.explorer.timeline()
    assert line.since == line.first > 1
    assert line.marks[0].kind == "cut"
    with pytest.raises(swingset.NoSuchMoment):
        town.explorer.scene(at=1)
    with pytest.raises(swingset.KernelError):
        town.explorer.tick(1)


def test_a_session_that_begins_anew_was_not_upgraded(town: Town) -> None:
    """Nobody upgrades the vat of a session: the explorer and the history name what its user knows."""
    town.session.attach("gone back")
    town.world.commit("anew")
    assert town.explorer.timeline().marks[-1].text == "notebook: session began anew"
    told = [str(each) for stretch in town.world.history.timeline() for each in stretch.happenings]
    assert told[-1] == "notebook: session began anew"


def test_a_name_for_a_promise_is_shown_until_it_is_settled(town: Town) -> None:
    """No world stores it, but its session tells; the arrow leads from the name to the promise."""
    waited = E(town.session.root("bank")).later()
    town.session.settle()
    town.names(bank=town.session.root("bank"), answer=waited)
    rows = {row.id: row for box in town.explorer.scene().boxes for row in box.rows}
    (arrow,) = [arrow for arrow in town.explorer.scene().arrows if arrow.waits]
    assert rows[arrow.row].sort == "promise"
    assert rows[arrow.holder_row or ""].label == "answer"
    assert "answer" not in [row.label for row in town.box("notebook", at=town.world.crank).rows]


def test_a_rejection_that_no_code_handles_is_an_error(town: Town) -> None:
    """The message settles no promise that anybody waits for, and yet it went wrong."""
    bank = town.session.root("bank")
    purse = town.session.wait(E(bank).open_purse("eve"))
    town.session.wait(E(bank).waste(purse))
    mark = town.explorer.timeline().marks[-1]
    assert mark.kind == "error"
    assert mark.text.startswith("unhandled rejection in bank: ValueError: eve has 0, not 1000")
    assert town.explorer.tick(mark.crank).error.startswith("unhandled rejection in bank")


def test_arrows_lead_from_durable_objects_to_what_their_records_hold(town: Town) -> None:
    """A safe of another vat holds two of the purses in its field; the arrow begins at the safe."""
    shop = town.session.define("shop", BANK)
    bank = town.session.root("bank")
    purses = [town.session.wait(E(bank).open_purse(name)) for name in ("fay", "gus")]
    safe = town.session.wait(E(shop).lock(purses))
    scene = town.explorer.scene()
    rows = {row.id: row.label for box in scene.boxes for row in box.rows}
    found = [
        (rows[arrow.holder_row or ""], rows[arrow.row], arrow.count)
        for arrow in scene.arrows
        if arrow.holder == "v3"
    ]
    assert found == [("Safe", "Purse", 2)]
    del safe


def fields(town: Town, subject: str) -> tuple[swingset.Field, ...]:
    found = town.explorer.inspect(subject)
    assert found is not None
    return found.fields


SHELF = """
from swingset.vat import durable, remotable

@durable
class Card:
    text: str
    def write(self, text: str):
        self.text = text

@remotable
class Shelf:
    def card(self, text: str):
        return Card(text=text)

def build_root_object():
    return Shelf()
"""


def test_a_long_text_is_cut_and_is_no_earlier_value_of_itself(town: Town) -> None:
    """A label has the beginning of a long text; a history has only what differs, even past the cut."""
    shelf = town.session.define("shelf", SHELF)
    long = "the card with a text that goes on " * 20
    card = town.session.wait(E(shelf).card(long + "A"))
    row = town.box("shelf").rows[1]
    assert row.label == "Card the card with a text t…"
    (text,) = fields(town, row.id)
    assert (text.history, text.value[-1]) == ((), "…")
    town.session.wait(E(card).write(long + "B"))
    (text,) = fields(town, row.id)
    assert len(text.history) == 1
    assert text.since is not None
    assert text.since > text.history[0].crank


def test_twelve_vats_are_drawn_and_the_rest_can_be(town: Town) -> None:
    """Besides the session there are boxes for twelve vats; one id draws the rest, and is gone then."""
    for number in range(11):
        town.session.define(f"vat{number}", SHELF)
    scene = town.explorer.scene()
    assert (len(scene.boxes), scene.further) == (13, "")
    town.session.define("one_more", SHELF)
    scene = town.explorer.scene()
    assert (len(scene.boxes), scene.left_out[0]) == (13, "1 more vat is not drawn")
    scene = town.explorer.scene(opened=[scene.further])
    assert (len(scene.boxes), scene.further) == (14, "")
