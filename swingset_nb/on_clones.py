"""The command that makes a clone of a vat, with names for what is the clone's own.

A clone has none of its vat's objects but those that are listed. Its root is listed by itself, because the
name of the clone stands for it in the notebook. Of other objects the user says under which name the clone's
own is to be known.
"""

from __future__ import annotations

import argparse
import re
from typing import Any, get_args

from swingset.core.errors import VatFault
from swingset.core.options import NAME_WANTS, name_trouble, reserved
from swingset.model.foreign import shown
from swingset.model.states import QueuedPolicy
from swingset_nb.binding import unfit
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, VatFailed
from swingset_nb.next_steps import more_on
from swingset_nb.notebook import Notebook
from swingset_nb.on_runs import named_vat
from swingset_nb.open_world import OpenWorld
from swingset_nb.references import reference_at
from swingset_nb.render import Message, Shown
from swingset_nb.vat_names import give_root, refuse_taken

_LISTED = re.compile(r"([^=\s]+)=([^=\s]+)\Z")


@command(
    "clone",
    "make a second vat with the memory and the store of a vat",
    argument("vat", metavar="VAT", help="the vat's name"),
    argument("word", metavar="as", help="this word"),
    argument("clone", metavar="NEW", help="the name of the clone, which then stands for its root"),
    argument(
        "listed",
        metavar="NAME=NEW",
        nargs="*",
        help="an object of the vat, by a name that you have for it, and the name for the clone's own",
    ),
    argument(
        "--queued",
        metavar="HOW",
        default="refuse",
        choices=get_args(QueuedPolicy),
        help="what becomes of messages that wait for the vat: refuse, drop or duplicate",
    ),
    completes="vat",
    rest="`%swingset vats` shows both vats",
)
def clone(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make a clone, and bind a name to its root and to each of its own objects that are listed."""
    if given.word != "as":
        words = f"between the vat and its clone stands the word as, not {shown(given.word)}"
        raise BadArguments(words, f"%swingset clone {given.vat} as {given.word}")
    world = notebook.require()
    vat = named_vat(world, given.vat)
    _check_name(notebook, world, given.clone, f"%swingset clone {vat} as another_name")
    if given.clone in world.vat_names():
        raise BadArguments(f"vat {given.clone} exists", f"%swingset clone {vat} as another_name")
    refuse_taken(notebook, given.clone)
    listed = dict(_listed(notebook, item) for item in given.listed)
    root = world.session.root(vat)
    try:
        made = world.session.clone_vat(vat, given.clone, [root, *listed.values()], queued=given.queued)
    except VatFault as refused:
        hints = more_on(refused.fault.code)
        if given.queued == "refuse" and "queued=" in refused.fault.message:
            hints.insert(
                0, f"`%swingset clone {vat} as {given.clone} --queued drop` leaves them to {vat} alone"
            )
        raise VatFailed(f"{refused.fault.message} (nothing has changed)", *hints) from None
    own = dict(zip(listed, made[1:], strict=True))
    lines = give_root(notebook, given.clone, made[0])
    notebook.give(own)
    notebook.settle()
    lines += [f"{name} stands for the clone's own" for name in own]
    lines.append("it shares what the vat imports, and has no other object of the vat")
    hints = [f"`%swingset describe {given.clone}` shows its methods", "`%swingset undo` takes it back"]
    crank = world.controller.vats[given.clone].created
    return Message(f"vat {given.clone} is a clone of {vat} since crank {crank:,}", lines, hints)


def _check_name(notebook: Notebook, world: OpenWorld, name: str, instead: str) -> None:
    """Raise `BadArguments` for a name that no vat of the notebook and no reference can have."""
    why = unfit(name, notebook.shell.user_ns_hidden) or reserved(name)
    if why is None and name in ("E", world.session.name):
        why = "means something else in this notebook"
    if why is None and name_trouble(name) is not None:
        why = f"is no name of a vat: {NAME_WANTS}"
    if why is not None:
        raise BadArguments(f"{name!r} {why}", instead)


def _listed(notebook: Notebook, item: str) -> tuple[str, Any]:
    """The new name and the reference that `till=branch_till` says."""
    found = _LISTED.match(item)
    example = "%swingset clone shop as branch till=branch_till"
    if found is None:
        raise BadArguments(f"{item!r} wants a name, = and the name of the clone's own", example)
    value = reference_at(notebook.shell.user_ns, found[1])
    if value is None:
        raise BadArguments(f"{found[1]!r} is no reference to an object", "%swingset names")
    why = unfit(found[2], notebook.shell.user_ns_hidden)
    if why is not None or found[2] in notebook.shell.user_ns:
        raise BadArguments(f"{found[2]!r} {why or 'has a value already'}: choose another name", example)
    return found[2], value
