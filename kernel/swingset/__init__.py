"""The vat kernel: a library with no Jupyter in it.

    import swingset

    with swingset.open_world("my.world", "my.toml") as world:
        answer = world.queue_to_root("bank", "deposit", [100])
        world.run()
        print(world.status(answer), world.resolution(answer))

What an embedder needs is here by name, and loaded when it is first asked for: code inside a vat imports this
package too, and needs none of it. `swingset.api` lists the names and says where each is from.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swingset.api import *


def __getattr__(name: str) -> Any:
    """A name of `swingset.api`, or its list of them."""
    if name == "__all__" or not _is_of_python(name):
        api = import_module("swingset.api")
        if name == "__all__" or name in api.__all__:
            return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _is_of_python(name: str) -> bool:
    """Whether the import system asks: for a part of the package as a module, or for something about it."""
    return name.startswith("__") or name in _parts()


@cache
def _parts() -> frozenset[str]:
    """The names of the modules in this package: listed once, because listing reads the folder."""
    return frozenset(module.name for module in iter_modules(__path__))


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("swingset.api").__all__})
