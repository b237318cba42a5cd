"""Archives in the notebook: `%swingset export PATH --archive`, and `%swingset unpack`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from shlex import quote

from swingset.host.worlds.controller import Controller
from swingset.time.copies.archives import export_archive, import_archive
from swingset.world.retention import Retention
from swingset_nb.commands import argument, command
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown


def archived(controller: Controller, given: argparse.Namespace, notes: Sequence[str]) -> Shown:
    """Write an archive of the open world; `given` has `path`, `level` and `vat`."""
    path = os.path.expanduser(given.path)
    made = export_archive(controller, path, level=given.level or "operational", vat=given.vat)
    what = "the world" if made.vat is None else f"vat {made.vat} alone"
    lines = [*notes, f"level {made.level}, crank {made.crank}, {made.size:,} bytes", f"its hash is {made.id}"]
    return Message(
        f"{what} is in {given.path}", lines, (f"`%swingset unpack {quote(given.path)} NEW.world`",)
    )


@command(
    "unpack",
    "make a world file of an archive, which may come from anybody",
    argument("archive", metavar="ARCHIVE", help="a .swingset file"),
    argument("path", metavar="WORLD", help="a file that is not there yet"),
    argument("--everything", action="store_true", help="keep all of its past, whatever retention it has"),
    argument("--expect", metavar="HASH", help="refuse any other archive than that of this hash"),
    completes="path",
)
def unpack(_notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make a new world file, which is not opened."""
    target = os.path.expanduser(given.path)
    everything = Retention(ceiling=None) if given.everything else None
    source = os.path.expanduser(given.archive)
    made = import_archive(source, target, expected=given.expect, retention=everything)
    lines = [f"level {made.level}, crank {made.crank}", f"digest {made.digest}"]
    if made.vat is not None:
        lines.append(f"it has vat {made.vat} alone, which is suspended")
    if made.retention is not None:
        lines.append(f"it keeps {made.retention}; `%swingset retention` changes that when it is open")
    return Message(f"{given.path}: a world, checked", lines, (f"`%swingset open {quote(given.path)}`",))
