"""The rows of `meta` that the seal of the names covers, besides the log: what a host says of the file.

They say where transcripts begin (`beginnings`), where the past was cut off (`cuts`), and how much of it is
kept and was dropped (`retention`). They are in no state and in no digest.
"""

from __future__ import annotations

import apsw

SEALED = ("begins", "cut", "prunes", "retention")
"""The keys of these rows, in the order in which they are sealed."""


def sealed_rows(db: apsw.Connection) -> list[tuple[str, str]]:
    """The rows that there are, in that order."""
    marks = ", ".join("?" * len(SEALED))
    found = db.execute(f"SELECT key, value FROM meta WHERE key IN ({marks}) ORDER BY key", SEALED)
    return [(str(key), str(value)) for key, value in found]


def stored(db: apsw.Connection, key: str) -> str | None:
    """One of these rows as it is stored, or None."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def keep(db: apsw.Connection, key: str, text: str) -> None:
    """Store one of these rows in the caller's transaction; the caller then renews the seal of the names."""
    db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)", (key, text))
