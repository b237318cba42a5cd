"""Interfaces that are declared apart from the classes that implement them.

A class is its own interface: the annotations of its methods are their guards. If several classes or several
vats share an interface, it is written once, as a `Protocol` or as a table of signatures, and a class declares
that it implements it:

    PurseI = Interface("PurseI", {"deposit": "(amount: int) -> int", "balance": "() -> int"})

    @durable
    @implements(PurseI)
    class Purse: ...

The declaration is checked when the class is made (`conformance`).

As an annotation, an interface accepts the objects that have it: `def merge(self, purse: PurseI)`. Any object
of another vat is accepted, because only that vat knows its methods; an object of this vat must have them.
"""

from __future__ import annotations
import __future__

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, Union

from ..passing.passable import brief

if TYPE_CHECKING:
    from collections.abc import Mapping


_FLAGS = __future__.annotations.compiler_flag


class Interface:
    """A set of methods, each with its signature as text: `Interface("BellI", {"ring": "() -> None"})`.

    `name` is what errors call it. The names in the signatures of `methods` are those of the module that makes
    the interface. Raises TypeError for a text that is not a signature.

    Source:
        `M.interface`, with signatures of Python in place of patterns.
    """

    def __init__(self, name: str, methods: Mapping[str, str]) -> None:
        names = sys._getframe(1).f_globals
        self.name = name
        self.methods: dict[str, FunctionType] = {}
        for method, signature in methods.items():
            self.methods[method] = _function(name, method, signature, names)

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007  (it would be this very method)

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __call__(self) -> None:
        """Raises TypeError. It exists because `Union` accepts only what can be called."""
        raise TypeError(f"{self.name} is an interface and makes no objects: make one of a class that has it")

    def __repr__(self) -> str:
        return f"<Interface {self.name}: {', '.join(self.methods)}>"


def _function(interface: str, method: str, signature: str, names: dict[str, Any]) -> FunctionType:
    found: dict[str, Any] = {}
    if type(signature) is str and method.isidentifier() and signature.lstrip().startswith("("):
        text = f"def {method}(self, {signature.strip()[1:]}: ..."
        try:
            exec(
                compile(text, f"<interface {interface}>", "exec", flags=_FLAGS, dont_inherit=True),
                names,
                found,
            )
        except SyntaxError as exc:
            raise TypeError(f"{interface}.{method}: {signature!r} is no signature: {exc.msg}") from None
    function = found.get(method)
    if not isinstance(function, FunctionType):
        raise TypeError(
            f"{interface}.{method}: a signature reads `(amount: int) -> int`, not {brief(signature)}"
        )
    return function


def methods_of(interface: Any) -> tuple[str, dict[str, FunctionType]]:
    """The name and the methods of an interface or a protocol; raises TypeError for anything else."""
    if isinstance(interface, Interface):
        return interface.name, interface.methods
    if getattr(interface, "_is_protocol", False):
        found: dict[str, Any] = {}
        for base in reversed(interface.__mro__):
            if getattr(base, "_is_protocol", False):
                found.update(vars(base))
        methods = {
            name: value
            for name, value in found.items()
            if type(value) is FunctionType and not name.startswith("_")
        }
        return interface.__name__, methods
    raise TypeError(f"implements() wants an Interface or a Protocol, got {brief(interface)}")
