"""What has changed between two pieces of JSON data, as data: a page is sent this instead of the whole.

A delta is one of four: `["="]` for no change, `["v", value]` for another value,
`["k", {key: delta}, [gone]]` for a dict with other items, and
`["l", start, removed, [inserted], {place: delta}]` for a list, of which one
stretch is another and then some items have changed. It is short, and not the shortest that there is: an item
that moves is written again.

`static/deltas.js` applies it in the page. `merged` does the same here, so that the two can be compared.
"""

from __future__ import annotations

from typing import Any

Delta = list[Any]

SAME: Delta = ["="]


def delta(old: Any, new: Any) -> Delta:
    """What makes new data out of old data; both are JSON, and neither changes.

    Example:
        >>> delta({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]})
        ['k', {'b': ['l', 1, 1, [3], {}]}, []]
    """
    if type(old) is type(new) and old == new:
        return SAME
    if isinstance(old, dict) and isinstance(new, dict):
        changed = {
            key: ["v", value] if key not in old else found
            for key, value in new.items()
            if key not in old or (found := delta(old[key], value)) != SAME
        }
        return ["k", changed, [key for key in old if key not in new]]
    if isinstance(old, list) and isinstance(new, list):
        return _of_lists(old, new)
    return ["v", new]


def _of_lists(old: list[Any], new: list[Any]) -> Delta:
    """Items at one place are the same thing if they are the same data, are lists, or have the same id."""
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and _matches(old[start], new[start]):
        start += 1
    end = 0
    while end < shorter - start and _matches(old[-1 - end], new[-1 - end]):
        end += 1
    inserted = new[start : len(new) - end]
    places = [*range(start), *range(len(new) - end, len(new))]
    shift = len(old) - len(new)
    changed = {}
    for place in places:
        found = delta(old[place if place < start else place + shift], new[place])
        if found != SAME:
            changed[str(place)] = found
    return ["l", start, len(old) - end - start, inserted, changed]


def _matches(old: Any, new: Any) -> bool:
    """Whether two items are told apart by a delta of their own rather than written again."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict) and "id" in old:
        return bool(old["id"] == new.get("id"))
    return isinstance(old, list) or bool(old == new)


def merged(old: Any, change: Delta) -> Any:
    """The new data, of the old data and what has changed."""
    match change:
        case ["v", value]:
            return value
        case ["k", changed, gone]:
            kept = {key: value for key, value in old.items() if key not in gone}
            return {**kept, **{key: merged(old.get(key), each) for key, each in changed.items()}}
        case ["l", start, removed, inserted, changed]:
            spliced = [*old[:start], *inserted, *old[start + removed :]]
            for place, each in changed.items():
                spliced[int(place)] = merged(spliced[int(place)], each)
            return spliced
    return old
