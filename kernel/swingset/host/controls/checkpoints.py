"""Taking a checkpoint: a commit with a name, and with a heap image of every vat that can have one.

The images make going back to it quick, and what they add to the file is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.host.base.opened import Opened
from swingset.world.vats import LIVE


@dataclass(frozen=True)
class Checkpoint:
    """A named commit: its number, the crank, the world's digest, and the size of its heap images.

    `vats` is how many vats have a heap image. `new_pages` and `new_bytes` are what the images
    added to the file.
    """

    name: str
    commit: int
    crank: int
    digest: str
    vats: int
    new_pages: int
    new_bytes: int


def take_checkpoint(opened: Opened, name: str, note: str, *, move: bool) -> Checkpoint:
    """Commit and label the current state, with a heap image of every vat that can have one."""
    with opened.lock:
        opened.commit(f"before checkpoint {name}")
        before = _stored_pages(opened)
        live = [vat for vat in opened.vats() if vat.state == LIVE]
        count = sum(opened.kernel.snapshot(vat) is not None for vat in live)
        opened.commit(f"checkpoint {name}")
        label = opened.world.label(name, note, move=move)
        pages, size = _stored_pages(opened)
        digest = opened.world.digest()
        return Checkpoint(name, label.seq, label.crank, digest, count, pages - before[0], size - before[1])


def _stored_pages(opened: Opened) -> tuple[int, int]:
    row = opened.world.row("SELECT count(*), coalesce(sum(length(data)), 0) from heap_pages")
    return (int(row[0]), int(row[1])) if row else (0, 0)
