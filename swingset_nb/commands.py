"""The subcommands of `%swingset`: each has a name, a line of help, arguments and a function.

All are in one registry, from which help, completion and the suggestion for a misspelt name are made. The
functions are in the modules whose names begin with `on_`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from swingset_nb.arguments import LineParser, nearest
from swingset_nb.errors import BadArguments
from swingset_nb.extent import add_extent, extent_of, fit
from swingset_nb.notebook import Notebook
from swingset_nb.render import Shown

Action = Callable[[Notebook, argparse.Namespace], Shown | None]
Argument = tuple[tuple[str, ...], dict[str, Any]]


@dataclass(frozen=True)
class Command:
    """One subcommand.

    `completes` is the sort of its first word: vat, name, label, command, path, undo, module, share, peer,
    site or proposal. `rest` says what shows the rest of a long answer, if the subcommand does something, and
    must not be typed again only to see more.
    """

    name: str
    summary: str
    parser: LineParser
    action: Action
    completes: str
    rest: str


_registry: dict[str, Command] = {}


def command(
    name: str, summary: str, *arguments: Argument, completes: str = "", rest: str = ""
) -> Callable[[Action], Action]:
    """Register the decorated function as `%swingset name`; see `Command`."""
    parser = LineParser(f"%swingset {name}", summary)
    for names, options in arguments:
        parser.add_argument(*names, **options)
    add_extent(parser)

    def register(action: Action) -> Action:
        _registry[name] = Command(name, summary, parser, action, completes, rest)
        return action

    return register


def argument(*names: str, **options: Any) -> Argument:
    """An argument of a command, as argparse takes it."""
    return names, options


def registered() -> dict[str, Command]:
    """All subcommands by name, in the order in which help lists them."""
    # Importing them registers them; at the top of this file it would be a circular import.
    from swingset_nb import (  # noqa: F401
        on_archives,
        on_branches,
        on_cards,
        on_causes,
        on_clones,
        on_debugging,
        on_drafts,
        on_exports,
        on_health,
        on_help,
        on_http,
        on_lessons,
        on_limits,
        on_links,
        on_market,
        on_modules,
        on_monitoring,
        on_moves,
        on_names,
        on_past,
        on_peers,
        on_predicates,
        on_proposals,
        on_restarts,
        on_runs,
        on_serving,
        on_undo,
        on_vats,
        on_views,
        on_worlds,
    )

    order = [name for group in GROUPS.values() for name in group]
    return {name: _registry[name] for name in (*order, *sorted(_registry.keys() - {*order}))}


def run(notebook: Notebook, line: str) -> Shown | None:
    """Run one `%swingset` line; raises `BadArguments` if it cannot be read."""
    commands = registered()
    name, _, rest = line.strip().partition(" ")
    if not name or name.startswith("#"):
        name, rest = "status", ""
    found = commands.get(name)
    if found is None:
        near = guess(name, commands)
        hints = [f"did you mean `%swingset {near}`?"] if near else []
        raise BadArguments(f"%swingset has no subcommand {name!r}", *hints, "%swingset help")
    before = f" {rest} ".partition(" -- ")[0].split()  # what follows `--` is no option
    if {"--help", "-h"} & {*before} and "--help" not in found.parser.options():
        found, rest = commands["help"], name
    given = found.parser.read(rest)
    extent = extent_of(given)
    shown = found.action(notebook, given)
    return None if shown is None else fit(shown, f"%swingset {name} {rest}".strip(), extent, found.rest)


def guess(word: str, known: Iterable[str]) -> str | None:
    """The subcommand or the word that somebody means who types another."""
    names, low = list(known), word.lower()
    return low if low in names else ALSO.get(low) or nearest(low, names)


GROUPS = {
    "begin and end": ("lesson", "status", "open", "close", "help", "doctor"),
    "look": (
        "vats",
        "queue",
        "market",
        "clists",
        "promises",
        "names",
        "describe",
        "picture",
        "panel",
        "explain",
        "rings",
        "collect",
    ),
    "run": ("step", "run", "until", "pause", "cancel"),
    "save and go back": (
        *("checkpoint", "checkpoints", "delete-checkpoint", "go-back", "go-on", "undo", "redo"),
        *("digest", "export", "unpack"),
    ),
    "change code": (
        *("rehearse", "upgrade", "upgraded", "shadow", "migrate", "upgrade-all", "module"),
        *("drafts", "keep-drafts", "drop-draft", "name"),
        *("propose", "proposal", "audited"),
    ),
    "other worlds": (
        *("listen", "share", "serve", "unshare", "shared", "fetch", "peers", "petname", "forget"),
        *("peer-limits", "introduce", "grant", "accept", "follow", "rotate"),
        *("accept-vats", "move", "moves"),
    ),
    "the web": ("origin", "site", "sites", "withdraw"),
    "one vat": ("suspend", "resume", "drop", "limits", "clone", "terminate"),
    "the past": (
        *("history", "console", "costs", "cause", "story", "find", "when", "sql", "trace", "debug", "test"),
        *("verify", "prune", "retention", "export-trace"),
    ),
}
"""The subcommands in the groups of the help; those of no group come last."""
ALSO = {
    "unpause": "run",
    "continue": "run",
    "go": "run",
    "start": "run",
    "next": "step",
    "stop": "pause",
    "abort": "cancel",
    "interrupt": "cancel",
    "save": "checkpoint",
    "snapshot": "checkpoint",
    "label": "checkpoint",
    "labels": "checkpoints",
    "load": "go-back",
    "restore": "go-back",
    "goto": "go-back",
    "branch": "go-on",
    "rewind": "undo",
    "revert": "undo",
    "back": "undo",
    "rollback": "undo",
    "reset": "undo",
    "forward": "redo",
    "again": "redo",
    "log": "history",
    "timeline": "history",
    "cost": "costs",
    "computrons": "costs",
    "profile": "costs",
    "top": "costs",
    "logs": "console",
    "logging": "console",
    "errors": "console",
    "stderr": "console",
    "stdout": "console",
    "commits": "history",
    "records": "history",
    "delete": "delete-checkpoint",
    "remove": "delete-checkpoint",
    "rm": "delete-checkpoint",
    "wake": "resume",
    "draw": "picture",
    "graph": "picture",
    "clist": "clists",
    "refs": "clists",
    "inspect": "describe",
    "show": "describe",
    "print": "describe",
    "info": "status",
    "object": "explain",
    "why": "cause",
    "who": "cause",
    "crank": "story",
    "search": "find",
    "grep": "find",
    "query": "sql",
    "kill": "terminate",
    "destroy": "terminate",
    "quit": "close",
    "exit": "close",
    "ls": "vats",
    "list": "vats",
    "vat": "vats",
    "ps": "vats",
    "events": "queue",
    "messages": "queue",
    "tracing": "trace",
    "check": "verify",
    "fsck": "verify",
    "gc": "collect",
    "reap": "collect",
    "clean": "collect",
    "copy": "export",
    "fork": "clone",
    "zygote": "clone",
    "duplicate": "clone",
    "pack": "export",
    "archive": "export",
    "import": "module",
    "install": "module",
    "memory": "limits",
    "restart": "upgrade-all",
    "?": "help",
    "-h": "help",
    "--help": "help",
    "new": "open",
    "create": "open",
    "connect": "open",
    "debugger": "debug",
    "pdb": "debug",
}
"""What people type, and the subcommand that they want."""
