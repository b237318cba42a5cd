"""Seals: the hashes by which `verify` finds altered commits, labels and names.

The seal of a commit covers its content and its parent's seal. So the seal of the last commit covers the whole
history: if one number, note, record or change is altered, its seal and all later seals are wrong. The seal of
a label covers its content and its commit's seal. One more seal covers all names in a file: its labels,
the name of the log that receives its commits, where its past was cut off, and how much of it is kept.

Seals detect accidents and edits by hand. They do not stop an attacker, who can compute all of them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from swingset.model.spelling import canonical


class Sealed(NamedTuple):
    """What the seal of a commit covers besides its parent's seal. Changes and records are as stored."""

    seq: int
    parent: int | None
    crank: int
    record: int
    note: str
    changeset: bytes
    records: bytes


def commit_seal(before: str | None, commit: Sealed) -> str:
    """Return the seal of a commit; `before` is its parent's seal, None for the first commit."""
    *head, changeset, records = commit
    text = canonical([before, *head, len(changeset)]).encode()
    hasher = hashlib.sha256(b"commit %d:%b" % (len(text), text))
    hasher.update(changeset)
    hasher.update(records)
    return hasher.hexdigest()


def label_seal(commit: str, name: str, seq: int, note: str) -> str:
    """Return the seal of a label; `commit` is the seal of the commit that it names."""
    return hashlib.sha256(b"label " + canonical([commit, name, seq, note]).encode()).hexdigest()


def names_seal(log: str | None, labels: Iterable[str], rows: Iterable[tuple[str, str]] = ()) -> str:
    """Return the seal of the log's name and of all labels, which are their seals, sorted by label name.

    `rows` are the rows of `meta` that `names.sealed_rows` returns. The seal detects a label that was deleted
    by hand, and a row of these that was changed or deleted.
    """
    said = canonical([log, *labels]) + "".join(f" {key} {text}" for key, text in rows)
    return hashlib.sha256(b"names " + said.encode()).hexdigest()
