"""Commands that hand a world to other tools: SQL, and traces for Perfetto."""

from __future__ import annotations

import argparse
import contextlib
import os

from swingset.time.looking.exporting import export_trace
from swingset.time.looking.querying import sql
from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Message, SavedFile, Shown, Table


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
    "write the history as Chrome trace events, which ui.perfetto.dev shows, with a link that downloads them",
    argument("path", metavar="PATH", nargs="?", help="a file that is not there yet; one named by the crank"),
    completes="path",
)
def trace(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Write a file of trace events."""
    world = notebook.require()
    notebook.flush()
    path = os.path.expanduser(given.path) if given.path is not None else _named(world)
    count = export_trace(world.controller, path)
    said = f"{count:,} trace events are in {path}, {os.path.getsize(path):,} bytes"
    return SavedFile(path, Message(said, (), ("open it in ui.perfetto.dev, which reads it in the browser",)))


def _named(world: OpenWorld) -> str:
    """The name of the trace of a world as of now, which replaces an earlier one of the same crank."""
    name = os.path.splitext(os.path.basename(world.controller.path or world.typed))[0]
    path = f"{name}-{world.controller.crank}.trace.json"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return path
