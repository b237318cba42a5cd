"""Checks the options and names of vats.

A host uses the kernel's spelling (`reap_interval`), and a creator in a vat that of the reference
implementation (`reapInterval`), which a host may use too. An option is checked before anything is queued,
because an option that the kernel cannot use would fail in a crank, and then in every later run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, get_args

from swingset.core.errors import KernelError
from swingset.model.bids import is_account_name
from swingset.model.cloning import read_cloned_from
from swingset.model.foreign import shown
from swingset.model.limits import MOST_WRITE_BYTES
from swingset.model.states import StarvationPolicy

SUSPEND: Final = "suspend"
TERMINATE: Final = "terminate"
"""What happens to a vat whose meter is empty: the option `on_starvation`."""

NAME_LIMIT = 199
NAME_WANTS = "a name has 1 to 199 letters, digits, '.', '_' and '-'"
_NAME = re.compile(r"[A-Za-z0-9._-]+\Z", re.ASCII)

RESERVED = ("http", "net", "notebook", "timer", "vatAdmin", "vatMover")
"""The names of service vats and sessions, which another vat could use to impersonate them."""

SPELLINGS = {
    "reapInterval": "reap_interval",
    "reapGCKrefs": "reap_gc_krefs",
    "reapComputrons": "reap_computrons",
    "neverReap": "never_reap",
    "onStarvation": "on_starvation",
    "computrons": "computrons",
    "memoryPages": "memory_pages",
    "writeBytes": "write_bytes",
    "storedBytes": "stored_bytes",
    "enablePipelining": "enable_pipelining",
    "enableDisavow": "enable_disavow",
    "useTranscript": "use_transcript",
}
"""The options that a creator can set, with the kernel's names for them."""

HOST_ONLY = ("account", "console_bytes", "critical", "meter", "seconds", "total_bytes")
"""Options that only a host sets in this form; a creator needs a key, or a meter that it holds."""

FOR_GOOD = ("enable_pipelining", "enable_disavow", "use_transcript")
"""Options that cannot be changed while the vat lives."""


MOST_SECONDS = 10**9
SECONDS_WANT = f"None or a number of seconds above 0, up to {MOST_SECONDS:,}"


def name_trouble(name: object) -> str | None:
    """What is wrong with a vat's name, or None."""
    if not isinstance(name, str):
        return f"bad vat name {shown(name)}"
    if len(name) > NAME_LIMIT:
        return f"oversized vat name {json.dumps(name[:1_000])}"
    if not _NAME.match(name):
        return f"bad vat name {json.dumps(name)}"
    return None


def reserved(name: str) -> str | None:
    """Why a vat may not have a name, or None."""
    if name not in RESERVED:
        return None
    return f"the name {name} is kept for a vat of the library or of the session: choose another name"


def option_wants(name: str, value: object) -> str | None:
    """The valid values of an option, for an error; None if the value is valid."""
    match name:
        case "never_reap" | "enable_pipelining" | "enable_disavow" | "use_transcript" | "critical":
            return None if isinstance(value, bool) else "True or False"
        case "on_starvation":
            return None if value in get_args(StarvationPolicy) else f'"{SUSPEND}" or "{TERMINATE}"'
        case "cloned_from":
            return None if read_cloned_from(value) is not None else "a vat and an incarnation: v3/0"
        case "meter":
            return None if value is None or isinstance(value, str) else "None or the id of a meter"
        case "account":
            return None if value is None or is_account_name(value) else "None or the name of an account"
        case "seconds":
            fits = type(value) in (int, float) and 0 < value <= MOST_SECONDS  # type: ignore[operator]
            return None if value is None or fits else SECONDS_WANT
        case "console_bytes":
            return None if type(value) is int and 0 <= value < 1 << 31 else "an int from 0"
        case "write_bytes":
            fits = type(value) is int and 0 < value <= MOST_WRITE_BYTES
            return None if value is None or fits else f"None or an int from 1 to {MOST_WRITE_BYTES:,}"
        case _:
            fits = type(value) is int and 0 < value < 1 << 62
            return None if value is None or fits else "None or an int from 1"


def host_options(vat: str, given: object, *, changing: bool = False) -> dict[str, Any]:
    """Check the options that a host sets; returns them in the kernel's spelling, or raises `KernelError`."""
    if not isinstance(given, Mapping):
        raise KernelError(f"vat {vat}: options want a dict, got {shown(given)}")
    known = [name for name in (*SPELLINGS.values(), *HOST_ONLY) if not (changing and name in FOR_GOOD)]
    found: dict[str, Any] = {}
    for said, value in given.items():
        name = SPELLINGS.get(said, said)
        if name not in known:
            words = f"vat {vat}: unknown option {shown(said)}; there are: {', '.join(sorted(known))}"
            raise KernelError(words)
        wanted = option_wants(name, value)
        if wanted is not None:
            raise KernelError(f"vat {vat}: option {said} wants {wanted}, got {shown(value)}")
        if name in found:
            raise KernelError(f"vat {vat}: option {name} is given twice")
        found[name] = value
    return found
