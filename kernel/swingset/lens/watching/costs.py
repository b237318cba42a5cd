"""What a world takes in its file: the present, the past, and what a message adds to it.

The figures are of whole pages, as SQLite counts them for each table, so they add up to the file. The page of
a table that is nearly empty counts too.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.model.counting import plural
from swingset.world.file import WorldFile
from swingset.world.schema import STATE_NAMES

_PARTS = {
    "commits": "history",
    "transcript": "transcripts",
    "heap_pages": "images",
    "snapshots": "images",
    "bundles": "code",
    "libraries": "code",
}


@dataclass(frozen=True)
class Costs:
    """How many bytes of a file each part of a world takes.

    `state` is the present. `changes` and `records` are what commits hold, compressed; the rest of `history`
    is overhead. `transcripts` are the deliveries, `images` the heap images, `code` bundles and guest
    libraries, and `rest` what SQLite needs. `messages` counts the deliveries of messages in the transcripts
    that are kept, `cranks` the cranks whose records are.

    Source:
        Ours.
    """

    file: int
    state: int
    history: int
    changes: int
    records: int
    transcripts: int
    images: int
    code: int
    rest: int
    commits: int
    cranks: int
    messages: int

    @property
    def past(self) -> int:
        """What the past takes, which pruning can make less: history, transcripts and heap images."""
        return self.history + self.transcripts + self.images

    @property
    def each_message(self) -> int:
        """How many bytes of past there are for each message."""
        return self.past // self.messages if self.messages else 0

    def lines(self) -> list[str]:
        """The figures in words, one part a line.

        Example:
            >>> world.history.costs().lines()[0].startswith("the file: ")
            True
        """
        found = [
            f"the file: {self.file:,} bytes, for {plural(self.commits, 'commit')}"
            f" and {plural(self.cranks, 'crank')}",
            f"  the present: {self.state:,} of state, {self.code:,} of code",
            f"  history: {self.history:,} (changes {self.changes:,}, records {self.records:,})",
            f"  transcripts: {self.transcripts:,}",
            f"  heap images: {self.images:,}",
            f"  the rest: {self.rest:,}",
        ]
        if self.messages:
            each = f"{self.each_message:,} bytes of past"
            found.append(f"a message costs {each}, over {self.messages:,} of them")
        return found


def costs(world: WorldFile) -> Costs:
    """Count the bytes of each part of a world's file, with what waits in memory left out."""
    world.make_whole()
    sizes = dict.fromkeys(("state", "history", "transcripts", "images", "code", "rest"), 0)
    tables = dict(world.rows("SELECT name, tbl_name FROM sqlite_schema"))
    for name, size in world.rows("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
        table = str(tables.get(name, name))
        sizes["state" if table in STATE_NAMES else _PARTS.get(table, "rest")] += size
    ((changes, records, commits),) = world.rows(
        "SELECT sum(length(changeset)), sum(length(records)), count(*) FROM commits"
    )
    ((messages,),) = world.rows(
        'SELECT count(*) FROM transcript WHERE instr(entry, \'"delivery":["message"\') > 0'
    )
    cut = world.history.cut
    cranks = world.history.crank() - (cut.crank if cut is not None else 0)
    whole = world.size
    sizes["rest"] += whole - sum(sizes.values())  # pages that are free
    return Costs(
        file=whole,
        changes=changes,
        records=records,
        commits=commits,
        cranks=cranks,
        messages=messages,
        **sizes,
    )
