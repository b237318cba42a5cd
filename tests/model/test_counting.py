"""How counts are written."""

from __future__ import annotations

import pytest

from swingset.model.counting import plural


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [(1, "commit", "1 commit"), (0, "commit", "0 commits"), (2_000, "delivery", "2,000 deliveries")],
)
def test_a_count_has_its_noun(count: int, noun: str, words: str) -> None:
    """One is singular, and all else is plural."""
    assert plural(count, noun) == words
