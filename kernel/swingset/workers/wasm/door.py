"""The one door out of a vat, as the host sees it.

The guest calls the host with bytes, a *knock*:

- ``D`` or ``G`` asks for the delivery;
- ``S`` and a JSON list makes syscalls, and returns the answer to the last;
- ``R`` and a JSON object ends the delivery;
- ``F`` and a JSON list makes the last syscalls and ends the delivery with success.

The guest knocks with an import of the interpreter's module, `Surroundings.knock`, beside those of the closed
system interface. Between deliveries the door is shut, and a knock has no host.

``G`` and ``F`` serve the common case. A message or one outcome comes as lines, because JSON would cost the
vat ten times as much to read; and the syscalls of ``F`` need no answer.

Every knock is hostile until it is checked: vat code can reach the door without the guest library.
So all of a knock is read into typed syscalls (`swingset.model.syscalls`) before the kernel sees any of it,
and a breach ends the delivery with a `ProtocolBreach`; the guest never sees a Python exception of the
host's. What references *mean*, and whether the vat may use them, is the kernel's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import spelled
from swingset.model.syscalls import Malformed
from swingset.model.syscalls import read as read_syscall
from swingset.workers.base import SyscallHandler, VatSpec
from swingset.workers.wasm.native import OutOfBounds
from swingset.workers.wasm.wasi import Wasi

MAX_REQUEST = 64 << 20
"""Most bytes in one knock."""

MAX_SYSCALLS = 100_000
"""Most syscalls in one knock."""

MAX_DEPTH = 16
"""How deep a knock may nest; values in messages and in the store are texts here."""


_NO_HOST, _FAULT = -1, -2  # what a knock returns; 0 if it was served


class ProtocolBreach(Exception):
    """A knock that no guest may make."""


class Surroundings(Wasi):
    """All that one guest can reach: the closed system interface, and the door while a delivery runs."""

    door: Callable[[bytes], bytes] | None = None
    allocate: Callable[..., int]

    def knock(self, at: int, length: int, answer_at: int, answer_length_at: int) -> int:
        """The import behind the guest's `_host.call`."""
        if self.door is None:
            return _NO_HOST
        try:
            answer = self.door(self.guest.read(at, length))
            room = self.allocate(max(len(answer), 1))
            if not room:
                return _FAULT
            self.guest.write(room, answer)
            self.guest.write_u32(answer_at, room)
            self.guest.write_u32(answer_length_at, len(answer))
        except OutOfBounds:
            return _FAULT
        return 0


class Door:
    """The door during one delivery.

    `look_up` is called before each syscall, and may raise to stop the guest: one knock can bring many.
    """

    def __init__(
        self,
        spec: VatSpec,
        delivery: list[Any],
        syscall: SyscallHandler,
        look_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.result: dict[str, Any] | None = None
        self._delivery: list[Any] | None = delivery
        self._spec = spec
        self._syscall = syscall
        self._look_up = look_up

    def __call__(self, request: bytes) -> bytes:
        """Answer one knock."""
        if len(request) > MAX_REQUEST:
            raise ProtocolBreach(f"{len(request):,} bytes at the door, {MAX_REQUEST:,} are allowed")
        if self.result is not None:
            raise ProtocolBreach("something at the door after the delivery had ended")
        match request[:1]:
            case b"S":
                return _dump(self._serve(_parse(request[1:])))
            case b"G":
                delivery = self._take()
                lines = _lines(delivery)
                return b"J" + self._described(delivery) if lines is None else lines
            case b"F":
                self._serve(_parse(request[1:]), least=0)
                self.result = {"status": "ok"}
                return b""
            case b"D":
                return self._described(self._take())
            case b"R":
                self.result = _checked_result(_parse(request[1:]))
                return b""
        raise ProtocolBreach(f"{request[:20]!r} at the door, wanted D, F, G, R or S")

    def _take(self) -> list[Any]:
        delivery, self._delivery = self._delivery, None
        if delivery is None:
            raise ProtocolBreach("the delivery was asked for twice")
        return delivery

    def _described(self, delivery: list[Any]) -> bytes:
        vat: dict[str, Any] | None = None
        if delivery[0] == "startVat":
            spec = self._spec
            parts = [list(part) for part in spec.parts]
            vat = {"name": spec.name, "incarnation": spec.incarnation, "parts": parts}
        return _dump({"delivery": delivery, "vat": vat})

    def _serve(self, syscalls: Any, *, least: int = 1) -> list[Any]:
        """Make the syscalls; returns the answer to the last."""
        if not isinstance(syscalls, list) or not least <= len(syscalls) <= MAX_SYSCALLS:
            raise ProtocolBreach(f"S or F wants a list of {least} to {MAX_SYSCALLS:,} syscalls")
        asked = [read_syscall(said) for said in syscalls]
        for syscall in asked:
            if isinstance(syscall.asked, Malformed):
                raise ProtocolBreach(syscall.asked.words)
        answer: list[Any] = []
        for syscall in asked:
            self._look_up()
            answer = self._syscall(syscall)
            if answer[0] != "ok":
                # The delivery has failed. A guest stopped here can still be asked for its line of code.
                raise ProtocolBreach(str(answer[1]))
        return answer


def _lines(delivery: list[Any]) -> bytes | None:
    """A message, or the outcome of one promise, as lines; the last is the body. None for other deliveries.

    References are the kernel's own and hold no blanks, so only a body can hold a line end.
    """
    match delivery:
        case ["message", target, {"methargs": {"body": body, "slots": slots}, "result": result}]:
            lines = (f"M{target}", result or "", " ".join(slots), body)
        case ["notify", [[promise, {"data": {"body": body, "slots": slots}, "rejected": rejected}]]]:
            lines = (f"N{promise}", "rejected" if rejected else "", " ".join(slots), body)
        case _:
            return None
    return "\n".join(lines).encode()


def _checked_result(raw: Any) -> dict[str, Any]:
    if isinstance(raw, dict):
        if raw.get("status") == "ok":
            return raw
        if raw.get("status") == "error" and isinstance(raw.get("error"), dict):
            return raw
    raise ProtocolBreach("R wants a status of ok, or of error and the error")


def _parse(data: bytes) -> Any:
    try:
        return read_json(data, depth=MAX_DEPTH)
    except Unreadable as error:
        raise ProtocolBreach(f"what came to the door is not JSON, or too much: {error}") from None


def _dump(value: Any) -> bytes:
    # Sorted, as a transcript is: a replay has to give the same bytes, or the vat spends other computrons.
    return spelled(value).encode()
