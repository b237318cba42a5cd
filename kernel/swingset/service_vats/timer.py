"""The vat `timer`: alarms, repeated alarms and notifiers of the time.

Single alarms and their promises live in the timer device. A method that returns such a promise is annotated
`Promise[Any]`, so that the promise is passed on unchanged: checking the result would need a new promise in
this heap, which an upgrade would break. Repeating alarms live here, as durable objects that set one alarm
after the other, each when the handler has processed the last. Notifiers set alarms for those who wait, and
keep the time at which they were cancelled. All of it survives an upgrade of this vat.

A notifier is found by its token, and does not keep the token alive: when the token is gone, nobody can cancel
the notifier any more, and it need not be found.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import (
    Baggage,
    BigSet,
    D,
    E,
    Promise,
    RemoteError,
    WeakBigMap,
    durable,
    migrate,
    provide,
    remotable,
)


@durable
class Repeating:
    """Wakes a handler at `start` and every `interval` after, never twice at once."""

    device: object
    registry: object
    number: int
    start: int
    interval: int
    handler: object
    token: object = None
    waiting: bool = False
    over: bool = False
    repeater: object = None

    def begin(self) -> None:
        """Wake the handler at once if the first time is now, else set the first alarm."""
        now = D(self.device).now()
        if now == self.start:
            self.wake(now)
        else:
            self.arm()

    def arm(self) -> None:
        """Set the alarm for the next time in the future, with this object as the token that cancels it."""
        now = D(self.device).now()
        passed = max(0, (now - self.start) // self.interval + 1) if now >= self.start else 0
        D(self.device).alarm(self.start + passed * self.interval, self, self)

    def wake(self, now: int) -> None:
        """Called by the device when the alarm goes off."""
        if self.over or self.waiting:
            return
        self.waiting = True
        E(self.handler).wake(now).then(lambda _: self._again(), self._failed)

    def _again(self) -> None:
        if not self.over:
            self.waiting = False
            self.arm()

    def _failed(self, problem: BaseException) -> None:
        if isinstance(problem, RemoteError) and problem.code == "vat-upgraded":
            self._again()
        else:
            print(f"a repeating wakeup ended, since its handler failed: {problem!r}")
            self.end()

    def end(self) -> None:
        """Stop waking the handler, and leave no alarm in the device."""
        self.over = True
        D(self.device).cancel(self)
        self.registry._forget(self.number)  # type: ignore[attr-defined]


@durable
class Registry:
    """All repeating alarms; `entries` holds them by number."""

    count: int = 0
    entries: Any = None

    def _add(
        self,
        device: object,
        start: int,
        interval: int,
        handler: object,
        token: object,
        repeater: object = None,
    ) -> None:
        self.count += 1
        made = Repeating(device, self, self.count, start, interval, handler, token, False, False, repeater)
        self.entries = {**(self.entries or {}), str(self.count): made}
        made.begin()

    def _forget(self, number: int) -> None:
        self.entries = {key: entry for key, entry in (self.entries or {}).items() if key != str(number)}

    def _all(self) -> list[Repeating]:
        return list((self.entries or {}).values())

    def _cancel(self, token: object) -> int:
        found = [entry for entry in self._all() if entry.token is token or entry.repeater is token]
        for entry in found:
            entry.end()
        return len(found)


@durable
class Repeater:
    """Wakes every handler that is scheduled with it, at the same times."""

    device: object
    registry: Registry
    start: int
    interval: int
    token: object = None

    def schedule(self, handler: object) -> int:
        """Call `handler.wake(now)` at every time from the next on; returns the repeater's first time."""
        self.registry._add(self.device, self.start, self.interval, handler, self.token, self)
        return self.start

    def disable(self) -> int:
        """Stop waking all handlers; returns how many there were."""
        return self.registry._cancel(self)


@durable(version=2)
class TimerNotifier:
    """A notifier of the times `start`, `start + interval`, and so on, until it is cancelled.

    From then on every call, also one that still waits, returns the time of the cancellation and no count.
    """

    device: object
    start: int
    interval: int
    final: int | None = None

    @staticmethod
    @migrate(1, 2)
    def _without_token(old: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in old.items() if name != "token"}

    def get_update_since(self, count: int | None = None) -> Any:
        """`{"value": time, "updateCount": time}` for the latest time; if that is `count`, for the next."""
        if self.final is not None:
            return {"value": self.final, "updateCount": None}
        now = D(self.device).now()
        latest = now - (now - self.start) % self.interval if now >= self.start else None
        if latest is not None and latest != count:
            return {"value": latest, "updateCount": latest}
        coming = self.start if latest is None else latest + self.interval
        # The notifier itself is the token: when it is cancelled, a waiting call returns and is not rejected.
        woken: Promise[int] = D(self.device).promise_at(coming, self)
        return woken.then(lambda _: self.get_update_since(count), lambda _: self.get_update_since(count))

    def _cancel(self) -> None:
        if self.final is None:
            self.final = D(self.device).now()
            D(self.device).cancel(self)


@durable
class Clock:
    """The right to read the time, and no other."""

    device: object

    def get_current_timestamp(self) -> int:
        """The time of the host's last poll."""
        now: int = D(self.device).now()
        return now

    def get_timer_brand(self) -> object:
        """The brand that tells this timer and its clock from others."""
        return kept["brand"]


@durable
class TimerBrand:
    """Recognizes a timer and its clock, and gives no power over them."""

    def is_my_timer_service(self, alleged: object) -> bool:
        """Whether `alleged` is the timer of this brand."""
        return alleged is kept["timer"]

    def is_my_clock(self, alleged: object) -> bool:
        """Whether `alleged` is the clock of this brand."""
        return alleged is kept["clock"]


@remotable
class Timer:
    """Sets alarms. `cancel(token)` cancels every alarm that was set with that token."""

    def __init__(self, device: object, registry: Registry, notifiers: WeakBigMap[Any, BigSet[Any]]) -> None:
        self._device = device
        self._registry = registry
        self._notifiers = notifiers

    def get_current_timestamp(self) -> int:
        """The time of the host's last poll."""
        now: int = D(self._device).now()
        return now

    def get_clock(self) -> object:
        """The clock of this timer; every call returns the same object."""
        return kept["clock"]

    def get_timer_brand(self) -> object:
        """The brand that tells this timer and its clock from others; always the same object."""
        return kept["brand"]

    def set_wakeup(self, when: int, handler: object, token: object = None) -> int:
        """Call `handler.wake(now)` at the time `when`, or at once if that has passed; returns `when`."""
        now = self.get_current_timestamp()
        if when <= now:
            E.send_only(handler).wake(now)
        else:
            D(self._device).alarm(when, handler, token)
        return when

    def wake_at(self, when: int, token: object = None) -> Promise[Any]:
        """A promise that is fulfilled at the time `when`; it survives upgrades of this vat."""
        promise: Promise[Any] = D(self._device).promise_at(when, token)
        return promise

    def delay(self, duration: int, token: object = None) -> Promise[Any]:
        """A promise like `wake_at`, for the time `duration` from now."""
        return self.wake_at(self._from(duration), token)

    def repeat_after(self, delay: int, interval: int, handler: object, token: object = None) -> None:
        """Wake a handler after `delay`, then every `interval`, until its token is cancelled or it fails."""
        self._registry._add(self._device, self._from(delay), _positive(interval), handler, token)

    def make_repeater(self, delay: int, interval: int, token: object = None) -> Repeater:
        """A repeater that handlers can be scheduled with; the token cancels them all."""
        return Repeater(self._device, self._registry, self._from(delay), _positive(interval), token)

    def make_notifier(self, delay: int, interval: int, token: object = None) -> TimerNotifier:
        """A notifier of the times, for callers that ask instead of being woken; the token cancels it."""
        made = TimerNotifier(self._device, self._from(delay), _positive(interval))
        if token is not None:
            if token not in self._notifiers:
                self._notifiers[token] = BigSet("notifiers of one token")
            self._notifiers[token].add(made)
        return made

    def cancel(self, token: object) -> int:
        """Cancel everything that was set with a token; returns how many alarms and notifiers there were."""
        count = int(D(self._device).cancel(token)) + self._registry._cancel(token)
        for notifier in self._notifiers.pop(token, ()):
            notifier._cancel()
            count += 1
        return count

    def _from(self, delay: int) -> int:
        if delay < 0:
            raise ValueError(f"a delay is at least 0, got {delay}")
        return self.get_current_timestamp() + delay


kept: dict[str, Any] = {}
"""The singletons: this incarnation's timer, and the durable clock and brand from the baggage."""


def _positive(interval: int) -> int:
    if interval < 1:
        raise ValueError(f"an interval is at least 1, got {interval}")
    return interval


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> Timer:
    """Make the root. After an upgrade, a repeating alarm whose handler had not answered yet is set again."""
    device = provide(baggage, "device", lambda: (parameters or {})["timer"])
    registry = provide(baggage, "registry", Registry)
    notifiers = provide(baggage, "notifiers", lambda: WeakBigMap("notifiers"))
    kept["clock"] = provide(baggage, "clock", lambda: Clock(device))
    kept["brand"] = provide(baggage, "brand", TimerBrand)
    for entry in registry._all():
        if entry.waiting:
            entry.waiting = False
            entry.arm()
    timer = kept["timer"] = Timer(device, registry, notifiers)
    return timer
