"""Parses an annotation from the text that is a shape's spelling.

A collection stores the shapes of its keys and values as text. The store of a vat in the embedder's own
interpreter comes from a world file, which anybody may have written. So the text is parsed, by the grammar in
which shapes are spelled, and never evaluated:

    shape    = choice { "|" choice }
    choice   = "None" | name | head "[" shapes "]" | "Literal[" values "]" | "Annotated[" shape patterns "]"
    pattern  = maker "(" scalars ")" | name ".facets." name
    value    = scalar | name "." name

A name must be a class, an interface or a type variable in the code, or a built-in type; anything else that it
is bound to is refused without a look at it. A head is one of the generic types that the library can check,
and a maker is one of its patterns. Matching a regular expression can take for ever, and in the embedder's
interpreter nothing stops it, so there only expressions are accepted that the code itself has made a pattern
of.
"""

from __future__ import annotations

import builtins
import collections.abc as abc
import enum
import re
import typing
from typing import TYPE_CHECKING, Any

from ..passing.far_refs import FarRef
from . import patterns
from .interfaces import Interface

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CHARACTERS = 100_000
MOST_DEPTH = 50

_TOKEN = re.compile(
    r"""\ *(?:(?P<text>b?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
          |(?P<name>[^\W\d]\w*)
          |(?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)
          |(?P<mark>\.\.\.|[\[\](),|.]))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}

_SINGLE: dict[str, Any] = {
    "list": list,
    "Sequence": abc.Sequence,
    "Iterable": abc.Iterable,
    "Collection": abc.Collection,
}
_PAIRS: dict[str, Any] = {"dict": dict, "Mapping": abc.Mapping, "MutableMapping": abc.MutableMapping}
_WORDS = {"True": True, "False": False, "None": None}
_SORTS = (Interface, typing.NewType, typing.TypeVar, getattr(typing, "TypeAliasType", Interface))


class SpellingError(ValueError):
    """A text is not an annotation, or uses a name that is not defined here."""


def read(text: str, names: Mapping[str, Any], *, any_regex: bool = True) -> Any:
    """Parse an annotation; raises SpellingError.

    `names` is the namespace of the vat's code. Without `any_regex`, only regular expressions are accepted
    that `matching` was called with in this process.
    """
    if type(text) is not str or len(text) > MOST_CHARACTERS:
        raise SpellingError(f"an annotation is a text of at most {MOST_CHARACTERS:,} characters")
    return _Reader(text, names, any_regex).whole()


class _Reader:
    """The parser of one text."""

    def __init__(self, text: str, names: Mapping[str, Any], any_regex: bool) -> None:
        self._text = text
        self._names = names
        self._any_regex = any_regex
        self._at = self._depth = 0
        self._sort = self._token = ""
        self._step()

    def whole(self) -> Any:
        """Parse the whole text as one annotation."""
        found = self._shape()
        if self._sort != "end":
            raise self._wrong()
        return found

    def _step(self) -> str:
        """Go to the next token; returns the one before it."""
        passed = self._token
        found = _TOKEN.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            self._sort = str(found.lastgroup)
            self._token = found[self._sort]
        elif self._text[self._at :].strip(" "):
            raise self._wrong()
        else:
            self._sort, self._token = "end", ""
        return passed

    def _wrong(self) -> SpellingError:
        return SpellingError(f"no annotation is spelled so, at character {self._at}")

    def _take(self, mark: str) -> None:
        if self._sort != "mark" or self._token != mark:
            raise self._wrong()
        self._step()

    def _took(self, mark: str) -> bool:
        if self._sort != "mark" or self._token != mark:
            return False
        self._step()
        return True

    def _name(self) -> str:
        if self._sort != "name":
            raise self._wrong()
        return self._step()

    def _shape(self) -> Any:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise SpellingError(f"an annotation has at most {MOST_DEPTH} levels")
        choices = [self._choice()]
        while self._took("|"):
            choices.append(self._choice())
        self._depth -= 1
        return choices[0] if len(choices) == 1 else typing.Union[tuple(choices)]  # noqa: UP007

    def _choice(self) -> Any:
        name = self._name()
        if name == "None":
            return None
        if not self._took("["):
            return self._meant(name)
        found = self._generic(name)
        self._take("]")
        return found

    def _generic(self, head: str) -> Any:
        if head == "Literal":
            values = [self._value()]
            while self._took(","):
                values.append(self._value())
            return typing.Literal[tuple(values)]
        if head == "Annotated":
            parts = [self._shape()]
            while self._took(","):
                parts.append(self._pattern())
            if len(parts) == 1:
                raise self._wrong()
            return typing.Annotated[tuple(parts)]
        if head == "FarRef":
            far: Any = FarRef
            return far[self._shape()]
        if head == "tuple":
            fixed: Any = tuple
            return fixed[self._items()]
        if head in _SINGLE:
            return _SINGLE[head][self._shape()]
        if head in _PAIRS:
            key = self._shape()
            self._take(",")
            return _PAIRS[head][key, self._shape()]
        raise self._wrong()

    def _items(self) -> tuple[Any, ...]:
        if self._took("("):
            self._take(")")
            return ()
        items = [self._shape()]
        while self._took(","):
            if len(items) == 1 and self._took("..."):
                return (items[0], ...)
            items.append(self._shape())
        return tuple(items)

    def _pattern(self) -> Any:
        name = self._name()
        if self._took("."):
            if self._name() != "facets":
                raise self._wrong()
            self._take(".")
            return self._facet(name, self._name())
        if name not in patterns.MAKERS:
            raise SpellingError(f"there is no pattern {name}")
        self._take("(")
        given = [self._scalar()]
        while self._took(","):
            given.append(self._scalar())
        self._take(")")
        if name == "matching" and not self._any_regex and given[0] not in patterns.regexes:
            raise SpellingError("only a regular expression that the code has here may be matched here")
        try:
            return patterns.MAKING[name](*given)
        except (TypeError, re.error, RecursionError, OverflowError) as exc:
            raise SpellingError(f"{name}(): {exc}") from None

    def _facet(self, tag: str, name: str) -> Any:
        kind = vars(self._class(tag)).get("__kind__")
        found = getattr(kind, "facet_classes", {}).get(name)
        if found is None:
            raise SpellingError(f"{tag} has no facet {name}")
        return found

    def _value(self) -> Any:
        if self._sort != "name" or self._token in _WORDS:
            return self._scalar()
        cls = self._class(self._name())
        self._take(".")
        member = self._name()
        found = cls.__members__.get(member) if issubclass(cls, enum.Enum) else None
        if found is None:
            raise SpellingError(f"{cls.__name__} has no member {member}")
        return found

    def _scalar(self) -> Any:
        sort, token = self._sort, self._step()
        if sort == "name" and token in _WORDS:
            return _WORDS[token]
        if sort == "number":
            try:
                return int(token) if token.lstrip("-").isdecimal() else float(token)
            except ValueError as exc:  # thousands of digits
                raise SpellingError(str(exc)) from None
        if sort == "text":
            return _unquoted(token)
        raise self._wrong()

    def _class(self, name: str) -> Any:
        found = self._meant(name)
        if not issubclass(type(found), type):
            raise SpellingError(f"{name} is no class here")
        return found

    def _meant(self, name: str) -> Any:
        found = self._names.get(name)
        if found is None:
            found = _SINGLE.get(name) or _PAIRS.get(name) or vars(builtins).get(name)
        if found is None:
            raise SpellingError(f"name {name!r} is not defined")
        if found is typing.Any or issubclass(type(found), (type, *_SORTS)):
            return found
        raise SpellingError(f"{name} is no type here")


def _unquoted(token: str) -> Any:
    plain = token.removeprefix("b")
    try:
        text = _ESCAPE.sub(_unescaped, plain[1:-1])
        return text if plain == token else text.encode("latin-1")
    except (KeyError, ValueError):
        raise SpellingError(f"no text is spelled {token[:100]}") from None


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    return _MEANT[found[4]] if code is None else chr(int(code, 16))
