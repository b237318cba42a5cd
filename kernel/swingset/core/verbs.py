"""The requests that a host can make between two cranks: each verb, with the names of its arguments.

`kernel.request` is the only way to change a world outside of a crank. It takes a verb of this table, and the
journal stores the verb and its arguments together with the change. So the journal has all inputs of the
world, and repeating them in order leads to the same state.

Arguments are JSON data: references as krefs, values as capdata, code as the id of its bundle. No caller
requests the verbs of the last groups: the host uses them by itself when it cannot continue, or in a fork.
"""

from __future__ import annotations

from collections.abc import Mapping

from swingset.core.errors import KernelError

VERBS: Mapping[str, tuple[str, ...]] = {
    # Messages and results
    "send": ("target", "methargs", "policy"),
    "release": ("kref",),
    "log-outcomes": ("krefs",),
    # Vats
    "create-vat": ("name", "worker", "bundle", "parameters", "options", "first", "service"),
    "upgrade-vat": ("vat", "bundle", "parameters", "message", "first"),
    "clone-vat": ("vat", "name", "refs", "options", "queued", "first"),
    "keep-sources": ("vat", "parts"),
    "draft": ("vat", "part", "source"),
    "keep-service": ("name", "vat"),
    "terminate-vat": ("vat", "reason"),
    "suspend-vat": ("vat", "reason"),
    "resume-vat": ("vat",),
    "change-options": ("vat", "options"),
    "tell-options": ("vat", "options"),
    "withdraw-options": ("vat", "options"),
    "snapshot-vat": ("vat",),
    "reap": ("vats",),
    # Vats that live in the host's interpreter
    "attach-vat": ("name", "message"),
    "unpark": ("vat",),
    "syscall": ("vat", "syscall"),
    "introduce": ("vat", "kref"),
    "take-capdata": ("vat", "capdata"),
    # What the host holds
    "pin": ("kref",),
    "unpin": ("kref",),
    # Meters
    "create-meter": ("remaining", "threshold"),
    "create-meter-below": ("remaining", "threshold", "superior"),
    "set-keeper": ("meter", "kref"),
    "refill-meter": ("meter", "computrons"),
    "set-threshold": ("meter", "threshold"),
    "forget-meter": ("meter",),
    # A market
    "open-market": ("terms",),
    "open-account": ("account", "balance"),
    "credit-account": ("account", "amount"),
    "market-node": ("what", "account"),
    "offer": ("target", "methargs", "policy", "bid"),
    "raise-bid": ("position", "bid"),
    # The whole world
    "change-kernel-options": ("options",),
    "pause": ("paused",),
    "overrule-panic": (),
    "configure": ("counter", "value"),
    # Events that cannot run
    "drop-parked": ("vat",),
    "drop-event": ("position",),
    # Devices
    "add-device": ("name", "kind"),
    "visit-device": ("name",),
    "critical-vat-key": (),
    "admin-node": ("vat",),
    "upload-module": ("source",),
    "install-bundle": ("manifest", "name"),
    "poll": ("device", "now"),
    "receive": ("device", "peer", "messages", "ack"),
    "bridge-taken": ("device", "number"),
    "bridge-deliver": ("device", "data"),
    "plugin": ("device", "name"),
    # What the host does by itself
    "set-aside": ("vat", "reason"),
    "begin-anew": ("vat",),
    "withdraw": ("result",),
    "give-up": ("position", "event", "fault"),
    # In a fork that is thrown away
    "put-off-migration": ("vat",),
    "leave-out": ("vat",),
}


def check(verb: str, arguments: Mapping[str, object]) -> None:
    """Raise `KernelError` if the table lacks the verb, or has other arguments for it."""
    wanted = VERBS.get(verb)
    if wanted is None:
        raise KernelError(f"no request {verb!r}; there are: {', '.join(VERBS)}")
    if arguments.keys() != set(wanted):
        given = ", ".join(arguments)
        raise KernelError(f"request {verb} wants {', '.join(wanted) or 'nothing'}, got {given}")
