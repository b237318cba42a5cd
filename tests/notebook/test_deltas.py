"""What a page is sent of data that has changed: enough to make the new of the old, and little of it."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import pytest

from swingset_nb.deltas import SAME, delta, merged


def json_data(chance: random.Random, depth: int) -> Any:
    """Data of few values, so that two of them have much in common."""
    if depth == 0 or chance.random() < 0.15:
        return chance.choice([None, True, 1, 0, 1.5, "a", "b"])
    if chance.random() < 0.5:
        items = [json_data(chance, depth - 1) for _ in range(chance.randrange(5))]
        return items if chance.random() < 0.5 else [{"id": n, "of": each} for n, each in enumerate(items)]
    return {chance.choice("abcd"): json_data(chance, depth - 1) for _ in range(chance.randrange(4))}


def test_the_change_makes_the_new_of_the_old() -> None:
    """For hundreds of pairs of data, and neither of the two is changed by it."""
    chance = random.Random(3)
    for _ in range(600):
        old, new = json_data(chance, 4), json_data(chance, 4)
        kept = deepcopy((old, new))
        change = json.loads(json.dumps(delta(old, new)))
        assert json.dumps(merged(old, change), sort_keys=True) == json.dumps(new, sort_keys=True)
        assert (old, new) == kept
        assert delta(old, deepcopy(old)) == SAME


LANES = [[[column, 1, column, column, 0] for column in range(300)] for _ in range(3)]
ROWS = [{"id": f"ko{n}", "label": f"Purse {n}", "count": 1} for n in range(400)]
BOXES = {"crank": 7, "boxes": [{"id": "v1", "rows": ROWS}, {"id": "v2", "rows": []}]}


def one_more(lane: int) -> Any:
    """The lanes with another bin at the end of one, and another number in the last bin of another."""
    changed = deepcopy(LANES)
    changed[lane].append([300, 1, 300, 300, 0])
    changed[0][-1][1] += 1
    return changed


def a_row(place: int, *new: dict[str, Any], drop: int = 0) -> Any:
    """The boxes with some rows more or fewer."""
    changed = deepcopy(BOXES)
    changed["boxes"][0]["rows"][place : place + drop] = new
    return changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LANES, one_more(2)),
        (BOXES, a_row(200, {"id": "ko9999", "label": "new"})),
        (BOXES, a_row(399, {**ROWS[399], "label": "Purse 5"}, drop=1)),
        (BOXES, a_row(0, drop=40)),
    ],
)
def test_little_is_sent_of_what_has_changed_little(old: Any, new: Any) -> None:
    """A bin more, a row more, another label, and some rows fewer are each a few bytes."""
    change = delta(old, new)
    assert merged(old, change) == new
    assert len(json.dumps(change)) < 150
