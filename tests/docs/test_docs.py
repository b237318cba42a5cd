"""The pages of the documentation say what happens: each snippet is run, in order, in a world of its own page.

A fence that opens with `vat NAME` defines that vat, or upgrades it if there is one. A fence that opens with
`python` is a cell of a session: it may `await`, what it prints and the value of its last line are its output,
and what it raises is its output too. A `text` fence after either holds what its output must be. Fences of any
other language are only shown.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import CodeType, CoroutineType
from typing import Any, NamedTuple

import pytest
from IPython.core.inputtransformer2 import TransformerManager

import swingset_nb
from swingset.core.errors import VatFault
from swingset.guest.sending.eventual import E
from swingset.host.base.outputs import Output
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.testing import audit

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))

_FENCE = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Fence(NamedTuple):
    """One fenced block: its language, what stands behind that, the line it begins at, and its text."""

    language: str
    name: str
    line: int
    text: str


def fences(page: Path) -> list[Fence]:
    text = page.read_text()
    return [
        Fence(found[1] or "", found[2].strip(), text.count("\n", 0, found.start()) + 1, found[3])
        for found in _FENCE.finditer(text)
    ]


def python_of(cell: str) -> str:
    """A cell as IPython runs it: its line magics are calls."""
    return TransformerManager().transform_cell(cell)


class Reader:
    """Somebody who tries out a page."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "my.world"
        self.said = io.StringIO()
        self.names: dict[str, Any] = {"get_ipython": lambda: self}
        self.open()

    def open(self) -> None:
        """Open the world, again perhaps, as a new session."""
        self.controller = open_world(self.path, worker="local")
        self.controller.outputs.listen(
            lambda out: self.said.write(out.text) if out.stream != "notice" else None
        )
        self.session = Session(self.controller)
        self.session.names.classes = self.names
        self.names.update({"E": E} | self.session.names.recall())

    def _hear(self, output: Output) -> None:
        if output.stream != "notice":
            self.said.write(output.text)

    def run_line_magic(self, magic: str, line: str) -> None:
        """The lines that close the world and open it again, as a notebook runs them."""
        assert magic == "swingset", magic
        match line:
            case "close":
                self.session.names.remember(self.names)
                self.session.close()
            case "open my.world":
                self.open()
            case _:
                raise AssertionError(f"the tests of the pages cannot run {line!r}")

    def vat(self, name: str, source: str) -> str:
        """Define a vat, or upgrade it."""
        try:
            if name in [vat.name for vat in self.controller.vats]:
                self.session.upgrade(name, name, source, "new code")
            else:
                self.names[name] = self.session.define(name, source)
        except VatFault as fault:
            self.said.write(f"{fault}\n")
        return self.heard()

    def cell(self, source: str, where: str) -> str:
        """Run a cell; its output."""
        tree = ast.parse(python_of(source), where)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        with redirect_stdout(self.said):
            try:
                self._run(compile(tree, where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
                if isinstance(last, ast.Expr):
                    shown = compile(ast.Expression(last.value), where, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                    value = self._run(shown)
                    if value is not None:
                        print(repr(value))
            except Exception as exc:
                print(f"{type(exc).__name__}: {exc}")
        return self.heard()

    def _run(self, code: CodeType) -> Any:
        value = eval(code, self.names)
        if isinstance(value, CoroutineType):
            try:
                value.send(None)
            except StopIteration as stop:
                return stop.value
            raise AssertionError("a cell waits for something that is no promise")
        return value

    def heard(self) -> str:
        self.session.settle()
        text = self.said.getvalue()
        self.said.seek(0)
        self.said.truncate()
        return text

    def close(self) -> None:
        problems = audit(self.controller.kernel.store)
        self.session.close()
        assert not problems, problems


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    found = Reader(tmp_path)
    monkeypatch.setattr(swingset_nb, "session", lambda: found.session)
    yield found
    found.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_says_what_happens(page: Path, reader: Reader) -> None:
    """Every snippet of the page runs, and its output is what the page shows."""
    blocks = fences(page)
    assert any(block.language == "python" for block in blocks), "the page shows nothing that runs"
    for block, after in zip(blocks, [*blocks[1:], Fence("", "", 0, "")], strict=True):
        where = f"{page.name}:{block.line}"
        if block.language == "vat":
            output = reader.vat(block.name, "\n" + block.text)
        elif block.language == "python":
            output = reader.cell(block.text, where)
        else:
            continue
        shown = after.text if after.language == "text" else ""
        assert output == shown, f"{where} says:\n{output}"


def unbound(page: Path) -> set[str]:
    """The names that the cells of a page use, and neither they nor a notebook bind."""
    bound, found = {*dir(builtins), "E", "get_ipython"}, set[str]()
    for block in fences(page):
        if block.language == "vat":
            bound.add(block.name)
        if block.language != "python":
            continue
        nodes = list(ast.walk(ast.parse(python_of(block.text))))
        for node in tuple(nodes):  # what a cell passes to `exec` binds names too
            match node:
                case ast.Assign(value=ast.Constant(value=str(text))) if (
                    "\ndef " in text or "\nclass " in text
                ):
                    nodes += ast.parse(text).body
        for node in nodes:
            match node:
                case ast.alias(name=name, asname=other):
                    bound.add((other or name).partition(".")[0])
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    bound.add(name)
                case (
                    ast.arg(arg=name) | ast.ExceptHandler(name=str(name)) | ast.Name(id=name, ctx=ast.Store())
                ):
                    bound.add(name)
        used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        found |= used - bound
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_uses_only_names_that_it_binds(page: Path) -> None:
    """Every name in its cells is bound by one, or is what every notebook has."""
    assert unbound(page) == set(), "bind them in a cell of the page"


PUBLIC = re.compile(
    r"swingset(\.vat(\.\w+)?|\.testing|\.cluster|\.netlayers|\.net\.locators|\.workers\.pulses|\.command\.cli)?|swingset_nb"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_imports_only_what_is_public(page: Path) -> None:
    """What a reader types comes from the modules that are there for readers."""
    found = re.findall(r"^(?:from|import) (swingset[\w.]*)", page.read_text(), re.MULTILINE)
    assert [name for name in found if not PUBLIC.fullmatch(name)] == []


def test_every_page_is_listed() -> None:
    """The first page names all others, and only pages that exist."""
    named = re.findall(r"\]\(([\w-]+)\.md\)", (DOCS / "README.md").read_text())
    assert sorted(named) == [page.stem for page in PAGES if page.stem != "README"]
