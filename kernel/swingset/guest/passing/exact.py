"""How the instances of one class pass as copies, and the rule that a copy has to equal its original.

Data that arrives may be anybody's. So it is checked: it must be spelled exactly as it would be written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class NotExactError(ValueError):
    """The copy of a value would not equal it; the message says what to pass instead."""


class Copy(NamedTuple):
    """How the instances of one class pass.

    `names` is the namespace in which the annotations of a dataclass's fields are read, else None. `unstored`
    says what to keep instead of an instance in durable state, if it cannot be kept there. `mutable` is
    whether an instance can be changed in place. `work` tells how much work it is to make an instance of data,
    if that of a short text can be much.
    """

    tag: str
    cls: type
    to_data: Callable[[Any], Any]
    from_data: Callable[[Any], Any]
    names: dict[str, Any] | None = None
    unstored: str | None = None
    mutable: bool = False
    work: Callable[[Any], int] | None = None


MOST_WORK = 60_000
"""The most work that the copies of one message may be; one is some 0.1 ms of a library."""


def with_work(done: int, copy: Copy, data: Any) -> int:
    """How much work a message is with this copy too; raises NotExactError if that is too much."""
    done += 0 if copy.work is None else copy.work(data)
    if done > MOST_WORK:
        raise NotExactError("the frames of one message have too many columns and indexes: send it in pieces")
    return done


def exactly(tag: str, cls: type, write: Callable[[Any], Any], read: Callable[[Any], Any]) -> Copy:
    """A class whose instances are spelled in one way only; what is spelled otherwise is refused."""

    def read_strictly(data: Any) -> Any:
        value = read(data)
        if write(value) != data:
            raise ValueError(f"it is spelled {write(value)!r}")
        return value

    return Copy(tag, cls, write, read_strictly)
