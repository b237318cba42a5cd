"""Type variables as guards: which type one stands for is found out anew in every call.

    AnyStr = TypeVar("AnyStr", str, bytes)

    def join(self, one: AnyStr, other: AnyStr) -> AnyStr

A variable with constraints takes a value of one of them, and of the same one wherever it stands in a call, in
its answer too. So each value that comes narrows down which may be meant: what fits none of those left is a
misfit. A variable with a bound takes what the bound takes, and one with neither takes anything.

Outside of a call, in a field say, each use is by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from .shape import Misfit, Shape

Choice = dict[TypeVar, tuple[int, ...]]
"""Which constraints of each variable are still possible, by their places."""

_open: Choice | None = None  # of the call that is being checked; checks do not nest


class choosing:
    """Check, in the body, what belongs to one call, whose choice so far is `chosen` and is narrowed down."""

    __slots__ = ("_before", "_chosen")

    def __init__(self, chosen: Choice) -> None:
        self._chosen = chosen

    def __enter__(self) -> None:
        global _open
        self._before, _open = _open, self._chosen

    def __exit__(self, *_: object) -> None:
        global _open
        _open = self._before


def attempt(test: Callable[[Any], Misfit | None], value: Any) -> Misfit | None:
    """Test a value, and choose nothing if it does not fit."""
    if not _open:
        found = test(value)
        if found is not None and _open:
            _open.clear()
        return found
    before = dict(_open)
    found = test(value)
    if found is not None:
        _open.clear()
        _open.update(before)
    return found


def narrowing(variable: TypeVar, shapes: list[Shape]) -> Callable[[Any], Misfit | None]:
    """The test of a variable with constraints, which have these shapes."""
    every = tuple(range(len(shapes)))

    def test(value: Any) -> Misfit | None:
        among = every if _open is None else _open.get(variable, every)
        misfits = [shapes[index].misfit(value) for index in among]
        fits = tuple(index for index, misfit in zip(among, misfits, strict=True) if misfit is None)
        if fits:
            if _open is not None:
                _open[variable] = fits
            return None
        as_elsewhere = "" if among == every else f" (as {variable.__name__} elsewhere in this call)"
        if len(misfits) == 1 and misfits[0] is not None:
            where, wanted, got = misfits[0]
            return (where, wanted + as_elsewhere, got)
        return ("", " | ".join(shapes[index].spelled for index in among) + as_elsewhere, value)

    return test
