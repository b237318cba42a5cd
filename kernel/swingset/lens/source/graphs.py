"""A bundle as a graph of modules: what each module is, what it imports, and what cannot be judged in it.

A module is known by the hash of its source, so the same module is the same in every bundle. Its imports are
read off the syntax tree, and nothing is run. An import leads to a module of the graph or to an exit.

Code can reach modules, names and objects in ways that no reading of it can follow. Many are found and shown
as doubts, with the line (`doubts`). The source is a stranger's: reading takes time in proportion to its
length, and what is too deep to be read is a doubt too.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from swingset.lens.source.doubts import Doubt, doubts_of, name_of
from swingset.model.modules import EXITS, Parts, declared_exits, is_package, module_of

MOST_READ = 1_000_000
"""The longest source that is read, in characters."""

MOST_READ_IN_ALL = 5_000_000
"""How many characters of a bundle are read in all; what comes after them is a doubt."""

MOST_DOUBTS = 50
"""The most doubts about one module."""

SHORT = 12
"""How many characters of its hash name a module for people."""


def module_hash(source: str) -> str:
    """The hash that names the source of a module, in every bundle."""
    return hashlib.sha512(source.encode()).hexdigest()


@dataclass(frozen=True)
class ModuleFacts:
    """One module of a graph, read and not run.

    `imports` are the modules of the graph that it imports, `exits` the other names that it imports, and
    `doubts` what cannot be judged.
    """

    name: str
    source: str
    hash: str
    imports: tuple[str, ...]
    exits: tuple[str, ...]
    doubts: tuple[Doubt, ...]

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.source.count("\n") + (not self.source.endswith("\n"))


@dataclass(frozen=True)
class ModuleGraph:
    """The modules of a bundle, in order, with its own cells last. `declared` are its exits, None if
    unknown.
    """

    modules: tuple[ModuleFacts, ...]
    declared: tuple[str, ...] | None

    @property
    def exits(self) -> tuple[str, ...]:
        """All names that its modules import and that are not in it."""
        return tuple(sorted({name for module in self.modules for name in module.exits}))

    @property
    def undeclared(self) -> tuple[str, ...]:
        """The exits that it does not declare: importing them is refused when it runs."""
        return () if self.declared is None else tuple(sorted(set(self.exits) - set(self.declared)))

    @property
    def doubted(self) -> bool:
        """Whether something in it cannot be judged."""
        return any(module.doubts for module in self.modules)

    def unused(self) -> tuple[str, ...]:
        """The modules that no other part imports: they have no part in what the code does, unless by
        doubt.
        """
        cells = [module for module in self.modules if module_of(module.name) is None]
        reached, waiting = set[str](), list(cells)
        by_name = {module_of(module.name): module for module in self.modules}
        while waiting:
            for name in waiting.pop().imports:
                if name not in reached and name in by_name:
                    reached.add(name)
                    waiting.append(by_name[name])
        return tuple(sorted(str(name) for name in by_name if name is not None and name not in reached))


def graph_of(parts: Parts) -> ModuleGraph:
    """Read the parts of a bundle."""
    inside = {name for part, _ in parts if (name := module_of(part)) is not None}
    tops = {name.partition(".")[0] for name in inside}
    declared = declared_exits(parts)
    found, budget = list[ModuleFacts](), MOST_READ_IN_ALL
    for part, source in parts:
        if part != EXITS:
            budget -= len(source)
            found.append(_facts(part, source, inside, tops) if budget >= 0 else _unread(part, source))
    more = [part for part, source in parts if part == EXITS and not _is_only_a_declaration(source)]
    if more or sum(part == EXITS for part, _ in parts) > 1:
        doubt = Doubt(1, "its declaration of exits is more than a declaration")
        found += (
            ModuleFacts(part, source, module_hash(source), (), (), (doubt,))
            for part, source in parts
            if part == EXITS
        )
    return ModuleGraph(tuple(found), None if declared is None else tuple(sorted(declared)))


def _is_only_a_declaration(source: str) -> bool:
    try:
        (statement,) = ast.parse(source).body
        listed = statement.value if isinstance(statement, ast.Assign) else None
        return isinstance(listed, ast.List) and all(isinstance(each, ast.Constant) for each in listed.elts)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _facts(part: str, source: str, inside: set[str], tops: set[str]) -> ModuleFacts:
    digest = module_hash(source)
    if len(source) > MOST_READ:
        return _unread(part, source)
    try:
        tree = ast.parse(source)
        nodes = list(ast.walk(tree))
    except SyntaxError as problem:
        doubt = Doubt(problem.lineno or 1, "it is no Python that this reader knows")
        return ModuleFacts(part, source, digest, (), (), (doubt,))
    except (ValueError, RecursionError, MemoryError):
        return ModuleFacts(part, source, digest, (), (), (Doubt(1, "it is too deep to be read"),))
    names = sorted({name for node in nodes for name in _imported(node, part)})
    within = [name for name in names if name.partition(".")[0] in tops]
    doubts = doubts_of(nodes, tops)
    if _is_raw_text(source):
        doubts.insert(0, Doubt(1, "it has characters that change how its lines look"))
    return ModuleFacts(
        part,
        source,
        digest,
        tuple(name for name in within if name in inside),
        tuple(name for name in names if name not in within),
        tuple(doubts[:MOST_DOUBTS]),
    )


def _unread(part: str, source: str) -> ModuleFacts:
    doubt = Doubt(1, f"it is longer than what is read: {MOST_READ:,} characters, {MOST_READ_IN_ALL:,} in all")
    return ModuleFacts(part, source, module_hash(source), (), (), (doubt,))


def _is_raw_text(source: str) -> bool:
    """Whether a text has characters that a reader does not see, or sees in another place."""
    hidden = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0x200B, 0x2010), 0xFEFF, 0xAD}
    return any(ord(char) in hidden or (ord(char) < 32 and char not in "\n\r\t") for char in source)


def exits_of(source: str, part: str = "") -> tuple[str, ...]:
    """The names that a source imports, whole: `swingset.vat`, `os.path`. Empty if it cannot be read."""
    try:
        nodes = list(ast.walk(ast.parse(source))) if len(source) <= MOST_READ else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(sorted({name for node in nodes for name in _imported(node, part)}))


def _imported(node: ast.AST, part: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, part)
        if base and base != "__future__":
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if node.level)
    elif isinstance(node, ast.Call) and name_of(node.func) == "import_module" and node.args:
        given = node.args[0]
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield given.value


def _absolute(node: ast.ImportFrom, part: str) -> str:
    if not node.level:
        return node.module or ""
    above = (module_of(part) or "").split(".")
    keep = len(above) - node.level + (1 if is_package(part) else 0)
    return ".".join([*above[: max(keep, 0)], *([node.module] if node.module else [])])
