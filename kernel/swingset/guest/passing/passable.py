"""The values that may pass between vats, and the error for a value that may not.

Data passes by copy, if it is exactly of a builtin type: an instance of a subclass would arrive as an instance
of its base, so it is refused. Objects with an identity (promises, presences, remotables, durable instances)
pass by reference. Exceptions pass by copy. The sender has to turn anything else into one of these.

Containers read from durable state are frozen: changing one in place would not change the store, so the
methods that would do it raise TypeError and show the assignment that works.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

from ..base.promises import Promise
from .copies import RESERVED_TAGS, copy_of
from .remotables import Presence, method_table_of

if TYPE_CHECKING:
    from .exact import Copy

MAX_DEPTH = 100


class Tagged:
    """Data under a tag, for vats that agree on the tag's meaning: `Tagged("usd", 5)`.

    `payload` is anything that passes. Raises TypeError for an empty tag, or for one that the encoding itself
    uses. It cannot be changed.

    Source:
        `makeTagged` of `@endo/pass-style`.
    """

    __slots__ = ("payload", "tag")

    tag: str
    payload: Any

    def __init__(self, tag: str, payload: Any = None) -> None:
        if type(tag) is not str or not tag or tag in RESERVED_TAGS:
            raise TypeError(
                f"a tag is a non-empty str other than {', '.join(RESERVED_TAGS)}; got {brief(tag)}"
            )
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "payload", payload)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Tagged does not change: make another, Tagged({self.tag!r}, ...)")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return Tagged, (self.tag, self.payload)  # for `copy`, which would set the attributes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tagged) and (self.tag, self.payload) == (other.tag, other.payload)

    def __hash__(self) -> int:
        return hash((self.tag, self.payload))

    def __repr__(self) -> str:
        return f"Tagged({self.tag!r}, {self.payload!r})"


def _refuse(self: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
    kind = "list" if isinstance(self, list) else "dict"
    fix = "self.items = [*self.items, x]" if kind == "list" else "self.table = {**self.table, key: value}"
    raise TypeError(
        f"this {kind} was read from durable state and is a frozen copy; assign a new one instead: `{fix}`, "
        f"or change a copy of it, {kind}(x)"
    )


class FrozenList(list[Any]):
    """A list read from durable state. It cannot be changed in place; a copy of it can."""

    __slots__ = ()

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: Any) -> list[Any]:
        from copy import deepcopy

        return [deepcopy(item, memo) for item in self]

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse


class FrozenDict(dict[Any, Any]):
    """A dict read from durable state. It cannot be changed in place; a copy of it can."""

    __slots__ = ()

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: Any) -> dict[Any, Any]:
        from copy import deepcopy

        return {key: deepcopy(item, memo) for key, item in self.items()}

    update = setdefault = pop = popitem = clear = _refuse
    __setitem__ = __delitem__ = __ior__ = _refuse


NAME_LIMIT = 1_000
"""The most characters of a tag, a label, or another name that vat code gives to something stored."""


def printable(text: Any, most: int = 2_000) -> str:
    """A stored text, which another may have written, in a form fit to show: cut, with escapes if needed."""
    if type(text) is not str:
        return brief(text)
    cut = text if len(text) <= most else text[:most] + "..."
    return cut if cut.isprintable() else ascii(cut)


def check_name(what: str, text: str) -> None:
    """Raise TypeError for a name that is too long for the vat's store or cannot be encoded in it.

    `what` begins the message, such as "a tag".
    """
    if len(text) > NAME_LIMIT:
        raise TypeError(f"{what} has up to {NAME_LIMIT} characters, got {len(text)}")
    if has_half_pair(text):
        raise TypeError(f"{what} holds half of a surrogate pair, which cannot be stored: {ascii(text)[:60]}")


def has_half_pair(text: str) -> bool:
    """Whether a text holds a surrogate, which UTF-8 cannot encode."""
    try:
        return not text.isascii() and not text.encode()
    except UnicodeEncodeError:
        return True


SCALARS = frozenset((type(None), bool, int, float, str, bytes))
LISTS = frozenset((list, FrozenList))
DICTS = frozenset((dict, FrozenDict))


def frozen(value: Any) -> Any:
    """A copy of data that cannot be changed in place, as if it was read from durable state."""
    kind = type(value)
    if kind in LISTS:
        return FrozenList([frozen(item) for item in value])
    if kind in DICTS:
        return FrozenDict({key: frozen(item) for key, item in value.items()})
    if kind is tuple:
        return tuple([frozen(item) for item in value])
    if kind is Tagged:
        return Tagged(value.tag, frozen(value.payload))
    copy = copy_of(kind)
    return copy.from_data(frozen(copy.to_data(value))) if copy is not None and copy.mutable else value


class UnpassableError(Exception):
    """Internal: a part of a value cannot pass. `culprit` is that part, or None for the whole value.

    `fix` says what to do instead. `ended` says that the culprit belongs to a life of the vat that has ended.
    """

    def __init__(self, culprit: Any, fix: str, *, ended: bool = False) -> None:
        super().__init__(fix)
        self.culprit = culprit
        self.fix = fix
        self.ended = ended


def is_reference(value: Any) -> bool:
    """Whether a value passes by reference."""
    return isinstance(value, (Promise, Presence)) or method_table_of(value) is not None


def brief(value: Any) -> str:
    """The type and value in short form, for error messages; it never holds an address."""
    if value is None:
        return "None"
    kind = type(value)
    if kind in SCALARS:
        shown = repr(value) if kind is not int or value.bit_length() < 200 else "(very large)"
        return f"{kind.__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return f"{kind.__name__.removeprefix('Frozen').lower()} of {len(value)}"
    if isinstance(value, Presence):
        return repr(value)
    if isinstance(value, Promise):
        return "Promise"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"{kind.__name__} object" if kind.__module__ != "builtins" else kind.__name__


def came(value: Any) -> str:
    """What came where something else was wanted, in short form; for a promise with the fix."""
    return "Promise: await it first" if isinstance(value, Promise) else brief(value)


def why_not(value: Any) -> UnpassableError:
    """Return the error for a value of a type that cannot pass, with what to pass instead."""
    kind = type(value)
    if isinstance(value, (set, frozenset)):
        fix = "a set has no order, pass sorted(...) of it"
    elif isinstance(value, type):
        fix = "pass an instance of the class"
    elif kind.__name__ == "coroutine":
        fix = "await it first"
    elif kind.__name__ in (
        "generator",
        "map",
        "filter",
        "zip",
        "range",
        "dict_keys",
        "dict_values",
        "dict_items",
    ):
        fix = "pass list(...) of it"
    elif hasattr(kind, "__kind__") and kind.__method_table__ is None:
        name = kind.__kind__.facets[0]
        fix = f"pass one of its facets, x.facets.{name}"
    elif kind.__name__ in ("EProxy", "EMethod"):
        fix = "pass the object itself, not E(...) of it"
    elif callable(value) and hasattr(value, "__code__" if kind.__name__ != "method" else "__func__"):
        fix = "pass a @remotable object that has this function as a method"
    elif isinstance(value, Enum):
        fix = f'pass its .value, or say register_copy("{kind.__name__}", {kind.__name__})'
    elif isinstance(value, (bool, int, float, str, bytes, list, tuple, dict)):
        base = next(b for b in kind.__mro__ if b.__module__ == "builtins")
        fix = f"pass {base.__name__}(...) of it"
    elif isinstance(value, (bytearray, memoryview)):
        fix = "pass bytes(...) of it"
    elif kind.__name__ in ("PosixPath", "WindowsPath"):
        fix = f"pass Pure{kind.__name__}(...) of it: the files of one machine mean nothing in another vat"
    elif kind.__module__.partition(".")[0] == "matplotlib" and hasattr(value, "figure"):
        fix = "pass x.figure, which arrives as a picture"
    elif kind.__module__.partition(".")[0] == "pyarrow":
        fix = "no vat has pyarrow: pass x.to_pandas() to a vat that has pandas, or x.to_pylist()"
    elif kind.__module__ == "builtins":
        fix = "pass str, numbers, lists and dicts, or an object whose class is @remotable or @durable"
    elif hasattr(kind, "__dataclass_fields__"):
        is_frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
        frozen_first = "" if is_frozen else "make it @dataclass(frozen=True), then "
        fix = f'{frozen_first}say register_copy("{kind.__name__}", {kind.__name__}) in both vats'
    else:
        fix = f"make {kind.__name__} @remotable or @durable, or pass its data as a dict"
    return UnpassableError(value, fix)


TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels, or contains itself: pass a flatter structure"


def _shown_key(key: Any) -> str:
    if type(key) is str:
        return '"' + key + '"'
    try:
        return repr(key)
    except Exception:  # an int of thousands of digits, or a class whose repr fails
        return brief(key)


def path_to(value: Any, culprit: Any, path: str = "", depth: int = 0) -> str | None:
    """The first place of the culprit inside a value, as in `["a"][0]`; None if it is not there."""
    if value is culprit:
        return path
    inner: list[tuple[str, Any]] = []
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, (list, tuple)):
        inner = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, dict):
        for key, item in value.items():
            if key is culprit:
                return f"{path} (its key {brief(key)})"
            inner.append((f"{path}[{_shown_key(key)}]", item))
    elif isinstance(value, Tagged):
        inner = [(f"{path}.payload", value.payload)]
    elif (copy := copy_of(type(value))) is not None:
        inner = _data_of(copy, value, path)
    for deeper, item in inner:
        found = path_to(item, culprit, deeper, depth + 1)
        if found is not None:
            return found
    return None


def _data_of(copy: Copy, value: Any, path: str) -> list[tuple[str, Any]]:
    """The data of an object that passes as a copy, each part with its path."""
    try:
        data = copy.to_data(value)
    except Exception:  # the encoder reports it
        return []
    if type(data) is dict and copy.names is not None:  # a dataclass: its fields
        return [(f"{path}.{name}", item) for name, item in data.items()]
    return [(path, data)]


def copy_passable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Copy the data of a message within the vat; references stay the same objects.

    Raises UnpassableError for what could not pass to another vat either.
    """
    kind = type(value)
    if kind in SCALARS or isinstance(value, BaseException):
        return value
    if depth <= 0:
        raise UnpassableError(None, TOO_DEEP)
    if kind in LISTS:
        return [copy_passable(item, depth - 1) for item in value]
    if kind is tuple:
        return tuple([copy_passable(item, depth - 1) for item in value])
    if kind in DICTS:
        for key in value:
            if type(key) not in SCALARS:
                raise UnpassableError(key, "a key is a str, a number, bytes, a bool or None")
        return {key: copy_passable(item, depth - 1) for key, item in value.items()}
    if kind is Tagged:
        return Tagged(value.tag, copy_passable(value.payload, depth - 1))
    if is_reference(value):
        return value
    copy = copy_of(kind)
    if copy is not None:
        try:
            return copy.from_data(copy_passable(copy.to_data(value), depth - 1))
        except UnpassableError:
            raise
        except Exception as exc:
            raise UnpassableError(value, str(exc)) from None
    raise why_not(value)
