"""References as a cell shows them: what an object of another vat is, and how a promise stands.

IPython's own display knows neither: it shows the name of a class and a number. What is shown instead comes
from the records of the world, and is a line of bounded length, without time and address. Nothing is sent and
nothing runs, not even if the value is displayed while a cell runs in another thread: then the short form of
Python is shown.

In a container, a reference is shown by its name alone, and a promise with how it stands: what waits in the
world is not looked through for it, because a list of promises has thousands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swingset.guest.base.promises import FULFILLED, Promise
from swingset.guest.guards.method_tables import MethodTable
from swingset.guest.passing.remotables import Presence
from swingset.guest.sending.device_calls import DevicePresence
from swingset.guest.sending.eventual import EMethod, EProxy
from swingset.host.variables.looking import defined, is_reference
from swingset.lens.present.described import Described
from swingset.lens.source.outlines import MethodOutline
from swingset.world.errors import WorldError
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Line

_PATH = re.compile(r"[^\W\d]\w{0,99}(?:\[(?:-?\d{1,9}|'[^'\\\n]{0,99}'|\"[^\"\\\n]{0,99}\")\]){0,5}")
"""A name, or an item of a list or a dict that has a name: what can be looked up without running code."""

_STEP = re.compile(r"\[([^\]]*)\]")
_BARE = re.compile(r"\[([A-Za-z_]\w*)\]")
_SHOWN = (Presence, DevicePresence, Promise)
"""What is shown in words. IPython prefers a class's own `__repr__` to what is set for its base class."""

_OWN_FORMS = (list, tuple, dict)


def reference_at(namespace: Mapping[str, Any], path: str) -> object:
    """The reference to which a path such as `purse` or `purses["alice"]` leads; None if there is none.

    Only dicts, lists and tuples are looked into, and nothing is evaluated.
    """
    if _PATH.fullmatch(path) is None:
        return None
    name, bracket, _ = path.partition("[")
    value: Any = namespace.get(name)
    for step in _STEP.findall(path[len(name) :]) if bracket else ():
        if type(value) not in _OWN_FORMS:
            return None
        key = step[1:-1] if step[0] in "\"'" else int(step)
        if type(value) is not dict and type(key) is not int:
            return None
        try:
            value = value[key]
        except LookupError:
            return None
    return value if is_reference(value) else None


def reference_called(namespace: Mapping[str, Any], word: str) -> object:
    """The reference to which a word of a magic leads, whose quotes are gone: `purses[alice]`."""
    return reference_at(namespace, _BARE.sub(r"['\1']", word))


class References:
    """What is known of the references of one notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def describe(self, value: object) -> Described | None:
        """What a presence or a promise stands for; None if that cannot be told now."""
        if not isinstance(value, Presence | Promise):
            return None
        with self._free() as world:
            if world is None:
                return None
            try:
                return world.session.references.describe(value)
            except WorldError:
                return None  # the file is damaged there, which other commands report

    def name(self, value: Presence | Promise[Any]) -> str | None:
        """What it is called among others; None if that cannot be told now."""
        with self._free() as world:
            if world is None:
                return None
            try:
                return world.session.references.name(value)
            except WorldError:
                return None

    def methods(self, value: object) -> tuple[MethodOutline, ...]:
        """The methods that a message to a value can call, as far as they are known."""
        if isinstance(value, Presence | Promise):
            found = self.describe(value)
            return () if found is None else found.methods
        table = defined(type(value), "__method_table__")
        if type(table) is not MethodTable:
            return ()
        return tuple(
            MethodOutline(name, method.signature(), method.describe()["doc"], "this notebook", 0)
            for name, method in table.methods().items()
        )

    def find(self, path: str) -> object:
        """The reference to which a path such as `purse` or `purses["alice"]` leads; None if there is none."""
        return reference_at(self._notebook.shell.user_ns, path)

    def described_at(self, path: str) -> Described | None:
        """What the reference stands for to which a path leads; None if there is none."""
        return self.describe(self.find(path))

    @contextmanager
    def _free(self) -> Iterator[OpenWorld | None]:
        """The open world, or None if there is none or if another thread is at work in it."""
        world = self._notebook.world
        if world is None or not world.controller.lock.acquire(blocking=False):
            yield None
            return
        try:
            yield world
        finally:
            world.controller.lock.release()


class Displays:
    """The display of references in one shell."""

    def __init__(self, shell: Any, references: References) -> None:
        self._formatters = shell.display_formatter.formatters
        self._references = references

    def install(self) -> None:
        """Show references in words."""
        for kind in _SHOWN:
            self._formatters["text/plain"].for_type(kind, self._plain)
            self._formatters["text/html"].for_type(kind, self._html)
        for unsent in (EProxy, EMethod):
            self._formatters["text/plain"].for_type(unsent, self._unsent)

    def remove(self) -> None:
        """Show them as Python does."""
        for kind in _SHOWN:
            self._formatters["text/plain"].pop(kind, None)
            self._formatters["text/html"].pop(kind, None)
        for unsent in (EProxy, EMethod):
            self._formatters["text/plain"].pop(unsent, None)

    def _line(self, value: object) -> Line | None:
        found = self._references.describe(value)
        if found is None:
            return None
        pieces = found.pieces()
        if isinstance(value, Promise) and value.status != FULFILLED:
            return Line(pieces)
        return Line([*pieces, "`await` it for its value"] if isinstance(value, Promise) else pieces)

    def _plain(self, value: Presence | Promise[Any], printer: Any, _cycle: bool) -> None:
        if len(printer.stack) > 1:  # inside a container, which may have thousands
            name = self._references.name(value)
            printer.text(repr(value) if name is None else f"<{name}>")
            return
        line = self._line(value)
        printer.text(repr(value) if line is None else line.plain())

    def _html(self, value: object) -> str | None:
        line = self._line(value)
        return None if line is None else line.html()

    def _unsent(self, value: EProxy | EMethod, printer: Any, _cycle: bool) -> None:
        target = value._target
        found = self._references.describe(target)
        whose = type(target).__name__ if found is None else found.name
        if isinstance(value, EMethod):
            printer.text(f"nothing is sent yet, {value._name} of {whose} is not called: add (...)")
        else:
            printer.text(f"nothing is sent yet to {whose}: add .method(...)")
