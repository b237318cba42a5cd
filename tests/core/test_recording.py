"""How the record of a crank or a request is made."""

from __future__ import annotations

from typing import Any

from swingset.core.recording import without_nothing


def test_a_record_is_made_without_what_is_nothing() -> None:
    """None, an empty list and an empty dict are left out; zero, an empty text and False are not."""
    parts: dict[str, Any] = {"a": None, "b": [], "c": {}, "d": 0, "e": "", "f": False, "g": [0]}
    assert without_nothing(**parts) == {"d": 0, "e": "", "f": False, "g": [0]}
