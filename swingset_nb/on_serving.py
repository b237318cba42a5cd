"""The command that serves an object to web pages and to programs in Node.

The address is a secret, like the string of `share`. So the lines to paste, which have it, go into a file for
its owner alone, and into the cell only if it is asked to.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import Any

from swingset.host.sessions.session import Session
from swingset.lens.source.outlines import MethodOutline, example, simplest
from swingset.model.visible import one_line
from swingset_nb.commands import command
from swingset_nb.notebook import Notebook
from swingset_nb.on_links import given_out, giving
from swingset_nb.render import Message, Shown

_SUFFIX = ".mjs"
_METHODS = 8
"""How many methods are named in the lines to paste."""


@command(
    "serve",
    "serve an object to web pages and to programs in Node, at an address that nobody can guess",
    *giving("lines to paste", f"NAME{_SUFFIX}"),
    completes="name",
    rest="`%swingset shared` lists what was given out",
)
def serve(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make an address for a reference."""
    session = notebook.require().session
    net = session.net

    def give(value: Any, **options: Any) -> list[str]:
        address = net.serve_object(value, **options)
        return snippet(address, _methods(session, value))

    path, lines = given_out(notebook, given, "serve", _SUFFIX, give)
    label = shlex.quote(given.label or given.name)
    hints = (f"`%swingset unshare {label}` takes it back, and cuts off who is there",)
    said = [] if path is None else [f"lines to paste are in {one_line(path, 200)}, which only you can read"]
    if given.show:
        return Message(f"{given.name} is served; whoever has this address has it:", [*lines, *said], hints)
    return Message(f"{given.name} is served; whoever has the address has it", said, hints)


def _methods(session: Session, value: Any) -> list[MethodOutline]:
    try:
        found = session.references.describe(value).methods
    except TypeError:  # an object of the session itself
        return []
    return [each for each in found if each.name.isascii()][:_METHODS]


def snippet(address: str, methods: Sequence[MethodOutline] = ()) -> list[str]:
    """Lines of JavaScript that call what is at an address, with the npm package `capnweb`.

    They are one batch over HTTP, because that ends by itself, and needs no WebSocket, which Node has only
    from 22 on. A call that needs arguments is a comment: nobody but the reader knows them.
    """
    calls = [example(each) for each in methods]
    ready = next((call for call in calls if call.endswith("()")), None)
    call = ready or (example(simplest(methods)) if methods else "METHOD()")
    others = ", ".join(each for each in calls if each != call)
    lines = [
        'import { newHttpBatchRpcSession } from "capnweb"; // npm install capnweb; Node 18 or newer',
        f'const served = newHttpBatchRpcSession("{address}");',
        f"{'' if ready else '// '}console.log(await served.{call});",
    ]
    if not ready:
        lines[2] += f" // {'give it its arguments' if methods else 'one of its methods'}"
    return [*lines, f"// it also has {others}"] if others else lines
