"""One vat from the inside: it serves deliveries and makes syscalls.

Liveslots translates between the kernel's terms (vrefs, capdata) and the objects of vat code. It decodes a
delivery, calls vat code, and runs the turn queue until it is empty. Then it writes state back, and only then
does the delivery end. An error in vat code rejects the message that caused it. The delivery itself fails only
if the vat cannot start, or if the kernel refused a syscall.

The parts: `slots` (objects by vref), `promises` (promises by vpid), `kinds` (durable classes), `store` (the
vat's keys), `turns` (the turn queue). Each part uses the others only through this object, and this object
only as the Protocol of its room describes it (`base.vat`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .base import context, errors
from .base.collector import Collector
from .base.context import DeliveryAbandonedError
from .base.ended import refuse_ended
from .base.promises import REJECTED, Promise, settled
from .base.turns import TurnQueue
from .base.vat_kinds import NOTEBOOK, PROGRAM, VatKind
from .base.vatstore import Counters, Store
from .clist.promise_table import PromiseTable
from .clist.recognizers import Recognizers
from .clist.references import References
from .clist.slots import Slots
from .kinds.descriptors import KindError
from .kinds.kinds import Kinds
from .kinds.migration import MigrationError
from .lasting.adoption import Adoptions
from .lasting.explicit import add_handles
from .lasting.randomness import patched, reseed, seed_of, urandom
from .lasting.resumable import Calls
from .lasting.watching import Watches
from .loader import call_builder, run_parts
from .passing.copies import Copies
from .passing.passable import brief
from .passing.remotables import method_table_of
from .passing.smallcaps import DecodeError
from .powers import Powers
from .reaping.cycles import Cycles
from .reaping.deferred_deletions import DeferredDeletions
from .reaping.reaper import Reaper
from .sending.notifiers import updates
from .sending.sends import Sends
from .stores.baggage import StoredMap
from .stores.bigmaps import bases
from .stores.collections import Collections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager

    from .base.ended import Ended
    from .base.vat import People, RunningCall

BAGGAGE = 1  # the number of the collection that every vat has


class SyscallError(Exception):
    """The kernel refused a syscall, because the vat broke a rule; this delivery will not be committed."""


class VatStartError(Exception):
    """The vat's code cannot be started; `details` holds the reasons as data for programs."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class Liveslots:
    """One incarnation of one vat."""

    def __init__(
        self,
        syscall: Callable[[list[Any]], Any],
        *,
        vat_name: str,
        incarnation: int,
        parts: list[list[str]] | None = None,
        kind: VatKind | None = None,
    ) -> None:
        self.kind = kind or (NOTEBOOK if parts is None else PROGRAM)
        self.vat_name = vat_name
        self.title = f"vat {vat_name}"  # its name in errors that mention several vats
        self.code_name = vat_name  # in the names of its files, which a clone keeps
        self.seeds = vat_name  # what the seeds of resumable calls follow from
        self.incarnation = incarnation
        self.ended: Ended | None = None
        self.guard: AbstractContextManager[Any] | None = None  # a lock, if several threads of a host send
        self.on_unhandled: Callable[[str], None] = self._print_unhandled
        self.part_of: Callable[[str], str | None] = self._part_of
        self.reader: errors.Reader | None = None  # gets errors that are shown to people
        self.people: People | None = None  # for errors on an embedder's own lines
        self.file_called: Callable[[str], str] = str  # gives a file of code its name for people
        self._kernel = syscall
        self._parts = parts
        self._fatal: SyscallError | None = None
        self._opened = False
        self.waiting_in_start: str | None = None  # the advice if the start does not end
        self.definitions = 0  # how many kinds and resumable functions were defined
        self._taken_up = 0
        self.running: RunningCall | None = None
        self.turns = TurnQueue(self)
        self.collector = Collector(self)
        self.copies = Copies(self.kind.redefinition)
        self.store = Store(self.syscall)
        self.counters = Counters(self.store)
        self.references = References(self)
        self.recognizers = Recognizers(self)
        self.deferred = DeferredDeletions(self)
        self.reaper = Reaper(self, self.deferred)
        self.slots = Slots(self)
        self.promises = PromiseTable(self)
        self.kinds = Kinds(self)
        self.collections = Collections(self)
        self.cycles = Cycles(self)
        self.collections.fit_out(bases())
        add_handles(self)
        self.baggage = StoredMap(self, BAGGAGE, "baggage")
        self.watches = Watches(self)
        self.adoptions = Adoptions(self)
        self.calls = Calls(self)
        self.powers = Powers(self)
        self.sends = Sends(self)
        self.turns.deaf = self.kind.repeated

    @property
    def await_hook(self) -> Callable[[Promise[Any]], Any] | None:
        """Called by `await promise` outside of this vat's coroutines; it returns the value or raises."""
        return self.turns.await_hook

    @await_hook.setter
    def await_hook(self, hook: Callable[[Promise[Any]], Any] | None) -> None:
        self.turns.await_hook = hook

    def syscall(self, call: list[Any]) -> Any:
        """Make a syscall; raises SyscallError if the kernel refuses it.

        A refusal ends the delivery, even if vat code catches the exception.
        """
        if self.turns.deaf:
            refuse_ended(self, None)
            raise SyscallError(f"vat {self.vat_name} is in no delivery and has nobody to {call[0]} to")
        try:
            return self._kernel(call)
        except SyscallError as exc:
            self._fatal = self._fatal or exc
            raise

    def new_seed(self, call: int) -> str:
        """The seed of a resumable call; in a notebook, whose deliveries are not replayed, it is random."""
        if not self.kind.repeated:
            return urandom(32).hex()
        return seed_of(self.seeds, self.incarnation, call)

    def trace_of(self, exc: BaseException) -> errors.Trace:
        """The frames of an exception that are in this vat's own source."""
        trace = errors.trace_of(exc, self.part_of)
        return (*trace, exc.vat_frame) if isinstance(exc, MigrationError) and exc.vat_frame else trace

    # Deliveries.

    def deliver(self, delivery: list[Any]) -> dict[str, Any]:
        """Serve one delivery and write state back; the result's status says whether it may be committed."""
        self._fatal = None
        self.turns.deaf = False
        before = context.enter(self)
        try:
            self._dispatch(delivery)
            self.settle()
        except DeliveryAbandonedError:
            raise
        except BaseException as exc:
            return {"status": "error", "error": self._report(self._fatal or exc)}
        finally:
            # Freeing memory may still run vat code after this, outside of a delivery, so the vat is deaf.
            self.turns.deaf = self.kind.repeated
            context.leave(before)
        if self._fatal is not None:
            return {"status": "error", "error": self._report(self._fatal)}
        return {"status": "ok"}

    def settle(self) -> None:
        """Run turns until none is left and write state back: the end of a delivery, or of a notebook cell."""
        if not self.kind.repeated and self._taken_up != self.definitions:
            self._taken_up = self.definitions
            self.adoptions.take_up()
        turns = self.turns
        turns.run()
        if turns.rejected:
            for promise in turns.take_unhandled():
                self.on_unhandled(self._unhandled_text(promise))
        if self.calls.touched:
            self.calls.settle()
        self.settle_state()
        if not self.kind.repeated:
            self.reaper.save()
        self.counters.save()
        self.store.flush()

    def hold_weakly(self) -> None:
        """Drop all objects that only this library holds, so that the interpreter may free them."""
        self.slots.heap.settle()
        self.slots.imports.recent.let_go()
        self.kinds.recent.let_go()

    def updates(self, notifier: object) -> AsyncIterator[Any]:
        """Iterate over a notifier's updates, for `async for`."""
        return updates(notifier)

    def settle_state(self) -> None:
        """Write changed records and counts to the store."""
        self.kinds.flush()
        self.references.settle()

    def end(self, ended: Ended) -> None:
        """End this life: from now on, using any object of it raises an error."""
        if self.ended is None:
            self.collector.close()
            self.ended = self.store.closed = ended

    def open(self) -> None:
        """Load what earlier incarnations have left in the store."""
        if not self._opened:
            self._opened = True
            self.counters.load()
            self.kinds.load()
            self.reaper.load()
            self.deferred.load()
            if self.incarnation:
                self.adoptions.load()
                self.watches.load()

    def lacks_code(self, delivery: list[Any]) -> bool:
        """Whether a delivery is for an object of an earlier interpreter whose code is not defined yet."""
        return delivery[0] == "notify" and any(self.watches.lack_code(vpid) for vpid, _ in delivery[1])

    def lacking(self) -> list[str]:
        """The kinds and functions that the store needs and that a notebook has yet to define."""
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
            self._start(delivery[1], *delivery[2:])
        elif kind == "bringOutYourDead":
            self.reaper.bring_out()
        elif kind == "dropExports":
            self.slots.dropped(delivery[1])
        elif kind == "retireExports":
            self.slots.retired(delivery[1])
        elif kind == "retireImports":
            for vref in delivery[1]:
                self.recognizers.forget(vref)
        elif kind == "clonedFrom":
            self._cloned(**delivery[1])
        elif kind == "changeVatOptions":
            if "migrate" in delivery[1]:
                self.kinds.sweep.some(delivery[1]["migrate"])
        else:
            raise ValueError(f"vat {self.vat_name} cannot serve a delivery of kind {kind!r}")

    def _cloned(self, clone: str, called: str, digest: str, **_origin: Any) -> None:
        """Go on as a clone: under a name of its own, and with other random numbers than the vat it is of."""
        self.vat_name = self.powers.vat_name = called
        self.title = f"vat {called}"
        self.seeds = f"{clone} {digest}"
        reseed(self.seeds)

    def _report(self, exc: BaseException) -> dict[str, Any]:
        report = {"trace": [], **errors.to_wire(exc, self.trace_of)}
        report.pop("code", None)
        report.pop("family", None)
        details = dict(exc.details) if isinstance(exc, (VatStartError, MigrationError)) else {}
        if isinstance(exc, KindError):
            details["kinds"] = exc.tags
        if details:
            report["details"] = details
        return report

    def _start(self, parameters: Any, allowed: dict[str, Any] | None = None) -> None:
        self.open()
        self.powers.may_disavow = bool(allowed and allowed.get("disavow"))
        values = self.slots.decode(parameters)
        self.promises.subscribe_new()
        if self._parts is None:
            self.adoptions.claim()
            return  # a notebook, which gets its code cell by cell
        with patched():
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
        if method_table_of(root) is None or hasattr(type(root), "__kind__"):
            came = ("durable " if method_table_of(root) else "") + brief(root)
            raise VatStartError(
                f"build_root_object of vat {self.vat_name} must return an instance of a @remotable class, "
                f"not {came}: the root is made anew by each incarnation"
            )
        self.slots.add_root(root)
        lost = self.kinds.lost()
        if lost:
            raise VatStartError(
                f"vat {self.vat_name}: durable kinds {', '.join(lost)} are in the store but not in the code: "
                "define them again, even if nothing makes new ones",
                lostKinds=lost,
            )
        gone = self.collections.lost() if self.incarnation else None
        if gone is not None:
            raise VatStartError(f"vat {self.vat_name}: {gone}")
        self.kinds.settle_definitions()  # for the kinds that the builder defined
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
            table = method_table_of(receiver)
            if table is None and isinstance(receiver, Promise):
                answer._resolve(self.sends.send(receiver, method, args, kwargs))
            else:
                if result is None:
                    title = self.sends.title(receiver, method)
                    answer._cause = f"{title} was called by a sender that wants no answer"
                elif table is not None:
                    self.promises.answers[result] = (table.tag, method)
                if table is None:
                    self.sends.invoke(receiver, table, method, args, kwargs, answer)
                else:
                    answer._run(table.invoke, receiver, method, args, kwargs, self.turns)

    def _read_call(self, methargs: Any) -> tuple[str, list[Any], dict[str, Any]]:
        call = self.slots.decode(methargs)
        parts = len(call) if type(call) is list else 0
        if parts == 2:
            method, args = call
            if type(method) is str and type(args) is list:
                return method, args, {}
        elif parts == 3:
            method, args, kwargs = call
            well_formed = type(method) is str and type(args) is list and type(kwargs) is dict
            if well_formed and all(type(key) is str for key in kwargs):
                return method, args, kwargs
        raise DecodeError("it is not [method, args, kwargs]")

    # Unhandled rejections.

    def _unhandled_text(self, promise: Promise[Any]) -> str:
        reason = promise._value
        text = f"unhandled rejection in {self.vat_name}: {errors.name_of(reason)}: "
        text += errors.message_of(reason)
        trace = self.trace_of(reason)
        if trace:
            text += f" ({trace[-1][0]}, line {trace[-1][1]}, in {trace[-1][2]})"
        if promise._cause is not None:
            text += f"; {self._cause_text(promise._cause)}"
        return text

    def _cause_text(self, cause: tuple[str, str, int, str] | str) -> str:
        if isinstance(cause, str):
            return cause
        method, filename, line, _ = cause
        where = self.part_of(filename) or self.file_called(filename)
        return f"sent as E(...).{method}() in {where}, line {line}"

    def _part_of(self, filename: str) -> str | None:
        prefix = f"<{self.code_name}:"
        return filename[len(prefix) : -1] if filename.startswith(prefix) else None

    def _print_unhandled(self, text: str) -> None:
        print(text, file=sys.stderr)


__all__ = ["REJECTED", "Liveslots", "SyscallError", "VatStartError"]
