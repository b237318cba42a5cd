"""One vat from the inside: deliveries in, syscalls out.

Liveslots stands between the kernel's words (vrefs, capdata) and the objects of vat code. A delivery is
decoded, handed to vat code, and the turn queue is run until nothing moves; then state is written back, and
only then does the delivery end. What vat code does wrong becomes a rejection of the message that made it do
so. The delivery itself fails only if the vat cannot start, or if it broke a rule of the kernel.

The parts: `slots` (objects by vref), `promises` (promises by vpid), `kinds` (durable classes), `store` (the
vat's keys), `turns` (what runs next). Each knows the others only through this object.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from . import remote_errors
from .adoption import Adoptions
from .baggage import StoredMap
from .bigmaps import bases
from .collector import Collector
from .context import DeliveryAbandonedError, activate
from .copies import Copies
from .cycles import Cycles
from .descriptors import KindError
from .device import DevicePresence
from .explicit import add_handles
from .kinds import Kinds
from .leftovers import Leftovers
from .loader import call_builder, run_parts
from .migration import MigrationError
from .passable import UnpassableError, brief
from .promise_table import PromiseTable
from .promises import REJECTED, Cause, Promise, TurnQueue, settled
from .reaper import Reaper
from .recognizers import Recognizers
from .references import References
from .remotables import Presence, interface_of
from .resumable import Calls
from .slots import Slots
from .smallcaps import DecodeError
from .stores import Collections
from .vatstore import Counters, Store
from .watching import Watches

if TYPE_CHECKING:
    from collections.abc import Callable

BAGGAGE = 1  # the number of the collection that every vat has


class SyscallError(Exception):
    """The kernel refused a syscall: the vat broke a rule, and this delivery will not be committed."""


class VatStartError(Exception):
    """The vat's code cannot be started; `details` holds what a program may want to know about it."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class Powers:
    """What a vat may do to itself."""

    def __init__(self, world: Liveslots) -> None:
        self._world = world
        self.vat_name = world.vat_name
        self.incarnation = world.incarnation

    def migrate_some(self, budget: int) -> dict[str, Any]:
        """Visit up to `budget` records of kinds with a new version; how far that is, by tag.

        An empty answer says that there is nothing left to migrate.
        """
        return self._world.kinds.sweep.some(budget)

    def collect_cycles(self) -> None:
        """Have the next bringing out of the dead search all stored objects for dead cycles.

        Without being asked it searches too, but only so many objects at a time.
        """
        self._world.cycles.wanted = True

    def exit(self, completion: Any = None, *, failed: bool = False) -> None:
        """End this vat after the current delivery; `failed` undoes the delivery and reports a failure."""
        try:
            capdata = self._world.slots.encode(completion)
        except UnpassableError as exc:
            raise TypeError(self._world.slots.explain("completion", completion, exc)) from None
        self._world.syscall(["exit", failed, capdata])


class Liveslots:
    """One incarnation of one vat."""

    def __init__(
        self,
        syscall: Callable[[list[Any]], Any],
        *,
        vat_name: str,
        incarnation: int,
        parts: list[list[str]] | None = None,
    ) -> None:
        self.vat_name = vat_name
        self.incarnation = incarnation
        self.keep_cache = False  # a world with no deliveries has no end of one
        self.on_unhandled: Callable[[str], None] = self._print_unhandled
        self.part_of: Callable[[str], str | None] = self._part_of
        self._kernel = syscall
        self._parts = parts
        self._fatal: SyscallError | None = None
        self._opened = False
        self.waiting_in_start: str | None = None  # what helps where the start of the vat does not end
        self.definitions = 0  # of kinds and resumable functions, as they come
        self._taken_up = 0
        self.turns = TurnQueue(self)
        self.collector = Collector(self)
        self.copies = Copies(redefinable=parts is None)
        self.store = Store(self.syscall)
        self.counters = Counters(self.store)
        self.references = References(self)
        self.recognizers = Recognizers(self)
        self.reaper = Reaper(self)
        self.slots = Slots(self)
        self.promises = PromiseTable(self)
        self.kinds = Kinds(self)
        self.leftovers = Leftovers(self)
        self.collections = Collections(self)
        self.cycles = Cycles(self)
        self.collections.fit_out(bases())
        add_handles(self)
        self.baggage = StoredMap(self, BAGGAGE, "baggage")
        self.watches = Watches(self)
        self.adoptions = Adoptions(self)
        self.calls = Calls(self)
        self.powers = Powers(self)
        self.turns.deaf = parts is not None

    @property
    def await_hook(self) -> Callable[[Promise[Any]], Any] | None:
        """Called by `await promise` where no coroutine of this vat runs; it returns the value or raises."""
        return self.turns.await_hook

    @await_hook.setter
    def await_hook(self, hook: Callable[[Promise[Any]], Any] | None) -> None:
        self.turns.await_hook = hook

    def syscall(self, call: list[Any]) -> Any:
        """Ask the kernel; a refusal ends the delivery, whatever vat code makes of the exception."""
        if self.turns.deaf:
            raise SyscallError(f"vat {self.vat_name} is in no delivery and has nobody to {call[0]} to")
        try:
            return self._kernel(call)
        except SyscallError as exc:
            self._fatal = self._fatal or exc
            raise

    def trace_of(self, exc: BaseException) -> remote_errors.Trace:
        """The frames of an exception that lie in this vat's own source."""
        trace = remote_errors.trace_of(exc, self.part_of)
        return (*trace, exc.vat_frame) if isinstance(exc, MigrationError) and exc.vat_frame else trace

    # Deliveries.

    def deliver(self, delivery: list[Any]) -> dict[str, Any]:
        """Serve one delivery to its end, state written back; the answer tells whether it may be committed."""
        self._fatal = None
        self.turns.deaf = False
        with activate(self):
            try:
                self._dispatch(delivery)
                self.settle()
            except DeliveryAbandonedError:
                raise
            except BaseException as exc:
                return {"status": "error", "error": self._report(self._fatal or exc)}
            finally:
                # What memory frees from now on may still run vat code: in no delivery, so nobody listens.
                self.turns.deaf = self._parts is not None
        if self._fatal is not None:
            return {"status": "error", "error": self._report(self._fatal)}
        return {"status": "ok"}

    def settle(self) -> None:
        """Run turns until none is left and write state back: the end of a delivery, or of a notebook cell."""
        if self._parts is None and self._taken_up != self.definitions:
            self._taken_up = self.definitions
            self.adoptions.take_up()
        self.turns.run()
        for promise in self.turns.take_unhandled():
            self.on_unhandled(self._unhandled_text(promise))
        self.calls.settle()
        self.settle_state()
        if self._parts is None:
            self.reaper.save()
        self.counters.save()
        self.store.flush()

    def settle_state(self) -> None:
        """Hand what has changed to the store, counts included."""
        self.kinds.flush()
        self.references.settle()

    def open(self) -> None:
        """Pick up what earlier incarnations have left in the store."""
        if not self._opened:
            self._opened = True
            self.counters.load()
            self.kinds.load()
            self.reaper.load()
            self.leftovers.load()
            if self.incarnation:
                self.adoptions.load()
                self.watches.load()

    def lacks_code(self, delivery: list[Any]) -> bool:
        """Whether a delivery is for somebody of an earlier interpreter whose code has not come yet."""
        return delivery[0] == "notify" and any(self.watches.lack_code(vpid) for vpid, _ in delivery[1])

    def lacking(self) -> list[str]:
        """What something in the store is of or waits for, and a notebook has yet to define."""
        kinds = [f"@durable {tag}" for tag in sorted(set(self.kinds.lost()))]
        return kinds + [f"@resumable {tag}" for tag in self.adoptions.lacking()]

    def _dispatch(self, delivery: list[Any]) -> None:
        kind = delivery[0]
        if kind == "message":
            self._message(delivery[1], delivery[2]["methargs"], delivery[2].get("result"))
        elif kind == "notify":
            self.promises.notified(delivery[1])
            self.promises.subscribe_new()
        elif kind == "startVat":
            self._start(delivery[1])
        elif kind == "bringOutYourDead":
            self.reaper.bring_out()
        elif kind == "dropExports":
            self.slots.dropped(delivery[1])
        elif kind == "retireExports":
            self.slots.retired(delivery[1])
        elif kind == "retireImports":
            for vref in delivery[1]:
                self.recognizers.forget(vref)
        elif kind == "changeVatOptions":
            if "migrate" in delivery[1]:
                self.kinds.sweep.some(delivery[1]["migrate"])
        else:
            raise ValueError(f"vat {self.vat_name} cannot serve a delivery of kind {kind!r}")

    def _report(self, exc: BaseException) -> dict[str, Any]:
        report = {"trace": [], **remote_errors.to_wire(exc, self.trace_of)}
        report.pop("code", None)
        report.pop("family", None)
        details = dict(exc.details) if isinstance(exc, (VatStartError, MigrationError)) else {}
        if isinstance(exc, KindError):
            details["kinds"] = exc.tags
        if details:
            report["details"] = details
        return report

    def _start(self, parameters: Any) -> None:
        self.open()
        values = self.slots.decode(parameters)
        self.promises.subscribe_new()
        if self._parts is None:
            self.adoptions.claim()
            return  # a notebook: its code comes cell by cell
        namespace = run_parts(self.vat_name, self._parts)
        self.collections.names = namespace
        self.kinds.settle_definitions()
        build = namespace.get("build_root_object")
        if build is None:
            raise VatStartError(
                f"vat {self.vat_name} defines no build_root_object: add "
                "`def build_root_object(parameters, baggage):` that returns a @remotable object"
            )
        offered = {"powers": self.powers, "parameters": values, "baggage": self.baggage}
        built = settled(self.turns, call_builder(build, offered, self.vat_name))
        self.turns.run()
        if built.status == "pending":
            fix = self.waiting_in_start or "do the waiting in a method"
            raise VatStartError(
                f"build_root_object of vat {self.vat_name} waits for something outside: it must return in "
                f"the delivery that starts the vat; {fix}"
            )
        root = built.result()
        if interface_of(root) is None or hasattr(type(root), "__kind__"):
            came = ("durable " if interface_of(root) else "") + brief(root)
            raise VatStartError(
                f"build_root_object of vat {self.vat_name} must return an instance of a @remotable class, "
                f"not {came}: the root is made anew by each incarnation"
            )
        self.slots.add_root(root)
        lost = self.kinds.lost()
        if lost:
            raise VatStartError(
                f"vat {self.vat_name}, incarnation {self.incarnation}: durable kinds {', '.join(lost)} are "
                "in the store but not in the code: define them again, even if nothing makes new ones",
                lostKinds=lost,
            )
        gone = self.collections.lost() if self.incarnation else None
        if gone is not None:
            raise VatStartError(f"vat {self.vat_name}, incarnation {self.incarnation}: {gone}")
        self.kinds.settle_definitions()  # of the kinds that the builder defined
        self.kinds.sweep.at_start()
        self.calls.resume()
        self.adoptions.hand_over()

    def _message(self, target: str, methargs: Any, result: str | None) -> None:
        answer = self.promises.accept_result(result) if result is not None else Promise(self.turns)
        try:
            method, args, kwargs = self._read_call(methargs)
            receiver = self.slots.target(target)
        except DecodeError as exc:
            answer._reject(TypeError(f"the message cannot be read: {exc}"))
        else:
            self.promises.subscribe_new()
            if isinstance(receiver, Promise):
                answer._resolve(self.send(receiver, method, args, kwargs))
            else:
                title = self._title(receiver, method)
                if result is None:
                    answer._cause = f"{title} was called by a sender that wants no answer"
                elif interface_of(receiver) is not None:
                    self.promises.answers[result] = title
                self._invoke(receiver, method, args, kwargs, answer)

    def _read_call(self, methargs: Any) -> tuple[str, list[Any], dict[str, Any]]:
        call = self.slots.decode(methargs)
        if type(call) is list and len(call) == 2:
            call.append({})
        if (
            type(call) is not list
            or [type(item) for item in call] != [str, list, dict]
            or any(type(key) is not str for key in call[2])
        ):
            raise DecodeError("it is not [method, args, kwargs]")
        return call[0], call[1], call[2]

    def _invoke(
        self, receiver: Any, method: str, args: list[Any], kwargs: dict[str, Any], answer: Promise[Any]
    ) -> None:
        interface = interface_of(receiver)
        if interface is None:
            answer._reject(TypeError(f'cannot send method "{method}" to {brief(receiver)}'))
        else:
            answer._run(interface.invoke, receiver, method, args, kwargs, self.turns)

    def _title(self, receiver: Any, method: str) -> str:
        interface = interface_of(receiver)
        return f"{interface.tag if interface else brief(receiver)}.{method}()"

    def cross(self, method: str, state: str, value: Any) -> tuple[str, Any]:
        """How a message that stays in this vat is answered: as another vat would be."""
        try:
            return state, self.slots.across(value)
        except UnpassableError as exc:
            problem = self.slots.explain(f"the result of {method}", value, exc)
        except DecodeError as exc:
            problem = f"the answer cannot be read: {exc}"
        return REJECTED, self.slots.across(TypeError(problem))

    # Sends.

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
        """Send a message; a promise for the answer, if that is wanted.

        The cause is told where a rejection of the answer is seen by nobody.
        """
        if self.turns.deaf:
            return Promise(self.turns) if wanted else None
        if self.calls.running is not None:
            logged: Promise[Any] | None = self.calls.running.send(target, method, args, kwargs, wanted)
            if logged is not None:
                logged._cause = cause
            return logged
        if self.kinds.migrating:
            raise TypeError(
                f"a migration is under way, of {self.kinds.migrating[-1]}, and cannot send messages"
            )
        try:
            if isinstance(target, DevicePresence):
                raise UnpassableError(None, "a device takes no messages: call it with D(x)." + method)
            if isinstance(target, Presence):
                return self._send_out(target._vref, method, args, kwargs, wanted, cause)
            if isinstance(target, Promise):
                last = target._last()
                vpid = self.promises.known(last)
                if vpid is not None:
                    return self._send_out(vpid, method, args, kwargs, wanted, cause)
            else:
                last = None
            call = self._copy_call(args, kwargs)
        except UnpassableError as exc:
            refused = self._refused(method, args, kwargs, exc)
            refused._cause = cause
            return refused if wanted else None
        answer: Promise[Any] = Promise(self.turns)
        answer._cause = cause
        if last is not None:
            last._react(
                lambda value: answer._run(self.send, value, method, *call),
                answer._reject,
                lambda decider: answer._run(self.send, decider, method, *call),
            )
        else:
            answer._border = self._title(target, method)
            self.turns.put(lambda _: self._invoke(target, method, call[0], call[1], answer), None)
        return answer if wanted else None

    def _copy_call(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        across = self.slots.across
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
        methargs = self.slots.encode([method, args, kwargs] if kwargs else [method, args])
        if not wanted:
            self.syscall(["send", vref, {"methargs": methargs, "result": None}])
            return None
        vpid, answer = self.promises.new_result()
        answer._cause = cause
        self.syscall(["send", vref, {"methargs": methargs, "result": vpid}])
        self.syscall(["subscribe", vpid])
        return answer

    def _refused(
        self, method: str, args: list[Any], kwargs: dict[str, Any], problem: UnpassableError
    ) -> Promise[Any]:
        told = self.slots.explain("", {"args": args, "kwargs": kwargs}, problem)
        if told.startswith('["'):  # the path starts at the dict that was made for it here
            told = told.replace('["', "", 1).replace('"]', "", 1)
        answer: Promise[Any] = Promise(self.turns)
        answer._reject(TypeError(f"E(x).{method}(...) was not sent: {told}"))
        return answer

    # Rejections that nobody looked at.

    def _unhandled_text(self, promise: Promise[Any]) -> str:
        reason = promise._value
        text = f"unhandled rejection in {self.vat_name}: {remote_errors.name_of(reason)}: "
        text += remote_errors.message_of(reason)
        trace = self.trace_of(reason)
        if trace:
            text += f" ({trace[-1][0]}, line {trace[-1][1]}, in {trace[-1][2]})"
        if promise._cause is not None:
            text += f"; {self._cause_text(promise._cause)}"
        return text

    def _cause_text(self, cause: tuple[str, str, int] | str) -> str:
        if isinstance(cause, str):
            return cause
        method, filename, line = cause
        return f"sent as E(...).{method}() in {self.part_of(filename) or filename}, line {line}"

    def _part_of(self, filename: str) -> str | None:
        prefix = f"<{self.vat_name}:"
        return filename[len(prefix) : -1] if filename.startswith(prefix) else None

    def _print_unhandled(self, text: str) -> None:
        print(text, file=sys.stderr)


__all__ = ["REJECTED", "Liveslots", "SyscallError", "VatStartError"]
