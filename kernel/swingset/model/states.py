"""The words that a state, an outcome, a stream or a policy can be, each set of them named once.

mypy holds the code to them. What a file says is held to them by the rules of its rows
(`swingset.world.rows`) when a row is read, and what a user says where it comes in.
"""

from __future__ import annotations

from typing import Literal

VatState = Literal["live", "suspended", "terminated"]

PromiseState = Literal["unresolved", "forwarded", "fulfilled", "rejected"]

CollectionKind = Literal["dropExport", "retireExport", "retireImport"]
"""What a vat is told of its references by garbage collection."""

HeldPolicy = Literal["ignore", "log_always", "log_failure", "panic"]
"""What a host wants done with the outcome of a promise that it holds."""

ResultPolicy = Literal[HeldPolicy, "none"]
"""What a host wants done with the outcome of its message; `none` asks for no outcome at all."""

StarvationPolicy = Literal["suspend", "terminate"]
"""What becomes of a vat whose meter cannot pay."""

QueuedPolicy = Literal["refuse", "drop", "duplicate"]
"""What a clone does about messages that wait for its vat: it is refused, has none of them, or has copies."""

ConsoleStream = Literal["stdout", "stderr"]
"""What a vat prints to."""

ConsoleLevel = Literal["error", "warning", "info", "print"]
"""How bad a line of the console is, the worst first; what is only printed comes last."""

OutputStream = Literal[ConsoleStream, "notice", "file"]
"""Where an output is from: what a vat prints to, or the kernel's notices about a vat or about the file."""

CrankOutcome = Literal[
    "delivered",
    "waiting",
    "parked",
    "rejected",
    "created",
    "cloned",
    "upgraded",
    "refused",
    "starved",
    "dropped",
    "negated",
    "cleaned",
    "stopped",
    "withdrawn",
]
"""What came of a crank; `swingset.CrankReport` says what each means."""

Reason = Literal[
    "vat-terminated",
    "vat-upgraded",
    "abandoned",
    "not-callable",
    "start-failed",
    "clone-refused",
    "out-of-computrons",
    "out-of-memory",
    "stack-overflow",
    "wall-clock",
    "interrupted",
    "guest-crashed",
    "protocol",
    "illegal-syscall",
    "promise-cycle",
    "too-large",
    "meter-exhausted",
    "code-missing",
    "replay-diverged",
    "file-damaged",
    "dropped",
    "host-failed",
    "too-much-written",
    "store-full",
    "too-much-waiting",
    "worker-refused",
    "timer-cancelled",
    "library-unusable",
    "moved",
]
"""Why a delivery failed, or the kernel rejected a promise; `swingset.model.reasons` has a name for each."""
