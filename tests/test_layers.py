"""Layers import downwards only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BELOW_THE_HOST = {
    "swingset.wire",
    "swingset.net",
    "swingset.model",
    "swingset.guest",
    "swingset.world",
    "swingset.workers",
    "swingset.core",
    "swingset.devices",
    "swingset.service_vats",
    "swingset.netlayers",
    "swingset.lens",
}
LAYERS = {
    "swingset.wire": set(),
    "swingset.net": {"swingset.wire"},
    "swingset.model": {"swingset.wire"},
    "swingset.guest": {"swingset.wire"},
    "swingset.vat": {"swingset.guest"},
    "swingset.world": {"swingset.model"},
    "swingset.workers": {"swingset.model", "swingset.guest"},
    "swingset.core": {"swingset.model", "swingset.world", "swingset.workers"},
    "swingset.devices": {"swingset.model", "swingset.world", "swingset.core"},
    "swingset.service_vats": {"swingset.vat", "swingset.wire"},
    "swingset.lib": {"swingset.vat"},
    "swingset.netlayers": {"swingset.net"},
    "swingset.lens": {"swingset.model", "swingset.world", "swingset.core"},
    "swingset.host": BELOW_THE_HOST,
    "swingset.time": BELOW_THE_HOST | {"swingset.host"},
    "swingset.cluster": BELOW_THE_HOST | {"swingset.host", "swingset.time"},
    "swingset.command": BELOW_THE_HOST | {"swingset.host", "swingset.time", "swingset.cluster"},
    "swingset_nb": {
        "swingset.model",
        "swingset.guest",
        "swingset.vat",
        "swingset.world",
        "swingset.workers",
        "swingset.core",
        "swingset.lens",
        "swingset.host",
        "swingset.time",
        "swingset.cluster",
    },
}
"""For each layer, the layers it may import besides itself."""


def _modules() -> list[tuple[str, Path]]:
    return [
        (".".join(path.relative_to(base).with_suffix("").parts), path)
        for base, package in ((ROOT / "kernel", "swingset"), (ROOT, "swingset_nb"))
        for path in sorted((base / package).rglob("*.py"))
    ]


def _layer(module: str) -> str | None:
    return next((name for name in LAYERS if module == name or module.startswith(name + ".")), None)


def _imports(module: str, path: Path) -> set[str]:
    found = set()
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


def _imports_for_checkers(path: Path) -> set[str]:
    """The modules that are named under `if TYPE_CHECKING` alone, which nothing imports when it runs."""
    found: set[str] = set()
    rest: set[str] = set()
    tree = ast.parse(path.read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If) and _is_for_checkers(node)]
    inside = {id(node) for block in guarded for child in block.body for node in ast.walk(child)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            (found if id(node) in inside else rest).add(node.module)
    return found - rest


def _is_for_checkers(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize(("module", "path"), [pytest.param(*found, id=found[0]) for found in _modules()])
def test_a_module_imports_only_its_own_layer_and_those_below(module: str, path: Path) -> None:
    """A module imports nothing from a layer above or beside its own."""
    layer = _layer(module)
    if layer is None:
        return
    for imported in _imports(module, path):
        other = _layer(imported)
        assert other is None or other == layer or other in LAYERS[layer], f"{module} imports {imported}"


@pytest.mark.parametrize(
    "layer", ["swingset.wire", "swingset.net", "swingset.guest", "swingset.vat", "swingset.service_vats"]
)
def test_what_runs_inside_a_vat_needs_the_standard_library_only(layer: str) -> None:
    """The guest library imports nothing but the standard library and itself when it runs."""
    for module, path in _modules():
        if _layer(module) != layer:
            continue
        for imported in _imports(module, path) - _imports_for_checkers(path):
            top = imported.partition(".")[0]
            # The guest's Python is newer than the host's: one module of its library is not here yet.
            known = top in sys.stdlib_module_names or top in ("swingset", "_host", "annotationlib")
            assert known, f"{module} imports {imported}"
