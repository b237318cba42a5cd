"""What every fix is made with: the code that was refused, the code that runs, and how a part comes back.

A part that comes back is copied from the running code, with the imports that it needs and the indentation of
its new place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from swingset.lens.blocks import Block, Code, Sort
from swingset.lens.outlines import outline
from swingset.model.modules import Parts


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


@dataclass(frozen=True)
class Place:
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
        if old is None:
            return
        noun = "class" if sort == "class" else "function"
        there, text = self.new(sort, name), old.code.text(old.block)
        if there is not None:
            source = there.code.replaced(there.block.first, there.block.last, text)
            part, title = there.part, f"write {noun} {name} as it runs"
        else:
            part = old.part if old.part in self.code else next(reversed(self.code))
            code = Code(self.code[part])
            at = _place_of_next(old, code)
            lines = [*text, "", ""] if at is not None else ["", "", *text]
            at = len(code.lines) + 1 if at is None else at
            source, title = code.replaced(at, at - 1, lines), f"bring back {noun} {name}"
        yield Fix(title, part, self.completed(source, text, old.code), why)

    def _place(self, parts: dict[str, str], sort: Sort, name: str) -> Place | None:
        for part, source in reversed(parts.items()):
            if name in source:
                code = self._code(source)
                block = code.named(sort, name)
                if block is not None:
                    return Place(part, code, block)
        return None

    def _code(self, source: str) -> Code:
        """A source in blocks; each is read once, because a refusal may lead to many of its classes."""
        if source not in self._read:
            self._read[source] = Code(source)
        return self._read[source]

    def completed(self, source: str, added: list[str], old: Code) -> str:
        """A source with the imports of names that lines from another source need."""
        imports = old.imports()
        for name in re.findall(r"\b[^\W\d]\w*\b", "\n".join(added)):
            if name in imports:
                code = Code(source)
                if name not in code.imports() and code.named("class", name) is None:
                    source = code.importing(name, imports[name])
        return source


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
