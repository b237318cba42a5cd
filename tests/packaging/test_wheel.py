"""What somebody has who installs the wheel, without a clone of the project."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))

USES = """
import swingset
from swingset.vat import E

SOURCE = '''
from swingset.vat import durable, provide, remotable

@durable
class Purse:
    balance: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount * {factor}
        return self.balance

@remotable
class Bank:
    def __init__(self, purse):
        self.purse = purse

    def deposit(self, amount: int) -> int:
        return self.purse.deposit(amount)

def build_root_object(baggage):
    return Bank(provide(baggage, "purse", Purse))
'''

with swingset.open_world("bank.world") as world:
    session = swingset.Session(world)
    bank = session.define("bank", SOURCE.format(factor=1))
    print(session.wait(E(bank).deposit(1)))
    session.upgrade("bank", "bank", SOURCE.format(factor=10))
    print(session.wait(E(bank).deposit(1)))
print(swingset.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release is."""
    out = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT))
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and what it depends on from where the tests run, but no repository."""
    made = tmp_path_factory.mktemp("environment")
    venv.create(made, with_pip=False)
    (packages,) = made.glob("lib/python*/site-packages")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(made))
    _run(*pip, "install", "--quiet", "--no-deps", str(wheel))
    # A folder that is named in a .pth file is searched, and .pth files in it are not read: that of the clone.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def _run(*command: str, where: Path | None = None) -> str:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=where, env=plain, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_all_that_is_needed_and_no_more(wheel: Path) -> None:
    """The packages, the lessons, the pages' scripts, the kernel of the launcher; no tests."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        *(f"swingset_nb/lessons/{name}" for name in NOTEBOOKS),
        *("swingset/py.typed", "swingset_nb/py.typed", "swingset/glossary.md", "swingset_nb/static/dom.js"),
    ):
        assert wanted in names
    assert any(name.endswith("share/jupyter/kernels/swingset/kernel.json") for name in names)
    static = "share/jupyter/labextensions/swingset-nb/static/"
    for name in ("../package.json", "remoteEntry.js", "logo.svg", "quickstart.ipynb"):
        wanted = os.path.normpath(static + name)
        assert any(each.endswith(wanted) for each in names), wanted
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "benchmarks/"))]
    assert not [name for name in names if name.endswith((".pyc", ".world", "-lock"))]


def test_a_world_is_opened_and_a_vat_upgraded_without_the_repository(elsewhere: Path, tmp_path: Path) -> None:
    """The installed package does its work, and none of it comes from the clone."""
    said = _run(str(elsewhere / "bin" / "python"), "-I", "-c", USES, where=tmp_path).split()
    assert said[:2] == ["1", "11"]
    assert Path(said[2]).is_relative_to(elsewhere)


def test_the_installed_command_has_the_cures(elsewhere: Path, tmp_path: Path) -> None:
    """`swingset help CODE` reads its page, which comes with the wheel."""
    said = _run(str(elsewhere / "bin" / "swingset"), "help", "abandoned", where=tmp_path)
    assert "- Ask the vat for a new one" in said


def test_the_installed_command_examines_the_machine(elsewhere: Path, tmp_path: Path) -> None:
    """`swingset doctor` finds all that is needed, and leaves nothing behind."""
    said = _run(str(elsewhere / "bin" / "swingset"), "doctor", where=tmp_path)
    assert "vats               answered, were upgraded, and came back from their file" in said
    assert "all that is needed works" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_plain_install_from_the_registry_runs_the_demonstration(wheel: Path, tmp_path: Path) -> None:
    """In a fresh environment, `pip install` of the wheel alone is enough for `swingset demo`."""
    made = tmp_path / "fresh"
    venv.create(made, with_pip=True)
    _run(str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel))
    said = _run(str(made / "bin" / "swingset"), "demo", where=tmp_path)
    assert "alice has 10, not 100" in said
    assert "executed just now" in said
