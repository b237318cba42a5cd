"""Machine-readable reasons: why a promise was rejected by the kernel, or a delivery failed.

The reference implementation says `vat terminated` for death, upgrade and abandonment alike; here each
has its own code and its own words. Vats read the code as the `code` attribute of the error they catch.
"""

from __future__ import annotations

TERMINATED = "vat-terminated"
UPGRADED = "vat-upgraded"
ABANDONED = "abandoned"
NOT_CALLABLE = "not-callable"
START_FAILED = "start-failed"
OUT_OF_COMPUTRONS = "out-of-computrons"
OUT_OF_MEMORY = "out-of-memory"
STACK_OVERFLOW = "stack-overflow"
WALL_CLOCK = "wall-clock"
INTERRUPTED = "interrupted"
GUEST_CRASHED = "guest-crashed"
PROTOCOL = "protocol"
ILLEGAL_SYSCALL = "illegal-syscall"
PROMISE_CYCLE = "promise-cycle"
TOO_LARGE = "too-large"
METER_EXHAUSTED = "meter-exhausted"
CODE_MISSING = "code-missing"
REPLAY_DIVERGED = "replay-diverged"
FILE_DAMAGED = "file-damaged"
DROPPED = "dropped"
HOST_FAILED = "host-failed"
TOO_MUCH_WRITTEN = "too-much-written"
STORE_FULL = "store-full"
TOO_MUCH_WAITING = "too-much-waiting"
WORKER_REFUSED = "worker-refused"
TIMER_CANCELLED = "timer-cancelled"
LIBRARY_UNUSABLE = "library-unusable"

HOST_CHOSEN = frozenset({WALL_CLOCK, INTERRUPTED})
"""Faults that depend on the host, its clock or its user: another host would not have had them."""

HOSTS = HOST_CHOSEN | {REPLAY_DIVERGED, FILE_DAMAGED, WORKER_REFUSED, LIBRARY_UNUSABLE, HOST_FAILED}
"""All reasons that another host with the same world need not have."""
