"""Packages of vats come from other worlds: whatever is wrong with one is refused by a code."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swingset.model.vat_packages import (
    BROKEN,
    DROPPED,
    EXPORT,
    IMPORT,
    MOST_ENTRIES,
    PROMISE,
    WEAK,
    BadPackage,
    Entry,
    VatPackage,
    read_package,
)

GOOD = VatPackage(
    name="counter",
    incarnation=3,
    code=(("counter", "def build_root_object():\n    return 1\n"),),
    cells=(("counter", "..."),),
    parameters='#{"purse":"$0"}',
    slots=("o",),
    rows=(("idCounters", "{}"), ("vom.o+d10/1", "{}")),
    counters=(("o", 60), ("p", 70)),
    entries=(
        Entry("o+0", EXPORT, "Root"),
        Entry("o+d10/1", EXPORT),
        Entry("o+d10/2", DROPPED),
        Entry("o-50", IMPORT),
        Entry("o-51", WEAK),
        Entry("p-60", PROMISE, None, True),
        Entry("p+5", BROKEN, None, True),
    ),
    message="vat counter moved to another world",
    disavow=False,
)

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "another form": ("format", {"format": 2}),
    "a part too many": ("format", {"more": 1}),
    "a name of two lines": ("name", {"name": "a\nb"}),
    "no name": ("name", {"name": ""}),
    "a message with quotes": ("name", {"message": 'a"b'}),
    "a message that is a list": ("name", {"message": []}),
    "a message that is nothing": ("name", {"message": None}),
    "a message that is false": ("name", {"message": False}),
    "a message that is a number": ("name", {"message": 0}),
    "a message that is too long": ("name", {"message": "m" * 401}),
    "an incarnation below 0": ("format", {"incarnation": -1}),
    "an incarnation that is a boolean": ("format", {"incarnation": True}),
    "no code": ("code", {"code": []}),
    "code that is no pair": ("code", {"code": [["a", "b", "c"]]}),
    "code without liveslots": ("code", {"code": [["raw net", "x"]]}),
    "cells that are no texts": ("cells", {"cells": [["a", 1]]}),
    "half a character": ("rows", {"rows": [["\ud800", "v"]]}),
    "a key twice": ("rows", {"rows": [["k", "v"], ["k", "w"]]}),
    "a key too long": ("rows", {"rows": [["k" * 1_001, "v"]]}),
    "a value that is no text": ("rows", {"rows": [["k", None]]}),
    "a counter too many": ("counters", {"counters": {"o": 60, "p": 70, "v": 1}}),
    "a counter below the first import": ("counters", {"counters": {"o": 1, "p": 70}}),
    "a counter below an import": ("counters", {"counters": {"o": 51, "p": 70}}),
    "a name twice": ("entries", {"entries": [["o-50", "import", None, False]] * 2}),
    "too many names": (
        "entries",
        {"entries": [[f"o-{50 + n}", "import", None, False] for n in range(MOST_ENTRIES + 1)]},
    ),
    "a kref": ("entries", {"entries": [["ko20", "import", None, False]]}),
    "a device": ("entries", {"entries": [["d-70", "import", None, False]]}),
    "an import as an export": ("entries", {"entries": [["o-50", "export", None, False]]}),
    "an export as an import": ("entries", {"entries": [["o+0", "import", None, False]]}),
    "a fleeting export": ("entries", {"entries": [["o+5", "export", None, False]]}),
    "a virtual export": ("entries", {"entries": [["o+v10/1", "export", None, False]]}),
    "an object as a promise": ("entries", {"entries": [["o-50", "promise", None, False]]}),
    "an unknown fate": ("entries", {"entries": [["o-50", "stolen", None, False]]}),
    "a fate that is a list": ("entries", {"entries": [["o-50", [], None, False]]}),
    "an interface of two lines": ("entries", {"entries": [["o+0", "export", "a\nb", False]]}),
    "parameters that are no text": ("parameters", {"parameters": 5}),
    "a device in the parameters": ("parameters", {"slots": ["d"]}),
    "a slot that is a list": ("parameters", {"slots": [[]]}),
    "disavow that is a number": ("format", {"disavow": 1}),
}


def changed(changes: dict[str, Any]) -> str:
    """The text of a good package with some parts changed."""
    return json.dumps({**json.loads(GOOD.text()), **changes})


def test_a_good_package_is_read_as_it_was_written() -> None:
    """Nothing is lost between the two worlds, and each reference beside it has its letter."""
    assert read_package(GOOD.text()) == GOOD
    assert GOOD.letters() == ["o", "o", "p", "o"]


@pytest.mark.parametrize("message", ["", f"vat {199 * 'n'} moved to another world"])
def test_a_vat_with_any_name_can_say_that_it_moved(message: str) -> None:
    """The longest name that a vat may have is no obstacle, and a message may be empty."""
    assert read_package(changed({"message": message})).message == message


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_by_a_code(case: str) -> None:
    """A good package in which one thing is wrong."""
    code, changes = WRONG[case]
    with pytest.raises(BadPackage) as refused:
        read_package(changed(changes))
    assert refused.value.code == code


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["o-50", "o+0", "export"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(GOOD.text()))), _VALUES)
def test_any_other_part_is_refused_or_read(part: str, value: Any) -> None:
    """Whatever stands in the place of a part, reading it raises `BadPackage` and nothing else."""
    with contextlib.suppress(BadPackage):
        assert read_package(changed({part: value})).text()


@given(st.text(max_size=30))
def test_any_other_text_is_refused(text: str) -> None:
    """What is no package at all."""
    with pytest.raises(BadPackage):
        read_package(text)
