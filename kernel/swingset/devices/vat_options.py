"""Converts a new vat's options from the creator's spelling to the kernel's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from swingset.core.device_board import DeviceError
from swingset.core.options import FOR_GOOD, SPELLINGS, name_trouble, option_wants, reserved
from swingset.devices import plain
from swingset.model.limits import DEFAULT_LIMITS

CONVERTED_ELSEWHERE = ("name", "vatParameters", "meter", "critical", "worker")

MOST = {
    "computrons": DEFAULT_LIMITS.computrons or 0,
    "memoryPages": DEFAULT_LIMITS.memory_pages or 0,
    "writeBytes": DEFAULT_LIMITS.write_bytes,
    "storedBytes": DEFAULT_LIMITS.stored_bytes or 0,
}
"""The largest limits that one vat may give another: those that every vat has; None means the same."""


def check_name(name: Any) -> str | None:
    """The checked name of a vat, or None if none is given. Raises `DeviceError`."""
    if name is None:
        return None
    trouble = name_trouble(name)
    if trouble is None and isinstance(name, str):
        trouble = reserved(name)
    if trouble is not None:
        raise DeviceError(
            f"CreateVatOptions: {trouble}", name="Error" if isinstance(name, str) else "TypeError"
        )
    return str(name)


def convert(options: Mapping[str, Any], *, changing: bool = False) -> dict[str, Any]:
    """The kernel's options for a creator's options; raises `DeviceError` for unknown or bad ones."""
    where = "changeOptions" if changing else "CreateVatOptions"
    known = {said: name for said, name in SPELLINGS.items() if not (changing and name in FOR_GOOD)}
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
    wanted = option_wants(SPELLINGS[name], value)
    most = MOST.get(name)
    if most is not None and (wanted is not None or (value or 0) > most):
        wanted = f"None or an int from 1 to {most:,}"
    if wanted is not None:
        raise DeviceError(f"{where}: {name} wants {wanted}, got {plain.shown(value)}", name="TypeError")
    return value
