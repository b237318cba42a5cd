"""Options of the whole kernel: what holds for every vat that does not say otherwise.

They are part of the world, so another process that opens the file goes on with them. A host says them as they
are kept (`reap_interval`), or as the reference implementation spells them (`defaultReapInterval`). How many
vats stay online is none of them: it is a matter of the host's memory, and nothing that happens depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from swingset.core.errors import KernelError
from swingset.world.counters import Counters

DEFAULTS: dict[str, int | None] = {
    "reap_interval": 200,
    "reap_gc_krefs": 20,
    "reap_computrons": None,
    "snapshot_interval": 500,
}
"""When a vat brings out its dead: after so many deliveries, references told of, or computrons. And after how
many deliveries its heap image is saved, at the latest. None is never."""

SPELLINGS = {
    "defaultReapInterval": "reap_interval",
    "defaultReapGCKrefs": "reap_gc_krefs",
    "defaultReapComputrons": "reap_computrons",
    "snapshotInterval": "snapshot_interval",
}

_MOST = 1 << 62
_NEVER = 0  # as a counter


class KernelOptions:
    """The options of one world's kernel."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def get(self, name: str) -> int | None:
        """What holds for a vat that does not say otherwise; None is never."""
        default = DEFAULTS[name]
        value = self._counters.get(f"default.{name}", _NEVER if default is None else default)
        return None if value == _NEVER else value

    def all(self) -> dict[str, int | None]:
        """All of them by name."""
        return {name: self.get(name) for name in DEFAULTS}

    def change(self, changes: Mapping[str, object]) -> None:
        """Change some. Raises `KernelError` for a bad one, and then changes none."""
        for name, value in checked(changes).items():
            self._counters.set(f"default.{name}", _NEVER if value is None else value)


def checked(given: object) -> dict[str, int | None]:
    """Options that a host gives, as they are kept. Raises `KernelError` for a bad one."""
    if not isinstance(given, Mapping):
        raise KernelError(f"options of the kernel want a dict, got {type(given).__name__}")
    found: dict[str, int | None] = {}
    for said, value in given.items():
        name = SPELLINGS.get(said, said)
        if name not in DEFAULTS:
            words = json.dumps(said) if isinstance(said, str) else type(said).__name__
            raise KernelError(f"unknown option {words[:100]}; there are: {', '.join(DEFAULTS)}")
        if value == "never":
            value = None
        if value is not None and (type(value) is not int or not 0 < value < _MOST):
            shown = f"{type(value).__name__} {value!r}"[:80]
            raise KernelError(f'invalid {said} value: wants an int from 1, None or "never", got {shown}')
        if name in found:
            raise KernelError(f"option {name} is given twice")
        found[name] = value
    return found
