"""Commands on one vat or one object: suspend and resume a vat, and explain why an object is alive."""

from __future__ import annotations

import argparse

from swingset.model.refs import is_kref
from swingset_nb.asleep import cures
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.on_runs import named_vat
from swingset_nb.references import reference_called
from swingset_nb.render import Message, Shown

_VAT = argument("vat", metavar="VAT", help="the vat's name")


@command(
    "suspend",
    "deliver nothing to a vat until it is resumed; what comes for it waits",
    _VAT,
    argument("reason", metavar="WHY", nargs="*", help="a text for the table of vats"),
    completes="vat",
)
def suspend(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Suspend one vat; all others continue."""
    world = notebook.require()
    name = named_vat(world, given.vat)
    world.controller.vats.suspend(name, " ".join(given.reason) or "suspended from the notebook")
    hint = f"`%swingset resume {name}` lets it go on, `%vat {name}` shows it as it stands"
    return Message(f"vat {name} is suspended: what comes for it waits", (), (hint,))


@command("resume", "resume a suspended vat, with what waited for it first", _VAT, completes="vat")
def resume(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Resume a suspended vat, and run what waited."""
    world = notebook.require()
    name = named_vat(world, given.vat)
    vat = world.controller.vats[name]
    if vat.state != "suspended":
        return Message(f"vat {name} is not suspended")
    world.controller.vats.resume(name)
    notebook.settle()
    again = world.controller.vats[name]
    if again.state == "suspended":
        hints = (
            cures(name, again.reason)[0],
            f"`%swingset drop {name}` drops the first event that waits",
        )
        return Message(f"vat {name} is suspended again: {again.reason}", (), hints)
    return Message(f"vat {name} goes on")


@command(
    "drop",
    "drop the first event that waits for a suspended vat, or one of the run-queue",
    argument("vat", metavar="VAT", nargs="?", help="the vat's name"),
    argument("--position", metavar="N", type=int, help="the number of the event in the run-queue"),
    completes="vat",
)
def drop(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Drop the event that suspends a vat each time, or one that waits; a message's result is rejected."""
    world = notebook.require()
    if (given.vat is None) == (given.position is None):
        raise BadArguments("drop which event?", "%swingset drop VAT", "%swingset drop --position N")
    if given.vat is None:
        notebook.flush()
        return Message(f"dropped {world.controller.queue.drop(given.position)}: its result is rejected")
    name = named_vat(world, given.vat)
    dropped = world.controller.vats.drop_parked(name)
    if dropped is None:
        return Message(f"nothing waits for vat {name}: there is nothing to drop")
    return Message(f"dropped {dropped}", (), (f"`%swingset resume {name}` lets the vat go on",))


@command(
    "explain",
    "why something is alive: who holds it, hop by hop",
    argument(
        "what",
        metavar="WHAT",
        help="a name of this notebook, an item: items[3], or a kref: ko23",
    ),
    completes="name",
)
def explain(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the holders of an object or a promise, from one that needs no holder on."""
    world = notebook.require()
    notebook.flush()
    kref = given.what if is_kref(given.what) else None
    if kref is None and (value := reference_called(notebook.shell.user_ns, given.what)) is not None:
        kref = world.session.kref_of(value)
    if kref is None:
        raise BadArguments(
            f"{given.what!r} is no name of an object in the world", "%swingset clists lists those there are"
        )
    found = world.controller.gc.explain(kref)
    return Message(f"{kref} is {found.verdict}", [*found.hops, *found.notes])


@command("rings", "objects of several vats that only hold each other, which counting cannot collect")
def rings(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Look for rings; nothing is changed."""
    world = notebook.require()
    notebook.flush()
    found = world.controller.gc.rings()
    lines = [f"{words_of(list(ring.vats))}: {'; '.join(ring.lines)}" for ring in found]
    return Message(f"{len(found)} {'ring' if len(found) == 1 else 'rings'} found", lines)
