"""JSON as this library writes and reads it: one spelling, ready-made codecs, and a limit to nesting.

`json.dumps` with options builds an encoder per call, which in a metered vat costs more than the encoding, and
the methods around the C codecs cost as much again; so the codecs are made once, and called directly where
this Python has them. The reader looks at the nesting before it reads, because the parser underneath
recurses on the C stack, and in the wasm guest a text written for the purpose would overflow that stack and
end the vat.
"""

from __future__ import annotations

import json
import json.encoder
import json.scanner
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _writer() -> Callable[[Any], str]:
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    chunks = make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, True)
    return lambda value: "".join(chunks(value, 0))


def _reader(decoder: json.JSONDecoder) -> Callable[[str], Any]:
    scan: Any = json.scanner.make_scanner(decoder)  # type: ignore[arg-type]

    def read(text: str) -> Any:
        try:
            value, end = scan(text, 0)
        except StopIteration:
            end = -1
        # Blanks around the value and malformed texts are left to the ordinary decoder and its errors.
        return value if end == len(text) else decoder.decode(text)

    return read


write = _writer()
write_text: Callable[[str], str] = json.encoder.encode_basestring
read = _reader(json.JSONDecoder())
_read_strictly = _reader(json.JSONDecoder(parse_constant=_no_constant))


def read_foreign(text: str, max_depth: int) -> Any:
    """Read JSON that a stranger wrote; raises ValueError for anything wrong with it."""
    deep = len(text) > max_depth and text.count("[") + text.count("{") > max_depth
    if deep and _depth(text, max_depth) > max_depth:
        raise ValueError("nested too deep")
    return _read_strictly(text)


def _depth(text: str, enough: int) -> int:
    """How deep brackets nest outside of strings; counting stops at `enough`."""
    # Up to the first error, where the parser stops, a backslash can only be inside a string. Without escapes,
    # every second piece between quotes lies outside of strings.
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    depth = deepest = 0
    for bracket in _NOT_BRACKETS.sub("", "".join(outside)):
        depth += 1 if bracket in "[{" else -1
        if depth > deepest:
            deepest = depth
            if deepest > enough:
                break
    return deepest
