"""What vat authors import says how it is used, and what of SwingSet it follows."""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from swingset.guest.base import errors as errors_of_vats
from tests.host.test_exports import raised_in, sections

MODULES = (
    *("swingset.vat", "swingset.vat.patterns", "swingset.vat.explicit", "swingset.vat.contract"),
    *("swingset.vat.testing", "swingset.testing"),
)
HANDED_OUT = {"Baggage", "ContractRoot", "Cohort", "Facets", "FarRef", "Powers", "Presence", "Promise"} | {
    *("Remotable", "Resolver", "CrashProblem", "CrashReport"),
}
"""Classes of which the library makes the instances: nobody calls them with arguments."""

INSIDE = {"Baggage.inner", "Baggage.has_any"}
"""What is for the library itself."""


def exports() -> Iterator[tuple[str, Any]]:
    """Every function and class, once."""
    found: dict[str, Any] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for word in module.__all__:
            thing = getattr(module, word)
            if inspect.isfunction(thing) or inspect.isclass(thing) or word == "E":
                found.setdefault(word, thing)
    yield from found.items()


EXPORTS = dict(exports())
CALLED = {name: thing for name, thing in EXPORTS.items() if name not in HANDED_OUT and name != "E"}


def methods() -> Iterator[tuple[str, Any]]:
    """The public methods and properties of the exported classes, and of the class of E."""
    for name, thing in EXPORTS.items():
        cls = thing if inspect.isclass(thing) else type(thing) if name == "E" else None
        for base in () if cls is None else cls.__mro__:
            if not base.__module__.startswith("swingset"):
                continue
            for word, found in vars(base).items():
                if isinstance(found, property):
                    found = found.fget
                if isinstance(found, classmethod | staticmethod):
                    found = found.__func__
                if word[0] != "_" and inspect.isfunction(found) and f"{name}.{word}" not in INSIDE:
                    yield f"{name}.{word}", found


METHODS = dict(methods())


def arguments(thing: Any) -> list[str]:
    """The names of the arguments."""
    return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_says_what_it_follows(name: str) -> None:
    """It names SwingSet's own of it, or says that it is ours."""
    said = sections(inspect.getdoc(EXPORTS[name]) or "").get("Source", "")
    assert re.search(r"`|\bOurs\b", said), said


@pytest.mark.parametrize("name", [*CALLED, *METHODS])
def test_a_docstring_names_every_argument(name: str) -> None:
    """What is called says something about each of its arguments, by name."""
    thing = CALLED.get(name) or METHODS[name]
    said = inspect.getdoc(thing) or ""
    missing = [word for word in arguments(thing) if not re.search(rf"\b{word}\b", said)]
    assert not missing, said


@pytest.mark.parametrize("name", CALLED)
def test_an_export_shows_how_it_is_used(name: str) -> None:
    """There is a line of code with its name, or with that of an instance."""
    said = inspect.getdoc(EXPORTS[name]) or ""
    code = [*re.findall(r"`([^`]+)`", said), *re.findall(r"^    .*$", said, re.MULTILINE)]
    own = {name, name.removeprefix("Weak"), "vat_frame" if name == "MigrationError" else name}
    assert any(word in line and line.strip() != word for line in code for word in own), said


@pytest.mark.parametrize("name", [name for name, thing in CALLED.items() if inspect.isfunction(thing)])
def test_an_export_names_its_errors(name: str) -> None:
    """Each class of error that it raises by itself is in its docstring."""
    said = inspect.getdoc(CALLED[name]) or ""
    raised = {
        error
        for error in raised_in(inspect.unwrap(CALLED[name]))
        if isinstance(vars(builtins).get(error, vars(errors_of_vats).get(error)), type)
    }
    assert {error for error in raised if error not in said} == set()
