"""Seals: one hash for each commit and each label, over what it says and over what it stands on.

The seal of a commit covers its parent's seal, so that of the last one covers all of its history: not a
number, a note or a byte of a recorded change can be another one without all seals after it being wrong. They
are for `verify` to find what was altered by accident or by hand. Whoever means to deceive can compute them
anew, and then has made another world.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from swingset.model.spelling import canonical


def commit_seal(
    before: str | None, seq: int, parent: int | None, crank: int, note: str, packed: bytes
) -> str:
    """The seal of a commit: `before` is its parent's, `packed` its changeset as it is stored."""
    head = canonical([before, seq, parent, crank, note]).encode()
    return hashlib.sha256(b"commit %d:%b%b" % (len(head), head, packed)).hexdigest()


def label_seal(commit: str, name: str, seq: int, note: str) -> str:
    """The seal of a label: `commit` is that of the commit that it names."""
    return hashlib.sha256(b"label " + canonical([commit, name, seq, note]).encode()).hexdigest()


def labels_seal(seals: Iterable[str]) -> str:
    """The seal of all labels together, by their own in the order of their names: none is missing."""
    return hashlib.sha256(b"labels " + canonical(list(seals)).encode()).hexdigest()
