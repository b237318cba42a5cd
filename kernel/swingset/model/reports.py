"""What a worker reports of one delivery: success, or a fault with the line of vat code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from swingset.model.states import ConsoleStream, Reason
from swingset.model.wording import MOST_NAME, fit


class Frame(NamedTuple):
    """One line of vat code: the part (a cell's name), the 1-based line in it, the function."""

    part: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.part}, line {self.line}, in {self.function}"


@dataclass(frozen=True)
class Fault:
    """Why a delivery failed. `code` is one of `swingset.model.reasons`; frames are outermost first."""

    code: Reason
    message: str
    name: str = "Error"
    trace: tuple[Frame, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        where = f" ({self.trace[-1]})" if self.trace else ""
        return f"{self.message}{where}"


@dataclass(frozen=True)
class DeliveryResult:
    """The outcome of one delivery.

    `computrons` counts the instructions the vat spent, None where the worker cannot meter. `console`
    is what it printed, as (stream, text) in order, to be released only after the crank is committed.
    `memory` is how many bytes of linear memory the vat has then, None if the worker cannot say.
    """

    fault: Fault | None = None
    computrons: int | None = None
    console: tuple[tuple[ConsoleStream, str], ...] = ()
    memory: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the delivery may be committed."""
        return self.fault is None


def fault_to_data(fault: Fault) -> dict[str, Any]:
    """A fault as JSON data, without a trace or details if it has none."""
    found: dict[str, Any] = {"code": fault.code, "message": fault.message, "name": fault.name}
    if fault.trace:
        found["trace"] = [list(frame) for frame in fault.trace]
    if fault.details:
        found["details"] = dict(fault.details)
    return found


def frames_from_json(raw: object) -> tuple[Frame, ...]:
    """The frames that a guest reports; entries that are not `[part, line, function]` are omitted."""
    if not isinstance(raw, list):
        return ()
    return tuple(
        Frame(fit(item[0], MOST_NAME), item[1], fit(item[2], MOST_NAME))
        for item in raw[:50]
        if isinstance(item, list)
        and len(item) == 3
        and isinstance(item[0], str)
        and isinstance(item[1], int)
        and 0 <= item[1] < 1 << 31
        and isinstance(item[2], str)
    )
