"""`%swingset help`: the subcommands in groups, one of them with its arguments, and terms of the glossary."""

from __future__ import annotations

import argparse

from swingset.model import glossary
from swingset.model.recovering import Recovery, recoveries, recovery
from swingset_nb.commands import GROUPS, Command, argument, command, guess, registered
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Stack, Table

GLOSSARY = "glossary"
"""The word with which all terms are listed."""


@command(
    "help",
    "the subcommands; of a subcommand its arguments, of a code its cure, of a term its meaning",
    argument(
        "word",
        metavar="WORD",
        nargs="*",
        help="a subcommand, the code of an error, a term, or `glossary` for all terms",
    ),
    completes="command",
)
def _help(_notebook: Notebook, given: argparse.Namespace) -> Shown:
    commands = registered()
    if not given.word:
        return _all_help(commands)
    word = " ".join(given.word)
    if word == GLOSSARY:
        rows = [[term.written, term.meaning] for term in glossary.terms()]
        return Table("glossary", ["say", "of"], rows)
    found, term, cure = commands.get(word), glossary.find(word), recovery(word)
    if cure is not None:
        return _cure(cure, term)
    if found is not None:
        lines = [f"the term: {term.meaning}"] if term else []
        return Message(f"{found.parser.usage_line()} - {found.summary}", [*found.parser.described(), *lines])
    if term is None:
        near = guess(word, [*commands, *glossary.by_word(), *recoveries()])
        hints = [f"did you mean `%swingset help {near}`?"] if near else []
        raise BadArguments(
            f"{word!r} is no subcommand of %swingset, no code of an error and no term of the glossary",
            *hints,
            "%swingset help",
            f"%swingset help {GLOSSARY}",
        )
    related = [name for name in term.words if name in commands]
    hints = [f"`%swingset help {name}` has the subcommand" for name in related]
    return Message(f"{term.written}: {term.meaning}", (), hints)


def _cure(cure: Recovery, term: glossary.Term | None) -> Shown:
    lines = [f"- {line}" for line in cure.cures]
    lines += [f"the term: {term.meaning}"] if term else []
    return Message(f"{cure.name}: {cure.meaning}", lines, [f"{cure.place} has all of it, with an example"])


def _all_help(commands: dict[str, Command]) -> Shown:
    """All subcommands in groups, and the magics."""
    columns, shown = ["type", "to"], [Table("cells", ["type", "to"], _MAGICS)]
    grouped = {name for names in GROUPS.values() for name in names}
    for title, names in (*GROUPS.items(), ("more", sorted(commands.keys() - grouped))):
        rows = [[commands[name].parser.usage_line(), commands[name].summary] for name in names]
        if rows:
            shown.append(Table(title, columns, rows))
    notes = (
        "`%swingset help WORD` explains one of them",
        "each of them takes `--rows N` or `--all`: how much of a long answer is shown",
        "`%config SwingSet` lists the settings: autorun, progress_after, run_limit, print_limit",
    )
    return Stack([*shown, Message("for all of them", (), notes)])


_MAGICS = [
    ["%%vat NAME [--upgrade] [--replace] [--worker KIND] [--computrons N]", "a vat from this cell"],
    ["%%kind NAME --vat VAT [--upgrade] [--message TEXT]", "a cell of its own for a kind of a vat"],
    ["%%module NAME [--upgrade] [--message TEXT]", "a module that cells of vats can import"],
    ["%%whatif [--at N] [--drop] [--again] [--vat VAT]", "run a cell in a fork, and show both worlds"],
]
