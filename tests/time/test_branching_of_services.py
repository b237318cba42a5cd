"""Branches with meters, timers, mail, host code, lives of a session, and upgrades that vats ask for.

Each begins before all of it. Unchanged, everything comes again and nothing is listed; with a change, what
follows from it is listed, and the rest comes again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.vat import remotable
from tests.staging import Stage

CLERK = """
from swingset.vat import D, E, durable, remotable

@durable
class Handler:
    heard: list = []

    def wake(self, now):
        self.heard = [*self.heard, now]

    def seen(self):
        return self.heard

@remotable
class Clerk:
    def register(self, device):
        self.device = device
        D(device).register(self)

    def mail(self, peer, text):
        return D(self.device).send(peer, text)

    def deliver(self, peer, number, body):
        print("mail", number, body)
        D(self.device).ack(peer, number)

    def handler(self):
        return Handler()

    def alarm(self, timer, when, handler):
        return E(timer).set_wakeup(when, handler)

    def call(self, function, *args):
        return D(function).call(*args)

    def add(self, device, *args):
        return D(device).add(*args)

    def keep(self, device):
        handler = Handler()
        D(device).keep(handler)
        return D(device).kept() is handler

    def relay(self, purse, amount):
        return E(purse).deposit(amount)

    def caught(self, purse, amount):
        return E(purse).deposit(amount).then(None, lambda problem: f"caught {problem}")

    async def upgrade(self, node, cap):
        try:
            return await E(node).upgrade(cap)
        except Exception as problem:
            return f"not upgraded: {problem}"

def build_root_object():
    return Clerk()
"""

ENDS = """
from swingset.vat import remotable

def build_root_object(powers):
    @remotable
    class Ends:
        def end(self):
            powers.exit("done")

    return Ends()
"""

TAKER = """
from swingset.vat import E, remotable

def build_root_object(parameters):
    @remotable
    class Taker:
        async def take(self, amount):
            await E(parameters["teller"]).deposit(0)
            return await E(parameters["purse"]).deposit(amount)

    return Taker()
"""

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    balance: int = 0

    def deposit(self, amount: int) -> int:
        if amount < 0:
            raise ValueError("less than nothing")
        self.balance += amount
        return self.balance

@remotable
class Bank:
    def purse(self):
        return Purse()

def build_root_object():
    return Bank()
"""
TWICE = BANK.replace("+= amount", "+= 2 * amount")


class Place:
    """A stage with a clerk and a bank; `began` is the crank after which what a test does begins."""

    def __init__(self, path: Path | None = None) -> None:
        self.stage = Stage("local", path)
        self.world = self.stage.controller
        self.clerk = self.stage.define("clerk", CLERK)
        self.bank = self.stage.define("bank", BANK)
        self.timer = self.stage.session.devices.timer()
        self.began = self.world.crank

    def ask(self, target: Any, method: str, *args: Any) -> Any:
        return self.stage.ask(target, method, *args)

    def purse(self) -> str:
        """The kref of a purse, which is made the first time."""
        if not hasattr(self, "_purse"):
            self._purse = self.ask(self.bank, "purse")
        return self.stage.session.kref_of(self._purse) or ""

    def records(self, verb: str) -> list[int]:
        """The records of a request since then."""
        return [
            record.number
            for record in self.world.history.records()
            if isinstance(record, swingset.RequestRecord)
            and record.verb == verb
            and record.crank >= self.began
        ]

    def sent(self, method: str) -> list[int]:
        """The records of the messages of the session since then, by method."""
        return [
            number
            for number in self.records("syscall")
            if f'"{method}"' in str(self.record(number).arguments["syscall"])
            and self.record(number).arguments["syscall"][0] == "send"
        ]

    def record(self, number: int) -> Any:
        return next(record for record in self.world.history.records() if record.number == number)

    def cranks(self, summary: str) -> list[Any]:
        """The records of the cranks since then that delivered such a message."""
        return [
            record
            for record in self.world.history.records()
            if isinstance(record, swingset.CrankRecord)
            and record.crank > self.began
            and isinstance(record.event, swingset.Send)
            and record.event.message.method == summary
        ]

    def branch(self, **changes: Any) -> swingset.Branch:
        """The past since then, lived again; the live world does not move."""
        before = self.world.digest(), self.world.history.head
        found = swingset.branch(self.world, at=self.began, **changes)
        assert (self.world.digest(), self.world.history.head) == before
        return found

    def edited(self, number: int, text: str, other: str) -> dict[str, Any]:
        """The arguments of a message of the session with another text in its body."""
        name, target, message = self.record(number).arguments["syscall"]
        body = message["methargs"]["body"].replace(text, other)
        assert body != message["methargs"]["body"]
        return {"syscall": [name, target, {**message, "methargs": {**message["methargs"], "body": body}}]}

    def unchanged(self) -> None:
        """Nothing is listed if nothing is changed, and the vats' stores are the same."""
        with self.branch() as found:
            assert found.lines(None) == []
            assert found.controller.verify() == []
            store = "SELECT vat, key, value FROM vatstore ORDER BY vat, key"
            assert found.controller.world.rows(store) == self.world.world.rows(store)
            for table in ("meters", "device_state"):
                rows = f"SELECT * FROM {table} ORDER BY 1, 2"
                assert found.controller.world.rows(rows) == self.world.world.rows(rows)


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.stage.close()


def answers(found: swingset.Branch) -> list[str]:
    return [str(answer).partition(": ")[2] if answer.record else str(answer) for answer in found.answers]


# Meters


def test_meters_are_found_by_their_origin(place: Place) -> None:
    """A meter that is not made moves the numbers of all later ones; what pays for a vat is still its own."""
    world = place.world
    idle, used = world.meters.create(1_000), world.meters.create(5_000, 10)
    place.stage.session.define("paid", BANK, options={"meter": used})
    world.meters.refill(used, 700)
    world.meters.set_threshold(used, 20)
    world.meters.refill(idle, 1)
    place.ask(place.stage.session.root("paid"), "purse")
    place.unchanged()
    with place.branch(drop=place.records("create-meter")[:1]) as found:
        (meter,) = found.controller.meters.all()
        assert (meter.id, meter.threshold, meter.vats) == ("m1", 20, ("paid",))
        assert meter.remaining == world.meters.get(used).remaining
        withheld = [(entry.what, entry.why) for entry in found.withheld]
        assert withheld == [("refill-meter m1", "there is no meter m1")]


def test_a_vat_that_waits_for_its_meter_waits_in_the_branch() -> None:
    """Computrons are spent anew, to the same amounts; without its refill the vat stays suspended."""
    stage = Stage("wasm")
    world, session, admin = stage.controller, stage.session, stage.session.devices.vat_admin()
    began = world.crank
    meter = stage.ask(admin, "create_meter", 12_000_000, 1_000_000)
    notifier = stage.ask(meter, "get_notifier")
    known = stage.ask(notifier, "get_update_since")["updateCount"]
    cap = session.devices.bundle((("bank", BANK),))
    made = stage.ask(admin, "create_vat", cap, {"name": "paid", "meter": meter})
    purse = stage.ask(made["root"], "purse")
    paid = E(purse).deposit(1)
    session.settle()
    assert (paid.status, world.vats["paid"].state) == ("pending", "suspended")
    assert stage.ask(notifier, "get_update_since", known)["updateCount"] > known
    stage.ask(meter, "add_remaining", 10**9)
    assert session.wait(paid) == 1
    with swingset.branch(world, at=began) as found:
        assert found.lines() == []
        assert found.controller.meters.all() == world.meters.all()
    (refill,) = [
        record.number
        for record in world.history.records()
        if isinstance(record, swingset.RequestRecord) and '"add_remaining"' in str(record.arguments)
    ]
    with swingset.branch(world, at=began, drop=[refill]) as found:
        assert answers(found) == ["deposit(): recorded 1, came no outcome"]
        assert found.notes[0].startswith("vat paid is suspended in the branch: meter-exhausted: ")
    stage.close()


# Time


def test_time_keeps_its_place(place: Place) -> None:
    """Polls come again between the same entries, so an alarm that is set later goes off later."""
    handler = place.ask(place.clerk, "handler")
    place.ask(place.clerk, "alarm", place.timer, 5, handler)
    place.world.devices.poll(4)
    place.ask(place.clerk, "alarm", place.timer, 7, handler)
    place.world.devices.poll(6)
    assert place.ask(handler, "seen") == [6]
    place.world.devices.poll(9)
    delayed = E(place.timer).delay(3)
    place.stage.session.settle()
    place.world.devices.poll(12)
    assert place.stage.session.wait(delayed) == 12
    assert place.ask(handler, "seen") == [6, 9]
    place.unchanged()
    with place.branch(drop=place.sent("alarm")[:1]) as found:
        assert answers(found) == ["seen(): recorded [6, 9], came [9]"] or answers(found) == [
            "seen(): recorded [6], came []",
            "seen(): recorded [6, 9], came [9]",
        ]
    with place.branch(edit={place.records("poll")[1]: {"now": 5}}) as found:
        assert answers(found)[0] == "seen(): recorded [6], came [5]"
    with place.branch(edit={place.records("poll")[1]: {"now": 1}}) as found:
        (entry,) = found.withheld
        assert entry.what == "poll timer"
        assert "time is an int and only goes forward" in entry.why


# Mail


def test_mail_is_compared_and_heard_again(place: Place) -> None:
    """What a peer sent comes again at its place, also after other mail, which is listed with both texts."""
    place.ask(place.clerk, "register", place.stage.session.devices.mailbox())
    place.ask(place.clerk, "mail", "paris", "hello")
    place.world.devices.receive("paris", [[1, "and you?"]], 1)
    place.stage.session.settle()
    place.ask(place.clerk, "mail", "paris", "well")
    place.unchanged()
    first = place.sent("mail")[0]
    with place.branch(edit={first: place.edited(first, "hello", "go away")}) as found:
        assert answers(found) == ["mail 1 to paris: recorded 'hello', came 'go away'"]
        assert [(entry.what, entry.why) for entry in found.premise_changed] == [
            ("receive paris", "mail 1 to paris is another one")
        ]
        assert found.controller.devices.outbox() == place.world.devices.outbox()
    with place.branch(drop=[place.sent("mail")[1]]) as found:
        assert answers(found) == ["mail 2 to paris: recorded 'well', came nothing"]
    with place.branch(drop=place.sent("register")) as found:
        (entry,) = found.withheld
        assert (entry.what, "no vat has registered" in entry.why) == ("receive paris", True)


# Host code


class Tally(swingset.Device):
    """A device of the host that counts, and whose code must not run in a branch."""

    kind = "tally"

    def __init__(self) -> None:
        self.calls = 0

    def add(self, call: swingset.DeviceCall, number: int) -> Any:
        """Add to the count; hand out a node each time that it is even."""
        self.calls += 1
        call.state["count"] = call.state.get("count", 0) + number
        if number < 0:
            raise ValueError("counts up")
        return call.new_node({"at": number}) if call.state["count"] % 2 == 0 else call.state["count"]

    def keep(self, call: swingset.DeviceCall, thing: Any) -> None:
        """Keep a reference."""
        call.state["thing"] = thing

    def kept(self, call: swingset.DeviceCall) -> Any:
        """The reference."""
        return call.state["thing"]

    def on_vat_ended(self, call: swingset.DeviceCall, vat: str) -> None:
        """Count it."""
        call.state["ended"] = call.state.get("ended", 0) + 1


def test_host_functions_are_answered_from_the_record(place: Place) -> None:
    """An equal call gets the recorded answer, also an error; another one gets an error, and is listed."""
    called = []

    def double(number: int) -> int:
        called.append(number)
        if number < 0:
            raise ValueError("too small")
        return 2 * number

    device = place.stage.session.devices.plugin("double", double)
    assert [place.ask(place.clerk, "call", device, number) for number in (2, 3)] == [4, 6]
    with pytest.raises(swingset.RemoteError, match="too small"):
        place.ask(place.clerk, "call", device, -1)
    ran = list(called)
    place.unchanged()
    with place.branch(drop=place.sent("call")[:1]) as found:
        assert (found.answers, found.unanswered, found.withheld) == ((), (), ())
    first = place.sent("call")[0]
    with place.branch(edit={first: place.edited(first, "2]", "5]")}) as found:
        assert found.unanswered == ("call() of device plugins",)
        (answer,) = found.answers
        assert "host code does not run in a branch, and no record answers this call" in answer.came
    assert called == ran


def test_a_device_of_the_host_is_played(place: Place) -> None:
    """Its state, nodes and errors are those of the record, as is what the host did in a visit."""
    tally = Tally()
    kref = place.world.devices.own.install(tally, "tally")
    device = place.stage.session.reference(kref, "tally")
    assert place.ask(place.clerk, "add", device, 3) == 3
    node = place.ask(place.clerk, "add", device, 1)
    with place.world.devices.own.visit("tally") as call:
        call.state["count"] = 40
        call.send(swingset.Ref(place.world.vats.root("clerk"), "clerk"), "deliver", "host", 1, "hi")
        call.state["node"] = call.new_node({"at": 0})
    place.stage.session.settle()
    with pytest.raises(swingset.RemoteError, match="counts up"):
        place.ask(place.clerk, "add", device, -1)
    assert place.ask(place.clerk, "add", device, 1) == 41
    assert node is not None
    ran = tally.calls
    place.unchanged()
    with place.branch(drop=place.sent("add")[1:2]) as found:
        assert (found.unanswered, found.answers) == ((), ())
    with place.branch(edit={place.sent("add")[1]: place.edited(place.sent("add")[1], "1]", "2]")}) as found:
        assert found.unanswered == ("add() of device tally",)
    assert tally.calls == ran


def test_a_device_of_the_host_hears_of_its_world(place: Place) -> None:
    """An object that a vat made is the same one for the device, which is told again that a vat ended."""
    kref = place.world.devices.own.install(Tally(), "tally")
    device = place.stage.session.reference(kref, "tally")
    assert place.ask(place.clerk, "keep", device) is True
    place.stage.define("idle", BANK.replace("build_root_object()", "build_root_object(powers)"))
    place.ask(place.stage.define("ends", ENDS), "end")
    place.world.terminate_vat("idle")
    place.world.run()
    place.unchanged()
    with place.branch(drop=place.sent("keep")) as found:
        assert (found.answers, found.withheld, found.unanswered) == ((), (), ())
    with place.branch(drop=place.sent("end")) as found:
        (entry,) = found.withheld
        assert (entry.what, entry.why) == ("device tally", "what it did does not come again here")


def test_results_that_the_host_released_are_compared(place: Place) -> None:
    """They are gone from the world at the end, and are compared as they were when they were released."""
    for number in (1, 2):
        kref = place.world.queue_to_root("clerk", "caught", [swingset.Ref(place.purse(), "Purse"), number])
        place.world.run()
        place.world.release(kref or "")
    place.unchanged()
    with place.branch(code={"bank": (("bank", TWICE),)}) as found:
        assert answers(found) == ["caught(): recorded 1, came 2", "caught(): recorded 3, came 6"]


# What a session says


def test_what_a_callback_of_the_session_sent_comes_again(place: Place) -> None:
    """A `then` is part of the script: its message is sent again, after another outcome too."""
    purse = place.ask(place.bank, "purse")
    E(purse).deposit(1).then(lambda value: E(purse).deposit(10 * value))
    place.stage.session.settle()
    assert place.ask(purse, "deposit", 0) == 11
    place.unchanged()
    with place.branch(code={"bank": (("bank", TWICE),)}) as found:
        assert answers(found) == [
            "deposit(): recorded 1, came 2",
            "deposit(): recorded 11, came 22",
            "deposit(): recorded 11, came 22",
        ]
        assert len(found.premise_changed) == 2
    with place.branch(drop=place.sent("deposit")[:1]) as found:
        (entry,) = found.withheld
        assert entry.what == "send deposit()"
        assert entry.why == "the outcome after which it was sent did not come here"
        assert answers(found) == ["deposit(): recorded 11, came 0"]


@remotable
class Teller:
    """An object of the session that sends a message when it is called."""

    def __init__(self, purse: Any) -> None:
        self.purse = purse

    def deposit(self, amount: int) -> Any:
        """Deposit it elsewhere."""
        return E(self.purse).deposit(amount)


def test_what_an_object_of_the_session_sent_comes_again(place: Place) -> None:
    """It is called in the branch, and sends as it did; if the call is another one, that is listed."""
    purse = place.ask(place.bank, "purse")
    teller = Teller(purse)
    assert place.ask(place.clerk, "relay", teller, 5) == 5
    place.unchanged()
    first = place.sent("relay")[0]
    with place.branch(edit={first: place.edited(first, "5]", "6]")}) as found:
        (called,) = found.unanswered
        assert called.startswith("deposit() to o+")
        (entry,) = found.withheld
        assert (entry.what, entry.why) == (
            "send deposit()",
            "the call of deposit() in which it was sent did not come here",
        )
        assert answers(found) == ["relay(): recorded 5, came no outcome"]


def test_a_session_that_joins_later_is_found_by_its_name(place: Place) -> None:
    """Its vat has another id in a branch without an earlier vat, and so have the roots that it asks for."""
    place.stage.session.define("idle", BANK)
    place.stage.session.define("branch", BANK)
    other = Session(place.world, "other")
    root, clerk = other.root("branch"), other.root("clerk")
    purse = other.wait(E(root).purse())
    E(purse).deposit(1).then(lambda _: E(clerk).relay(purse, 20))
    other.settle()
    given = {"purse": purse, "teller": Teller(purse)}
    other.define("taker", TAKER, parameters=given)
    assert other.wait(E(other.root("taker")).take(300)) == 321
    place.unchanged()
    with place.branch(drop=place.records("create-vat")[:1]) as found:
        assert "idle" not in found.controller.vats
        assert found.controller.vats["other"].id != place.world.vats["other"].id
        assert found.lines() == []


def test_a_session_in_its_second_life(tmp_path: Path) -> None:
    """What it stored, sent and heard in both lives comes again, with names that mean the same things."""
    path = tmp_path / "my.world"
    place = Place(path)
    began = place.began
    first, purse = (place.ask(place.bank, "purse") for _ in range(2))
    place.ask(purse, "deposit", 1)
    place.ask(first, "deposit", 100)
    place.stage.session.names.remember({"first": first, "purse": purse})
    place.stage.close()

    again = Place.__new__(Place)
    again.stage, again.began = Stage("local", path), began
    again.world = again.stage.controller
    assert again.stage.session.incarnation == 1
    names = again.stage.session.names.recall()
    assert again.ask(names["purse"], "deposit", 2) == 3
    again.stage.session.names.remember({"first": names["first"], "purse": names["purse"]})
    again.unchanged()
    with again.branch(drop=again.sent("purse")[:1]) as found:
        assert answers(found) == []
        assert [entry.what for entry in found.withheld if entry.what.startswith("the name")] == [
            "the name first"
        ]
        swingset.keep_branch(again.world, found)
    again.stage.session.attach("the branch was kept")
    names = again.stage.session.names.recall()
    assert "first" not in names
    assert again.ask(names["purse"], "deposit", 0) == 3
    again.stage.close()


# Upgrades that vats ask for


def test_an_upgrade_that_a_vat_asked_for_is_undone(place: Place) -> None:
    """Its promise is rejected in the branch, and later messages go to the old code."""
    session = place.stage.session
    node = session.wait(session.devices.admin_node("bank"))
    purse = place.ask(place.bank, "purse")
    place.ask(purse, "deposit", 1)
    cap = session.devices.bundle((("bank", TWICE),))
    assert place.ask(place.clerk, "upgrade", node, cap) == {"incarnationNumber": 1}
    assert place.ask(purse, "deposit", 1) == 3
    place.unchanged()
    with swingset.undo_upgrade(place.world, "bank") as found:
        assert found.controller.vats["bank"].incarnation == 0
        assert [entry.what for entry in found.dropped] == ["the upgrade of vat bank"]
        upgrade, deposit = found.answers
        assert upgrade.message == "upgrade()"
        assert upgrade.came == "'not upgraded: the host gave up this event'"
        assert (deposit.recorded, deposit.came) == ("3", "2")
        assert (found.withheld, found.unanswered, found.notes) == ((), (), ())


def test_a_vat_that_a_session_made_through_vat_admin_comes_again(place: Place) -> None:
    """The cap of a bundle, the vat's root and its admin node are found by their origins."""
    session = place.stage.session
    admin = session.devices.vat_admin()
    began, place.began = place.began, place.world.crank
    caps = [session.devices.bundle((("bank", code),)) for code in (BANK, TWICE)]
    made = place.ask(admin, "create_vat", caps[0], {"name": "branch"})
    purse = place.ask(made["root"], "purse")
    place.ask(purse, "deposit", 1)
    place.ask(made["adminNode"], "upgrade", caps[1])
    assert place.ask(purse, "deposit", 1) == 3
    place.unchanged()
    with place.branch(drop=place.sent("upgrade")) as found:
        assert answers(found) == ["deposit(): recorded 3, came 2"]
        assert found.withheld == ()
    with place.branch(drop=place.records("install-bundle")[:1]) as found:
        assert [entry.what.split()[1] for entry in found.withheld] == [
            "create_vat()",
            "purse()",
            "deposit()",
            "upgrade()",
            "deposit()",
        ]
    assert began < place.began


# What vats send to each other


def test_a_message_between_vats_is_dropped(place: Place) -> None:
    """Who sent it gets a rejection; it can be told from one that is only delivered later."""
    purse = place.ask(place.bank, "purse")
    for amount in (1, 20):
        place.ask(place.clerk, "caught", purse, amount)
    place.unchanged()
    first, _second = place.cranks("deposit")
    with place.branch(drop=[first.number]) as found:
        assert [entry.what for entry in found.dropped] == ["the message deposit()"]
        one, two = found.answers
        assert (one.recorded, one.came) == ("1", "'caught the host gave up this event'")
        assert (two.recorded, two.came) == ("21", "20")
    with place.branch(drop=[first.number, place.sent("caught")[0]]) as found:
        (entry,) = found.withheld
        assert (entry.what, entry.why) == ("the message deposit()", "it does not wait here")


# Messages that are added


def test_a_message_is_added_to_the_past(place: Place) -> None:
    """It is sent right after its crank, its outcome is listed, and so is what it changes later."""
    purse = place.ask(place.bank, "purse")
    place.ask(purse, "deposit", 1)
    after = place.world.crank
    place.ask(purse, "deposit", 2)
    kref = place.stage.session.kref_of(purse) or ""
    messages = [
        swingset.Addition(after, kref, "deposit", [10]),
        swingset.Addition(place.began, "bank", "purse"),
        swingset.Addition(place.began, kref, "deposit", [5]),
        swingset.Addition(place.world.crank, "clerk", "relay", [swingset.Ref(kref, "Purse"), 100]),
        swingset.Addition(after, "nobody", "relay"),
    ]
    with place.branch(add=messages) as found:
        added = [(addition.message.method, addition.came) for addition in found.added]
        assert added[0][0] == "purse"
        assert added[1][1].startswith("not sent: ")
        assert added[2] == ("deposit", "11")
        assert added[3][1].startswith("not sent: there is no vat 'nobody'")
        assert added[4] == ("relay", "113")
        assert answers(found) == ["deposit(): recorded 3, came 13"]
        assert found.lines()[0].startswith(f"added: after crank {place.began}: purse(): came ")


@dataclass(frozen=True)
class Wrong:
    """A change that is refused, and the words of the refusal."""

    words: str
    change: Callable[[Place], dict[str, Any]] = field(default=lambda place: {})


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("message is added after one of the cranks", lambda it: {"add": [_addition(it.began - 1)]}),
        Wrong("message is added after one of the cranks", lambda it: {"add": [_addition(10_000)]}),
        Wrong("is no request", lambda it: {"drop": [1]}),
        Wrong("is no request", lambda it: {"edit": {it.cranks("purse")[0].number: {}}}),
    ],
)
def test_a_change_of_what_cannot_be_changed_is_refused(place: Place, wrong: Wrong) -> None:
    """By the number of the record or crank, before anything is lived."""
    place.ask(place.bank, "purse")
    with pytest.raises(swingset.KernelError, match=wrong.words):
        place.branch(**wrong.change(place))


def _addition(after: int) -> swingset.Addition:
    return swingset.Addition(after, "bank", "purse")


ODD: list[Any] = [None, 5, "x", [], {}, {"body": 1}, {"body": "#[]", "slots": ["ko999"]}, [["send"]], "v99"]


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_odd_arguments_are_withheld_or_refused(place: Place, every: int) -> None:
    """Whatever the arguments of a request are, the branch lists it, or it is refused by its number."""
    place.world.meters.create(1_000)
    purse = place.ask(place.bank, "purse")
    place.stage.session.define("taker", TAKER, parameters={"purse": purse, "teller": Teller(purse)})
    place.stage.session.wait(place.stage.session.devices.admin_node("bank"))
    place.world.devices.poll(3)
    place.ask(place.clerk, "register", place.stage.session.devices.mailbox())
    place.world.devices.receive("paris", [[1, "hello"]])
    place.world.release(place.world.queue_to_root("bank", "purse") or "")
    requests = {
        record.verb: record
        for record in place.world.history.records()
        if isinstance(record, swingset.RequestRecord) and record.crank >= place.began
    }
    assert len(requests) > 12
    cases = [(record, name) for record in requests.values() for name in record.arguments]
    for number, (record, name) in enumerate(cases[::every]):
        words = f"record {record.number}"
        try:
            place.branch(edit={record.number: {name: ODD[number % len(ODD)]}}).close()
        except swingset.KernelError as problem:
            words = str(problem)
        assert f"record {record.number}" in words


def test_an_argument_that_cannot_pass_is_refused(place: Place) -> None:
    """Before anything is lived."""
    with pytest.raises(TypeError):
        place.branch(add=[swingset.Addition(place.began, "bank", "purse", [object()])])
