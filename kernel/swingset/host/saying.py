"""What the command prints: each thing said is a line of ours, and nothing that it quotes can be another.

Names, reasons and errors come from the file, and vats print what they like. So all of it goes out through
here, where what is not simply drawn is spelt out, and further lines are marked.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, TextIO

from swingset.model.visible import MARK, quoted, visible

_NOT_DRAWN = re.compile(r"[^\x20-\x7e\n]")


def say(text: object, file: TextIO | None = None) -> None:
    """Print a line, or several of which all but the first are marked."""
    print(quoted(str(text).replace(f"\n{MARK}", "\n")), file=file or sys.stdout)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value for programs: JSON in which everything that is not simply drawn is escaped."""
    print(_NOT_DRAWN.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=indent)))


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return char if visible(char) == char else json.dumps(char)[1:-1]
