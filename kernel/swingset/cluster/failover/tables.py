"""The tables of worlds with leases: one row for each lease, the commits, and the bulk that came with them.

All worlds of a schema share them, each under its name. `swingset_leases` has the lease and the place at which
the world stands. `swingset_leased_commits` has each commit as a file stores it, with the epoch under which it
was made. Each table of bulk has the columns that it has in a file, and the number of the first commit that
may need the row, so that a file can be brought up without a comparison of all that it has.

What is read here may come from anybody who can write to the database. Numbers, sizes and the shape of each
value are checked before they are used, and seals before a commit is taken (`meeting`). Names of tables and
columns are those of the project's own schema; all values are parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from swingset.cluster.failover.errors import LeaseError
from swingset.model.visible import one_line
from swingset.time.copies.mirror_tables import (
    POSTGRES_TYPES,
    Row,
    columns,
    from_postgres,
    key_of,
    to_postgres,
)
from swingset.world.feed import CONTENT, ContentRow, StoredCommit
from swingset.world.rows import MOST

if TYPE_CHECKING:
    from psycopg import Connection

LEASES = "swingset_leases"
COMMITS = "swingset_leased_commits"
CHANNEL = "swingset_leases"
"""The channel on which the name of a world is told whose lease was given back."""

_MAKING = 0x53574E42  # the lock under which tables are made: two at once would collide
_LARGEST = 1 << 29
_LONGEST_NAMES = 1 << 24
_AT_ONCE = 200

_LEASES = f"""CREATE TABLE IF NOT EXISTS {LEASES}(
  world TEXT PRIMARY KEY,
  format BIGINT NOT NULL, -- of worlds
  epoch BIGINT NOT NULL, -- how often it was taken
  holder TEXT, -- who has it, for people only; null: it was given back
  until TIMESTAMPTZ, -- by the clock of this server
  head BIGINT, -- the commit at which the world stands; null: there is none yet
  seal TEXT,
  last BIGINT, -- the highest number of a commit that was ever used
  names TEXT -- JSON: checkpoints, and what the host says of the file
)"""
_COMMITS = f"""CREATE TABLE IF NOT EXISTS {COMMITS}(
  world TEXT NOT NULL,
  seq BIGINT NOT NULL,
  epoch BIGINT NOT NULL, -- of the lease under which it was made
  parent BIGINT,
  crank BIGINT NOT NULL,
  record BIGINT NOT NULL,
  note TEXT NOT NULL,
  digest TEXT,
  seal TEXT NOT NULL,
  changeset BYTEA NOT NULL,
  records BYTEA NOT NULL,
  PRIMARY KEY(world, seq)
)"""
_COLUMNS = ", ".join(StoredCommit._fields)


class Stand(NamedTuple):
    """Where a world stands: its commit with its seal, the highest number used, and its names as JSON."""

    head: int
    seal: str
    last: int
    names: str


class LeaseRow(NamedTuple):
    """The row of a lease; `stand` is None if the database has no commit of the world yet."""

    format: int
    epoch: int
    holder: str | None
    seconds: float | None
    stand: Stand | None


def content_table(table: str) -> str:
    """The name of a table of bulk."""
    return f"swingset_leased_{table}"


def make(connection: Connection[Any]) -> None:
    """Make the tables that are not there."""
    found = connection.execute("SELECT to_regclass(%s)", (content_table(CONTENT[-1]),)).fetchone()
    if found is not None and found[0] is not None:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
        for statement in (_LEASES, _COMMITS, *map(_content, CONTENT), *map(_index, CONTENT)):
            connection.execute(statement.encode())


def _content(table: str) -> str:
    own = ", ".join(f'"{name}" {POSTGRES_TYPES.get(kind, kind)}' for name, kind in columns(table))
    key = key_of(table)[0]
    begin = f"CREATE TABLE IF NOT EXISTS {content_table(table)}(world TEXT NOT NULL, since BIGINT NOT NULL"
    return f'{begin}, {own}, PRIMARY KEY(world, "{key}"))'


def _index(table: str) -> str:
    name = content_table(table)
    return f"CREATE INDEX IF NOT EXISTS {name}_since ON {name}(world, since)"


# The lease

SELECT_LEASE = (
    "SELECT format, epoch, holder, extract(epoch FROM until - clock_timestamp())::float8, head, seal, last,"
    f" CASE WHEN octet_length(names) <= {_LONGEST_NAMES} THEN names END FROM {LEASES} WHERE world = %s"
)


def lease_row(world: str, row: Sequence[Any]) -> LeaseRow:
    """A row that `SELECT_LEASE` has found. Raises `LeaseError` for one that says what none can."""
    made_for, epoch, holder, seconds, head, seal, last, names = row
    stand = None if head is None else Stand(head, seal, last, names)
    whole = (made_for, epoch) if stand is None else (made_for, epoch, head, last)
    texts = () if stand is None else (seal, names)
    if not all(type(value) is int and 0 <= value <= MOST for value in whole) or not all(
        type(text) is str for text in texts
    ):
        raise altered(world, "its row says what no lease can")
    return LeaseRow(made_for, epoch, None if holder is None else str(holder), seconds, stand)


def altered(world: str, words: str) -> LeaseError:
    """The complaint about a database that has something else than was stored."""
    return LeaseError(
        f"the database of the lease {one_line(world, 60)!r} was altered: {words}. Nothing of it was used: go"
        " back to a backup of the database, or give the world of a sound file a lease under another name",
        code="database-altered",
    )


# Writing


def insert_commit(connection: Connection[Any], world: str, epoch: int, commit: StoredCommit) -> None:
    """Add a commit."""
    marks = ", ".join(["%s"] * (len(commit) + 2))
    sql = f"INSERT INTO {COMMITS}(world, epoch, {_COLUMNS}) VALUES({marks})"
    connection.execute(sql.encode(), (world, epoch, *map(to_postgres, commit)))


def insert_content(
    connection: Connection[Any], world: str, since: int, content: Iterable[ContentRow]
) -> None:
    """Add rows of bulk; one that is there stays as it is."""
    waiting: dict[str, list[Row]] = {}
    for table, row in content:
        some = waiting.setdefault(table, [])
        some.append((world, since, *map(to_postgres, row)))
        if len(some) >= _AT_ONCE:
            _insert(connection, table, waiting.pop(table))
    for table, rows in waiting.items():
        _insert(connection, table, rows)


def _insert(connection: Connection[Any], table: str, rows: list[Row]) -> None:
    marks = ", ".join(["%s"] * len(rows[0]))
    sql = f"INSERT INTO {content_table(table)} VALUES({marks}) ON CONFLICT DO NOTHING"
    connection.cursor().executemany(sql.encode(), rows)


def move(connection: Connection[Any], world: str, epoch: int, seconds: float, stand: Stand) -> None:
    """Say where a world stands, and lengthen its lease."""
    connection.execute(
        f"UPDATE {LEASES} SET head = %s, seal = %s, last = %s, names = %s,"
        " until = clock_timestamp() + make_interval(secs => %s) WHERE world = %s AND epoch = %s".encode(),
        (*stand, seconds, world, epoch),
    )


# Reading


def seal_of(connection: Connection[Any], world: str, seq: int) -> str | None:
    """The seal of a commit, or None if there is no such commit."""
    sql = f"SELECT seal FROM {COMMITS} WHERE world = %s AND seq = %s"
    row = connection.execute(sql.encode(), (world, seq)).fetchone()
    return None if row is None else str(row[0])


def commits(connection: Connection[Any], world: str, after: int) -> Iterator[StoredCommit]:
    """The commits with a number above `after`, in order. Raises `LeaseError` for what is no commit."""
    where = f"FROM {COMMITS} WHERE world = %s AND seq > %s"
    _refuse_large(connection, COMMITS, ("note", "changeset", "records"), "seq", world, after)
    for row in _fetched(connection, f"SELECT {_COLUMNS} {where} ORDER BY seq", world, after):
        found = StoredCommit(*map(from_postgres, row))
        numbers = (found.seq, found.crank, found.record, found.parent or 0)
        if not all(type(number) is int and 0 <= number <= MOST for number in numbers):
            raise altered(world, "a commit has numbers that none can have")
        texts = (found.note, found.seal, found.digest or "")
        if not all(type(text) is str for text in texts) or not all(
            type(packed) is bytes for packed in (found.changeset, found.records)
        ):
            raise altered(world, f"commit {found.seq} has values of other types than a commit has")
        yield found


def content(connection: Connection[Any], world: str, after: int) -> Iterator[ContentRow]:
    """The rows of bulk that commits with a number above `after` may need."""
    for table in CONTENT:
        names = [name for name, _ in columns(table)]
        large = tuple(name for name, kind in columns(table) if kind != "INTEGER")
        _refuse_large(connection, content_table(table), large, "since", world, after)
        listed = ", ".join(f'"{name}"' for name in names)
        sql = f"SELECT {listed} FROM {content_table(table)} WHERE world = %s AND since > %s ORDER BY since"
        for row in _fetched(connection, sql, world, after):
            yield ContentRow(table, tuple(map(from_postgres, row)))


def _refuse_large(
    connection: Connection[Any], table: str, names: Iterable[str], number: str, world: str, after: int
) -> None:
    """Raise `LeaseError` for a value that is larger than a world can have, before it is fetched."""
    largest = ", ".join(f'max(octet_length("{name}"))' for name in names)
    sql = f"SELECT {largest} FROM {table} WHERE world = %s AND {number} > %s"
    row = connection.execute(sql.encode(), (world, after)).fetchone()
    if max((size or 0 for size in row or ()), default=0) > _LARGEST:
        raise altered(world, f"a value in {table} is larger than a world can have")


def _fetched(connection: Connection[Any], sql: str, world: str, after: int) -> Iterator[Row]:
    """Rows a few at a time, so that a long journal does not fill the memory; needs a transaction."""
    with connection.cursor(name="swingset") as cursor:
        cursor.itersize = _AT_ONCE // 4
        cursor.execute(sql.encode(), (world, after))
        for row in cursor:
            yield tuple(row)


def replace_all(
    connection: Connection[Any],
    world: str,
    epoch: int,
    made: Iterable[StoredCommit],
    keys: dict[str, set[Any]],
) -> None:
    """Have these commits only, and of the bulk only the rows with these keys.

    A commit that was there keeps the epoch under which it was made.
    """
    sql = f"SELECT seq, epoch FROM {COMMITS} WHERE world = %s"
    epochs = dict(connection.execute(sql.encode(), (world,)).fetchall())
    connection.execute(f"DELETE FROM {COMMITS} WHERE world = %s".encode(), (world,))
    for commit in made:
        insert_commit(connection, world, epochs.get(commit.seq, epoch), commit)
    for table, wanted in keys.items():
        name, key = content_table(table), key_of(table)[0]
        found = connection.execute(f'SELECT "{key}" FROM {name} WHERE world = %s'.encode(), (world,))
        gone = [value for (value,) in found.fetchall() if from_postgres(value) not in wanted]
        if gone:
            sql = f'DELETE FROM {name} WHERE world = %s AND "{key}" = ANY(%s)'
            connection.execute(sql.encode(), (world, gone))
