"""Commands that hand a world to other tools: SQL, and traces for Perfetto."""

from __future__ import annotations

import argparse
import os

from swingset.time.exporting import export_trace
from swingset.time.querying import sql
from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Table


@command(
    "sql",
    "ask about the state and the history in SQL, in double quotes; nothing is changed",
    argument("question", metavar="QUESTION", help='one SELECT, such as "SELECT name, state FROM vats"'),
)
def ask(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the rows that answer a question."""
    world = notebook.require()
    notebook.flush()
    most = extent_of(given).most()
    answer = sql(world.controller, given.question, most=most)
    notes = (f"and more: `--rows {4 * most}` or `--all` shows them",) if answer.more else ()
    return Table("answer", answer.columns, answer.rows, "no rows", notes)


@command(
    "export-trace",
    "write the history as Chrome trace events, which ui.perfetto.dev shows",
    argument("path", metavar="PATH", help="a file that is not there yet"),
    completes="path",
)
def trace(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Write a file of trace events."""
    world = notebook.require()
    notebook.flush()
    count = export_trace(world.controller, os.path.expanduser(given.path))
    return Message(f"{count:,} trace events are in {given.path}", (), ("open it in ui.perfetto.dev",))
