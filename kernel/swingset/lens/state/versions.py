"""Which records of a vat are older than its code, and which of them do not migrate.

All of it is read from the vat's store. The descriptor of a kind says whether there may be older records, so
for most kinds only the descriptor is read; records are counted only where there may be older ones, in one
pass for each kind. The store is untrusted: entries without the expected shape are skipped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.state.records import EVERY, ONE, descriptors, of_vats
from swingset.model.foreign import read_object, shown
from swingset.model.reports import Frame, frames_from_json
from swingset.model.visible import one_line, visible

_VERSION = (
    "CASE WHEN json_valid(vatstore.value)"
    """ THEN coalesce(json_extract(vatstore.value, '$."#version"'), 1) END"""
)
_RECORD = re.compile(r"vom\.(o\+d([0-9]+)/[0-9]+)\Z", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_OF_STORE = ("vatstoreGet", "vatstoreSet")
_MOST_FAILURES = 100


@dataclass(frozen=True)
class Outdated:
    """A kind that may have older records. `walked`: all were visited; `failed`: how many do not migrate."""

    number: int
    kind: str
    version: int
    walked: bool
    failed: int
    after: str
    failures: tuple[Failure, ...]

    @property
    def range(self) -> tuple[str, str]:
        """The range of its records' keys: from the first text on, and before the second."""
        return f"vom.o+d{self.number}/", f"vom.o+d{self.number}0"


@dataclass(frozen=True)
class Stale:
    """How many records of a kind are of an older version than the code, which wants `wanted`."""

    kind: str
    version: int
    wanted: int
    count: int


@dataclass(frozen=True)
class Failure:
    """A record that does not migrate: the vat's error, and the line of vat code."""

    kind: str
    record: str
    version: int
    wanted: int
    words: str
    frame: Frame | None

    def __str__(self) -> str:
        return f"{self.words} ({self.frame})" if self.frame else self.words


@dataclass(frozen=True)
class Moved:
    """How many records of a kind went from one version to another."""

    kind: str
    old: int
    new: int
    count: int


class Versions:
    """The records of one vat, by version."""

    def __init__(self, store: KernelStore, vat: str) -> None:
        self._store = store
        self._vat = vat

    def kinds(self) -> dict[int, dict[str, Any]]:
        """The descriptors of the vat's durable kinds by number, as far as they can be read."""
        return _kinds(descriptors(self._store, ONE, self._vat).get(self._vat, {}))

    def stored(self) -> dict[str, int]:
        """The number of records of each durable kind that has any, by tag."""
        query = (
            "WITH kinds as (SELECT key at, value ->> 0 low, value ->> 1 high from json_each(?))"
            " SELECT at, count(*) from kinds"
            " CROSS JOIN vatstore on vat = ? and vatstore.key >= low and vatstore.key < high group by at"
        )
        kinds = [kind for _, kind in self._described()]
        ranges = json.dumps([kind.range for kind in kinds])
        found: Counter[str] = Counter()
        for at, count in self._store.world.rows(query, (ranges, self._vat)):
            found[kinds[at].kind] += count
        return dict(sorted(found.items()))

    def outdated(self) -> tuple[Outdated, ...]:
        """The kinds that may have older records, in the order in which a migration visits them."""
        return outdated(self._store, ONE, self._vat).get(self._vat, ())

    def stale(self) -> tuple[Stale, ...]:
        """How many records are older than the code; one pass through each kind that may have any."""
        kinds = self.outdated()
        query = (
            "WITH kinds as (SELECT key at, value ->> 0 low, value ->> 1 high from json_each(?))"
            f" SELECT at, {_VERSION} v, count(*) from kinds"
            " CROSS JOIN vatstore on vat = ? and vatstore.key >= low and vatstore.key < high"
            " group by at, v order by at, v"
        )
        found = []
        ranges = json.dumps([kind.range for kind in kinds])
        for at, version, count in self._store.world.rows(query, (ranges, self._vat)) if kinds else ():
            kind = kinds[at]
            if version != kind.version:
                found.append(Stale(kind.kind, _number(version), kind.version, count))
        return tuple(found)

    def next_stale(self) -> str | None:
        """The key of the next record that a migration would visit, or None."""
        query = (
            f"SELECT key from vatstore where vat = ? and key >= ? and key < ? and key > ? and {_VERSION} != ?"
            " order by key limit 1"
        )
        for kind in self.outdated():
            if not kind.walked:
                row = self._store.world.row(query, (self._vat, *kind.range, kind.after, kind.version))
                if row is not None:
                    return one_line(str(row[0]).removeprefix("vom."), 80)
        return None

    def moved_at_start(self) -> tuple[Moved, ...]:
        """Which records of any kind the current incarnation has migrated so far."""
        last = self._store.vats.span(self._vat).hash
        return self.moved_in(self._store.world.transcripts.deliveries(self._vat, last, None), self.tags())

    def tags(self) -> dict[str, str]:
        """The tags of the durable kinds, by the text of their number."""
        return {str(number): kind.kind for number, kind in self._described()}

    def _described(self) -> Iterator[tuple[int, Outdated]]:
        for number, descriptor in self.kinds().items():
            yield number, _outdated(number, descriptor, None)

    def moved(self, since: str | None, kinds: tuple[Outdated, ...]) -> tuple[Moved, ...]:
        """Which records of some kinds went to another version in the deliveries after a transcript's hash.

        Counted from what the vat read and wrote there, not from what it says of it.
        """
        last = self._store.vats.span(self._vat).hash
        tags = {str(kind.number): kind.kind for kind in kinds}
        return self.moved_in(self._store.world.transcripts.deliveries(self._vat, last, since), tags)

    def moved_in(self, entries: Iterable[dict[str, Any]], tags: dict[str, str]) -> tuple[Moved, ...]:
        """Which records of the kinds with these tags some deliveries of a transcript have migrated."""
        counts: Counter[tuple[str, int, int]] = Counter()
        for entry in entries:
            read: dict[str, int] = {}
            for syscall, answer in entry["syscalls"]:
                of_store = syscall[0] in _OF_STORE and len(syscall) > 1
                match = _RECORD.match(str(syscall[1])) if of_store else None
                if match is None or match[2] not in tags:
                    continue
                if syscall[0] == "vatstoreGet":
                    if isinstance(answer[1], str):
                        read.setdefault(match[1], _version(answer[1]))
                elif match[1] in read:
                    old, new = read[match[1]], _version(str(syscall[-1]))
                    if old != new:
                        counts[tags[match[2]], old, new] += 1
                        read[match[1]] = new
        return tuple(Moved(*what, count) for what, count in sorted(counts.items()))


def outdated(store: KernelStore, vats: str = EVERY, *given: str) -> dict[str, tuple[Outdated, ...]]:
    """The kinds that may have older records, by the vat's id, of the vats whose ids a SELECT finds."""
    walks: dict[tuple[str, str], str] = {}
    for vat, key, value in of_vats(store, "vom.sweep.", vats, *given):
        walks[vat, key] = value
    return {
        vat: tuple(
            _outdated(number, descriptor, walks.get((vat, f"vom.sweep.{number}")))
            for number, descriptor in _kinds(texts).items()
            if isinstance(descriptor.get("older"), dict) and descriptor["older"]
        )
        for vat, texts in descriptors(store, vats, *given).items()
    }


def _kinds(texts: dict[str, str]) -> dict[int, dict[str, Any]]:
    return {
        int(number): read_object(texts[number]) or {}
        for number in sorted(filter(_NUMBER.fullmatch, texts), key=int)
    }


def _outdated(number: int, descriptor: dict[str, Any], walked: str | None) -> Outdated:
    tag = one_line(_words(descriptor.get("tag")), 80)
    version = _number(descriptor.get("version", 1))
    walk = read_object(walked) or {}
    if walk.get("to") != version:
        walk = {}
    told = walk.get("failures")
    failures = []
    for vref, said in list(told.items())[:_MOST_FAILURES] if isinstance(told, dict) else ():
        if isinstance(said, list) and len(said) >= 2:
            frames = frames_from_json(said[2:3])
            words = visible(_words(said[1]), 2_000)
            frame = frames[0] if frames else None
            failures.append(Failure(tag, one_line(vref, 80), _number(said[0]), version, words, frame))
    after = walk.get("after")
    return Outdated(
        number,
        tag,
        version,
        walk.get("done") is True,
        _number(walk.get("failed")),
        after if isinstance(after, str) else "",
        tuple(failures),
    )


def _words(value: object) -> str:
    return value if isinstance(value, str) else shown(value)


def _version(text: str) -> int:
    return _number((read_object(text) or {}).get("#version", 1))


def _number(value: object) -> int:
    return value if type(value) is int and 0 <= value < 1 << 62 else 0
