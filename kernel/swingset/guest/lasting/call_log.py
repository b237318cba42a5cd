"""One call of a `@resumable` function: its coroutine, and the log that it writes or repeats.

The log decides. Up to its end, each step of the coroutine has to equal the next step in the log, and is
answered from it. After its end, steps are carried out and logged. Random numbers are not logged: they follow
from a seed that is stored with the call. An outcome is logged before the coroutine gets it, and decoded
again, so that the coroutine gets exactly what it would get when it is resumed.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

from ..base.context import DeliveryAbandonedError
from ..base.errors import RemoteRejection
from ..base.no_event_loop import not_awaitable
from ..base.promises import PENDING, Promise
from ..guards.annotations import annotations_of
from ..guards.shape import BadAnnotationError, complaint
from ..guards.shapes import compile_answer
from ..passing import smallcaps
from ..passing.passable import UnpassableError, brief, copy_passable
from ..passing.remotables import Presence
from ..sending import bids
from .randomness import Randomness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..sending.sends import Sends
    from .resumable import Calls

SEND, AWAIT = "send", "await"
CALL, STEP = "call", "step"  # what waits for a kept promise, and for a watched one


class DivergedError(BaseException):
    """The code differs from the log. A BaseException, so that vat code does not catch it by accident."""


class Unheard:
    """The output stream of a call while it repeats its log: it drops text that was printed before."""

    def __init__(self, call: Call, shown: Any) -> None:
        self._call = call
        self._shown = shown

    def write(self, text: str) -> int:
        """Print a text, if the call does not repeat its log."""
        if not self._call.repeats:
            self._shown.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shown, name)


class Call:
    """One call: its log, and its coroutine.

    The log is a list of steps, `[SEND, line, what, outcome]` or `[AWAIT, line, which, outcome]`, whose
    outcome is None or `[rejected, value]`. An await of the answer to a send has the index of the send as
    `which`, and no outcome of its own.
    """

    def __init__(
        self, calls: Calls, number: int, tag: str, promise: Promise[Any], log: list[Any], seed: str
    ) -> None:
        self.number = number
        self.randomness = Randomness(seed)
        self.given: list[Any] = []
        self.promise = promise
        self.saved = 0
        self.expected: dict[int, Promise[Any]] = {}  # answers that an earlier incarnation was waiting for
        self._calls = calls
        self._vat = calls.vat
        self._tag = tag
        self._log = log
        self._known = len(log)
        self._position = 0
        self._answers: dict[int, Promise[Any]] = {}
        self._unnamed: dict[int, Promise[Any]] = {}
        self._stale: dict[int, None] = {}
        self._function: FunctionType | None = None
        self._coroutine: CoroutineType[Any, Any, Any] | None = None
        self._diverged: str | None = None

    @property
    def repeats(self) -> bool:
        """Whether it is still repeating its log."""
        return self._position < self._known

    def run(self, function: FunctionType) -> None:
        """Start the call, or start it again."""
        self._function = function
        args, kwargs = copy_passable(self.given)  # a copy, because the function may change its arguments
        try:
            self._coroutine = function(*args, **kwargs)
        except TypeError as exc:  # the parameters do not fit
            self._end(True, exc)
        else:
            self._step(None, None)

    # Steps of the coroutine.

    def _step(self, value: Any, error: BaseException | None) -> None:
        turns, store, coroutine = self._vat.turns, self._vat.store, self._coroutine
        if coroutine is None:
            return
        awaited: Any = None
        ended: tuple[bool, Any] | None = None
        turns.driving += 1
        self._vat.running, store.closed = self, self._tag
        shown = sys.stdout
        if self.repeats:
            sys.stdout = Unheard(self, shown)
        try:
            with self.randomness.drawing():
                awaited = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as stop:
            ended = (False, stop.value)
        except DeliveryAbandonedError:
            raise
        except BaseException as exc:
            ended = (True, exc)
        finally:
            turns.driving -= 1
            self._vat.running = store.closed = None
            sys.stdout = shown
        if self._diverged is not None:
            self.diverge(self._diverged)
        elif ended is None:
            self._await(awaited)
        elif self.repeats:
            line = self._log[self._position][1]
            self.diverge(f"{self._tag} ends where it went on before, at line {line} of the old code")
        else:
            self._end(*ended)

    def _await(self, awaited: Any) -> None:
        line = self._line()
        if not isinstance(awaited, Promise):
            self._vat.turns.put(lambda exc: self._step(None, exc), not_awaitable(awaited))
            return
        which = next((index for index, answer in self._answers.items() if answer is awaited), None)
        index = self._position
        if not self._next(AWAIT, line, which):
            self.diverge(str(self._diverged))
            return
        awaited._handled = True
        if which is not None:
            awaited._react(lambda value: self._step(value, None), lambda exc: self._step(None, exc))
        elif self._log[index][3] is not None:
            self._go_on(index)
        else:
            awaited._react(
                lambda value: self._came(index, False, value), lambda exc: self._came(index, True, exc)
            )

    def _came(self, index: int, rejected: bool, value: Any) -> None:
        """An awaited promise that is not an answer has settled."""
        if self._coroutine is not None:
            self._record(index, rejected, value)
            self._go_on(index)

    def _go_on(self, index: int) -> None:
        rejected, value = self._log[index][3]
        if rejected:
            self._vat.turns.put(lambda exc: self._step(None, exc), _as_exception(value))
        else:
            self._vat.turns.put(lambda item: self._step(item, None), copy_passable(value))

    # Sends.

    def send(self, target: Any, method: str, args: list[Any], kwargs: dict[str, Any], wanted: bool) -> Any:
        """Send a message of the coroutine, or answer it from the log."""
        what = [self._name(target), method, self._shape(args, kwargs)]
        sends: Sends = self._vat.sends
        return self._ask(what, lambda: sends.send(target, method, args, kwargs, wanted=wanted), wanted)

    def bid(
        self, escalator: Any, target: Any, method: str, args: list[Any], kwargs: dict[str, Any], wanted: bool
    ) -> Any:
        """Send a message of the coroutine with a bid, or answer it from the log."""
        what = [self._name(target), method, self._shape(args, kwargs), self._name(escalator)]
        # Without a promise a refusal would be raised here, and not when the log is repeated.
        return self._ask(what, lambda: bids.send(escalator, target, method, args, kwargs, bids.SEND), wanted)

    def nested(self, tag: str, args: list[Any], kwargs: dict[str, Any]) -> Promise[Any]:
        """Call another resumable function."""
        promise: Promise[Any] = self._ask(
            ["", tag, self._shape(args, kwargs)], lambda: self._calls.begin(tag, args, kwargs), True
        )
        return promise

    def _ask(self, what: list[Any], do: Callable[[], Any], wanted: bool) -> Any:
        if self._diverged is not None:
            raise DivergedError
        index = self._position
        again = index < self._known
        if not self._next(SEND, self._line(), what):
            raise DivergedError
        with self._outside():
            answer: Promise[Any] = Promise(self._vat.turns)
            answer._handled = True
            self._answers[index] = answer
            if not again:
                done = do()
                if wanted:
                    self._expect(index, done)
            elif self._log[index][3] is not None:
                self._tell(index)
            else:
                answer._next = self.expected.get(index)
        return answer if wanted else None

    def _expect(self, index: int, raw: Promise[Any]) -> None:
        """Wait for an answer, whose outcome is logged before the coroutine gets it."""
        self._answers[index]._next = raw  # for code outside of the call it is the same promise
        if self._vat.promises.known(raw._last()) is not None:
            self._vat.watches.add(raw, [STEP, self.number, index])
        else:
            self._unnamed[index] = raw
            raw._react(lambda v: self.heard(index, False, v), lambda e: self.heard(index, True, e))

    def heard(self, index: int, rejected: bool, value: Any) -> None:
        """Log an answer that has come."""
        self._unnamed.pop(index, None)
        if self._log[index][3] is None and self.promise.status is PENDING:
            self._record(index, rejected, value)
            if index in self._answers:
                self._tell(index)

    def _tell(self, index: int) -> None:
        rejected, value = self._log[index][3]
        answer = self._answers[index]
        answer._next = None
        if rejected:
            answer._handled = True
            answer._reject(_as_exception(value))
        else:
            answer._resolve(copy_passable(value))

    # The log.

    def _next(self, kind: str, line: int, what: Any) -> bool:
        """Take the next step; returns False if it differs from the log."""
        index = self._position
        self._position += 1
        if index >= self._known:
            self._log.append([kind, line, what, None])
            self._calls.touch(self)
            return True
        old_kind, old_line, old_what, _ = self._log[index]
        if old_kind == kind and old_what == what:
            return True
        self._diverged = (
            f"line {line} of {self._tag} {_in_words(kind, what)}, "
            f"but the log says that line {old_line} of the old code {_in_words(old_kind, old_what)}"
        )
        return False

    def _record(self, index: int, rejected: bool, value: Any) -> None:
        what = f"the outcome of line {self._log[index][1]} of @resumable {self._tag}"
        try:
            capdata = self._vat.slots.encode_durable(value, what)
        except TypeError as exc:
            rejected, capdata = True, self._vat.slots.encode_durable(exc, what)
        # Decoded again, so that the coroutine gets exactly what it would get when it is resumed.
        self._log[index][3] = [rejected, self._vat.slots.decode(capdata, frozen=True)]
        self._stale[index] = None
        self._calls.touch(self)

    def save(self) -> None:
        """Store the new steps, or delete the log if the call has ended."""
        stored = self._calls.stored
        if self.promise.status is not PENDING or self._coroutine is None:
            for index in range(self.saved):
                del stored[f"{self.number}.{index:06}"]
            if f"{self.number}" in stored:
                del stored[f"{self.number}"]
            self._vat.adoptions.give_up(self.promise)
            self._calls.alive.pop(self.number, None)
            return
        for index, raw in list(self._unnamed.items()):
            if raw.status is PENDING:
                del self._unnamed[index]
                self._vat.watches.add(raw, [STEP, self.number, index])
        if not self.saved:
            self._vat.adoptions.keep(self.promise, [CALL, self.number])
        if self.saved != len(self._log):
            stored[f"{self.number}"] = [self._tag, self.given, len(self._log), self.randomness.seed]
        for index in sorted({*self._stale, *range(self.saved, len(self._log))}):
            stored[f"{self.number}.{index:06}"] = self._log[index]
        self.saved = len(self._log)
        self._stale.clear()

    # Ends.

    def diverge(self, told: str) -> None:
        """End the call because the code differs from the log; `told` says how."""
        words = f"@resumable {self._tag} cannot be resumed: {told}"
        self._vat.on_unhandled(f"in {self._vat.vat_name}: {words}")
        self._diverged = told
        running, self._vat.running = self._vat.running, self
        try:
            if self._coroutine is not None:
                self._coroutine.close()  # a send in a `finally` is refused
        except DeliveryAbandonedError:
            raise
        except BaseException:
            pass
        finally:
            self._vat.running = running
        self._end(True, RuntimeError(words))

    def _end(self, rejected: bool, value: Any) -> None:
        self._coroutine = None
        self._calls.touch(self)
        if rejected:
            self.promise._reject(value)
        else:
            self.promise._run(self._checked, value)

    def _checked(self, value: Any) -> Any:
        function = self._function
        notes = annotations_of(function) if function is not None else {}
        if function is not None and "return" in notes and not isinstance(value, Promise):
            try:
                shape = compile_answer(notes["return"], function.__globals__)
            except BadAnnotationError as exc:
                raise TypeError(f"{self._tag}, annotation of 'return': {exc}") from None
            misfit = shape.misfit(value)
            if misfit is not None:
                raise TypeError(complaint(f"{self._tag}() returned", misfit))
        return value

    # Odds and ends.

    @contextmanager
    def _outside(self) -> Iterator[None]:
        vat, store = self._vat, self._vat.store
        running, closed = vat.running, store.closed
        vat.running = store.closed = None
        try:
            with self.randomness.outside():
                yield
        finally:
            vat.running, store.closed = running, closed

    def _line(self) -> int:
        """The innermost line of this vat's code at which the coroutine is."""
        line, waiting = 0, self._coroutine
        while isinstance(waiting, CoroutineType):
            frame = waiting.cr_frame
            line = frame.f_lineno if frame is not None else line
            waiting = waiting.cr_await
        if self._vat.running is self:
            frame = sys._getframe(1)
            while frame is not None and self._vat.part_of(frame.f_code.co_filename) is None:
                frame = frame.f_back
            line = frame.f_lineno if frame is not None else line
        return line

    def _shape(self, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments of a send, written so that they are equal after an upgrade."""
        try:
            body, objects = smallcaps.encode([args, kwargs], self._vat.trace_of)
        except UnpassableError:
            return ["(cannot be passed)"]
        return [body, *(self._name(item) for item in objects)]

    def _name(self, item: Any) -> str:
        for index, answer in self._answers.items():
            if answer is item:
                return f"answer {index}"
        if isinstance(item, Presence):
            return str(item._vref)
        vref = getattr(item, "__dict__", {}).get("__vref__") if hasattr(type(item), "__kind__") else None
        return vref if vref is not None else brief(item)


def _in_words(kind: str, what: Any) -> str:
    if kind == AWAIT:
        return "awaits" + ("" if what is None else " another answer")
    target, method, shape, *escalator = what
    if not target:
        return f"calls {method}"
    sender = f"E.bid({escalator[0]})" if escalator else "E"
    return f"sends {sender}({target}).{method}(...) with {shape[0][1:]}"


def _as_exception(value: Any) -> BaseException:
    if isinstance(value, BaseException):
        return value
    return RemoteRejection(value)
