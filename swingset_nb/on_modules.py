"""Modules that vats share: the magic `%%module`, and `%swingset module` for files, packages and overviews.

A definition changes no vat. It says which vats run an older version, and what upgrades them together.
"""

from __future__ import annotations

import argparse
import ast
import os
from collections.abc import Mapping

from swingset.core.errors import KernelError, VatFault
from swingset.host.code.modules import ModuleUpgrade, StrangeModules
from swingset.host.code.packages import Package, package_source
from swingset.host.worlds.imports import MOST_SOURCE
from swingset.lens.source.difference import unified
from swingset.lens.source.modules import ModuleRow
from swingset.model.capdata import is_well_formed
from swingset.model.lines import source_lines
from swingset.model.visible import one_line
from swingset_nb.cells import HALF_A_PAIR, upgrade_in_words
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, SwingSetError, UpgradeRefused, vat_failed
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Diff, Message, Shown, Stack, Table
from swingset_nb.vat_names import give_root


@command(
    "module",
    "modules that vats import: list them, define one from a file or a package, upgrade the vats that have it",
    argument(
        "what", metavar="NAME|FILE.py", nargs="?", help="a module of this world, or a file to make one of"
    ),
    argument(
        "--package", action="store_true", help="NAME is an installed package: show its licence and size"
    ),
    argument("--yes", action="store_true", help="with --package: take its source into this world"),
    argument("--upgrade", action="store_true", help="upgrade all vats that run an older version, together"),
    argument("--keep", action="store_true", help="accept a module that was found in the file"),
    argument("--drop", action="store_true", help="forget the definition; vats that have it keep it"),
    completes="module",
)
def module(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show and define modules."""
    world = notebook.require()
    if given.what is None:
        return _listed(world)
    try:
        if given.package:
            return _package(world, package_source(given.what), yes=given.yes)
        if given.what.endswith(".py"):
            name = os.path.basename(given.what).removesuffix(".py")
            return define(notebook, name, _read(given.what), upgrade=given.upgrade, again=given.what)
        if given.keep:
            world.session.modules.keep(given.what)
            return Message(f"vats can import module {given.what}", (), _hints(_row(world, given.what)))
        if given.drop:
            world.session.modules.drop(given.what)
            return Message(f"module {given.what} is not defined any more; vats that have it keep it")
        if given.upgrade:
            return _upgraded(notebook, given.what, None)
        return _shown(world, _row(world, given.what))
    except KernelError as problem:
        if isinstance(problem, VatFault | StrangeModules):
            raise
        raise BadArguments(str(problem), "%swingset module", "%%module NAME") from None


def define(
    notebook: Notebook,
    name: str,
    source: str,
    *,
    upgrade: bool = False,
    message: str = "",
    again: str | None = None,
) -> Shown:
    """Define a module of a cell or a file; with `upgrade`, upgrade the vats that have it too."""
    world = notebook.require()
    if not is_well_formed(source):
        raise BadArguments(HALF_A_PAIR, "write it as an escape, such as \\ud83d, and define it again")
    old = next((row.parts for row in world.session.modules.all() if row.name == name), ())
    try:
        if upgrade:
            return _upgraded(notebook, name, source, message)
        changed = world.session.modules.define(name, source)
    except KernelError as problem:
        if isinstance(problem, VatFault | StrangeModules):
            raise
        raise BadArguments(str(problem), "%%module NAME") from None
    row = _row(world, name)
    notes = _slip(source)
    if not changed:
        return Message(
            f"module {name} is defined exactly so: version {row.version}", notes, _hints(row, again)
        )
    if not old:
        return Message(f"module {name} is defined: version {row.version}", notes, _hints(row, again))
    headline = f"module {name} is version {row.version} now; no vat has changed yet"
    return Stack(
        [Message(headline, notes), _difference(old, source), Message("To go on", (), _hints(row, again))]
    )


def _slip(source: str) -> list[str]:
    """A line about source that does not parse here; a vat's Python may be a later one."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = getattr(problem, "lineno", None)
        where = f"line {line} " if line else "it "
        return [f"{where}does not parse with the Python of this notebook: {one_line(str(problem), 200)}"]
    return []


def _difference(old: tuple[tuple[str, str], ...], source: str) -> Shown:
    before = source_lines(old[0][1]) if len(old) == 1 else []
    return Diff(unified(before, source_lines(source), ("before", "now"), 2))


def _upgraded(notebook: Notebook, name: str, source: str | None, message: str = "") -> Shown:
    world = notebook.require()
    sources: dict[str, str] = {} if source is None else {f"module {name}": source}
    try:
        done = world.session.modules.upgrade(name, source, message=message)
    except VatFault as error:
        kept = dict(world.controller.vats.parts(error.vat)) if world.has_vat(error.vat) else {}
        raise vat_failed(error, UpgradeRefused, {**kept, **sources}) from None
    finally:
        notebook.progress.clear()
    said = [
        line for vat in done.upgraded for line in give_root(notebook, vat.vat, world.session.root(vat.vat))
    ]
    lines, hints = _what_it_did(done)
    return Message(_headline(done, _row(world, name)), [*lines, *said], hints)


def _headline(done: ModuleUpgrade, row: ModuleRow) -> str:
    if not done.upgraded:
        return f"no vat runs an older version of module {done.name} than {row.version}"
    vats = words_of([vat.vat for vat in done.upgraded])
    return f"upgraded to module {done.name}, version {row.version}: {vats}"


def _what_it_did(done: ModuleUpgrade) -> tuple[list[str], tuple[str, ...]]:
    lines = [
        f"{vat.vat}, incarnation {vat.incarnation}: {line}"
        for vat in done.upgraded
        for line in upgrade_in_words(vat)
    ]
    lines += [f"{vat} was left: {why}" for vat, why in done.left]
    return lines, ()


def _listed(world: OpenWorld) -> Shown:
    strange = world.session.modules.strange()
    rows: list[list[object]] = []
    notes = []
    for row in world.session.modules:
        older = row.stale
        now = [use.vat for use in row.uses if not use.stale]
        rows.append(
            [row.name, row.version or "-", f"{row.size:,}", ", ".join(now) or "-", ", ".join(older) or "-"]
        )
        if older:
            notes.append(f"`%swingset module {row.name} --upgrade` upgrades {words_of(older)} together")
        if row.name in strange:
            notes.append(f"{row.name} was found in the file: `%swingset module {row.name} --keep` accepts it")
    empty = "none; `%%module NAME` on the first line of a cell makes one of it"
    columns = ["module", "version", "characters", "run by", "older version run by"]
    return Table("modules", columns, rows, empty, notes)


def _row(world: OpenWorld, name: str) -> ModuleRow:
    for row in world.session.modules.all():
        if row.name == name:
            return row
    known = words_of([row.name for row in world.session.modules]) or "none"
    raise BadArguments(
        f"no module {name!r} is in this world; there are: {known}",
        f"`%%module {name}` on the first line of a cell makes one of it",
        f"`%swingset module ./{name}.py` makes one of that file",
    )


def _shown(world: OpenWorld, row: ModuleRow) -> Shown:
    lines = [f"{use.vat} runs {'the older version ' if use.stale else ''}{use.version}" for use in row.uses]
    if row.version is None:
        return Message(f"module {row.name} is not defined here, and came with the code of vats", lines)
    shown: list[Shown] = [
        Message(f"module {row.name}, version {row.version}", lines or ["no vat imports it"], _hints(row))
    ]
    if len(row.parts) == 1:
        shown.append(Diff([f"  {line}" for line in source_lines(row.parts[0][1])]))
    else:
        shown.append(Message("it is a package", [part.removeprefix("module ") for part, _ in row.parts][:50]))
    if row.name in world.session.modules.strange():
        hint = f"`%swingset module {row.name} --keep` lets new code import it"
        shown.append(Message("it was found in the file, and is not of this session", (), (hint,)))
    return Stack(shown)


def _hints(row: ModuleRow, again: str | None = None) -> tuple[str, ...]:
    if row.stale:
        hint = f"`%swingset module {row.name} --upgrade` upgrades {words_of(row.stale)} together"
        return (hint,)
    if row.uses or again is None:
        return () if row.uses else (f"`import {row.name}` in a `%%vat` cell",)
    return (f"`import {row.name}` in a `%%vat` cell; `%swingset module {again}` reads the file again",)


def _package(world: OpenWorld, package: Package, *, yes: bool) -> Shown:
    count = len(package.modules)
    lines = [
        f"licence: {package.licence}",
        f"{count:,} {'module' if count == 1 else 'modules'}, {package.size:,} characters, pure Python",
        f"`import` calls it {words_of(package.names)}",
    ]
    if package.left_out:
        lines.append(f"left out: {package.left_out:,} files that are no modules, or tests")
    name = f"{package.name} {package.version}"
    if not yes:
        hint = f"`%swingset module {package.name} --package --yes` takes its source into this world"
        return Message(f"{name} can be imported by vats", lines, (hint,))
    changed = world.session.modules.define_package(package)
    rows = [_row(world, known) for known in package.names]
    hints = [hint for row in rows for hint in _hints(row)]
    return Message(f"{name} is {'' if changed else 'already '}in this world", lines, hints)


def _read(path: str) -> str:
    where = os.path.expanduser(path)
    try:
        with open(where, encoding="utf-8") as file:
            text = file.read(MOST_SOURCE + 1)
    except OSError as problem:
        raise BadArguments(f"{path} cannot be read: {problem.strerror}", "%%module NAME") from None
    except UnicodeDecodeError:
        raise BadArguments(f"{path} is not UTF-8", "save it as UTF-8") from None
    if len(text) > MOST_SOURCE:
        raise SwingSetError(f"{path} has more than {MOST_SOURCE:,} characters", "split it into modules")
    return text


def stale_in_words(stale: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """A line and a hint for each module of which vats run an older version."""
    vats: dict[str, list[str]] = {}
    for vat, modules in stale.items():
        for name in modules:
            vats.setdefault(name, []).append(vat)
    return [
        (
            f"{words_of(found)} {'run' if len(found) > 1 else 'runs'} an older version of module {name}",
            f"`%swingset module {name} --upgrade` upgrades {words_of(found)}",
        )
        for name, found in sorted(vats.items())
    ]
