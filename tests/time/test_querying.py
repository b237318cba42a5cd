"""Questions in SQL: what they may read, what they may not, and how they end."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from swingset.lens.exports.history_tables import COLUMNS
from swingset.lens.exports.querying import TABLES
from swingset.world.rows import RULES
from tests.host.test_said import ALL, SOURCE, check
from tests.lens.test_cause import BANK


@pytest.fixture(scope="module")
def world() -> Iterator[swingset.Controller]:
    """A bank with a purse, and one deposit that was rejected."""
    with swingset.open_world(worker="local") as made:
        session = swingset.Session(made)
        bank = session.define("bank", BANK)
        purse = session.wait(E(bank).open_purse("alice"))
        session.wait(E(purse).deposit(10))
        with pytest.raises(ValueError, match="cannot"):
            session.wait(E(purse).deposit(-1))
        yield made


ASKED: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("SELECT name, state FROM vats ORDER BY id", [("notebook", "live"), ("bank", "live")]),
    ("select summary from records where method = 'deposit' and outcome = 'delivered'",
     [("deposit(10) to Purse ko21 of bank",), ("deposit(-1) to Purse ko21 of bank",)]),
    ("SELECT text FROM console", [("got 10\n",)]),
    ("SELECT r.method FROM records r JOIN records s ON s.number = r.sender WHERE s.kind = 'syscall'"
     " AND r.kind = 'send'", [("open_purse",), ("deposit",), ("deposit",)]),
    ("SELECT count(*) > 5 FROM changes WHERE table_name = 'promises'", [(1,)]),
    ("SELECT json_extract(value, '$.balance.body') FROM vatstore WHERE key = 'vom.o+d10/1'", [("#10",)]),
    ("WITH RECURSIVE c(x) AS (VALUES(1) UNION SELECT x+1 FROM c WHERE x<4) SELECT sum(x) FROM c", [(10,)]),
    ("SELECT value FROM json_each('[1, 2]')", [(1,), (2,)]),
    ("SELECT upper('a') || char(66), row_number() OVER () FROM vats LIMIT 1;", [("AB", 1)]),
    ("SELECT * FROM meters", []),
    ("VALUES (1, NULL)", [(1, None)]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "rows"), ASKED, ids=[case[0][:40] for case in ASKED])
def test_a_select_is_answered(world: swingset.Controller, question: str, rows: list[tuple[Any, ...]]) -> None:
    """Tables of the state and of the history are read together, with the functions that only compute."""
    assert list(swingset.sql(world, question).rows) == rows


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_is_there_with_all_its_rows(world: swingset.Controller, table: str) -> None:
    """Each table of the state has the rows of the world, and each of the history has its columns."""
    answer = swingset.sql(world, f"SELECT * FROM {table}", most=10_000)
    if table in COLUMNS:
        assert answer.columns == tuple(COLUMNS[table])
    else:
        columns = ", ".join(RULES[table])
        assert sorted(answer.rows, key=repr) == sorted(
            world.world.rows(f"SELECT {columns} from {table}"), key=repr
        )
    assert not answer.more


REFUSED = [
    *("PRAGMA user_version", "PRAGMA table_info(vats)", "SELECT * FROM pragma_table_info('vats')"),
    *("ATTACH 'x.db' AS x", "DETACH main", "VACUUM", "VACUUM INTO 'x.db'", "REINDEX", "ANALYZE"),
    *("DELETE FROM vats", "UPDATE vats SET name = 'x'", "INSERT INTO pins VALUES('ko1')", "DROP TABLE vats"),
    *(
        "CREATE TABLE x(y)",
        "CREATE TEMP TABLE x(y)",
        "CREATE VIEW x AS SELECT 1",
        "CREATE INDEX i ON vats(name)",
    ),
    *("CREATE VIRTUAL TABLE x USING fts5(y)", "BEGIN", "COMMIT", "SAVEPOINT x", "RELEASE x", "ROLLBACK"),
    *("EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN SELECT 1", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE vats"),
    *("SELECT load_extension('x')", "SELECT readfile('/etc/passwd')", "SELECT writefile('x', 'y')"),
    *("SELECT randomblob(9)", "SELECT zeroblob(900000000)", "SELECT edit('x')", "SELECT fts3_tokenizer('x')"),
    *(
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_stmt",
        "SELECT * FROM sqlite_dbpage",
        "SELECT sqlite_version()",
        "SELECT datetime()",
        "SELECT random()",
    ),
    *("SELECT * FROM commits", "SELECT * FROM meta", "SELECT * FROM transcript", "SELECT nonesuch FROM vats"),
    *(
        "",
        ";",
        "-- nothing",
        "selec",
        "SELECT",
        "SELECT ?",
        "SELECT :name",
        "\x00",
        "SELECT '\ud800'",
        "\x1b[2J",
    ),
]


@pytest.mark.parametrize("question", REFUSED)
def test_anything_else_is_refused(
    world: swingset.Controller, question: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no single SELECT over these tables is an error; no file is made, and nothing changes."""
    monkeypatch.chdir(tmp_path)
    before = world.digest()
    with pytest.raises(swingset.BadQuery) as caught:
        swingset.sql(world, question)
    check(str(caught.value))
    assert world.digest() == before
    assert not list(tmp_path.iterdir())


HEAVY = {
    "a search that SQLite would do letter by letter":
        "SELECT instr(printf('%.16000000c', 'a'), printf('%.8000000c', 'a') || 'b')",
    "a replacement":
        "SELECT length(replace(printf('%.16000000c', 'a'), printf('%.8000000c', 'a') || 'b', ''))",
}  # fmt: skip


@pytest.mark.parametrize("question", HEAVY.values(), ids=HEAVY)
def test_functions_of_long_texts_end(world: swingset.Controller, question: str) -> None:
    """They take a time that grows with the text, and their answer is SQLite's."""
    assert swingset.sql(world, question).rows in (((0,),), ((16_000_000,),))


@pytest.mark.parametrize(
    "words",
    ["instr('abcabc', 'ca')", "instr('a', NULL)", "instr('äbä', 'ä')", "replace('aXbX', 'X', 'yy')",
     "replace('a', '', 'b')", "replace(12321, 2, 0)", "instr(x'0102', x'02')", "replace(NULL, 'a', 'b')"],
)  # fmt: skip
def test_functions_of_texts_are_sqlites(world: swingset.Controller, words: str) -> None:
    """`instr` and `replace` answer what SQLite's own do."""
    with sqlite3.connect(":memory:") as plain:
        assert swingset.sql(world, f"SELECT {words}").rows == tuple(plain.execute(f"SELECT {words}"))


def test_an_answer_has_at_most_so_many_characters(world: swingset.Controller) -> None:
    """Rows that are too large together are refused before they are all there."""
    rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 900)"
    with pytest.raises(swingset.BadQuery, match="the answer has more than"):
        swingset.sql(world, f"{rows} SELECT printf('%.16000000d', 1) FROM c")


def test_a_question_without_an_end_is_stopped(world: swingset.Controller) -> None:
    """The clock stops it, and the next question is answered."""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    with pytest.raises(swingset.BadQuery, match=r"took more than 0\.1 seconds"):
        swingset.sql(world, endless, seconds=0.1)
    assert swingset.sql(world, "SELECT 1").rows == ((1,),)


@pytest.mark.parametrize(
    "value",
    ["printf('%.*c', 900000000, 'x')", "replace(printf('%.*c', 9999999, 'x'), 'x', 'xx')"],
)
def test_a_value_has_a_limit(world: swingset.Controller, value: str) -> None:
    """A value that no answer can have is an error, not memory."""
    with pytest.raises(swingset.BadQuery, match="too big"):
        swingset.sql(world, f"SELECT {value}")


def test_an_answer_has_at_most_as_many_rows_as_asked_for(world: swingset.Controller) -> None:
    """It says that there are more; exactly as many are not more."""
    question = "SELECT number FROM records ORDER BY 1"
    count = len(list(world.history.records()))
    some = swingset.sql(world, question, most=2)
    assert (some.rows, some.more) == (((1,), (2,)), True)
    assert some.lines()[-1] == "and more"
    assert not swingset.sql(world, question, most=count).more


def test_uncommitted_state_is_asked_as_it_is() -> None:
    """A question sees what the world is now, and commits nothing."""
    with swingset.open_world(worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        head = world.history.head
        world.queue_to_root("bank", "open_purse", ["alice"])
        assert swingset.sql(world, "SELECT count(*) FROM queue").rows == ((1,),)
        assert world.history.head == head


def test_the_file_of_a_stranger_is_asked_with_care(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Odd text comes as it is to a program, drawn to a reader; a damaged row is an error with its table."""
    path = tmp_path / "odd.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("root", (("root", SOURCE.format(nasty=ALL)),))
        world.queue_to_root("root", "fail")
        world.queue_to_root("root", "say")
        world.run()
        world.vats.suspend("root", ALL)
        assert swingset.sql(world, "SELECT reason FROM vats").rows == ((ALL,),)
        for table in ("vats", "promises", "records", "console", "changes"):
            check(str(swingset.sql(world, f"SELECT * FROM {table}")))
    for flags in ([], ["--json"]):
        main(["sql", str(path), 'SELECT reason "\x1b[2J" FROM vats', *flags])
    check(capfd.readouterr().out)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE objects SET reachable = -1")
    db.close()
    with (
        swingset.open_world(path, look_only=True) as world,
        pytest.raises(swingset.WorldError, match="reachable is no number"),
    ):
        swingset.sql(world, "SELECT * FROM objects")


def test_the_command_prints_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset sql` prints a table, or JSON; a refusal is an error."""
    path = str(tmp_path / "my.world")
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
    assert main(["sql", path, "SELECT id, name FROM vats"]) == 0
    assert capsys.readouterr().out == "id  name\nv1  bank\n"
    assert main(["sql", path, "SELECT id FROM vats", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"columns": ["id"], "rows": [["v1"]], "more": False}
    assert main(["sql", path, "DELETE FROM vats"]) == 1
    assert "only SELECT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("select foo from vats", "no such column: foo; vats has id, name, "),
        ("select foo", "no such column: foo; the tables are "),
        ("select foo from vats, objects", "; objects has "),
        ("select 1 from vatz", "no such table: vatz; there are "),
        ("drop table objects", "the question asks for a change"),
    ],
)
def test_what_there_is_not_comes_with_what_there_is(
    world: swingset.Controller, question: str, words: str
) -> None:
    """A wrong column or table is told with the right ones."""
    with pytest.raises(swingset.BadQuery) as caught:
        swingset.sql(world, question)
    assert words in str(caught.value)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_is_a_frame(world: swingset.Controller, table: str) -> None:
    """A data frame has the columns and the rows of the answer to a SELECT."""
    frame = swingset.dataframe(world, table)
    answer = swingset.sql(world, f"SELECT * FROM {table}", most=10_000)
    assert tuple(frame.columns) == answer.columns
    assert len(frame) == len(answer.rows)


def test_a_frame_can_be_computed_with(world: swingset.Controller) -> None:
    """Numbers are numbers, and what is missing is NA."""
    frame = swingset.dataframe(world, "records")
    assert frame["number"].sum() == sum(range(1, len(frame) + 1))
    assert list(frame[frame["method"] == "deposit"]["vat"]) == ["bank", "bank"]
    assert frame["sender"].isna().sum() == sum(frame["outcome"].isna())


def test_a_frame_of_no_table_is_refused(world: swingset.Controller) -> None:
    """The error lists the tables."""
    with pytest.raises(swingset.KernelError, match="no table 'commits'; there are: activity"):
        swingset.dataframe(world, "commits")


def test_without_pandas_it_is_said_what_to_install(
    world: swingset.Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named; everything else works."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(swingset.KernelError, match=r"pip install 'swingset-nb\[pandas\]'"):
        swingset.dataframe(world, "vats")
    assert swingset.sql(world, "SELECT count(*) FROM vats").rows == ((2,),)
