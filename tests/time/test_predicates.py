"""Predicates: what they mean, what is refused, and runs that stop where one holds."""

from __future__ import annotations

from pathlib import Path

import pytest

import swingset
from swingset import Session
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from swingset.time.predicates.predicate import BadPredicate, Happened, Predicate
from swingset.time.predicates.until import happened
from tests.conftest import MakeStage
from tests.staging import Stage

BANK = """
    from swingset.vat import durable, remotable

    @durable
    class Purse:
        owner: str
        balance: int = 0
        friend: object = None

        def deposit(self, amount: int) -> int:
            self.balance += amount
            return self.balance

    @remotable
    class Bank:
        def __init__(self, baggage):
            self.baggage = baggage

        def open_purse(self, owner: str, friend=None):
            purse = Purse(owner=owner, friend=friend)
            self.baggage["last"] = purse
            self.baggage["count"] = self.baggage.get("count", 0) + 1
            self.baggage["owners"] = [*self.baggage.get("owners", []), owner]
            self.baggage["limits"] = {"low": -5, "two words": 2}
            return purse

    def build_root_object(baggage):
        return Bank(baggage)
"""


@pytest.fixture
def bank(make_stage: MakeStage) -> Stage:
    """A bank with the purses of alice (10) and bob (-1), and alice's bound to a name."""
    stage = make_stage("local")
    root = stage.define("bank", BANK)
    alice = stage.ask(root, "open_purse", "alice")
    stage.ask(alice, "deposit", 10)
    bob = stage.ask(root, "open_purse", "bob", alice)
    stage.ask(bob, "deposit", -1)
    stage.session.names.remember({"mine": alice})
    stage.controller.commit()
    return stage


TRUE_OF_STATE = [
    "purse.balance < 0",
    "Purse.balance == 10",
    "bank.purse.balance == -1",
    "bank.count == 2",
    "bank.count",
    "mine.balance == 10",
    'mine.owner == "alice"',
    "mine.friend is None",
    'purse.owner == "bob" and purse.balance == -1',
    "purse.friend.balance == 10",
    'bank.last.owner == "bob"',
    "bank.last.friend.balance == 10",
    "0 <= mine.balance <= 10",
    'bank.owners[0] == "alice"',
    '"bob" in bank.owners',
    '"carol" not in bank.owners',
    'bank.limits["low"] == -5',
    "bank.limits['two words'] == 2",
    'bank["count"] == 2',
    "not bank.nothing",
    "not mine.balance < 0",
    "mine.balance < 0 or bank.count == 2",
    "mine",
]
FALSE_OF_STATE = [
    'purse.owner == "alice" and purse.balance == -1',
    "mine.balance < 0",
    "mine.nothing < 0",
    "nothing.balance < 0",
    "mine.owner < 3",
    "mine.owner.balance == 10",
    "bank.owners[2] == 'alice'",
    "bank.owners['alice']",
    "bank.purse.friend.friend.balance == 1",
    "not mine",
    "mine.balance.real == 10",
    "bank.__class__",
    "mine.__class__.__mro__",
]


def test_a_predicate_of_the_state_means_what_it_says(bank: Stage) -> None:
    """Names mean vats, names of the session and kinds; a choice of objects is the same in all of the text."""
    store = bank.controller.kernel.store
    holds = {text: Predicate(text).holds(store).holds for text in (*TRUE_OF_STATE, *FALSE_OF_STATE)}
    assert holds == dict.fromkeys(TRUE_OF_STATE, True) | dict.fromkeys(FALSE_OF_STATE, False)


def test_what_decided_is_named(bank: Stage) -> None:
    """The object is named by kind, name and vat, with the value."""
    found = Predicate("purse.balance < 0").holds(bank.controller.kernel.store)
    assert found.because == ("Purse o+d10/2 of bank: balance -1",)


MISSING = [
    ("purse.balanse < 0", ("Purse has no balanse: it has owner, balance, friend",)),
    ("not purse.balanse < 0", ("Purse has no balanse: it has owner, balance, friend",)),
    ("bank.purse.b < 0 or purse.c", ("Purse has no b: it has ", "Purse has no c: it has ")),
    ("mine.nothing < 0", ("Purse o+d10/1 of bank has no nothing: it has owner, balance, friend",)),
    ("purse.friend.owned", ("Purse o+d10/1 of bank has no owned: it has owner, balance, friend",)),
    ("bank.purze.balance", ("bank has no purze: it has count, last, limits, owners",)),
    ('bank["cuont"]', ("bank has no 'cuont': it has count, last, limits, owners",)),
    ('bank.limits["lo"]', ("bank.limits has no 'lo': it has 'low', 'two words'",)),
    ("bank.limits.low", ("bank.limits has no field low: the item is bank.limits['low']",)),
    ("bank.owners[7]", ("bank.owners has 2 items, and no 7",)),
    ("mine.balance.real == 10", ("mine.balance is 10: it has no real, and no fields at all",)),
    ('vat == "bank" and purse.m', ("Purse has no m: it has owner, balance, friend",)),
    ("purse.balance < 0 and bank.purse.owner", ()),
    ("nothing.balance < 0", ()),
    ("mine.friend.balance", ()),
    ('method == "deposit"', ()),
    ('vat == "bnk"', ("no vat is called 'bnk': did you mean 'bank'?",)),
    ('not "bank" != vat', ()),
    ('vat != "shop"', ("no vat is called 'shop': there are ",)),
    ('method == "depsit"', ("no method of these vats is called 'depsit': did you mean 'deposit'?",)),
    ('method == "withdraw"', ()),
    ('event == "sent" and rejection', ("no event is called 'sent': did you mean 'send'?",)),
    ('outcome == "ok"', ("no outcome is called 'ok': there are 'delivered', 'waiting', ",)),
    ('purse.owner == "alcie"', ("no purse.owner is 'alcie': did you mean 'alice'?",)),
    ('mine.friend.owner == "alice" or mine.owner == "alicia"', ("no mine.owner is 'alicia': did you",)),
    ('"bbo" == bank.purse.owner', ("no bank.purse.owner is 'bbo': did you mean 'bob'?",)),
    ('purse.owner == "carol"', ()),
    ('bank.owners[0] == "alise"', ("no bank.owners[0] is 'alise': did you mean 'alice'?",)),
    ('object == "ko2o" or rejection == "x"', ()),
    (f'purse.owner == "{"alice" * 100}"', ()),
]


@pytest.mark.parametrize(("text", "said"), MISSING)
def test_a_part_that_nothing_has_is_said(bank: Stage, text: str, said: tuple[str, ...]) -> None:
    """So a misspelt field is no silent `no`; what is None, or a name without a meaning, is none of it."""
    found = Predicate(text).missing(bank.controller.kernel.store)
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))


def test_until_and_when_say_it_whether_it_holds_or_not(bank: Stage) -> None:
    """Both answers come with the remark, and nothing is changed by it."""
    before = bank.controller.digest()
    for text in ("purse.balanse < 0", "not purse.balanse < 0"):
        told = str(swingset.until(bank.controller, text)), str(swingset.when(bank.controller, text))
        assert all("Purse has no balanse: it has owner, balance, friend" in each for each in told)
    assert bank.controller.digest() == before


CRANK = Happened("bank", "deposit", "ko21", "ValueError: too much", "delivered", 12_000, "send")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('vat == "bank" and method == "deposit"', True),
        ('method in "deposit"', True),
        ("rejection", True),
        ('"too much" in rejection', True),
        ("computrons > 10000", True),
        ("computrons > 20000", False),
        ('outcome != "delivered"', False),
        ('event == "send" and object == "ko21"', True),
    ],
)
def test_a_predicate_of_a_crank(text: str, holds: bool) -> None:
    """The words of a crank are compared like any value."""
    assert Predicate(text).holds(None, CRANK).holds is holds
    assert Predicate(text).about == "event"
    assert not Predicate(text.partition(" and ")[0]).holds(None, Happened()).holds or "!=" in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 < 2",
        "__import__('os').system('true')",
        "purse.balance()",
        "(lambda: purse)()",
        "[purse]",
        "{'a': purse}",
        "purse[0:1]",
        "purse[owner]",
        "'x'.upper",
        "vat.name == 'bank'",
        "purse.balance ** 9",
        "purse.balance + 1",
        "purse if bank else mine",
        "(purse := 1)",
        "f'{purse}'",
        "b'x' == purse.owner",
        "await purse",
        "purse == ...",
        "purse.balance <",
        "purse; bank",
        "purse\0",
        "(" * 400 + "purse" + ")" * 400,
        "not " * 240 + "purse or " * 10,
        "purse == " + "1" * 2_000,
        "-" * 900 + "purse < 0",
        "not " * 60 + "purse",
        'bank["\\ud800"] == 1',
    ],
)
def test_what_is_no_predicate_is_refused(text: str) -> None:
    """Nothing is called, sliced, made or evaluated; the error says what a predicate is."""
    with pytest.raises(BadPredicate, match="predicate"):
        Predicate(text)


def test_a_store_that_says_nonsense_is_read_as_nothing(bank: Stage, unrecorded: None) -> None:
    """Records and values that cannot be read count as not there, and nothing is raised."""
    store = bank.controller.kernel.store
    vat = bank.controller.vats["bank"].id
    for text in (
        "[",
        "3",
        '{"balance": 3}',
        '{"balance": {"body": "#[", "slots": []}}',
        '{"balance": {"body": 3}}',
    ):
        store.vatstore.set(vat, "vom.o+d10/1", text)
        assert not Predicate("mine.balance == 10").holds(store).holds
        assert all(type(said) is str for said in Predicate("mine.balanse or bank.purse.b").missing(store))
        assert Predicate("purse.balance < 0").holds(store).holds


def test_a_run_stops_after_the_crank_that_makes_it_true(bank: Stage) -> None:
    """The world is as if exactly that many cranks had been run, and the next run goes on."""
    purse = bank.session.kref_of(bank.session.names.recall()["mine"])
    assert purse is not None
    for amount in (1, 2, 30, 4):
        bank.controller.queue_to_object(purse, "deposit", [amount])
    twin = bank.controller.fork()
    reached = swingset.until(bank.controller, "mine.balance > 20")
    assert (reached.held, reached.ran) == (True, 3)
    assert reached.because == ("Purse o+d10/1 of bank: balance 43",)
    twin.run(swingset.policies.cranks(3))
    assert twin.digest() == bank.controller.digest()
    twin.close()
    assert len(bank.controller.queue) == 1
    again = swingset.until(bank.controller, "mine.balance > 20")
    assert (again.held, again.ran) == (True, 0)
    never = swingset.until(bank.controller, "mine.balance < 20 and purze.x")
    assert (never.held, never.ran, never.unknown) == (False, 1, ("purze",))


@pytest.mark.parametrize(
    ("text", "ran"),
    [
        ("rejection", 2),
        ('"wanted int" in rejection', 2),
        ('method == "deposit"', 1),
        ("object == mine and computrons is None", 1),
        ('object == "Purse"', 1),
        ('outcome == "rejected" or mine.balance == 14', 3),
    ],
)
def test_a_run_stops_at_a_crank(bank: Stage, text: str, ran: int) -> None:
    """What a crank does is looked at too, alone or together with the state."""
    purse = bank.session.kref_of(bank.session.names.recall()["mine"])
    assert purse is not None
    for amount in (2, "two", 2):
        bank.controller.queue_to_object(purse, "deposit", [amount])
    reached = swingset.until(bank.controller, text)
    assert (reached.held, reached.ran) == (True, ran)


def test_the_words_of_a_crank_come_from_its_record(bank: Stage) -> None:
    """A rejection is told by its text, and an upgrade that is refused by its fault."""
    purse = bank.session.names.recall()["mine"]
    with pytest.raises(Exception, match="wanted int"):
        bank.session.wait(E(purse).deposit("two"))
    records = [
        record for record in bank.controller.history.records() if isinstance(record, swingset.CrankRecord)
    ]
    told = [happened(record) for record in records]
    assert told[0].event == "create-vat"
    assert [one.method for one in told if one.rejection] == ["deposit"]
    assert "wanted int" in str(told[-2].rejection)


def test_the_command_runs_until(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset run --until` stops there, and its status says whether the predicate held."""
    path = str(tmp_path / "my.world")
    with swingset.open_world(path, worker="local") as world:
        session = Session(world)
        purse = session.wait(
            E(session.define("bank", "\n".join(line[4:] for line in BANK.splitlines()))).open_purse("a")
        )
        kref = session.kref_of(purse)
        assert kref is not None
        for amount in (1, -2, 3):
            world.queue_to_object(kref, "deposit", [amount])
    assert main(["run", path, "--trust-local", "--until", "purse.balance < 0"]) == 0
    assert "Purse o+d10/1 of bank: balance -1" in capsys.readouterr().out
    assert main(["run", path, "--trust-local", "--until", "purse.balance < -9"]) == 1
    assert "did not hold after any of 1 crank" in capsys.readouterr().out
    assert main(["run", path, "--trust-local", "--until", "purse()"]) == 1
    assert "is no predicate" in capsys.readouterr().err
