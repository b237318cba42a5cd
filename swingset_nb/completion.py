"""Completion on the lines of our magics (subcommands, options, vats, checkpoints) and after references.

IPython completes the Python inside a cell as usual. It knows nothing of the methods of an object in another
vat, so this module completes them: after `E(purse).`, and after `purse.`, where the message is completed with
its `E(...)`, because an object of another vat has no attributes here. Nothing is evaluated for that; a
reference is found by its name or as an item of a list or a dict. In the cell of a vat, names are the vat's.
In the cell of a vat, `imports` completes what follows `import`.
"""

from __future__ import annotations

import os
import re
from itertools import islice
from shlex import quote
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from swingset.guest.base.promises import Promise
from swingset.guest.passing.remotables import Presence
from swingset.host.base.engines import KINDS
from swingset.model.glossary import by_word
from swingset_nb.arguments import LineParser
from swingset_nb.commands import registered
from swingset_nb.imports import offered
from swingset_nb.magics import KIND, MODULE, VAT
from swingset_nb.notebook import Notebook
from swingset_nb.references import References
from swingset_nb.sharing import linked

_SENT = re.compile(
    r"(?<![\w.])E(?:\.bid\([^()]*\))?(?:\.send_only|\.offer)?\(\s*([^\W\d]\w*(?:\[[^\[\]]*\])*)\s*\)\.(\w*)\Z"
)
_DIRECT = re.compile(r"(?<![\w.\])])([^\W\d]\w*(?:\[[^\[\]]*\])*)\.(\w*)\Z")
_OF_VATS = ("%%vat", "%%kind", "%%module")
_LONGEST = 1_000
_MOST_FILES = 10_000
_ENDINGS = (".world", ".swingset")
_CLOSED = ("vat", "name", "module", "label", "share", "peer", "site", "command")
_VALUES = {"--worker": KINDS}


class Completer:
    """Completes the magic lines of one notebook for IPython."""

    def __init__(self, notebook: Notebook, references: References) -> None:
        self._notebook = notebook
        self._references = references

        def swingset_matcher(context: CompletionContext) -> SimpleMatcherResult:
            return self.complete(context)

        self.matcher: Any = context_matcher()(swingset_matcher)

    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete the word before the cursor, on the line of one of the magics or after a reference."""
        lines = context.full_text.split("\n")
        line = lines[context.cursor_line] if context.cursor_line < len(lines) else ""
        before = line[: context.cursor_position]
        if not before.startswith("%") and not context.full_text.lstrip().startswith(_OF_VATS):
            return self._methods(before[-_LONGEST:])
        world = self._notebook.world
        importing = world and offered(world, context.full_text, before)
        if importing:
            typed, names = importing
            # If nothing fits, the word as it is: IPython would else offer what the notebook has.
            fitting = [name for name in names if name.startswith(typed)]
            return _result(typed, fitting or [typed], "module")
        words = before.split()
        if not words or (before and not before[-1].isspace() and len(words) == 1):
            return {"completions": []}
        typed = "" if before[-1:].isspace() else words.pop()
        candidates = self._candidates(words[0], words[1:], typed)
        found = _result(typed, candidates, "magic")
        if not found["completions"] and self._is_closed(words):
            # The word as it is: IPython would else offer what the notebook and its folder have.
            found = _result(typed, [typed], "magic")
        return found

    def _methods(self, before: str) -> SimpleMatcherResult:
        """Complete the name of a method that can be sent to a reference."""
        sent, direct = _SENT.search(before), _DIRECT.search(before)
        found = sent or direct
        if found is None:
            return {"completions": []}
        path, typed = found[1], found[2]
        value = self._references.find(path)
        methods = [] if value is None else self._references.methods(value)
        names = [method.name for method in methods if method.name.startswith(typed)]
        if not names or (sent is None and not isinstance(value, Presence | Promise)):
            return {"completions": []}
        texts = names if sent else [f"E({path}).{name}" for name in names]
        return {
            "completions": [SimpleCompletion(text, type="function") for text in texts if text.isprintable()],
            "matched_fragment": typed if sent else f"{path}.{typed}",
            "suppress": True,
        }

    def _candidates(self, magic: str, words: list[str], typed: str) -> list[str]:
        last = words[-1] if words else ""
        if last == "--vat":
            return self._vats()
        if last in _VALUES:
            return list(_VALUES[last])
        if magic in ("%%vat", "%vat"):
            return self._options(VAT, words) if words or typed.startswith("-") else self._vats()
        if magic == "%%kind":
            return self._options(KIND, words) if words else []
        if magic == "%%module":
            modules = self._notebook.world.session.modules if self._notebook.world else ()
            return self._options(MODULE, words) if words else [row.name for row in modules]
        if magic != "%swingset":
            return []
        commands = registered()
        if not words:
            return list(commands)
        command = commands.get(words[0])
        if command is None:
            return []
        if typed.startswith("-"):
            return self._options(command.parser, words)
        if len(words) > 1:
            if words[0] == "propose" and len(words) == 2:
                return self._modules()
            return self._vats() if words == ["undo", "upgrade"] else []
        world = self._notebook.world
        match command.completes:
            case "undo":
                return ["upgrade"]
            case "path":
                return paths(typed)
            case "command":
                return [*commands, *(word for word in by_word() if word not in commands and " " not in word)]
            case "vat":
                return self._vats()
            case "name":
                return list(world.session.names.holding()) if world else []
            case "module":
                return self._modules()
            case "proposal":
                return [str(row.number) for row in world.session.proposals] if world else []
            case "label":
                return self._labels()
            case "share" | "peer" | "site":
                return [quote(name) for name in linked(world.session, command.completes)] if world else []
        return []

    def _is_closed(self, words: list[str]) -> bool:
        """Whether the next word of a line can only be one of those that there are."""
        command = registered().get(words[1]) if len(words) == 2 and words[0] == "%swingset" else None
        return command is not None and command.completes in _CLOSED

    def _labels(self) -> list[str]:
        world = self._notebook.world
        labels = world.controller.history.checkpoints() if world else []
        return [quote(label.name) for label in labels]

    def _vats(self) -> list[str]:
        world = self._notebook.world
        return world.vat_names() if world else []

    def _modules(self) -> list[str]:
        world = self._notebook.world
        return [row.name for row in world.session.modules] if world else []

    @staticmethod
    def _options(parser: LineParser, words: list[str]) -> list[str]:
        return [option for option in parser.options() if option not in words]


def paths(typed: str) -> list[str]:
    """The folders, worlds and archives that a path may go on to, each folder with its slash."""
    folder = typed[: typed.rfind("/") + 1]
    found = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            for entry in islice(entries, _MOST_FILES):
                hidden = entry.name.startswith(".") and not typed.rpartition("/")[2].startswith(".")
                if entry.is_dir() and not hidden:
                    found.append(f"{folder}{entry.name}/")
                elif entry.name.endswith(_ENDINGS):
                    found.append(f"{folder}{entry.name}")
    except OSError:
        return []
    return sorted(path for path in found if path == quote(path) or path.startswith("~"))


def _result(typed: str, candidates: list[str], sort: str) -> SimpleMatcherResult:
    """The candidates that begin with what is typed; IPython's own token would break at dashes and dots."""
    found = [
        SimpleCompletion(name, type=sort)
        for name in candidates
        if name.startswith(typed) and name.isprintable()
    ]
    if not found:
        return {"completions": []}
    return {"completions": found, "matched_fragment": typed, "suppress": True}
