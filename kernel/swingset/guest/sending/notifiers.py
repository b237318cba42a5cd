"""Following a notifier: `async for time in updates(notifier)`.

A notifier is an object, usually of another vat, that answers `get_update_since(count)` with `{"value": ...,
"updateCount": n}`, as soon as it has an update newer than `count`. The loop asks for the first update, then
for the one after it, and so on. A slow loop skips updates that were replaced meanwhile. An update whose count
is None is the last and ends the loop; its value is the notifier's final one.

`async for` also takes a presence, or a promise for one, directly. The next update is requested only when the
loop wants it, so a loop that stops early leaves no request behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..passing.passable import brief
from .eventual import E

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Updates:
    """The asynchronous iterator over the updates of one notifier."""

    __slots__ = ("_count", "_notifier", "_over")

    def __init__(self, notifier: Any) -> None:
        self._notifier = notifier
        self._count: Any = None
        self._over = False

    def __aiter__(self) -> Updates:
        return self

    async def __anext__(self) -> Any:
        if self._over:
            raise StopAsyncIteration
        update = await E(self._notifier).get_update_since(self._count)
        if not isinstance(update, dict) or update.keys() != {"value", "updateCount"}:
            raise TypeError(
                f"get_update_since() returned {brief(update)}: the update of a notifier is "
                '{"value": ..., "updateCount": ...}'
            )
        self._count = update["updateCount"]
        if self._count is None:
            self._over = True
            raise StopAsyncIteration
        return update["value"]


def updates(notifier: object) -> AsyncIterator[Any]:
    """Iterate over the values of a notifier from its current one on: `async for time in updates(clock)`.

    Raises TypeError in the loop if the notifier returns something other than an update.

    Source:
        `observeIterator` over a notifier of `@agoric/notifier`, as a loop.
    """
    return Updates(notifier)
