"""Source in the answer of a device, which transcripts have as its hash only.

A vat that imports a bundle gets the source of its modules as the answer of a call. The world has that source
already, under its hash. So the transcript keeps an answer that names the hash, and whoever hands the answer
to a worker, in its turn or in a replay, puts the source in its place. A vat cannot tell the difference, and
an archive or a replay cannot bring another source, because the hash would be another.

No other answer looks like it. Well-formed data never has a key that begins with `#`, but a vat without the
guest library says what it likes, and a device passes on what it was given. So looking like it is not enough
where an answer is made: only a `Naming`, which no vat's words become, may name a bundle.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from swingset.model import capdata
from swingset.model.capdata import CapData
from swingset.model.modules import Parts

Fetch = Callable[[str], Parts]
"""Finds the parts of a bundle by its id, such as `WorldFile.bundles.get`."""

_BEGIN, _END = '#{"#source":', "}"
_LONGEST = 300


class Naming(CapData):
    """An answer that a device made itself to name a bundle, and did not get from anyone."""

    __slots__ = ()


def naming(bundle: str) -> Naming:
    """The answer that stands for the parts of a bundle."""
    return Naming(f"{_BEGIN}{json.dumps(bundle)}{_END}")


def looks_sourced(value: CapData) -> bool:
    """Whether whoever reads this as an answer would take it for the source of a bundle."""
    return bundle_named([False, value.to_json()]) is not None


def bundle_named(answer: Any) -> str | None:
    """The id of the bundle that the answer of a call stands for, or None.

    `answer` is what a transcript has: `[failed, capdata]`, or anything that a file may have in that place.
    """
    match answer:
        case [False, {"body": str(body)}] if body.startswith(_BEGIN) and len(body) < _LONGEST:
            return json.loads(body[len(_BEGIN) : -len(_END)]) if _is_name(body) else None
    return None


def _is_name(body: str) -> bool:
    named = body[len(_BEGIN) : -len(_END)]
    return body.endswith(_END) and named[:1] == named[-1:] == '"' and named[1:-1].replace("-", "").isalnum()


def with_source(answer: list[Any], fetch: Fetch) -> list[Any]:
    """What a worker gets for a recorded answer of a syscall, `["ok", value]`.

    It is the same answer, unless that names a bundle. Raises what `fetch` raises.
    """
    bundle = bundle_named(answer[1]) if len(answer) == 2 and answer[0] == "ok" else None
    if bundle is None:
        return list(answer)
    source = capdata.data([[name, text] for name, text in fetch(bundle)])
    return ["ok", [False, source.to_json()]]
