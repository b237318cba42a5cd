"""The one spelling of JSON that is stored, hashed or told to vats: sorted keys, no blanks, readable letters.

One value has one text. So what is addressed by its hash has one address, two worlds that hold the same have
the same digest, and a vat that is brought back is told the same bytes. Bodies of messages are not spelled
here: they are what a vat has written (`swingset.model.capdata`).
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any


def _writer() -> Callable[[Any], str]:
    """The encoder, made once: the one of the standard library makes another for each value."""
    plain = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    text = json.encoder.encode_basestring
    chunks = make(None, plain.default, text, None, ":", ",", True, False, False)

    def write(value: Any) -> str:
        try:
            return "".join(chunks(value, 0))
        except RecursionError:
            return plain.encode(value)  # which says so where a value holds itself

    return write


spelled = _writer()
"""The text of a JSON value."""

_in_ascii = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":")).encode


def canonical(value: Any) -> str:
    """The same for what a vat of any worker may have said: a text that UTF-8 has no bytes for is escaped."""
    text = spelled(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _in_ascii(value)
    return text
