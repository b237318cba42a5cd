"""The tables of a world, and how a connection to them is set up.

*State* tables hold the world at one moment. SQLite's session extension watches them, so that each
commit can store the rows that it changed, and be undone. The extension needs a primary key in each table,
and knows a row by nothing else. Most tables are WITHOUT ROWID, except those with values of vats: WITHOUT
ROWID, SQLite stores values between the keys, and reads each large value that it passes while it searches for
a key. So one vat could slow down all others.

*Bulk* tables hold rows that never change and are addressed by their content. So going back leaves them as
they are, and branches of history share them. *Meta* tables hold the history, with the records of requests
and cranks, and are not part of the state's digest. Of the state, a digest covers only what is a function of
the world's inputs (`digest`).

All tables are STRICT, so a hostile file cannot have a blob where the kernel reads text. The stored schema
must equal this one exactly. So a file has no triggers, no views and no generated columns, and SQLite never
runs code from a world file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import apsw

from .seals import Sealed, commit_seal, names_seal

APPLICATION_ID = 0x53574E42  # "SWNB"
FORMAT = 3
PAGE_SIZE = 4096

# In the order of the digest.
_STATE = (
    """CREATE TABLE counters(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE activity(
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL -- running hash of all cranks
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE vats(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  worker TEXT NOT NULL,
  state TEXT NOT NULL, -- live | suspended | terminated
  reason TEXT,
  incarnation INTEGER NOT NULL,
  bundle TEXT,
  library TEXT, -- the guest library that this incarnation runs on; null where that is the host's own
  parameters TEXT NOT NULL,
  options TEXT NOT NULL,
  created INTEGER NOT NULL -- crank
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX vats_name ON vats(name)",
    "CREATE INDEX vats_suspended ON vats(id) WHERE state = 'suspended'",
    """CREATE TABLE spans(
  vat TEXT PRIMARY KEY,
  incarnation INTEGER,
  incarnation_start INTEGER NOT NULL, -- the transcript position of this incarnation's startVat
  incarnation_hash TEXT, -- running hash before it
  start INTEGER NOT NULL, -- first transcript position since the snapshot
  position INTEGER NOT NULL, -- the next transcript position
  start_hash TEXT,
  hash TEXT, -- running hash of the transcript
  snapshot TEXT, -- null: replay begins at this incarnation's startVat
  computrons INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE objects(
  kref TEXT PRIMARY KEY,
  owner TEXT,
  reachable INTEGER NOT NULL,
  recognizable INTEGER NOT NULL,
  fate TEXT, -- why it has no owner any more
  iface TEXT -- what its owner called it, for people only
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE promises(
  kref TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  decider TEXT,
  refcount INTEGER NOT NULL,
  policy TEXT,
  body TEXT,
  slots TEXT
) STRICT""",
    "CREATE INDEX promises_decider ON promises(decider)",
    "CREATE INDEX promises_policy ON promises(policy) WHERE policy IS NOT NULL",
    """CREATE TABLE subscribers(
  promise TEXT,
  vat TEXT,
  PRIMARY KEY(promise, vat)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE promise_queue(
  promise TEXT NOT NULL,
  seq INTEGER NOT NULL,
  item TEXT NOT NULL,
  sender INTEGER, -- as in queue
  PRIMARY KEY(promise, seq)
) STRICT""",
    """CREATE TABLE kept(
  promise TEXT PRIMARY KEY -- its decider wants to hand it to its next incarnation
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE queue(
  seq INTEGER PRIMARY KEY,
  item TEXT NOT NULL,
  sender INTEGER -- the number of the record in which it was sent
) STRICT""",
    """CREATE TABLE parked(
  vat TEXT NOT NULL,
  seq INTEGER NOT NULL,
  item TEXT NOT NULL,
  sender INTEGER, -- as in queue
  PRIMARY KEY(vat, seq)
) STRICT""",
    """CREATE TABLE clists(
  vat TEXT,
  kref TEXT,
  vref TEXT NOT NULL,
  reachable INTEGER NOT NULL,
  PRIMARY KEY(vat, kref)
) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX clists_vref ON clists(vat, vref)",
    "CREATE INDEX clists_kref ON clists(kref)",
    """CREATE TABLE vatstore(
  vat TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(vat, key)
) STRICT""",
    """CREATE TABLE holdings(
  vat TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL -- of its store, and a share for each reference it has given out
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sources(
  vat TEXT, -- the vat's name
  part TEXT,
  seq INTEGER NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY(vat, part)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE gc_actions(
  vat TEXT, -- who is to be told
  kind TEXT, -- dropExport | retireExport | retireImport
  kref TEXT,
  PRIMARY KEY(vat, kind, kref)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE reap(
  vat TEXT PRIMARY KEY,
  deliveries INTEGER NOT NULL, -- dirt since the last bringOutYourDead
  krefs INTEGER NOT NULL,
  computrons INTEGER NOT NULL,
  due INTEGER -- its place in the order of vats to be reaped, null while it is not
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX reap_due ON reap(due) WHERE due IS NOT NULL",
    """CREATE TABLE pins(
  kref TEXT PRIMARY KEY -- held by the host
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE dead(
  vat TEXT PRIMARY KEY -- terminated, with state still to be deleted
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE meters(
  id TEXT PRIMARY KEY,
  remaining INTEGER, -- computrons; null: unlimited
  threshold INTEGER NOT NULL,
  keeper TEXT -- the object that is told
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE devices(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  options TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE device_state(
  device TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(device, key)
) STRICT""",
    """CREATE TABLE panics(
  cause TEXT PRIMARY KEY, -- the vat or the promise that stopped the world
  words TEXT NOT NULL -- of a vat: how it ended, its last words among them
) STRICT, WITHOUT ROWID""",
)

SCHEMA = (
    *_STATE,
    # ---- bulk: append-only, addressed by content
    """CREATE TABLE transcript(
  hash TEXT PRIMARY KEY, -- sha256 of prev and all that follows
  prev TEXT,
  vat TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  position INTEGER NOT NULL,
  crank INTEGER NOT NULL,
  entry TEXT NOT NULL -- JSON
) STRICT""",
    """CREATE TABLE heap_pages(
  digest BLOB PRIMARY KEY, -- sha256 of the plain page
  data BLOB NOT NULL -- zstd
) STRICT""",
    """CREATE TABLE snapshots(
  id TEXT PRIMARY KEY,
  vat TEXT NOT NULL,
  base TEXT NOT NULL, -- the engine image that the pages differ from
  size INTEGER NOT NULL, -- bytes of linear memory
  pages BLOB NOT NULL, -- zstd: page number (4 bytes) and digest (32 bytes), for each page
  new_pages INTEGER NOT NULL, -- how many of them no earlier snapshot had
  new_bytes INTEGER NOT NULL -- and what those take in this file
) STRICT""",
    """CREATE TABLE bundles(
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL -- JSON: [[part, source], ...]
) STRICT""",
    """CREATE TABLE libraries(
  id TEXT PRIMARY KEY, -- sha256 of the plain content
  content BLOB NOT NULL -- zstd: the text of a guest library
) STRICT""",
    # ---- meta
    """CREATE TABLE meta(
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE commits(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, not even after a prune
  parent INTEGER,
  crank INTEGER NOT NULL,
  record INTEGER NOT NULL, -- the number of the last record as of this commit
  note TEXT NOT NULL,
  digest TEXT, -- of the state as of this commit, where it was asked for
  seal TEXT NOT NULL, -- sha256 of the parent's seal and of all that is said here but the digest
  changeset BLOB NOT NULL, -- zstd
  records BLOB NOT NULL -- zstd: what was asked for since its parent, and each crank, in JSON lines
) STRICT""",
    """CREATE TABLE labels(
  name TEXT PRIMARY KEY,
  commit_seq INTEGER NOT NULL,
  note TEXT NOT NULL,
  seal TEXT NOT NULL -- sha256 of the commit's seal and of all that is said here
) STRICT, WITHOUT ROWID""",
)

_TABLE = re.compile(r"CREATE TABLE (\w+)")
_KEY = re.compile(r"^  (\w+) [^,\n]*PRIMARY KEY|^  PRIMARY KEY\(([^)]*)\)", re.MULTILINE)


def _keys() -> Iterator[tuple[str, tuple[str, ...]]]:
    for statement in _STATE:
        if (table := _TABLE.match(statement)) and (key := _KEY.search(statement)):
            yield table[1], tuple((key[1] or key[2]).split(", "))


STATE_TABLES = tuple(_keys())
"""The name of each state table with the columns of its key, in the order of the digest."""

STATE_NAMES = frozenset(name for name, _ in STATE_TABLES)


def create(db: apsw.Connection, software: str, empty_changeset: bytes) -> None:
    """Create the tables of an empty world in an empty database, with commit 0, which has no changes."""
    db.execute(f"PRAGMA page_size={PAGE_SIZE}")
    db.execute("BEGIN")
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={FORMAT}")
    for statement in SCHEMA:
        db.execute(statement)
    db.executemany(
        "INSERT INTO meta(key, value) VALUES(?, ?)",
        [("format", str(FORMAT)), ("software", software), ("head", "0"), ("names", names_seal(None, ()))],
    )
    seal = commit_seal(None, Sealed(0, None, 0, 0, "", empty_changeset, empty_changeset))
    first = (seal, empty_changeset, empty_changeset)
    db.execute("INSERT INTO commits VALUES(0, NULL, 0, 0, '', NULL, ?, ?, ?)", first)
    db.execute("COMMIT")


def table_names() -> list[str]:
    """The names of all tables."""
    return [statement.partition("(")[0].split()[-1] for statement in SCHEMA if "CREATE TABLE" in statement]


def stored(db: apsw.Connection) -> list[tuple[object, ...]]:
    """The contents of the database's own schema table, in a fixed order."""
    return list(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"))


@cache
def expected() -> list[tuple[object, ...]]:
    """What `stored` returns for a world of this format."""
    db = apsw.Connection(":memory:")
    try:
        create(db, "", b"")
        return stored(db)
    finally:
        db.close()


def harden(db: apsw.Connection) -> None:
    """Set up a connection so that the file is only data: no extensions, no functions in the schema."""
    db.enable_load_extension(False)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, 0)
    db.execute("PRAGMA cell_size_check=ON")
    db.execute("PRAGMA mmap_size=0")
