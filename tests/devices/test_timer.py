"""The timer: the host moves time, vats are woken, and nothing of it is lost in an upgrade or a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swingset import service_vats
from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError, RemoteRejection
from tests.staging import Stage

WAKER = """
    from swingset.vat import durable, make_promise, remotable

    waiting = []

    @durable
    class Handler:
        name: str
        slow: bool = False
        broken: bool = False

        def wake(self, now):
            print(self.name, now)
            if self.broken:
                raise ValueError("no")
            if self.slow:
                promise, resolver = make_promise()
                waiting.append(resolver)
                return promise

    @remotable
    class Root:
        def handler(self, name, **options):
            return Handler(name, **options)

        def finish(self):
            waiting.pop(0).resolve(None)

        def token(self):
            return Handler("token")

    def build_root_object():
        return Root()
"""


class Clockwork:
    """A stage with a timer and a vat that makes handlers."""

    def __init__(self, stage: Stage, upgrading: bool = False) -> None:
        self.stage = stage
        self.upgrading = upgrading
        self.timer = stage.session.devices.timer()
        self.waker = stage.define("waker", WAKER)

    def ask(self, target: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if self.upgrading:
            self.upgrade()
        return self.stage.ask(target, method, *args, **kwargs)

    def upgrade(self) -> None:
        self.stage.session.upgrade("timer", "timer", service_vats.source("timer"))

    def handler(self, name: str, **options: Any) -> Any:
        return self.ask(self.waker, "handler", name, **options)

    def send(self, method: str, *args: Any) -> Any:
        promise = self.stage.send(self.timer, method, *args)
        self.stage.session.settle()
        if self.upgrading:
            self.upgrade()
        return promise

    def poll(self, now: int) -> int:
        if self.upgrading:
            self.upgrade()
        count = self.stage.controller.devices.poll(now)
        self.stage.session.settle()
        return count


@pytest.fixture(params=[False, True], ids=["", "timer-upgraded"])
def clockwork(request: pytest.FixtureRequest, stage: Stage) -> Clockwork:
    """A timer that is or is not upgraded between the steps."""
    return Clockwork(stage, request.param)


def test_time_is_what_the_host_says_and_never_goes_back(clockwork: Clockwork) -> None:
    """It begins at 0, moves by polls, and a poll into the past is refused and changes nothing."""
    assert clockwork.ask(clockwork.timer, "get_current_timestamp") == 0
    clockwork.poll(100)
    clock = clockwork.ask(clockwork.timer, "get_clock")
    assert clockwork.ask(clock, "get_current_timestamp") == 100
    with pytest.raises(KernelError, match="it was 100, the poll says 99"):
        clockwork.poll(99)
    assert clockwork.poll(100) == 0
    assert clockwork.ask(clock, "get_current_timestamp") == 100


def test_wakeups_come_in_the_order_of_their_times(clockwork: Clockwork) -> None:
    """A poll wakes whoever is due, earlier ones first, those of one time in the order they were set."""
    for name, when in (("late", 30), ("b", 20), ("c", 20), ("a", 10)):
        assert clockwork.ask(clockwork.timer, "set_wakeup", when, clockwork.handler(name)) == when
    assert clockwork.stage.controller.devices.next_alarm() == 10
    assert clockwork.poll(9) == 0
    assert clockwork.poll(25) == 3
    assert clockwork.stage.log == ["a 25", "b 25", "c 25"]
    assert clockwork.poll(30) == 1
    assert clockwork.stage.log[3:] == ["late 30"]
    assert clockwork.stage.controller.devices.next_alarm() is None


def test_a_delay_is_a_promise_that_outlives_the_vat_that_made_it(clockwork: Clockwork) -> None:
    """It is settled with the time of the poll, upgrade of the timer or not."""
    clockwork.poll(100)
    delayed, at = clockwork.send("delay", 10), clockwork.send("wake_at", 105)
    assert clockwork.send("wake_at", 50).result() == 100
    clockwork.poll(107)
    assert (delayed.status, at.status) == ("pending", "fulfilled")
    clockwork.poll(110)
    assert clockwork.stage.session.wait(delayed) == 110
    assert clockwork.stage.session.wait(at) == 107


def test_a_token_cancels_what_was_set_with_it(clockwork: Clockwork) -> None:
    """Promises are rejected as cancelled, handlers are not woken, others are."""
    token, other = (clockwork.ask(clockwork.waker, "token") for _ in range(2))
    delayed = clockwork.send("delay", 10, token)
    clockwork.ask(clockwork.timer, "set_wakeup", 10, clockwork.handler("cancelled"), token)
    clockwork.ask(clockwork.timer, "set_wakeup", 10, clockwork.handler("kept"), other)
    clockwork.ask(clockwork.timer, "repeat_after", 5, 5, clockwork.handler("repeated"), token)
    assert clockwork.ask(clockwork.timer, "cancel", token) == 3
    with pytest.raises(RemoteError) as caught:
        clockwork.stage.session.wait(delayed)
    assert not isinstance(caught.value, RemoteRejection)
    assert (str(caught.value), caught.value.remote_name) == ("TimerCancelled", "Error")
    assert caught.value.code == "timer-cancelled"
    clockwork.poll(20)
    assert clockwork.stage.log == ["kept 20"]
    assert clockwork.ask(clockwork.timer, "cancel", token) == 0


def test_a_repeating_wakeup_keeps_its_times(clockwork: Clockwork) -> None:
    """After a late poll the next wakeup is at the next of the times that were agreed."""
    clockwork.poll(3)
    clockwork.ask(clockwork.timer, "repeat_after", 7, 10, clockwork.handler("tick"))
    for now in (9, 10, 15, 34, 39, 40):
        clockwork.poll(now)
    assert clockwork.stage.log == ["tick 10", "tick 34", "tick 40"]


def test_a_repeating_wakeup_waits_for_its_handler(stage: Stage) -> None:
    """A handler that has not answered is not woken again; an upgrade of the timer forgives it."""
    clockwork = Clockwork(stage)
    clockwork.ask(clockwork.timer, "repeat_after", 10, 10, clockwork.handler("slow", slow=True))
    for now in (10, 20, 30):
        clockwork.poll(now)
    assert clockwork.stage.log == ["slow 10"]
    clockwork.ask(clockwork.waker, "finish")
    clockwork.poll(40)
    assert clockwork.stage.log == ["slow 10", "slow 40"]
    clockwork.upgrade()
    clockwork.poll(50)
    assert clockwork.stage.log == ["slow 10", "slow 40", "slow 50"]


def test_an_upgrade_of_the_handlers_vat_is_no_failure(clockwork: Clockwork) -> None:
    """The answer that the timer waited for is lost with the old incarnation, and the new one is woken."""
    clockwork.ask(clockwork.timer, "repeat_after", 10, 10, clockwork.handler("slow", slow=True))
    clockwork.poll(10)
    clockwork.stage.upgrade("waker", WAKER)
    clockwork.stage.session.settle()
    clockwork.poll(19)
    clockwork.poll(20)
    assert clockwork.stage.log == ["slow 10", "slow 20"]


def test_a_handler_that_fails_is_not_repeated(clockwork: Clockwork) -> None:
    """One exception ends the repetition, and the timer's console says so."""
    clockwork.ask(clockwork.timer, "repeat_after", 10, 10, clockwork.handler("broken", broken=True))
    for now in (10, 20):
        clockwork.poll(now)
    said = "a repeating wakeup ended, since its handler failed: ValueError('no')"
    assert clockwork.stage.log == ["broken 10", said]


def test_a_repeater_wakes_all_its_handlers_until_it_is_disabled(clockwork: Clockwork) -> None:
    """Handlers share its times."""
    repeater = clockwork.ask(clockwork.timer, "make_repeater", 5, 10)
    for name in ("a", "b"):
        assert clockwork.ask(repeater, "schedule", clockwork.handler(name)) == 5
    clockwork.poll(5)
    assert clockwork.ask(repeater, "disable") == 2
    clockwork.poll(15)
    assert clockwork.stage.log == ["a 5", "b 5"]


def test_a_notifier_tells_the_times(clockwork: Clockwork) -> None:
    """It answers with the last time there was, or when the next has come."""
    notifier = clockwork.ask(clockwork.timer, "make_notifier", 10, 5)
    clockwork.poll(12)
    assert clockwork.ask(notifier, "get_update_since") == {"value": 10, "updateCount": 10}
    waiting = clockwork.stage.send(notifier, "get_update_since", 10)
    clockwork.stage.session.settle()
    assert waiting.status == "pending"
    clockwork.stage.controller.devices.poll(15)
    clockwork.stage.session.settle()
    assert clockwork.stage.session.wait(waiting) == {"value": 15, "updateCount": 15}


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_alarms_outlive_the_process(worker: str, tmp_path: Path) -> None:
    """Another process opens the file, says what time it is, and the handlers are woken."""
    path = tmp_path / "world"
    first = Stage(worker, path)
    clockwork = Clockwork(first)
    clockwork.ask(clockwork.timer, "repeat_after", 10, 10, clockwork.handler("tick"))
    clockwork.ask(clockwork.timer, "set_wakeup", 15, clockwork.handler("once"))
    clockwork.poll(10)
    assert first.log == ["tick 10"]
    first.close()
    again = Stage(worker, path)
    assert again.controller.devices.next_alarm() == 15
    for now in (15, 20):
        again.controller.devices.poll(now)
        again.session.settle()
    assert again.log == ["once 15", "tick 20"]
    assert again.ask(again.session.devices.timer(), "get_current_timestamp") == 20
    again.close()


def test_a_cancelled_repetition_leaves_nothing_in_the_device(clockwork: Clockwork) -> None:
    """Its next alarm goes with it; so do those of a repeater that is disabled, or cancelled by its token."""
    devices, token = clockwork.stage.controller.devices, clockwork.ask(clockwork.waker, "token")
    clockwork.ask(clockwork.timer, "repeat_after", 1000, 1000, clockwork.handler("far"), token)
    assert devices.next_alarm() == 1000
    assert clockwork.ask(clockwork.timer, "cancel", token) == 1
    assert devices.next_alarm() is None
    for cancel in (True, False):
        repeater = clockwork.ask(clockwork.timer, "make_repeater", 10, 10, token)
        clockwork.ask(repeater, "schedule", clockwork.handler("one"))
        clockwork.ask(repeater, "schedule", clockwork.handler("two"))
        assert devices.next_alarm() == 10
        ended = (
            clockwork.ask(clockwork.timer, "cancel", token) if cancel else clockwork.ask(repeater, "disable")
        )
        assert ended == 2
        assert devices.next_alarm() is None


@pytest.mark.parametrize("waits", [True, False])
def test_a_cancelled_notifier_has_ended_for_ever(clockwork: Clockwork, waits: bool) -> None:
    """Who waits, and who asks later, is told the time of the cancellation, and sets no alarm."""
    devices, token = clockwork.stage.controller.devices, clockwork.ask(clockwork.waker, "token")
    notifier = clockwork.ask(clockwork.timer, "make_notifier", 5, 10, token)
    clockwork.poll(7)
    waiting = None
    if waits and not clockwork.upgrading:  # an upgrade of the timer's vat breaks what its heap promised
        waiting = clockwork.stage.send(notifier, "get_update_since", 5)
        clockwork.stage.session.settle()
        assert devices.next_alarm() == 15
    assert clockwork.ask(clockwork.timer, "cancel", token) == 1
    final = {"value": 7, "updateCount": None}
    if waiting is not None:
        assert clockwork.stage.session.wait(waiting) == final
    for now in (7, 15, 100):
        clockwork.poll(now)
        for count in (None, 5, 7, -1):
            assert clockwork.ask(notifier, "get_update_since", count) == final
    assert devices.next_alarm() is None
    assert clockwork.ask(clockwork.timer, "cancel", token) == 0
    assert clockwork.ask(notifier, "get_update_since") == final


def test_a_notifier_of_the_first_version_tells_the_times_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose record still has a token is migrated when the timer of its world is upgraded."""
    source = service_vats.source("timer")
    older = source.replace("@durable(version=2)", "@durable").replace("    @migrate(1, 2)\n", "")
    older = older.replace(
        "    final: int | None = None\n", "    final: int | None = None\n    token: object = None\n"
    )
    with monkeypatch.context() as patch:
        patch.setattr(service_vats, "source", lambda _: older)
        clockwork = Clockwork(stage)
        notifier = clockwork.ask(clockwork.timer, "make_notifier", 0, 10)
    clockwork.upgrade()
    clockwork.poll(25)
    assert clockwork.ask(notifier, "get_update_since", 0) == {"value": 20, "updateCount": 20}


def test_a_token_ends_its_own_notifiers_and_no_others(clockwork: Clockwork) -> None:
    """Those that were made with it, two of them, together with an alarm; another's goes on."""
    one, other = (clockwork.ask(clockwork.waker, "token") for _ in range(2))
    ended = [clockwork.ask(clockwork.timer, "make_notifier", 0, 10, one) for _ in range(2)]
    alive = [clockwork.ask(clockwork.timer, "make_notifier", 0, 10, token) for token in (other, None)]
    clockwork.send("delay", 3, one).catch(lambda _: None)
    assert clockwork.ask(clockwork.timer, "cancel", one) == 3
    for notifier in ended:
        assert clockwork.ask(notifier, "get_update_since")["updateCount"] is None
    for notifier in alive:
        assert clockwork.ask(notifier, "get_update_since") == {"value": 0, "updateCount": 0}


def test_a_notifier_goes_with_its_token_and_its_holders(stage: Stage) -> None:
    """The table of tokens keeps neither alive: when both are let go of, no record is left."""
    clockwork = Clockwork(stage)
    token = clockwork.ask(clockwork.waker, "token")
    notifier = clockwork.ask(clockwork.timer, "make_notifier", 5, 10, token)
    assert [row.label for row in stage.lens.objects()].count("TimerNotifier") == 1
    del token, notifier
    for _ in range(3):
        stage.controller.gc.reap_all()
        stage.session.settle()
    timer = stage.controller.kernel.vat("timer").id
    query = "SELECT value from vatstore where vat = ? and instr(value, 'interval')"
    records = [value for (value,) in stage.controller.world.rows(query, (timer,)) if '"start":{' in value]
    assert records == []


@pytest.mark.parametrize("how", ["repeat_after", "make_repeater"])
@pytest.mark.parametrize(("delay", "times"), [(0, ["tick 3", "tick 13"]), (1, ["tick 4", "tick 14"])])
def test_a_repetition_begins_at_its_first_time(
    clockwork: Clockwork, how: str, delay: int, times: list[str]
) -> None:
    """With no delay that is now; then it goes on, each time that was agreed."""
    clockwork.poll(3)
    if how == "repeat_after":
        clockwork.ask(clockwork.timer, how, delay, 10, clockwork.handler("tick"))
    else:
        repeater = clockwork.ask(clockwork.timer, how, delay, 10)
        assert clockwork.ask(repeater, "schedule", clockwork.handler("tick")) == 3 + delay
    clockwork.stage.session.settle()
    for now in (3, 4, 12, 13, 14):
        clockwork.poll(now)
    assert clockwork.stage.log == times


def test_a_handler_that_is_scheduled_late_waits_for_the_next_time(clockwork: Clockwork) -> None:
    """The first time of its repeater has passed, so it is not woken at once."""
    repeater = clockwork.ask(clockwork.timer, "make_repeater", 0, 10)
    clockwork.poll(4)
    clockwork.ask(repeater, "schedule", clockwork.handler("tick"))
    clockwork.poll(9)
    clockwork.poll(10)
    assert clockwork.stage.log == ["tick 10"]


def test_there_is_one_clock_and_one_brand(clockwork: Clockwork) -> None:
    """Each is the same object whenever it is asked for, and the brand knows its timer and its clock."""
    timer, ask = clockwork.timer, clockwork.ask
    clock, brand = ask(timer, "get_clock"), ask(timer, "get_timer_brand")
    assert ask(timer, "get_clock") is clock
    assert ask(timer, "get_timer_brand") is brand
    assert ask(clock, "get_timer_brand") is brand
    for alleged in (timer, clock, brand, None, 5):
        assert ask(brand, "is_my_timer_service", alleged) is (alleged is timer)
        assert ask(brand, "is_my_clock", alleged) is (alleged is clock)


FOLLOWER = """
    from swingset.vat import E, remotable, resumable, updates

    async def follow(walk, most):
        seen = []
        async for value in walk:
            print("seen", value)
            seen.append(value)
            if len(seen) == most:
                break
        return seen

    @resumable
    async def follow_on(notifier):
        return await follow(updates(notifier), 3)

    @remotable
    class Own:
        def __init__(self):
            self.answers = [{"value": "a", "updateCount": 1}, {"value": "b", "updateCount": 2},
                            {"value": "c", "updateCount": None}]
        def get_update_since(self, count):
            return self.answers.pop(0)

    @remotable
    class Odd:
        def get_update_since(self, count): return 7

    @remotable
    class Root:
        async def presence(self, notifier): return await follow(notifier, 3)
        async def promise(self, timer): return await follow(E(timer).make_notifier(0, 10), 3)
        async def helper(self, notifier): return await follow(updates(notifier), 3)
        def resumable(self, notifier): return follow_on(notifier)
        async def own(self): return await follow(updates(Own()), 9)
        async def odd(self): return await follow(updates(Odd()), 9)

    def build_root_object():
        return Root()
"""


@pytest.mark.parametrize("way", ["presence", "promise", "helper", "resumable"])
def test_a_vat_follows_a_notifier(stage: Stage, way: str) -> None:
    """`async for` over a presence, over a promise for one, and in a function that outlives its vat's code."""
    clockwork = Clockwork(stage)
    follower = stage.define("follower", FOLLOWER)
    notifier = clockwork.ask(clockwork.timer, "make_notifier", 0, 10)
    waiting = stage.send(follower, way, clockwork.timer if way == "promise" else notifier)
    for now in (0, 12, 12, 45, 60):
        clockwork.poll(now)
        if way == "resumable" and now == 12:
            stage.upgrade("follower", FOLLOWER + "    # next\n")
    assert stage.session.wait(waiting) == [0, 10, 40]
    assert [line for line in stage.log if line.startswith("seen")][-1] == "seen 40"


def test_a_walk_ends_where_its_notifier_does(stage: Stage) -> None:
    """The last update ends it, when the notifier is cancelled or when one of this vat's own says so."""
    clockwork = Clockwork(stage)
    follower, token = stage.define("follower", FOLLOWER), clockwork.ask(clockwork.waker, "token")
    notifier = clockwork.ask(clockwork.timer, "make_notifier", 0, 10, token)
    waiting = stage.send(follower, "helper", notifier)
    clockwork.poll(0)
    clockwork.poll(10)
    assert clockwork.ask(clockwork.timer, "cancel", token) == 1
    assert stage.session.wait(waiting) == [0, 10]
    assert clockwork.ask(follower, "presence", notifier) == []
    assert clockwork.ask(follower, "own") == ["a", "b"]
    with pytest.raises(RemoteError, match=r"get_update_since\(\) returned int 7: the update of"):
        clockwork.ask(follower, "odd")
    with pytest.raises(RemoteError, match='has no method "get_update_since"'):
        clockwork.ask(follower, "presence", clockwork.waker)


def test_a_session_follows_a_notifier(local: Stage) -> None:
    """As a cell does, with the time moved on in the body of the loop."""
    clockwork = Clockwork(local)
    notifier = clockwork.ask(clockwork.timer, "make_notifier", 0, 10)
    seen: list[int] = []

    async def cell() -> None:
        async for time in notifier:
            seen.append(time)
            if len(seen) == 3:
                break
            clockwork.poll(time + 10)

    with pytest.raises(StopIteration):
        cell().send(None)
    assert seen == [0, 10, 20]


@pytest.mark.parametrize(
    ("method", "args", "words"),
    [
        ("make_notifier", (0, 0), "an interval is at least 1, got 0"),
        ("make_repeater", (0, -1), "an interval is at least 1, got -1"),
        ("delay", (-5,), "a delay is at least 0, got -5"),
    ],
)
def test_time_that_does_not_pass_is_refused(
    stage: Stage, method: str, args: tuple[int, ...], words: str
) -> None:
    """An interval of nothing and a delay into the past are refused when they are asked for."""
    with pytest.raises(RemoteError, match=words):
        Clockwork(stage).ask(stage.session.devices.timer(), method, *args)


def test_a_wakeup_for_a_time_that_has_come_is_at_once(clockwork: Clockwork) -> None:
    """It does not wait for another poll, and neither does a promise for such a time."""
    clockwork.poll(100)
    assert clockwork.ask(clockwork.timer, "set_wakeup", 50, clockwork.handler("late")) == 50
    clockwork.stage.session.settle()
    assert clockwork.stage.log == ["late 100"]
    assert clockwork.ask(clockwork.timer, "wake_at", 50) == 100
