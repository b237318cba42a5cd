"""What cells have shown: IPython keeps it in `Out`, `_`, `_5` and their like, and all that is in it."""

from __future__ import annotations

import re
from typing import Any

from swingset.host.sessions.session import Session
from swingset.host.variables.looking import is_reference

_SHOWN = re.compile(r"_{1,3}|_\d+")
"""The names that IPython gives to what a cell has shown."""


def shown_before(shell: Any, session: Session) -> bool:
    """Whether IPython's `Out` refers to something in the world, so that it stays alive."""
    shown = shell.user_ns.get("Out", {}).values()
    return any(is_reference(value) and not session.has_ended(value) for value in shown)


def forget_shown(shell: Any) -> None:
    """Let go of the references among what cells have shown.

    IPython has each of them in three places, and `%reset out` leaves one.
    """
    hook = shell.displayhook
    for name in ("_", "__", "___"):
        if is_reference(getattr(hook, name, None)):
            setattr(hook, name, "")
    for names in (shell.user_ns, shell.user_ns_hidden):
        for name in [name for name in names if _SHOWN.fullmatch(name) and is_reference(names[name])]:
            del names[name]
    shown = shell.user_ns.get("Out", {})
    for number in [number for number, value in shown.items() if is_reference(value)]:
        del shown[number]
