"""The timeline of a world whose past was cut, in files from anybody."""

from __future__ import annotations

import io

import apsw
import pytest

import swingset
from swingset.lens.history.timeline import vats_then
from swingset.world.rows import RULES
from tests.staging import Stage
from tests.vat_sources import PURSE

SOURCE = f"""
from swingset.vat import durable, remotable
{PURSE}
@remotable
class Bank:
    pass

def build_root_object():
    return Bank()
"""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("incarnation", "'many'"),
        ("id", "'w<b>'"),
        ("state", "'dead'"),
        ("name", "CAST(x'ff' AS TEXT)"),
        ("name", "x'00'"),
    ],
)
def test_a_forged_row_at_the_cut_of_a_past_is_an_error_of_the_world(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, column: str, value: str
) -> None:
    """Whatever the changes hold that a cut past begins with, whoever reads them gets a `WorldError`."""
    stage.define("bank", SOURCE)
    world = stage.controller.world
    columns = ", ".join(RULES["vats"])
    (row,) = world.execute(f"SELECT {columns} FROM vats WHERE name = 'bank'")
    db = apsw.Connection(":memory:")
    db.execute(f"CREATE TABLE vats({columns}, PRIMARY KEY(id))")
    session = apsw.Session(db, "main")
    session.attach()
    db.execute(f"INSERT INTO vats VALUES({', '.join('?' * len(row))})", row)
    db.execute(f"UPDATE vats SET {column} = {value}")
    changes = session.changeset()

    class Forged:
        def reader(self) -> object:
            return io.BytesIO(changes).read

    monkeypatch.setattr(world.history, "changes", lambda seq: Forged())
    with pytest.raises(swingset.WorldError):
        list(vats_then(world, 1))
