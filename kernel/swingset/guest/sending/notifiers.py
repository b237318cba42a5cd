"""Following a notifier: `async for time in updates(notifier)`.

A notifier is an object, mostly of another vat, that answers `get_update_since(count)` with `{"value": ...,
"updateCount": n}`, as soon as there is an update that the asker does not know. One asks for the first, then
for what comes after it, and so on; who is slow misses what came and went meanwhile. An update without a count
is the last, and ends the walk: its value is what the notifier was left with.

A presence, and a promise for one, can be walked like that directly. Nothing is asked before it is wanted, so
a walk that is given up leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..passing.passable import brief
from .eventual import E

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Updates:
    """A walk through the updates of one notifier."""

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
    """The values of a notifier's updates, one after the other, from the one that it has now."""
    return Updates(notifier)
