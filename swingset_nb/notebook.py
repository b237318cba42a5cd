"""The state of the extension in one shell: the open world, its outputs, and the names that it has bound.

There is one object per IPython shell, which magics, hooks and panels share. It holds at most one open world.
Everything that runs the world goes through `settle` and `flush`, so that limits, progress and panels are the
same for a cell, a command and a button.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from shlex import quote
from typing import Any, Protocol

from swingset.core.errors import KernelError
from swingset.core.lifecycle import LeftBehind
from swingset.host.base.engines import WorkerKind
from swingset.host.base.policies import cranks
from swingset.host.base.reports import RunReport
from swingset.host.variables.looking import is_reference
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.visible import one_line
from swingset.world.errors import LogAway, WorldError, WorldMoved
from swingset.world.lock import name_notebook
from swingset_nb.binding import LONGEST, SHOWN, Binding
from swingset_nb.console import Console
from swingset_nb.errors import NoWorldOpen, SwingSetError
from swingset_nb.interrupts import NotebookSession
from swingset_nb.leasing import is_cut_off, leased_world, refused_without
from swingset_nb.open_world import OpenWorld, arrived
from swingset_nb.places import Cells
from swingset_nb.preparing import await_engines
from swingset_nb.progress import Progress
from swingset_nb.reopening import DEFAULT, Leasing, Place, of_name

LOOKED_AT = 5_000
"""About how many objects are searched after a cell, in variables that had no reference yet."""


class Settings(Protocol):
    """The settings of `%config SwingSet`."""

    autorun: bool
    progress_after: float
    run_limit: int
    print_limit: int


class Panel(Protocol):
    """A live view of the world."""

    def refresh(self) -> None:
        """Show the world as it is now."""

    def sleep(self, why: str) -> None:
        """Show only the reason."""


class Notebook:
    """The state of the extension in one IPython shell."""

    def __init__(self, shell: Any, settings: Settings) -> None:
        self.shell = shell
        self.settings = settings
        self.console = Console(lambda: settings.print_limit)
        self.cells = Cells(shell)
        self.progress = Progress(shell, lambda: settings.progress_after)
        self.panels: list[Panel] = []
        self.binding = Binding(shell)
        self.stirred: Callable[[], None] | None = None
        """Called when something is sent, from any thread."""
        self.came: Callable[[], None] | None = None
        """Called when something came from another world, from any thread."""
        self.prepare: Callable[[str], None] | None = None
        """Called with the kind of worker of a world that was opened, to begin with its engine."""
        self.parted: dict[str, Any] = {}
        """The names that `%reset` has unbound, with their values; they stay stored."""
        self.taken_back: set[str] = set()
        """The names that an undo has unbound."""
        self.closed: Place | None = None
        """Where the world is that was closed last."""
        self._told: dict[str, str] = {}
        self._world: OpenWorld | None = None

    @property
    def world(self) -> OpenWorld | None:
        """The open world, if there is one."""
        return self._world

    def require(self) -> OpenWorld:
        """The open world; raises `NoWorldOpen` with what to type."""
        if self._world is None:
            raise NoWorldOpen("no world is open in this notebook", self.open_line())
        return self._world

    def open_line(self) -> str:
        """What to type to open the world that is open, or that was open last."""
        place = self.closed if self._world is None else self._world.place
        return DEFAULT if place is None else place.line()

    # Opening and closing

    def open(self, path: str, worker: WorkerKind | None, leasing: Leasing | None = None) -> OpenWorld:
        """Open a world file, or make one, and join it as the vat `notebook`; if it is open, return it.

        None stands for the worker that it is open with, or the confined one. With `leasing`, the file is the
        cache of a world whose truth is in a database.
        """
        if self._world is not None:
            runs_in = self._world.controller.default_worker
            if self.is_open(path) and worker in (None, runs_in):
                return self._world
            how = f" with the worker {runs_in}" if self.is_open(path) else ""
            option = f" --worker {worker}" if worker is not None else ""
            raise SwingSetError(
                f"{self._world.controller.path or self._world.path} is open already{how}",
                "%swingset close",
                f"%swingset open {quote(path)}{option}",
            )
        worker = worker or "wasm"
        found = os.path.exists(path)
        name_notebook(name_of(self.shell))
        leased = None
        try:
            if leasing is None:
                controller = open_world(path, worker=worker, progress=self.progress.stage)
            else:
                leased = leased_world(path, leasing, self._waits, worker=worker, progress=self.progress.stage)
                controller, found = leased.controller, found or leased.how != "founded"
            session = self._session(controller)
        except LogAway as problem:
            raise refused_without(path, worker) or problem from None
        session.watch, session.pulse = self.progress.crank, self.progress.pulse
        session.names.classes = self.shell.user_ns
        session.names.bindings.start(self._own())
        session.renewed = self._renewed
        session.stirred = self._stir
        session.awaits = self.progress.waiting
        controller.net.notify(self._come)
        self._told = {}
        self._world = OpenWorld(path, controller, session, found, looked=controller.crank)
        self._world.leasing, self._world.leased = leasing, leased
        self._world.arrived = set(arrived(self._world))
        self.allow_run()
        self.binding.offer_ours()
        if self.prepare is not None:
            self.prepare(worker)
        return self._world

    def _session(self, controller: Controller) -> NotebookSession:
        try:
            controller.outputs.listen(self.console)
            controller.kernel.request.cell = self.cells.here
            return NotebookSession(controller, self.cells)
        except BaseException:
            controller.close(keep=False)
            raise

    def _waits(self, words: str) -> None:
        print(f"{words}; interrupt to stop", file=sys.stderr)

    def is_open(self, path: str) -> bool:
        """Whether this file is the one that is open."""
        world = self._world
        if world is None:
            return False
        real = os.path.realpath(path)
        # The working directory may be another than when it was opened, and the cell the same.
        return real == world.controller.path or (path == world.typed and not os.path.exists(real))

    def close(self, *, whatever: bool = False) -> OpenWorld | None:
        """Commit and close the world, and unbind its names; returns the world that was open, if any.

        If the world is not in its file any more, the first close raises `SwingSetError`, because the last
        changes would be lost; a second close, or `whatever`, closes it anyway.
        """
        world = self._world
        if world is None:
            return None
        # What is cut off from its truth has nothing to keep: that has all that was committed.
        whatever = whatever or is_cut_off(world)
        try:
            self.remember()
            world.controller.world.check_place()
        except WorldMoved as problem:
            if not whatever and not world.told_lost:
                world.told_lost = True
                raise SwingSetError(
                    f"not closed, because not everything is in the file: {problem}",
                    "%swingset export PATH",
                    "%swingset close",
                ) from problem
            world.unsaved = str(problem)
        except (KernelError, WorldError) as problem:
            world.unsaved = str(problem)
        world.fleeting = self.fleeting()
        self.closed = world.place
        for panel in self.panels:
            panel.sleep("its world was closed")
        self.panels = []
        self.withdraw()
        self._world = None
        try:
            world.session.close()
        except WorldError:
            if not whatever and not world.told_lost:
                raise
        return world

    # Running

    def allow_run(self) -> None:
        """Allow `run_limit` cranks from now on; called once per cell, command or button."""
        if self._world is not None:
            limit = self.settings.run_limit
            self._world.session.policy = cranks(limit) if limit > 0 else None

    def settle(self) -> RunReport:
        """Run the world until nothing can run, unless it is paused; commit, and show outputs."""
        world = self.require()
        try:
            if not world.awaited and world.waiting():
                await_engines(world, [vat.worker for vat in world.controller.vats])
                world.awaited = True
            return self.require().session.settle()
        finally:
            self.progress.clear()

    def flush(self) -> None:
        """Commit what the notebook has sent to the run-queue, without running the world."""
        if not self.require().halted:
            self.require().session.flush()

    def refresh_panels(self) -> None:
        """Make every live panel show the current state."""
        for panel in self.panels:
            panel.refresh()

    # Names

    def give(self, names: Mapping[str, Any]) -> None:
        """Bind names that the user has asked for, and `E` and `fetch` if they were deleted."""
        self.binding.bind(names)
        self.binding.offer_ours()

    def withdraw(self) -> list[str]:
        """Unbind every name whose value is a reference into the world; returns these names.

        A container of references stays, and using them raises an error; a name that comes back replaces it.
        """
        namespace, given = self.shell.user_ns, self.binding.given
        own = self.own(namespace)
        gone = [name for name, value in own if is_reference(value) or given.get(name) is value]
        holding = self._world.session.names.holding() if self._world is not None else {}
        for name in gone:
            del namespace[name]
        self.parted, self.taken_back = {}, set()
        self.binding.forget()
        self.binding.stale = {**self.binding.stale, **holding}
        return sorted(gone)

    def regain(self) -> list[str]:
        """Bind stored names whose class the last cell has defined, unless they mean something else by now."""
        return self.come_back(self.require().session.names.recall_more())

    def come_back(self, names: Mapping[str, Any]) -> list[str]:
        """Bind names of the world that are free, as no step's doing; returns them."""
        back = self.binding.offer(names)
        self.require().session.names.bindings.set({name: names[name] for name in back})
        return back

    def arrive(self) -> list[str]:
        """Bind the names of vats that have come from other worlds to their roots; returns lines on it."""
        world = self.require()
        lines = []
        for vat, name in arrived(world).items():
            if vat in world.arrived or name not in world.session.names.vats():
                continue
            bound = self.come_back({name: world.session.root(name)})
            shown = one_line(name, 80)
            is_free = f"`{shown}` is its root: `await E({shown}).method(...)`"
            taken = f"its root has no name yet: `%swingset name {shown} as OTHER`"
            lines.append(f"vat {shown} has come from another world; {is_free if bound else taken}")
        world.arrived = set(arrived(world))
        return lines

    def note(self) -> None:
        """Note which names the running cell has bound so far, before they are taken back."""
        self.require().session.names.note(self._seen())

    def remember(self, *, whole: bool = True) -> list[str]:
        """Store the names of the notebook in the world, so that they come back with it.

        Returns the messages about names whose new values cannot be stored. Large variables are searched
        completely only if `whole` is set.
        """
        session = self.require().session
        self.binding.let_go()
        session.names.remember(self._seen(), budget=None if whole else LOOKED_AT)
        before, self._told = self._told, dict(session.names.fleeting)
        return [_why(name, why) for name, why in self._told.items() if before.get(name) != why]

    def _seen(self) -> dict[str, Any]:
        """The names that the world is to know, with their values."""
        own = self._own()
        # Withheld names stay stored in the world, although they have another meaning in the notebook.
        withheld = self.binding.withheld.items()
        self.parted = {name: value for name, value in self.parted.items() if name not in own}
        own |= {name: value for name, value in withheld if not is_reference(own.get(name))}
        return {**own, **self.parted}

    def fleeting(self) -> list[str]:
        """The message about each name that will not come back."""
        return [_why(name, why) for name, why in self._told.items()]

    def _renewed(self, _left_behind: LeftBehind) -> None:
        """Unbind what ended with a life that was rolled back, and print it."""
        namespace, session = self.shell.user_ns, self.require().session
        gone = [name for name, value in self.own(namespace) if session.has_ended(value)]
        for name in gone:
            del namespace[name]
        recalled = session.names.recall()
        back = self.come_back({name: recalled[name] for name in recalled if name not in namespace})
        gone = [name for name in gone if name not in back]
        print("everything since the last commit was rolled back: do it again")
        if gone:
            print(f"not part of that state, and gone from the notebook: {words_of(sorted(gone))}")
        if back:
            print(f"names that came back: {words_of(sorted(back))}")
        if lacking := session.lacking():
            print(f"not defined yet in this session: {words_of(lacking)}; run their cells")

    def _stir(self) -> None:
        if self.stirred is not None:
            self.stirred()

    def _come(self) -> None:
        if self.came is not None:
            self.came()

    def own(self, namespace: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
        """The user's own variables."""
        return list(self._own(namespace).items())

    def _own(self, namespace: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The user's own variables; this is done after every cell, with all names that there are."""
        hidden = self.shell.user_ns_hidden
        found = dict(self.shell.user_ns if namespace is None else namespace)
        for name in [name for name in found if name[:1] == "_" or name in hidden]:
            del found[name]
        return found

    # Errors

    def source_of(self, part: str) -> str | None:
        """The source of a vat's cell; None if the name of the part does not identify the vat."""
        if self._world is None:
            return None
        return self._world.session.reading.source_of(part)

    def of_name(self, error: BaseException) -> list[str]:
        """What to type after an error about a name that the open world has, or one that is not open may."""
        is_open = self._world is not None
        hints = list(of_name(error, self.open_line(), is_open, self.parted, self.taken_back))
        if is_open and isinstance(error, TypeError) and "not callable" in str(error):
            hints += self.binding.other_e()
        return hints


def name_of(shell: Any) -> str | None:
    """The file name of the notebook that a shell belongs to, if its front end says so."""
    path = os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__")
    return os.path.basename(path) if isinstance(path, str) and path.endswith(".ipynb") else None


def _why(name: str, why: str) -> str:
    return f"{name}{why}" if why[:1] in "[." else f"{name} {why}"


def words_of(names: Iterable[str]) -> str:
    """Names as a phrase, the first of them: `a, b and c`, or `a, b, ... and 990 more`."""
    listed = [one_line(name, LONGEST) for name in names]
    if len(listed) > SHOWN + 1:
        listed = [*listed[:SHOWN], f"{len(listed) - SHOWN:,} more"]
    return " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)
