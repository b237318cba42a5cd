"""The command `swingset` on world files."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

import swingset
from swingset import Session
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from swingset.host.worlds.opening import open_world
from tests.meddling import altered

VAT = dedent("""
    from swingset.vat import E, remotable

    @remotable
    class Vat:
        def say(self, words):
            print(words)

        def call(self, who):
            E(who).back()

    def build_root_object():
        return Vat()
""")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A world with one vat and two messages that wait."""
    where = str(tmp_path / "my.world")
    with swingset.open_world(where, worker="local") as world:
        world.create_vat("bank", (("bank", VAT),))
        for words in ("one", "two"):
            world.queue_to_root("bank", "say", [words], policy="none")
        world.commit("messages")
    return where


def command(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    status = main([*args, "--trust-local"])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_run_carries_on_where_it_stopped(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What vats print is shown with their names, and the sum at the end says whether there is more."""
    assert command(capsys, "run", path, "--cranks", "1")[:2] == (
        0,
        "bank: one\n1 crank, 0 computrons; more can run\n",
    )
    assert command(capsys, "run", path)[:2] == (0, "bank: two\n1 crank, 0 computrons\n")
    assert command(capsys, "run", path)[1] == "0 cranks, 0 computrons\n"


def test_step_works_while_the_world_is_paused(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run says that the world is paused, and step steps."""
    with open_world(path, worker="local") as world:
        world.queue.pause()
    assert "the world is paused" in command(capsys, "run", path)[1]
    _, out, _ = command(capsys, "step", path, "3")
    assert out.splitlines() == [
        "bank: one",
        "crank 2: Send bank delivered",
        "bank: two",
        "crank 3: Send bank delivered",
        "nothing can run",
    ]


def test_status_vats_and_dump_tell_of_the_world(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shows the vat and what waits, the dump as JSON."""
    _, out, _ = command(capsys, "status", path)
    assert "1 live vat, 0 suspended, 0 terminated" in out
    assert "2 events in the run-queue, 0 parked" in out
    _, out, _ = command(capsys, "vats", path)
    assert [line.split()[0] for line in out.splitlines()] == ["name", "bank"]
    assert json.loads(command(capsys, "vats", path, "--json")[1])[0]["name"] == "bank"
    for flags in ([], ["--json"]):
        dump = json.loads(command(capsys, "dump", path, *flags)[1])
        assert len(dump["run_queue"]) == 2


def test_explain_digest_and_verify_answer(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Explain tells why, verify finds nothing, and a kref that nobody knows is a failure."""
    with open_world(path, worker="local") as world:
        root, digest = world.kernel.root_of("bank"), world.digest()
    assert command(capsys, "explain", path, root)[:2] == (0, f"the host has pinned {root} (root of bank)\n")
    status, out, _ = command(capsys, "describe", path, root)
    assert (status, ", root of bank · methods " in out) == (0, True)
    status, out, _ = command(capsys, "explain", path, "ko999")
    assert status == 1
    assert "there is no object ko999" in out
    assert f"state     {digest}" in command(capsys, "digest", path)[1]
    assert command(capsys, "verify", path)[:2] == (0, "0 problems found\n")


def test_verify_finds_a_wrong_count(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A count that is not what the walk finds is told, and the status says so."""
    with open_world(path, worker="local") as world:
        root = world.kernel.root_of("bank")
        altered(world.world, "update objects set reachable = 9, recognizable = 9 where kref = ?", (root,))
        world.commit("spoilt")
    status, out, _ = command(capsys, "verify", path)
    assert status == 1
    assert f"{root}: 9,9 is stored, 3,3 hold it" in out


def test_a_locked_or_missing_world_is_an_error_in_words(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has it open is told, and nothing is made where nothing was."""
    with open_world(path, worker="local"):
        status, _, err = command(capsys, "pause", path)
        assert status == 1
        assert err.startswith(f"swingset: {path} is open in this process")
        assert command(capsys, "status", path)[0] == 0
    status, _, err = command(capsys, "status", path + "-not")
    assert status == 1
    assert "there is no world at" in err


def test_what_comes_for_a_notebook_is_parked_until_it_attaches(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command runs the other vats; the notebook's own events wait for it in their order."""
    with open_world(path, worker="local") as world:
        session = Session(world)
        bank = session.root("bank")
        E(bank).say("from the notebook")
        session.flush()
    _, out, _ = command(capsys, "run", path)
    assert "bank: from the notebook" in out
    _, out, _ = command(capsys, "status", path)
    assert "0 events in the run-queue, 1 parked" in out
    with open_world(path, worker="local") as world:
        session = Session(world)
        session.settle()
        assert world.stats()["parked"] == 0


def test_a_world_is_made_from_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`run --config` makes the world if there is none, and runs it."""
    (tmp_path / "bank.py").write_text(VAT)
    (tmp_path / "my.toml").write_text('[vats.bank]\nsource = "bank.py"\n')
    path = str(tmp_path / "new.world")
    status, _, _ = command(capsys, "run", path, "--config", str(tmp_path / "my.toml"))
    assert status == 0
    assert "bank" in command(capsys, "vats", path)[1]


def test_help_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names all commands and gives examples."""
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for name in ("run", "step", "status", "vats", "dump", "explain", "digest", "verify", "examples:"):
        assert name in out


def test_a_world_that_stopped_for_good_is_told_of_and_overruled(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rejected message under the policy `panic` stops every run, in words, until it is overruled."""
    with swingset.open_world(path, worker="local") as world:
        world.queue_to_root("bank", "missing", policy="panic")
        world.commit("a message")
    for _ in range(2):
        status, _, err = command(capsys, "run", path)
        assert status == 1
        assert "policy panic: rejected" in err
    assert "stopped: kernel panic" in command(capsys, "status", path)[1]
    assert command(capsys, "overrule", path)[0] == 0
    assert "stopped" not in command(capsys, "status", path)[1]
    assert command(capsys, "run", path)[0] == 0


def test_what_waits_for_a_suspended_vat_is_dropped(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first parked message is given up, and the next one is delivered when the vat goes on."""
    command(capsys, "suspend", path, "bank")
    command(capsys, "run", path)
    assert command(capsys, "drop", path, "bank")[:2] == (0, "dropped the message say()\n")
    command(capsys, "resume", path, "bank")
    assert "bank: two" in command(capsys, "run", path)[1]
    assert command(capsys, "drop", path, "bank")[:2] == (1, "nothing waits for vat bank\n")
