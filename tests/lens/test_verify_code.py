"""Code that is missing from a file is told of, whatever names it."""

from __future__ import annotations

from pathlib import Path

import apsw

from swingset import Session, open_world
from swingset.model.capdata import NOTHING

CODE = "from swingset.vat import remotable\n@remotable\nclass A: pass\ndef build_root_object(): return A()\n"


def test_code_that_is_missing_is_told_of(tmp_path: Path) -> None:
    """A bundle that a vat runs, that was installed, or that waits to be started is missed by verify."""
    path = tmp_path / "code.world"
    with open_world(path, worker="local") as world:
        session = Session(world)
        session.define("a", CODE)
        session.devices.bundle(CODE + "# installed", "code")
        session.flush()
        world.kernel.queue_creation("b", "local", (("b", CODE + "# waits"),), NOTHING, {})
        world.commit()
        assert world.verify() == []
        session.close()
    db = apsw.Connection(str(path))
    bundles = [name for (name,) in db.execute("SELECT id FROM bundles ORDER BY id")]
    db.close()
    assert len(bundles) == 3
    for bundle in bundles:
        copy = tmp_path / f"{bundle[:9]}.world"
        copy.write_bytes(path.read_bytes())
        db = apsw.Connection(str(copy))
        db.execute("DELETE FROM bundles WHERE id = ?", (bundle,))
        db.close()
        with open_world(copy, look_only=True) as world:
            assert any(bundle[:12] in str(problem) for problem in world.verify())
