"""Requests of hosts in words for people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from swingset.core.verbs import VERBS
from swingset.lens.history.requests_in_words import SENTENCES, kept_name, request_in_words


def test_each_verb_has_a_sentence() -> None:
    """It speaks of arguments that the verb has, and never of the verb by its own name."""
    assert SENTENCES.keys() == VERBS.keys()
    for verb, sentence in SENTENCES.items():
        assert set(re.findall(r"\{(\w+)\}", sentence)) <= {*VERBS[verb]}
        assert "-" not in verb or verb not in sentence


SAID: list[tuple[str, dict[str, Any], str]] = [
    ("suspend-vat", {"vat": "bank", "reason": "suspended from the notebook"}, "the suspension of vat bank"),
    ("suspend-vat", {"vat": "bank", "reason": "lunch"}, "the suspension of vat bank, because: lunch"),
    ("terminate-vat", {"vat": "bank", "reason": "suspended by the host"}, "the termination of vat bank"),
    ("change-options", {"vat": "bank", "options": {"a": 1, "b": 2}}, "a change of vat bank: a 1, b 2"),
    ("pause", {"paused": True}, "the pause of the world"),
    ("pause", {"paused": False}, "the end of the pause"),
    ("add-device", {"name": "{kind}", "kind": "timer"}, "device {kind} is added"),
    ("pin", {}, "None held by the host"),
    ("no-verb", {"a": 1}, "no-verb"),
]


@pytest.mark.parametrize(("verb", "given", "words"), SAID)
def test_a_request_reads_as_a_sentence(verb: str, given: dict[str, Any], words: str) -> None:
    """A reason is told only if somebody gave one, and what stands in a value is no part of the sentence."""
    assert request_in_words(verb, given, lambda _name, value: str(value)) == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["vatstoreSet", "vc.2.sitems", "{}"], "keeps the name items"),
        (["vatstoreDelete", "vc.2.sitems"], "forgets the name items"),
        (["vatstoreSet", "vc.2.s\x1b[2J", ""], "keeps the name \\x1b[2J"),
        (["vatstoreSet", "vc.1.sitems", "{}"], None),
        (["vatstoreSet", 3], None),
        (["vatstoreSet"], None),
        ([], None),
        (None, None),
    ],
)
def test_a_name_that_a_session_keeps_is_told_as_one(call: Any, words: str | None) -> None:
    """How its vat stores it is left out; other syscalls, and what is none, are no names."""
    assert kept_name(call) == words
