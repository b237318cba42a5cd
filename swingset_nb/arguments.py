"""Parses the line of a magic, and raises errors that a notebook cannot ignore.

The parser is argparse, but it neither prints nor exits: for a line that it cannot parse it raises
`BadArguments` with the usage line, and with the nearest known word for a misspelt one.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import NoReturn

from swingset.host.parsing import AnyOrder
from swingset_nb.errors import BadArguments


class LineParser(AnyOrder):
    """The arguments of one magic or subcommand, in any order."""

    def __init__(self, prog: str, description: str = "") -> None:
        super().__init__(prog=prog, description=description, add_help=False, allow_abbrev=False)
        self._shown: str | None = None

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing to a terminal that is not there."""
        raise BadArguments(f"{self.prog}: {self._in_words(message)}", f"usage: {self.usage_line()}")

    def _in_words(self, message: str) -> str:
        """What argparse says, in the words of this project, with what each missing word is."""
        if message.startswith(_REQUIRED):
            names = message.removeprefix(_REQUIRED).split(", ")
            helps = {
                action.metavar or action.dest: self._expanded(action)
                for action in self._actions
                if not action.option_strings or action.required
            }
            return "; ".join(
                f"{name} is missing: {helps[name]}" if helps.get(name) else f"{name} is missing"
                for name in names
            )
        found = _INVALID.fullmatch(message)
        if found is not None and found[2] in _KINDS:
            return f"{found[1]} has to be a {_KINDS[found[2]]}, not {found[3]}"
        found = _CHOICE.fullmatch(message)
        if found is not None:
            return f"{found[1]} is one of {found[3]}, not {found[2]}"
        return message

    def usage_line(self) -> str:
        """The usage of the line."""
        # While it parses, argparse changes its arguments, and formats its usage again as a template.
        return self._shown or " ".join(self.format_usage().removeprefix("usage: ").split())

    def described(self) -> list[str]:
        """Each argument with its help text."""
        named = [
            ("/".join(action.option_strings) or action.metavar or action.dest, action)
            for action in self._actions
        ]
        return [
            f"{name}: {self._expanded(action)}"
            for name, action in named
            if action.help and action.help != argparse.SUPPRESS
        ]

    @staticmethod
    def _expanded(action: argparse.Action) -> str:
        """The help of an argument, a template of argparse: `%%` stands for a percent sign."""
        return (action.help or "") % {**vars(action), "choices": ", ".join(map(str, action.choices or ()))}

    def options(self) -> list[str]:
        """The long options, for completion."""
        return sorted(name for name in self._option_string_actions if name.startswith("--"))

    def read(self, line: str) -> argparse.Namespace:
        """Parse a line, in which quotes group words as in a shell; raises `BadArguments`."""
        try:
            words = shlex.split(without_comment(line))
        except ValueError as problem:
            raise BadArguments(f"{self.prog}: {problem}", f"usage: {self.usage_line()}") from None
        self._shown = self.usage_line()
        try:
            known, unknown = self.parse_known_args(words)
        finally:
            self._shown = None
        if unknown:
            options = [word for word in unknown if word.startswith("-")]
            near = self._meant(options[0], words) if options else None
            guess = (f"did you mean {near}?",) if near else ()
            what = "no such option" if options else "too many words"
            raise BadArguments(
                f"{self.prog}: {what}: {' '.join(options or unknown)}", *guess, f"usage: {self.usage_line()}"
            )
        return known

    def _meant(self, option: str, words: Sequence[str]) -> str | None:
        """The option that was meant, with its value where other words say which."""
        name = option.partition("=")[0]
        if name in _ENGINES and "--worker" in self.options():
            kinds = (f"wasm-{word}" for asked in words for word in _NAMED if word in asked)
            return f"--worker {kind}" if (kind := next(kinds, None)) is not None else "--worker"
        return nearest(name, self.options())


def without_comment(line: str) -> str:
    """A line without the comment at its end: from a # on that begins a word and stands in no quotes."""
    quote, before = "", " "
    for at, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and before != "\\":
            quote = letter
        elif letter == "#" and before.isspace():
            return line[:at]
        before = letter
    return line


_REQUIRED = "the following arguments are required: "
_INVALID = re.compile(r"argument (.+): invalid (\w+) value: (.+)", re.DOTALL)
_CHOICE = re.compile(r"argument (\S+): invalid choice: (.+) \(choose from (.+)\)", re.DOTALL)
_KINDS = {"int": "whole number", "float": "number"}
"""What argparse says of what is missing or not of its kind."""

_NAMED = ("full", "pandas", "numpy")
_ENGINES = {"--engine", "--runtime", "--interpreter"}
"""What people call the kind of a worker."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most similar to `word`; None if none is similar."""
    close = difflib.get_close_matches(word, list(known), 1, 0.6)
    return close[0] if close else None
