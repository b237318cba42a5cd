"""The kinds of worker, each of which is prepared when a vat first needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, get_args

from swingset.workers.base import Progress, WorkerFactory
from swingset.workers.local import LocalWorkerFactory

WorkerKind = Literal["wasm", "wasm-numpy", "wasm-pandas", "wasm-full", "local"]
KINDS: tuple[str, ...] = get_args(WorkerKind)
"""The lean engine (the default), engines with more and more packages, and the host's interpreter."""

FLAVOURS = {"wasm": "lean", "wasm-numpy": "numpy", "wasm-pandas": "pandas", "wasm-full": "full"}
"""The flavours of the confined engine, by the kinds of worker that run in them."""

CONFINING = tuple(FLAVOURS)
"""The kinds whose vats can reach only their world."""


class Engines(Mapping[str, WorkerFactory]):
    """Worker factories by kind. Getting one for an engine that was never compiled here takes a while."""

    def __init__(self, progress: Progress | None = None, kinds: tuple[str, ...] = KINDS) -> None:
        self.progress = progress
        self._kinds = kinds
        self._made: dict[str, WorkerFactory] = {}

    def __getitem__(self, kind: str) -> WorkerFactory:
        if kind not in self._kinds:
            raise KeyError(kind)
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return self._made[kind]

    def __contains__(self, kind: object) -> bool:
        return kind in self._kinds  # without preparing an engine

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def _make(self, kind: str) -> WorkerFactory:
        if kind == "local":
            return LocalWorkerFactory()
        # Imported late, because a host with only local vats may run on a machine without an engine.
        from swingset.workers.wasm import prepare_engine

        return prepare_engine(FLAVOURS[kind], self.progress)
