"""The limits of a vat in the words of a magic line: how they are typed, and how to raise one that was hit."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from swingset.core.errors import NoSuchVat
from swingset.core.warehouse import limits_of
from swingset.host.worlds.controller import Controller
from swingset.model import reasons
from swingset.model.limits import DEFAULT_LIMITS, MOST_WRITE_BYTES, WASM_PAGE, Limits
from swingset.model.states import Reason

MIB = 1 << 20

_UNITS = {"memory": WASM_PAGE, "write": 1, "store": 1, "total": 1}
"""How many bytes one of the kernel's option is."""

OPTIONS = {
    "computrons": "computrons",
    "seconds": "seconds",
    "memory": "memory_pages",
    "write": "write_bytes",
    "store": "stored_bytes",
    "total": "total_bytes",
}
"""The options of a magic line, with the kernel's names for them."""

_HIT: dict[Reason, str] = {
    reasons.OUT_OF_COMPUTRONS: "computrons",
    reasons.OUT_OF_MEMORY: "memory",
    reasons.WALL_CLOCK: "seconds",
    reasons.TOO_MUCH_WRITTEN: "write",
    reasons.STORE_FULL: "store",
}

_VAT = re.compile(r"vat ([A-Za-z0-9._-]{1,199}): ", re.ASCII)

_RENT = re.compile(r"and account ([A-Za-z0-9._-]{1,100}) can spend [0-9,]+: credit it", re.ASCII)
_BID = re.compile(r"the allowance of its bid: bid with more, such as (allowance=[0-9_]{1,20});", re.ASCII)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for limits to a parser."""
    for name, text in (
        ("computrons", "the most computrons of one delivery, such as 50e9"),
        ("seconds", "the most seconds of one delivery"),
        ("memory", "the most MiB of the vat's memory"),
        ("write", "the most MiB that one delivery may write"),
        ("store", "the most MiB that the vat may keep stored"),
        ("total", "the most MiB that the vat may take in all: store, references, messages, memory"),
    ):
        parser.add_argument(f"--{name}", type=number, metavar="N", help=text)


def number(text: str) -> float:
    """A number above 0 as people type it: `50e9`, `50_000`, `1.5`."""
    try:
        found = float(text.replace(",", ""))
    except ValueError:
        found = 0.0
    if not 0 < found < 1e18:
        raise argparse.ArgumentTypeError(f"a number above 0 is wanted, such as 50e9, not {text[:60]!r}")
    return found


def chosen(given: argparse.Namespace) -> dict[str, Any]:
    """The limits that a line sets, as options of the kernel."""
    found: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        value = getattr(given, name)
        if value is not None:
            units = MIB // _UNITS[name] if name in _UNITS else 1
            found[option] = value if name == "seconds" else max(1, round(value * units))
    return found


def shown(name: str, limits: Limits) -> str:
    """One limit in words."""
    value = getattr(limits, OPTIONS[name])
    if value is None:
        return "without limit"
    if name in _UNITS:
        return f"{value * _UNITS[name] / MIB:,g} MiB"
    return f"{value:,g} seconds" if name == "seconds" else f"{value:,}"


def advice(controller: Controller, error: BaseException) -> Iterator[str]:
    """What to type after a delivery that hit a limit; the vat is named in the kernel's message."""
    words = str(getattr(error, "remote_message", ""))
    if (better := _BID.search(words)) is not None:
        yield f"send it again with `{better[1]}` in its bid; the limit of the vat is not what stopped it"
        return
    vat = _VAT.match(words)
    name = _HIT.get(getattr(error, "code", None) or "")  # type: ignore[arg-type]
    if name == "store" and (rent := _RENT.search(words)) is not None:
        credit = f"swingset_nb.session().controller.market.credit('{rent[1]}', UNITS)"
        yield f"`{credit}` lets its vat go on; then send the message again"
        return
    if name == "store" and "(total_bytes)" in words:
        name = "total"
    if vat is not None and name is not None:
        try:
            record = controller.vats[vat[1]]
        except NoSuchVat:
            return
        raised = _raised(name, limits_of(record))
        if raised is not None:
            yield f"`%swingset limits {vat[1]} {raised}` raises the limit; then send the message again"


def after_wall_clock(controller: Controller) -> Iterator[str]:
    """What to type if a vat is suspended because a delivery took too many seconds."""
    for vat in controller.vats:
        if vat.state == "suspended" and (vat.reason or "").startswith(f"{reasons.WALL_CLOCK}:"):
            raised = _raised("seconds", limits_of(vat))
            yield f"`%swingset limits {vat.name} {raised}`, then `%swingset resume {vat.name}`"


def of_a_start(vat: str, code: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[str]:
    """What to type after a start or an upgrade that hit a limit."""
    name = _HIT.get(code)  # type: ignore[call-overload]
    raised = None if name is None else _raised(name, limits)
    if raised is not None:
        yield f"`%%vat {vat} {raised}` gives it more"


def _raised(name: str, limits: Limits) -> str | None:
    """The option that doubles a limit, or takes the usual one if that is more; None if there is none."""
    value = getattr(limits, OPTIONS[name])
    if value is None or (name == "write" and value >= MOST_WRITE_BYTES):
        return None
    usual = getattr(DEFAULT_LIMITS, OPTIONS[name])
    more = 2 * value if usual is None else max(2 * value, usual)
    twice = more * _UNITS.get(name, 1) / (MIB if name in _UNITS else 1)
    if name == "write":
        twice = min(twice, MOST_WRITE_BYTES / MIB)
    return f"--{name} {twice:.12g}" if twice < 1e6 else f"--{name} {twice / 1e9:.12g}e9"
