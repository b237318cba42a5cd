"""What an embedder asks of a world without being a vat in it: messages from outside, and their outcomes.

Arguments and results are values as vats pass them by copy, tuples, bytes, dates and errors among them. A
reference to something in the world is a `Ref`, which carries the kernel's name for it. What the host names it
must hold: a vat's root is pinned, a result is held until it is released, and a reference in a result lives as
long as that result is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.undoing import refuse_within_crank
from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import UnpassableError, brief, path_to
from swingset.host.administering import Administering
from swingset.lens import dump as dumping
from swingset.lens import verifying
from swingset.lens.explain import Explanation, explain
from swingset.model.capdata import DEFAULT_IFACE, CapData, Ref
from swingset.model.messages import Message, Notify, Send
from swingset.model.refs import is_kref, kref_type
from swingset.model.visible import one_line
from swingset.wire.grammar import ALLEGED
from swingset.world.promises import FORWARDED, FULFILLED, REJECTED, UNRESOLVED
from swingset.world.vats import LIVE, TERMINATED
from swingset.world.verifying import Problem

POLICIES = ("ignore", "log_always", "log_failure", "panic", "none")
"""What a host wants done with the outcome of its message; `none` asks for no outcome at all."""


@dataclass(frozen=True)
class Outcome:
    """How a promise stands: unresolved, fulfilled or rejected, and the data it was settled with."""

    kref: str
    status: str
    data: CapData | None

    @property
    def value(self) -> Any:
        """The data as Python values: references are `Ref`s, errors are exceptions. None while unresolved.

        Raises `KernelError` for data that no correct vat sends.
        """
        try:
            return None if self.data is None else read(self.data)
        except smallcaps.DecodeError as problem:
            words = f"{self.kref} was {self.status} with data that cannot be read: {problem}"
            raise KernelError(words) from None


def read(data: CapData) -> Any:
    """Python values of capdata in the kernel's names."""
    ifaces: dict[int, str] = {}  # told with the first mention only

    def fetch(_sigil: str, index: int, iface: str | None) -> Ref:
        if index >= len(data.slots):
            raise smallcaps.DecodeError(f"there is no slot {index}")
        known = ifaces.setdefault(index, (iface or DEFAULT_IFACE).removeprefix(ALLEGED))
        return Ref(data.slots[index], known)

    return smallcaps.decode(data.body, fetch)


def write(value: Any) -> CapData:
    """Capdata of a value as vats pass it, with `Ref`s in it.

    Raises `TypeError` naming the place of what cannot be passed, and what to pass instead.
    """
    try:
        body, objects = smallcaps.encode(value, lambda _: (), _mention)
    except UnpassableError as problem:
        raise _cannot_pass(value, problem.culprit, problem.fix) from None
    return CapData(body, tuple(found.kref for found in objects))


class Requests(Administering):
    """The part of a controller that speaks for the host."""

    # Messages

    def queue_to_root(
        self,
        vat: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        policy: str = "ignore",
    ) -> str | None:
        """Send a message to a vat's root; it runs with the next run. Returns the promise for its result.

        It is durable with that run, with the next commit, or when the controller is closed.
        The host holds that promise until `release`. With the policy `none` there is none.
        """
        with self.lock:
            return self.queue_to_object(self.kernel.root_of(vat), method, args, kwargs, policy=policy)

    def queue_to_object(
        self,
        kref: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        policy: str = "ignore",
    ) -> str | None:
        """Send a message to an object, or to a promise for one."""
        if policy not in POLICIES:
            raise KernelError(f"no result policy {policy!r}; there are: {', '.join(POLICIES)}")
        methargs = [method, list(args), dict(kwargs)] if kwargs else [method, list(args)]
        data = write(methargs)
        with self.lock:
            for slot in (kref, *data.slots):
                self._must_be_held(slot)
            kernel = self.kernel
            if policy != "none":
                return kernel.queue_message(kref, data, policy=policy)
            with kernel.undoing():
                kernel.store.enqueue(Send(kref, Message(data)))
            return None

    def status(self, kref: str) -> str:
        """`unresolved`, `fulfilled` or `rejected`."""
        return self.outcome(kref).status

    def resolution(self, kref: str) -> Any:
        """What a promise was settled with, as Python values; a rejection is not raised but returned."""
        return self.outcome(kref).value

    def outcome(self, kref: str) -> Outcome:
        """How a promise stands; one that follows another stands as that one does."""
        with self.lock:
            promise = self.kernel.store.promises.get(kref) if is_kref(kref) else None
            if promise is None:
                raise KernelError(f"there is no promise {kref!r}: it was released, or never was")
            if promise.state == FORWARDED:
                return Outcome(kref, UNRESOLVED, None)
            return Outcome(kref, promise.state, promise.data)

    def release(self, kref: str) -> None:
        """Let go of a result that the host held."""
        with self.lock:
            promise = self.kernel.store.promises.get(kref)
            if promise is None or promise.policy is None:
                raise KernelError(f"the host does not hold {kref}")
            self.kernel.release_result(kref)
            self.keep(f"release {kref}")

    def _must_be_held(self, kref: str) -> None:
        store = self.kernel.store
        if is_kref(kref) and kref_type(kref) == "p":
            known = store.promises.get(kref) is not None
        else:
            found = store.objects.get(kref) if is_kref(kref) else None
            known = found is not None and found.reachable > 0
        if not known:
            raise KernelError(
                f"nobody holds {kref}: pin() it, or hold the result it came in, for as long as you use it"
            )

    def logged(self) -> list[str]:
        """Outcomes that the host wanted logged and that have come, in words; each is told once."""
        store, lines = self.kernel.store, []
        query = "SELECT kref from promises where policy in ('log_always', 'log_failure') order by kref"
        for (kref,) in store.world.rows(query):
            promise = store.promises.get(kref)
            if promise is None or promise.state not in (FULFILLED, REJECTED):
                continue
            if promise.state == REJECTED or promise.policy == "log_always":
                lines.append(
                    f"{kref} was {promise.state}: {one_line(promise.data.body if promise.data else '', 500)}"
                )
            store.promises.set_policy(kref, "ignore")
        return lines

    # Vats

    def pin_vat_root(self, vat: str) -> str:
        """Hold a vat's root until `unpin`; returns its kref."""
        with self.lock:
            root = self.kernel.root_of(vat)
            self.kernel.pin(root)
            self.keep(f"pin the root of {vat}")
            return root

    def suspend_vat(self, vat: str, reason: str = "suspended by the host") -> None:
        """Deliver nothing to a vat until it is resumed; what comes for it is parked, in order."""

        def suspend() -> None:
            self.kernel.suspend(vat, reason)
            self.commit(f"suspend {vat}")

        self.turns.ask(suspend)

    def resume_vat(self, vat: str) -> None:
        """Let a suspended vat carry on, with what was parked first."""

        def wake() -> None:
            self.kernel.wake(vat)
            self.commit(f"resume {vat}")

        self.turns.ask(wake)

    def drop_parked(self, vat: str) -> str | None:
        """Give up what was parked first for a suspended vat: an event that suspends it each time, say.

        A message is rejected to its sender with the reason `dropped`; an outcome is never told. Returns what
        it was, `deposit()` or `the outcome of kp41`; None where nothing is parked.
        """
        with self.lock:
            event = self.kernel.drop_parked(vat)
            self.commit(f"dropped what was parked for {vat}")
        match event:
            case Send(message=message):
                return f"{message.method}()"
            case Notify(promise=promise):
                return f"the outcome of {promise}"
        return None

    def reap_all_vats(self, since: Mapping[str, int] | None = None) -> dict[str, int]:
        """Have every vat bring out its dead in the next run; returns where that leaves each, by name.

        Given what an earlier call has returned, `since`, only those that were delivered something after that
        are reaped. So a loop that reaps and runs until the answer is the same twice ends when nothing more
        comes of it.
        """
        with self.lock:
            with self.kernel.undoing():
                store, positions = self.kernel.store, {}
                for vat in store.vats.all():
                    if vat.state == TERMINATED:
                        continue
                    now = self.kernel.position_of(vat)
                    if since is not None and since.get(vat.name) == now:
                        positions[vat.name] = now
                    else:
                        store.reaping.schedule(vat.id)
                        # That delivery counts too; a vat without a transcript is at 0 after it.
                        positions[vat.name] = now + 1 if vat.recorded else 0
            self.keep("reap all vats")
            return positions

    def snapshot_all_vats(self) -> list[str]:
        """Save the heap of every live vat that has one and has done something since; returns their names."""
        with self.lock:
            refuse_within_crank(self.kernel.store)
            live = [vat for vat in self.kernel.store.vats.all() if vat.state == LIVE]
            saved = [vat.name for vat in live if self.kernel.warehouse.snapshot(vat) is not None]
            self.commit("snapshot all vats")
            return saved

    # Looking

    def explain(self, kref: str) -> Explanation:
        """Why something is alive."""
        with self.lock:
            return explain(self.kernel.store, kref)

    def activity_digest(self) -> str:
        """A running hash of all cranks: equal for two runs that did the same."""
        with self.lock:
            return self.kernel.store.activity.digest()

    def dump(self) -> dict[str, Any]:
        """The whole state as JSON data, vat stores left out."""
        with self.lock:
            return dumping.dump(self.kernel.store)

    def verify(self) -> list[Problem]:
        """All that is wrong with the file, as far as can be told without running it; empty for a sound one.

        What is not committed is committed first: the file is held against its history.
        """
        with self.lock:
            self.commit("before it is verified")
            return verifying.verify(self.kernel.store)

    def stats(self) -> dict[str, int]:
        """Counts: how much of what there is, and how much there ever was."""
        with self.lock:
            return dumping.stats(self.kernel.store)


def _mention(value: Any) -> smallcaps.Mention | None:
    """How a host mentions an object: by a `Ref`, of which two may be of the same."""
    if type(value) is Ref:
        if not is_kref(value.kref):
            raise UnpassableError(value, "")
        if kref_type(value.kref) == "p":
            return smallcaps.Mention("&", None, value.kref)
        return smallcaps.Mention("$", ALLEGED + value.iface, value.kref)
    if smallcaps.mention_of(value) is not None:  # what is an object in some vat
        raise UnpassableError(value, "")
    return None


def _cannot_pass(value: Any, culprit: Any, fix: str) -> TypeError:
    if culprit is None:
        return TypeError(f"the argument cannot be passed: {fix}")
    where = f"the argument{path_to(value, culprit) or ''}"
    if type(culprit) is Ref and not fix:
        return TypeError(f"{where} is a Ref of {culprit.kref!r}, which is not a kref such as ko20")
    if not fix or "@" in fix or "register_copy" in fix:  # that is for vats
        fix = "a host passes data by copy, and a reference to something in the world as a Ref"
    return TypeError(f"{where} is {brief(culprit)}: {fix}")


__all__ = ["POLICIES", "Outcome", "Ref", "Requests", "read", "write"]
