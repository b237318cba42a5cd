"""A stage for tests: a world and a session in it."""

from __future__ import annotations

import os
from textwrap import dedent
from typing import Any

from swingset.guest.sending.eventual import E
from swingset.host.base.outputs import Output
from swingset.host.code.upgrading import Upgraded
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.lens.present.tables import Lens
from swingset.testing import audit, audit_holdings


class Stage:
    """One world with a session in it; when it closes, everything the world holds is counted again."""

    def __init__(self, worker: str, path: str | os.PathLike[str] | None = None, **options: Any) -> None:
        self.worker = worker
        self.closed = False
        self.controller = open_world(path, worker=worker, **options)
        self.outputs: list[Output] = []
        self.controller.outputs.listen(self.outputs.append)
        self.session = Session(self.controller)

    def check(self) -> None:
        """Count every reference again."""
        store = self.controller.kernel.store
        problems = audit(store) + audit_holdings(store)
        assert not problems, "\n".join(problems)

    @property
    def lens(self) -> Lens:
        """The world as rows."""
        return Lens(self.controller.kernel.store)

    @property
    def log(self) -> list[str]:
        """All lines that vats printed so far, in the order of cranks."""
        return "".join(out.text for out in self.outputs if out.stream == "stdout").splitlines()

    def define(self, vat: str, source: str, **options: Any) -> Any:
        """Start a vat of an indented source; its line numbers are those of the text."""
        return self.session.define(vat, dedent(source), **options)

    def upgrade(self, vat: str, source: str, message: str = "") -> Upgraded:
        """Replace a vat's own cell by an indented source."""
        return self.session.upgrade(vat, vat, dedent(source), message)

    def ask(self, target: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Send, run the world, and answer or raise what came back."""
        return self.session.wait(getattr(E(target), method)(*args, **kwargs))

    def send(self, target: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Send, without running the world; answers the promise."""
        return getattr(E(target), method)(*args, **kwargs)

    def heap(self, vat: str) -> str | None:
        """The digest of a vat's whole memory, where its worker has one to show."""
        kernel = self.controller.kernel
        return kernel.warehouse.heap_digest(kernel.vat(vat))

    def transcript(self, vat: str) -> str | None:
        """The running hash of a vat's transcript."""
        kernel = self.controller.kernel
        return kernel.store.vats.span(kernel.vat(vat).id).hash

    def close(self) -> None:
        """Count once more, and let go. Harmless when done twice."""
        if not self.closed:
            self.closed = True
            self.check()
            self.session.close()
