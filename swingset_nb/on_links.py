"""Commands for links to other worlds: be reachable, give out an object, take it back, and see who is there.

The string of what is shared is a secret. A notebook file keeps its outputs, so `share` writes the string into
a file for its owner alone, and shows it in the cell only if it is asked to.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import shlex
from collections.abc import Callable, Iterator
from typing import IO, Any

from swingset.core.errors import KernelError
from swingset.guest.sending.device_calls import DevicePresence
from swingset.host.sessions.session_net import SessionNet
from swingset.host.wires.shares import Share, Use
from swingset.model.visible import one_line
from swingset_nb.arguments import nearest
from swingset_nb.binding import unfit
from swingset_nb.commands import Argument, argument, command
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Table
from swingset_nb.sharing import called_here, left, when

_SUFFIX = ".ocapn"
_USERS = 3
"""How many peers that used a string are named in the list."""

_DIGITS = 12
_TRANSPORTS = (
    "unix for worlds of this machine, which is the default; websocket or http for others; web for pages"
)
_OPTIONS = (
    "path=FILE for unix; host, port, url, and cert and key with the files of a certificate for websocket and "
    "http; host, port, origins for web"
)
_LISTEN = {"share": "%swingset listen", "serve": "%swingset listen web"}
"""What helps if something cannot be given out."""


@command(
    "listen",
    "let other worlds connect to this one, until it is closed",
    argument("transport", metavar="TRANSPORT", nargs="?", default="unix", help=_TRANSPORTS),
    argument("options", metavar="NAME=TEXT", nargs="*", help=_OPTIONS),
    rest="`%swingset peers` shows who is there",
)
def listen(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Have the open world listen."""
    options = {}
    for option in given.options:
        name, equals, text = option.partition("=")
        if not equals or not name.isidentifier():
            raise BadArguments(f"{one_line(option, 60)!r} is no NAME=TEXT", "%swingset listen unix path=PATH")
        options[name] = text
    controller = notebook.require().controller
    try:
        controller.net.listen(given.transport, **options)
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset help listen") from None
    verb = "serve" if given.transport == "web" else "share"
    return Message(
        f"this world listens by {given.transport}, until it is closed",
        (),
        (f"`%swingset {verb} NAME` gives out what NAME refers to",),
    )


def giving(what: str, file: str) -> tuple[Argument, ...]:
    """The arguments of a command that gives something out, by `what` in a file."""
    return (
        argument("name", metavar="NAME", help="a name whose value is a reference"),
        argument("--to", metavar="FILE", help=f"where to write {what}; {file} by default"),
        argument("--show", action="store_true", help=f"show {what} here, saved with the notebook"),
        argument("--label", metavar="TEXT", help="what the list calls it; NAME by default"),
        argument("--seconds", metavar="N", type=float, help="after how long it opens nothing any more"),
        argument("--once", action="store_true", help="whether it opens only once"),
    )


@command(
    "share",
    "give out an object: whoever has the string that is made has the object",
    *giving("the string", f"NAME{_SUFFIX}"),
    argument(
        "--over", metavar="TRANSPORT", help="how it is to be fetched; the first that listens by default"
    ),
    completes="name",
    rest="`%swingset shared` lists what was given out",
)
def share(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make a string for a reference."""
    net = notebook.require().session.net

    def give(value: Any, **options: Any) -> list[str]:
        return [net.share(value, transport=given.over, **options)]

    path, lines = given_out(notebook, given, "share", _SUFFIX, give)
    file = "" if path is None else f" {one_line(shlex.quote(path), 200)}"
    asked = "is asked for the string" if path is None else "has it from the file"
    hints = (
        f"whoever types `%swingset fetch {given.name}{file}` in a notebook {asked}",
        f"`%swingset unshare {shlex.quote(given.label or given.name)}` takes it back",
    )
    said = [] if path is None else [f"the string is in {one_line(path, 200)}, which only you can read"]
    if given.show:
        return Message(f"{given.name} is shared; whoever has this string has it:", [*lines, *said], hints)
    return Message(f"{given.name} is shared; whoever has the string has it", said, hints)


def given_out(
    notebook: Notebook, given: argparse.Namespace, verb: str, suffix: str, give: Callable[..., list[str]]
) -> tuple[str | None, list[str]]:
    """Give out what a name refers to; returns the file with what opens it, or None, and its lines.

    Args:
        notebook: the notebook.
        given: the arguments of `giving`.
        verb: the command.
        suffix: how the name of the file ends, if none is given.
        give: makes the lines, of the value and of the options of sharing.
    """
    value = value_of(notebook, given.name)
    if isinstance(value, DevicePresence):
        words = "is a node of a device, which stays in its world: give out an object of a vat that calls it"
        raise SwingSetError(f"{one_line(given.name, 60)} {words}", "%swingset names")
    path = given.to or (None if given.show else f"{given.name}{suffix}")
    options = {"label": given.label or given.name, "seconds": given.seconds, "once": given.once}
    # The file is made first: a share that nobody can open could be taken back only by its digest.
    with contextlib.nullcontext() if path is None else _made(path, given.name, verb) as file:
        try:
            lines = give(value, **options)
            notebook.flush()
        except KernelError as problem:
            raise SwingSetError(str(problem), _LISTEN[verb]) from None
        if file is not None:
            file.writelines(f"{line}\n" for line in lines)
    return path, lines


@contextlib.contextmanager
def _made(path: str, name: str, verb: str) -> Iterator[IO[str]]:
    """A new file that only its owner can read; removed again if the body raises."""
    shown = one_line(path, 200)
    other = f"`%swingset {verb} {name} --to OTHER` writes another file"
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SwingSetError(f"{shown} is there already, and nothing is shared", other) from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise SwingSetError(f"{shown} cannot be written ({why}), and nothing is shared", other) from None
    try:
        with open(number, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(path)
        raise


@command(
    "unshare",
    "take back what was given out: its string opens nothing any more",
    argument("what", metavar="LABEL", help="its label, digest or string"),
    argument("--cut", action="store_true", help="break what was fetched by it too"),
    completes="share",
    rest="`%swingset shared` lists what was given out",
)
def unshare(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Revoke a string."""
    net = notebook.require().controller.net
    try:
        share = net.unshare(given.what, cut=given.cut)
        notebook.flush()
    except KernelError as problem:
        raise SwingSetError(str(problem), *_meant(given.what, net.shared()), "%swingset shared") from None
    name = one_line(share.label or share.digest, 80)
    if given.cut:
        return Message(
            f"{name} is not given out any more, and is cut off from those who fetched it",
            ("other objects that they got from it stay",),
        )
    if share.web:
        return Message(f"{name} is not served any more, and its clients are cut off")
    return Message(
        f"{name} is not given out any more",
        ("references that were fetched before stay as long as the link",),
        (f"`%swingset unshare {share.digest[:16]} --cut` breaks them too",),
    )


def _meant(what: str, shares: list[Share]) -> list[str]:
    """Lines that name one of the shares: those of a label that several have, or one of a similar label."""
    there = [share for share in shares if not share.revoked]
    ways = [
        f"`%swingset unshare {share.digest[:16]}` takes back what is {'served' if share.web else 'shared'}"
        for share in there
        if share.label == what
    ]
    near = nearest(what, [share.label for share in there])
    return ways or ([f"did you mean `%swingset unshare {shlex.quote(near)}`?"] if near else [])


@command(
    "shared",
    "what was given out, and who has used it; with LABEL, when each peer has",
    argument("what", metavar="LABEL", nargs="?", help="a label, or the beginning of a digest"),
    completes="share",
)
def shared(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the shares, or the uses of one."""
    session = notebook.require().session
    shares, called = session.controller.net.shared(), called_here(session)
    if given.what is None:
        rows = [
            (
                one_line(share.label, 80),
                session.net.state(share),
                share.uses,
                ", ".join(_user(share, use, called) for use in reversed(share.users[-_USERS:])),
                "web clients" if share.web else "other worlds",
                share.digest[:16],
            )
            for share in shares
        ]
        columns = ("label", "state", "uses", "last used by", "for", "digest")
        return Table("shared", columns, rows, "nothing is given out", left(session))
    uses = [
        (one_line(share.label, 80), _user(share, use, called), use.times, when(use.first), when(use.last))
        for share in shares
        if given.what == share.label or (len(given.what) >= _DIGITS and share.digest.startswith(given.what))
        for use in share.users
    ]
    return Table("shared", ("label", "peer", "uses", "first", "last"), uses, "it was not used")


def _user(share: Share, use: Use, called: Callable[[str], str]) -> str:
    return "web clients" if share.web else called(use.peer)


@command(
    "fetch",
    "ask for an object of another world, and bind a name to it",
    argument("name", metavar="NAME", help="the name to bind"),
    argument("source", metavar="FILE", nargs="?", help="a file with the string; without one it is asked for"),
    rest="`%swingset peers` shows who is there",
)
def fetch(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Fetch an object, and wait for it."""
    bindable(notebook, given.name, "%swingset fetch ANOTHER_NAME FILE")
    source = given.source
    notebook.give({given.name: notebook.require().session.wait(fetched(notebook, source and _file(source)))})
    return Message(f"{given.name} refers to an object of another world")


def bindable(notebook: Notebook, name: str, other: str) -> None:
    """Raise unless a name may be bound; `other` is the line to type instead."""
    why = unfit(name, notebook.shell.user_ns_hidden)
    if why is not None or name == "E":
        means = why or "sends messages in every notebook"
        raise BadArguments(f"{one_line(name, 60)!r} {means}, so it cannot be bound", other)


def bind_made(
    notebook: Notebook, name: str, command: str, usage: str, make: Callable[[SessionNet], Any]
) -> None:
    """Bind a name to an object that the session's network makes for a command.

    Args:
        notebook: the notebook.
        name: the name to bind.
        command: the command, whose help says what it takes.
        usage: what else the command takes, if another name has to be typed.
        make: makes a promise for the object.
    """
    bindable(notebook, name, f"%swingset {command} ANOTHER_NAME {usage}".rstrip())
    session = notebook.require().session
    try:
        notebook.give({name: session.wait(make(session.net))})
    except KernelError as problem:
        raise SwingSetError(str(problem), f"%swingset help {command}") from None


def _file(source: str) -> Any:
    from pathlib import Path

    return source if source.startswith("ocapn") and ":" in source else Path(source)


def fetched(notebook: Notebook, source: str | os.PathLike[str] | None) -> Any:
    """A promise for the object that a string, or a file with it, leads to; None asks for the string."""
    if source is None:
        try:
            source = getpass.getpass("the string of what is shared: ")
        except (OSError, EOFError, NotImplementedError):
            words = "the string has to be asked for, and nobody can be asked here"
            raise SwingSetError(words, "%swingset fetch NAME FILE") from None
    try:
        return notebook.require().session.net.fetch(source)
    except KernelError as problem:
        raise SwingSetError(str(problem), _instead(source)) from None


def _instead(source: str | os.PathLike[str]) -> str:
    """What to type instead of what was fetched and is no string; nothing of it is repeated."""
    text = str(source).strip()
    if text.startswith("ocapn-grant:"):
        return "this is a grant: `%swingset accept NAME GRANT` asks for what it opens"
    if text.startswith("ocapn-card:"):
        return "this is a card: `%swingset grant NAME CARD` gives something to its world"
    if isinstance(source, str) and not text.startswith("ocapn:"):
        return "`await fetch(Path(FILE))` reads the string from a file, as `%swingset fetch NAME FILE` does"
    return "%swingset help fetch"


def value_of(notebook: Notebook, name: str) -> Any:
    """The value of a name of the notebook."""
    own = dict(notebook.own())
    if name not in own:
        raise SwingSetError(f"there is no name {one_line(name, 60)!r} here", "%swingset names")
    return own[name]
