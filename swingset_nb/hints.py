"""What to type after an error: by what it is, and by how the open world stands.

`advice` knows the errors by their class and words. This module asks the world too: whether it is paused, what
waits in it, and which vats are suspended.
"""

from __future__ import annotations

from collections.abc import Iterator

from swingset.guest.base.errors import RemoteError
from swingset.host.code.modules import StrangeModules
from swingset.host.sessions.pending import StillPending
from swingset.model.places import other_world
from swingset.model.reports import Frame
from swingset.world.vats import SUSPENDED
from swingset_nb import limits
from swingset_nb.advice import advice, of_state
from swingset_nb.lacking import lacking
from swingset_nb.open_world import OpenWorld

_MOST_HELD = 3
"""How many suspended vats are named."""


def hints(world: OpenWorld | None, error: BaseException) -> Iterator[str]:
    """What to type after an error of the layers below; `world` is the one that is open, if one is."""
    if isinstance(error, RemoteError) and any(other_world(Frame(*frame)) for frame in error.trace):
        yield from advice(error)
        yield "it went wrong in another world: whoever has that world sees there what led to it"
        return
    code = getattr(error, "code", None)
    if isinstance(error, StillPending) and world is not None:
        if world.controller.queue.interrupted is not None:
            yield "`%swingset cancel` drops what was interrupted, and runs what else waits"
        yield from limits.after_wall_clock(world.controller)
        if world.controller.queue.paused:
            yield "%swingset step"
            yield "%swingset run"
        elif world.waiting():
            yield "%swingset run"
        elif held := waits_for(world, error):
            for name in held[:_MOST_HELD]:
                yield f"`%swingset resume {name}` lets it run: what was sent to it is kept, and runs then"
        elif error.kref is not None:
            yield f"`%swingset explain {error.kref}` says what it waits for"
        else:
            yield "`%swingset promises` lists the promises that are not settled"
    elif isinstance(error, StrangeModules):
        for name in error.names:
            yield f"%swingset module {name} --keep"
    elif world is not None and (hints := list(limits.advice(world.controller, error))):
        yield from hints
    elif code == "abandoned":
        yield "ask the vat for a new one: only durable objects and the root survive an upgrade"
    elif code == "vat-upgraded":
        yield "send the message again: the new incarnation has not received it"
    elif code == "vat-terminated":
        yield "a vat that has ended stays so: get a new object from a vat that lives, `%swingset vats`"
    if world is not None:
        yield from of_state(world.session.references, error)
    yield from advice(error)
    yield from lacking(error)
    if world is not None and isinstance(error, RemoteError):
        yield "`%swingset cause` says what led to it"


def waits_for(world: OpenWorld, error: StillPending) -> list[str]:
    """The suspended vats that an unsettled promise waits for, or that may be why it is not settled."""
    if error.suspended is not None:
        return [error.suspended]
    return [vat.name for vat in world.lens.vats() if vat.state == SUSPENDED and vat.parked]
