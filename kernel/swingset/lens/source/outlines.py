"""What the source of a vat says of its classes: methods, signatures, docstrings, lines. None of it is run.

The code is a stranger's, and of a newer Python than the host's perhaps. So it is not compiled and no syntax
tree is made of it, which would recurse as deep as the stranger likes: the tokens are read once, line by line.
(Of one signature, which is cut to a short length, a tree is made.)
A text that cannot be read to its end is read up to there. The methods that a class has from its bases are put
together for a class that is asked for, because those of all classes would be as many as the square of what
is written. What a program makes while it runs, such as methods that a decorator adds, is not seen; a message
finds them all the same.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Generic, TypeVar

from swingset.model.visible import one_line, visible

MOST_SOURCE = 300_000
"""How many characters of a vat's code are read."""

MOST_TEXT = 300
"""The longest signature."""

MOST_DOC = 2_000
"""The longest docstring."""

_MARKS = ("durable", "virtual", "remotable")
_HELPERS = ("staticmethod", "classmethod", "property", "cached_property", "migrate", "setter", "deleter")
_FIRST = "build_root_object"
_STRING = re.compile(r"""[rRuU]?("{3}|'{3}|"|')(.*)\1""", re.DOTALL)
_QUOTES = frozenset("\"'")
_SKIPPED = (tokenize.COMMENT, tokenize.NL)
_MOST_BASES = 20


@dataclass(frozen=True)
class MethodOutline:
    """A method as its source has it: `signature` without `self`, and the cell (`part`) and line of its code.

    `facets` are the names of the facets that have it, if the class has facets.
    """

    name: str
    signature: str
    doc: str
    part: str
    line: int
    is_async: bool = False
    facets: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassOutline:
    """A class as its source has it: `tag` is what its kind is called.

    `mark` is its decorator, `durable`, `virtual` or `remotable`; empty if it has none of them.
    """

    name: str
    tag: str
    doc: str
    part: str
    line: int
    mark: str = ""
    bases: tuple[str, ...] = ()
    methods: tuple[MethodOutline, ...] = ()


_Outline = TypeVar("_Outline", ClassOutline, MethodOutline)


@dataclass(frozen=True)
class Outline:
    """The classes of one vat by name, and the name of the class of its root, where the code shows it.

    `classes` has each class with the methods in its own body; `named` and `tagged` add those of its bases.
    """

    classes: dict[str, ClassOutline]
    root: str | None = None

    def named(self, name: str) -> ClassOutline | None:
        """The class of that name, with the methods of its bases."""
        cls = self.classes.get(name)
        return None if cls is None else _whole(cls, self.classes)

    def tagged(self, tag: str) -> ClassOutline | None:
        """The class of the kind of that tag, or of that name, with the methods of its bases."""
        found = [cls for cls in self.classes.values() if cls.tag == tag]
        return _whole(found[-1], self.classes) if found else self.named(tag)


@lru_cache(maxsize=32)
def outline(parts: tuple[tuple[str, str], ...]) -> Outline:
    """The outline of a vat's code, which is a number of cells, each with its name and its source."""
    classes: dict[str, ClassOutline] = {}
    root, budget = None, MOST_SOURCE
    for part, source in parts:
        read = _Reading(part)
        for line in lines_of(source[:budget]):
            read.take(line)
        budget -= min(budget, len(source))
        classes |= {made.outline.name: made.whole() for made in read.classes}
        root = read.root or root
    return Outline(classes, root)


def _whole(cls: ClassOutline, classes: dict[str, ClassOutline]) -> ClassOutline:
    """A class with the methods of the bases that are in the same code, its own last."""
    methods: dict[str, MethodOutline] = {}
    for base in reversed(_bases(cls, classes)):
        for method in base.methods:
            methods[method.name] = method
    return replace(cls, methods=tuple(methods[name] for name in sorted(methods)))


def _bases(cls: ClassOutline, classes: dict[str, ClassOutline]) -> list[ClassOutline]:
    found, names = [cls], [cls.name]
    for known in found:
        for name in known.bases:
            if name in classes and name not in names and len(found) < _MOST_BASES:
                names.append(name)
                found.append(classes[name])
    return found


@dataclass
class Line:
    """A logical line: its depth of indentation and its tokens."""

    depth: int
    tokens: list[tokenize.TokenInfo]

    @property
    def words(self) -> list[str]:
        """The texts of the tokens."""
        return [token.string for token in self.tokens]


def lines_of(source: str) -> Iterator[Line]:
    """The logical lines of a source, as far as its tokens can be read."""
    depth = 0
    tokens: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.INDENT:
                depth += 1
            elif token.type == tokenize.DEDENT:
                depth -= 1
            elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                if tokens:
                    yield Line(depth, tokens)
                tokens = []
            elif token.type == tokenize.ERRORTOKEN and _QUOTES & set(token.string):
                return  # a text without an end, which would be looked for anew at each of its quotes
            elif token.type not in _SKIPPED:
                tokens.append(token)
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


@dataclass
class _Read(Generic[_Outline]):
    """A class or a method that is being read: its outline so far."""

    outline: _Outline

    def document(self, doc: str) -> None:
        self.outline = replace(self.outline, doc=doc)


@dataclass
class _Class(_Read[ClassOutline]):
    methods: list[_Method] = field(default_factory=list)

    def whole(self) -> ClassOutline:
        return replace(self.outline, methods=tuple(method.outline for method in self.methods))


class _Method(_Read[MethodOutline]):
    """A method that is being read."""


class _Reading:
    """The reading of one cell, line by line."""

    def __init__(self, part: str) -> None:
        self.classes: list[_Class] = []
        self.root: str | None = None
        self._part = one_line(part, MOST_TEXT)
        self._scopes: list[tuple[int, _Class | _Method | str]] = []
        self._marks: list[list[str]] = []
        self._fresh: _Class | _Method | None = None  # its docstring is in the next line, if it has one
        self._made: dict[str, str] = {}  # in the function that makes the root: the classes of its variables

    def take(self, line: Line) -> None:
        words = line.words
        while self._scopes and self._scopes[-1][0] >= line.depth:
            self._scopes.pop()
        fresh, self._fresh = self._fresh, None
        inside = self._scopes[-1][1] if self._scopes else None
        if words[0] == "@":
            self._marks.append(words)
            return
        marks, self._marks = self._marks, []
        start = words[1:] if words[0] == "async" else words
        if words[0] == "class" and _is_name(words[1:2]):
            self._class(line, words, marks)
        elif start[:1] == ["def"] and _is_name(start[1:2]):
            self._function(line, start[1], marks, inside)
        elif fresh is not None and fresh is inside and line.tokens[0].type == tokenize.STRING:
            fresh.document(_doc(line))
        elif any(scope == _FIRST for _, scope in self._scopes):
            self._making(words)

    def _class(self, line: Line, words: list[str], marks: list[list[str]]) -> None:
        tag, where = _tag(marks) or words[1], (self._part, line.tokens[0].start[0])
        made = _Class(ClassOutline(words[1], tag, "", *where, _mark(marks), _names(words)))
        self.classes.append(made)
        self._scopes.append((line.depth, made))
        self._fresh = made

    def _function(
        self, line: Line, name: str, marks: list[list[str]], inside: _Class | _Method | str | None
    ) -> None:
        if not isinstance(inside, _Class):
            self._scopes.append((line.depth, _FIRST if name == _FIRST and inside is None else name))
            words = line.words
            if self._scopes[-1][1] == _FIRST and "return" in words:  # all in one line
                self._making(words[words.index("return") :])
            return
        facets = tuple(
            word[1:-1]
            for mark in marks
            if mark[1:3] == ["facet", "("]
            for word in mark
            if word[:1] in "\"'" and _is_name([word[1:-1]])
        )
        first = line.tokens[0]
        where = self._part, first.start[0]
        made = _Method(MethodOutline(name, _signature(line), "", *where, first.string == "async", facets))
        if not name.startswith("_") and not any(word in _HELPERS for mark in marks for word in mark[:4]):
            inside.methods.append(made)
        self._scopes.append((line.depth, made))
        self._fresh = made

    def _making(self, words: list[str]) -> None:
        """A line of the function that makes the root: which class it calls, or which variable it returns."""
        if words[0] == "return" and len(words) > 1:
            target = words[1:]
            if len(target) > 1 and target[1] == "(":
                self.root = target[0]
            else:
                self.root = self._made.get("".join(target), self.root)
        elif "=" in words:
            at = words.index("=")
            if words[at + 2 : at + 3] == ["("]:
                self._made["".join(words[:at])] = words[at + 1]


def _is_name(words: list[str]) -> bool:
    """Whether one word follows that can name a class or a method: broken code has anything in its place."""
    return len(words) == 1 and len(words[0]) <= MOST_TEXT and words[0].isidentifier()


def _mark(marks: list[list[str]]) -> str:
    """The decorator of this library that a class has."""
    found = [mark for words in marks for mark in _MARKS if mark in words[:4]]
    return found[0] if found else ""


def _tag(marks: list[list[str]]) -> str | None:
    """The tag in `@durable(tag="Purse")`."""
    for words in marks:
        if any(mark in words[:4] for mark in _MARKS) and "tag" in words:
            at = words.index("tag")
            if words[at + 1 : at + 2] == ["="] and len(words) > at + 2:
                found = _STRING.fullmatch(words[at + 2])
                return found[2] if found else None
    return None


def _names(words: list[str]) -> tuple[str, ...]:
    """The plain names among the bases of a class."""
    if "(" not in words:
        return ()
    at = words.index("(")
    found, level = [], 0
    for before, word, after in zip(words[at:], words[at + 1 :], [*words[at + 2 :], ""], strict=False):
        level += {"(": 1, "[": 1, ")": -1, "]": -1}.get(before, 0)
        if level == 1 and word.isidentifier() and before in ("(", ",") and after != "=":
            found.append(word)
    return tuple(found[:_MOST_BASES])


def _signature(line: Line) -> str:
    """`deposit(amount: int) -> int`: the source's own words, without `self`."""
    tokens = line.tokens[1:] if line.tokens[0].string == "async" else line.tokens
    at = next((at for at, token in enumerate(tokens) if token.string == "("), len(tokens))
    text, last, level = f"{tokens[1].string}(", None, 1
    for token in tokens[_after_self(tokens, at + 1) :]:
        word = token.string
        level += _LEVELS.get(word, 0)
        if (word == ":" and level == 0) or len(text) > MOST_TEXT:
            break
        close = last is None or token.start == last.end or text.endswith(("(", "[")) or word in (")", "]")
        text += word if close else f" {word}"
        last = token
    return one_line(text, MOST_TEXT)


_LEVELS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def _after_self(tokens: list[tokenize.TokenInfo], at: int) -> int:
    """The place behind the first parameter, and behind a slash that is only about it."""
    level = 1
    for place in range(at, len(tokens)):
        word = tokens[place].string
        level += _LEVELS.get(word, 0)
        if level == 0:
            return place
        if level == 1 and word == ",":
            behind = [token.string for token in tokens[place + 1 : place + 3]]
            if behind[:1] != ["/"]:
                return place + 1
            return place + 3 if behind[1:] == [","] else place + 2
    return len(tokens)


def _doc(line: Line) -> str:
    """A docstring: one plain string, with its backslashes as they are written."""
    found = _STRING.fullmatch(line.tokens[0].string) if len(line.tokens) == 1 else None
    if found is None:
        return ""
    lines = (text.strip() for text in found[2].strip().split("\n"))
    return visible("\n".join(lines), MOST_DOC)


def example(method: MethodOutline) -> str:
    """A call of a method with the names of the parameters that it needs: `deposit(amount)`."""
    needed = _needed(method)
    return f"{method.name}(...)" if needed is None else f"{method.name}({', '.join(needed)})"


def simplest(methods: Sequence[MethodOutline]) -> MethodOutline:
    """The first of the methods that need the fewest arguments."""
    return min(methods, key=lambda method: len(_needed(method) or ("",) * _MOST_BASES))


def _needed(method: MethodOutline) -> list[str] | None:
    """The arguments that a call has to have; None if the signature cannot be read."""
    try:
        (made,) = ast.parse(f"def {method.signature}: pass").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a newer Python's, or cut
        return None
    if not isinstance(made, ast.FunctionDef):
        return None
    places = [*made.args.posonlyargs, *made.args.args]
    named = zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True)
    keywords = [f"{one.arg}={one.arg}" for one, default in named if default is None]
    return [one.arg for one in places[: len(places) - len(made.args.defaults)]] + keywords


def listed(methods: Sequence[MethodOutline], most: int = 8) -> str:
    """The names of some methods as a phrase, cut to the first few."""
    names = [one_line(method.name, 60) for method in methods]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
