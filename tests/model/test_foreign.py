"""How much of a stranger's text is read, to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model.foreign import Unreadable, read_json

READ: list[tuple[str, Any]] = [
    ("[[[]],[[]]]", [[[]], [[]]]),
    ('{"a":{"b":{}},"c":[[]]}', {"a": {"b": {}}, "c": [[]]}),
    ('["[[[[","{{{{",[[]]]', ["[[[[", "{{{{", [[]]]),
    ('["\\"[[[[",[[]]]', ['"[[[[', [[]]]),
    ("[1,2,3,4,5,6]", [1, 2, 3, 4, 5, 6]),
    ('["a,b,c,d,e,f,g,h,i",1]', ["a,b,c,d,e,f,g,h,i", 1]),
    ("[[1,2],[3]]", [[1, 2], [3]]),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_as_much_as_is_allowed_is_read(text: str, value: Any) -> None:
    """Three levels and seven values; brackets and commas in texts are none."""
    assert read_json(text, depth=3, values=8) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[[[]]]]", "nested deeper than 3 levels"),
        ('{"a":[],"c":{"d":[[]]}}', "nested deeper than 3 levels"),
        ("[1,2,3,4,5,6,7,8]", "more than 8 values"),
        ("[[],[],[],[1,2]]", "more than 8 values"),
        ("[{},{},{},{}]", "more than 8 values"),
    ],
)
def test_one_more_is_not(text: str, words: str) -> None:
    """Not a level more, and not a value more."""
    with pytest.raises(Unreadable, match=words):
        read_json(text, depth=3, values=8)
