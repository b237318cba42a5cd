"""The page on the world file is true, and enough to read worlds with.

`world_reader` was written from the page alone. Here it reads what this version writes, and finds what was
altered.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from swingset import export_archive, open_world
from swingset.world import schema
from swingset.world.migration import migrate
from tests.docs import world_reader
from tests.docs.world_reader import Altered, World, read_archive
from tests.vat_sources import PURSE

PAGE = Path(__file__).parents[2] / "docs" / "design" / "file.md"

BANK = f"""
from swingset.vat import durable, provide, remotable
{PURSE}
@remotable
class Bank:
    def __init__(self, baggage):
        self.purse = provide(baggage, "purse", lambda: Purse(owner="!alice"))

    def main(self):
        return self.purse

    def deposit(self, amount):
        return self.purse.deposit(amount)

def build_root_object(baggage):
    return Bank(baggage)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with an upgrade, a branch that was left, a vat that has ended, and a message that waits."""
    path = tmp_path_factory.mktemp("read") / "bank.world"
    with open_world(path) as controller:
        controller.create_vat("bank", (("bank", BANK),))
        controller.create_vat("other", (("other", BANK),), worker="local")
        controller.queue_to_root("bank", "main", [])
        controller.queue_to_root("bank", "deposit", [2**60])
        controller.run()
        controller.checkpoint("early", "an [old] moment")
        controller.queue_to_root("bank", "deposit", [4])
        controller.run()
        controller.history.go_back("early")
        controller.upgrade_vat("bank", (("bank", BANK + "# newer\n"),))
        controller.terminate_vat("other", "no use")
        controller.queue_to_root("bank", "deposit", [5])
        controller.run()
        controller.checkpoint("late")
        controller.queue_to_root("bank", "deposit", [6])
        controller.checkpoint("last")
        export_archive(controller, path.with_suffix(".swingset"), level="archival")
    return path


@pytest.fixture
def world(written: Path) -> World:
    return World(written)


def test_the_reader_is_independent() -> None:
    """It imports nothing of the project, so what it can do it can do by the page."""
    tree = ast.parse(Path(world_reader.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= {
        *("__future__", "hashlib", "json", "sqlite3", "struct", "collections", "pathlib", "typing"),
        "zstandard",
    }


def test_vats_objects_and_the_queue(world: World) -> None:
    """Who has what, and what waits."""
    assert world.vats() == {"bank": "v1", "other": "v2"}
    assert {owner for owner in world.owners().values() if owner} == {"v1"}
    (event,) = world.queue()
    assert event["type"] == "send"
    assert world.owners()[event["target"]] == "v1"
    assert world_reader.value_of(event["message"]["methargs"]) == ["deposit", [6]]


def test_the_fields_of_a_durable_object(world: World) -> None:
    """They are read by the name that the kernel has for the object, with all that a body escapes."""
    (purse,) = [kref for kref, owner in world.owners().items() if owner == "v1" and kref != "ko20"]
    assert world.durable(purse) == ("Purse", {"owner": "!alice", "balance": 2**60 + 5})


def test_the_seals_and_the_digest(world: World) -> None:
    """Each commit, branches too, each label and the names have the seal that the page says."""
    commits = world.one("SELECT count(*) FROM commits")
    assert world.check_seals() == commits + 1 + 3
    assert len(world.line()) < commits
    assert world.digest() == world.one("SELECT digest FROM commits WHERE seq = ?", int(world.meta["head"]))


def test_the_changes_of_all_commits_make_the_state(world: World) -> None:
    """From the empty world on, and each row that a record lists is the row that was then."""
    state = world.state()
    assert world.lived() == state
    last: dict[tuple[str, str], Any] = {}
    keys = {
        table: [at for at, (_, key) in enumerate(world.columns(table)) if key] for table in world_reader.STATE
    }
    for record in world.records():
        for table, row, *key in record.get("rows", ()):
            found = key[0] if row is None else [row[at] for at in keys[table]]
            last[table, json.dumps(found)] = row
    for (table, key_text), row in last.items():
        now = state[table].get(tuple(json.loads(key_text)))
        assert now == (None if row is None else tuple(row)), table
    assert sum("crank" in record for record in world.records()) == state["counters"][("crank",)][1]


def test_the_records_make_the_digest_of_all_cranks(world: World) -> None:
    """Two hosts compare one number, and the page says of what."""
    assert world.activity() == world.one("SELECT digest FROM activity")


def test_transcripts_code_and_heap_images(world: World) -> None:
    """A vat is told its start first; its code, its library and its memory have the hashes that name them."""
    entries = world.transcript("v1")
    assert [entry["position"] for entry in entries] == list(range(len(entries)))
    told = [entry["delivery"][0] for entry in entries]
    assert told == ["startVat", "message", "message", "bringOutYourDead", "startVat", "message"]
    assert world.code("v1") == {"bank": BANK + "# newer\n"}
    assert world.library("v1").keys() == {"bootstrap", "interface", "modules", "standard"}
    assert len(world.heap("v1")) > 10


def test_an_archive_has_the_same_rows(world: World, written: Path) -> None:
    """Its container is read, and its state is that of the file."""
    metadata, found = read_archive(written.with_suffix(".swingset"))
    assert metadata["digest"] == world.digest()
    for table, rows in world.state().items():
        assert sorted(found[f"state/{table}"], key=repr) == sorted(rows.values(), key=repr)
    assert [row[0] for row in found["history/commits"]] == world.line()


def test_a_world_of_an_older_format_that_was_migrated(tmp_path: Path) -> None:
    """Its old changes lack the columns that came later."""
    packed = (Path(__file__).parents[1] / "corpus" / "unfinished.world.zst").read_bytes()
    (tmp_path / "old.world").write_bytes(world_reader.unpacked(packed, 1 << 30))
    migrate(tmp_path / "old.world", tmp_path / "new.world")
    world = World(tmp_path / "new.world")
    assert world.check_seals() > 7
    assert world.lived() == world.state()


def test_a_past_that_was_cut_off(written: Path, tmp_path: Path) -> None:
    """The first commit that is left makes the whole state, and transcripts begin later."""
    copy = shutil.copy(written, tmp_path / "cut.world")
    before = World(written)
    with open_world(copy) as controller:
        controller.history.prune(before=controller.history.last_crank().crank)  # type: ignore[union-attr]
    world = World(copy)
    assert "cut" in world.meta
    assert world.check_seals() < before.check_seals()
    assert world.lived() == world.state()
    assert len(world.transcript("v1")) < len(before.transcript("v1"))
    assert sum("crank" in record for record in world.records()) < before.one(
        "SELECT value FROM counters WHERE name = 'crank'"
    )


def check_all(world: World) -> None:
    world.check_seals()
    world.transcript("v1")
    world.code("v1")
    world.heap("v1")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE commits SET note = 'mine' WHERE seq = 2",
        "UPDATE commits SET crank = crank + 1 WHERE seq = 3",
        "UPDATE commits SET records = x'' WHERE seq = 1",
        "UPDATE labels SET note = 'mine' WHERE name = 'late'",
        "DELETE FROM labels WHERE name = 'early'",
        "INSERT INTO meta VALUES('cut', '[1,1,1]')",
        "UPDATE transcript SET crank = crank + 1 WHERE position = 0",
        "UPDATE bundles SET source = source || ' '",
        "UPDATE snapshots SET size = size + 4096",
        "UPDATE heap_pages SET data = (SELECT data FROM heap_pages LIMIT 1)",
    ],
)
def test_what_is_altered_is_found(written: Path, tmp_path: Path, change: str) -> None:
    """What the page says is covered by a hash is."""
    copy = shutil.copy(written, tmp_path / "altered.world")
    with sqlite3.connect(copy) as db:
        db.execute(change)
    db.close()
    world = World(copy)
    with pytest.raises(Altered):
        check_all(world)


def test_the_page_has_each_table_with_its_columns(world: World) -> None:
    """In the order of the schema, which is that of the digest, and no others."""
    text = PAGE.read_text()
    sections = re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    said = {
        table: re.findall(r"^\| `(\w+)` \|", section.partition("| key | value |")[0], re.MULTILINE)
        for table, section in sections
    }
    names = [name for name, _ in schema.STATE_TABLES]
    assert tuple(names) == world_reader.STATE == tuple(said)[: len(names)]
    assert said.keys() == set(schema.table_names())
    for table, columns in said.items():
        assert columns == [name for name, _ in world.columns(table)], table
    assert (schema.APPLICATION_ID, schema.FORMAT) == (world_reader.APPLICATION_ID, world_reader.FORMAT)
    assert f"describes format {schema.FORMAT}" in text
