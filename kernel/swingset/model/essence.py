"""What a body says, without what only its sender alleges of it.

A reference comes with the name of its class, and an error with the lines of code where it was raised. Other
code that answers the same gives others of both: a class that is renamed, a line above that is new. Whoever
compares two answers compares what is left without them. A body that cannot be read is left as it is.
"""

from __future__ import annotations

from typing import Any

from swingset.model.capdata import MOST_DEPTH, CapData
from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import spelled
from swingset.wire import grammar


def essence(data: CapData, *, names: bool = False) -> str:
    """The text of a body without the lines of code in its errors, and without alleged names.

    With `names` it keeps the names.
    """
    if "#error" not in data.body and (names or grammar.ALLEGED not in data.body):
        return data.body
    try:
        return spelled(_part(read_json(data.json, depth=MOST_DEPTH), names))
    except Unreadable:
        return data.body


def _part(node: Any, names: bool) -> Any:
    if isinstance(node, str):
        found = None if names else grammar.REFERENCE.match(node)
        return node if found is None else grammar.reference(found[1], int(found[2]))
    if isinstance(node, list):
        return [_part(part, names) for part in node]
    if isinstance(node, dict):
        left_out = "trace" if isinstance(node.get("#error"), str) else None
        return {key: _part(value, names) for key, value in node.items() if key != left_out}
    return node
