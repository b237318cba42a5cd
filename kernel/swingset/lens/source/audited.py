"""Libraries of audited modules: files in which people say which sources they have looked into.

A library names modules by the hashes of their sources, so it can be passed on, and nobody can put another
source under a hash. But anybody can write a file that says anything of any hash, under any name. So a library
counts only for who has accepted exactly this file, by its digest; and what it says is shown as what its
author says. A text of more than one word is shown in quotes, so that no name or note passes for a sentence of
another author.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from swingset.core.errors import KernelError
from swingset.lens.source.graphs import module_hash
from swingset.model.capdata import is_well_formed
from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import canonical, spelled
from swingset.model.visible import one_line

FORMAT = 1
MOST_MODULES = 100_000
MOST_BYTES = 50_000_000
_LONGEST = 200
_HASH = re.compile(r"[0-9a-f]{128}\Z", re.ASCII)
_WORD = re.compile(r"[\w.@+-]+\Z")


@dataclass(frozen=True)
class AuditedLibrary:
    """What one author says of modules: by the hash of each its name and a note. `digest` names the file,
    which is `source`.

    Source:
        Ours; the "community auditing site" that was thought of for proposals of SwingSet's chain.
    """

    author: str
    digest: str
    modules: Mapping[str, tuple[str, str]] = field(repr=False)
    source: str = field(repr=False)

    def says(self, digest: str) -> str | None:
        """What the author says of a module, or None.

        Args:
            digest: the hash of the module's source.
        Example:
            >>> library = swingset.audited_library("ann", {"rates": "BASE = 5"})
            >>> library.says(next(iter(library.modules)))
            'audited by ann as rates'
        """
        found = self.modules.get(digest)
        if found is None:
            return None
        name, note = found
        return f"audited by {_told(self.author)} as {_told(name)}" + (f": {_told(note)}" if note else "")

    def text(self) -> str:
        """The file, to be passed on.

        Example:
            >>> text = swingset.audited_library("ann", {"rates": "BASE = 5"}).text()
            >>> swingset.read_audited(text).author
            'ann'
        """
        listed = {digest: list(said) for digest, said in sorted(self.modules.items())}
        return canonical({"format": FORMAT, "author": self.author, "modules": listed}) + "\n"


def audited_library(author: str, sources: Mapping[str, str], note: str = "") -> AuditedLibrary:
    """Make a library of modules that somebody has looked into.

    Args:
        author: who has looked into them.
        sources: their sources, by name.
        note: what is said of each.
    Source:
        Ours.
    Example:
        >>> len(swingset.audited_library("ann", {"rates": "BASE = 5"}).modules)
        1
    """
    modules = {module_hash(source): (name, note) for name, source in sources.items()}
    made = AuditedLibrary(author, "", modules, "")
    return read_audited(made.text())


def read_audited(text: str) -> AuditedLibrary:
    """Read the file of a library, whoever wrote it. Nothing counts before it is accepted.

    Args:
        text: the text of the file.
    Raises:
        KernelError: if it is no such file.
    Source:
        Ours.
    Example:
        >>> swingset.read_audited("{}")
        Traceback (most recent call last):
        swingset.core.errors.KernelError: this is no library of audited modules: it has no "format" 1
    """
    if len(text) > MOST_BYTES:
        raise KernelError(_wrong(f"it has more than {MOST_BYTES:,} characters"))
    if not is_well_formed(text):
        raise KernelError(_wrong("it has half a character, which no file has"))
    try:
        raw = read_json(text)
    except Unreadable as problem:
        raise KernelError(_wrong(f"it is {problem}")) from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise KernelError(_wrong('it has no "format" 1'))
    author, listed = raw.get("author"), raw.get("modules")
    if not isinstance(author, str) or not isinstance(listed, dict) or len(listed) > MOST_MODULES:
        raise KernelError(_wrong(f'it wants an "author", and "modules" by hash, at most {MOST_MODULES:,}'))
    modules = {}
    for digest, said in listed.items():
        if not _HASH.match(digest) or not _is_said(said):
            raise KernelError(_wrong(f"a module wants a hash, and a name and a note: {one_line(digest, 40)}"))
        modules[digest] = (one_line(said[0], _LONGEST), one_line(said[1], _LONGEST))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return AuditedLibrary(one_line(author, _LONGEST), digest, modules, text)


def _is_said(said: object) -> bool:
    return isinstance(said, list) and len(said) == 2 and all(isinstance(text, str) for text in said)


def _told(text: str) -> str:
    """A text of an author within a sentence of ours."""
    return text if _WORD.match(text) else spelled(text)


def _wrong(why: str) -> str:
    return f"this is no library of audited modules: {why}"
