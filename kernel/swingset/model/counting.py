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


_WIDTH = 30


def bar(done: int, of: int) -> str:
    """A progress bar as text, with its numbers."""
    full = _WIDTH if of == 0 else _WIDTH * done // of
    return f"{'█' * full}{'░' * (_WIDTH - full)} {done:,} of {of:,}"
