"""What a reference stands for: read from the records of a world, whatever its vats have stored there."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from swingset import Controller, KernelError, Session, open_world
from swingset.lens.present.described import MOST_FIELDS, MOST_HOLDERS, describe
from swingset.vat import E

BANK = """
from swingset.vat import Cohort, durable, facet, remotable, virtual

@durable(tag="Purse")
class Wallet:
    "Money of one owner."
    owner: str
    balance: int = 0
    friend: object = None

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    def befriend(self, other):
        self.friend = other

@virtual
class Quote:
    price: int
    def read(self): return self.price

@durable
class Door(Cohort):
    open: bool = False

    @facet("keeper")
    def unlock(self): self.open = True

    @facet("keeper", "guest")
    def state(self): return self.open

@remotable
class Clerk:
    def greet(self): return "hello"

@durable
class Wide:
    WIDE
    def hello(self): ...

@remotable
class Bank:
    def purse(self, owner): return Wallet(owner)
    def quote(self): return Quote(7)
    def keeper(self): return Door().facets.keeper
    def guest(self): return Door().facets.guest
    def clerk(self): return Clerk()
    def wide(self): return Wide()
    def wait(self):
        from swingset.vat import make_promise
        promise, self.resolver = make_promise()
        return promise
    def fail(self): raise ValueError("no\\x1b[31m money")
    def value(self): return [1, {"a": "<b>"}]

def build_root_object():
    return Bank()
""".replace("WIDE", "\n    ".join(f"f{n:02}: int = {n}" for n in range(20)))


@pytest.fixture
def session() -> Iterator[Session]:
    """A session whose world has a bank."""
    with open_world(worker="local") as world:
        made = Session(world)
        made.define("bank", BANK)
        yield made


@pytest.mark.parametrize(
    ("method", "args", "line"),
    [
        (
            "purse",
            ["alice"],
            "Purse of bank · owner 'alice' · balance 0 · friend None · methods befriend, deposit",
        ),
        ("quote", [], "Quote of bank · price 7 · methods read"),
        ("keeper", [], "Door of bank, facet keeper · open False · methods state, unlock"),
        ("guest", [], "Door of bank, facet guest · open False · methods state"),
        ("clerk", [], "Clerk of bank · methods greet"),
    ],
)
def test_an_object_is_described(session: Session, method: str, args: list[str], line: str) -> None:
    """Class, vat, stored state and methods are told, of each sort of object."""
    bank = session.root("bank")
    found = session.wait(getattr(E(bank), method)(*args))
    assert str(session.references.describe(found)) == line
    assert str(session.controller.lens.describe(session.kref_of(found) or "")) == f"{line} · held by notebook"


def test_a_root_says_whose_it_is(session: Session) -> None:
    """It is called by its class, and its methods are found in the source."""
    found = session.references.describe(session.root("bank"))
    assert found.name == "Bank, root of bank"
    assert found.method("purse") is not None
    assert found.method("nonesuch") is None
    assert str(found).endswith("methods clerk, fail, guest, keeper, purse, quote, value, wait and 1 more")


def test_state_with_references_names_them(session: Session) -> None:
    """A reference in a field is shown as what it is, and who else holds the object is told."""
    bank = session.root("bank")
    one, two = session.wait(E(bank).purse("a")), session.wait(E(bank).purse("b"))
    shop = session.define(
        "shop",
        "from swingset.vat import remotable\n@remotable\nclass Shop:\n    def take(self, x): self.x = x\n"
        "def build_root_object(): return Shop()",
    )
    session.wait(E(one).befriend(two))
    session.wait(E(one).befriend(shop))
    session.wait(E(shop).take(one))
    kref = session.kref_of(shop)
    line = str(session.references.describe(one))
    assert line.startswith(f"Purse of bank · owner 'a' · balance 0 · friend root of shop {kref} · methods")
    assert line.endswith(" · held by shop")


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("wait", "promise for wait() · not settled yet: vat bank has to settle it"),
        ("fail", "promise for fail() · rejected with ValueError: no\\x1b[31m money"),
        ("value", "promise for value() · fulfilled with [1, {'a': '<b>'}]"),
        ("clerk", "promise for clerk() · fulfilled with Clerk of bank · methods greet"),
    ],
)
def test_a_promise_is_described(session: Session, method: str, told: str) -> None:
    """A settled one shows its outcome, an open one who has to settle it, before and after the run."""
    promise = getattr(E(session.root("bank")), method)()
    waits = f"promise for {method}() · not settled yet: its message {method}() waits to run"
    assert str(session.references.describe(promise)) == waits
    promise.catch(lambda _reason: None)
    session.settle()
    assert str(session.references.describe(promise)) == told


def test_what_is_gone_says_why(session: Session) -> None:
    """An object that an upgrade abandoned, and all of a vat that was terminated."""
    bank = session.root("bank")
    clerk, purse = session.wait(E(bank).clerk()), session.wait(E(bank).purse("a"))
    session.upgrade("bank", "bank", BANK + "\n")
    told = str(session.references.describe(clerk))
    why = "vat bank was upgraded to incarnation 1"
    assert told == f"Clerk of bank · gone, {why}: what is sent to it is rejected"
    session.controller.vats.suspend("bank")
    assert str(session.references.describe(purse)).endswith(" · vat bank is suspended")
    session.controller.terminate_vat("bank", "enough")
    assert "gone, " in str(session.references.describe(purse))


def test_a_reference_of_another_life_says_so(session: Session) -> None:
    """Looking at it begins no new life."""
    bank = session.root("bank")
    session.controller.checkpoint("now")
    session.controller.history.go_back("now")
    session.attach("gone back")
    incarnation = session.incarnation
    assert "belongs to incarnation 0" in str(session.references.describe(bank))
    assert session.incarnation == incarnation
    with pytest.raises(TypeError, match="the world knows nothing of a int"):
        session.references.describe(5)


def test_a_reference_is_printed_by_what_it_is_called(session: Session) -> None:
    """Another thread that prints one does not wait for a run; then it is printed by its number."""
    purse = session.wait(E(session.root("bank")).purse("alice"))
    printed: list[str] = []
    with session.controller.lock:
        thread = threading.Thread(target=lambda: printed.append(repr(purse)))
        thread.start()
        thread.join(20)
    assert printed[0].startswith("<Presence o-")
    assert repr(purse) == "<Purse of bank>"
    thread = threading.Thread(target=lambda: printed.append(f"{[purse]}"))
    thread.start()
    thread.join(20)
    assert printed[1] == "[<Purse of bank>]"


def test_looking_changes_nothing(session: Session) -> None:
    """State, digest and records are the same before and after."""
    purse = session.wait(E(session.root("bank")).purse("alice"))
    world: Controller = session.controller
    before = world.digest(), world.crank, world.dump()
    for _ in range(3):
        session.references.describe(purse)
    assert (world.digest(), world.crank, world.dump()) == before


@pytest.mark.parametrize(
    "record",
    [
        "no json",
        "[" * 5_000,
        "[1, 2]",
        '{"owner": 5}',
        '{"owner": {"body": "#\\"$0.Alleged: x\\"", "slots": ["o-999"]}}',
        '{"owner": {"body": "#{", "slots": []}}',
        '{"owner": {"body": "#\\"' + "x" * 50_000 + '\\"", "slots": []}}',
        '{"' + "\\u202e" * 500 + '": {"body": "#1", "slots": []}}',
        "{" + ",".join(f'"f{n}": {{"body": "#{n}", "slots": []}}' for n in range(3_000)) + "}",
        '{"#version": 3, "owner": {"body": "#\\"+' + "9" * 10_000 + '\\"", "slots": []}}',
    ],
)
def test_a_hostile_record_is_shown_within_bounds(session: Session, record: str) -> None:
    """Whatever a vat has stored as its state, the line is drawn, short and without a raise."""
    purse = session.wait(E(session.root("bank")).purse("alice"))
    store = session.controller.kernel.store
    kref = session.kref_of(purse) or ""
    (key,) = (entry.vref for entry in store.clists.holders(kref) if "+" in entry.vref)
    owner = session.controller.vats["bank"].id
    store.vatstore.set(owner, f"vom.{key}", record)
    line = str(describe(store, kref))
    assert line.startswith("Purse of bank")
    assert line.isprintable()
    assert len(line) < 4_000
    store.vatstore.set(owner, f"vom.dkind.{key[3:].partition('/')[0]}.descriptor", record)
    assert str(describe(store, kref)).isprintable()


def test_the_line_is_short_for_a_large_class(session: Session) -> None:
    """Fields, methods and holders are listed up to a number."""
    wide = session.wait(E(session.root("bank")).wide())
    taker = "from swingset.vat import remotable\n@remotable\nclass T:\n    def take(self, x): self.x = x\n"
    for number in range(MOST_HOLDERS + 2):
        vat = session.define(f"t{number}", taker + "def build_root_object(): return T()")
        session.wait(E(vat).take(wide))
    line = str(session.references.describe(wide))
    assert f"{20 - MOST_FIELDS} more fields" in line
    assert line.endswith("held by t0, t1, t2, t3, t4, t5, t6, t7 and 2 more")


def test_only_krefs_are_described(session: Session) -> None:
    """Any other text is refused, and a kref of nothing is told to be gone."""
    with pytest.raises(KernelError, match="'bank' is not a kref"):
        session.controller.lens.describe("bank")
    assert str(session.controller.lens.describe("ko999")) == "object ko999 · gone: no vat holds it any more"
    assert str(session.controller.lens.describe("kp999")) == "promise kp999 · settled and forgotten"
