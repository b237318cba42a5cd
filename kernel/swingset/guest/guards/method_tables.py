"""The methods of a class that messages can call, their guards, and the class's description of itself.

Only functions that a class or one of its bases defines are methods; names that start with `_` are private to
the object. Every message from outside and every `E(x)` inside the vat goes through `invoke`: it looks up the
method, binds the arguments, checks them against the annotations, and calls.

Arguments are bound here and not by `inspect`, because the texts of errors are sent and recorded, and must not
depend on the version of Python.
"""

from __future__ import annotations

from contextlib import suppress
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

from ..base.context import place_of
from ..base.promises import Promise, drive
from ..base.turns import TurnQueue
from .annotations import annotations_of
from .class_members import reachable, why_unreachable
from .shape import BadAnnotationError, complaint
from .shapes import compile_answer, compile_shape
from .type_variables import choosing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .shape import Shape
    from .type_variables import Choice

_VARARGS, _VARKW, _COROUTINE = 0x04, 0x08, 0x80


class Method:
    """One method of one class."""

    __slots__ = (
        "_enough",
        "_own",
        "_result",
        "_shapes",
        "_unguarded",
        "defaults",
        "function",
        "keyword_only",
        "keywords",
        "name",
        "owner",
        "positional",
        "positional_only",
        "title",
        "varargs",
        "visible",
    )

    def __init__(self, owner: type, tag: str, name: str, function: FunctionType) -> None:
        self.owner = owner
        self.name = name
        self.function = function
        self.title = f"{tag}.{name}"
        visible: Any = function
        while hasattr(visible, "__wrapped__"):
            visible = visible.__wrapped__
        self.visible = visible
        code = visible.__code__
        names = code.co_varnames
        count, extra = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        self._own = names[0] if count and not code.co_posonlyargcount else None  # never a keyword
        self.positional = names[1:count]
        self.positional_only = max(code.co_posonlyargcount - 1, 0)
        self.keyword_only = names[count:extra]
        self.varargs = names[extra] if code.co_flags & _VARARGS else None
        has_varargs = 1 if self.varargs else 0
        self.keywords = names[extra + has_varargs] if code.co_flags & _VARKW else None
        defaults = visible.__defaults__ or ()
        self.defaults: dict[str, Any] = dict(zip(names[count - len(defaults) : count], defaults, strict=True))
        self.defaults.update(visible.__kwdefaults__ or {})
        # Whether a call may leave out all keyword-only parameters.
        self._enough = all(name in self.defaults for name in self.keyword_only)
        self._shapes: dict[str, Shape] | None = None
        self._result: Shape | None = None
        self._unguarded = False  # whether nothing of a call with all positional arguments is looked at

    def shapes(self) -> dict[str, Shape]:
        """The guards by parameter name, compiled at the first call; raises TypeError for a bad annotation."""
        if self._shapes is None:
            found: dict[str, Shape] = {}
            # Its own annotations come first, then those of the interfaces that its class declares.
            for source in (self.visible, *self._declared()):
                for name, note in annotations_of(source).items():
                    if name in found:
                        continue
                    compiler = compile_answer if name == "return" else compile_shape
                    try:
                        found[name] = compiler(note, self._names(source), self.owner)
                    except BadAnnotationError as exc:
                        code = source.__code__
                        where = place_of(code.co_filename, code.co_firstlineno)
                        raise TypeError(f"{self.title}, annotation of {name!r} at {where}: {exc}") from None
            self._result = found.pop("return", None)
            self._shapes = found
            self._unguarded = not found and self._result is None and self._enough
        return self._shapes

    def _names(self, source: FunctionType) -> dict[str, Any]:
        """The namespace for annotations that are text, with type parameters: `def join[T: (str, bytes)]`."""
        own = (*getattr(self.owner, "__type_params__", ()), *getattr(source, "__type_params__", ()))
        return {**source.__globals__, **{p.__name__: p for p in own}} if own else source.__globals__

    def _declared(self) -> Iterator[FunctionType]:
        """The method's declarations in interfaces of the class, or of the cohort of which it is a facet."""
        cls: Any = self.owner
        for base in (cls.__kind__.cls if "__facet__" in vars(cls) else cls).__mro__:
            yield from vars(base).get("__declared__", {}).get(self.name, ())

    def signature(self) -> str:
        """`deposit(amount: int) -> int`, with the annotations spelled as the guards are."""
        shapes: dict[str, Shape] = {}
        problem = ""
        try:
            shapes = self.shapes()
        except TypeError as exc:
            problem = f"  # {exc}"

        def shown(name: str) -> str:
            text = f"{name}: {shapes[name].text}" if name in shapes else name
            if name in self.defaults:
                value = self.defaults[name]
                simple = value is None or type(value) in (bool, int, float, str)
                text += f" = {value!r}" if simple else " = ..."
            return text

        parts = []
        for index, name in enumerate(self.positional):
            parts.append(shown(name))
            if index + 1 == self.positional_only:
                parts.append("/")
        if self.varargs:
            parts.append("*" + shown(self.varargs))
        elif self.keyword_only:
            parts.append("*")
        parts.extend(shown(name) for name in self.keyword_only)
        if self.keywords:
            parts.append("**" + shown(self.keywords))
        result = f" -> {self._result.text}" if self._result is not None else ""
        return f"{self.name}({', '.join(parts)}){result}{problem}"

    def describe(self) -> dict[str, Any]:
        """The description for callers: the signature as text and in parts, the doc, whether it is async."""
        shapes: dict[str, Shape] = {}
        with suppress(TypeError):  # the signature shows it
            shapes = self.shapes()
        return {
            "signature": self.signature(),
            "doc": _doc(self.visible),
            "async": bool(self.visible.__code__.co_flags & _COROUTINE),
            "parameters": [
                {
                    "name": name,
                    "type": shapes[name].text if name in shapes else None,
                    "required": name not in self.defaults,
                    "keyword_only": name in self.keyword_only,
                }
                for name in (*self.positional, *self.keyword_only)
            ],
            "returns": self._result.text if self._result is not None else None,
        }

    def check(self, args: list[Any], kwargs: dict[str, Any]) -> Choice:
        """Raise TypeError for arguments that do not bind or that a guard does not accept.

        Returns the types that the method's type variables may still stand for in this call.
        """
        shapes = self._shapes
        if shapes is None:
            shapes = self.shapes()
        chosen: Choice = {}
        bound: Iterable[tuple[str, Any]]
        if not kwargs and self._enough and len(args) == len(self.positional):
            if not shapes:
                return chosen
            bound = zip(self.positional, args, strict=True)
        else:
            bound = self._bind(args, kwargs)
        with choosing(chosen):
            for name, value in bound:
                shape = shapes.get(name)
                misfit = shape.misfit(value) if shape is not None else None
                if misfit is not None:
                    raise TypeError(complaint(f"{self.title}({name}", misfit, ")"))
        return chosen

    def _bind(self, args: list[Any], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        positional = self.positional
        if len(args) > len(positional) and not self.varargs:
            raise self._misuse(f"takes {len(positional)} positional arguments, got {len(args)}")
        bound = dict(zip(positional, args, strict=False))
        by_keyword = (*positional[self.positional_only :], *self.keyword_only)
        for name, value in kwargs.items():
            if name in bound and name in by_keyword:
                raise self._misuse(f"{name!r} is given twice")
            if name in by_keyword:
                bound[name] = value
            elif not self.keywords or name == self._own:
                raise self._misuse(f"has no parameter {name!r}")
            else:
                yield self.keywords, value
        missing = [n for n in (*positional, *self.keyword_only) if n not in bound and n not in self.defaults]
        if missing:
            raise self._misuse(f"missing {', '.join(repr(name) for name in missing)}")
        yield from bound.items()
        for value in args[len(positional) :]:
            yield self.varargs or "", value

    def _misuse(self, what: str) -> TypeError:
        return TypeError(f"{self.title}: {what}; it is {self.signature()}")

    def call(self, target: Any, args: list[Any], kwargs: dict[str, Any], turns: TurnQueue) -> Any:
        """Check the arguments, call the method, and check the answer at once or when its promise settles."""
        if self._unguarded and not kwargs and len(args) == len(self.positional):
            return self.function(target, *args)
        chosen = self.check(args, kwargs)
        result = self.function(target, *args, **kwargs)
        shape = self._result
        if shape is None:
            return result
        if type(result) is CoroutineType:
            result = drive(turns, result)
        if isinstance(result, Promise):
            # Checking a later answer needs a promise of this vat in between, which no upgrade keeps.
            passes = shape.text in ("Any", "object") or turns.vat.promises.keeps(result)
            return result if passes else result.then(lambda value: self._checked(value, chosen))
        return self._checked(result, chosen)

    def _checked(self, value: Any, chosen: Choice) -> Any:
        with choosing(chosen):
            misfit = self._result.misfit(value) if self._result is not None else None
        if misfit is not None:
            raise TypeError(complaint(f"{self.title}() returned", misfit))
        return value


class MethodTable:
    """The methods of a class by name, and the class's description. `hidden` names are not methods."""

    __slots__ = ("_methods", "cls", "hidden", "tag")

    def __init__(self, cls: type, tag: str, hidden: tuple[str, ...] = ()) -> None:
        self.cls = cls
        self.tag = tag
        self.hidden = hidden
        self._methods: dict[str, Method] | None = None

    def of_subclass(self, cls: type) -> MethodTable:
        """The table of a subclass that was not decorated itself, with its own methods."""
        return MethodTable(cls, cls.__name__)

    def methods(self) -> dict[str, Method]:
        """The methods by name, sorted."""
        if self._methods is None:
            found: dict[str, Any] = {}
            for base in reversed(self.cls.__mro__[:-1]):
                found.update(vars(base))
            self._methods = {
                name: Method(self.cls, self.tag, name, value)
                for name, value in sorted(found.items())
                if reachable(value) and not name.startswith("_") and name not in self.hidden
            }
        return self._methods

    def invoke(
        self, target: Any, name: Any, args: list[Any], kwargs: dict[str, Any], turns: TurnQueue
    ) -> Any:
        """Call a method with its guards, as a message does; raises TypeError for bad arguments."""
        methods = self._methods
        if methods is None:
            methods = self.methods()
        method = methods.get(name) if type(name) is str else None
        if method is not None:
            return method.call(target, args, kwargs, turns)
        if name == "__describe__":
            return self.describe()
        shown = name[:100] if type(name) is str else type(name).__name__
        why = why_unreachable(self.cls, name) if type(name) is str and not name.startswith("_") else ""
        raise TypeError(f'target has no method "{shown}", has [{", ".join(self.methods())}]{why}')

    def describe(self) -> dict[str, Any]:
        """The description that any vat gets that can send to the object."""
        return {
            "tag": self.tag,
            "doc": _doc(self.cls),
            "methods": {name: method.describe() for name, method in self.methods().items()},
            "facet": getattr(self.cls, "__facet__", None),
        }


def _doc(thing: Any) -> str:
    # Some versions of Python strip the indentation of docstrings and some keep it.
    text = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    return "\n".join(line.strip() for line in text.strip().splitlines()) if type(text) is str else ""
