"""What a commit costs in each way of keeping it whole: `python benchmarks/commits.py [FOLDER]`.

A world is to be one file at rest, so the log must not hold work for longer than it has to. This compares a
write-ahead log that is left alone, one that is folded into the file after every commit, and rollback
journals, each durable when its commit returns. A commit here is about what a cell makes: a few rows and a
page or two. The folder has to be on the disk that is meant; a file system in memory answers another
question.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time

import apsw

COMMITS = 200
WAYS = {
    "log, left alone": ("wal", "FULL", False),
    "log, folded in after each": ("wal", "FULL", True),
    "journal deleted": ("delete", "FULL", False),
    "journal deleted, EXTRA": ("delete", "EXTRA", False),
    "journal cut to nothing": ("truncate", "FULL", False),
    "journal kept": ("persist", "FULL", False),
}


def measure(path: str, journal: str, synchronous: str, fold: bool) -> list[float]:
    """Milliseconds of each commit."""
    db = apsw.Connection(path)
    db.pragma("journal_mode", journal)
    db.execute(f"PRAGMA synchronous={synchronous}")
    db.execute("CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE pages(digest BLOB PRIMARY KEY, data BLOB) STRICT")
    took = []
    for number in range(COMMITS):
        start = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        for lane in range(12):
            key = f"key{(number * 7 + lane * 31) % 997}"
            db.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (key, f"{number} " * 20))
        for _ in range(4):
            db.execute("INSERT INTO pages VALUES(?, ?)", (os.urandom(32), os.urandom(900)))
        db.execute("COMMIT")
        if fold:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        took.append((time.perf_counter() - start) * 1000)
    db.close()
    return took


def main() -> None:
    """Print a line for each way."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    print(f"milliseconds a commit, of {COMMITS}; load {os.getloadavg()[0]:.1f}")
    for name, (journal, synchronous, fold) in WAYS.items():
        with tempfile.TemporaryDirectory(dir=where) as folder:
            took = sorted(measure(os.path.join(folder, "it.db"), journal, synchronous, fold))
        worst = took[-len(took) // 10]
        print(f"{name:28} median {statistics.median(took):6.2f}   worst tenth from {worst:6.2f}")


if __name__ == "__main__":
    main()
