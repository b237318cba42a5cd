"""Where in the code of a vat something went wrong, as lines for people.

One block for each of the innermost frames: which cell of which vat, and the line with its neighbours. The
same lines appear in a notebook's error and in the notes of an exception, and so in every printed traceback.
All quoted text is a stranger's, so it is made visible, and indented so that no line of it can pass for a line
of the kernel's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from swingset.model.lines import source_lines
from swingset.model.modules import module_of
from swingset.model.reports import Frame
from swingset.model.visible import one_line, visible

MOST_FRAMES = 4
CONTEXT = 1

_OTHER_WORLD = re.compile(r"world [^ ]{0,12}, ")
"""Begins the part of a frame that came from another world (`swingset.net.dialects`); no vat is called so."""

Sources = Callable[[str], str | None]
"""Returns the source of a vat's cell by the cell's name, None if it is unknown."""


def code_file(filename: str) -> str:
    """The name that a file of code has for people and in records: without its folders, which are the host's.

    A name that is no path, such as `<bank:bank>`, stays as it is.
    """
    if filename.startswith("<"):
        return filename
    return filename.replace("\\", "/").rpartition("/")[2] or "unnamed code"


def places(trace: Sequence[Frame], sources: Sources, vat: str | None = None) -> tuple[str, ...]:
    """The vat's lines of code, innermost last, each with the lines around it."""
    shown = trace[-MOST_FRAMES:]
    left = len(trace) - len(shown)
    blocks = [f"  ({left} frames of the vat before these)"] if left else []
    for frame in shown:
        if (world := other_world(frame)) is not None:
            blocks.append(one_line(f"  {world}", 300))
            continue
        cell = _cell(frame.part, vat)
        inside = f", in {frame.function}" if frame.function not in ("", "<module>") else ""
        blocks.append(one_line(f"  {cell}, line {frame.line} of its cell{inside}", 300))
        source = sources(frame.part)
        if source is not None:
            blocks += quoted_lines(source_lines(source), frame.line)
    return tuple(blocks)


def other_world(frame: Frame) -> str | None:
    """Where a frame of another world is, in words; None for a frame of this one.

    Its code is not here, and a vat of the same name is another vat.
    """
    found = _OTHER_WORLD.match(frame.part)
    if found is None:
        return None
    *worlds, part = frame.part.split(", ")
    if not part:
        return f"in {worlds[0]}"
    inside = f", in {frame.function}" if frame.function not in ("", "<module>") else ""
    return f"{', '.join(worlds)}, vat {part}, line {frame.line} of its cell{inside}"


def _cell(part: str, vat: str | None) -> str:
    if vat is None and module_of(part) is not None:
        return part  # several vats may have it
    return f"vat {part}" if vat is None or vat == part else f"vat {vat}, {part}"


def quoted_lines(lines: Sequence[str], at: int) -> list[str]:
    """A line with its neighbours, numbered, and an arrow at it."""
    quoted = []
    for number in range(max(at - CONTEXT, 1), min(at + CONTEXT, len(lines)) + 1):
        text = visible(lines[number - 1], 160)
        if number == at:
            quoted.append(f"  {'-' * (5 - len(str(number)))}> {number} {text}")
        elif text:
            quoted.append(f"  {' ' * (6 - len(str(number)))} {number} {text}")
    return quoted
