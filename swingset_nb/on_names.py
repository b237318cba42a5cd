"""`%swingset names`: which names of the notebook hold something of the world, and what becomes of them."""

from __future__ import annotations

import argparse

from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.promises import Promise
from swingset.guest.passing.remotables import Presence
from swingset.host.variables.looking import is_reference
from swingset.model.refs import is_kref
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.references import reference_called
from swingset_nb.render import Message, Shown, Table

_BACK = "comes back"


@command(
    "describe",
    "what a reference stands for: class, state, methods, holders; of a promise, its outcome",
    argument(
        "what",
        metavar="WHAT",
        help="a name of this notebook, an item: items[3], or a kref: ko23",
    ),
    completes="name",
)
def describe(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Describe a reference, out of the world's records alone."""
    world = notebook.require()
    value = reference_called(notebook.shell.user_ns, given.what)
    if isinstance(value, Presence | Promise):
        found = world.session.references.describe(value)
    elif is_kref(given.what):
        found = world.controller.lens.describe(given.what)
    else:
        words = f"{given.what!r} is no name of a reference"
        raise BadArguments(words, "`%swingset names` lists those there are")
    first, *rest = found.lines()
    return Message(first, [line.strip() for line in rest])


@command("names", "which names hold something of the world, and whether a restart brings them back")
def names(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """List the names that the last cell has left, those not bound, and those that wait for their class."""
    world = notebook.require()
    kept = world.session.names
    lost, parted = kept.fleeting, f"not bound now: `{notebook.open_line()}` binds it"
    rows = [
        [name, _called(notebook, value), lost.get(name, parted if name in notebook.parted else _BACK)]
        for name, value in sorted(kept.holding().items())
        if name not in notebook.binding.withheld
    ]
    rows += [
        [name, _called(notebook, value), "not bound here: the name has another meaning, or is no name"]
        for name, value in sorted(notebook.binding.withheld.items())
    ]
    rows += [[name, "-", f"stored, but not here: {why}"] for name, why in sorted(kept.unread.items())]
    empty = "no name holds anything of the world"
    return Table("names", ["name", "is", "after a restart"], rows, empty)


def _called(notebook: Notebook, value: object) -> str:
    """What a value is: its kref, or that something in it is of the world."""
    if not is_reference(value):
        return "has references inside"
    session = notebook.require().session
    try:
        kref = session.kref_of(value)
    except LifeEndedError:
        return "of a state that was left"
    if not isinstance(value, Presence | Promise):
        return kref or "not sent to any vat yet"
    found = session.references.name(value)
    return f"{found}, {kref}" if kref and not found.endswith(kref) else found
