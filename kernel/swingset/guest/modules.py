"""The modules that a vat's code brings along, and the `import` statement that finds them.

They are parts of the vat's code like its cells, so the vat finds the same modules whenever it is started
again. Each vat runs them for itself, when they are first imported: two vats that import one module share its
source and no state. The statement means what it means in Python: a module is run once, a package may have
modules below it, and a module that fails is run again by the next import.

Only the code of the vat sees them. They are not in `sys.modules`, which vats in the host's interpreter share
with the host: the statement asks the `__import__` among the builtins of its own namespace, and the vat's
namespaces have one that looks here first. So the standard library imports what it always does, whatever a
module of the vat is called. `importlib.import_module`, which code reaches by an import, looks here first too.

Code may declare its exits: the modules that it imports and does not bring along (`wire.parts.EXITS`). Then
any other import is refused. Whoever imports a bundle can fill exits with objects of its own. This keeps code
honest that was read before it runs. It confines nothing, because Python has other ways to reach a module.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from swingset.wire.parts import declared_exits, is_package, module_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_NAMED = 12
"""How many names of a module an error lists."""

_ModuleSpec: Any = type(sys.__spec__)


class _Source(NamedTuple):
    part: str
    text: str
    package: bool


class _Importlib(ModuleType):
    """`importlib` as the code of a vat sees it: all of it, with an `import_module` of the vat's."""

    def __init__(self, import_module: Callable[..., ModuleType]) -> None:
        super().__init__(importlib.__name__, importlib.__doc__)
        self.import_module = import_module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)


class Modules:
    """The modules of one vat. `run(part, source, module)` runs the source of one in its namespace."""

    def __init__(
        self,
        vat_name: str,
        parts: list[list[str]],
        run: Callable[[str, str, ModuleType], None],
        filled: Mapping[str, Any] | None = None,
    ) -> None:
        self._vat = vat_name
        self._run = run
        self._filled = dict(filled or {})
        self._exits = declared_exits(parts)
        self._sources: dict[str, _Source] = {}
        for part, source in parts:
            name = module_of(part)
            if name is not None:
                self._sources[name] = _Source(part, source, is_package(part))
        self._tops = {name.partition(".")[0] for name in self._sources}
        self._loaded: dict[str, ModuleType] = {}
        self._running: set[str] = set()
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._importlib = _Importlib(self._import_module)

    def fit_out(self, namespace: dict[str, Any]) -> None:
        """Let the code that runs in a namespace import these modules."""
        if self._sources or self._filled or self._exits is not None:
            namespace["__builtins__"] = self._builtins

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        whole = self._absolute(name, globals or {}, level)
        top = whole.partition(".")[0]
        if top not in self._tops:
            if whole in self._filled:
                return self._filled[whole]
            self._check_declared(whole)
            found = __import__(name, globals, locals, fromlist or (), level)
            return self._importlib if found is importlib else found
        module = self._module(whole)
        if not fromlist:
            return self._loaded[top]
        for wanted in fromlist:
            if wanted == "*":
                names = getattr(module, "__all__", ()) if self._sources[whole].package else ()
                self._below(whole, [name for name in names if not hasattr(module, name)])
            elif not hasattr(module, wanted):
                if f"{whole}.{wanted}" not in self._sources:
                    raise self._lacks(module, wanted)
                self._module(f"{whole}.{wanted}")
        return module

    def _import_module(self, name: str, package: str | None = None) -> ModuleType:
        """What `importlib.import_module` does, for code of the vat."""
        dots = len(name) - len(name.lstrip("."))
        whole = self._absolute(name[dots:], {"__package__": package}, dots) if package else name
        if whole.partition(".")[0] in self._tops:
            return self._module(whole)
        if whole in self._filled:
            found: ModuleType = self._filled[whole]
            return found
        self._check_declared(whole)
        return importlib.import_module(name, package)

    def _check_declared(self, name: str) -> None:
        if self._exits is not None and name not in self._exits and name != "__future__":
            declared = ", ".join(sorted(self._exits)) or "no exits"
            raise ModuleNotFoundError(
                f"the code of vat {self._vat} imports {name}, and declares {declared}: a module that"
                " it has not declared is refused",
                name=name,
            )

    def _absolute(self, name: str, globals: Mapping[str, Any], level: int) -> str:
        package = globals.get("__package__")
        if not level or not isinstance(package, str) or not package:
            return name
        above = package.split(".")
        if level > len(above):
            raise ImportError("attempted relative import beyond top-level package")
        base = ".".join(above[: len(above) - level + 1])
        return f"{base}.{name}" if name else base

    def _below(self, package: str, names: list[str]) -> None:
        for name in names:
            if f"{package}.{name}" in self._sources:
                self._module(f"{package}.{name}")

    def _module(self, name: str) -> ModuleType:
        """The module of a name, with the packages above it; runs those that have not run."""
        found = self._loaded.get(name)
        if found is not None:
            return found
        above, _, last = name.rpartition(".")
        if above:
            self._module(above)
            if name in self._loaded:  # its package has imported it
                return self._loaded[name]
        source = self._sources.get(name)
        if source is None:
            raise ModuleNotFoundError(f"module {above} of vat {self._vat} has no module {last!r}", name=name)
        module = self._made(name, source)
        self._loaded[name] = module
        self._running.add(name)
        try:
            self._run(source.part, source.text, module)
        except BaseException:
            del self._loaded[name]
            raise
        finally:
            self._running.discard(name)
        if above:
            vars(self._loaded[above])[last] = module
        return module

    def _made(self, name: str, source: _Source) -> ModuleType:
        module = ModuleType(name)
        filename = f"<{self._vat}:{source.part}>"
        spec = _ModuleSpec(name, None, origin=filename, is_package=source.package)
        module.__spec__ = spec
        module.__file__ = filename
        module.__package__ = spec.parent
        if source.package:
            module.__path__ = []
        self.fit_out(vars(module))
        return module

    def _lacks(self, module: ModuleType, wanted: str) -> ImportError:
        name = module.__name__
        words = f"cannot import name {wanted!r} from module {name} of vat {self._vat}"
        if name in self._running:
            words += (
                ", which is still being run: it imports the module that asks for this. "
                f"Use `import {name}`, and {name}.{wanted} in the functions that need it"
            )
        else:
            known = sorted(known for known in vars(module) if not known.startswith("_"))
            more = ", ..." if len(known) > MOST_NAMED else ""
            words += f", which has {', '.join(known[:MOST_NAMED]) or 'no names'}{more}"
        return ImportError(words, name=name)
