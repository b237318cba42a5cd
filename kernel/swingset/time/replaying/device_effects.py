"""Has a device do again what a record says that it did, where its names may be others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.core.device_board import DeviceContext
from swingset.core.store import KernelStore
from swingset.model.refs import is_kref
from swingset.world.records import DeviceEffect


def repeat_effect(
    store: KernelStore,
    context: DeviceContext,
    effect: DeviceEffect,
    here: Callable[[str], str],
    made: Callable[[str, str], None],
) -> None:
    """Repeat one effect of a device.

    Args:
        store: the world's.
        context: that of the device.
        effect: what is recorded.
        here: returns what a recorded kref is called here, or raises.
        made: called with the recorded kref of a new node or promise, and with its kref here.
    """
    given: tuple[Any, ...] = effect.given
    match effect.what:
        case "set":
            key, value = given
            context.set(here(key) if is_kref(key) else key, None if value is None else value.map_slots(here))
        case "send":
            context.send(here(given[0]), given[1].map_slots(here))
        case "settle":
            context.settle(here(given[0]), given[1], given[2].map_slots(here))
        case "new_promise":
            made(given[0], context.new_promise())
        case "new_node":
            kref = store.new_device_node(context.device.id)
            store.effects.note(context.device.id, "new_node", kref)
            made(given[0], kref)
