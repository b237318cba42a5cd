"""What the first entry of a clone's transcript says: of which vat it is a clone, and as of when.

A clone has the memory of another vat. So its transcript goes on where that of the other stood: its first
entry follows the last one of the other, and is a delivery that tells the guest library what it runs from now
on. Whoever repeats the transcript from the beginning of the incarnation repeats first what the other vat did.

Transcripts come from files of others, so what an entry says is checked before anything relies on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from swingset.model.refs import is_called_well, is_vat_id

CLONED_FROM = "clonedFrom"
"""The kind of the first delivery to a clone."""

_HASH = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_OPTION = re.compile(r"(v[1-9][0-9]{0,14})/([0-9]{1,15})\Z", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """The vat that a clone was made of, and the clone.

    `position` is where the transcript of `vat` stood, and `digest` its running hash up to there. `called` is
    the name of the clone.
    """

    vat: str
    name: str
    incarnation: int
    position: int
    digest: str
    clone: str
    called: str

    def delivery(self) -> list[Any]:
        """The delivery that says so."""
        return [CLONED_FROM, asdict(self)]


def origin_of(delivery: Sequence[Any]) -> Origin | None:
    """What a delivery says of a clone; None for any other delivery, and for one that says it wrongly."""
    if len(delivery) != 2 or delivery[0] != CLONED_FROM or not isinstance(delivery[1], dict):
        return None
    raw = delivery[1]
    if set(raw) != set(Origin.__dataclass_fields__):
        return None
    texts = is_called_well(raw["name"]) and is_called_well(raw["called"])
    vats = is_vat_id(raw["vat"]) and is_vat_id(raw["clone"]) and int(raw["vat"][1:]) < int(raw["clone"][1:])
    numbers = all(type(raw[name]) is int and raw[name] >= 0 for name in ("incarnation", "position"))
    if not (texts and vats and numbers and isinstance(raw["digest"], str) and _HASH.match(raw["digest"])):
        return None
    return Origin(**raw)


def cloned_from(vat: str, incarnation: int) -> str:
    """The option of a clone that says of which incarnation of which vat it was made."""
    return f"{vat}/{incarnation}"


def read_cloned_from(option: object) -> tuple[str, int] | None:
    """The vat and the incarnation that the option says, or None if it says none."""
    found = _OPTION.match(option) if isinstance(option, str) else None
    return (found[1], int(found[2])) if found else None
