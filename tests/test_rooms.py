"""Rooms: the sub-packages of a layer stand on each other, and no two modules import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

KERNEL = Path(__file__).parent.parent / "kernel" / "swingset"
ROOMS: dict[str, dict[str, str]] = {
    "guest": {
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
    },
    "lens": {
        "source": "",
        "state": "",
        "history": "state",
        "watching": "history",
        "present": "source state history",
        "pictures": "source history watching present",
        "exports": "state history watching",
    },
    "host": {
        "base": "",
        "controls": "base",
        "wires": "base controls",
        "worlds": "base controls wires",
        "variables": "",
        "code": "base controls worlds",
        "sessions": "base controls wires worlds variables code",
        "top": "base controls wires worlds variables code sessions",
    },
    "cluster": {
        "failover": "",
        "top": "failover",
    },
    "time": {
        "explorer": "",
        "looking": "",
        "copies": "",
        "replaying": "",
        "deliveries": "replaying",
        "predicates": "looking deliveries",
        "branches": "replaying",
        "forks": "looking branches",
        "bugs": "replaying deliveries predicates branches",
    },
}
"""By layer and room, the rooms that it may import from; the modules of the layer's own folder are the top."""


def modules(layer: str) -> dict[str, Path]:
    """The modules of a layer by their names below it; a package by its own."""
    found = {}
    for path in sorted((KERNEL / layer).rglob("*.py")):
        parts = path.relative_to(KERNEL / layer).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {layer: modules(layer) for layer in ROOMS}


def room_of(layer: str, module: str) -> str:
    """The room of a module."""
    path = MODULES[layer][module]
    return "top" if path.parent == KERNEL / layer else module.partition(".")[0]


def imports(layer: str, path: Path, *, for_checkers: bool) -> set[str]:
    """The modules of its layer that one imports, with those for type checkers or without."""
    tree = ast.parse(path.read_text())
    package = ["swingset", *path.relative_to(KERNEL).parent.parts]
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
    own = f"swingset.{layer}."
    return {name.removeprefix(own) for name in named if name.startswith(own)} & MODULES[layer].keys()


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


@pytest.mark.parametrize("layer", ROOMS)
def test_every_module_lies_in_a_room_that_says_what_it_is_for(layer: str) -> None:
    """Each folder is a room of the table, and opens with an essay and no code."""
    folders = {path.parent.relative_to(KERNEL / layer).as_posix() for path in MODULES[layer].values()}
    rooms = ROOMS[layer].keys() - {"top"}
    assert folders == {".", *rooms}
    for room in rooms:
        tree = ast.parse((KERNEL / layer / room / "__init__.py").read_text())
        assert len(tree.body) == 1, room
        essay = ast.get_docstring(tree) or ""
        assert "Stands on" in essay, room
        assert "It never" in essay, room


@pytest.mark.parametrize("layer", ROOMS)
def test_a_layer_has_modules_outside_of_its_rooms_only_if_it_has_a_top(layer: str) -> None:
    """The folder of a layer has rooms and an essay, and its own modules only if the table says so."""
    outside = {module for module in MODULES[layer] if room_of(layer, module) == "top"} - {""}
    assert bool(outside) == ("top" in ROOMS[layer])


@pytest.mark.parametrize("layer", ROOMS)
def test_a_room_stands_on_those_below_it(layer: str) -> None:
    """No module imports from a room above or beside its own, not even for type checkers."""
    wrong = [
        f"{module} imports {imported}"
        for module, path in MODULES[layer].items()
        for imported in imports(layer, path, for_checkers=True)
        if room_of(layer, imported)
        not in {(room := room_of(layer, module)), *ROOMS[layer].get(room, "").split()}
    ]
    assert wrong == []


@pytest.mark.parametrize("layer", ROOMS)
def test_a_room_needs_all_that_it_stands_on(layer: str) -> None:
    """Each room imports from every room that the table has below it, or from one that stands on that."""
    for room, below in ROOMS[layer].items():
        members = [path for module, path in MODULES[layer].items() if room_of(layer, module) == room]
        used = {room_of(layer, name) for path in members for name in imports(layer, path, for_checkers=True)}
        reached = used | {under for other in used for under in ROOMS[layer][other].split()}
        assert set(below.split()) <= reached, f"{room} of {layer}"


@pytest.mark.parametrize("layer", ROOMS)
def test_rooms_are_listed_from_the_lowest_up(layer: str) -> None:
    """The table has no circle itself: a room stands on rooms that come before it."""
    before: set[str] = set()
    for room, below in ROOMS[layer].items():
        assert set(below.split()) <= before
        before.add(room)


@pytest.mark.parametrize("layer", ROOMS)
def test_no_modules_import_each_other(layer: str) -> None:
    """No modules import each other when they run."""
    edges = {module: imports(layer, path, for_checkers=False) for module, path in MODULES[layer].items()}
    assert circles(edges) == []


def test_circles_are_found() -> None:
    """A circle of three is found, and what only leads to it is no part of it."""
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set[str]()}
    assert circles(edges) == [frozenset("abc")]
