"""`swingset archive`, `unpack` and `migrate`: each makes one file of another, which stays as it was."""

from __future__ import annotations

import argparse

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.host.worlds.controller import Controller
from swingset.time.copies.archives import Archive, export_archive, import_archive
from swingset.world.archiving import LEVELS
from swingset.world.migration import migrate
from swingset.world.retention import Retention


def add(command: AddCommand) -> None:
    """Add the commands."""
    archive = command(
        "archive",
        _archive,
        "write the world, or one vat, to one compressed archive",
        looks=True,
        archive="the new file, such as my.swingset",
    )
    archive.add_argument(
        "--level", choices=LEVELS, default="operational", help="how complete it is (operational)"
    )
    archive.add_argument("--vat", metavar="VAT", help="archive this vat alone")
    unpack = command(
        "unpack",
        _unpack,
        "make a world file of an archive, which may come from anybody",
        opens=False,
        archive="the archive",
        world="the new world file",
    )
    unpack.add_argument("--expect", metavar="HASH", help="refuse any other archive than that of this hash")
    unpack.add_argument(
        "--everything", action="store_true", help="keep all of its past, whatever retention the archive has"
    )
    unpack.add_argument("--most", type=int, metavar="BYTES", help="refuse one that unpacks to more")
    command(
        "migrate",
        _migrate,
        "copy a world of the format before this one",
        opens=False,
        world="the world file",
        copy="the new file",
    )


def _archive(controller: Controller, chosen: argparse.Namespace) -> int:
    _tell(export_archive(controller, chosen.archive, level=chosen.level, vat=chosen.vat))
    return DONE


def _unpack(chosen: argparse.Namespace) -> int:
    everything = Retention(ceiling=None) if chosen.everything else None
    given = {"expected": chosen.expect, "most": chosen.most, "retention": everything}
    _tell(import_archive(chosen.archive, chosen.world, **given))
    return DONE


def _migrate(chosen: argparse.Namespace) -> int:
    migrate(chosen.world, chosen.copy)
    return DONE


def _tell(made: Archive) -> None:
    alone = "" if made.vat is None else f" of vat {made.vat} alone"
    say(f"{made.level} archive{alone}, commit {made.commit}, crank {made.crank}, {made.size:,} bytes")
    say(f"state    {made.digest}")
    say(f"archive  {made.id}")
    if made.retention is not None:
        say(f"it keeps {made.retention}: `swingset retention` changes that")
