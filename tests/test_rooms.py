"""The guest library has rooms that stand on each other, and no circles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

GUEST = Path(__file__).parent.parent / "kernel" / "swingset" / "guest"
ROOMS: dict[str, str] = {
    "base": "",
    "passing": "base",
    "guards": "base passing",
    "sending": "base passing",
    "clist": "base passing sending",
    "kinds": "base passing sending clist guards",
    "stores": "base passing sending clist guards kinds",
    "lasting": "base passing sending clist guards kinds stores",
    "reaping": "base passing sending clist guards kinds stores",
    "top": "base passing sending clist guards kinds stores lasting reaping",
}
"""For each room, those it may import from; the modules of the folder itself are the top."""

CIRCLES: dict[str, frozenset[str]] = {}
"""Modules of one room that import each other when they run: by room, each explained in the first lines of its
modules."""


def modules() -> dict[str, Path]:
    """The modules of the library by their names below `swingset.guest`; a package by its own."""
    found = {}
    for path in sorted(GUEST.rglob("*.py")):
        parts = path.relative_to(GUEST).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str, path: Path) -> str:
    """The room of a module."""
    return "top" if path.parent == GUEST else module.partition(".")[0]


def imports(path: Path, known: dict[str, Path], *, for_checkers: bool) -> set[str]:
    """The modules of the library that one imports, with those for type checkers or without."""
    tree = ast.parse(path.read_text())
    package = ["swingset", "guest", *path.relative_to(GUEST).parent.parts]
    skipped: set[int] = set()
    if not for_checkers:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.If)
                and isinstance(node.test, ast.Name)
                and node.test.id == "TYPE_CHECKING"
            ):
                skipped |= {id(inner) for child in node.body for inner in ast.walk(child)}
    named: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            named |= {f"{whole}.{alias.name}" for alias in node.names} | {whole}
    below = {name.removeprefix("swingset.guest.") for name in named if name.startswith("swingset.guest.")}
    return below & known.keys()


def circles(edges: dict[str, set[str]]) -> list[frozenset[str]]:
    """The sets of modules each of which leads to all others of its set."""
    reached: dict[str, set[str]] = {}
    for start in edges:
        seen, queue = set[str](), [start]
        for module in queue:
            for following in edges[module] - seen:
                seen.add(following)
                queue.append(following)
        reached[start] = seen
    found = {frozenset(other for other in reached[one] if one in reached[other]) for one in reached}
    return [circle for circle in found if circle]


def test_every_module_lies_in_a_room_that_says_what_it_is_for() -> None:
    """Each folder is a room of the table, and opens with an essay and no code."""
    folders = {path.parent.relative_to(GUEST).as_posix() for path in modules().values()}
    assert folders == {".", *(ROOMS.keys() - {"top"})}
    for room in ROOMS.keys() - {"top"}:
        tree = ast.parse((GUEST / room / "__init__.py").read_text())
        assert len(tree.body) == 1, room
        essay = ast.get_docstring(tree) or ""
        assert "Stands on" in essay, room
        assert "It never" in essay, room


@pytest.mark.parametrize("module", modules())
def test_a_room_stands_on_those_below_it(module: str) -> None:
    """No module imports from a room above or beside its own, not even for type checkers."""
    known = modules()
    room = room_of(module, known[module])
    allowed = {room, *ROOMS[room].split()}
    for imported in imports(known[module], known, for_checkers=True):
        other = room_of(imported, known[imported])
        assert other in allowed, f"{module} of {room} imports {imported} of {other}"


def test_rooms_are_listed_from_the_lowest_up() -> None:
    """The table has no circle itself: a room stands on rooms that come before it."""
    before: set[str] = set()
    for room, below in ROOMS.items():
        assert set(below.split()) <= before
        before.add(room)


def test_circles_are_those_that_are_explained() -> None:
    """No modules import each other when they run but those of the table, which say so at their top."""
    known = modules()
    edges = {module: imports(path, known, for_checkers=False) for module, path in known.items()}
    assert set(circles(edges)) == set(CIRCLES.values())
    for circle in CIRCLES.values():
        for module in circle:
            essay = ast.get_docstring(ast.parse(known[module].read_text())) or ""
            assert "circle" in essay, f"{module} does not say why it is part of a circle"


def test_circles_are_found() -> None:
    """A circle of three is found, and what only leads to it is no part of it."""
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set[str]()}
    assert circles(edges) == [frozenset("abc")]
