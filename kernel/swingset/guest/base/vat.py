"""The Protocols for what the parts of a vat need from their vat.

No part imports the vat: it gets the vat as an argument, calls it `vat`, and declares by a Protocol what it
needs. `Vat` has what every part may use. It describes parts of higher rooms only as far as lower rooms need
them. A room that can name its own parts extends the Protocol of the room below: `passing.vat`, `clist.vat`,
`kinds.vat`, `stores.vat`, `lasting.vat`, `reaping.vat`.

Everything here is for the type checker only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from types import FrameType

    from .collector import Collector
    from .ended import Ended
    from .errors import Reader, Trace
    from .promises import Promise
    from .turns import TurnQueue
    from .vat_kinds import VatKind
    from .vatstore import Counters, Store


class RunningCall(Protocol):
    """A step of a `@resumable` call, which logs what it sends."""

    def send(
        self, target: Any, method: str, args: list[Any], kwargs: dict[str, Any], wanted: bool
    ) -> Promise[Any] | None:
        """Send a message; a promise for the answer, if that is wanted."""
        ...

    def bid(
        self, escalator: Any, target: Any, method: str, args: list[Any], kwargs: dict[str, Any], wanted: bool
    ) -> Promise[Any] | None:
        """Send a message with a bid; a promise for the answer, if that is wanted."""
        ...

    def nested(self, tag: str, args: list[Any], kwargs: dict[str, Any]) -> Promise[Any]:
        """Call another resumable function; a promise for its result."""
        ...


class People(Protocol):
    """What an embedder's own interpreter does for the people at it."""

    def spelled(self, frame: FrameType, name: str) -> str | None:
        """The text before `.name` in the line that a frame is at; None if it is unknown."""
        ...

    def called(self, presence: object) -> str | None:
        """What the object of a presence is called; None if that cannot be told."""
        ...

    def way(self, presence: object, spelled: str, name: str) -> str | None:
        """The end of the sentence that refuses an attribute: what to do instead; None if no more is known."""
        ...

    def refused(self, error: Exception, target: object = None) -> None:
        """Prepare an error that is raised for a misuse of a reference, the target."""
        ...


class Marshals(Protocol):
    """Turns values into what the kernel takes, and back."""

    def encode_call(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Write a message as capdata; raises UnpassableError."""
        ...

    def encode(self, value: Any) -> dict[str, Any]:
        """A value as capdata; raises UnpassableError."""
        ...

    def decode(self, capdata: Any) -> Any:
        """The value of capdata; raises DecodeError."""
        ...

    def across(self, value: Any) -> Any:
        """What a value is at the other end of a message that stays in this vat."""
        ...

    def explain(self, what: str, value: Any, problem: Any) -> str:
        """Say which part of a value cannot pass and what to do."""
        ...


class NamesPromises(Protocol):
    """The promises that the kernel knows by name."""

    keeps: Callable[[Promise[Any]], bool]
    """Whether a promise is handed on to the next incarnation."""

    def resolved(self, vpid: str) -> None:
        """Resolve a settled promise of this vat in the kernel."""
        ...

    def known(self, promise: Promise[Any]) -> str | None:
        """The vpid of a promise that another vat decides, else None."""
        ...

    def forward(self, vpid: str, decider: Promise[Any]) -> None:
        """Tell the kernel that one promise follows another."""
        ...

    def new_result(self) -> tuple[str, Promise[Any]]:
        """A fresh name and promise for an answer."""
        ...

    def subscribe_new(self) -> None:
        """Ask for the fate of the promises that have come in."""
        ...


class StoredObjects(Protocol):
    """The instances of kinds."""

    @property
    def migrating(self) -> list[str]:
        """The records that are being migrated, the one at work last."""
        ...

    def instance(self, vref: str) -> Any:
        """The object of a name."""
        ...

    def facet_count(self, base: str) -> int:
        """How many facets an object has."""
        ...


class Vat(Protocol):
    """What any part may ask of its vat."""

    vat_name: str
    code_name: str
    title: str
    incarnation: int
    kind: VatKind
    ended: Ended | None
    guard: AbstractContextManager[Any] | None
    reader: Reader | None
    people: People | None
    part_of: Callable[[str], str | None]
    file_called: Callable[[str], str]
    on_unhandled: Callable[[str], None]
    turns: TurnQueue
    collector: Collector
    store: Store
    counters: Counters
    running: RunningCall | None
    """The `@resumable` call whose step is under way."""
    sends: Any
    """The `Sends` of a higher room, as an annotation says where they are used."""

    @property
    def slots(self) -> Marshals:
        """Objects by name."""
        ...

    @property
    def promises(self) -> NamesPromises:
        """Promises by name."""
        ...

    @property
    def kinds(self) -> StoredObjects:
        """Stored objects."""
        ...

    def syscall(self, call: list[Any]) -> Any:
        """Ask the kernel."""
        ...

    def trace_of(self, exc: BaseException) -> Trace:
        """The frames of an exception in this vat's own source."""
        ...

    def updates(self, notifier: object) -> AsyncIterator[Any]:
        """The values of a notifier's updates."""
        ...

    def settle_state(self) -> None:
        """Hand what has changed to the store."""
        ...

    def hold_weakly(self) -> None:
        """Hold no longer what only this library holds."""
        ...
