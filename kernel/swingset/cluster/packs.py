"""Brings rows to the processes that lack them: what a cluster has once been given is not given to it again.

Rows travel in *packs*, each a task of Dask whose value is the pack itself. So Dask brings a pack from one
process to the next, and asks here again where it was lost. A process keeps the rows that came (`Remembered`),
so what it has it never says to lack: each row comes to it once, for however many worlds.

A cluster keeps packs as long as its client is open, at most `MOST_GIVEN` bytes of them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swingset.cluster.carrying import Carried, unpacked
from swingset.cluster.parcels import Rows

if TYPE_CHECKING:
    from distributed import Client

MOST_GIVEN = 512 << 20
"""How many bytes of packs a cluster has at most."""

_PACK = 8 << 20
LOST = ("cancelled", "error", "lost")
"""The states of a task of Dask whose value does not come any more."""

_FIRST = 10  # before the tasks that wait for it

_given: list[tuple[Any, Packs]] = []


@dataclass(frozen=True)
class Lacking:
    """What a task returns if its process lacks rows: the process, the id of the world, and their names."""

    process: str
    world: str
    names: tuple[bytes, ...]


class Packs:
    """The packs that one cluster has, and which row is in which."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._futures: OrderedDict[str, Any] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._pack_of: dict[bytes, str] = {}

    def with_rows(self, names: tuple[bytes, ...], rows: Rows) -> list[Any]:
        """The packs that have these rows; those that are in none are put into new ones."""
        self._forget_lost()
        missing = [name for name in names if name not in self._pack_of]
        while missing:
            size, count = 0, 0
            while count < len(missing) and size < _PACK:
                size += len(rows[missing[count]])
                count += 1
            self._give({name: rows[name] for name in missing[:count]}, size)
            missing = missing[count:]
        wanted = list(dict.fromkeys(self._pack_of[name] for name in names))
        for pack in wanted:
            self._futures.move_to_end(pack)
        futures = [self._futures[pack] for pack in wanted]
        while sum(self._sizes.values()) > MOST_GIVEN and len(self._futures) > len(wanted):
            self._forget(next(iter(self._futures)))
        return futures

    def _give(self, rows: dict[bytes, bytes], size: int) -> None:
        pack = hashlib.sha256(b"".join(rows)).hexdigest()
        key = f"swingset-pack-{pack}-{secrets.token_hex(8)}"  # the scheduler remembers one that has failed
        self._futures[pack] = self._client.submit(itself, rows, key=key)
        self._sizes[pack] = size
        self._pack_of.update(dict.fromkeys(rows, pack))

    def _forget_lost(self) -> None:
        for pack in [pack for pack, future in self._futures.items() if future.status in LOST]:
            self._forget(pack)

    def _forget(self, pack: str) -> None:
        del self._futures[pack], self._sizes[pack]
        self._pack_of = {name: where for name, where in self._pack_of.items() if where != pack}


def packs_of(client: Client) -> Packs:
    """The packs of a cluster. Those of clients that are closed are forgotten."""
    _given[:] = [(other, packs) for other, packs in _given if other.status != "closed"]
    found = next((packs for other, packs in _given if other is client), None)
    if found is None:
        found = Packs(client)
        _given.append((client, found))
    return found


class Bringer:
    """Brings worlds to the processes of a cluster that lack something of them."""

    def __init__(self, client: Client, worlds: Iterable[Carried], rows: Rows) -> None:
        self._client = client
        self._worlds = {carried.id: carried for carried in worlds}
        self._rows = rows
        self._under_way: dict[tuple[str, str], Any] = {}

    def give_anew(self) -> None:
        """Forget what was given, because the scheduler has lost some of it."""
        self._under_way.clear()
        _given[:] = [(other, packs) for other, packs in _given if other is not self._client]

    def bring(self, lacking: Lacking) -> Any:
        """A task after which the process has the rows."""
        place = lacking.process, lacking.world
        known = self._under_way.get(place)
        if known is None or known.status != "pending":
            packs = packs_of(self._client).with_rows(lacking.names, self._rows)
            known = self._client.submit(
                take,
                self._worlds[lacking.world],
                packs,
                key=f"swingset-bring-{lacking.world}-{secrets.token_hex(8)}",
                workers=[lacking.process],
                allow_other_workers=True,
                priority=_FIRST,
                pure=False,
            )
            self._under_way[place] = known
        return known


def take(carried: Carried, packs: list[Rows]) -> None:
    """Take rows of a world that were brought to this process.

    Args:
        carried: the world. If it is to be opened here, it is: its rows may be forgotten later.
        packs: the rows.
    """
    with unpacked.lock:
        for rows in packs:
            unpacked.rows.take(rows)
        if carried.opens:
            unpacked.get(carried)


def itself(value: Any) -> Any:
    """A task whose result is what it was given, so that Dask brings that from process to process."""
    return value
