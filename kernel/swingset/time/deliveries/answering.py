"""Answers the syscalls of a repeated delivery from its record, and compares the two.

A tracer makes no syscalls, so the comparison is exact. Somebody at a debugger may look at stored values that
the delivery did not read, and the vat then has them in memory; so with `store`, reads may be more or fewer
than recorded, and those that are new are answered from the store as it was. Everything else has to be as it
was recorded. After the first difference no answer would be true, and the delivery ends.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from swingset.model.sourced import Fetch, with_source
from swingset.model.syscalls import Syscall
from swingset.model.visible import one_line
from swingset.workers.replaying import short

_READS = ("vatstoreGet", "vatstoreGetNextKey")


class Answers:
    """The recorded syscalls of one delivery. `difference` names the first that was not repeated."""

    def __init__(
        self, recorded: list[list[Any]], fetch: Fetch, store: Callable[[], dict[str, str]] | None = None
    ) -> None:
        self._recorded = recorded
        self._fetch = fetch
        self._position = 0
        self._find_store = store
        self._store: dict[str, str] | None = None
        self._written: dict[str, str | None] = {}
        self.difference: str | None = None

    def __call__(self, syscall: Syscall) -> list[Any]:
        """The answer to one syscall."""
        said = syscall.raw
        at = self._position
        if self._find_store is not None:
            if said[0] in _READS:
                return self._read(said)
            while at < len(self._recorded) and self._recorded[at][0][0] in _READS:
                at += 1
        expected = self._recorded[at] if at < len(self._recorded) else None
        if expected is None or expected[0] != said:
            wanted = "nothing more" if expected is None else short(expected[0])
            self.difference = self.difference or one_line(
                f"syscall {at + 1}: recorded {wanted}, repeated {short(said)}"
            )
            return ["error", "the repetition differs from the record"]
        self._position = at + 1
        match said:
            case ["vatstoreSet", str(key), str(value)]:
                self._written[key] = value
            case ["vatstoreDelete", str(key)]:
                self._written[key] = None
        return with_source(expected[1], self._fetch)

    def rest(self) -> list[list[Any]]:
        """The recorded syscalls that were not repeated."""
        left = [said for said, _answer in self._recorded[self._position :]]
        return left if self._find_store is None else [said for said in left if said[0] not in _READS]

    def _read(self, said: list[Any]) -> list[Any]:
        assert self._find_store is not None
        if self._store is None:
            self._store = self._find_store()
            for call, answer in self._recorded:
                if call[0] == "vatstoreGet" and answer[0] == "ok" and isinstance(answer[1], str):
                    self._store.setdefault(call[1], answer[1])
        now = self._store | self._written
        if said[0] == "vatstoreGet":
            return ["ok", now.get(said[1])]
        keys = sorted(key for key, value in now.items() if value is not None)
        after = bisect_right(keys, said[1])
        return ["ok", keys[after] if after < len(keys) else None]
