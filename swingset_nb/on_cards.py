"""Commands by which worlds are introduced with nothing secret: cards and grants, and keys that change.

Neither a card nor a grant opens anything for who merely sees it, so both are shown in the cell.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from swingset.core.errors import KernelError
from swingset.model.visible import one_line
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.on_links import bindable, value_of
from swingset_nb.render import Message, Shown

_T = TypeVar("_T")


def _asked(notebook: Notebook, work: Callable[[], _T], hint: str) -> _T:
    """What the world answers, with its wishes delivered; a refusal as one of the notebook's."""
    try:
        found = work()
        notebook.flush()
    except KernelError as problem:
        text = str(problem)
        if "listen" in text:
            hint = "%swingset listen"
        elif re.match("this is no (card|grant): at byte", text):
            hint = "it may have been cut when it was copied: take all of it, up to the next space"
        raise SwingSetError(text, hint) from None
    return found


def _given(text: str) -> str | Path:
    """A card or a grant itself, or the path of a file with it."""
    return text if text.startswith("ocapn-") else Path(text)


@command(
    "introduce",
    "show the card of this world: who has it can give something to this world alone",
    argument("--over", metavar="TRANSPORT", help="how this world is reached; the first that listens"),
)
def introduce(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the card."""
    net = notebook.require().controller.net
    card = _asked(notebook, lambda: net.card(given.over), "%swingset help introduce")
    return Message(
        "the card of this world, which is no secret:",
        [card],
        ("who has it types `%swingset grant NAME CARD`, and you `%swingset accept NAME GRANT`",),
    )


@command(
    "grant",
    "give an object to the world of a card, and to no other",
    argument("name", metavar="NAME", help="a name whose value is a reference"),
    argument("card", metavar="CARD", help="the card of the other world, or a file with it"),
    argument("--label", metavar="TEXT", help="what the list calls it; NAME by default"),
    argument("--seconds", metavar="N", type=float, help="after how long it opens nothing any more"),
    argument("--once", action="store_true", help="whether it opens only once"),
    completes="name",
    rest="`%swingset shared` lists what was given out",
)
def grant(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make a grant."""
    session = notebook.require().session
    kref = session.kref_of(value_of(notebook, given.name))
    if kref is None:
        raise SwingSetError(f"{one_line(given.name, 60)} is no reference to an object", "%swingset names")
    net, options = session.controller.net, {"seconds": given.seconds, "once": given.once}
    label = given.label or given.name
    made = _asked(
        notebook, lambda: net.grant(_given(given.card), kref, label=label, **options), "%swingset help grant"
    )
    return Message(
        f"{one_line(given.name, 60)} is given to the world of that card; for all others this opens nothing:",
        [made],
        ("its user types `%swingset accept NAME GRANT`",),
    )


@command(
    "accept",
    "ask for what was granted to this world, and bind a name to it",
    argument("name", metavar="NAME", help="the name to bind"),
    argument("grant", metavar="GRANT", help="the grant, or a file with it"),
    rest="`%swingset peers` shows who is there",
)
def accept(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Accept a grant, and wait for it."""
    bindable(notebook, given.name, "%swingset accept ANOTHER_NAME GRANT")
    session = notebook.require().session
    asked = _asked(notebook, lambda: session.net.accept(_given(given.grant)), "%swingset help accept")
    notebook.give({given.name: session.wait(asked)})
    return Message(f"{given.name} refers to an object of another world")


@command(
    "follow",
    "take in the card of another world that has moved, or has another key",
    argument("card", metavar="CARD", help="its card, or a file with it"),
)
def follow(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Follow a card."""
    net = notebook.require().controller.net
    designator = _asked(notebook, lambda: net.follow(_given(given.card)), "%swingset help follow")
    return Message(f"references and names for the world {one_line(designator[:12], 20)} follow its card", ())


@command(
    "rotate",
    "have a new key for this world: the old one says which succeeds it, and is forgotten",
    argument("--yes", action="store_true", help="do it, which ends all connections"),
)
def rotate(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Have a new key."""
    if not given.yes:
        raise BadArguments("a new key ends all connections of this world", "%swingset rotate --yes")
    card = _asked(notebook, notebook.require().controller.net.rotate, "%swingset help rotate")
    return Message(
        "this world has a new key; worlds that it meets follow it, and others by this card:",
        [card],
        ("what it shares is found by the strings that are out",),
    )
