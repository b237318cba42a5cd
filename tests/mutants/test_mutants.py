"""The tables of `make mutants` fit the sources, and its faults are those that they are said to be."""

from __future__ import annotations

import ast

import pytest

from .findings import UNDONE, Undone
from .planting import Planter
from .reach import files_of
from .tables import AREAS, EQUIVALENT, LEFT_OUT, Area
from .trial import ROOT


@pytest.mark.parametrize("undone", UNDONE, ids=lambda undone: f"{undone.number} {undone.what}")
def test_each_mend_can_be_undone(undone: Undone) -> None:
    """Its text stands once in the sources, what takes its place is Python, and its tests are there."""
    text = undone.path().read_text().replace(undone.old, undone.new)
    ast.parse(text)
    for target in undone.targets():
        file, _, function = target.partition("::")
        assert (ROOT / file).exists(), target
        assert not function or f"def {function}(" in (ROOT / file).read_text(), target


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_there(name: str) -> None:
    """A file of tests, or a function in one."""
    file, _, function = name.partition("::")
    assert f"def {function or 'test_'}" in (ROOT / file).read_text()


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_each_area_has_modules_and_tests(area: Area) -> None:
    """What the table names is there, and every fault that can be planted leaves it Python."""
    assert files_of(area.tests)
    for path in area.paths():
        source = path.read_bytes()
        planter = Planter(path.name, source)
        faults = planter.faults()
        assert len({fault.key for fault in faults}) == len(faults)
        for fault in faults[::40]:
            ast.parse(fault.applied(source))


def test_each_fault_that_makes_no_difference_can_be_planted() -> None:
    """The list of them holds none that is gone."""
    named = {name for name, _ in EQUIVALENT}
    there = set()
    for path in {path for area in AREAS for path in area.paths() if path.name in named}:
        source = path.read_bytes()
        there |= {(path.name, fault.lines(source)[1]) for fault in Planter(path.name, source).faults()}
    assert set(EQUIVALENT) <= there, set(EQUIVALENT) - there


CASES: list[tuple[str, list[str]]] = [
    ("x = a < b", ["x = a <= b"]),
    ("x = a is not b", ["x = a is b"]),
    ("x = a not in b", ["x = a in b"]),
    ("x = a in b", ["x = a not in b"]),
    ("x = (a) and (b)", ["x = (a) or (b)", "x = ((not (a))) and (b)", "x = (a) and ((not (b)))"]),
    ("x = not a", ["x =  a"]),
    ("x = a + 1", ["x = a - 1", "x = a + 2"]),
    ("x = 'a' + b", []),
    ("x = True", ["x = False"]),
    ("x += y", ["pass", "x -= y"]),
    ("x.y = z", ["pass"]),
    ("x = y", []),
    ("x()", ["pass"]),
    ("raise X(1 + 2)", ["pass"]),
    ("x = f'{a + 1}'", []),
    ("x: int | None = y", []),
    ("x = isinstance(y, A | None)", []),
    ("x = max(y)", ["x = min(y)"]),
    ("x = sorted(y)", ["x = list(y)"]),
    ("x = [y for y in z if y]", ["x = [y for y in z if (not (y))]"]),
    ("if x: y", ["if (not (x)): y"]),
    ("while x: continue", ["while (not (x)): continue", "while x: break"]),
    ("x = y if z else w", ["x = y if (not (z)) else w"]),
    ("assert x == 1", []),
    ("'what it is'", []),
    ("if sys.platform == 'win32': x()\nelse: y()", ["if sys.platform == 'win32': x()\nelse: pass"]),
    ("zip(x, y, strict=True)", ["pass"]),
    ("def f(x=1) -> int: return x", ["def f(x=2) -> int: return x"]),
]


@pytest.mark.parametrize(("source", "planted"), CASES, ids=[case[0] for case in CASES])
def test_faults_of_each_sort(source: str, planted: list[str]) -> None:
    """Each construct has these faults and no others."""
    text = source.encode()
    assert sorted(fault.applied(text).decode() for fault in Planter("m", text).faults()) == sorted(planted)


def test_a_fault_keeps_its_key_when_lines_move() -> None:
    """A sample stays the same while the source around it is edited."""
    source = "def f(a, b):\n    return a < b\n"
    (before,) = Planter("m", source.encode()).faults()
    (after,) = Planter("m", f"import x\n\n\n{source}".encode()).faults()
    assert (before.key, before.line, after.line) == (after.key, 2, 5)
