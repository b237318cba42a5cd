"""JSON as this library writes and reads it: one spelling, ready-made codecs, and a limit to nesting.

`json.dumps` with options builds an encoder per call, which in a metered vat costs more than the encoding; so
the codecs are made once. The reader looks at the nesting before it reads, because the parser underneath
recurses on the C stack, and in the wasm guest a text written for the purpose would overflow that stack and
end the vat.
"""

from __future__ import annotations

import json
import re
from typing import Any

_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


write = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
read = json.JSONDecoder().decode
_read_strictly = json.JSONDecoder(parse_constant=_no_constant).decode


def read_foreign(text: str, max_depth: int) -> Any:
    """Read JSON that a stranger wrote; raises ValueError for all that is wrong with it."""
    if text.count("[") + text.count("{") > max_depth and _depth(text, max_depth) > max_depth:
        raise ValueError("nested too deep")
    return _read_strictly(text)


def _depth(text: str, enough: int) -> int:
    """How deep brackets nest outside of strings, counted as far as `enough`."""
    # Up to the first error, where the parser stops, a backslash can only be inside a string. Without escapes,
    # every other piece between quotes lies outside.
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    depth = deepest = 0
    for bracket in _NOT_BRACKETS.sub("", "".join(outside)):
        depth += 1 if bracket in "[{" else -1
        if depth > deepest:
            deepest = depth
            if deepest > enough:
                break
    return deepest
