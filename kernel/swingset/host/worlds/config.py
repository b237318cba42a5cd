"""Configurations of new worlds: their vats, the code of these, and the vat that gets them all.

A configuration is a table, written in Python or in a TOML or JSON file:

    bootstrap = "main"                    # this vat's root gets bootstrap(vats, devices)
    services = ["vatAdmin", "timer"]      # vats of the library, which bootstrap gets too, optional

    [vats.bank]
    source = "bank.py"                    # beside the configuration
    kinds = { Purse = "purse.py" }        # cells that come before the vat's own, optional
    parameters = { currency = "gold" }    # plain data, optional
    worker = "local"                      # optional
    options = { critical = true }         # optional

    [bundles.auction]                     # code for vats that vats make, by name
    source = "auction.py"                 # and kinds, as for a vat

    [modules]                             # what the code above imports, optional
    money = "money.py"                    # a module of a package: "shop.prices" = "shop/prices.py"

    [kernel]                              # options of the whole kernel, optional
    reap_interval = 50
    snapshot_interval = 100

    [devices]
    clock = "timer"                       # name = kind; the host must have code for that kind

It is read once, when the world is built, and built whole or not at all. An existing world depends on its file
alone, and its vats change by upgrade, never by editing a configuration. Only `online = 20`, how many vats
have a worker at once, concerns the host, and is used each time the world is opened.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.kernel_options import checked
from swingset.core.options import host_options, name_trouble, reserved
from swingset.host.base.engines import KINDS, WorkerKind
from swingset.host.base.requests import write
from swingset.host.base.starting import Parts
from swingset.host.controls.device_access import SERVICES
from swingset.host.controls.devices import DEVICE_KINDS
from swingset.host.worlds.imports import all_module_parts

_OF_HOST = ("devices", "kernel", "online")


class BadConfiguration(KernelError):
    """A configuration lacks something or has something wrong; the message names the place."""


@dataclass(frozen=True)
class VatConfig:
    """One static vat: the names and sources of its cells, kinds first, and its start parameters.

    Source:
        One entry of `vats` in a configuration.
    """

    parts: Parts
    parameters: Any = None
    worker: WorkerKind | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """The contents of a new world.

    `vats` are created in their order, and `bootstrap` names the one that gets the roots of all. `devices`
    maps names to kinds of device, `services` names service vats (`vatAdmin`, `timer`), and `bundles` has code
    by name. `modules` has the sources of modules by name; each vat and bundle gets those that it imports.
    `kernel` has options of the whole kernel. `online` is how many vats have a worker at once.

    Source:
        The configuration file of `loadSwingsetConfigFile`, in TOML.
    """

    vats: Mapping[str, VatConfig]
    bootstrap: str | None = None
    devices: Mapping[str, str] = field(default_factory=dict)
    services: Sequence[str] = ()
    bundles: Mapping[str, Parts] = field(default_factory=dict)
    kernel: Mapping[str, int | None] = field(default_factory=dict)
    online: int | None = None
    modules: Mapping[str, str] = field(default_factory=dict)


def load(path: str | os.PathLike[str]) -> Configuration:
    """Read a configuration file, TOML or JSON, and the source files beside it; raises BadConfiguration."""
    where = Path(path)
    try:
        text = where.read_text(encoding="utf-8")
        raw = json.loads(text) if where.suffix == ".json" else tomllib.loads(text)
    except OSError as problem:
        raise BadConfiguration(f"{where} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfiguration(f"{where} cannot be read: it is not UTF-8") from None
    except ValueError as problem:
        kind = "JSON" if where.suffix == ".json" else "TOML"
        raise BadConfiguration(f"{where} is not {kind}: {problem}") from None
    return parse(raw, where.parent, str(where))


def parse(raw: Any, folder: Path, where: str = "the configuration") -> Configuration:
    """Make a configuration from plain data; raises BadConfiguration. Source paths are relative to `folder`.

    `where` begins the messages of errors.
    """
    table = _table(raw, where, "bootstrap", "services", "vats", "bundles", "modules", *_OF_HOST)
    vats = {
        name: _vat(name, given, folder, f"{where}: vats.{name}")
        for name, given in _table(table.get("vats", {}), f"{where}: vats").items()
    }
    bootstrap = table.get("bootstrap")
    if bootstrap is not None and (not isinstance(bootstrap, str) or bootstrap not in vats):
        known = ", ".join(vats) or "none"
        raise BadConfiguration(f"{where}: bootstrap is {bootstrap!r}, which is no vat; there are: {known}")
    devices = _table(table.get("devices", {}), f"{where}: devices")
    for name, kind in devices.items():
        if not isinstance(kind, str):
            raise BadConfiguration(f"{where}: devices.{name} wants the name of a kind of device")
        if kind not in DEVICE_KINDS:
            known = ", ".join(DEVICE_KINDS)
            raise BadConfiguration(
                f"{where}: devices.{name}: there is no kind of device {kind!r}; there are: {known}"
            )
    services = table.get("services", [])
    if not isinstance(services, list) or any(service not in list(SERVICES) for service in services):
        raise BadConfiguration(f"{where}: services wants a list of some of {', '.join(SERVICES)}")
    bundles = {}
    for name, given in _table(table.get("bundles", {}), f"{where}: bundles").items():
        place = f"{where}: bundles.{name}"
        bundles[name] = _parts("main", _table(given, place, "source", "kinds"), folder, place)
    modules = {
        name: _source(folder, file, f"{where}: modules.{name}")
        for name, file in _table(table.get("modules", {}), f"{where}: modules").items()
    }
    try:
        all_module_parts(modules.items())
    except KernelError as problem:
        raise BadConfiguration(f"{where}: modules: {problem}") from None
    online = table.get("online")
    if online is not None and (type(online) is not int or online < 1):
        raise BadConfiguration(f"{where}: online wants how many vats, an int from 1, got {online!r}")
    try:
        options = checked(_table(table.get("kernel", {}), f"{where}: kernel"))
    except KernelError as problem:
        raise BadConfiguration(f"{where}: kernel: {problem}") from None
    return Configuration(vats, bootstrap, devices, tuple(services), bundles, options, online, modules)


def _vat(name: str, raw: Any, folder: Path, where: str) -> VatConfig:
    table = _table(raw, where, "source", "kinds", "parameters", "worker", "options")
    parts = _parts(name, table, folder, where)
    worker = table.get("worker")
    if worker is not None and worker not in KINDS:
        raise BadConfiguration(f"{where}: worker wants one of {', '.join(KINDS)}, got {worker!r}")
    try:
        write(table.get("parameters"))
    except TypeError as problem:
        raise BadConfiguration(f"{where}: parameters: {problem}") from None
    options = _table(table.get("options", {}), f"{where}.options")
    if (trouble := reserved(name) or name_trouble(name)) is not None:
        raise BadConfiguration(f"{where}: {trouble}")
    try:
        host_options(name, options)
    except KernelError as problem:
        raise BadConfiguration(f"{where}: {problem}") from None
    return VatConfig(parts, table.get("parameters"), worker, options)


def _parts(name: str, table: Mapping[str, Any], folder: Path, where: str) -> Parts:
    """The cells of a vat or a bundle: its kinds, and what `source` names last."""
    if "source" not in table:
        raise BadConfiguration(f"{where} wants source, the file of its code")
    kinds = _table(table.get("kinds", {}), f"{where}.kinds")
    cells = [(f"kind {kind}", _source(folder, file, where)) for kind, file in kinds.items()]
    return (*cells, (name, _source(folder, table["source"], where)))


def _source(folder: Path, file: Any, where: str) -> str:
    if not isinstance(file, str):
        raise BadConfiguration(f"{where} wants the path of a source file, got {type(file).__name__}")
    try:
        return (folder / file).read_text(encoding="utf-8")
    except OSError as problem:
        raise BadConfiguration(f"{where}: {folder / file} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfiguration(f"{where}: {folder / file} cannot be read: it is not UTF-8") from None


def _table(raw: Any, where: str, *known: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadConfiguration(f"{where} wants a table, got {type(raw).__name__}")
    if known and (unknown := sorted(set(raw) - set(known))):
        raise BadConfiguration(f"{where} has {unknown[0]!r}, but knows only {', '.join(known)}")
    return raw
