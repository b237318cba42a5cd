"""Looking at a world, and changing what needs no code of it, wherever it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

import swingset
from swingset import KernelError, Session
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from swingset.host.base.requests import Outcome
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.world.errors import LookOnly

VAT = dedent("""
    from swingset.vat import remotable

    @remotable
    class Vat:
        def bootstrap(self, vats, devices):
            return sorted(vats)

        def ping(self):
            return "pong"

    def build_root_object():
        return Vat()
""")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A world of a stranger, with a vat that would run unconfined, and a message for it."""
    where = str(tmp_path / "my.world")
    with swingset.open_world(where, worker="local") as world:
        world.create_vat("bank", (("bank", VAT),))
        world.queue_to_root("bank", "ping", policy="none")
        world.commit("message")
    return where


def command(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """What a command answers that was not told to trust anything."""
    status = main(list(args))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_looking_needs_no_trust(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What runs no code opens a world with local vats as it is; what runs code does not."""
    with open_world(path, worker="local") as world:
        root = world.kernel.root_of("bank")
    for args in (("status",), ("vats",), ("dump",), ("digest",), ("verify",), ("rings",), ("meters",)):
        assert command(capsys, args[0], path)[0] == 0, args
    assert command(capsys, "explain", path, root)[0] == 0
    for name in ("run", "step"):
        status, _, err = command(capsys, name, path)
        assert (status, "open it with the worker local" in err) == (1, True)


def test_a_world_that_is_looked_at_runs_nothing(path: str) -> None:
    """It cannot be run or changed, and is what it was."""
    with open_world(path, look_only=True) as world:
        before = world.digest()
        for act in (
            world.run,
            world.step,
            world.queue.pause,
            lambda: world.gc.pin(world.kernel.root_of("bank")),
        ):
            with pytest.raises(LookOnly, match="opened to be looked at"):
                act()
        assert world.digest() == before


def test_a_world_without_workers_runs_nothing(path: str) -> None:
    """There is no worker for any of its vats, nor for a new one."""
    with open_world(path, workers=False) as world:
        crank = world.kernel.cranks.count
        with pytest.raises(KernelError, match="no worker of kind 'local' here"):
            world.run()
        with pytest.raises(KernelError, match="no worker of kind 'wasm' here"):
            world.create_vat("other", (("other", VAT),))
        assert world.kernel.cranks.count == crank
    with open_world(path, worker="local") as world:
        assert world.run().cranks == 1


def test_what_needs_no_code_is_changed_without_trust(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Options, meters, pins, suspension and pauses are changes of the file alone."""
    assert json.loads(command(capsys, "options", path, "bank", "reap_interval=5")[1]) == {"reap_interval": 5}
    assert json.loads(command(capsys, "options", path, "bank", "reap_interval=null")[1]) == {}
    status, _, err = command(capsys, "options", path, "bank", "bogus=1")
    assert (status, "unknown option str 'bogus'" in err) == (1, True)
    assert command(capsys, "options", path, "bank", "bogus")[0] == 1
    assert command(capsys, "meters", path, "--new", "500")[1] == "m1: 500 computrons, pays for no vat\n"
    command(capsys, "options", path, "bank", "meter=m1")
    assert command(capsys, "meters", path, "--refill", "m1", "1000")[1] == (
        "m1: 1,500 computrons, pays for bank\n"
    )
    assert command(capsys, "meters", path, "--refill", "m1", "-3")[0] == 1
    assert command(capsys, "meters", path, "--new", "unlimited")[1].endswith(
        "m2: unlimited, pays for no vat\n"
    )
    for name in ("suspend", "resume"):
        assert command(capsys, name, path, "bank")[0] == 0
    command(capsys, "pause", path)
    assert "paused" in command(capsys, "status", path)[1]
    command(capsys, "unpause", path)
    with open_world(path, look_only=True) as world:
        root = world.kernel.root_of("bank")
    assert command(capsys, "pin", path, root)[0] == 0
    assert command(capsys, "unpin", path, root)[0] == 0
    assert command(capsys, "unpin", path, root)[0] == 1
    assert command(capsys, "poll", path, "5")[1] == "0 alarms went off\n"
    assert command(capsys, "poll", path, "4")[0] == 1
    assert command(capsys, "verify", path)[:2] == (0, "0 problems found\n")


def test_a_configuration_with_local_vats_wants_trust(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A world that could not be run again without trust is not made without it; status tells of bootstrap."""
    (tmp_path / "bank.py").write_text(VAT)
    config = tmp_path / "my.toml"
    config.write_text('bootstrap = "bank"\n[vats.bank]\nsource = "bank.py"\nworker = "local"\n')
    path = str(tmp_path / "new.world")
    status, _, err = command(capsys, "run", path, "--config", str(config))
    assert (status, "the code of bank is to run in the local worker" in err) == (1, True)
    assert not Path(path).exists()
    assert command(capsys, "run", path, "--config", str(config), "--trust-local")[0] == 0
    assert 'bootstrap is fulfilled: #["bank"]' in command(capsys, "status", path)[1]


def test_the_command_alone_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command there is help, the version is told, and a count that is none is named."""
    status, out, _ = command(capsys)
    assert (status, "examples:" in out) == (1, True)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("swingset 0.")
    with pytest.raises(SystemExit):
        main(["run", "my.world", "--cranks", "x"])
    assert "a number from 1 is wanted, got 'x'" in capsys.readouterr().err


LOOKS: list[list[str]] = [
    ["status"],
    ["vats"],
    ["dump"],
    ["explain", "ko20"],
    ["rings"],
    ["digest"],
    ["verify"],
    ["meters"],
    ["options", "bank"],
]


@pytest.mark.parametrize("words", LOOKS, ids=[words[0] for words in LOOKS])
def test_who_only_looks_waits_for_nobody_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """While the world is open elsewhere the command shows it, and no file is made, changed or locked."""
    path = str(tmp_path / "my.world")
    with open_world(path, worker="local") as world:
        session = Session(world)
        session.define("bank", VAT)
        world.commit("made")
        before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
        status, _, err = command(capsys, words[0], path, *words[1:])
        assert status == 0, err
        assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
        session.close()


def test_a_dump_holds_the_whole_state() -> None:
    """Meters, devices with what they keep, parameters, pauses, counters and clean-up are in it."""
    with open_world(None, worker="local") as world:
        session = Session(world)
        session.wait(E(session.devices.vat_admin()).create_meter(100, 5))
        session.define("bank", VAT, parameters={"currency": "gold"})
        world.queue.pause()
        dump = json.loads(json.dumps(world.dump()))
        assert dump["paused"] is True
        assert dump["panic"] is None
        assert dump["meters"] == [{"id": "m1", "remaining": 100, "threshold": 5, "keeper": None}]
        assert [device["kind"] for device in dump["devices"]] == ["vat-admin", "bundle"]
        assert dump["devices"][0]["state"]
        assert dump["vats"][-1]["parameters"] == {"body": '#{"currency":"gold"}', "slots": []}
        assert dump["counters"]["service.vatAdmin"] == int(world.kernel.vat("vatAdmin").id[1:])
        assert dump["cleaned_up"] == []
        world.terminate_vat("bank")
        assert len(world.dump()["cleaned_up"]) == 1
        session.close()


@pytest.mark.parametrize("body", ["junk", "", "#NaN", '#{"#tag":"x"}', '#"$7.x"', '#{"#error":5}'])
def test_a_result_that_cannot_be_read_is_an_error_of_the_kernels(body: str) -> None:
    """A host needs to know no class of the guest library to catch it."""
    with pytest.raises(KernelError, match="kp40 was fulfilled with data that cannot be read"):
        _ = Outcome("kp40", "fulfilled", CapData(body)).value
