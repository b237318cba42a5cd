"""The timer device: the host sets the time, and it never goes back.

There is no clock in a world. The host polls: it passes the current time, and all alarms up to then go off, in
order of their times and then of their setting. An alarm either sends `wake(now)` to a handler or settles
a promise. Promises are kept here and not in a vat, so they outlive any upgrade.

Alarms are stored by time, as `at.<when>.<count>`, and those with a token also by token, as
`by.<token>.<when>.<count>`: so a poll or a cancellation reads only the alarms that it deals with.
"""

from __future__ import annotations

from typing import Any

from swingset.core.device_board import DeviceContext
from swingset.core.errors import KernelError
from swingset.devices import plain
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData, Ref

CANCELLED = capdata.error("Error", "TimerCancelled", code=reasons.TIMER_CANCELLED)
"""The rejection of a cancelled alarm's promise."""

_METHODS = ("now", "alarm", "promise_at", "cancel", "pending")


class TimerDevice:
    """Serves devices of kind `timer`."""

    kind = "timer"

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Return the time, set alarms and cancel them."""
        if method == "now":
            return plain.write(self.now(context))
        if method == "alarm":
            when, handler, token = plain.arguments(args, method, "when", "handler", "token", optional=1)
            entry = {"handler": plain.reference(handler, "handler")}
            return plain.write(self._set(plain.whole(when, "when"), entry, token, context))
        if method == "promise_at":
            when, token = plain.arguments(args, method, "when", "token", optional=1)
            promise = Ref(context.new_promise())
            moment = plain.whole(when, "when")
            if moment <= self.now(context):
                context.settle(promise.kref, False, plain.write(self.now(context)))
            else:
                self._set(moment, {"promise": promise}, token, context)
            return plain.write(promise)
        if method == "cancel":
            token = plain.reference(plain.arguments(args, method, "token")[0], "token")
            return plain.write(self._cancel(token, context))
        if method == "pending":
            return plain.write(len(context.keys("at.")))
        raise plain.no_method("the timer device", method, *_METHODS)

    def now(self, context: DeviceContext) -> int:
        """The time of the last poll, 0 before the first."""
        return plain.kept(context, "now", plain.is_number) or 0

    def poll(self, now: int, context: DeviceContext) -> int:
        """Set the time to `now` and let due alarms go off; returns how many did.

        Raises `KernelError` if `now` is not an int or is before the last poll.
        """
        before = self.now(context)
        if type(now) is not int or not before <= now < 1 << 62:
            raise KernelError(
                f"time is an int and only goes forward: it was {before:,}, the poll says {now!r}"
            )
        context.set("now", plain.write(now))
        rung = 0
        while (key := self._first(context)) is not None and _when(context, key) <= now:
            entry = self._take(key, context)
            if "handler" in entry:
                context.send(entry["handler"].kref, plain.write(["wake", [now]]))
            else:
                context.settle(entry["promise"].kref, False, plain.write(now))
            rung += 1
        return rung

    def next(self, context: DeviceContext) -> int | None:
        """The time of the next alarm, or None: when the host should poll again."""
        key = self._first(context)
        return None if key is None else _when(context, key)

    def _first(self, context: DeviceContext) -> str | None:
        return next(iter(context.keys("at.", 1)), None)

    def _set(self, when: int, entry: dict[str, Ref], token: object, context: DeviceContext) -> int:
        if token is not None:
            entry["token"] = plain.reference(token, "token")
        count = (plain.kept(context, "count", plain.is_number) or 0) + 1
        context.set("count", plain.write(count))
        key = f"at.{when:020d}.{count:015d}"
        context.set(key, plain.write(entry))
        if "token" in entry:
            context.set(_by_token(entry["token"], key), plain.write(None))
        return when

    def _take(self, key: str, context: DeviceContext) -> dict[str, Ref]:
        entry: dict[str, Ref] | None = plain.kept(context, key, _is_alarm)
        if entry is None:
            raise context.damaged(key, "the row is missing, and a token names it")
        context.set(key, None)
        if "token" in entry:
            context.set(_by_token(entry["token"], key), None)
        return entry

    def _cancel(self, token: Ref, context: DeviceContext) -> int:
        """Delete all alarms that were set with a token; returns how many."""
        prefix = _by_token(token, "")
        found = context.keys(prefix)
        for note in found:
            entry = self._take("at." + note.removeprefix(prefix), context)
            if "promise" in entry:
                context.settle(entry["promise"].kref, True, CANCELLED)
        return len(found)


def _is_alarm(entry: Any) -> bool:
    """Whether a stored value is what `_set` writes."""
    if not isinstance(entry, dict) or not all(isinstance(value, Ref) for value in entry.values()):
        return False
    letters = {name: ref.kref[1] for name, ref in entry.items()}
    token = letters.pop("token", "o")
    return letters in ({"handler": "o"}, {"promise": "p"}) and token == "o"


def _when(context: DeviceContext, key: str) -> int:
    return plain.number_in(context, key, "at.")


def _by_token(token: Ref, key: str) -> str:
    """The key of an alarm under its token."""
    return f"by.{token.kref}.{key.removeprefix('at.')}"
