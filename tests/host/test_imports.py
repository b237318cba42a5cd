"""What a source imports, whoever wrote it: found in one pass, and never run."""

from __future__ import annotations

import pytest

from swingset import KernelError
from swingset.host.worlds.imports import MOST_READ, MOST_SOURCE, imported, needed_by

UNREADABLE = "\nx = (\n"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a, b.c as d\nfrom e.f import g\nfrom . import h", {"a", "b", "e"}),
        ("def f():\n    import a\n    from b import (c)", {"a", "b"}),
        ("text = 'x'\nimportant = 1\nfromage = 2", set()),
    ],
)
@pytest.mark.parametrize("rest", ["", UNREADABLE])
def test_imports_are_found(source: str, names: set[str], rest: str) -> None:
    """Those of a source that cannot be parsed here are found line by line."""
    assert imported(source + rest) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import importlib\nm = importlib.import_module('a.b')", {"importlib", "a"}),
        ("from importlib import import_module\nm = import_module('a', 'b')", {"importlib", "a"}),
        ("m = __import__('a')", {"a"}),
        ("m = import_module(name)", set()),
        ("m = import_module(5) or other('a') or import_module()", set()),
        ("m = import_module('.a', 'b')", set()),
    ],
)
def test_a_module_that_a_call_imports_comes_along(source: str, names: set[str]) -> None:
    """If the source says its name; one that is only known at run time cannot be found."""
    assert imported(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "\n" * MOST_SOURCE,
        " " * MOST_SOURCE,
        " \n" * (MOST_SOURCE // 2),
        "from " + "a" * MOST_SOURCE,
        "from " + "a." * (MOST_SOURCE // 2),
        "from " * (MOST_SOURCE // 5),
        "from" + "\n" * MOST_SOURCE,
        "import " + "a." * (MOST_SOURCE // 2),
        "import " + " " * MOST_SOURCE + "=",
        "import a" + " ," * (MOST_SOURCE // 2),
    ],
)
def test_a_strange_source_is_read_in_one_pass(source: str) -> None:
    """None of them is a module, and each is read to its end; more than one pass would not come to an end."""
    assert {name[:3] for name in imported(source + UNREADABLE)} <= {"a", "aaa", "fro"}


def test_a_source_that_is_too_long_for_a_module_is_read_line_by_line() -> None:
    """A syntax tree of it would take gigabytes."""
    assert imported("import a; import b\n" + "#" * MOST_SOURCE) == {"a"}


def test_what_is_read_for_one_vat_is_bounded() -> None:
    """Modules in a file may import one another on and on; the error says what to do."""
    known = {
        f"m{count}": ((f"module m{count}", f"import m{count + 1}\n" + "\n" * 900_000),) for count in range(99)
    }
    with pytest.raises(KernelError, match=f"more than {MOST_READ:,} characters: let it import fewer"):
        needed_by([("vat", "import m0")], known)
    assert needed_by([("vat", "import m0")], known, closed=["m1"]) == ["m0", "m1"]
