"""The command that serves an object to web pages and to programs in Node.

The address is a secret, like the string of `share`. So the lines to paste, which have it, go into a file for
its owner alone, and into the cell only if it is asked to.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex

from swingset.core.errors import KernelError
from swingset.model.visible import one_line
from swingset_nb.commands import argument, command
from swingset_nb.errors import SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.on_links import made, value_of
from swingset_nb.render import Message, Shown

_SUFFIX = ".mjs"


@command(
    "serve",
    "serve an object to web pages and to programs in Node, at an address that nobody can guess",
    argument("name", metavar="NAME", help="a name whose value is a reference"),
    argument("--to", metavar="FILE", help="where to write the lines to paste; NAME.mjs by default"),
    argument("--show", action="store_true", help="show them here, where they are saved with the notebook"),
    argument("--label", metavar="TEXT", help="what the list calls it; NAME by default"),
    argument("--seconds", metavar="N", type=float, help="after how long it opens nothing any more"),
    argument("--once", action="store_true", help="whether it opens only one session"),
    completes="name",
    rest="`%swingset shared` lists what was given out",
)
def serve(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make an address for a reference."""
    value = value_of(notebook, given.name)
    session = notebook.require().session
    label = given.label or given.name
    path = given.to or (None if given.show else f"{given.name}{_SUFFIX}")
    # The file is made first: a share whose address nobody has could be taken back only by its digest.
    with contextlib.nullcontext() if path is None else made(path, given.name, "serve") as file:
        try:
            found = session.net.serve_object(value, label=label, seconds=given.seconds, once=given.once)
            notebook.flush()
        except KernelError as problem:
            raise SwingSetError(str(problem), "%swingset help serve") from None
        lines = snippet(found)
        if file is not None:
            file.write("\n".join(lines) + "\n")
    hints = (f"`%swingset unshare {shlex.quote(label)}` takes it back, and cuts off who is there",)
    said = [] if path is None else [f"lines to paste are in {one_line(path, 200)}, which only you can read"]
    if given.show:
        return Message(f"{given.name} is served; whoever has this address has it:", [*lines, *said], hints)
    return Message(f"{given.name} is served; whoever has the address has it", said, hints)


def snippet(address: str) -> list[str]:
    """Three lines of JavaScript that call what is at an address, with the npm package `capnweb`."""
    return [
        'import { newWebSocketRpcSession } from "capnweb"; // npm install capnweb',
        f'const served = newWebSocketRpcSession("{address.replace("http", "ws", 1)}");',
        "console.log(await served.METHOD()); // one of its methods",
    ]
