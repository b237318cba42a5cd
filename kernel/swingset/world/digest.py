"""The digest of a state: equal for equal worlds, whatever way they came about.

It covers every state table in key order, and the format. Each value carries its type and length, so
no two different states spell the same text. History, labels, bulk and the version that made the
file are left out: the bulk that matters is named in the state by its own hash.
"""

from __future__ import annotations

import hashlib

import apsw

from .schema import FORMAT, STATE_TABLES

_QUERIES = tuple((name, f"SELECT * FROM {name} ORDER BY {', '.join(key)}") for name, key in STATE_TABLES)
_BATCH = 4096


def state_digest(db: apsw.Connection) -> str:
    """Sha256, in hex, of the state that this connection sees, committed or not."""
    hasher = hashlib.sha256(f"swingset world {FORMAT}\n".encode())
    for name, query in _QUERIES:
        pieces = [f"table {name}\n"]
        for row in db.execute(query):
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
