"""References: krefs are the kernel's names for things, vrefs are one vat's names.

A kref is `ko20`, `kp40` or `kd30`: object, promise, device. A vref says who allocated it: `o+3` the
vat, `o-50` the kernel; `o+d10/1` is instance 1 of durable kind 10, `o+v11/1` of a virtual kind,
and `:0` behind either names a facet. Every reference from a vat is parsed here first, by one pattern that
admits no other spelling, so that two texts can never mean one object.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from swingset.model.foreign import shown

ROOT = "o+0"
"""The root object's vref in every vat."""

FIRST = {"v": 1, "ko": 20, "kd": 30, "kp": 40}
"""Where the kernel's counters start, as in the reference implementation."""

FIRST_IMPORT = {"o": 50, "p": 60, "d": 70}
"""Where each vat's imports start: `o-50`, `p-60`, `d-70`."""

_VREF = re.compile(
    r"(?:o\+(?P<dv>[dv])(?P<kind>[1-9]\d{0,15})/(?P<instance>[1-9]\d{0,15})(?::(?P<facet>0|[1-9]\d{0,3}))?"
    r"|(?P<type>[opd])(?P<sign>[+-])(?P<number>0|[1-9]\d{0,15}))\Z",
    re.ASCII,
)
_KREF = re.compile(r"k[opd][1-9]\d{0,15}\Z", re.ASCII)
_VAT = re.compile(r"v[1-9]\d{0,14}\Z", re.ASCII)


class MalformedReference(ValueError):
    """A text that is not a reference, or not one of the wanted type."""


class VRef(NamedTuple):
    """A parsed vref. `type` is o, p or d; `exported` says that the vat allocated it."""

    text: str
    type: str
    exported: bool
    durable: bool = False
    virtual: bool = False

    @property
    def outlives_upgrade(self) -> bool:
        """Whether the export stays valid in the next incarnation: the root and durable instances."""
        return self.durable or self.text == ROOT


def parse_vref(text: object) -> VRef:
    """Parse a vat's reference; raises `MalformedReference` with the text."""
    match = _VREF.match(text) if isinstance(text, str) else None
    if match is None or not isinstance(text, str):
        words = repr(text) if isinstance(text, str) and len(text) <= 60 else shown(text)
        raise MalformedReference(f"{words} is not a vref such as o+3, o-50, o+d10/1 or p+5")
    if match["dv"]:
        return VRef(text, "o", exported=True, durable=match["dv"] == "d", virtual=match["dv"] == "v")
    return VRef(text, match["type"], exported=match["sign"] == "+")


def is_kref(text: object) -> bool:
    """Whether `text` has the form of a kref."""
    return isinstance(text, str) and _KREF.match(text) is not None


def is_vat_id(text: object) -> bool:
    """Whether `text` has the form of a vat's id."""
    return isinstance(text, str) and _VAT.match(text) is not None


def is_called_well(name: object) -> bool:
    """Whether a text can be a vat's name: it fits on one line, and between the quotes of a JSON text."""
    if not isinstance(name, str) or not 0 < len(name) <= 199:
        return False
    return name.isprintable() and '"' not in name and "\\" not in name


def kref_type(kref: str) -> str:
    """The type letter of a kref: o, p or d."""
    return kref[1]


def sort_key(ref: str) -> tuple[str, int]:
    """A sort key for people: by the letters, then by the number as a number (`ko9` before `ko10`)."""
    digits = re.search(r"\d+", ref)
    return (ref[: digits.start()], int(digits.group())) if digits else (ref, -1)
