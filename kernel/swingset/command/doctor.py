"""The subcommands `doctor` and `demo`: does it work on this machine, and what does it look like?

Each finding is a line; one that is not good is followed by its cure. The status says whether all is well.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from swingset.command.adding import DONE, PROBLEM, AddCommand
from swingset.command.saying import say
from swingset.host.health import Finding, examine, verdict


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    doctor = command(
        "doctor", _doctor, "say what works on this machine, and how to mend what does not", opens=False
    )
    doctor.add_argument(
        "--folder", default=".", metavar="PATH", help="where worlds are to be kept (here); nothing stays"
    )
    doctor.add_argument(
        "--prepare", action="store_true", help="compile the vat engine if it was never compiled here"
    )
    command("demo", _demo, "run the quickstart notebook for real, and print it", opens=False)


def _doctor(chosen: argparse.Namespace) -> int:
    found: list[Finding] = []
    for finding in examine(Path(chosen.folder), prepare=chosen.prepare):
        for line in finding.lines():
            say(line)
        found.append(finding)
    say(verdict(found))
    return PROBLEM if any(finding.grade == "broken" for finding in found) else DONE


def _demo(_chosen: argparse.Namespace) -> int:
    """Run the demonstration in a process of its own, because the notebook's layer is above this one."""
    return subprocess.run([sys.executable, "-m", "swingset_nb.demo"]).returncode
