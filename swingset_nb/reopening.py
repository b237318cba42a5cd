"""How a world is opened again, and what became of names of it that are not bound.

The line to type has the path that the user typed, as long as it leads to the same file, and the full path
otherwise. A name that `%reset` took is still in the world, and a name of a world that is not open may be in
its file: Python only says that it is not defined.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from shlex import quote
from typing import NamedTuple

from swingset.host.base.engines import WorkerKind

DEFAULT = "%swingset open bank.world"


class Leasing(NamedTuple):
    """The lease under which a world is opened: its name, its database, and how it is taken."""

    name: str
    database: str
    wait: bool = False
    without_keys: bool = False
    set_aside: bool = False
    seconds: float | None = None

    def options(self) -> str:
        """What to type for it."""
        database = f" --database {quote(self.database)}" if self.database else ""
        seconds = "" if self.seconds is None else f" --seconds {self.seconds:g}"
        return f" --lease {quote(self.name)}{database}{' --wait' if self.wait else ''}{seconds}"


class Place(NamedTuple):
    """Where a world's file is, what its vats run in, and the lease under which it is open."""

    typed: str
    real: str | None
    worker: WorkerKind
    lease: Leasing | None = None

    def path(self) -> str:
        """The path as it was typed, or in full if the working directory has changed."""
        if self.real is None or os.path.realpath(self.typed) == self.real:
            return self.typed
        return self.real

    def line(self) -> str:
        """What to type to open it."""
        option = "" if self.worker == "wasm" else f" --worker {self.worker}"
        lease = "" if self.lease is None else self.lease.options()
        return f"%swingset open {quote(self.path())}{option}{lease}"


def of_name(
    error: BaseException, line: str, is_open: bool, parted: Collection[str], taken_back: Collection[str]
) -> Iterable[str]:
    """What to type after an error about a name that the world has or had, or that a world may have."""
    if not isinstance(error, NameError) or not isinstance(error.name, str):
        return
    if not is_open:
        ours = "`fetch`, `E`" if error.name == "fetch" else "`E`"
        yield f"no world is open in this notebook: `{line}` binds {ours} and the names of that world"
    elif error.name in parted:
        yield f"the world has {error.name}, and it is not bound now: `{line}` binds it"
    elif error.name in taken_back:
        yield f"an undo took {error.name} back: `%swingset redo` does it again, until a cell sends something"
        yield "its cell makes it anew"
