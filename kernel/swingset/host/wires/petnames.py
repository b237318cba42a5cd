"""Petnames: what the user of a world calls other worlds.

A world is its key. A petname stands for the key here and nowhere else: it is told to no peer and to no vat.
It is chosen by the user, so it is trusted where a name that a peer gives itself would not be; so it must not
be able to pass for another one, or for the beginning of a key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from swingset.host.wires.asking import NetError
from swingset.model.foreign import shown
from swingset.model.visible import one_line

LONGEST_PETNAME = 40
"""How many characters a petname has at most."""

_LOOKS_LIKE_A_KEY = re.compile(r"[a-z2-7]{12,}")
_SIGNS = frozenset(" -_.'")
_KEPT = frozenset(("world", "another world", "this world", "not proved", "nobody"))
_ALIKE = ("LATIN", "GREEK", "CYRILLIC")
"""Scripts whose letters look alike, so a name is of one of them."""


def check_petname(petname: object, others: Mapping[str, str], designator: str) -> str:
    """A petname, once it is looked at.

    Args:
        petname: what was given.
        others: the designators that have petnames, by petname.
        designator: the one that is to have it.
    Raises:
        NetError: with what is wrong with it.
    """
    if not isinstance(petname, str):
        raise NetError(f"a petname is a text, or None to have none, not {shown(petname)}")
    why = _wrong_with(petname)
    if why is not None:
        raise NetError(f"{one_line(petname, 60)!r} is no petname: {why}")
    for other, owner in others.items():
        if owner != designator and other.casefold() == petname.casefold():
            raise NetError(f"another world is called {one_line(other, 60)} already: choose another petname")
    return petname


def _wrong_with(text: str) -> str | None:
    if not 0 < len(text) <= LONGEST_PETNAME:
        return f"it has 1 to {LONGEST_PETNAME} characters"
    if unicodedata.normalize("NFKC", text) != text:
        return "its characters have a simpler spelling, which it should have"
    if not text[0].isalpha():
        return "it begins with a letter"
    kinds = [unicodedata.category(char)[0] for char in text]
    if any(kind not in "LNM" and char not in _SIGNS for kind, char in zip(kinds, text, strict=True)):
        return "it has letters, digits, single spaces and the signs - _ . ' only"
    if "MMM" in "".join(kinds) or "  " in text or text.endswith(" "):
        return "it has single spaces between its words, and at most two marks on a letter"
    scripts = {unicodedata.name(char, "").split(" ")[0] for char in text if char.isalpha()}
    if len(scripts & {*_ALIKE}) > 1:
        return "its letters are of several scripts that look alike"
    if len({unicodedata.bidirectional(char) in ("R", "AL") for char in text if char.isalpha()}) > 1:
        return "its letters run in both directions"
    if _LOOKS_LIKE_A_KEY.fullmatch(text):
        return "it could be the beginning of a key"
    if text.casefold() in _KEPT:
        return "it has a meaning of its own"
    return None
