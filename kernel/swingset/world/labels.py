"""Labels: names for commits. A commit with a label is never pruned.

A label has a seal that covers its text and its commit, and there is a seal of all names together, so a
missing, additional or altered label is detected. A labelled commit has the digest of its state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from swingset.model.wording import named

from .edge import at_the_edge
from .errors import LabelExists, UnknownLabel, WorldError
from .history import History, Label
from .seals import label_seal

if TYPE_CHECKING:
    from .file import WorldFile

_LONGEST = 200


class Labels:
    """The table `labels` of one world. Callers must not call it during a run, and must commit."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def named(self, name: str) -> Label:
        """The label of this name. Raises `UnknownLabel`."""
        labels = self._world.labels()
        for label in labels:
            if label.name == name:
                return label
        known = named(repr(label.name) for label in labels)
        raise UnknownLabel(f"{self._world.name} has no label {name!r}; it has {known}")

    def put(self, name: str, note: str, *, move: bool) -> Label:
        """Label the head commit; raises `LabelExists` if another commit has the label, without `move`."""
        world = self._world
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
            raise WorldError(f"{name!r} is no label: give it 1 to {_LONGEST} printable characters")
        for known in self._world.labels():
            if known.name == name and known.seq != world.head and not move:
                raise LabelExists(
                    f"{name!r} already names commit {known.seq} (crank {known.crank}): choose another name"
                )
        seal = label_seal(world.history.seal(world.head), name, world.head, note)
        world.execute("INSERT OR REPLACE INTO labels VALUES(?, ?, ?, ?)", (name, world.head, note, seal))
        world.execute("UPDATE commits SET digest = ? WHERE seq = ?", (world.digest(), world.head))
        self._world.history.seal_names()
        return Label(name, world.head, world.history.crank(), note)

    def replace(self, labels: Iterable[tuple[Any, ...]]) -> None:
        """Have these labels instead: rows of the table, each followed by the digest of its commit."""
        self._world.execute("DELETE FROM labels")
        for *row, digest in labels:
            self._world.execute("INSERT INTO labels VALUES(?, ?, ?, ?)", tuple(row))
            self._world.execute("UPDATE commits SET digest = ? WHERE seq = ?", (digest, row[1]))
        self._world.history.seal_names()

    def delete(self, name: str) -> None:
        """Delete a label. Raises `UnknownLabel`."""
        self.named(name)
        self._world.execute("DELETE FROM labels WHERE name = ?", (name,))
        self._world.history.seal_names()


class Named:
    """The part of a `WorldFile` that has labels."""

    history: History
    _labels: Labels

    def commit(self, note: str = "", *, digest: bool = False) -> int | None:
        """Make all changes durable."""
        raise NotImplementedError

    def _settle(self, what: str) -> None:
        raise NotImplementedError

    @at_the_edge
    def label(self, name: str, note: str = "", *, move: bool = False) -> Label:
        """Label the current commit. A label of another commit stays there unless `move` is true."""
        self._settle("label the head")
        label = self._labels.put(name, note, move=move)
        self.commit()
        return label

    @at_the_edge
    def unlabel(self, name: str) -> None:
        """Delete a label; its commit stays until it is pruned."""
        self._settle("remove a label")
        self._labels.delete(name)
        self.commit()

    @at_the_edge
    def labels(self) -> list[Label]:
        """All labels, those of the oldest commits first."""
        return self.history.labels()

    def labelled(self, name: str) -> Label:
        """The label of this name."""
        return self._labels.named(name)
