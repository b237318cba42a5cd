"""Worlds from a configuration: which vats there are, what they are made of, and who is told of them all.

A configuration is a table, written in Python or in a TOML or JSON file:

    bootstrap = "main"                    # this vat's root gets bootstrap(vats, devices)

    [vats.bank]
    source = "bank.py"                    # beside the configuration
    kinds = { Purse = "purse.py" }        # cells that come before the vat's own, optional
    parameters = { currency = "gold" }    # plain data, optional
    worker = "local"                      # optional
    options = { critical = true }         # optional

    [devices]
    clock = "timer"                       # name = kind, where the host has code for that kind

It is read once, when the world is made. A world that exists is what its file says, and its vats change by
upgrade, never by editing a configuration.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.controller import Controller, Parts
from swingset.host.requests import Ref, write
from swingset.workers.base import Progress

_BUILT = "configured"
_BOOTSTRAP = "bootstrap"


class BadConfiguration(KernelError):
    """A configuration that does not say what is needed; the message names the place."""


@dataclass(frozen=True)
class VatConfig:
    """One static vat: its cells, kinds first, and what it is started with."""

    parts: Parts
    parameters: Any = None
    worker: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """The vats of a new world in the order they are made, its devices, and the vat that is told of them."""

    vats: Mapping[str, VatConfig]
    bootstrap: str | None = None
    devices: Mapping[str, str] = field(default_factory=dict)


def load(path: str | os.PathLike[str]) -> Configuration:
    """Read a configuration file; source files are looked for beside it."""
    where = Path(path)
    try:
        text = where.read_text(encoding="utf-8")
        raw = json.loads(text) if where.suffix == ".json" else tomllib.loads(text)
    except OSError as problem:
        raise BadConfiguration(f"{where} cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        kind = "JSON" if where.suffix == ".json" else "TOML"
        raise BadConfiguration(f"{where} is not {kind}: {problem}") from None
    return parse(raw, where.parent, str(where))


def parse(raw: Any, folder: Path, where: str = "the configuration") -> Configuration:
    """A configuration out of plain data, with `source` and `kinds` as paths in `folder`."""
    table = _table(raw, where, "bootstrap", "vats", "devices")
    vats = {
        name: _vat(name, given, folder, f"{where}: vats.{name}")
        for name, given in _table(table.get("vats", {}), f"{where}: vats").items()
    }
    bootstrap = table.get("bootstrap")
    if bootstrap is not None and bootstrap not in vats:
        known = ", ".join(vats) or "none"
        raise BadConfiguration(f"{where}: bootstrap is {bootstrap!r}, which is no vat; there are: {known}")
    devices = _table(table.get("devices", {}), f"{where}: devices")
    for name, kind in devices.items():
        if not isinstance(kind, str):
            raise BadConfiguration(f"{where}: devices.{name} wants the name of a kind of device")
    return Configuration(vats, bootstrap, devices)


def _vat(name: str, raw: Any, folder: Path, where: str) -> VatConfig:
    table = _table(raw, where, "source", "kinds", "parameters", "worker", "options")
    if "source" not in table:
        raise BadConfiguration(f"{where} wants source, the file of its code")
    kinds = _table(table.get("kinds", {}), f"{where}.kinds")
    cells = [(f"kind {kind}", _source(folder, file, where)) for kind, file in kinds.items()]
    parts = (*cells, (name, _source(folder, table["source"], where)))
    options = _table(table.get("options", {}), f"{where}.options")
    return VatConfig(parts, table.get("parameters"), table.get("worker"), options)


def _source(folder: Path, file: Any, where: str) -> str:
    if not isinstance(file, str):
        raise BadConfiguration(f"{where} wants the path of a source file, got {type(file).__name__}")
    try:
        return (folder / file).read_text(encoding="utf-8")
    except OSError as problem:
        raise BadConfiguration(f"{where}: {folder / file} cannot be read: {problem.strerror}") from None


def _table(raw: Any, where: str, *known: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadConfiguration(f"{where} wants a table, got {type(raw).__name__}")
    if known and (unknown := sorted(set(raw) - set(known))):
        raise BadConfiguration(f"{where} has {unknown[0]!r}, but knows only {', '.join(known)}")
    return raw


def open_world(
    path: str | os.PathLike[str] | None = None,
    config: Configuration | str | os.PathLike[str] | None = None,
    *,
    create: bool = True,
    worker: str = "wasm",
    progress: Progress | None = None,
    snapshot_interval: int = 200,
) -> Controller:
    """Open a world file, or make one after a configuration; None for a world in memory.

    The configuration, an object or the path of a file, is used where the world is new and ignored where it is
    not. The bootstrap message waits in the run-queue of a new world: `run` delivers it.
    """
    wanted = load(config) if isinstance(config, str | os.PathLike) else config
    controller = Controller.open(
        path, create=create, worker=worker, progress=progress, snapshot_interval=snapshot_interval
    )
    try:
        if wanted is not None and not controller.kernel.store.counters.get(_BUILT):
            build(controller, wanted)
    except BaseException:
        controller.close()
        raise
    return controller


def build(controller: Controller, config: Configuration) -> str | None:
    """Make the vats of a configuration; returns the promise for the outcome of bootstrap, if there is one.

    A vat whose code fails raises `VatFault` with the line; the vats before it stay.
    """
    with controller.lock:
        counters = controller.kernel.store.counters
        roots: dict[str, Ref] = {}
        for name, vat in config.vats.items():
            kref = controller.create_vat(
                name,
                vat.parts,
                parameters=None if vat.parameters is None else write(vat.parameters),
                worker=vat.worker,
                options=dict(vat.options),
            )
            roots[name] = Ref(kref, name)
        devices = {
            name: Ref(controller.kernel.add_device(name, kind), name) for name, kind in config.devices.items()
        }
        result = None
        if config.bootstrap is not None:
            result = controller.queue_to_root(config.bootstrap, "bootstrap", [roots, devices], policy="panic")
            counters.set(_BOOTSTRAP, int((result or "kp0")[2:]))
        counters.set(_BUILT, 1)
        controller.commit("build")
        return result


def bootstrap_result(controller: Controller) -> str | None:
    """The promise for what the bootstrap vat answered, or None where there was no bootstrap."""
    number = controller.kernel.store.counters.get(_BOOTSTRAP)
    return f"kp{number}" if number else None
