"""Type variables as guards: each call finds out which type a variable stands for.

    AnyStr = TypeVar("AnyStr", str, bytes)

    def join(self, one: AnyStr, other: AnyStr) -> AnyStr

A variable with constraints accepts a value of one of them, and of the same one everywhere in a call and its
answer. So each value excludes the constraints that it does not fit, and a value that fits none of the rest is
a misfit. A variable with a bound accepts what the bound accepts, and one with neither accepts anything.

Outside of a call, in a field for example, each use of a variable is independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from .shape import Misfit, Shape

Choice = dict[TypeVar, tuple[int, ...]]
"""The constraints of each variable that are still possible, by index."""

_open: Choice | None = None  # the choice of the call that is being checked; checks do not nest


class choosing:
    """A context in which values of one call are checked; it narrows `chosen`, the call's choice so far."""

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
    """Test a value, and leave the choice as it was if the value does not fit."""
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
    """The test for a variable whose constraints have these shapes."""
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
