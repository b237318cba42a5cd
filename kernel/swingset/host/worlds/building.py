"""Builds a new world from a configuration: all of it, or nothing.

If the code of a vat fails, or if the process is killed during the build, the world is empty again, and can be
built from a better configuration.
"""

from __future__ import annotations

from collections.abc import Mapping

from swingset.host.base.requests import Ref, write
from swingset.host.base.starting import Parts
from swingset.host.worlds.config import Configuration
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.imports import all_module_parts, needed_by
from swingset.model.modules import by_module
from swingset.world.sources import MODULES

_BUILT = "configured"
_BUILDING = "configuring"
_BOOTSTRAP = "bootstrap"
COUNTERS = (_BUILT, _BUILDING, _BOOTSTRAP)
"""The counters that the request `configure` may set."""


def build_new(controller: Controller, config: Configuration) -> None:
    """Build what a configuration says, unless this world was built from one already.

    If a vat's code fails, it raises `VatFault` with the line, and everything is rolled back. If the process
    is killed during the build, the next build goes back to where that one began.
    """
    with controller.lock:
        counters = controller.kernel.store.counters
        if counters.get(_BUILT):
            return
        if begun := counters.get(_BUILDING):
            controller.history.go_back_to_commit(begun - 1)
        controller.commit("before the build")
        before = controller.history.head
        _count(controller, _BUILDING, before + 1)
        try:
            _build(controller, config)
            _count(controller, _BUILDING, 0)
            _count(controller, _BUILT, 1)
            controller.commit("build")
        except BaseException:
            controller.history.go_back_to_commit(before)
            raise


def _count(controller: Controller, counter: str, value: int) -> None:
    kernel = controller.kernel
    with kernel.request("configure", counter=counter, value=value):
        kernel.store.counters.set(counter, value)


def _build(controller: Controller, config: Configuration) -> None:
    own = controller.devices
    controller.kernel.change_kernel_options(config.kernel)
    devices = {name: Ref(own.add(name, kind), name) for name, kind in config.devices.items()}
    known = by_module(all_module_parts(config.modules.items()))
    if known:
        kernel = controller.kernel
        kernel.keep_sources(MODULES, tuple(part for parts in known.values() for part in parts))
    for name, parts in config.bundles.items():
        own.install_bundle(_complete(parts, known), name)
    roots = {name: Ref(own.service(name), name) for name in config.services}
    for name, vat in config.vats.items():
        kref = controller.create_vat(
            name,
            _complete(vat.parts, known),
            parameters=None if vat.parameters is None else write(vat.parameters),
            worker=vat.worker,
            options=dict(vat.options),
        )
        roots[name] = Ref(kref, name)
    if config.bootstrap is None:
        return
    result = controller.queue_to_root(config.bootstrap, "bootstrap", [roots, devices], policy="panic")
    _count(controller, _BOOTSTRAP, int((result or "kp0")[2:]))


def _complete(cells: Parts, known: Mapping[str, Parts]) -> Parts:
    """Code with the modules that it imports in front of it."""
    return (*(part for name in needed_by(cells, known) for part in known[name]), *cells)


def bootstrap_result(controller: Controller) -> str | None:
    """The promise for the result of the bootstrap message; None if there was none.

    Args:
        controller: an open world.
    Source:
        `controller.bootstrapResult`.
    Example:
        >>> swingset.bootstrap_result(world) is None  # this one was made without a configuration
        True
    """
    number = controller.kernel.store.counters.get(_BOOTSTRAP)
    return f"kp{number}" if number else None
