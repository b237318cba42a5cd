"""Puts the JavaScript of the panels together: one text from small modules, because a widget has one.

The modules in `static` are modules of JavaScript as Node and a type checker see them. They import each other
by name, in lines of one form, and their names differ, so it is enough to write them one after the other
without these lines. Nothing is compiled: what the page runs is what stands in the files, without comments and
space, because the text is sent to each page. So no text in them has an end of a line in it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[^"]*)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*//[^\n]*\n|/\*\*.*?\*/ ?", re.MULTILINE | re.DOTALL)
_SPACE = re.compile(r"^\s+|(?<=\n)\n", re.MULTILINE)
_BREAK = re.compile(r"(?<=[,(\[{])\n|\n(?=[)\]}])")
"""An end of a line that ends no statement."""


@cache
def script(name: str) -> str:
    """The JavaScript of a module, and before it those that it imports."""
    found: dict[Path, str] = {}
    _collect(STATIC / name, found)
    return "".join(found.values())


@cache
def style(*names: str) -> str:
    """Style sheets, one after the other."""
    return "".join((STATIC / name).read_text("utf-8") for name in names)


def _collect(path: Path, found: dict[Path, str]) -> None:
    source = path.read_text("utf-8")
    for imported in _IMPORT.findall(source):
        other = (path.parent / imported).resolve()
        if other not in found:
            _collect(other, found)
    found[path.resolve()] = _short(_EXPORT.sub("", _IMPORT.sub("", source)))


def _short(source: str) -> str:
    return _BREAK.sub("", _SPACE.sub("", _COMMENT.sub("", source)))
