"""`swingset serve`: a world that other worlds reach, in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from swingset.command.cli import main
from swingset.host.worlds.opening import open_world


def test_a_world_is_served_until_the_time_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says how it listens; its socket is gone when it ends."""
    path = tmp_path / "served.world"
    open_world(path, worker="local").close()
    assert main(["serve", str(path), "--trust-local", "--seconds", "0"]) == 0
    assert capsys.readouterr().out == "listens by unix; Ctrl-C ends it\n"
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.endswith(("sock", "secrets"))) == [
        "served.world.secrets"
    ]


def test_a_netlayer_that_is_not_there_is_an_error_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The netlayers that there are, are named."""
    path = tmp_path / "served.world"
    open_world(path, worker="local").close()
    assert main(["serve", str(path), "--trust-local", "--over", "pigeon"]) == 1
    assert "there is no netlayer for 'pigeon' here; there are http, in-process" in capsys.readouterr().err


def test_a_world_is_served_to_web_clients_at_the_same_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What its netlayer takes is given by name; anything else is refused in words."""
    path = tmp_path / "served.world"
    open_world(path, worker="local").close()
    command = ["serve", str(path), "--trust-local", "--seconds", "0", "--over", "web"]
    assert main([*command, "--option", "port=0", "--option", "origins=https://my.page"]) == 0
    assert capsys.readouterr().out == "listens by web; Ctrl-C ends it\n"
    assert main([*command, "--option", "port"]) == 1
    assert "'port' is no option: give NAME=TEXT" in capsys.readouterr().err
