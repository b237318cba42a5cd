"""The page on recovering has a section for everything that goes wrong, and names only what can be typed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from typing import cast, get_args

import pytest

from swingset.command.cli import main, parser
from swingset.command.helping import hint
from swingset.core.departing import MoveCode
from swingset.core.errors import VatFault
from swingset.guest.base.errors import RemoteError
from swingset.host.worlds.opening import open_world
from swingset.model.recovering import recovery
from swingset.model.reports import Fault
from swingset.model.states import Reason
from swingset.net.links import CODES as LINKS
from swingset.world import errors
from swingset_nb.asleep import cures
from swingset_nb.commands import registered, run
from swingset_nb.errors import VatFailed, as_text, vat_failed
from swingset_nb.magics import KIND, MODULE, VAT, WHATIF
from swingset_nb.notebook import Notebook
from tests.docs.test_docs import DOCS

HOWTO = ("testing-vats", "sharing-code", "handling-time", "calling-http", "profiling", "moving-a-world")
PAGE = (DOCS / "recovering.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
MISUSE = {"WorldMisuse", "UncommittedChanges", "UnknownCommit", "UnknownLabel", "LabelExists", "NoSuchMoment"}
"""Errors of a call and not of a file: there is nothing to recover from."""
CELLS = {"%%vat": VAT, "%%kind": KIND, "%%module": MODULE, "%%whatif": WHATIF}
KINDS = {"WorldError", "StorageError", "ValueRefused"} | MISUSE
"""Errors without a section: those, bases, and a refusal of SQLite that is told as another."""


def codes_of_the_library() -> list[str]:
    """The codes that are no reason of the kernel: the library and its devices give them to errors."""
    found = set[str]()
    for path in (DOCS.parent / "kernel" / "swingset").rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "code" in text else ():
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                said = [
                    value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code"
                ]
                found |= {value.value for value in said if isinstance(value, ast.Constant) and value.value}
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                found |= {node.value.value} if isinstance(node.value.value, str) else set()
    return sorted(found - {*get_args(Reason)})


CODES = tuple(dict.fromkeys((*get_args(Reason), *codes_of_the_library(), *LINKS, *get_args(MoveCode))))


def test_the_page_on_moves_has_each_code() -> None:
    """It says of each code of a vat that cannot move why that is."""
    page = (DOCS / "moving-vats.md").read_text()
    assert [code for code in get_args(MoveCode) if f"`{code}`" not in page] == []


def world_errors() -> list[str]:
    """The errors of a world file, by name."""
    found = [name for name, each in vars(errors).items() if isinstance(each, type)]
    return sorted(name for name in found if issubclass(getattr(errors, name), errors.WorldError))


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_a_section(code: str) -> None:
    """It says what the code means, what is seen, and what to do; and the table on top leads to it."""
    text = SECTIONS[code].strip()
    blocks = re.split(r"\n\n(?=\S)", text)
    assert len(blocks) >= 3, "what it means, what you see, what to type"
    assert blocks[1].startswith(("```python\n", "You see "))
    assert blocks[-1].startswith("- ")
    assert PAGE.count(f"[{code}](#{code})") == 1


@pytest.mark.parametrize("name", [name for name in world_errors() if name not in KINDS])
def test_each_error_of_a_world_file_is_told(name: str) -> None:
    """It has a section, or is named in that of its kind."""
    assert name in SECTIONS or f"`{name}`" in PAGE


def test_no_section_is_of_something_else() -> None:
    """Each section is of a code or an error that exists."""
    assert SECTIONS.keys() <= {*CODES, *world_errors()} | {"Errors"}


def typed() -> Iterator[tuple[str, str]]:
    """What the how-to pages tell to type, with the page."""
    for page in (*HOWTO, "recovering"):
        text = (DOCS / f"{page}.md").read_text()
        outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        shown = re.findall(r"^```\n(swingset .*?)\n```$", text, re.MULTILINE | re.DOTALL)
        for line in (*re.findall(r"`([^`\n]+)`", outside), *shown):
            if re.match(r"%|swingset ", line):
                yield page, line


PLACES = {"N": "7", "M": "8", "VAT": "bank", "METER": "m1"}
"""What stands for what a reader has to fill in, where it has to be a number or a name."""


@pytest.mark.parametrize(("page", "line"), sorted(set(typed())))
def test_what_is_to_be_typed_can_be(page: str, line: str) -> None:
    """Each line that a how-to page tells to type is read by its parser, as far as it goes."""
    first, *words = [PLACES.get(word, word) for word in shlex.split(line)]
    if first == "swingset":
        assert words[0] in ("--version", "--help") or parser().parse_args(words), page
    elif first in CELLS:
        assert CELLS[first].read(shlex.join(words) or "bank"), page
    elif words:
        known = registered()[words[0]].parser
        assert {word for word in words if word.startswith("--")} <= {*known._option_string_actions}, page
        if len(words) > 1:
            assert known.read(shlex.join(words[1:])), page
    else:
        assert first == "%swingset", page


def test_calls_of_the_world_exist() -> None:
    """Each `controller....(` in the text of the how-to pages is a method of an open world."""
    found = set[str]()
    for page in (*HOWTO, "recovering"):
        found.update(re.findall(r"\bcontroller((?:\.\w+)+)\(", (DOCS / f"{page}.md").read_text()))
    assert len(found) > 5
    with open_world(worker="local") as world:
        for path in found:
            target: object = world
            for name in path.split(".")[1:]:
                target = getattr(target, name)
            assert callable(target), path


NAMES = [*CODES, *(name for name in world_errors() if name not in KINDS)]


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_the_cures(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A notebook and a terminal show what each code and error means and every cure of its section."""
    section = recovery(name)
    assert section is not None
    shown = run(cast(Notebook, None), f"help {name}")
    assert shown is not None
    assert main(["help", name]) == 0
    for text in (shown.plain(), capsys.readouterr().out):
        flat = " ".join(text.split())
        assert " ".join(section.meaning.split()) in flat
        assert section.cures
        assert all(cure in flat for cure in section.cures)
        assert f"docs/recovering.md#{section.name.lower()}" in flat


@pytest.mark.parametrize("name", [*registered()])
def test_no_section_hides_a_subcommand(name: str) -> None:
    """A word of `%swingset` is never taken for a code or an error, though sections name it."""
    assert recovery(name) is None


def test_help_refuses_what_is_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what there is help for."""
    assert main(["help", "hovercraft"]) == 1
    assert "vat-upgraded" in capsys.readouterr().err


@pytest.mark.parametrize("code", CODES)
def test_an_error_with_a_code_says_where_its_cure_is(code: str) -> None:
    """A rejection, the reason of a suspension, and a start that failed otherwise than by its own error."""
    line = f"`%swingset help {code}` says what to do about it"
    problem = RemoteError("it did not work", code=code)
    assert line in as_text(problem, lambda _part: None)
    if code not in get_args(Reason):
        return  # no vat is suspended or refused with it
    assert line in cures("bank", f"{code}: it did not work")
    if code != "start-failed":
        fault = Fault(cast(Reason, code), "it did not work")
        assert line in vat_failed(VatFault("bank", "it did not start", fault), VatFailed, {}).hints


@pytest.mark.parametrize("name", [name for name in world_errors() if name not in KINDS])
def test_an_error_of_the_file_says_where_its_cure_is(name: str) -> None:
    """Its section is named below it, or the steps of its own are."""
    problem = getattr(errors, name).__new__(getattr(errors, name))
    Exception.__init__(problem, "it did not work")
    assert "→ " in as_text(problem, lambda _part: None)
    section = recovery(name)
    assert section is not None
    assert hint(problem) == f"→ `swingset help {section.name}` says what to do"
