"""Everything that people do with a world file, done with one that was tampered with."""

from __future__ import annotations

import contextlib
import io
import shutil
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from swingset.command.cli import main
from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.guest.liveslots import SyscallError
from swingset.guest.sending.eventual import E
from swingset.host.base.policies import cranks
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.lens.pictures.cause_picture import draw_cause
from swingset.lens.pictures.costs_picture import draw_costs
from swingset.lens.pictures.picture import draw
from swingset.lens.present.tables import Lens
from swingset.time.looking.monitoring import console, costs_over_time, storage
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError

REFUSALS = (WorldError, KernelError, WorkerError, RemoteError, SyscallError)
"""What the project refuses with, and what comes of a message that a vat or the kernel has rejected."""

MOST_CRANKS = 60
EMPTY = "def build_root_object(): pass"

Steps = Iterator[tuple[str, Callable[[], object]]]
"""What is done with a world, one after the other, each with a name."""


def look(controller: Controller) -> Steps:
    """What runs no code."""
    store = controller.kernel.store
    lens = Lens(store)
    yield "dump", controller.dump
    yield "stats", controller.stats
    yield "vats", lens.vats
    yield "queue", lens.queue
    yield "promises", lens.promises
    yield "objects", lens.objects
    for vat in ("bank", "shop", "notebook", "timer"):
        yield f"clist of {vat}", lambda vat=vat: lens.clist(vat)
    yield "picture", lambda: draw(lens)
    yield "console", lambda: console(controller)
    yield "costs", lambda: draw_costs(costs_over_time(controller))
    yield "storage", lambda: storage(controller)
    yield "cause", lambda: draw_cause(lens.cause(1))
    yield "older records", lambda: lens.older_records("bank")
    yield "digest", controller.digest
    yield "panic", lambda: controller.kernel.cranks.panic
    yield "checkpoints", controller.history.checkpoints
    yield "rings", controller.gc.rings
    yield "meters", controller.meters.all
    for kref in ("ko20", "ko23", "kp40", "kp45", "kd30"):
        yield f"explain {kref}", lambda kref=kref: controller.gc.explain(kref)


def work(controller: Controller, folder: Path) -> Steps:
    """What runs the world, or changes it."""
    few = cranks(MOST_CRANKS)
    yield "step", controller.step
    yield "run", lambda: controller.run(few)
    yield "wake", lambda: controller.vats.resume("still")
    yield "poll", lambda: controller.devices.poll(1_000)
    yield "mail", lambda: (controller.devices.outbox(), controller.devices.receive("peer", [(1, "hello")]))
    yield "bridge", controller.devices.bridge_outbound
    yield "taken", lambda: controller.devices.bridge_taken(1)
    yield "admin node", lambda: controller.devices.admin_node("bank")
    yield (
        "install",
        lambda: controller.devices.install_bundle((("main", EMPTY),), "code"),
    )
    yield "meter", lambda: (controller.meters.refill("m1", 5), controller.meters.forget("m1"))
    yield "critical", controller.devices.critical_vat_key
    yield (
        "pin",
        lambda: (controller.vats.pin_root("bank"), controller.gc.unpin(controller.kernel.root_of("bank"))),
    )
    yield "send", lambda: controller.queue_to_root("bank", "thing")
    yield "run on", lambda: controller.run(cranks(MOST_CRANKS))
    yield "options", lambda: controller.vats.change_options("shop", {"reap_interval": 7})
    yield "checkpoint", lambda: controller.checkpoint("now")
    yield "heaps", controller.vats.snapshot_all
    yield "fork", lambda: forked(controller)
    yield "upgrade", lambda: controller.upgrade_vat("bank", controller.kernel.store.sources.parts("bank"))
    yield "drop", lambda: controller.vats.drop_parked("still")
    yield "terminate", lambda: (controller.terminate_vat("shop"), controller.run(cranks(MOST_CRANKS)))
    yield "resume", lambda: controller.history.go_back("start")
    yield "resume another", lambda: controller.history.go_back("left")
    yield "prune", controller.world.prune
    yield "export", lambda: controller.world.export(folder / "exported.world")


def attend(controller: Controller) -> Steps:
    """What a notebook does when it opens a world."""
    session = Session(controller)
    yield "settle", session.settle
    yield "recall", session.names.recall
    yield "flush", session.flush
    yield "remember", lambda: session.names.remember({"bank": session.root("bank")})
    yield "time", lambda: session.wait(E(session.devices.timer()).cancel(session.root("bank")))
    yield "new vat", lambda: session.wait(E(session.devices.vat_admin()).create_vat_by_name("code"))
    yield "define", lambda: session.define("another", EMPTY)
    yield "migrate", lambda: session.migrate("bank")
    yield "rehearse", lambda: session.rehearse("bank", "bank", EMPTY)
    yield "ask", lambda: session.wait(E(session.root("bank")).thing())


def forked(controller: Controller) -> None:
    """Run a fork of the world."""
    with controller.fork() as fork:
        fork.run(cranks(MOST_CRANKS))


def told(path: Path, *arguments: str) -> tuple[int, str]:
    """What the command says of a file, and its exit status."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = main([arguments[0], str(path), *arguments[1:]])
    return status, said.getvalue()


class Probe:
    """Does everything with copies of a file, and remembers what went wrong in a way that it must not."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.raw: list[str] = []
        self.refused: list[str] = []

    def much(self) -> None:
        """What people do every day."""
        for name in ("status", "verify"):
            self._try(f"swingset {name}", lambda name=name: told(self._copy(), name))
        self._with("looking", look, look_only=True)
        self._with("working", lambda controller: work(controller, self.folder))
        self._with("attending", lambda controller: islice(attend(controller), 4))

    def everything(self) -> None:
        """All that is done with a world."""
        for name in ("status", "dump", "verify"):
            self._try(f"swingset {name}", lambda name=name: told(self._copy(), name))
        self._try("swingset run", lambda: told(self._copy(), "run", "--cranks", "30", "--trust-local"))
        self._with("looking", look, look_only=True)
        self._with("working", lambda controller: work(controller, self.folder))
        self._with("attending", attend)

    def _copy(self) -> Path:
        copy = self.folder / "copy.world"
        for name in self.folder.glob("copy.world*"):
            name.unlink()
        (self.folder / "exported.world").unlink(missing_ok=True)
        shutil.copyfile(self.path, copy)
        return copy

    def _with(self, name: str, steps: Callable[[Controller], Steps], *, look_only: bool = False) -> None:
        def all_steps() -> None:
            with open_world(self._copy(), worker="local", create=False, look_only=look_only) as controller:
                for step, action in steps(controller):
                    self._try(f"{name}: {step}", action)

        self._try(name, all_steps)

    def _try(self, step: str, action: Callable[[], object]) -> None:
        try:
            action()
        except REFUSALS as problem:
            self.refused.append(f"{step}: {problem}")
        except Exception as problem:
            frames = traceback.extract_tb(problem.__traceback__)[-4:]
            where = ", ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
            self.raw.append(f"{step}: {type(problem).__name__}: {str(problem)[:150]} at {where}")
