"""The libraries of audited modules that the host of a world believes: in a file beside the world.

Whom to believe is the host's own judgement. So it is neither in the world, where it would go with every copy
and archive, count for whoever opens one, and go back in time; nor does any vat see it. A copy of the world
without this file believes nobody. A world in memory keeps it in memory.

The file has each library as it was when it was accepted, with its digest, which must fit. It is replaced as a
whole, and one that others own or can write is refused: what is in it counts without a question.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.base.beside import read_beside
from swingset.lens.source.audited import MOST_BYTES, AuditedLibrary, read_audited
from swingset.model.foreign import Unreadable, read_json
from swingset.model.visible import one_line
from swingset.world.paths import replace_text

SUFFIX = ".audited"

MOST_LIBRARIES = 100
"""How many libraries may be accepted at a time: each is read for each proposal."""

_LARGEST = 2 * MOST_BYTES
_FORMAT = 1


class Accepted:
    """The libraries that count in a world, in the order in which they were accepted."""

    def __init__(self, world: str | None) -> None:
        self.path = None if world is None else world + SUFFIX
        self._found: list[AuditedLibrary] | None = None

    def all(self) -> list[AuditedLibrary]:
        """The libraries; raises `KernelError` for a file that is not what this class writes."""
        if self._found is None:
            there = self.path is not None and os.path.lexists(self.path)
            self._found = _read(self.path) if there and self.path is not None else []
        return list(self._found)

    def add(self, library: AuditedLibrary) -> None:
        """Let a library count from now on; raises `KernelError` if the file cannot be written."""
        found = self.all()
        if library.digest in {known.digest for known in found}:
            return
        if len(found) >= MOST_LIBRARIES:
            raise KernelError(f"there are {MOST_LIBRARIES} accepted libraries: withdraw one first")
        self._keep([*found, library])

    def remove(self, digest: str) -> AuditedLibrary:
        """Let a library count no more; raises `KernelError` unless exactly one digest begins so."""
        found = self.all()
        meant = [library for library in found if library.digest.startswith(digest)]
        if len(meant) != 1 or not digest:
            there = ", ".join(library.digest[:12] for library in found) or "none"
            raise KernelError(f"no accepted library is meant by {one_line(digest, 64)!r}; there are: {there}")
        self._keep([library for library in found if library is not meant[0]])
        return meant[0]

    def _keep(self, found: list[AuditedLibrary]) -> None:
        if self.path is not None:
            listed = [[library.digest, library.source] for library in found]
            text = json.dumps({"format": _FORMAT, "libraries": listed})
            if len(text) > _LARGEST:
                raise KernelError(f"the accepted libraries have more than {_LARGEST:,} characters together")
            try:
                replace_text(self.path, text)
            except OSError as problem:
                words = f"{one_line(self.path, 300)} cannot be written ({problem.strerror})"
                raise KernelError(f"{words}: make room, or make the folder writable") from None
        self._found = found


def _read(path: str) -> list[AuditedLibrary]:
    named = f"the file of accepted libraries {one_line(path, 300)}"
    anew = "put the right file there, or move it away to believe nobody"

    def trouble(about: os.stat_result) -> str | None:
        if about.st_uid not in (0, os.geteuid()):
            return f"another user owns {named}: {anew}"
        if stat.S_IMODE(about.st_mode) & 0o022:
            return f"others can write {named}: chmod 600 {one_line(path, 300)}"
        return None

    text = read_beside(path, named, anew, _LARGEST, trouble)
    try:
        return _libraries(read_json(text) if len(text) <= _LARGEST else None)
    except (Unreadable, ValueError, KernelError):
        raise KernelError(f"{named} is not what this library writes: {anew}") from None


def _libraries(said: Any) -> list[AuditedLibrary]:
    """The libraries of a file; raises `ValueError` or `KernelError` if they are none."""
    listed = said.get("libraries") if isinstance(said, dict) and said.get("format") == _FORMAT else None
    if not isinstance(listed, list) or len(listed) > MOST_LIBRARIES:
        raise ValueError
    found = []
    for each in listed:
        if not isinstance(each, list) or len(each) != 2 or not all(isinstance(text, str) for text in each):
            raise ValueError
        digest, text = each
        library = read_audited(text)
        if library.digest != digest:
            raise ValueError
        found.append(library)
    return found
