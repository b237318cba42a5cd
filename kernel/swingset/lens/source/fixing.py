"""What every fix is made with: the code that was refused, the code that runs, and how a part comes back.

A part that comes back is copied from the running code, with the imports that it needs and the indentation of
its new place.
"""

from __future__ import annotations

import builtins
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from swingset.lens.source.blocks import Block, Code, Sort
from swingset.lens.source.outlines import lines_of, outline
from swingset.model.modules import Parts

_MOST_IMPORTS = 20


@dataclass(frozen=True)
class Fix:
    """A change of one cell that may cure a refusal.

    `title` says what it changes and `why` gives the reason. `source` is the whole changed source of `part`.
    """

    title: str
    part: str
    source: str
    why: str

    def __str__(self) -> str:
        return f"{self.title}: {self.why}"


class Place(NamedTuple):
    """A class or function: the cell that it is in, and its lines there."""

    part: str
    code: Code
    block: Block


class Sources:
    """The code that was refused, and the code that runs."""

    def __init__(self, code: Parts, running: Parts) -> None:
        self.code = dict(code)
        self.running = dict(running)
        self._read: dict[str, Code] = {}
        self._outlines = outline(tuple(code)), outline(tuple(running))

    def new(self, sort: Sort, name: str) -> Place | None:
        """A block of the new code, by name."""
        return self._place(self.code, sort, name)

    def old(self, sort: Sort, name: str) -> Place | None:
        """A block of the running code, by name."""
        return self._place(self.running, sort, name)

    def new_class(self, tag: str) -> Place | None:
        """The class of a kind in the new code."""
        found = self._outlines[0].tagged(tag)
        return None if found is None else self.new("class", found.name)

    def old_class(self, tag: str) -> Place | None:
        """The class of a kind in the running code."""
        found = self._outlines[1].tagged(tag)
        return None if found is None else self.old("class", found.name)

    def fresh(self) -> list[Place]:
        """The durable classes of the new code that the running code does not have, and that set no tag."""
        found = [
            self.new("class", cls.name)
            for cls in self._outlines[0].classes.values()
            if cls.mark == "durable" and cls.tag == cls.name and cls.name not in self._outlines[1].classes
        ]
        return [place for place in found if place is not None]

    def classes(self) -> list[str]:
        """The names of the classes that both have."""
        return [name for name in self._outlines[0].classes if name in self._outlines[1].classes]

    def back(self, sort: Sort, name: str, why: str) -> Iterator[Fix]:
        """A class or function as it runs: in place of that of the new code, or where it was."""
        old = self.old(sort, name)
        if old is None or old.block.shares:
            return
        noun = "class" if sort == "class" else "function"
        there, text = self.new(sort, name), old.code.text(old.block)
        if there is not None and there.block.shares:
            return
        if there is not None:
            source = there.code.replaced(there.block.first, there.block.last, text)
            part, title = there.part, f"write {noun} {name} as it runs"
        else:
            part = old.part if old.part in self.code else next(reversed(self.code))
            code = self.read(self.code[part])
            at = _place_of_next(old, code)
            lines = [*text, "", ""] if at is not None else ["", "", *text]
            at = len(code.lines) + 1 if at is None else at
            source, title = code.replaced(at, at - 1, lines), f"bring back {noun} {name}"
        yield from self.with_imports(Fix(title, part, source, why), text, old.code)

    def _place(self, parts: dict[str, str], sort: Sort, name: str) -> Place | None:
        for part, source in reversed(parts.items()):
            if source in self._read or name in source:
                code = self.read(source)
                block = code.named(sort, name)
                if block is not None:
                    return Place(part, code, block)
        return None

    def read(self, source: str) -> Code:
        """A source in blocks; each is read once, because a refusal may lead to many of its classes."""
        if source not in self._read:
            self._read[source] = Code(source)
        return self._read[source]

    def with_imports(self, fix: Fix, added: list[str], old: Code) -> Iterator[Fix]:
        """A fix with the imports that lines from another source need, which its reason names.

        No import takes the place of a builtin or of a name of the new code. None where many are needed.
        """
        imports, code = old.imports(), Code(fix.source)
        names = {
            name: imports[name] for name in _names(added) if name in imports and not hasattr(builtins, name)
        }
        if len(names) > _MOST_IMPORTS:
            return
        wanted = {name: module for name, module in names.items() if not code.binds(name)}
        if not wanted:
            yield fix
            return
        told = ", ".join(f"`from {module} import {name}`" for name, module in wanted.items())
        yield replace(fix, source=code.importing(wanted), why=f"{fix.why}; adds {told}")


def _names(lines: list[str]) -> list[str]:
    """The names in some lines, each once, but not attributes, comments and texts."""
    found: dict[str, None] = {}
    for line in lines_of(textwrap.dedent("\n".join(lines))):
        for before, token in zip(["", *line.words], line.tokens, strict=False):
            if token.type == tokenize.NAME and before != ".":
                found[token.string] = None
    return list(found)


def _place_of_next(old: Place, code: Code) -> int | None:
    """The line of the first block that comes after a block in the running code and is in the new code too."""
    after = [block for block in old.code.top if block.first > old.block.last]
    for block in after:
        found = code.named(block.sort, block.name) if block.name and block.sort != "import" else None
        if found is not None:
            return found.first
    root = code.named("def", "build_root_object")
    return None if root is None else root.first


def indented(lines: list[str], was: str, wanted: str) -> list[str]:
    """Lines of one indentation with another."""
    return [wanted + line[len(was) :] if line.startswith(was) else line for line in lines]
