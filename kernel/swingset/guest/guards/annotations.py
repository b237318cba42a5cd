"""Reads the annotations of a class or a function, and evaluates them late.

A class may mention one that is defined below it, so an annotation is evaluated when its guard is first used.
If that fails, the error names the annotation.
"""

from __future__ import annotations

import sys
from typing import Any

from .shape import BadAnnotationError

if sys.version_info >= (3, 14):
    import annotationlib


def annotations_of(thing: Any) -> dict[str, Any]:
    """The annotations of a class or a function itself, in order; those with unknown names unevaluated."""
    if sys.version_info >= (3, 14):
        found: dict[str, Any] = annotationlib.get_annotations(thing, format=annotationlib.Format.FORWARDREF)
        return found
    if isinstance(thing, type):
        return dict(vars(thing).get("__annotations__", {}))
    return dict(getattr(thing, "__annotations__", {}))


def evaluate(note: Any, names: dict[str, Any], owner: type | None = None) -> Any:
    """Evaluate an annotation that is text or a forward reference; raises BadAnnotationError.

    `names` is the namespace. `owner` is the class that the annotation stands in, if it has no name there yet.
    """
    text = note if isinstance(note, str) else note.__forward_arg__
    own = (
        {} if owner is None else {owner.__name__: owner}
    )  # a class is not bound to its name while it is made
    try:
        return eval(text, names, own)
    except Exception as exc:
        told = f"the annotation {text!r} cannot be evaluated here: {exc}"
        if isinstance(exc, NameError):
            told += "; for an object of another vat write `object` or `Remotable`"
        raise BadAnnotationError(told) from None
