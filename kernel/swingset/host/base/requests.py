"""Messages from an embedder that is not a vat, and their outcomes.

Arguments and results are values that vats can pass by copy, such as tuples, bytes, dates and errors. A
reference to something in the world is a `Ref`, which contains the kernel's name for it. The host must hold
what it names: a vat's root is pinned, a result is held until it is released, and a reference in a result
lives as long as that result is held.

What can be read and written does not depend on how deep in its stack the host is when it calls
(`swingset.model.stack`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from swingset.core.errors import KernelError
from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import UnpassableError, brief, path_to
from swingset.host.base.opened import Opened
from swingset.model.capdata import DEFAULT_IFACE, CapData, Ref
from swingset.model.foreign import shown
from swingset.model.refs import is_kref, kref_type
from swingset.model.stack import room
from swingset.model.states import ResultPolicy
from swingset.model.visible import visible
from swingset.wire.grammar import ALLEGED
from swingset.world.promises import FULFILLED, REJECTED

POLICIES: tuple[str, ...] = get_args(ResultPolicy)
PromiseStatus = Literal["unresolved", "fulfilled", "rejected"]


@dataclass(frozen=True)
class Outcome:
    """The state of a promise, unresolved, fulfilled or rejected, and the data that it was settled with."""

    kref: str
    status: PromiseStatus
    data: CapData | None

    @property
    def value(self) -> Any:
        """The data as Python values: a reference is a `Ref`, errors are exceptions. None while unresolved.

        Raises `KernelError` for data that cannot be read, which no correct vat sends.
        """
        try:
            return None if self.data is None else read(self.data)
        except smallcaps.DecodeError as problem:
            words = f"{self.kref} was {self.status} with data that cannot be read: {problem}"
            raise KernelError(words) from None


def read(data: CapData) -> Any:
    """Read capdata whose slots are krefs, as Python values, each reference as a `Ref`."""
    ifaces: dict[int, str] = {}  # given with the first mention only

    def fetch(_sigil: str, index: int, iface: str | None) -> Ref:
        if index >= len(data.slots):
            raise smallcaps.DecodeError(f"there is no slot {index}")
        known = ifaces.setdefault(index, (iface or DEFAULT_IFACE).removeprefix(ALLEGED))
        return Ref(data.slots[index], known)

    with room():
        return smallcaps.decode(data.body, fetch)


def write(value: Any) -> CapData:
    """Write a value, each `Ref` in it as a slot, as capdata whose slots are krefs.

    Raises `TypeError` for what cannot be passed, with its place and what to pass instead.
    """
    try:
        with room():
            body, objects = smallcaps.encode(value, lambda _: (), _mention)
    except UnpassableError as problem:
        raise _cannot_pass(value, problem.culprit, problem.fix) from None
    return CapData(body, tuple(found.kref for found in objects))


class Requests:
    """The messages that the host of one world sends, and the results that it holds."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel

    def send(
        self,
        kref: str,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        policy: ResultPolicy,
    ) -> str | None:
        """Send a message to an object, or to a promise for one; returns the promise for its result."""
        checked_policy(policy)
        with self._opened.lock:
            data = self.call(kref, method, args, kwargs)
            if policy != "none":
                return self._kernel.queue_message(kref, data, policy=policy)
            self._kernel.queue_one_way(kref, data)
            return None

    def call(self, kref: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> CapData:
        """A call of a target as capdata, once it is sure that all it mentions is held."""
        if isinstance(args, str | bytes | Mapping):
            raise KernelError(
                f"the arguments of {visible(str(method), 100)}() want a list, got {shown(args)}: put"
                " them into one, also if it is only one"
            )
        data = write([method, list(args), dict(kwargs)] if kwargs else [method, list(args)])
        for slot in (kref, *data.slots):
            self._must_be_held(slot)
        return data

    def outcome(self, kref: str) -> Outcome:
        """The outcome of a promise; if it follows another, that of the other."""
        with self._opened.lock:
            promise = self._kernel.store.promises.get(kref) if is_kref(kref) else None
            if promise is None:
                raise KernelError(f"there is no promise {kref!r}: it was released, or never was")
            if promise.state in (FULFILLED, REJECTED):
                return Outcome(kref, cast(PromiseStatus, promise.state), promise.data)
            return Outcome(kref, "unresolved", None)

    def release(self, kref: str) -> None:
        """Release a result that the host holds."""
        with self._opened.lock:
            promise = self._kernel.store.promises.get(kref)
            if promise is None or promise.policy is None:
                raise KernelError(f"the host does not hold {kref}")
            self._kernel.release_result(kref)
            self._opened.keep(f"release {kref}")

    def _must_be_held(self, kref: str) -> None:
        store = self._kernel.store
        if is_kref(kref) and kref_type(kref) == "p":
            known = store.promises.get(kref) is not None
        else:
            found = store.objects.get(kref) if is_kref(kref) else None
            known = found is not None and found.reachable > 0
        if not known:
            raise KernelError(
                f"nobody holds {kref}: pin it (`controller.gc.pin`), or hold the result it came in, for as"
                " long as you use it"
            )


def checked_policy(policy: object) -> None:
    """Raise `KernelError` for what is no policy of a result."""
    if policy not in POLICIES:
        raise KernelError(f"no result policy {policy!r}; there are: {', '.join(POLICIES)}")


def _mention(value: Any) -> smallcaps.Mention | None:
    """How a host refers to an object: by a `Ref`; two of them may be of the same object."""
    if type(value) is Ref:
        if not is_kref(value.kref):
            raise UnpassableError(value, "")
        if kref_type(value.kref) == "p":
            return smallcaps.Mention("&", None, value.kref)
        return smallcaps.Mention("$", ALLEGED + value.iface, value.kref)
    if smallcaps.mention_of(value) is not None:  # an object of some vat
        raise UnpassableError(value, "")
    return None


def _cannot_pass(value: Any, culprit: Any, fix: str) -> TypeError:
    if culprit is None:
        return TypeError(f"the argument cannot be passed: {fix}")
    where = f"the argument{path_to(value, culprit) or ''}"
    if type(culprit) is Ref and not fix:
        return TypeError(f"{where} is a Ref of {culprit.kref!r}, which is not a kref such as ko20")
    if not fix or "@" in fix or "register_copy" in fix:  # advice for vat code
        fix = "a host passes data by copy, and a reference to something in the world as a Ref"
    return TypeError(f"{where} is {brief(culprit)}: {fix}")


__all__ = ["POLICIES", "Outcome", "Ref", "Requests", "checked_policy", "read", "write"]
