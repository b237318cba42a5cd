"""Commands for HTTP: an origin to fetch from, or a prefix of this host's server, as a name of the session.

The names refer to objects that can be sent to vats. What they may do is in the world; that the server listens
is not, so a site is served again when the host says so.
"""

from __future__ import annotations

import argparse
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.sessions.session_net import SessionNet
from swingset.model.visible import one_line
from swingset_nb.commands import argument, command
from swingset_nb.errors import SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.on_links import bind_made
from swingset_nb.render import Message, Shown, Table


@command(
    "origin",
    "bind a name to an object by which vats fetch what is below one URL",
    argument("name", metavar="NAME", help="the name to bind"),
    argument("url", metavar="URL", help="the origin and a path prefix, such as https://api.example/v1/"),
    argument("--methods", metavar="LIST", default="GET,HEAD", help="which methods, such as GET,POST"),
    argument("--sockets", action="store_true", help="whether it opens WebSockets too"),
    argument("--seconds", metavar="N", type=float, default=30.0, help="how long a request may take; 30"),
    argument(
        "--bytes", metavar="N", type=int, default=1_000_000, help="how long an answer may be; 1,000,000"
    ),
    rest="`await E(NAME).describe()` says what it may do",
)
def origin(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make an origin, and bind a name to it."""
    methods = [each.strip().upper() for each in given.methods.split(",")]
    limits = {"sockets": given.sockets, "seconds": given.seconds, "bytes": given.bytes}

    def make(net: SessionNet) -> Any:
        return net.http.origin(given.url, methods=methods, **limits)

    bind_made(notebook, given.name, "origin", "URL", make)
    return Message(
        f"{given.name} fetches what is below {one_line(given.url, 200)}, and nothing else",
        (),
        (f"`await E({given.name}).get('', text=True)` fetches; send {given.name} to the vats that may",),
    )


@command(
    "site",
    "bind a name to an object by which a vat answers what comes to a prefix of this host's server",
    argument("name", metavar="NAME", help="the name to bind"),
    argument("prefix", metavar="PREFIX", help="the path prefix, such as /shop/"),
    argument("--port", metavar="N", type=int, default=0, help="where to listen; one that is free by default"),
    argument("--errors", action="store_true", help="whether an answer says what the handler has raised"),
    rest="`%swingset sites` lists the sites",
)
def site(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make a site, and bind a name to it."""

    def make(net: SessionNet) -> Any:
        return net.http.site(given.prefix, errors=given.errors)

    bind_made(notebook, given.name, "site", "PREFIX", make)
    try:
        notebook.require().controller.net.http.listen(port=given.port)
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset help site") from None
    return Message(
        f"who registers with {given.name} answers what comes to {one_line(given.prefix, 100)}",
        (),
        (
            f"`await E({given.name}).register(HANDLER)` does that",
            "`%swingset sites` says where the host listens",
        ),
    )


@command(
    "sites",
    "the prefixes of this host's server that vats answer, and where it listens",
    argument("--port", metavar="N", type=int, help="have the host listen there; 0 for one that is free"),
)
def sites(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the sites; listen if that is wanted."""
    http = notebook.require().controller.net.http
    try:
        if given.port is not None:
            http.listen(port=given.port)
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset sites --port 0") from None
    rows = [(prefix, "" if http.url is None else f"{http.url}{prefix}") for prefix in http.sites()]
    notes = [] if http.url is None else [f"the host listens at {http.url}"]
    if rows and http.url is None:
        notes.append("the host does not listen: `%swingset sites --port 0`")
    if not rows:
        notes.append("`%swingset site NAME /PREFIX/` lets a vat answer")
    return Table("sites", ("prefix", "URL"), rows, "no vat answers by HTTP", notes)


@command(
    "withdraw",
    "answer nothing any more that comes to a prefix of this host's server",
    argument("prefix", metavar="PREFIX", help="the path prefix"),
    completes="site",
    rest="`%swingset sites` lists the others",
)
def withdraw(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Serve a site no more."""
    try:
        notebook.require().controller.net.http.withdraw(given.prefix)
        notebook.flush()
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset sites") from None
    return Message(f"{one_line(given.prefix, 100)} is served no more")
