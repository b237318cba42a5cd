"""A world that breaks the rules of a move: it is refused by a code, and the other world goes on as it was."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from swingset.devices.mover import MOST_STAGED, PIECE, PORTION
from swingset.guest.base.errors import RemoteError
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref
from swingset.model.vat_packages import DROPPED, EXPORT, IMPORT, PROMISE, WEAK, Entry, VatPackage
from swingset.testing import audit
from tests.net.moving.moving import COUNTER, Worlds
from tests.scenarios.linked import settle, with_session

pytestmark = pytest.mark.unaudited  # the worlds are, when they close

HOLDER = """
from swingset.vat import make_promise, remotable

@remotable
class Thing:
    pass

@remotable
class Holder:
    def __init__(self):
        self.promise, self.resolver = make_promise()

    def thing(self):
        return Thing()

    def offer(self, arrival, refs):
        # A list of things and promises, as they come in a message.
        from swingset.vat import E
        return E(arrival).take("refs", [[is_promise, self.promise if is_promise else each]
                                        for is_promise, each in refs])

def build_root_object():
    return Holder()
"""

PACKAGE = VatPackage(
    name="guest",
    incarnation=0,
    code=(("guest", COUNTER),),
    cells=(),
    parameters="#null",
    slots=(),
    rows=(),
    counters=(("o", 60), ("p", 70)),
    entries=(Entry("o+0", EXPORT), Entry("o-50", IMPORT), Entry("p-60", PROMISE, None, True)),
    message="vat guest moved to another world",
    disavow=False,
)


def spelt(text: str) -> str:
    """A package as it comes."""
    return base64.b64encode(text.encode()).decode()


class Stranger:
    """A world that takes vats, and who sends them to it, as another world would."""

    def __init__(self) -> None:
        self.world: Controller = open_world(worker="local")
        self.world.net.listen("in-process")
        self.world.create_vat("holder", (("holder", HOLDER),))
        self.holder = self.world.vats.root("holder")
        self.held: list[str] = []

    def done(self, kref: str | None) -> Any:
        """What a message came to, after a run; an error is raised."""
        assert kref is not None
        self.world.run()
        self.held.append(kref)
        if self.world.status(kref) == "rejected":
            raise self.world.resolution(kref)
        return self.world.resolution(kref)

    def release(self) -> None:
        """Hold nothing any more of what came."""
        while self.held:
            self.world.release(self.held.pop())

    def ask(self, target: Ref, method: str, *args: Any) -> Any:
        return self.done(self.world.queue_to_object(target.kref, method, list(args)))

    def acceptance(self, **limits: Any) -> Ref:
        found: Ref = self.done(self.world.net.accept_vats(**limits))
        return found

    def thing(self) -> Ref:
        found: Ref = self.done(self.world.queue_to_root("holder", "thing"))
        return found

    def offer(self, text: str, **changes: Any) -> dict[str, Any]:
        """What is offered for a package."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        return {"form": 1, "bytes": len(text.encode()), "digest": digest, "name": "guest", **changes}

    def arrival(self, text: str, **changes: Any) -> Ref:
        found: Ref = self.ask(self.acceptance(), "offer", self.offer(text, **changes))
        return found

    def filled(self, text: str | None = None, refs: list[list[Any]] | None = None) -> Ref:
        """An arrival that has got a package, and the references beside it."""
        said = PACKAGE.text() if text is None else text
        arrival = self.arrival(said)
        self.ask(arrival, "take", "text", spelt(said))
        given = [[False, self.thing()], [True, None]] if refs is None else refs
        self.done(self.world.queue_to_root("holder", "offer", [arrival, given]))
        return arrival


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    yield made
    problems = audit(made.world.kernel.store)
    made.world.close()
    assert not problems, "\n".join(problems)


def _refuse(stranger: Stranger, act: Callable[[], Any]) -> str:
    """The code of a refusal, after which the world takes vats as before."""
    vats = list(stranger.world.vats)
    with pytest.raises(RemoteError) as refused:
        act()
    assert list(stranger.world.vats) == vats
    assert stranger.world.vats["vatMover"].state == "live"
    return str(getattr(refused.value, "code", None))


def test_a_good_package_arrives(stranger: Stranger) -> None:
    """What the cases below are changed from: the vat is there, confined, and answers."""
    arrival = stranger.filled()
    (root,) = stranger.ask(arrival, "take", "objects", 0)
    stranger.ask(arrival, "start")
    assert stranger.world.vats["guest"].worker == "wasm"
    assert stranger.ask(root, "given") is None
    assert _refuse(stranger, lambda: stranger.ask(arrival, "start")) == "ended"
    stranger.world.terminate_vat("guest")
    stranger.world.run()


TEXT = PACKAGE.text()
OFFERS: dict[str, tuple[str, Any]] = {
    "no dict": ("format", 5),
    "another form": ("format", {"form": 2}),
    "a part too many": ("format", {"more": 1}),
    "bytes that are a text": ("too-large", {"bytes": "5"}),
    "no bytes": ("too-large", {"bytes": 0}),
    "too many bytes": ("too-large", {"bytes": 1 << 40}),
    "a form that is true": ("format", {"form": True}),
    "a digest that is a number": ("format", {"digest": 5}),
    "a digest that is too long": ("format", {"digest": "0" * 900_000}),
    "a digest in other digits": ("format", {"digest": "X" * 64}),
    "a digest with a line end": ("format", {"digest": "0" * 64 + "\n"}),
    "a name that is a list": ("format", {"name": []}),
    "a bad name": ("name-taken", {"name": "a b"}),
    "the name of a service": ("name-taken", {"name": "net"}),
    "the name of one that is not there yet": ("name-taken", {"name": "http"}),
    "the name of the one that moves vats": ("name-taken", {"name": "vatMover"}),
}


@pytest.mark.parametrize("case", OFFERS)
def test_a_wrong_offer_is_refused(stranger: Stranger, case: str) -> None:
    """An offer in which one thing is wrong."""
    code, changes = OFFERS[case]
    offer = {**stranger.offer(TEXT), **changes} if isinstance(changes, dict) else changes
    acceptance = stranger.acceptance()
    assert _refuse(stranger, lambda: stranger.ask(acceptance, "offer", offer)) == code


def test_few_vats_are_on_their_way_at_once(stranger: Stranger) -> None:
    """So many may be offered as may come, and no more than a few at the same time."""
    many, one = stranger.acceptance(vats=100), stranger.acceptance(vats=1)
    offer = stranger.offer(TEXT)
    for _ in range(MOST_STAGED):
        stranger.ask(many, "offer", offer)
    assert _refuse(stranger, lambda: stranger.ask(many, "offer", offer)) == "busy"
    stranger.ask(one, "offer", offer)
    assert _refuse(stranger, lambda: stranger.ask(one, "offer", offer)) == "used"


def test_what_comes_is_held_to_what_was_offered(stranger: Stranger) -> None:
    """More bytes, other bytes, and parts in another order."""
    arrival = stranger.arrival(TEXT)
    assert _refuse(stranger, lambda: stranger.ask(arrival, "start")) == "order"
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "text", spelt(TEXT) + "x")) == "too-large"
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "text", 5)) == "order"
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "soul", "x")) == "order"
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "refs", [])) == "order"
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "objects", 0)) == "digest"
    full = stranger.filled()
    assert _refuse(stranger, lambda: stranger.ask(full, "take", "text", "x")) == "order"
    stranger.ask(full, "take", "objects", 0)
    assert stranger.ask(full, "take", "objects", 7) == []
    _refuse(stranger, lambda: stranger.ask(full, "take", "objects", -1))
    _refuse(stranger, lambda: stranger.ask(full, "take", "objects", "x"))
    assert (
        _refuse(stranger, lambda: stranger.ask(full, "take", "refs", [[False, stranger.thing()]])) == "order"
    )


@pytest.mark.parametrize("piece", [0, 1, 60_000, PIECE - 1, PIECE + 1])
def test_pieces_have_their_size(stranger: Stranger, piece: int) -> None:
    """So there are no more of them than a package of the accepted size has: none is empty, or too small."""
    arrival = stranger.arrival(TEXT, bytes=1_000_000)
    code = _refuse(stranger, lambda: stranger.ask(arrival, "take", "text", "x" * piece))
    assert code == "order"
    for _ in range(6):
        stranger.ask(arrival, "take", "text", "x" * PIECE)
    last = 4 * -(-1_000_000 // 3) - 6 * PIECE
    stranger.ask(arrival, "take", "text", "x" * last)
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "text", "")) == "order"


def test_its_references_are_held_to_the_package(stranger: Stranger) -> None:
    """Too few, others than it has, too many in one portion, and one object twice."""
    thing = stranger.thing()
    cases: list[tuple[str, list[list[Any]]]] = [
        ("references", [[False, thing]]),
        ("references", [[True, None], [False, thing]]),
        ("references", [[False, thing], [False, stranger.thing()]]),
    ]
    for code, refs in cases:
        arrival = stranger.filled(refs=refs)
        assert _refuse(stranger, lambda arrival=arrival: stranger.ask(arrival, "take", "objects", 0)) == code
    entries = (*PACKAGE.entries[:2], Entry("o-51", IMPORT))
    twice = VatPackage(**{**vars(PACKAGE), "entries": entries}).text()
    arrival = stranger.filled(twice, [[False, thing], [False, thing]])
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "objects", 0)) == "same-reference"
    _refuse(stranger, lambda: stranger.filled(refs=[[False, thing]] * (PORTION + 1)))


@pytest.mark.parametrize("text", ["", "5", "{}", '{"format": 1}', "[" * 5_000])
def test_a_package_that_is_none_is_refused(stranger: Stranger, text: str) -> None:
    """It is looked at before the old home decides; `test_packages` has the other cases."""
    if not text:
        _refuse(stranger, lambda: stranger.arrival(text))
        return
    arrival = stranger.filled(text, [[False, stranger.thing()]])
    assert _refuse(stranger, lambda: stranger.ask(arrival, "take", "objects", 0)) in ("unreadable", "format")


def test_code_that_is_none_is_suspended(stranger: Stranger) -> None:
    """What only the worker can find wrong fails in the worker, and the vat waits there, suspended."""
    for changes in (
        {"code": (("guest", "this is no Python"),)},
        {"rows": (("idCounters", "nonsense"), ("baggageID", "o+d99/99"))},
        {"parameters": "no capdata"},
    ):
        arrival = stranger.filled(VatPackage(**{**vars(PACKAGE), **changes}).text())
        stranger.ask(arrival, "take", "objects", 0)
        stranger.ask(arrival, "start")
        assert stranger.world.vats["guest"].state == "suspended", changes
        stranger.world.terminate_vat("guest")
        stranger.world.run()


HOUSEKEEPING = {
    "nothing": (),
    "an object that nobody reaches": (Entry("o+d10/1", DROPPED),),
    "an object that nobody has asked for": (Entry("o+d10/1", EXPORT),),
    "many that nobody has asked for": tuple(Entry(f"o+d10/{n}", EXPORT) for n in range(1, PORTION + 10)),
    "an import that it can only recognize": (Entry("o-51", WEAK),),
}


@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.parametrize("case", HOUSEKEEPING)
def test_housekeeping_of_a_vat_that_has_not_started_ends(stranger: Stranger, case: str, starts: bool) -> None:
    """What is due for it before its start waits for that; if it fails, until it is resumed."""
    more = HOUSEKEEPING[case]
    code = COUNTER if starts else COUNTER.replace("    return Root(", "    1 / 0\n    return Root(")
    entries = (*PACKAGE.entries, *more)
    package = VatPackage(**{**vars(PACKAGE), "entries": entries, "code": (("guest", code),)})
    weak = [[False, stranger.thing()] for entry in more if entry.fate == WEAK]
    refs = [[False, stranger.thing()], [True, None], *weak]
    arrival = stranger.filled(package.text(), refs)
    stranger.ask(arrival, "take", "objects", 0)
    stranger.world.gc.reap_all()
    stranger.ask(arrival, "start")
    for _ in range(2):
        stranger.release()
        stranger.world.gc.reap_all()
        stranger.world.run()
        vat = stranger.world.vats["guest"]
        assert (vat.state, vat.incarnation) == (("live", 1) if starts else ("suspended", 0))
        stranger.world.vats.resume("guest")
        stranger.world.run()
    stranger.world.terminate_vat("guest")
    stranger.world.run()


def test_the_meter_of_the_acceptance_pays(stranger: Stranger) -> None:
    """It pays for the start; if it is gone by then, the vat waits until it gets another."""
    for gone in (False, True):
        meter = stranger.world.meters.create(10**10)
        acceptance = stranger.acceptance(meter=meter)
        arrival: Ref = stranger.ask(acceptance, "offer", stranger.offer(TEXT))
        stranger.ask(arrival, "take", "text", spelt(TEXT))
        refs = [[False, stranger.thing()], [True, None]]
        stranger.done(stranger.world.queue_to_root("holder", "offer", [arrival, refs]))
        stranger.ask(arrival, "take", "objects", 0)
        if gone:
            stranger.world.meters.forget(meter)
        stranger.ask(arrival, "start")
        vat = stranger.world.vats["guest"]
        if gone:
            assert (vat.state, vat.reason.partition(":")[0]) == ("suspended", "meter-exhausted")
            stranger.world.vats.change_options("guest", {"meter": stranger.world.meters.create(10**10)})
            stranger.world.vats.resume("guest")
            stranger.done(stranger.world.queue_to_root("guest", "given"))
        else:
            assert vat.options["meter"] == meter
            assert stranger.world.meters.get(meter).remaining < 10**10
        assert stranger.world.vats["guest"].incarnation == 1
        stranger.world.terminate_vat("guest")
        stranger.world.run()


def test_the_meter_pays_though_the_acceptance_is_gone(stranger: Stranger) -> None:
    """Whoever was given an acceptance does not escape its meter by letting go of it."""
    stranger.release()
    meter = stranger.world.meters.create(10**10)
    acceptance = stranger.acceptance(meter=meter)
    arrival: Ref = stranger.ask(acceptance, "offer", stranger.offer(TEXT))
    stranger.ask(arrival, "take", "text", spelt(TEXT))
    refs = [[False, stranger.thing()], [True, None]]
    stranger.done(stranger.world.queue_to_root("holder", "offer", [arrival, refs]))
    stranger.ask(arrival, "take", "objects", 0)
    stranger.world.release(stranger.held.pop(0))
    for _ in range(3):
        stranger.world.gc.reap_all()
        stranger.world.run()
    assert stranger.world.kernel.devices.context("mover").keys("accepts.") == []
    stranger.ask(arrival, "start")
    assert stranger.world.vats["guest"].options["meter"] == meter
    assert stranger.world.meters.get(meter).remaining < 10**10
    stranger.world.terminate_vat("guest")
    stranger.world.run()


FAKE = """
from swingset.vat import durable, make_promise, remotable

@remotable
class Thing:
    pass

@remotable
class Fake:
    def plan(self, mode: str, thing):
        self.mode, self.it = mode, thing

    def offer(self, offer):
        if self.mode == "no arrival":
            return 5
        if self.mode == "their arrival":
            return self.it
        return self

    def take(self, what, part):
        if what != "objects":
            return "nothing"
        match self.mode:
            case "too few":
                return [Thing()]
            case "too many":
                return [Thing() for _ in range(3)]
            case "one twice":
                thing = Thing()
                return [thing, thing]
            case "data":
                return [1, 2]
            case "no list":
                return "objects"
            case "a promise":
                return [make_promise()[0], Thing()]
            case "theirs" | "known":
                return [self.it, Thing()]
            case "a great many":
                return [Thing() for _ in range(500)]
        return [Thing(), Thing()]

    def cancel(self):
        self.mode = "cancelled"

    def told(self):
        return self.mode

def build_root_object():
    return Fake()
"""
MODES = (
    *("no arrival", "their arrival", "too few", "too many", "one twice", "data", "no list", "a promise"),
    *("theirs", "known", "a great many"),
)


def test_a_wrong_answer_keeps_the_vat_here(worlds: Worlds) -> None:
    """Whatever the other world answers with that is no new object of its own for each export."""
    with_session(worlds.bob)
    fake = worlds.bob.session.define("fake", FAKE, worker="local")
    uri = worlds.bob.session.net.share(fake)
    with_session(worlds.alice)
    acceptance = worlds.alice.fetch(uri)
    known = worlds.acceptance()
    name, _, counter = worlds.counter()
    for number, mode in enumerate(MODES, 1):
        worlds.alice.ask(acceptance, "plan", mode, known if mode == "known" else counter)
        with pytest.raises(RemoteError, match=f"vat {name} has not moved"):
            worlds.move(name, acceptance)
        assert worlds.at(worlds.alice, name).state == "live", mode
        assert worlds.alice.ask(counter, "inc") == number
    settle(worlds.alice, worlds.bob)
    assert worlds.homes(name) == ["alice"]
