"""Machine-readable reasons: why a promise was rejected by the kernel, or a delivery failed.

The reference implementation says `vat terminated` for death, upgrade and abandonment alike; here each
has its own code and its own words. Vats read the code as the `code` attribute of the error they catch.
"""

from __future__ import annotations

from swingset.model.states import Reason

TERMINATED: Reason = "vat-terminated"
UPGRADED: Reason = "vat-upgraded"
ABANDONED: Reason = "abandoned"
NOT_CALLABLE: Reason = "not-callable"
START_FAILED: Reason = "start-failed"
CLONE_REFUSED: Reason = "clone-refused"
OUT_OF_COMPUTRONS: Reason = "out-of-computrons"
OUT_OF_MEMORY: Reason = "out-of-memory"
STACK_OVERFLOW: Reason = "stack-overflow"
WALL_CLOCK: Reason = "wall-clock"
INTERRUPTED: Reason = "interrupted"
GUEST_CRASHED: Reason = "guest-crashed"
PROTOCOL: Reason = "protocol"
ILLEGAL_SYSCALL: Reason = "illegal-syscall"
PROMISE_CYCLE: Reason = "promise-cycle"
TOO_LARGE: Reason = "too-large"
METER_EXHAUSTED: Reason = "meter-exhausted"
CODE_MISSING: Reason = "code-missing"
REPLAY_DIVERGED: Reason = "replay-diverged"
FILE_DAMAGED: Reason = "file-damaged"
DROPPED: Reason = "dropped"
HOST_FAILED: Reason = "host-failed"
TOO_MUCH_WRITTEN: Reason = "too-much-written"
STORE_FULL: Reason = "store-full"
TOO_MUCH_WAITING: Reason = "too-much-waiting"
WORKER_REFUSED: Reason = "worker-refused"
TIMER_CANCELLED: Reason = "timer-cancelled"
LIBRARY_UNUSABLE: Reason = "library-unusable"
MOVED: Reason = "moved"

HOST_CHOSEN: frozenset[Reason] = frozenset({WALL_CLOCK, INTERRUPTED})
"""Faults that depend on the host, its clock or its user: another host would not have had them."""

HOSTS = HOST_CHOSEN | {REPLAY_DIVERGED, FILE_DAMAGED, WORKER_REFUSED, LIBRARY_UNUSABLE, HOST_FAILED}
"""All reasons that another host with the same world need not have."""
