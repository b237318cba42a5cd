"""Seals: one hash for each commit and each label, over what it says and over what it stands on, and one over
all names that a file gives: its labels, and the log that its commits are handed to.

The seal of a commit covers its parent's seal, so that of the last one covers all of its history: not a
number, a note or a byte of a record or of a change can be another one without all seals after it being wrong.
They are for `verify` to find what was altered by accident or by hand. Whoever means to deceive can compute
them anew, and then has made another world.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from swingset.model.spelling import canonical


class Sealed(NamedTuple):
    """What the seal of a commit covers besides its parent's seal; changes and records as they are stored."""

    seq: int
    parent: int | None
    crank: int
    record: int
    note: str
    changeset: bytes
    records: bytes


def commit_seal(before: str | None, commit: Sealed) -> str:
    """The seal of a commit: `before` is its parent's."""
    *head, changeset, records = commit
    text = canonical([before, *head, len(changeset)]).encode()
    hasher = hashlib.sha256(b"commit %d:%b" % (len(text), text))
    hasher.update(changeset)
    hasher.update(records)
    return hasher.hexdigest()


def label_seal(commit: str, name: str, seq: int, note: str) -> str:
    """The seal of a label: `commit` is that of the commit that it names."""
    return hashlib.sha256(b"label " + canonical([commit, name, seq, note]).encode()).hexdigest()


def names_seal(log: str | None, labels: Iterable[str]) -> str:
    """The seal of the log's name and of all labels, by their seals in the order of their names.

    So a label that is missing is noticed, and a log that was forgotten by hand.
    """
    return hashlib.sha256(b"names " + canonical([log, *labels]).encode()).hexdigest()
