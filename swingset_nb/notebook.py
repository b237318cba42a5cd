"""The notebook's side of a world: what is open, where its outputs go, which names it gave.

One object per IPython shell, which magics, hooks and panels share. It holds at most one open world.
Everything that runs the world goes through `settle` and `flush`, so that limits, progress and panels are
the same wherever the push came from.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, Protocol

from swingset.core.errors import KernelError
from swingset.guest.promises import Promise
from swingset.guest.remotables import Presence, interface_of
from swingset.host.controller import Controller
from swingset.host.policies import cranks
from swingset.host.reports import RunReport
from swingset.host.session import Session, StillPending
from swingset.lens.tables import Lens
from swingset_nb.binding import Binding
from swingset_nb.console import Console
from swingset_nb.errors import NoWorldOpen, SwingSetError
from swingset_nb.interrupts import NotebookSession
from swingset_nb.places import Cells
from swingset_nb.progress import Progress

MOST_IN_CONTAINER = 1_000
"""Longer lists and dicts are not searched for references after every cell."""


class Settings(Protocol):
    """What `%config SwingSet` sets."""

    autorun: bool
    progress_after: float
    run_limit: int


class Panel(Protocol):
    """A live view of the world."""

    def refresh(self) -> None:
        """Show the world as it is now."""

    def sleep(self, why: str) -> None:
        """Show nothing but the reason."""


@dataclass
class OpenWorld:
    """A world that is open, and the changed cells that were shown but not applied, by vat and part."""

    path: str
    controller: Controller
    session: Session
    found: bool
    pending: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def lens(self) -> Lens:
        """Views of the world as it is now."""
        return Lens(self.controller.kernel.store)

    def has_vat(self, name: str) -> bool:
        """Whether a vat of the name runs."""
        return any(vat.name == name for vat in self.controller.vats())

    def vat_names(self) -> list[str]:
        """The vats other than the notebook's own."""
        return [vat.name for vat in self.controller.vats() if vat.name != self.session.name]

    def waiting(self) -> int:
        """How many events are in the run-queue."""
        return self.controller.kernel.store.queues.length()


class Notebook:
    """The state of the extension in one IPython shell."""

    def __init__(self, shell: Any, settings: Settings) -> None:
        self.shell = shell
        self.settings = settings
        self.console = Console()
        self.cells = Cells(shell)
        self.progress = Progress(shell, lambda: settings.progress_after)
        self.panels: list[Panel] = []
        self.binding = Binding(shell)
        self.fleeting: list[str] = []
        self._world: OpenWorld | None = None

    @property
    def world(self) -> OpenWorld | None:
        """The open world, if there is one."""
        return self._world

    def require(self) -> OpenWorld:
        """The open world; raises `NoWorldOpen` with what to type."""
        if self._world is None:
            raise NoWorldOpen("no world is open in this notebook", "%swingset open bank.world")
        return self._world

    # Opening and closing

    def open(self, path: str, worker: str) -> OpenWorld:
        """Open a world file, or make one, and join it as the vat `notebook`."""
        if self._world is not None:
            raise SwingSetError(
                f"{self._world.path} is open already", "%swingset close", f"%swingset open {quote(path)}"
            )
        found = os.path.exists(path)
        controller = Controller.open(path, worker=worker, progress=self.progress.stage)
        try:
            controller.outbox.listen(self.console)
            session = NotebookSession(controller, self.cells)
        except BaseException:
            controller.close()
            raise
        session.watch = self.progress.crank
        self._world = OpenWorld(path, controller, session, found)
        self.allow_run()
        self.binding.offer_e()
        return self._world

    def close(self) -> OpenWorld | None:
        """Commit and let go of the world; its names leave the notebook. Returns what was open."""
        world = self._world
        if world is None:
            return None
        with contextlib.suppress(KernelError):
            self.remember()
        for panel in self.panels:
            panel.sleep("its world was closed")
        self.panels = []
        self.withdraw()
        self._world = None
        world.session.close()
        return world

    # Running

    def allow_run(self) -> None:
        """Let the world run up to `run_limit` cranks from now: once per cell, command or button."""
        if self._world is not None:
            limit = self.settings.run_limit
            self._world.session.policy = cranks(limit) if limit > 0 else None

    def settle(self) -> RunReport:
        """Run the world until nothing can, unless it is paused; commit; show outputs."""
        try:
            return self.require().session.settle()
        finally:
            self.progress.clear()

    def flush(self) -> None:
        """Put what the notebook has sent into the run-queue, durably, and run nothing."""
        self.require().session.flush()

    def refresh_panels(self) -> None:
        """Have every live panel show the world as it is now."""
        for panel in self.panels:
            panel.refresh()

    # Names

    def give(self, names: Mapping[str, Any]) -> None:
        """Bind names that the user has asked for, and `E` where it was lost."""
        self.binding.bind(names)
        self.binding.offer_e()

    def withdraw(self) -> list[str]:
        """Unbind every name that stands for a reference into the world; returns which."""
        namespace = self.shell.user_ns
        gone = [
            name
            for name, value in self._own(namespace)
            if _in_world(value) or self.binding.given.get(name) is value
        ]
        for name in gone:
            del namespace[name]
        self.binding.forget()
        return sorted(gone)

    def regain(self) -> list[str]:
        """Bind stored names whose class the last cell has defined, unless they mean something else by now."""
        return self.binding.offer(self.require().session.recall_more())

    def remember(self) -> None:
        """Store the names of the notebook in the world, so that they come back with it."""
        session = self.require().session
        own = dict(self._own(self.shell.user_ns))
        # What was withheld is the world's still, also where its name means something else here.
        withheld = self.binding.withheld.items()
        kept = {name: value for name, value in withheld if not _in_world(own.get(name))}
        self.fleeting = session.remember({**own, **kept})

    def _own(self, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
        hidden = self.shell.user_ns_hidden
        return [
            (name, value)
            for name, value in list(namespace.items())
            if not name.startswith("_") and name not in hidden and not _too_long(value)
        ]

    # Errors

    def source_of(self, part: str) -> str | None:
        """The source of a vat's cell, where the name of the part tells which vat is meant."""
        if self._world is None:
            return None
        return self._world.session.reading.source_of(part)

    def advise(self, error: BaseException) -> Iterator[str]:
        """What to type after an error of the layers below."""
        code = getattr(error, "code", None)
        if isinstance(error, StillPending) and self._world is not None:
            if self._world.controller.paused:
                yield "%swingset step"
                yield "%swingset run"
            elif self._world.waiting():
                yield "%swingset run"
            else:
                yield "%swingset promises"
        elif code == "abandoned":
            yield "ask the vat for a new one: only durable objects and the root survive an upgrade"
        elif code == "vat-upgraded":
            yield "send the message again: the new incarnation has not heard of it"


def _too_long(value: Any) -> bool:
    return isinstance(value, list | tuple | dict) and len(value) > MOST_IN_CONTAINER


def _in_world(value: Any) -> bool:
    return isinstance(value, Presence | Promise) or (
        not isinstance(value, type) and interface_of(value) is not None
    )


def words_of(names: Iterable[str]) -> str:
    """Names as a phrase: `a, b and c`."""
    listed = list(names)
    return " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)


def events_wait(world: OpenWorld) -> str:
    """How much is in the run-queue, as a clause."""
    count = world.waiting()
    return f"{count:,} {'event waits' if count == 1 else 'events wait'}"
