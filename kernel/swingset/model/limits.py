"""Limits of one delivery.

Computrons and memory are deterministic: a delivery that exceeds them exceeds them on every machine.
Seconds are not, and so may only ever abort a crank, never shape one that commits.
"""

from __future__ import annotations

from dataclasses import dataclass

WASM_PAGE = 65536


@dataclass(frozen=True)
class Limits:
    """What one delivery may use; None means without limit.

    `computrons` are instructions of the engine, `memory_pages` are 64 KiB pages of the vat's whole
    memory, `seconds` is wall-clock time, `console_bytes` caps what it may print.
    """

    computrons: int | None = 10_000_000_000
    memory_pages: int | None = 4096
    seconds: float | None = 30.0
    console_bytes: int = 65536


DEFAULT_LIMITS = Limits()
"""Ten thousand million computrons (about a second), 256 MiB, 30 s, 64 KiB of console."""
