"""A host lets a vat hold something, which has to be in the world."""

from __future__ import annotations

import pytest

import swingset
from swingset.host.sessions.session import Session


@pytest.mark.parametrize(
    ("kref", "words"),
    [
        ("ko999", "there is no ko999"),
        ("kd999", "there is no kd999"),
        ("kp999", "is a promise"),
        ("purse", "there is no purse"),
    ],
)
def test_what_is_not_there_is_refused(kref: str, words: str) -> None:
    """The c-list would name something without a row, and the world would be damaged."""
    with swingset.open_world(worker="local") as world:
        session = Session(world)
        before = world.digest()
        with pytest.raises(swingset.KernelError, match=words):
            session.reference(kref, "it")
        assert world.digest() == before
        assert world.verify() == []
