"""What can be wrong with a lease, by code: each has a section in `docs/recovering.md`."""

from __future__ import annotations

from typing import Literal

from swingset.world.errors import WorldError

LeaseCode = Literal[
    "lease-held",
    "taken-over",
    "commit-unknown",
    "database-away",
    "database-refused",
    "database-altered",
    "not-leased",
    "file-beside",
    "file-lags",
    "keys-missing",
]
"""Why a world with a lease cannot be opened, or cannot go on."""


class LeaseError(WorldError):
    """A world with a lease cannot be opened or cannot go on; `code` says why, and the text what to do."""

    code: LeaseCode

    def __init__(self, words: str, *, code: LeaseCode) -> None:
        super().__init__(words)
        self.code = code
