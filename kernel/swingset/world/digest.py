"""The digest of a state, which depends only on the inputs of the world.

It covers every state table in key order. Each value has its type and length, so no two different states have
the same text. History, labels, bulk and the version that made the file are left out; the state names the bulk
that matters by its hash.

It also leaves out what a host decides by itself: where heap images were saved, which depends on commits and
on which vats are online; whether the queue is paused; the progress of a build; the text of the reason why a
vat could not be run here, except its code; the transcript of an attached vat, whose own state is written back
with each commit; and the numbers of the records in which events were sent, for a host's requests are numbered
too. All of that is state and is restored by going back, but it may differ between two hosts with the same
inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import apsw

from swingset.model import reasons

from .errors import DamagedRow
from .rows import RULES
from .schema import STATE_TABLES
from .vats import ATTACHED

LEFT_OUT = {
    "spans": ("start", "start_hash", "snapshot"),
    "promise_queue": ("sender",),
    "queue": ("sender",),
    "parked": ("sender",),
}
"""Columns of state tables that the digest does not cover."""

HOSTS_COUNTERS = ("configuring", "default.snapshot_interval", "paused")
"""Counters that belong to the host, not to the world."""

_BATCH = 4096
_MOST_BATCH = 1 << 20  # characters

_COVERS = 2
"""Counts what digests have covered: they are compared with those of other versions."""

_HOSTS_REASONS = ", ".join(repr(code) for code in sorted(reasons.HOSTS))
_CODE = "substr(reason, 1, instr(reason, ': ') - 1)"
_UNLESS_ATTACHED = (
    f"CASE WHEN (SELECT worker FROM vats WHERE id = spans.vat) = {ATTACHED!r} THEN NULL ELSE {{}} END"
)
_TAKEN = {
    ("vats", "reason"): f"CASE WHEN state = 'suspended' AND {_CODE} IN ({_HOSTS_REASONS}) THEN {_CODE} "
    "ELSE reason END",
    ("spans", "incarnation_hash"): _UNLESS_ATTACHED.format("incarnation_hash"),
    ("spans", "hash"): _UNLESS_ATTACHED.format("hash"),
}
_ROWS = {"counters": f"WHERE name NOT IN ({', '.join(repr(name) for name in HOSTS_COUNTERS)})"}


def state_digest(db: apsw.Connection) -> str:
    """The SHA-256, in hex, of the state that this connection sees, committed or not."""
    hasher = hashlib.sha256(f"swingset world {_COVERS}\n".encode())
    for name, key in STATE_TABLES:
        pieces, size = [f"table {name}\n"], 0
        for row in _rows(db, name, key):
            for value in row:
                if value is None:
                    pieces.append("n")
                elif isinstance(value, str):
                    pieces.append(f"s{len(value)}:{value}")
                    size += len(value)
                elif isinstance(value, int):
                    pieces.append(f"i{value};")
                else:
                    raise TypeError(f"the state table {name} holds a {type(value).__name__}")
            pieces.append("\n")
            if len(pieces) > _BATCH or size > _MOST_BATCH:
                hasher.update("".join(pieces).encode())
                pieces.clear()
                size = 0
        hasher.update("".join(pieces).encode())
    return hasher.hexdigest()


def _rows(db: apsw.Connection, table: str, key: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    try:
        yield from db.execute(_query(table, key))
    except UnicodeDecodeError:
        raise DamagedRow("the world", table, "?", "it holds text that is not UTF-8") from None


@cache
def _query(table: str, key: tuple[str, ...]) -> str:
    taken = [_TAKEN.get((table, name), name) for name in RULES[table] if name not in LEFT_OUT.get(table, ())]
    return f"SELECT {', '.join(taken)} FROM {table} {_ROWS.get(table, '')} ORDER BY {', '.join(key)}"
