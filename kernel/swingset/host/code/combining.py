"""Puts the code of a vat together when one of its cells is defined, changed or removed."""

from __future__ import annotations

from collections.abc import Mapping

from swingset.host.base.starting import Parts
from swingset.host.code.joined import Joined
from swingset.host.worlds.controller import Controller
from swingset.model.modules import cells_of, module_of


def own_part(controller: Controller, vat: str) -> str:
    """The name of the own cell among the parts that a vat runs.

    It is the vat's name. A clone runs the code of the vat that it is one of, until it gets a cell of its own.
    """
    parts = dict(controller.vats.parts(vat))
    older = (earlier.name for earlier in controller.kernel.store.vats.lineage(controller.vats[vat]))
    return next((name for name in (vat, *older) if name in parts), vat)


def combined(joined: Joined, vat: str, part: str, source: str | None) -> Parts:
    """A vat's code with one part replaced or removed: the modules that it imports, its kinds, its own cell.

    Modules are the newest that this session has defined, or those that the vat runs. One that is given as the
    `part` is used whatever else is defined.
    """
    return all_combined(joined, vat, {part: source})


def all_combined(joined: Joined, vat: str, changes: Mapping[str, str | None]) -> Parts:
    """The same with several parts, each with its source, or with None to be removed.

    Raises `TypeError` for a source that is no text.
    """
    for part, source in changes.items():
        if source is not None and not isinstance(source, str):
            raise TypeError(f"the source of {part} is a text, not {type(source).__name__}")
    controller = joined.controller
    with controller.lock:
        known = vat in controller.vats
        running = controller.vats.parts(vat) if known else joined.drafts.usable(vat, next(iter(changes)))
        cells = dict(cells_of(running))
        for part, source in changes.items():
            if module_of(part) is None:
                cells.pop(part, None) if source is None else cells.update({part: source})
        own = ((vat, cells.pop(vat)),) if vat in cells else ()
        if own and known:
            cells.pop(own_part(joined.controller, vat), None)
        chosen = tuple(
            (part, source)
            for part, source in changes.items()
            if source is not None and module_of(part) is not None
        )
        return joined.modules.completed(vat, (*cells.items(), *own), running, chosen)
