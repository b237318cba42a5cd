"""The subcommand `help`: what a code, an error of the world file or a term of the glossary means.

It is for whoever reads a code in a terminal and has no notebook; it opens no world.
"""

from __future__ import annotations

import argparse
import sys

from swingset.command.adding import DONE, PROBLEM, AddCommand
from swingset.command.saying import say
from swingset.model import glossary
from swingset.model.recovering import recoveries, recovery
from swingset.world.errors import WorldError


def add(command: AddCommand) -> None:
    """Add the subcommand."""
    words = "say what a code such as `abandoned` means and what to do, or what a term such as `crank` means"
    helps = command("help", _help, words, opens=False)
    helps.add_argument("word", metavar="WORD", nargs="+", help="a code, an error's class, or a term")


def hint(problem: BaseException) -> str | None:
    """Which line says more about an error; None if there is nothing more."""
    code = problem.code if isinstance(problem, WorldError) else None
    found = recovery(code or type(problem).__name__)
    return None if found is None else f"→ `swingset help {found.name}` says what to do"


def _help(chosen: argparse.Namespace) -> int:
    word = " ".join(chosen.word)
    section, term = recovery(word), glossary.find(word)
    for line in section.lines() if section is not None else ():
        say(line)
    if term is not None:
        say(f"{term.written}: {term.meaning}")
    elif section is None:
        said = f"swingset: {word!r} is no code, no error of a world and no term of the glossary"
        say(said, file=sys.stderr)
        say(f"→ codes: {', '.join(recoveries())}", file=sys.stderr)
        say("→ `swingset --help` lists the subcommands", file=sys.stderr)
        return PROBLEM
    return DONE
