"""Prepares the vat engine while the user reads, and has the cells that need it wait for it.

The first use on a machine compiles the engine, which takes from ten seconds to some minutes. So it begins as
soon as the extension is loaded, in a thread; its progress is shown below that cell and removed at the end.
The engine of a world that is opened with another kind of worker begins with `open`.
Cells that need no vat run meanwhile. One that needs the engine shows the progress too, and an interrupt ends
its wait and not the work. On a machine that has the engine nothing is begun and nothing is shown.
"""

from __future__ import annotations

import contextvars
import html
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from swingset.host.base.engines import CONFINING, FLAVOURS
from swingset.workers.base import WorkerError
from swingset_nb.errors import Interrupted
from swingset_nb.interrupts import interruptible

if TYPE_CHECKING:
    from swingset_nb.open_world import OpenWorld

_LOOK = 0.5  # seconds between two looks at the progress


class EngineAhead:
    """Prepares engines behind the cells of one shell. `after` is how many seconds are silent."""

    def __init__(self, shell: Any, after: Callable[[], float]) -> None:
        self._shell = shell
        self._after = after

    def begin(self, kind: str = "wasm") -> None:
        """Begin with the engine of a kind of worker, if it was never compiled on this machine.

        A machine without the engine is told later.
        """
        # Imported late, because a notebook with only local vats may run where there is no engine.
        try:
            from swingset.workers.wasm import begin_preparing, is_compiled

            if kind not in FLAVOURS or is_compiled(FLAVOURS[kind]):
                return
            job = begin_preparing(FLAVOURS[kind])
        except (ImportError, OSError, WorkerError):
            return  # the first vat says it, where it can be mended
        if getattr(self._shell, "kernel", None) is not None:
            here = contextvars.copy_context()  # what is displayed belongs to the cell that runs now
            threading.Thread(
                target=here.run, args=(self._follow, job, kind), name="swingset-progress", daemon=True
            ).start()

    def _follow(self, job: Any, kind: str) -> None:
        began, shown = time.monotonic(), False
        while not job.ended:
            time.sleep(_LOOK)
            if job.said and time.monotonic() - began >= self._after():
                self._show(kind, *job.said[-1], again=shown)
                shown = True
        if shown:
            self._publish(kind, {}, update=True)

    def _show(self, kind: str, stage: str, fraction: float | None, *, again: bool) -> None:
        share = "" if fraction is None else f": {round(100 * fraction)} %"
        text = f"{stage}{share}; only cells with vats wait for it"
        bar = "" if fraction is None else f'<progress max="100" value="{round(100 * fraction)}"></progress> '
        self._publish(kind, {"text/plain": f"… {text}", "text/html": bar + html.escape(text)}, update=again)

    def _publish(self, kind: str, data: dict[str, str], *, update: bool) -> None:
        transient = {"display_id": f"swingset-engine-{kind}"}
        self._shell.display_pub.publish(data, {}, transient=transient, update=update)


def await_engines(world: OpenWorld, kinds: Iterable[str]) -> None:
    """Wait for the engines of some kinds of worker; raises `Interrupted` with what an interrupt leaves."""
    for kind in sorted({*kinds} & {*CONFINING} - world.prepared):
        try:
            with interruptible():
                world.controller.engines[kind]
        except KeyboardInterrupt:
            raise Interrupted(
                "stopped waiting for the vat engine, which is prepared further; nothing has changed",
                "run the cell again: it waits for the rest",
            ) from None
        world.prepared.add(kind)
