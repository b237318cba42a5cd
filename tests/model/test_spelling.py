"""The one spelling of JSON, and the events that are spelled in the activity digest."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from swingset.model.bids import Bid
from swingset.model.capdata import CapData
from swingset.model.messages import (
    ChangeVatOptions,
    CleanUp,
    Collect,
    CreateVat,
    Event,
    Message,
    Notify,
    Reap,
    Send,
    UpgradeVat,
    event_from_json,
    event_to_data,
    event_to_json,
    kind_of,
)
from swingset.model.spelling import canonical, spelled

DATA = CapData('#["$0",1]', ("ko20",))

VALUES: list[Any] = [
    None,
    True,
    5,
    -1.5,
    "plain",
    'é "quoted" \\ \n \x00 \u2028 \U0001f600',
    [],
    {},
    {"b": [1, {"z": None, "a": ()}], "a": "x", "é": 1},
    list(range(2_000)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_a_value_has_one_spelling(value: Any) -> None:
    """It is that of the standard library with sorted keys, no blanks and readable letters."""
    wanted = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert spelled(value) == canonical(value) == wanted


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]], ids=str)
def test_what_json_has_no_number_for_is_refused(value: Any) -> None:
    """A float that is no number has no spelling."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        spelled(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    """It has no spelling, and that is an error as any other."""
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="Circular"):
        spelled(ring)


def test_half_a_surrogate_pair_is_escaped() -> None:
    """A text that UTF-8 has no bytes for is spelled in ASCII."""
    assert canonical(["\ud800"]) == '["\\ud800"]'


EVENTS: list[Event] = [
    Send("ko20", Message(DATA, "kp40"), "v1"),
    Send("kp41", Message(DATA)),
    Send("ko20", Message(DATA), None, Bid("ann", -5, 512, 9, 1, 3, False)),
    Notify("v1", "kp40"),
    CreateVat("v3", "bank", "local", {"meter": "m1"}, "b1-0", DATA, "kp42"),
    UpgradeVat("v3", "b1-0", DATA, "why", "kp43"),
    ChangeVatOptions("v3", {"migrate": 5}),
    Collect("v1", "dropExport", ("ko20", "ko21")),
    Reap("v1"),
    CleanUp("v1"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_spelled_with_all_its_fields(event: Event) -> None:
    """Nothing of what an event says is missing in its record and in the activity digest."""
    said = event_to_data(event)
    assert said.pop("type") == kind_of(event)
    wanted = asdict(event)
    bid = wanted.pop("bid", None)  # a message without one says nothing of it, as worlds without a market
    assert said.pop("bid", None) == (None if bid is None else list(bid.values()))
    assert spelled(said) == spelled(wanted)
    if isinstance(event, Send):
        assert event_from_json(event_to_json(event)) == event
