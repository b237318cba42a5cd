"""How counts are written for people."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 vat`, `2,000 deliveries`."""
    if count == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {many}"


def waits(count: int, noun: str) -> str:
    """A count with its noun, which waits: `1 message waits`, `2 messages wait`."""
    return f"{plural(count, noun)} {'waits' if count == 1 else 'wait'}"
