"""Keeps the workers of live vats, and restores them.

A worker is a cache. The state of a vat is in the world file: its last heap image and the transcript since. So
a worker may be discarded at any moment between cranks, and must be discarded if a crank was rolled back after
the vat had run in it. Restoring a vat replays its transcript and compares every syscall and every count of
computrons. The first difference is an error that names the delivery and the syscall, so a vat never silently
becomes another.

All workers are made here, for the queue, an upgrade, a replay or a fork. So this module checks whether the
world may have a worker that does not confine its code.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

from swingset.core.errors import DeliveryStopped, KernelError, WorkerRefused
from swingset.core.store import KernelStore
from swingset.model import reasons
from swingset.model.limits import DEFAULT_LIMITS, WASM_PAGE, Limits
from swingset.model.states import Reason
from swingset.workers.base import (
    CopyableWorker,
    HeapImage,
    ImageMismatch,
    LibraryUnusable,
    VatSpec,
    Worker,
    WorkerFactory,
)
from swingset.workers.replaying import ReplayDiverged, ReplayStopped, replay
from swingset.world.errors import DamagedWorld
from swingset.world.vats import Span, VatRecord


def limits_of(vat: VatRecord) -> Limits:
    """The limits of one delivery to a vat, from its options and the defaults.

    For an attached vat computrons, memory and time are unlimited, because its code is the embedder's own.
    """
    chosen = {name: vat.options[name] for name in _LIMIT_OPTIONS if name in vat.options}
    for name in _NEVER_WITHOUT:
        if chosen.get(name, 0) is None:
            del chosen[name]
    if vat.attached:
        chosen |= {"computrons": None, "memory_pages": None, "seconds": None}
    return replace(DEFAULT_LIMITS, **chosen) if chosen else DEFAULT_LIMITS


def _most_memory(vat: VatRecord) -> int | None:
    """The most bytes that a vat's memory may have, from its options."""
    pages = limits_of(vat).memory_pages
    return None if pages is None else pages * WASM_PAGE


_NEVER_WITHOUT = ("write_bytes", "memory_pages")
"""Limits that None resets to their default, because a host must know how much it may have to hold."""

_LIMIT_OPTIONS = (
    "computrons",
    "memory_pages",
    "seconds",
    "console_bytes",
    "write_bytes",
    "stored_bytes",
    "total_bytes",
)


UNTRUSTED = (
    "its code would run in your own process, unconfined, and the world is from a file that was not opened as"
    " one you trust: if you do, open it with the worker local, in a terminal with --trust-local"
)
"""Why a world may not have a worker that does not confine its code."""


CAPACITY = 50
"""How many vats have a worker at once by default."""


def checked_capacity(capacity: int | None) -> int:
    """Check how many vats may have a worker at once; None is the default. Raises `KernelError`."""
    if capacity is not None and (type(capacity) is not int or capacity < 1):
        raise KernelError(f"online wants how many vats, an int from 1, got {capacity!r}")
    return CAPACITY if capacity is None else capacity


class VatDiverged(KernelError):
    """A vat cannot be restored. `vat` is its id, and `code` says why.

    Its transcript is damaged, or a replay differs from it, or its guest library cannot be run here.
    """

    def __init__(self, vat: str, message: str, code: Reason = reasons.REPLAY_DIVERGED) -> None:
        super().__init__(message)
        self.vat = vat
        self.code = code


class HeapLost(KernelError):
    """The worker of a vat is gone, with its memory, and no transcript makes it anew. `vat` is its id.

    Either the vat has no transcript, or it has come from another world and has not started here.
    """

    def __init__(self, vat: VatRecord) -> None:
        super().__init__(f"the memory of vat {vat.name} is gone with its worker, and no transcript is here")
        self.vat = vat.id


class MemoryNotCopied(KernelError):
    """The memory of a vat cannot be had a second time."""


class Warehouse:
    """Workers by vat id, at most `capacity` online; the least recently used goes first.

    Attached vats, whose worker is in the embedder's own interpreter, are added by `attach` and never evicted,
    because they cannot be restored. Nor can vats without a transcript, which are not counted. `ran` has the
    vats to which the current crank has delivered, `out` those whose worker runs ahead of its turn, and `due`
    those that must not run ahead, because a heap image of them is wanted.
    """

    def __init__(
        self,
        store: KernelStore,
        factories: Mapping[str, WorkerFactory],
        *,
        capacity: int = CAPACITY,
        confined_only: bool = False,
    ) -> None:
        self._store = store
        self._factories = factories
        self._online: OrderedDict[str, Worker] = OrderedDict()
        self._attached: dict[str, Worker] = {}
        self.capacity = capacity
        self._confined_only = confined_only
        self._lasting: set[str] = set()  # vats without a transcript that are online
        self.ran: set[str] = set()
        self.out: set[str] = set()
        self.due: set[str] = set()
        self.leaves: Callable[[str], None] = lambda _vat: None
        """Told of each vat whose worker is about to be thrown away."""

    def limit(self, capacity: int | None) -> None:
        """Set how many vats may be online at most. Raises `KernelError`."""
        self.capacity = checked_capacity(capacity)
        self._evict()

    def factory(self, kind: str, vat: str | None = None) -> WorkerFactory:
        """The maker of workers of that kind, for a vat by id, if there is one.

        Raises `WorkerRefused` for a kind that this host does not have, or that this world may not have, and
        `KernelError` where it has none.
        """
        try:
            found = self._factories[kind]
        except KeyError:
            known = ", ".join(sorted(self._factories))
            words = f"no worker of kind {kind!r} here; there are: {known or 'none'}"
            # Where there is none at all, a world is looked at: nothing about it may change.
            raise WorkerRefused(words, vat) if known else KernelError(words) from None
        if self._confined_only and not found.confines:
            raise WorkerRefused(UNTRUSTED, vat)
        return found

    def kinds(self) -> tuple[str, ...]:
        """The kinds of worker of this host."""
        return tuple(self._factories)

    def attach(self, vat: str, worker: Worker) -> None:
        """Use `worker`, which the embedder owns, for an attached vat."""
        self.detach(vat)
        self._attached[vat] = worker

    def detach(self, vat: str) -> None:
        """Remove an attached vat's worker, which ends; until another is attached, the vat does not run."""
        worker = self._attached.pop(vat, None)
        if worker is not None:
            worker.close()

    def is_online(self, vat: str) -> bool:
        """Whether the vat has a worker."""
        return vat in self._attached or vat in self._online

    def has_lost(self, vat: VatRecord) -> bool:
        """Whether a vat's memory is gone, and nothing here makes it again."""
        comes = vat.incarnation < vat.options.get("arrived_as", 0)
        return not self.is_online(vat.id) and not vat.attached and (comes or not vat.recorded)

    def has_at_rest(self, vat: str) -> bool:
        """Whether a worker is at hand that does nothing, may be thrown away, and of which no image is due."""
        return vat in self._online and vat not in self._lasting | self.out | self.due

    def newest_library(self, kind: str, vat: str) -> str | None:
        """Store the newest guest library in the world, for a vat's next incarnation; returns its id.

        It returns None for a vat that runs in the host, where only the host's own library may run.
        """
        content = self.factory(kind, vat).library
        return None if content is None else self._store.world.libraries.put(content)

    def is_newest(self, vat: VatRecord) -> bool:
        """Whether the vat runs on the library that a new incarnation of it would run on."""
        content = self.factory(vat.worker, vat.id).library
        return vat.library == (None if content is None else self._store.world.libraries.id_of(content))

    def start(self, vat: VatRecord) -> Worker:
        """Make a worker for a vat's new incarnation, which has not had `startVat` yet."""
        worker = self.factory(vat.worker, vat.id).start(self._spec(vat))
        self.discard(vat.id)
        self._keep(vat, worker)
        return worker

    def online(self, vat: VatRecord) -> Worker | None:
        """The vat's worker, brought back from the world file if need be; None if it is not attached.

        Raises `VatDiverged`, `HeapLost`, `WorkerRefused` where this host makes no worker for it, and
        `DeliveryStopped` where the host ended the replay.
        """
        if vat.attached:
            return self._attached.get(vat.id)
        worker = self._online.get(vat.id)
        if worker is None:
            if self.has_lost(vat):
                self.factory(vat.worker, vat.id)
                raise HeapLost(vat)
            worker = self._bring_back(vat, self._store.vats.span(vat.id))
            self._keep(vat, worker)
        self._online.move_to_end(vat.id)
        return worker

    def clone(self, vat: VatRecord, clone: VatRecord) -> Worker:
        """A worker with the memory of a vat for its clone, whose span is still that of the vat.

        The heap image of now is saved for both. A vat in this process has none, so its transcript is repeated
        in a second worker. Raises `MemoryNotCopied` if it does not repeat, and what `online` raises.
        """
        self._recall(vat)
        worker = self.online(vat)
        snapshot = None if worker is None else self._image_of_now(vat, worker)
        if worker is None or snapshot is None:
            made = self._made_anew(vat)
        else:
            heaps, spec, span = self._store.world.heaps, self._spec(clone), self._store.vats.span(vat.id)
            self._store.vats.save_span(span._replace(vat=clone.id, snapshot=heaps.copy(snapshot, clone.id)))
            if isinstance(worker, CopyableWorker):
                made = worker.copy(spec)
            else:
                made = self.factory(clone.worker, clone.id).restore(spec, heaps.load(snapshot, vat=vat.id))
        self._keep(clone, made)
        return made

    def _image_of_now(self, vat: VatRecord, worker: Worker) -> str | None:
        """The heap image of a vat as it is now, which is saved if it is not there; None without memory."""
        span, heaps = self._store.vats.span(vat.id), self._store.world.heaps
        if span.snapshot is not None and span.start == span.position and heaps.has(span.snapshot):
            return span.snapshot
        image = worker.snapshot()
        return None if image is None else self._save(vat, image)

    def _save(self, vat: VatRecord, image: HeapImage) -> str:
        """Save a heap image of a vat as of now; restoring the vat then begins with it."""
        span, snapshot = self._store.vats.span(vat.id), self._store.world.heaps.save(vat.id, image)
        self.due.discard(vat.id)
        self._store.vats.save_span(
            span._replace(start=span.position, start_hash=span.hash, snapshot=snapshot)
        )
        return snapshot

    def _made_anew(self, vat: VatRecord) -> Worker:
        try:
            return self._bring_back(vat, self._store.vats.span(vat.id))
        except VatDiverged as difference:
            raise MemoryNotCopied(
                f"vat {vat.name} runs in the host's process, so its memory is made anew from its transcript,"
                f" which does not repeat: {difference}"
            ) from difference

    def discard(self, vat: str) -> None:
        """Stop the vat's worker; the next delivery restores the vat from the world file.

        An attached vat is not restored: its embedder begins a new incarnation.
        """
        self.leaves(vat)
        worker = self._online.pop(vat, None)
        self._lasting.discard(vat)
        if worker is not None:
            worker.close()
        self.detach(vat)

    def discard_all(self) -> None:
        """Stop every worker except the attached ones."""
        for vat in list(self._online):
            self.discard(vat)

    def discard_ran(self) -> None:
        """Stop every worker to which the current crank has delivered, because the crank was rolled back."""
        for vat in self.ran:
            self.discard(vat)
        self.ran.clear()

    def close(self) -> None:
        """Stop all workers, also the attached ones."""
        self.discard_all()
        for vat in list(self._attached):
            self.detach(vat)

    def snapshot(self, vat: VatRecord) -> str | None:
        """Save a vat's heap image; restoring the vat then needs no earlier transcript.

        Returns the snapshot's id, or None if the worker has no heap image, nothing has happened since the
        last one, or the vat cannot be brought back or the host ended that: its next delivery will say so.
        """
        span = self._store.vats.span(vat.id)
        if vat.attached or span.position == span.start:
            return None
        self._recall(vat)
        self.due.discard(vat.id)
        try:
            worker = self.online(vat)
        except (VatDiverged, WorkerRefused, DeliveryStopped):
            return None
        image = worker.snapshot() if worker else None
        if image is None:
            return None
        return self._save(vat, image)

    def heap_digest(self, vat: VatRecord) -> str | None:
        """SHA-256 of the vat's whole memory, in hex; None if the worker has no memory to show."""
        self._recall(vat)
        try:
            worker = self.online(vat)
        except HeapLost:
            return None
        return worker.heap_digest() if worker else None

    def _recall(self, vat: VatRecord) -> None:
        """Have a vat whose worker has run ahead brought back as the world file has it."""
        if vat.id in self.out:
            self.discard(vat.id)

    def _keep(self, vat: VatRecord, worker: Worker) -> None:
        self._online[vat.id] = worker
        if not vat.recorded:
            self._lasting.add(vat.id)
        self._evict()

    def _evict(self) -> None:
        evictable = [vat for vat in self._online if vat not in self._lasting]
        for vat in evictable[: max(len(evictable) - self.capacity, 0)]:
            self.discard(vat)

    def _spec(self, vat: VatRecord, *, as_started: bool = False) -> VatSpec:
        """What an engine needs to know of a vat.

        In the memory of a clone is code that was started under the name of another vat; with `as_started`, it
        begins as that vat, and the delivery that made it a clone comes later.
        """
        parts = self._store.world.bundles.get(vat.bundle) if vat.bundle else ()
        code = tuple((name, source) for name, source in parts)
        origin = self._store.vats.origin(vat)
        vat_id = origin.id if as_started else vat.id
        return VatSpec(vat_id, origin.name, vat.incarnation, code, self._library(vat))

    def _library(self, vat: VatRecord) -> bytes | None:
        """The guest library of a confined vat; None for a vat that runs on the host's own."""
        if vat.library is None or self.factory(vat.worker, vat.id).library is None:
            return None
        try:
            return self._store.world.libraries.get(vat.library)
        except DamagedWorld as problem:
            raise LibraryUnusable(f"vat {vat.name}, incarnation {vat.incarnation}: {problem}") from problem

    def _bring_back(self, vat: VatRecord, span: Span) -> Worker:
        factory = self.factory(vat.worker, vat.id)
        try:
            return self._brought_back(vat, factory, span)
        except ReplayDiverged as difference:
            raise VatDiverged(vat.id, str(difference)) from difference
        except ReplayStopped as stopped:
            raise DeliveryStopped(vat.id, stopped.fault) from stopped
        except LibraryUnusable as problem:
            raise VatDiverged(vat.id, str(problem), reasons.LIBRARY_UNUSABLE) from problem
        except DamagedWorld as damage:
            raise VatDiverged(vat.id, str(damage), reasons.FILE_DAMAGED) from damage

    def _brought_back(self, vat: VatRecord, factory: WorkerFactory, span: Span) -> Worker:
        spec = self._spec(vat)
        worker, since = None, span.incarnation_hash
        if span.snapshot is not None:
            try:
                heap = self._store.world.heaps.load(span.snapshot, vat=vat.id, most=_most_memory(vat))
                worker = factory.restore(spec, heap)
                since = span.start_hash
            except ImageMismatch:
                # Another engine made the image. The transcript of the whole incarnation still stands.
                worker = None
        if worker is None:
            worker = factory.start(self._spec(vat, as_started=True))
        try:
            self._repeat(worker, vat, since, span.hash)
        except BaseException:
            worker.close()
            raise
        return worker

    def verify(self, vat: VatRecord) -> tuple[int, str | None]:
        """Repeat the whole incarnation in a fresh worker beside the live one, and compare every step.

        Returns how many deliveries were repeated and the heap digest they led to. Raises
        `ReplayDiverged` at the first difference, `LibraryUnusable` and `WorkerRefused`.
        """
        worker = self.factory(vat.worker, vat.id).start(self._spec(vat, as_started=True))
        try:
            span = self._store.vats.span(vat.id)
            count = self._repeat(worker, vat, span.incarnation_hash, span.hash)
            return count, worker.heap_digest()
        finally:
            worker.close()

    def brought_to(self, vat: VatRecord, span: Span) -> Worker:
        """A worker of its own of an incarnation as it was where `span` ends, beside the live one.

        `vat` and `span` are the vat's rows as they were then. The caller closes the worker. Raises what
        `online` raises.
        """
        return self._bring_back(vat, self._with_image(vat, span))

    def _with_image(self, vat: VatRecord, span: Span) -> Span:
        """The span, without its image if that is gone: the transcript of the incarnation may be there."""
        if span.snapshot is not None:
            try:
                self._store.world.heaps.load(span.snapshot, vat=vat.id, most=_most_memory(vat))
            except DamagedWorld:
                return span._replace(snapshot=None)
        return span

    def _repeat(self, worker: Worker, vat: VatRecord, since: str | None, last: str | None) -> int:
        # The transcript holds only deliveries that kept their limits, which may be others by now: each gets
        # the computrons that it took and some (`replay`). Memory is limited, for a vat can see a refused
        # allocation and carry on.
        limits = replace(limits_of(vat), computrons=None, seconds=None, console_bytes=0)
        entries = self._store.world.transcripts.deliveries(vat.id, last, since)
        for entry in entries:
            replay(worker, vat.name, entry, limits, self._store.world.bundles.get)
        return len(entries)
