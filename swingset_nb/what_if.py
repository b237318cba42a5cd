"""Runs a `%%whatif` cell: its code, or a vat with its code, in a fork of the world.

The cell is the user's own Python, and sees the notebook's names. References among them, and in lists, dicts,
tuples and sets, are replaced by those of the fork while the cell runs, so functions of earlier cells see the
fork too. Names that the cell binds are gone afterwards. `await` works on what a vat has answered, as in any
cell; there is no event loop in a fork, so nothing else can be awaited.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any

from swingset.core.errors import KernelError
from swingset.guest.base.ended import LifeEndedError
from swingset.host.base.policies import cranks
from swingset.host.base.starting import Parts
from swingset.host.code.combining import combined
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.model.foreign import said
from swingset.time.forks.what_if import Fork, WhatIf, what_if
from swingset.time.forks.where import WrongCrank
from swingset.world.errors import WorldError
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.interrupts import NotebookSession
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.on_runs import named_vat
from swingset_nb.render import Shown, Table


@dataclass(frozen=True)
class Wanted:
    """The options of a `%%whatif` line."""

    at: int | None = None
    drop: bool = False
    again: bool = False

    def options(self) -> list[tuple[str, bool]]:
        """The options beside the crank, and whether each is set."""
        return [("--drop", self.drop), ("--again", self.again)]


def what_if_cell(notebook: Notebook, source: str, wanted: Wanted) -> Shown:
    """Run a cell's code in a fork, and show both worlds; an error of the code is shown, not raised."""
    missing: list[str] = []
    pieces = _compiled(notebook, source)

    def act(fork: Fork) -> Any:
        with _names_of(notebook, fork, missing) as namespace:
            return _ran(pieces, namespace)

    found = _fork(notebook, act if source.strip() else None, wanted)
    where = f"there is no such thing at crank {wanted.at}"
    notes = [f"not bound in the cell, because {where}: {words_of(missing)}"]
    return table_of(notebook, found, notes if missing else [])


def what_if_code(notebook: Notebook, vat: str, source: str, wanted: Wanted) -> Shown:
    """Upgrade a vat to a changed cell in a fork, repeat what came after `at`, and show both worlds."""
    world = notebook.require()
    name = named_vat(world, vat)
    parts = combined(world.session, name, name, source)
    return table_of(notebook, _fork(notebook, None, wanted, {name: parts}), [])


def _fork(notebook: Notebook, act: Any, wanted: Wanted, code: Mapping[str, Parts] | None = None) -> WhatIf:
    world = notebook.require()
    notebook.flush()
    limit = notebook.settings.run_limit

    def attach(controller: Controller, name: str) -> Session:
        return NotebookSession(controller, notebook.cells, name)

    try:
        policy = cranks(limit) if limit > 0 else None
        return what_if(
            world.controller,
            act,
            at=wanted.at,
            drop=wanted.drop,
            again=wanted.again,
            code=code,
            policy=policy,
            session=attach,
        )
    except WrongCrank as problem:
        magic = "%whatif" if act is None and not code else "%%whatif"
        rest = [option for option, is_set in wanted.options() if is_set]
        rest += [f"--vat {name}" for name in code or ()]
        hints = [" ".join([f"{magic} --at {number}", *rest]) for number in problem.near]
        raise SwingSetError(str(problem), *hints) from None
    except (KernelError, WorldError) as problem:
        raise SwingSetError(str(problem), f"%%whatif --at {world.controller.crank}") from None
    finally:
        notebook.progress.clear()


def table_of(notebook: Notebook, found: WhatIf, notes: list[str]) -> Table:
    """Both worlds beside each other, and an error of the code in full."""
    if found.error is not None:
        notes = [
            f"{type(found.error).__name__}: {said(found.error)}",
            *notebook.cells.lines(found.error),
            *notes,
        ]
    where = "now" if found.at is None else f"from crank {found.at:,}"
    return Table(
        f"what if, {where}",
        ["", "this world", "what if"],
        found.rows(),
        notes=[*notes, *found.notes, "nothing has changed in this world"],
    )


def _compiled(notebook: Notebook, source: str) -> list[CodeType]:
    """The cell's code, and its last expression apart."""
    name = notebook.shell.compile.cache(source, notebook.shell.execution_count)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = ast.parse(source, name)
        pieces = []
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
            pieces = [compile(last, name, "eval", flags=flags)]
        return [compile(tree, name, "exec", flags=flags), *pieces]
    except (SyntaxError, ValueError) as problem:
        raise BadArguments(
            f"a cell in a fork is plain Python, without magics: {problem}",
            "mend that line, or put it into a cell before",
        ) from None


def _ran(pieces: list[CodeType], namespace: dict[str, Any]) -> Any:
    """Run the pieces; returns the value of the last."""
    value = None
    for code in pieces:
        value = eval(code, namespace)
        if code.co_flags & inspect.CO_COROUTINE:
            try:
                value.send(None)
            except StopIteration as done:
                value = done.value
            else:
                value.close()
                raise RuntimeError("a cell in a fork can await what vats answer, and nothing else")
    return value


@contextmanager
def _names_of(notebook: Notebook, fork: Fork, missing: list[str]) -> Iterator[dict[str, Any]]:
    """The notebook's namespace, in which references are those of the fork; it is restored at the end."""
    namespace: dict[str, Any] = notebook.shell.user_ns
    before = dict(namespace)
    try:
        for name, value in before.items():
            if not name.startswith("_") and name not in notebook.shell.user_ns_hidden:
                try:
                    namespace[name] = fork.here(value)
                except LifeEndedError:
                    del namespace[name]
                    missing.append(name)
        yield namespace
    finally:
        namespace.clear()
        namespace.update(before)
