"""The name of a vat in the notebook: it stands for the vat's root, unless the user holds something by it.

`%%vat purse` makes the name `purse` stand for a root. If the user has a purse by that name, it may be the
only reference to it, and without one the object is collected. So a vat is not made under such a name: the
refusal says what the name holds. A vat that runs goes on under it, but the name stays the user's.
"""

from __future__ import annotations

from typing import Any

from swingset.guest.base.promises import Promise
from swingset.guest.passing.remotables import Presence
from swingset.model.foreign import shown
from swingset_nb.errors import SwingSetError
from swingset_nb.notebook import Notebook


def refuse_taken(notebook: Notebook, vat: str) -> None:
    """Raise `SwingSetError` if the user holds something by the name that a new vat would take."""
    held = held_by(notebook, vat)
    if held is not None:
        raise SwingSetError(
            f"the name {vat} holds {held}, and a vat {vat} would take the name from it; nothing has changed",
            "give the vat another name",
            f"or keep the value by another name first: `other = {vat}; del {vat}`",
        )


def give_root(notebook: Notebook, vat: str, root: Any) -> list[str]:
    """Make the vat's name stand for its root; returns a line if the name stays the user's."""
    held = held_by(notebook, vat)
    notebook.give({} if held is not None else {vat: root})
    if held is None:
        return []
    return [f"the name {vat} stays yours, it holds {held}: `del {vat}`, then this again names the vat's root"]


def held_by(notebook: Notebook, vat: str) -> str | None:
    """What the user holds by the name of a vat, in words; None if that is the vat's root or nothing."""
    namespace, session = notebook.shell.user_ns, notebook.require().session
    if vat not in namespace:
        return None
    value = namespace[vat]
    if not isinstance(value, Presence | Promise):
        gone = notebook.binding.gives_way(vat) or notebook.binding.stale.get(vat) is value
        return None if gone else shown(value)
    if session.has_ended(value):
        return None
    name = session.references.describe(value).name
    return None if f", {name}".endswith(f", root of {vat}") else name
