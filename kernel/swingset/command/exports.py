"""The subcommands that hand a world to other tools: `sql` and `export-trace`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say, say_json
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.time.looking.exporting import export_trace
from swingset.time.looking.querying import sql


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    words = "ask about the state and the history in SQL; nothing is changed"
    asks = command("sql", _sql, words, looks=True, question="one SELECT")
    asks.add_argument("--most", metavar="N", type=int, default=1_000, help="print at most N rows (1000)")
    asks.add_argument("--json", action="store_true", help="as JSON: columns, rows and more")
    words = "write the history as Chrome trace events, which Perfetto shows"
    trace = command("export-trace", _trace, words, looks=True, out="the new file")
    trace.add_argument("--name", metavar="NAME", default="", help="what the other worlds call it")
    trace.add_argument(
        "--beside", metavar="NAME=WORLD", action="append", default=[], help="another world, with its mail"
    )


def _sql(controller: Controller, chosen: argparse.Namespace) -> int:
    answer = sql(controller, chosen.question, most=chosen.most)
    if chosen.json:
        say_json({"columns": answer.columns, "rows": answer.rows, "more": answer.more})
        return DONE
    for line in answer.lines():
        say(line)
    return DONE


def _trace(controller: Controller, chosen: argparse.Namespace) -> int:
    worlds = {chosen.name: controller}
    with ExitStack() as opened:
        for given in chosen.beside:
            name, _, path = given.partition("=")
            if not path or name in worlds:
                raise KernelError(f"--beside {given}: give each world a name of its own, as in bob=bob.world")
            worlds[name] = opened.enter_context(open_world(path, look_only=True, create=False, workers=False))
        count = export_trace(worlds, chosen.out)
    say(f"{count:,} trace events are in {chosen.out}: open it in ui.perfetto.dev")
    return DONE
