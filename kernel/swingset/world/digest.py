"""The digest of a state: a function of what went into the world, and of nothing else.

It covers every state table in key order, and the format. Each value carries its type and length, so
no two different states spell the same text. History, labels, bulk and the version that made the
file are left out: the bulk that matters is named in the state by its own hash.

Left out is also what a host does with a world besides giving it something to do: where the heap images
stand, which depends on how often it commits and on which vats it has online; whether it holds the queue;
how far it is with a configuration; the words for why it could not go on with a vat, of which the code
counts; and the transcript of an attached vat, whose own state is written back with each commit. All of that
is state too, which going back takes back, but two hosts that gave their worlds the same need not have it in
common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import apsw

from swingset.model import reasons

from .errors import DamagedRow
from .schema import FORMAT, STATE_TABLES
from .vats import ATTACHED

LEFT_OUT = {"spans": ("start", "start_hash", "snapshot")}
"""Columns of state tables that no digest covers."""

HOSTS_COUNTERS = ("configuring", "default.snapshot_interval", "paused")
"""Counters that say where the host is, not the world."""

_BATCH = 4096

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
    """Sha256, in hex, of the state that this connection sees, committed or not."""
    hasher = hashlib.sha256(f"swingset world {FORMAT}\n".encode())
    for name, key in STATE_TABLES:
        pieces = [f"table {name}\n"]
        for row in _rows(db, name, key):
            for value in row:
                if value is None:
                    pieces.append("n")
                elif isinstance(value, str):
                    pieces.append(f"s{len(value)}:{value}")
                elif isinstance(value, int):
                    pieces.append(f"i{value};")
                else:
                    raise TypeError(f"the state table {name} holds a {type(value).__name__}")
            pieces.append("\n")
            if len(pieces) > _BATCH:
                hasher.update("".join(pieces).encode())
                pieces.clear()
        hasher.update("".join(pieces).encode())
    return hasher.hexdigest()


def _rows(db: apsw.Connection, table: str, key: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    try:
        yield from db.execute(_query(db, table, key))
    except UnicodeDecodeError:
        raise DamagedRow("the world", table, "?", "it holds text that is not UTF-8") from None


def _query(db: apsw.Connection, table: str, key: tuple[str, ...]) -> str:
    columns = [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]
    taken = [_TAKEN.get((table, name), name) for name in columns if name not in LEFT_OUT.get(table, ())]
    return f"SELECT {', '.join(taken)} FROM {table} {_ROWS.get(table, '')} ORDER BY {', '.join(key)}"
