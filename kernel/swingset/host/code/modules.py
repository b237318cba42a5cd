"""Modules that vats share: defined once in a world, and imported by its vats.

A module is source that has a name. A vat whose code imports it gets the source as a part of its own code,
with whatever that imports in turn. So the world keeps, with each vat, exactly the version that it runs;
another definition changes no vat until it is upgraded. Vats share source this way, and no state: each runs it
for itself.

The definitions are stored in the world file, so anybody may have written one that is found there. Only those
that this session has made or accepted with `keep` are used for code that is new; a vat goes on with the
version that it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.host.code.drafts import StrangeSources
from swingset.host.code.packages import Package
from swingset.host.code.upgrading import Upgraded, upgrade
from swingset.host.controls.restarting import why_left
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.imports import all_module_parts, module_parts, name_trouble, needed_by
from swingset.lens.source.modules import ModuleRow, module_rows
from swingset.model.modules import EXITS, by_module, cells_of
from swingset.model.wording import named
from swingset.world.sources import MODULES
from swingset.world.vats import VatRecord


class StrangeModules(StrangeSources):
    """Code imports modules that this session has neither defined nor accepted with `keep`."""


@dataclass(frozen=True)
class ModuleUpgrade:
    """What became of the vats that ran an older version of a module.

    `upgraded` has a report for each vat that runs the newest now, `left` the names of those that were left as
    they are, with the reasons.
    """

    name: str
    upgraded: tuple[Upgraded, ...]
    left: tuple[tuple[str, str], ...]


class Modules:
    """The modules of a world, as `session.modules`. Iterating gives a `ModuleRow` for each.

    Source:
        Ours: bundles are SwingSet's, modules with versions are not.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._own: set[Parts] = set()

    def __iter__(self) -> Iterator[ModuleRow]:
        return iter(self.all())

    def all(self) -> list[ModuleRow]:
        """The modules that are defined here, or that a vat has in its code, and who runs which version.

        Example:
            >>> session.modules.define("money", "def cents(euros): return euros * 100")
            True
            >>> [(module.name, module.uses) for module in session.modules]
            [('money', ())]
        """
        with self._controller.lock:
            return module_rows(self._controller.kernel.store)

    def strange(self) -> list[str]:
        """The names of modules in the file that this session has neither defined nor accepted.

        Example:
            >>> session.modules.strange()
            []
        """
        with self._controller.lock:
            return [name for name, parts in self._defined().items() if parts not in self._own]

    def define(self, name: str, source: str | Mapping[str, str]) -> bool:
        """Define a module that vats can import, or define it anew, and commit. No vat changes by that.

        Args:
            name: what `import` calls it.
            source: its code; for a package, the code of each of its modules by name, its own as
                `name.__init__`.
        Returns:
            Whether that is another source than before.
        Raises:
            KernelError: for a name or a source that cannot be a module.
        Example:
            >>> session.modules.define("money", "def cents(euros): return euros * 100")
            True
            >>> source = "import money" + chr(10) + dict(world.vats.parts("bank"))["bank"]
            >>> shop = session.define("shop", source)
            >>> [part for part, source in world.vats.parts("shop")]
            ['module money', 'shop']
        """
        parts = _parts_of(name, source)
        with self._controller.lock:
            self._own.add(parts)
            if self._defined().get(name) == parts:
                return False
            self._store({**self._defined(), name: parts}, f"define module {name}")
            return True

    def define_package(self, package: Package) -> bool:
        """Define the modules of an installed package, and commit; `package_source` reads them.

        Args:
            package: what was read.
        Returns:
            Whether any of them is another source than before.
        Raises:
            KernelError: if they cannot be modules of vats.
        Example:
            >>> session.modules.define_package(swingset.package_source("iniconfig"))
            True
            >>> [module.name for module in session.modules]
            ['iniconfig']
        """
        with self._controller.lock:
            changed = [self.define(name, package.below(name)) for name in package.names]
            return any(changed)

    def keep(self, name: str) -> None:
        """Accept a definition that was found in the file, so that new code may import it.

        Args:
            name: the name of the module.
        Raises:
            KernelError: if there is no such module.
        Example:
            >>> session.modules.define("money", "CENTS = 100")
            True
            >>> other = swingset.Session(world, "other")
            >>> other.modules.keep("money")
            >>> other.modules.strange()
            []
        """
        with self._controller.lock:
            self._own.add(self._found(name))

    def drop(self, name: str) -> None:
        """Forget the definition of a module, and commit; vats that have it in their code keep it.

        Args:
            name: the name of the module.
        Raises:
            KernelError: if there is no such module.
        Example:
            >>> session.modules.define("money", "CENTS = 100")
            True
            >>> session.modules.drop("money")
            >>> session.modules.all()
            []
        """
        with self._controller.lock:
            self._found(name)
            rest = {known: parts for known, parts in self._defined().items() if known != name}
            self._store(rest, f"drop module {name}")

    def upgrade(
        self, name: str, source: str | Mapping[str, str] | None = None, *, message: str = ""
    ) -> ModuleUpgrade:
        """Upgrade all vats that run an older version of a module, one right after the other, and commit.

        All upgrades are tried in a fork first. So either each vat runs the newest version afterwards, or none
        was touched. Each vat keeps its own cells and its parameters.

        Args:
            name: the name of the module.
            source: its new code, as for `define`; None for the newest that is defined.
            message: a text for the rejections of broken promises.
        Returns:
            A report of each upgrade, and the vats that were left as they are, such as suspended ones.
        Raises:
            KernelError: if there is no such module.
            StrangeModules: if it was found in the file, or imports one that was, and is not accepted.
            VatFault: if a vat refuses its upgrade; then neither the vats nor the module have changed.
        Example:
            >>> session.modules.define("money", "CENTS = 100")
            True
            >>> source = "import money" + chr(10) + dict(world.vats.parts("bank"))["bank"]
            >>> shop = session.define("shop", source)
            >>> [done.vat for done in session.modules.upgrade("money", "CENTS = 10").upgraded]
            ['shop']
        """
        controller = self._controller
        words = message or f"module {name} was upgraded"
        with controller.lock:
            newest = self._found(name) if source is None else _parts_of(name, source)
            if source is not None:
                self._own.add(newest)
            plans, left = self._plans(name, newest)
            if plans:
                with controller.fork() as trial:
                    for vat, parts in plans:
                        trial.upgrade_vat(vat.name, parts, parameters=vat.parameters, message=words)
            if source is not None:
                self.define(name, source)
            done = [upgrade(controller, vat.name, parts, vat.parameters, words) for vat, parts in plans]
            return ModuleUpgrade(name, tuple(done), tuple(left))

    def completed(self, vat: str, cells: Parts, running: Parts = (), chosen: Parts = ()) -> Parts:
        """The code of a vat: its cells, and in front of them the modules that they import.

        Args:
            vat: the name of the vat, for errors.
            cells: the cells.
            running: the code that the vat runs; its modules are used if there are no other definitions.
            chosen: modules that are used in any case.
        Raises:
            StrangeModules: if it imports one that this session has neither defined nor accepted.
        Example:
            >>> session.modules.define("money", "CENTS = 100")
            True
            >>> [part for part, source in session.modules.completed("shop", (("shop", "import money"),))]
            ['module money', 'shop']
        """
        with self._controller.lock:
            defined = self._defined()
        had, given = _definable(running), by_module(chosen)
        known = {**had, **defined, **given}
        closed = {
            name
            for name, parts in known.items()
            if name not in given and parts not in self._own and parts != had.get(name)
        }
        needed = needed_by(cells, known, closed)
        if strange := tuple(name for name in needed if name in closed):
            which = f"{'modules' if len(strange) > 1 else 'module'} {named(strange)}"
            raise StrangeModules(
                vat,
                strange,
                f"vat {vat} imports {which}, found in the file and not of this session: look at the source,"
                " then define it again or `keep` it",
            )
        # The code of a session is no graph of a modulecap: a declaration of exits would not fit it.
        own = tuple(part for part in cells if part[0] != EXITS)
        return (*(part for name in needed for part in known[name]), *own)

    def left_out(self, vat: str) -> dict[str, str]:
        """The modules in the code of a vat that its next code will not have, each with the reason.

        A file may have modules that nobody could define, such as one that is called like one of Python's own.

        Args:
            vat: the name of the vat.
        Raises:
            NoSuchVat: if there is no vat of that name.
        Example:
            >>> session.modules.left_out("bank")
            {}
        """
        running = by_module(self._controller.vats.parts(vat))
        return {name: trouble for name in running if (trouble := name_trouble(name)) is not None}

    def _plans(self, name: str, newest: Parts) -> tuple[list[tuple[VatRecord, Parts]], list[tuple[str, str]]]:
        """The vats whose code changes with a module, with the code to come, and those that are left."""
        plans, left = [], []
        for vat in self._controller.vats:
            running = self._controller.vats.parts(vat.name)
            if by_module(running).get(name, newest) == newest:
                continue
            if (why := why_left(vat)) is not None:
                left.append((vat.name, why))
                continue
            plans.append((vat, self.completed(vat.name, cells_of(running), running, newest)))
        return plans, left

    def _defined(self) -> dict[str, Parts]:
        return _definable(self._controller.kernel.store.sources.parts(MODULES))

    def _found(self, name: str) -> Parts:
        found = self._defined().get(name)
        if found is None:
            known = named(self._defined())
            raise KernelError(f"no module {name!r} is defined in this world; there are: {known}")
        return found

    def _store(self, defined: Mapping[str, Parts], note: str) -> None:
        kernel = self._controller.kernel
        kernel.keep_sources(MODULES, tuple(part for name in sorted(defined) for part in defined[name]))
        self._controller.commit(note)


def _definable(parts: Parts) -> dict[str, Parts]:
    """The modules among some parts that anybody could define.

    A file may have anything, and so may the code of a vat in it: a module that is called like one of Python's
    own would take its place in code that imports Python's.
    """
    return {name: found for name, found in by_module(parts).items() if name_trouble(name) is None}


def _parts_of(name: str, source: str | Mapping[str, str]) -> Parts:
    if not isinstance(source, Mapping):
        return module_parts(name, source)
    parts = all_module_parts(source.items())
    if list(by_module(parts)) != [name]:
        raise KernelError(f"the modules of package {name} are called {name}.__init__ and {name}.MODULE")
    return parts
