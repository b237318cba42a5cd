"""The output of the command: nothing that it quotes can look like a line of the command itself.

Names, reasons and errors come from the file, and vats print anything. So all output goes through this module,
which escapes control characters and the like, and marks further lines.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, TextIO

from swingset.model.visible import MARK, quoted, visible

_NOT_DRAWN = re.compile(r"[^\x20-\x7e\n]")


def say(text: object, file: TextIO | None = None) -> None:
    """Print a text; all lines but the first are marked."""
    print(quoted(str(text).replace(f"\n{MARK}", "\n")), file=file or sys.stdout)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON for programs, with everything escaped that is not printable."""
    print(_NOT_DRAWN.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=indent)))


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return char if visible(char) == char else json.dumps(char)[1:-1]
