"""Checks that a class implements an interface that it declares, and guards it by that interface.

The class must have each method of the interface, with the declared parameters. A parameter without an
annotation is guarded by the interface's.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from .interfaces import methods_of
from .method_tables import Method

if TYPE_CHECKING:
    from collections.abc import Callable

C = TypeVar("C", bound=type)


def implements(*interfaces: Any) -> Callable[[C], C]:
    """Declare that a class implements interfaces; write it below `@durable` or `@remotable`.

    Each interface is an `Interface` or a `Protocol`. Raises TypeError if the class lacks a method or if one
    takes other parameters.

        @durable
        @implements(PurseI)
        class Purse: ...

    Source:
        The interface guard of `defineExoClass`, checked where the class is defined.
    """

    def decorate(cls: C) -> C:
        for interface in interfaces:
            name, methods = methods_of(interface)
            for method, declared in methods.items():
                adopt_interface(cls, name, method, declared)
        return cls

    return decorate


def adopt_interface(cls: type, interface: str, name: str, declared: FunctionType) -> None:
    """Guard a method of a class by the interface's declaration too; raises TypeError if they do not fit."""
    function = getattr(cls, name, None)
    wanted = Method(cls, interface, name, declared)
    if type(function) is not FunctionType:
        raise TypeError(
            f"{cls.__name__} does not implement {interface}: it has no method {wanted.signature()}"
        )
    has = Method(cls, cls.__name__, name, function)
    problem = _difference(wanted, has)
    if problem:
        told = f"{problem}; declared is {wanted.signature()}"
        raise TypeError(f"{cls.__name__}.{name} does not implement {interface}: {told}")
    # Stored in the class, not in the function, because other classes may share the function.
    if "__declared__" not in vars(cls):
        cls.__declared__ = {}  # type: ignore[attr-defined]
    if function is not declared:
        cls.__declared__.setdefault(name, []).append(declared)  # type: ignore[attr-defined]


def _difference(wanted: Method, has: Method) -> str:
    if has.positional[: len(wanted.positional)] != wanted.positional and has.varargs is None:
        return f"it takes ({', '.join(has.positional)})"
    known = {*has.positional, *has.keyword_only}
    lost = [name for name in wanted.keyword_only if name not in known and has.keywords is None]
    if lost:
        return f"it does not take {', '.join(lost)}"
    declared = {*wanted.positional, *wanted.keyword_only}
    extra = [
        name
        for name in (*has.positional, *has.keyword_only)
        if name not in declared and name not in has.defaults
    ]
    return f"it also wants {', '.join(extra)}" if extra else ""
