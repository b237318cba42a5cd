"""The options of a new vat, as its creator says them and as the kernel keeps them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from swingset.core.devices import DeviceError
from swingset.core.metering import SUSPEND, TERMINATE
from swingset.devices import plain
from swingset.model.limits import DEFAULT_LIMITS

NAME_LIMIT = 199
_NAME = re.compile(r"[A-Za-z0-9._-]+\Z", re.ASCII)

CONVERTED_ELSEWHERE = ("name", "vatParameters", "meter", "critical", "worker")
CHANGEABLE = {
    "reapInterval": "reap_interval",
    "reapGCKrefs": "reap_gc_krefs",
    "reapComputrons": "reap_computrons",
    "neverReap": "never_reap",
    "onStarvation": "on_starvation",
    "computrons": "computrons",
    "memoryPages": "memory_pages",
}
"""Options that can be changed later, with the names that the kernel keeps them under."""

FOR_GOOD = {"enablePipelining": "enable_pipelining"}

MOST = {
    "computrons": DEFAULT_LIMITS.computrons or 0,
    "memoryPages": DEFAULT_LIMITS.memory_pages or 0,
}
"""What one vat may let another use of its host: no more than any vat has, which is also what None means."""


def check_name(name: Any) -> str | None:
    """A vat's name, or None where it is given none. Raises `DeviceError`."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise DeviceError(f"CreateVatOptions: bad vat name {plain.shown(name)}", name="TypeError")
    if len(name) > NAME_LIMIT:
        raise DeviceError(f"CreateVatOptions: oversized vat name {json.dumps(name)}")
    if not _NAME.match(name):
        raise DeviceError(f"CreateVatOptions: bad vat name {json.dumps(name)}")
    return name


def convert(options: Mapping[str, Any], *, changing: bool = False) -> dict[str, Any]:
    """The kernel's options for those that a creator gave; raises `DeviceError` for unknown ones."""
    where = "changeOptions" if changing else "CreateVatOptions"
    known = CHANGEABLE if changing else CHANGEABLE | FOR_GOOD
    unknown = [
        name for name in options if name not in known and (changing or name not in CONVERTED_ELSEWHERE)
    ]
    if changing and unknown == ["meter"]:
        unknown = []
    if unknown:
        raise DeviceError(f"{where}: unknown options {','.join(json.dumps(name) for name in unknown)}")
    found = {}
    for name, value in options.items():
        if name in known:
            checked = _check(where, name, value)
            if checked is not None or changing or name not in MOST:
                found[known[name]] = checked
    return found


def _check(where: str, name: str, value: Any) -> Any:
    if name in ("neverReap", "enablePipelining"):
        fits, wanted = isinstance(value, bool), "True or False"
    elif name == "onStarvation":
        fits, wanted = value in (SUSPEND, TERMINATE), f'"{SUSPEND}" or "{TERMINATE}"'
    else:
        most = MOST.get(name, 1 << 62)
        fits = value is None or (type(value) is int and 0 < value <= most)
        wanted = f"None or an int from 1 to {most:,}" if name in MOST else "None or an int from 1"
    if not fits:
        raise DeviceError(f"{where}: {name} wants {wanted}, got {plain.shown(value)}", name="TypeError")
    return value
