"""All vats restarted at once on the guest library of a newer release."""

from __future__ import annotations

from pathlib import Path

import pytest

import swingset
from swingset.command.cli import main
from swingset.model.capdata import CapData
from swingset.workers.wasm.engine import prepare_engine
from tests.scenarios.test_kept_libraries import BANK, RELEASES, add, library_of, opened, release

STUBBORN = BANK.replace(
    "calls = []", "calls = []\n    lives = baggage.get('lives', 0)\n    baggage['lives'] = 1 // (1 - lives)"
)
KEEN = BANK.replace("def build_root_object(baggage):", "def build_root_object(baggage, parameters):").replace(
    "calls = []", "calls = [parameters]"
)


def test_a_world_moves_to_the_library_of_a_newer_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One crank and commit each; a vat that refuses stays on its own library, and the others go on."""
    with opened(tmp_path / "a.world", prepare_engine()) as world:
        for name, code in (("bank", BANK), ("stubborn", STUBBORN), ("keen", KEEN), ("held", BANK)):
            given = CapData('#"hello"', ()) if name == "keen" else None
            world.create_vat(name, ((name, code),), parameters=given)
            add(world, name, 5)
        world.create_vat("here", (("here", BANK),), worker="local")
        swingset.Session(world)
        world.vats.suspend("held", "for the audit")
        old = library_of(world, "bank")
        again = world.vats.upgrade_all(older_only=True)
        assert {vat.vat: vat.outcome for vat in again.vats}["bank"] == "left"

    newer = release(RELEASES["a comment"], monkeypatch)
    with opened(tmp_path / "a.world", newer) as world:
        with world.fork() as fork:
            assert not fork.vats.upgrade_all().ok
        assert library_of(world, "bank") == old
        cranks, commits = world.crank, len(world.world.commits())
        report = world.vats.upgrade_all()
        found = {vat.vat: vat for vat in report.vats}
        assert {name: vat.outcome for name, vat in found.items()} == {
            "bank": "restarted",
            "stubborn": "refused",
            "keen": "restarted",
            "held": "left",
            "here": "restarted",
            "notebook": "left",
        }
        assert not report.ok
        assert "division by zero" in (found["stubborn"].reason or "")
        assert "it is suspended (for the audit)" in (found["held"].reason or "")
        assert "lives in its host's interpreter" in (found["notebook"].reason or "")
        new = library_of(world, "bank")
        assert new != old
        assert report.libraries == {
            new: ("bank", "keen"),
            old: ("stubborn", "held"),
            None: ("here", "notebook"),
        }
        assert [found["bank"].before, found["bank"].library, found["bank"].incarnation] == [old, new, 1]
        assert any("moved from" in line for line in report.lines())
        assert len(world.world.commits()) - commits == 4
        assert add(world, "bank", 1) == [6, 1]
        assert add(world, "stubborn", 1) == [6, 2]
        assert add(world, "keen", 1) == [6, 2]
        assert world.crank - cranks < 20
        world.vats.resume("held")
        later = {vat.vat: vat.outcome for vat in world.vats.upgrade_all(older_only=True).vats}
        assert later["bank"] == "left"
        assert later["held"] == "restarted"
        assert world.verify() == []


def test_the_command_restarts_all_vats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset upgrade-all` has a line for each vat, and fails if one refused."""
    path = tmp_path / "a.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.create_vat("stubborn", (("stubborn", STUBBORN),))
    assert main(["upgrade-all", str(path), "--trust-local"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert (
        said[0] == "bank: restarted as incarnation 1 on the host's own library; lost: 0 exports, 0 promises"
    )
    assert said[1].startswith("stubborn: refused, on the host's own library: ")
    with swingset.open_world(path, worker="local") as world:
        assert [vat.incarnation for vat in world.vats] == [1, 0]
        world.terminate_vat("stubborn")
    assert main(["upgrade-all", str(path), "--trust-local", "--older-only"]) == 0
