"""The requests of a host in words for people: `the suspension of vat bank, because it is in the way`.

Each verb has a sentence here, with the names of arguments in braces. An argument that a sentence does not
name is not told: who wants it reads the record. The values are made fit to be shown before they come here,
and a sentence is filled in one pass, so a value with braces stays a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from swingset.model.visible import one_line

SENTENCES: Mapping[str, str] = {
    "send": "a message to {target}",
    "release": "the release of {kref}",
    "log-outcomes": "a look at results",
    "create-vat": "the creation of vat {name}",
    "clone-vat": "the clone {name} of vat {vat}",
    "upgrade-vat": "the upgrade of vat {vat}",
    "keep-sources": "the sources of vat {vat}",
    "draft": "a draft of {part} for vat {vat}",
    "keep-service": "vat {vat} as service {name}",
    "terminate-vat": "the termination of vat {vat}{reason}",
    "suspend-vat": "the suspension of vat {vat}{reason}",
    "resume-vat": "the resumption of vat {vat}",
    "change-options": "a change of vat {vat}: {options}",
    "tell-options": "the options of vat {vat}: {options}",
    "withdraw-options": "options of vat {vat} withdrawn: {options}",
    "snapshot-vat": "a heap image of vat {vat}",
    "reap": "the reaping of vats",
    "attach-vat": "vat {name} begins in its host's interpreter",
    "unpark": "the messages that waited for vat {vat}",
    "syscall": "a syscall of vat {vat}",
    "introduce": "{kref} made known to vat {vat}",
    "take-capdata": "a value given to vat {vat}",
    "pin": "{kref} held by the host",
    "unpin": "{kref} let go by the host",
    "create-meter": "a meter of {remaining} computrons",
    "create-meter-below": "a meter of {remaining} computrons below meter {superior}",
    "set-keeper": "{kref} keeps meter {meter}",
    "refill-meter": "{computrons} computrons for meter {meter}",
    "set-threshold": "meter {meter} tells at {threshold} computrons",
    "forget-meter": "the end of meter {meter}",
    "open-market": "a market is opened",
    "open-account": "account {account} is opened",
    "credit-account": "{amount} for account {account}",
    "market-node": "a facet of the market for a vat",
    "offer": "a message to {target}, with a bid",
    "raise-bid": "a higher bid for event {position} of the run-queue",
    "change-kernel-options": "a change of the world: {options}",
    "pause": "{paused}",
    "overrule-panic": "the world goes on after a panic",
    "configure": "counter {counter} begins at {value}",
    "drop-parked": "the messages that waited for vat {vat} are dropped",
    "drop-event": "event {position} of the run-queue is dropped",
    "add-device": "device {name} is added",
    "visit-device": "a visit to device {name}",
    "critical-vat-key": "the key for critical vats",
    "admin-node": "the administration of vat {vat}",
    "upload-module": "a module of code",
    "install-bundle": "the code {name}",
    "poll": "device {device} is told the time, {now}",
    "receive": "mail from {peer} for device {device}",
    "bridge-taken": "message {number} taken from device {device}",
    "bridge-deliver": "{data} from outside for device {device}",
    "plugin": "the plug-in {name} for device {device}",
    "set-aside": "vat {vat} is set aside{reason}",
    "begin-anew": "a new life of vat {vat}",
    "withdraw": "message for {result} is withdrawn",
    "give-up": "event {position} of the run-queue is given up",
    "put-off-migration": "the migration of vat {vat} is put off",
    "leave-out": "vat {vat} is left out",
}
"""What is said of each verb of `swingset.core.verbs`."""

_PART = re.compile(r"\{(\w+)\}")
_BY_DEFAULT = re.compile(r"\w+ (?:by the host|from the notebook)")
_NAMES = "vc.2.s"  # how the keys of the names of a session begin in its vat's store


def request_in_words(verb: str, given: Mapping[str, Any], shown: Callable[[str, Any], str]) -> str:
    """A request as one sentence; `shown` makes an argument, of that name, fit to be shown."""

    def part(found: re.Match[str]) -> str:
        name, value = found[1], given.get(found[1])
        if name == "reason":
            plain = type(value) is str and value and not _BY_DEFAULT.fullmatch(value)
            return f", because: {shown(name, value)}" if plain else ""
        if name == "paused":
            return "the pause of the world" if value else "the end of the pause"
        if name == "options" and isinstance(value, dict):
            return ", ".join(f"{one_line(str(key), 40)} {shown(name, each)}" for key, each in value.items())
        return shown(name, value)

    sentence = SENTENCES.get(verb)
    return one_line(verb, 40) if sentence is None else _PART.sub(part, sentence)


def kept_name(call: Any) -> str | None:
    """What is said of a syscall with which a session keeps a name, or forgets it; None for others."""
    what = call[0] if isinstance(call, list) and len(call) > 1 else None
    key = call[1] if what in ("vatstoreSet", "vatstoreDelete") else None
    if not isinstance(key, str) or not key.startswith(_NAMES):
        return None
    return f"{'keeps' if what == 'vatstoreSet' else 'forgets'} the name {one_line(key[len(_NAMES) :], 60)}"
