"""The arguments of a recorded request in a branch: rewritten through the origins of references, and in words.

A reference of the record has another number in the branch, and so has an event that waits. What is no
reference stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.model.visible import one_line
from swingset.time.branches.entries import SHOWN, called, syscall_in_words
from swingset.time.branches.origins import Origins

_BY_NAME = ("keep-sources", "draft")  # the argument `vat` is a name


def translate(verb: str, given: dict[str, Any], origins: Origins) -> None:
    """Rewrite the arguments of a request. Raises `Withheld`."""
    if "capdata" in given:
        given["capdata"] = origins.data(given["vat"], given["capdata"])
    if "vat" in given and verb not in _BY_NAME:
        given["vat"] = origins.vat(given["vat"])
    if "vats" in given:
        given["vats"] = [origins.vat(vat) for vat in given["vats"]]
    for name in ("kref", "target"):
        if name in given:
            given[name] = origins.kref(given[name])
    if "refs" in given:
        given["refs"] = [origins.kref(kref) for kref in given["refs"]]
    for name in ("methargs", "parameters"):
        if name in given:
            given[name] = origins.kernel_data(given[name])
    for name in ("meter", "superior"):
        if name in given:
            given[name] = origins.meter(given[name])
    if "position" in given:
        given["position"] = origins.position(given["position"])
    options = given.get("options")
    if isinstance(options, dict) and isinstance(options.get("meter"), str):
        given["options"] = {**options, "meter": origins.meter(options["meter"])}


def in_words(verb: str, given: Mapping[str, Any], origins: Origins) -> str:
    """A request in a few words."""
    if verb == "syscall":
        return syscall_in_words(given.get("syscall"))
    if verb in ("send", "offer"):
        return f"send {called(given.get('methargs'))}"
    name = given.get("name") or given.get("peer") or given.get("meter") or given.get("device")
    if isinstance(vat := given.get("vat"), str):
        name = vat if verb in _BY_NAME else origins.name_of(vat)
    return one_line(f"{verb} {name}" if isinstance(name, str) else verb, SHOWN)
