"""Sending a message: to another vat, to a promise, or to an object of this same vat.

The sender cannot tell which. A message within the vat goes through the turn queue, never straight into the
method, and its arguments and its answer are copied as they would be on the way to another vat. So code that
works within one vat works between two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.ended import LifeEndedError, refuse_ended
from ..base.errors import VatError
from ..base.promises import REJECTED, Cause, Promise
from ..passing.passable import UnpassableError, brief
from ..passing.remotables import DISAVOWED, DISAVOWED_TOLD, Presence, method_table_of
from ..passing.smallcaps import DecodeError
from .device_calls import DevicePresence

if TYPE_CHECKING:
    from ..base.vat import Vat
    from ..passing.remotables import AnswersCalls


class Sends:
    """Sends the messages of one vat, and delivers those to its own objects."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat

    def invoke(
        self,
        receiver: Any,
        table: AnswersCalls | None,
        method: str,
        args: list[Any],
        kwargs: dict[str, Any],
        answer: Promise[Any],
    ) -> None:
        """Call a method of an object of this vat, and settle `answer` with what it returns or raises.

        `table` is the object's method table, or None if it has none.
        """
        if table is None:
            answer._reject(TypeError(f'cannot send method "{method}" to {brief(receiver)}'))
        else:
            answer._run(table.invoke, receiver, method, args, kwargs, self._vat.turns)

    def title(self, receiver: Any, method: str) -> str:
        """The name of a method in messages to people: `Purse.deposit()`."""
        table = method_table_of(receiver)
        return f"{table.tag if table else brief(receiver)}.{method}()"

    def cross(self, method: str, state: str, value: Any) -> tuple[str, Any]:
        """Copy the answer to a message within this vat, as it would be copied to another vat.

        Returns the state and the value of the promise, which is rejected if the answer cannot pass.
        """
        try:
            return state, self._vat.slots.across(value)
        except UnpassableError as exc:
            problem = self._vat.slots.explain(f"the result of {method}", value, exc)
        except DecodeError as exc:
            problem = f"the answer cannot be read: {exc}"
        return REJECTED, self._vat.slots.across(TypeError(problem))

    def send(
        self,
        target: Any,
        method: str,
        args: list[Any],
        kwargs: dict[str, Any],
        *,
        wanted: bool = True,
        cause: Cause = None,
    ) -> Promise[Any] | None:
        """Send a message; returns the promise for the answer if `wanted`, else None.

        `cause` is the place of the send in the code. It is shown if the answer is rejected and nothing
        handles that.
        """
        if self._vat.turns.deaf:
            refuse_ended(self._vat, target)
            return Promise(self._vat.turns) if wanted else None
        if self._vat.running is not None:
            logged: Promise[Any] | None = self._vat.running.send(target, method, args, kwargs, wanted)
            if logged is not None:
                logged._cause = cause
            return logged
        if self._vat.kinds.migrating:
            raise TypeError(
                f"a migration is under way, of {self._vat.kinds.migrating[-1]}, and cannot send messages"
            )
        try:
            if type(target) is Presence and target._vref != DISAVOWED:  # nearly always
                return self._send_out(target._vref, method, args, kwargs, wanted, cause)
            if isinstance(target, DevicePresence):
                raise UnpassableError(None, "a device takes no messages: call it with D(x)." + method)
            if isinstance(target, Presence):
                if target._vref == DISAVOWED:
                    return self._disavowed(wanted, cause)
                return self._send_out(target._vref, method, args, kwargs, wanted, cause)
            if isinstance(target, Promise):
                last = target._last()
                vpid = self._vat.promises.known(last)
                if vpid is not None:
                    return self._send_out(vpid, method, args, kwargs, wanted, cause)
            else:
                last = None
            call = self._copy_call(args, kwargs)
        except UnpassableError as exc:
            if exc.ended:
                raise LifeEndedError(self.told(method, args, kwargs, exc)) from None
            refused = self._refused(method, args, kwargs, exc)
            refused._cause = cause
            return refused if wanted else None
        answer: Promise[Any] = Promise(self._vat.turns)
        answer._cause = cause
        if last is not None:
            last._react(
                lambda value: answer._run(self.send, value, method, *call),
                answer._reject,
                lambda decider: answer._run(self.send, decider, method, *call),
            )
        else:
            answer._border = self.title(target, method)
            table = method_table_of(target)
            self._vat.turns.put(lambda _: self.invoke(target, table, method, call[0], call[1], answer), None)
        return answer if wanted else None

    def _copy_call(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        across = self._vat.slots.across
        try:
            return [across(item) for item in args], {name: across(item) for name, item in kwargs.items()}
        except DecodeError as exc:
            raise UnpassableError(None, f"it cannot be read: {exc}") from None

    def _send_out(
        self,
        vref: str,
        method: str,
        args: list[Any],
        kwargs: dict[str, Any],
        wanted: bool,
        cause: Cause,
    ) -> Promise[Any] | None:
        methargs = self._vat.slots.encode_call(method, args, kwargs)
        if not wanted:
            self._vat.syscall(["send", vref, {"methargs": methargs, "result": None}])
            return None
        vpid, answer = self._vat.promises.new_result()
        answer._cause = cause
        self._vat.syscall(["send", vref, {"methargs": methargs, "result": vpid}])
        self._vat.syscall(["subscribe", vpid])
        return answer

    def _disavowed(self, wanted: bool, cause: Cause) -> Promise[Any] | None:
        answer: Promise[Any] = Promise(self._vat.turns)
        answer._cause = cause
        answer._reject(VatError(DISAVOWED_TOLD, code="disavowed"))
        return answer if wanted else None

    def _refused(
        self, method: str, args: list[Any], kwargs: dict[str, Any], problem: UnpassableError
    ) -> Promise[Any]:
        answer: Promise[Any] = Promise(self._vat.turns)
        answer._reject(TypeError(self.told(method, args, kwargs, problem)))
        return answer

    def told(self, method: str, args: list[Any], kwargs: dict[str, Any], problem: UnpassableError) -> str:
        """Why a message was not sent: the part of it that cannot pass, and what to do."""
        told = self._vat.slots.explain("", {"args": args, "kwargs": kwargs}, problem)
        if told.startswith('["'):  # the path begins in the dict that this method made for it
            told = told.replace('["', "", 1).replace('"]', "", 1)
        return f"E(x).{method}(...) was not sent: {told}"
