"""A bug that needs a device, a meter or a service vat becomes a test, and what cannot be written says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.core.verbs import VERBS
from swingset.guest.passing.remotables import Presence
from swingset.time.bugs.acting import Player
from swingset.time.bugs.inputs import _Gathering, inputs_until
from swingset.vat import E, remotable
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.time.test_bug_to_test import run_pytest

CLERK = """
from swingset.vat import D, E, remotable

@remotable
class Clerk:
    def __init__(self, baggage):
        self.baggage = baggage

    async def sleep(self, timer, duration: int):
        woken = await E(timer).delay(duration)
        if woken > 6:
            raise ValueError("slept too long")
        return woken

    def register(self, device):
        return D(device).register(self)

    def ring(self, node):
        D(node).ring()

    def inbound(self, data):
        self.baggage["got"] = data

    def deliver(self, peer: str, number: int, body: str):
        self.baggage["mail"] = body

    def ask(self, function, *args):
        self.baggage["rate"] = D(function).call(*args)

    async def listen(self, listener):
        self.baggage["heard"] = await E(listener).say("hello", self)

    async def borrow(self, listener):
        await E(listener).lend(self)
        self.baggage["got"] = 5

    def refill_wanted(self, meter, computrons: int):
        self.baggage["wanted"] = True

    def dig(self, depth: int):
        return sum(range(depth))

    def noise(self):
        return None

def build_root_object(baggage):
    return Clerk(baggage)
"""

FLAT = """
from swingset.vat import E, remotable

def build_root_object(parameters):
    @remotable
    class Flat:
        def rent(self) -> int:
            return {"rent": parameters["rent"]}["rent" if parameters["rent"] < 8 else "due"]

    return Flat()
"""


def _sleep(stage: Stage, clerk: Any) -> None:
    stage.send(clerk, "sleep", stage.session.devices.timer(), 5)
    for now in (1, 9):
        stage.session.settle()
        stage.controller.devices.poll(now)
    stage.session.settle()


def _bridge(stage: Stage, clerk: Any) -> None:
    stage.ask(clerk, "register", stage.session.devices.bridge())
    stage.session.devices.bridge_send({"order": 1})
    stage.session.settle()


def _mail(stage: Stage, clerk: Any) -> None:
    node = stage.controller.devices.add("post", "mailbox")
    stage.controller.queue_to_root("clerk", "register", [swingset.Ref(node)])
    stage.controller.run()
    stage.controller.devices.receive("bob", [[1, "hi"], [2, "ho"]], device="post")
    stage.session.settle()


def _function(stage: Stage, clerk: Any) -> None:
    rates = stage.session.devices.plugin("rates", lambda metal: {"gold": 7, "lead": 1}[metal])
    stage.ask(clerk, "ask", rates, "lead")
    stage.ask(clerk, "ask", rates, "gold")


def _landlord(stage: Stage, clerk: Any) -> None:
    devices = stage.session.devices
    flat = {"name": "flat", "vatParameters": {"rent": 9}}
    made = stage.ask(devices.vat_admin(), "create_vat", devices.bundle(FLAT), flat)
    with pytest.raises(KeyError):
        stage.ask(made["root"], "rent")


def _meter(stage: Stage, clerk: Any) -> None:
    meters = stage.controller.meters
    meters.create(5)
    meter = meters.create(10_000_000)
    meters.refill(meter, 500)
    stage.controller.vats.change_options("clerk", {"meter": meter})
    stage.send(clerk, "dig", 100_000)
    stage.session.settle()


def _shared(stage: Stage, clerk: Any) -> None:
    """A vat whose parameters mention a device, and which is told of it by the host."""
    node = stage.controller.devices.add("post", "mailbox")
    source = CLERK.replace(
        "def build_root_object(baggage):", "def build_root_object(baggage, parameters):"
    ).replace(
        "    return Clerk(baggage)\n",
        "    found = Clerk(baggage)\n    found.register(parameters)\n    return found\n",
    )
    stage.controller.create_vat(
        "second",
        (("second", source),),
        parameters=swingset.CapData('#"$0.post"', (node,)),
        worker=stage.worker,
    )
    stage.controller.devices.receive("bob", [[1, "ho"]], device="post")
    stage.session.settle()


@remotable
class Listener:
    """An object of the program's own."""

    def __init__(self) -> None:
        self.count = 0

    def say(self, words: str, clerk: Any) -> str:
        """Return another answer each time, and raise at the third."""
        self.count += 1
        if self.count == 3:
            raise LookupError(words)
        return f"{words} {self.count}"

    def lend(self, clerk: Any) -> Any:
        """Return a reference."""
        return clerk


class Library(swingset.Device):
    """A device of the program's own."""

    kind = "library"

    def register(self, call: swingset.DeviceCall, handler: Any) -> swingset.Ref:
        """Make a node, and send to the caller at once."""
        call.send(handler, "inbound", 4)
        return call.new_node({"handler": handler})

    def ring(self, call: swingset.DeviceCall) -> None:
        """Send to the one who registered."""
        call.send(call.node_state["handler"], "inbound", 5)


def _own_object(stage: Stage, clerk: Any) -> None:
    listener = Listener()
    stage.ask(clerk, "listen", listener)
    stage.ask(clerk, "listen", listener)
    with pytest.raises(LookupError):
        stage.ask(clerk, "listen", listener)


def _own_device(stage: Stage, clerk: Any) -> None:
    stage.controller.devices.own.install(Library())
    node = stage.ask(clerk, "register", stage.session.devices.get("library"))
    stage.session.settle()
    assert stage.ask(clerk, "ring", node) is None
    stage.session.settle()


def _market(stage: Stage, clerk: Any) -> None:
    """A message whose bid pays for less than its delivery wants."""
    market = stage.controller.market
    market.open(price="second", base=100)
    market.open_account("ann", 5)
    market.credit("ann", 10**12)
    market.send("clerk", "dig", [10**6], account="ann", base=5, slope="1/2", cap=9, allowance=5_000_000)
    stage.controller.run()


def _keeper(stage: Stage, clerk: Any) -> None:
    """A meter below another, whose keeper is called when the delivery needs more."""
    world = stage.controller
    meter = world.meters.create(10**7, superior=world.meters.create(10**9))
    stage.define("keeper", CLERK)
    world.meters.set_keeper(meter, world.vats.root("keeper"))
    world.vats.change_options("clerk", {"meter": meter})
    stage.send(clerk, "dig", 10**6)
    stage.session.settle()


@dataclass(frozen=True)
class Case:
    """What is played, what is wrong after it, what the test has to call, and what mends it."""

    play: Callable[[Stage, Any], None]
    shows: str | None
    calls: tuple[str, ...]
    mended: tuple[str, str]
    worker: str = "local"


CASES = {
    "timer": Case(_sleep, None, ("devices.service('timer')", "devices.poll(9)"), ("woken > 6", "woken > 60")),
    "bridge": Case(
        *(_bridge, "clerk.got['order'] == 1", ("devices.add('bridge', 'bridge')", "devices.bridge_deliver(")),
        ('["got"] = data', '["got"] = None'),
    ),
    "mail": Case(
        *(_mail, "clerk.mail == 'ho'", ("devices.add('post', 'mailbox')", "device='post'")),
        ('["mail"] = body', '["mail"] = ""'),
    ),
    "function": Case(
        *(_function, "clerk.rate == 7", ("devices.plugin('rates', swingset.recorded_answers(",)),
        ('["rate"] = D(function).call(*args)', '["rate"] = 0'),
    ),
    "landlord": Case(
        *(_landlord, None, ("devices.service('vatAdmin')", "session.devices.bundle(")),
        ("< 8", "< 80"),
    ),
    "meter": Case(
        *(_meter, 'outcome == "parked"', ("meters.create(10000000, 0)", "vats.change_options('clerk'")),
        ("return sum(range(depth))", "return 0"),
        "wasm",
    ),
    "market": Case(
        *(
            _market,
            'outcome == "refused"',
            ("market.credit('ann', ", "cap=9, slope='1/2')"),
        ),
        ("return sum(range(depth))", "return 0"),
        "wasm",
    ),
    "keeper": Case(
        *(_keeper, "keeper.wanted", ("meters.set_keeper(", "meters.create(10000000, 0, result_")),
        ("return sum(range(depth))", "return 0"),
        "wasm",
    ),
    "own_object": Case(
        *(_own_object, "clerk.heard == 'hello 2'", ("swingset.recorded_object(session, 'Listener', {",)),
        ('["heard"] = await', '["heard"], _ = "", await'),
    ),
    "own_device": Case(
        *(_own_device, "clerk.got == 5", ("devices.own.install(swingset.recorded_device('library', [",)),
        ('["got"] = data', '["got"] = None'),
    ),
    "shared": Case(
        *(_shared, "second.mail == 'ho'", ("devices.add('post', 'mailbox')", "parameters=swingset.CapData(")),
        ('["mail"] = body', '["mail"] = ""'),
    ),
}


def test_each_is_red_with_the_bug_and_green_with_the_mended_code(
    make_stage: MakeStage, tmp_path: Path
) -> None:
    """The generated files call the public API for what the bug needs, and nothing is left out of them."""
    for name, case in CASES.items():
        stage = make_stage(case.worker)
        clerk = stage.define("clerk", CLERK)
        stage.ask(clerk, "noise")
        case.play(stage, clerk)
        before = stage.controller.digest()
        crank = _bad(stage) if case.shows is None else stage.controller.crank
        made = swingset.bug_to_test(stage.controller, crank, name, shows=case.shows, folder=tmp_path)
        text = made.path.read_text()
        assert stage.controller.digest() == before
        assert (made.left_out, made.ended) == ((), "shortest"), name
        assert all(call in text for call in case.calls), text
        assert "noise'" not in text, text
    for name, case in CASES.items():
        text = (tmp_path / f"test_{name}.py").read_text()
        assert case.mended[0] in text
        mended = text.replace(*case.mended).replace(f"def test_{name}(", f"def test_mended_{name}(")
        (tmp_path / f"test_mended_{name}.py").write_text(mended)
    green = {f"mended_{name}": "PASSED" for name in CASES}
    assert run_pytest(tmp_path) == dict.fromkeys(CASES, "FAILED") | green


def test_all_that_a_host_asks_of_a_market_is_played_again(local: Stage) -> None:
    """Accounts, facets, bids of hosts and sessions, and higher ones make the same market elsewhere."""
    world, market = local.controller, local.controller.market
    clerk = local.define("clerk", CLERK)
    market.open(base=100, reserve=1)
    for name in ("ann", None):
        market.open_account(name, 10**9)
    market.credit("ann", 7)
    local.ask(clerk, "inbound", local.session.devices.market("account", "ann"))
    local.ask(clerk, "inbound", local.session.devices.market())
    low = market.send("clerk", "noise", account="ann", base=2, slope=0, cap=4, allowance=100)
    high = market.send_to_object(world.vats.root("clerk"), "noise", account="a2", base=3, cap=4, allowance=9)
    market.raise_bid(low or "", base=4, cap=50)
    world.run()
    ann = local.session.devices.market("account", "ann")
    answer = E.bid(ann, base=6, cap=8, allowance=10)(clerk).noise()
    assert local.session.wait(answer) is None
    assert world.status(high or "") == "fulfilled"
    found = inputs_until(world, world.crank)
    assert found.left_out == ()
    with swingset.open_world(worker="local") as again:
        player = Player(again)
        for act in found.acts:
            player.play(act)
        again.run()
        assert again.market.accounts() == market.accounts()
        assert again.market.totals().sink == market.totals().sink > 0


def _bad(stage: Stage) -> int:
    """The first crank that rejected something because of an error."""
    found = swingset.search(stage.controller, rejected=True)
    return next(step.crank for step in found.steps if step.vat not in ("notebook", None))


def _failing(stage: Stage, clerk: Any) -> None:
    rates = stage.session.devices.plugin("rates", lambda metal: {}[metal])
    with pytest.raises(KeyError, match="gold"):
        stage.ask(clerk, "ask", rates, "gold")
    stage.ask(clerk, "inbound", 5)


def _meter_of_a_vat(stage: Stage, clerk: Any) -> None:
    meter = stage.ask(stage.session.devices.vat_admin(), "create_meter", 10**10, 5)
    assert isinstance(meter, Presence)
    stage.controller.vats.change_options("clerk", {"meter": "m1"})
    stage.ask(clerk, "inbound", 5)


def _visit(stage: Stage, clerk: Any) -> None:
    stage.controller.devices.own.install(Library())
    with stage.controller.devices.own.visit("library") as call:
        call.send(swingset.Ref(stage.controller.vats.root("clerk")), "inbound", 5)
    stage.session.settle()


REFUSED = {
    "an answer with a reference": (
        lambda stage, clerk: stage.ask(clerk, "borrow", Listener()),
        "clerk.got == 5",
        "an object of the program's own, which mentions references",
    ),
    "a visit to a device": (_visit, "clerk.got == 5", "what the program did at device library by itself"),
}
LEFT_OUT = {
    "a function that failed": (_failing, "1 calls of host function rates failed: it has no answer to them"),
    "a meter of a vat": (_meter_of_a_vat, "meter m1 was made by a vat"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written_is_said_in_the_refusal(local: Stage, tmp_path: Path, case: str) -> None:
    """No file is written, and the error names what the bug may need."""
    play, shows, words = REFUSED[case]
    play(local, local.define("clerk", CLERK))
    with pytest.raises(swingset.NotReproduced) as caught:
        swingset.bug_to_test(local.controller, local.controller.crank, "x", shows=shows, folder=tmp_path)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_not_needed_is_only_listed(local: Stage, tmp_path: Path, case: str) -> None:
    """If the bug shows without it, the file is written, and says what was left out."""
    play, words = LEFT_OUT[case]
    play(local, local.define("clerk", CLERK))
    crank = local.controller.crank
    made = swingset.bug_to_test(local.controller, crank, "x", shows="clerk.got == 5", folder=tmp_path)
    assert any(words in said for said in made.left_out), made.left_out
    assert any(words in line for line in made.lines())


ODD: tuple[dict[str, Any], ...] = (
    {},
    dict.fromkeys(("vat", "name", "kind", "meter", "manifest", "options", "data", "bundle", "service")),
    dict.fromkeys(("vat", "name", "kind", "meter", "manifest", "options", "data", "bundle", "device"), "?"),
    {
        "parameters": {"body": "#[", "slots": ["kd1"]},
        "bundle": "x",
        "service": False,
        "name": 3,
        "options": 4,
    },
)


@pytest.mark.parametrize("verb", [*VERBS, "nonesuch"])
def test_a_record_that_no_host_has_written_is_only_left_out(local: Stage, verb: str) -> None:
    """Whatever a stranger's file says that its host asked for, its inputs can be read."""
    for number, arguments in enumerate(ODD, 1):
        gathering = _Gathering(local.controller)
        with suppress(swingset.WorldError):  # a bundle that the file does not have
            gathering.take(swingset.RequestRecord(number, 1, 0, verb, arguments))
        assert all(line.isprintable() for line in gathering.inputs().left_out)


@pytest.fixture
def long(local: Stage) -> Stage:
    """A clerk that has heard much, of which the last message is the bug."""
    clerk = local.define("clerk", CLERK)
    for number in range(40):
        local.send(clerk, "inbound", number)
    local.send(clerk, "inbound", "bug")
    local.session.settle()
    return local


def test_tries_are_bounded_and_shown(long: Stage, tmp_path: Path) -> None:
    """Each try is told; at the bound the shortest by then is written, and what was reached is said."""
    told: list[swingset.Tried] = []
    made = swingset.bug_to_test(
        *(long.controller, long.controller.crank, "x"),
        shows="clerk.got == 30",
        folder=tmp_path,
        tries=3,
        progress=told.append,
    )
    assert [tried.tries for tried in told] == [1, 2, 3]
    assert (made.ended, made.tries) == ("bound", 4)
    assert told[-1].kept == made.kept < made.inputs == 42
    assert "as many tries as allowed were made, so a shorter one may be there: allow more" in made.lines()
    assert str(told[-1]) == f"42 inputs shrunk to {made.kept}, in 3 of at most 3 tries"


def test_an_interrupt_keeps_the_shortest_by_then(long: Stage, tmp_path: Path) -> None:
    """Ctrl-C while histories are tried writes the file, which shows the bug."""

    def interrupt(tried: swingset.Tried) -> None:
        if tried.tries == 4:
            raise KeyboardInterrupt

    made = swingset.bug_to_test(
        *(long.controller, long.controller.crank, "x"),
        shows="clerk.got == 30",
        folder=tmp_path,
        progress=interrupt,
    )
    assert (made.ended, made.tries) == ("interrupted", 5)
    assert made.kept < made.inputs
    assert "it was interrupted, so a shorter one may be there" in made.lines()
    names: dict[str, Any] = {}
    exec(made.path.read_text(), names)
    with pytest.raises(AssertionError):
        names["test_x"]()


def test_what_a_bug_is_about_is_tried_first(long: Stage, tmp_path: Path) -> None:
    """The cause of the crank and what mentions the same objects is a history that is found in few tries."""
    bug = next(step.crank for step in swingset.search(long.controller, text="bug", kind="send").steps)
    made = swingset.bug_to_test(long.controller, bug, "x", shows="clerk.got == 'bug'", folder=tmp_path)
    assert made.kept == 2
    assert made.tries < 6


ODD_METHODS = ("__init__", "__del__", "_own", "kind", "on_vat_ended", "a b", "class", "")


@pytest.mark.parametrize("method", ODD_METHODS)
def test_whatever_a_record_calls_a_method_a_stand_in_is_made(local: Stage, method: str) -> None:
    """No name of a stranger's file becomes a part of the class that means something else."""
    kref = swingset.recorded_object(local.session, "Any", {f'#["{method}",[]]': [(False, "#5")]})
    assert kref in {row.kref for row in local.lens.objects()}
    call = {"caller": "v2", "node": "kd20", "method": method}
    call |= {"args": {"body": "#[]", "slots": []}, "answer": {"body": "#6", "slots": []}}
    device = swingset.recorded_device("any", [call])
    local.controller.devices.own.install(device)
    assert device.kind == "any"
    assert local.lens is not None


def test_stand_ins_answer_only_what_was_recorded(local: Stage) -> None:
    """A rejection stays one, data that were a reason are one again, and what was never asked is refused."""
    answers = {
        '#["ask",[1]]': [(True, '#{"#error":"no","name":"KeyError"}'), (True, '#"why"')],
        '#["ask",[2]]': [(False, "#[1,2]")],
    }
    own = swingset.recorded_object(local.session, "Teller", answers)
    controller = local.controller

    def asked(number: int) -> str:
        result = controller.queue_to_object(own, "ask", [number])
        controller.run()
        found = controller.outcome(result or "")
        return f"{found.status} {found.data.body if found.data is not None else None}"

    assert asked(2) == "fulfilled #[1,2]"
    assert [asked(1) for _ in range(3)][1:] == ['rejected #"why"'] * 2
    assert "no answer of Teller to this ask() was recorded" in asked(3)
