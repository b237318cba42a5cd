"""Limits of one delivery.

Computrons, memory and bytes are deterministic: a delivery that exceeds them exceeds them on every machine.
Seconds are not, so they may only abort a crank, and never influence one that commits.
"""

from __future__ import annotations

from dataclasses import dataclass

WASM_PAGE = 65536


@dataclass(frozen=True)
class Limits:
    """What one delivery may use; None means without limit.

    `computrons` are instructions of the engine, `memory_pages` are 64 KiB pages of the vat's whole
    memory, `seconds` is wall-clock time, `console_bytes` caps what it may print. `write_bytes` is what the
    delivery may add to the world, `stored_bytes` what the vat may have stored when the delivery has ended.
    `total_bytes` is the room that the vat may take in all (`world.footprints`).
    """

    computrons: int | None = 10_000_000_000
    memory_pages: int | None = 4096
    seconds: float | None = 30.0
    console_bytes: int = 65536
    write_bytes: int = 64 << 20
    stored_bytes: int | None = 1 << 30
    total_bytes: int | None = None


DEFAULT_LIMITS = Limits()
"""Ten thousand million computrons (about a second), 256 MiB, 30 s, 64 KiB of console, 64 MiB, 1 GiB."""

MOST_WRITE_BYTES = 128 << 20
"""The largest `write_bytes` there can be: what any delivery changes has to fit into one commit."""
