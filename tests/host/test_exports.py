"""The public face: every name is there, says what it is, and leads to nothing that is not public itself.

What is public is what `swingset` exports. Each public class is walked: what its methods, properties and
fields give back has to be importable from `swingset` too, and so has what its docstrings say is raised. The
examples in these docstrings are run, each in a world of its own.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

import swingset
import swingset.api
from swingset.guest.sending.eventual import E
from swingset.vat import D

ROOT = Path(__file__).parents[2]

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int):
        self.balance += amount
        return self.balance

@remotable
class Bank:
    def open_purse(self, owner: str):
        return Purse(owner=owner)

def build_root_object():
    return Bank()
"""


class Tally(swingset.Device):
    """What the examples of devices count with."""

    kind = "tally"

    def add(self, call: swingset.DeviceCall, number: int) -> int:
        call.state["count"] = call.state.get("count", 0) + number
        return int(call.state["count"])


CLASSES = {
    name: getattr(swingset, name) for name in swingset.__all__ if inspect.isclass(getattr(swingset, name))
}
FUNCTIONS = {
    name: getattr(swingset, name) for name in swingset.__all__ if inspect.isfunction(getattr(swingset, name))
} | {
    f"policies.{name}": found
    for name, found in vars(swingset.policies).items()
    if inspect.isfunction(found) and name in swingset.policies.__all__
}


def parts_of(cls: type) -> Iterator[tuple[str, Any, str]]:
    """The public methods and properties of a class of ours: name, function, and which it is."""
    for base in cls.__mro__:
        if not base.__module__.startswith("swingset"):
            continue
        for name, found in vars(base).items():
            if name[0] == "_":
                continue
            if isinstance(found, property):
                yield name, found.fget, "property"
            elif isinstance(found, classmethod | staticmethod):
                yield name, found.__func__, "method"
            elif inspect.isfunction(found):
                yield name, found, "method"


METHODS = {
    f"{name}.{part}": (function, kind)
    for name, cls in CLASSES.items()
    for part, function, kind in parts_of(cls)
}
INSIDE = {"Session.liveslots"}
"""What is for the library itself: the guest library of a session's own vat."""

CALLED = ("swingset.host.", "swingset.lens.")
"""Where the classes are from whose methods an embedder calls; records of the layers below are only read."""

CALLABLES = {
    name: function
    for name, (function, kind) in METHODS.items()
    if kind == "method" and function.__module__.startswith(CALLED)
} | FUNCTIONS


def ours(annotation: Any) -> Iterator[type]:
    """The classes of this project that an annotation mentions."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        if annotation.__module__.partition(".")[0] == "swingset":
            yield annotation
        return
    for inner in typing.get_args(annotation):
        yield from ours(inner)
    if isinstance(annotation, list):
        for inner in annotation:
            yield from ours(inner)


def given_back(function: Any) -> Any:
    return typing.get_type_hints(function, include_extras=True).get("return")


def sections(text: str) -> dict[str, str]:
    """The sections of a docstring by their headings."""
    found = re.split(
        r"^(Args|Returns|Raises|Example|Source):$\n?", inspect.cleandoc(text), flags=re.MULTILINE
    )
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_every_list_of_the_public_names_is_the_same() -> None:
    """What `swingset` says it has, what it hands out and what `swingset.api` imports are the same names."""
    assert sorted(swingset.__all__) == swingset.__all__ == swingset.api.__all__
    assert set(swingset.__all__) <= set(dir(swingset))
    for name in swingset.__all__:
        assert getattr(swingset, name) is getattr(swingset.api, name)
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        getattr(swingset, "none" + "such")


def test_an_import_of_a_module_loads_no_other() -> None:
    """Code of a vat imports this package, and is not to wait for all that an embedder needs."""
    code = "import sys; from swingset import vat, testing; print('swingset.api' in sys.modules)"
    code += "; from swingset import *; print(open_world.__name__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "open_world"]


@pytest.mark.parametrize("name", [name for name in METHODS | FUNCTIONS if name not in INSIDE])
def test_what_is_given_back_is_public(name: str) -> None:
    """Whoever is handed an object by a public method can name its class."""
    function = METHODS[name][0] if name in METHODS else FUNCTIONS[name]
    for cls in ours(given_back(function)):
        assert getattr(swingset, cls.__name__, None) is cls, f"{name} gives back {cls}, which is not exported"


@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if is_dataclass(cls)])
def test_what_a_public_record_holds_is_public(name: str) -> None:
    """Whoever is handed a field of a record can name its class."""
    for field, annotation in typing.get_type_hints(CLASSES[name]).items():
        for cls in ours(annotation):
            assert getattr(swingset, cls.__name__, None) is cls, f"{name}.{field} is {cls}, not exported"


def literals(annotation: Any) -> Iterator[Any]:
    """The sets of words in an annotation: a single word needs no name."""
    if typing.get_origin(annotation) is typing.Literal:
        if len(typing.get_args(annotation)) > 1:
            yield annotation
        return
    for inner in typing.get_args(annotation):
        yield from literals(inner)


@pytest.mark.parametrize("name", [*CALLABLES, *(name for name, cls in CLASSES.items() if is_dataclass(cls))])
def test_every_set_of_words_is_public(name: str) -> None:
    """What a public method takes or returns as one of several words, or a record holds, has a public name."""
    known = [getattr(swingset, exported) for exported in swingset.__all__]
    for annotation in typing.get_type_hints(CALLABLES.get(name) or CLASSES[name]).values():
        for words in literals(annotation):
            assert words in known, f"{name}: {words} is not exported"


@pytest.mark.parametrize(
    ("record", "field", "words"),
    [
        (swingset.VatRecord, "state", swingset.VatState),
        (swingset.VatRow, "state", swingset.VatState),
        (swingset.PromiseRow, "state", swingset.PromiseState),
        (swingset.CrankReport, "outcome", swingset.CrankOutcome),
        (swingset.Explanation, "verdict", swingset.Verdict),
        (swingset.Output, "stream", swingset.OutputStream),
        (swingset.CListRow, "direction", swingset.Direction),
        (swingset.Collect, "kind", swingset.CollectionKind),
        (swingset.Fault, "code", swingset.Reason),
    ],
)
def test_a_record_says_which_words_a_field_can_be(record: type, field: str, words: Any) -> None:
    """A type checker knows every state, outcome, verdict and stream, and so finds one that is misspelled."""
    assert typing.get_type_hints(record)[field] == words


@pytest.mark.parametrize(
    "part", ["vats", "queue", "meters", "market", "gc", "history", "options", "devices", "outputs", "net"]
)
def test_the_parts_of_a_controller_are_public(part: str, world: swingset.Controller) -> None:
    """The class of each part can be named, and so its methods are held to what stands here."""
    cls = type(getattr(world, part))
    assert getattr(swingset, cls.__name__) is cls


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_says_what_it_is(name: str) -> None:
    """Each has a docstring of its own."""
    assert CLASSES[name].__doc__


@pytest.mark.parametrize("name", CALLABLES)
def test_a_public_method_says_how_to_call_it(name: str) -> None:
    """Its docstring names every argument and every error that it raises by itself, and has an example."""
    function = CALLABLES[name]
    assert function.__doc__, f"{name} has no docstring"
    said = sections(function.__doc__)
    wanted = [
        arg.name for arg in inspect.signature(function).parameters.values() if arg.name not in ("self", "cls")
    ]
    named = re.findall(r"^    (\w+): \S", said.get("Args", ""), flags=re.MULTILINE)
    assert named == wanted, f"{name} takes {wanted}, and describes {named}"
    assert ">>> " in said.get("Example", ""), f"{name} has no example"
    assert raised_in(function) <= set(errors_of(function)), f"{name} raises {raised_in(function)}"


@pytest.mark.parametrize("name", CALLABLES)
def test_a_public_method_says_what_it_follows(name: str) -> None:
    """It, or its class for all of them, names SwingSet's own of it, or says that there is none."""
    owner = name.rpartition(".")[0]
    said = [CALLABLES[name], *([CLASSES[owner]] if owner in CLASSES else [])]
    found = [sections(each.__doc__ or "").get("Source", "").strip() for each in said]
    assert any(found), f"{name}: add `Source:` to its docstring or to that of {owner}"


def errors_of(function: Any) -> list[str]:
    said = sections(function.__doc__ or "").get("Raises", "")
    return re.findall(r"^    (\w+): \S", said, flags=re.MULTILINE)


def raised_in(function: Any) -> set[str]:
    """The names of what stands behind `raise` in a function, but for functions within: others call them."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(ast.parse(_dedented(function)).body[0].body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            continue
        waiting += ast.iter_child_nodes(node)
        if (
            isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and isinstance(node.exc.func, ast.Name)
        ):
            names.add(node.exc.func.id)
    return names


def _dedented(function: Any) -> str:
    source = inspect.getsource(function)
    margin = len(source) - len(source.lstrip())
    return "\n".join(line[margin:] for line in source.splitlines())


@pytest.mark.parametrize("name", CALLABLES)
def test_what_is_raised_is_public(name: str) -> None:
    """Whoever wants to catch what a docstring tells of can import it."""
    for error in errors_of(CALLABLES[name]):
        found = getattr(swingset, error, None) or getattr(swingset.vat, error, None) or vars(types).get(error)
        found = found or getattr(__import__("builtins"), error, None)
        assert isinstance(found, type), f"{name} raises {error}, which is not exported"
        assert issubclass(found, BaseException)


@pytest.fixture
def world() -> Iterator[swingset.Controller]:
    with swingset.open_world(worker="local") as made:
        yield made


@pytest.mark.parametrize("name", CALLABLES)
def test_the_example_of_a_method_is_true(name: str, world: swingset.Controller, tmp_path: Path) -> None:
    """It runs, and gives what it shows."""
    session = swingset.Session(world)
    bank = session.define("bank", BANK)
    known = {
        "swingset": swingset,
        "world": world,
        "session": session,
        "bank": bank,
        "E": E,
        "D": D,
        "folder": tmp_path,
        "Tally": Tally,
    }
    function = CALLABLES[name]
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    example = parser.get_doctest(
        inspect.cleandoc(function.__doc__), known, name, function.__code__.co_filename, 0
    )
    assert example.examples, f"{name} has no example"
    said: list[str] = []
    outcome = runner.run(example, out=said.append, clear_globs=False)
    assert outcome.failed == 0, "".join(said)


@pytest.mark.parametrize("folder", ["docs", "notebooks", "benchmarks", "swingset_nb"])
def test_nobody_reaches_into_the_store(folder: str) -> None:
    """No page, notebook, benchmark or panel asks a kernel's tables: what it needs has a public name."""
    reaching = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".md", ".py", ".ipynb")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"\bkernel\.store\b", line)
    ]
    assert not reaching
