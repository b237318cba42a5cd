"""The command that shows and changes how much one vat may do."""

from __future__ import annotations

import argparse

from swingset.core.warehouse import limits_of
from swingset.model.limits import DEFAULT_LIMITS
from swingset_nb import limits
from swingset_nb.commands import Argument, argument, command
from swingset_nb.notebook import Notebook
from swingset_nb.on_runs import named_vat
from swingset_nb.render import Shown, Table

_WORDS = {
    "computrons": "computrons of one delivery",
    "seconds": "time of one delivery",
    "memory": "memory of the vat",
    "write": "what one delivery writes",
    "store": "what the vat keeps stored",
    "total": "what the vat takes in all: store, references, waiting messages, memory",
}


def _options() -> list[Argument]:
    wants = {"type": limits.number, "metavar": "N"}
    return [argument(f"--{name}", **wants, help=f"{text}, at most") for name, text in _WORDS.items()]


@command(
    "limits",
    "how much a vat may do, or with options, change that from its next delivery on",
    argument("vat", metavar="VAT", help="the vat's name"),
    *_options(),
    completes="vat",
)
def limits_of_vat(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Change limits of a vat, and show all of them."""
    world = notebook.require()
    name = named_vat(world, given.vat)
    changed = limits.chosen(given)
    if changed:
        world.controller.vats.change_options(name, changed)
    record = world.controller.vats[name]
    now = limits_of(record)
    rows = []
    for option, text in _WORDS.items():
        default = getattr(now, limits.OPTIONS[option]) == getattr(DEFAULT_LIMITS, limits.OPTIONS[option])
        rows.append([f"--{option}", text, limits.shown(option, now), "the default" if default else "set"])
    notes = [f"`%swingset limits {name} --computrons 50e9` changes one, from the next delivery on"]
    if record.worker == "local":
        notes.append(
            "a local vat is not metered: only what it writes and stores, and its seconds, are limited"
        )
    waits = record.state == "suspended"
    if waits:
        notes.append(f"vat {name} is suspended: `%swingset resume {name}` tries again what waits for it")
    return Table(f"limits of vat {name}", ["option", "of", "at most", ""], rows, notes=notes)
