"""What a vat's source imports, and which names its modules may have.

The source is only parsed, never run. What cannot be parsed here, because the vat's Python is a later one, is
read line by line: a name too many costs nothing but that a module comes along that nobody needs. So is a
source that is too long for a module, because a syntax tree takes hundreds of bytes for each character.

The source may be a stranger's. So reading it takes time in proportion to its length, and the sum is bounded.
"""

from __future__ import annotations

import ast
import keyword
import re
import sys
from collections.abc import Collection, Iterable, Mapping

from swingset.core.errors import KernelError
from swingset.model.capdata import is_well_formed
from swingset.model.foreign import shown
from swingset.model.lines import source_lines
from swingset.model.modules import INIT, MODULE, Parts, by_module, cells_of

MOST_SOURCE = 1_000_000
"""The longest source of one module, in characters."""

MOST_MODULES = 500
"""The most modules of one package."""

MOST_READ = 10_000_000
"""How many characters are read for one vat, of its cells and of the modules that these import."""

_LONGEST_NAME = 150
_WORD = re.compile(r"\w+", re.ASCII)


def imported(source: str) -> set[str]:
    """The names that a source imports, each without what follows its first dot."""
    if len(source) > MOST_SOURCE:
        return _by_line(source)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _by_line(source)
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and (name := _called_for(node)):
            found.add(name)
    return found


def _called_for(call: ast.Call) -> str:
    """The name that a call such as `import_module("money")` imports, if the source says it."""
    called, given = call.func, call.args[0] if call.args else None
    function = called.attr if isinstance(called, ast.Attribute) else ""
    function = called.id if isinstance(called, ast.Name) else function
    if function not in ("import_module", "__import__") or not isinstance(given, ast.Constant):
        return ""
    return given.value.partition(".")[0] if isinstance(given.value, str) else ""


def _by_line(source: str) -> set[str]:
    found: set[str] = set()
    for line in source_lines(source):
        words = line.split(None, 1)
        if len(words) < 2 or words[0] not in ("import", "from"):
            continue
        for piece in words[1].split(",") if words[0] == "import" else words[1:]:
            if (name := _WORD.match(piece.strip())) is not None:
                found.add(name[0])
    return found


def needed_by(
    cells: Iterable[tuple[str, str]], known: Mapping[str, Parts], closed: Collection[str] = ()
) -> list[str]:
    """The known modules that cells import, or that those import, by name.

    What is in `closed` is not read, so what such a module imports is not found. Raises `KernelError` if there
    is too much to read.
    """
    needed: set[str] = set()
    waiting = [source for _, source in cells]
    budget = MOST_READ
    while waiting:
        source = waiting.pop()
        budget -= len(source)
        if budget < 0:
            raise KernelError(
                f"the code of a vat and the modules that it imports have more than {MOST_READ:,} characters:"
                " let it import fewer"
            )
        for name in (imported(source) & known.keys()) - needed if known else ():
            needed.add(name)
            if name not in closed:
                waiting += [source for _, source in known[name]]
    return sorted(needed)


def module_parts(name: str, source: object) -> Parts:
    """A module as a part of a vat's code; raises KernelError for a name or a source that cannot be one."""
    if (trouble := name_trouble(name)) is not None:
        raise KernelError(f"{shown(name)} cannot name a module for vats: {trouble}")
    if not isinstance(source, str) or len(source) > MOST_SOURCE or not is_well_formed(source):
        wants = f"its source as a str of up to {MOST_SOURCE:,} characters, without halves of surrogate pairs"
        raise KernelError(f"module {name} wants {wants}")
    return ((MODULE + name, source),)


def all_module_parts(modules: Iterable[tuple[str, object]]) -> Parts:
    """Modules as parts of a vat's code, by name; raises as `module_parts` does."""
    found = dict(part for name, source in modules for part in module_parts(name, source))
    if len(found) > MOST_MODULES:
        raise KernelError(f"{len(found)} modules are too many: at most {MOST_MODULES} in one package")
    return tuple(sorted(found.items()))


def with_modules(parts: Parts, modules: Mapping[str, str] | None) -> Parts:
    """A vat's code with these modules, instead of those that it has under the same names.

    Raises `KernelError` for a name or a source that cannot be a module.
    """
    if not modules:
        return parts
    given = by_module(all_module_parts(modules.items()))
    found = {**by_module(parts), **given}
    return (*(part for name in sorted(found) for part in found[name]), *cells_of(parts))


def name_trouble(name: object) -> str | None:
    """Why a module for vats cannot have a name, or None."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return f"use a str of up to {_LONGEST_NAME} characters"
    words = name.removesuffix(INIT).split(".")
    if not all(word.isascii() and word.isidentifier() and not keyword.iskeyword(word) for word in words):
        return "use letters, digits and _, with dots only for modules in a package"
    if words[0] in sys.stdlib_module_names:
        return f"{words[0]} is a module of Python's own"
    if words[0] == "swingset" or words[0].startswith("__"):
        return f"{words[0]} is taken already"
    return None
