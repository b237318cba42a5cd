"""The guest library as a world keeps it: a text with an interface version, by content.

A vat can be replayed only on exactly the library that it was started on: another text gives another base
image, and spends other computrons. So a world keeps the library of each incarnation, and the engine bakes it
again when such a vat is brought back. A newer release can then run the vats of older ones, and only an
upgrade moves a vat to the newest library.

That makes the protocol between host and library a public interface. `INTERFACE` is its version, and these are
its parts:

- how a library is baked: the names `LEAN`, `STANDARD` and `SOURCES` are set, and `PACKAGES` if the engine has
  some compiled packages and not all; then its bootstrap runs, which imports all modules and prints the
  address of the function that serves one delivery;
- how it is entered: that function is called without arguments, once for each delivery;
- how it calls the host: the form of deliveries, syscalls and results (`door`), of which version 1 knows
  `D`, `S` and `R`, and version 2 `F` and `G` too;
- what the engine's system interface answers (`wasi`): from version 3 on, that there are data files of
  packages, and from version 4 on, those of time zones.

A change that an older library would notice raises the version. The host then either goes on speaking the
older version to the libraries that ask for it, or refuses them by name.

A library that came with a file is a stranger's code. It is nothing but text here: it is never imported and
never compiled by the host, and runs where vat code runs, in the engine, within limits of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from swingset.model.foreign import read_json
from swingset.model.spelling import spelled
from swingset.model.wording import fit
from swingset.workers.base import LibraryUnusable

INTERFACE = 4
"""How this host and its library speak to each other."""

HAS_DATA_FILES = 3
"""From this version on, the system interface of the scientific engine has the data files of its packages."""

HAS_ZONES = 4
"""From this version on, that of the lean engine has time zones."""

SPOKEN = frozenset({1, 2, 3, INTERFACE})
"""The versions that this host can speak."""

_KEYS = {"bootstrap", "interface", "modules", "standard"}
_MOST_MODULES = 2_000
_MOST_STANDARD = 500
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_LONGEST_NAME = 200

Sources = dict[str, tuple[bool, str]]
"""Modules by name, packages before what is in them: whether each is a package, and its source."""


@dataclass(frozen=True)
class GuestLibrary:
    """What is baked: the modules, the standard modules loaded before them, and the text that loads both."""

    interface: int
    bootstrap: str
    standard: tuple[str, ...]
    sources: Sources

    def content(self) -> bytes:
        """The library as one JSON text, which a world stores."""
        modules = [[name, package, source] for name, (package, source) in self.sources.items()]
        said = {
            "bootstrap": self.bootstrap,
            "interface": self.interface,
            "modules": modules,
            "standard": self.standard,
        }
        return spelled(said).encode()

    def program(self, packages: frozenset[str] | None) -> str:
        """What the interpreter runs to bake the library, where it has these packages; None for all."""
        head = f"LEAN = {packages is not None}\nSTANDARD = {self.standard!a}\nSOURCES = {self.sources!a}\n"
        head += f"PACKAGES = {sorted(packages)!a}\n" if packages else ""
        return head + self.bootstrap


def read(content: bytes) -> GuestLibrary:
    """Read a library that a world has kept.

    Raises `LibraryUnusable` for a text that is not a library, or that speaks an interface unknown here.
    """
    try:
        said = read_json(content)
    except ValueError:
        _bad("it is no JSON text")
    if not isinstance(said, dict) or "interface" not in said:
        _bad("it does not name its interface")
    interface = said["interface"]
    if type(interface) is not int or interface not in SPOKEN:
        spoken = ", ".join(str(version) for version in sorted(SPOKEN))
        _bad(
            f"it speaks interface {fit(repr(interface), 40)}, this host speaks {spoken}: "
            "open the world with a later version"
        )
    if said.keys() != _KEYS:
        _bad(f"it wants {', '.join(sorted(_KEYS))} and nothing else")
    return GuestLibrary(
        interface,
        _text("bootstrap", said["bootstrap"]),
        _standard(said["standard"]),
        _sources(said["modules"]),
    )


def _standard(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list) or len(said) > _MOST_STANDARD:
        _bad(f"standard is a list of at most {_MOST_STANDARD} names")
    return tuple(_name(name) for name in said)


def _sources(said: Any) -> Sources:
    if not isinstance(said, list) or not 0 < len(said) <= _MOST_MODULES:
        _bad(f"modules is a list of 1 to {_MOST_MODULES}")
    found: Sources = {}
    for module in said:
        if not isinstance(module, list) or len(module) != 3 or not isinstance(module[1], bool):
            _bad("a module is a name, whether it is a package, and its source")
        name = _name(module[0])
        if name.split(".")[0] != "swingset" or name in found:
            _bad(f"its modules are those of swingset, each once, not {name}")
        found[name] = (module[1], _text(name, module[2]))
    return found


def _name(said: Any) -> str:
    if not isinstance(said, str) or len(said) > _LONGEST_NAME or not _NAME.fullmatch(said):
        _bad(f"{fit(repr(said), 80)} is no name of a module")
    return said


def _text(what: str, said: Any) -> str:
    if not isinstance(said, str):
        _bad(f"{what} is no text")
    try:
        said.encode()
    except UnicodeEncodeError:
        _bad(f"{what} holds half of a character")
    return said


def _bad(words: str) -> NoReturn:
    raise LibraryUnusable(f"the guest library that the world keeps cannot be used: {words}")
