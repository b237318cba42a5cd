"""The parts of the protocol, put together for the time of one input.

All state is rows of the store. A `Core` has what one input changes and causes: the rows that it writes, the
outputs that follow, and the work that is still to be done. At the end of the input they are applied in this
order, or thrown away together if the peer turns out to have broken the rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from .bootstrap import Bootstrap
from .capnweb.web import Web
from .cells import Cells
from .descriptors import Descriptors
from .grants import Grants
from .handoff import Handoff
from .limits import Limits
from .link_hello import Hello
from .links import Links
from .moves import Moves
from .names import Names
from .outside import Local, Wire
from .reaching import Reaching
from .routing import Routing
from .sessions import Sessions
from .store import Batch, Store

_MOST_STEPS = 100_000


class Core:
    """One input's view of all sessions."""

    def __init__(self, store: Store, wire: Wire, local: Local, limits: Limits) -> None:
        self.batch = Batch(store)
        self.wire = wire
        self.local = local
        self.limits = limits
        self.todo: deque[Callable[[], None]] = deque()
        self._out: list[Callable[[], None]] = []
        self.names = Names(self)
        self.cells = Cells(self)
        self.descriptors = Descriptors(self)
        self.sessions = Sessions(self)
        self.routing = Routing(self)
        self.reaching = Reaching(self)
        self.handoff = Handoff(self)
        self.bootstrap = Bootstrap(self)
        self.grants = Grants(self)
        self.moves = Moves(self)
        self.web = Web(self)
        self.links = Links(self)
        self.hello = Hello(self)

    def after(self, output: Callable[..., None], *args: object) -> None:
        """Have something done outside once this input is applied."""
        self._out.append(partial(output, *args))

    def finish(self) -> None:
        """Do what is still to be done, then apply the input."""
        self._settle()
        if self.web.end_batches():
            self._settle()
        self.sessions.flush()
        self.batch.apply()
        outputs, self._out = self._out, []
        for output in outputs:
            output()

    def _settle(self) -> None:
        self._work()
        self.names.flush()
        self._work()

    def _work(self) -> None:
        steps = 0
        while self.todo:
            steps += 1
            if steps > _MOST_STEPS:
                raise RuntimeError("one input caused more steps than any input can need")
            self.todo.popleft()()
