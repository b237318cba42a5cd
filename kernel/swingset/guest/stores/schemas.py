"""Checks at an upgrade that new code still has the classes that collections need.

A collection stores the annotations of its keys and values as text, which is read again when it is next used.
That may be long after an upgrade, and too late to find that a class is missing: then the entries could not
even be counted. So each such text that mentions a class is noted once for the whole vat, with the fields of
the class. There are few, however many collections there are. An upgrade reads all notes, and looks for a
collection that needs one only if its class is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base import jsontext
from ..guards.shape import BadAnnotationError, Shape
from ..guards.shapes import compile_spelled

if TYPE_CHECKING:
    from .collections import Collections

NOTED = "vom.schemas"


def note(collections: Collections, shape: Shape, plain: dict[str, Any]) -> None:
    """Note the shape of a durable collection's keys or values, unless it needs only the `plain` names."""
    try:
        compile_spelled(shape.spelled, plain)
    except BadAnnotationError:
        noted = _noted(collections)
        if noted.get(shape.spelled) != shape.text:
            collections.vat.store.set(NOTED, jsontext.write({**noted, shape.spelled: shape.text}))


def lost(collections: Collections) -> str | None:
    """The message about a class that a stored collection needs and the code lacks; None if there is none."""
    noted = _noted(collections)
    kept = {}
    for spelled, text in noted.items():
        try:
            shape = compile_spelled(spelled, collections.scope())
        except BadAnnotationError:
            problem = "the code has no such class any more; keep it, and its name"
        else:
            if shape.takes_over(text):
                kept[spelled] = shape.text
                continue
            problem = (
                f"expected {text} as stored, found {shape.text}; keep the class as it is, and give what is "
                "new a class and a collection of its own"
            )
        label = _user(collections, spelled)
        if label is not None:
            return f"collection {jsontext.write(label)} was made for {spelled}: {problem}"
    if kept != noted:
        collections.vat.store.set(NOTED, jsontext.write(kept))
    return None


def _noted(collections: Collections) -> dict[str, str]:
    noted: dict[str, str] = jsontext.read(collections.vat.store.get(NOTED) or "{}")
    return noted


def _user(collections: Collections, spelled: str) -> str | None:
    """The label of a durable collection with this annotation; None if there is none."""
    store = collections.vat.store
    for number in collections.durable_kinds:
        for key in store.keys(f"vom.o+d{number}/"):
            record = jsontext.read(store.get(key) or "{}")
            if spelled in (record["keys"], record["values"]):
                label: str = record["label"]
                return label
    return None
