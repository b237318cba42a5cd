"""`swingset doctor` on machines where something is not as it should be."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from swingset.command.cli import main
from swingset.host import health


def _run(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, list[str]]:
    status = main(["doctor", "--folder", str(folder)])
    return status, [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_an_engine_that_was_never_compiled_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how to compile it before the first vat does, and runs no vat."""
    monkeypatch.setenv("SWINGSET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("swingset.workers.wasm.engine._factories", {})
    status, lines = _run(capsys, tmp_path)
    assert status == 0
    at = lines.index("-- engine lean never compiled on this machine")
    assert lines[at + 1].endswith("now: python -m swingset.workers.wasm")
    assert not [line for line in lines if " vats " in line]
    assert lines[-1].startswith("all that is needed works")


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_cache_that_others_can_write_is_told_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status says that something does not work."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("SWINGSET_CACHE", str(folder))
    monkeypatch.setattr("swingset.workers.wasm.engine._factories", {})
    status, lines = _run(capsys, tmp_path)
    assert status == 1
    at = next(number for number, line in enumerate(lines) if line.startswith("NO cache"))
    assert "can be written by others" in lines[at]
    assert lines[at + 1] == "point $SWINGSET_CACHE at a folder of your own"


def test_a_folder_that_cannot_hold_worlds_is_told_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there is named, and so is the option for another."""
    status, lines = _run(capsys, tmp_path / "nowhere")
    assert status == 1
    at = next(number for number, line in enumerate(lines) if line.startswith("NO worlds"))
    assert "nowhere: No such file" in lines[at]
    assert lines[at + 1] == "choose another folder: swingset doctor --folder PATH"


def test_packages_that_are_missing_are_told_with_what_they_are_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that the notebook needs is a fault, one of an extra is not."""

    def version(name: str) -> str:
        if name in ("ipywidgets", "pandas"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(health, "version", version)
    status, lines = _run(capsys, tmp_path)
    assert status == 1
    assert lines[lines.index("NO ipywidgets is not installed") + 1] == "pip install ipywidgets"
    assert "-- pandas only for tables as data frames: pip install 'swingset-nb[pandas]'" in lines
    assert lines[-1].startswith("something does not work")


def test_each_extra_is_looked_for() -> None:
    """Every package of an extra for users has a line, with the `pip install` of its own extra."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = {extra: found for extra, found in project["optional-dependencies"].items() if extra != "dev"}
    wanted = {re.split(r"[\[>=]", package)[0]: extra for extra in extras for package in extras[extra]}
    assert {name: use.partition("pip install ")[2] for name, use in health.OPTIONAL.items()} == {
        name: f"'swingset-nb[{extra}]'" for name, extra in wanted.items()
    }
