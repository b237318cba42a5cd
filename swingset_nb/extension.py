"""Loads and unloads the extension: what it adds to a shell, and how all of that is removed again."""

from __future__ import annotations

import os
from typing import Any

from swingset.model.visible import one_line
from swingset_nb import errors
from swingset_nb.advisers import Advisers
from swingset_nb.cell_forms import CellForms
from swingset_nb.completion import Completer
from swingset_nb.deliveries import Deliveries
from swingset_nb.displays import VatDisplays
from swingset_nb.frames import FrameDisplays
from swingset_nb.hints import hints
from swingset_nb.hooks import CellHooks
from swingset_nb.inspection import Inspection
from swingset_nb.magics import SwingSet
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.own_words import OwnWords
from swingset_nb.preparing import EngineAhead
from swingset_nb.references import Displays, References
from swingset_nb.reopening import Place
from swingset_nb.results import Results
from swingset_nb.sharing import named

PROGRESS_AFTER = "SWINGSET_PROGRESS_AFTER"
"""An environment variable for comparing outputs: how many seconds to wait before progress is shown."""

_ATTRIBUTE = "_swingset_nb"
_LEFT = "_swingset_nb_left"  # where the world is that an unloaded extension has closed, and in which cell


class Extension:
    """Everything that the extension adds to one shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.magics = SwingSet(shell=shell)
        if PROGRESS_AFTER in os.environ:
            self.magics.progress_after = float(os.environ[PROGRESS_AFTER])
        self.notebook = self.magics.notebook = Notebook(shell, self.magics)
        self.hooks = CellHooks(self.notebook)
        self.deliveries = Deliveries(self.notebook, self.hooks)
        references = References(self.notebook)
        self.ahead = EngineAhead(shell, lambda: self.magics.progress_after)
        self.completer = Completer(self.notebook, references)
        self.words = OwnWords(self.notebook.cells.number, references.described_at)
        self.advisers = Advisers(shell, self.notebook.of_name, self.words.put)
        self.forms = CellForms(shell)
        self.displays = Displays(shell, references)
        self.inspection = Inspection(shell, references)
        self.results = Results(shell, lambda: self.magics.print_limit)
        self.vat_displays = VatDisplays(shell)
        self.frame_displays = FrameDisplays(shell)

    def add(self) -> None:
        """Add it."""
        shell = self.shell
        shell.register_magics(self.magics)
        if self.magics not in shell.configurables:
            shell.configurables.append(self.magics)
        self.hooks.install()
        self.deliveries.install()
        shell.Completer.custom_matchers.append(self.completer.matcher)
        self.advisers.install()
        self.forms.install()
        self.displays.install()
        self.inspection.install()
        self.vat_displays.install()
        self.frame_displays.install()
        self.results.install()
        self.ahead.begin()
        self.notebook.prepare = self.ahead.begin
        errors.install(self.notebook.source_of, self._advise, self.notebook.cells.lines, self._named)

    def _advise(self, error: BaseException) -> list[str]:
        return self.words.put(error, hints(self.notebook.world, error))

    def _named(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        world = self.notebook.world
        return lines if world is None else named(world.session, lines)

    def remove(self) -> None:
        """Remove it."""
        shell = self.shell
        closed = self.notebook.close(whatever=True)
        if closed is not None:
            if closed.unsaved is None:
                setattr(shell, _LEFT, (shell.execution_count, closed.place))
            print(
                f"{closed.path} is closed, and its names are gone: `{closed.place.line()}` binds them again"
            )
        self.deliveries.remove()
        self.hooks.remove()
        errors.uninstall()
        self.advisers.remove()
        self.forms.remove()
        self.displays.remove()
        self.inspection.remove()
        self.vat_displays.remove()
        self.frame_displays.remove()
        self.results.remove()
        shell.Completer.custom_matchers.remove(self.completer.matcher)
        shell.configurables.remove(self.magics)
        for kind, names in self.magics.magics.items():
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)


def load(shell: Any) -> None:
    """Load the extension, once."""
    if getattr(shell, _ATTRIBUTE, None) is None:
        extension = Extension(shell)
        extension.add()
        setattr(shell, _ATTRIBUTE, extension)
        left = getattr(shell, _LEFT, None)
        if left is not None:
            delattr(shell, _LEFT)
            if left[0] == shell.execution_count:  # `%reload_ext` unloads and loads in one cell
                _open_again(extension, left[1])


def _open_again(extension: Extension, place: Place) -> None:
    """Open the world that a reload has closed, and bind its names."""
    try:
        world = extension.notebook.open(place.path(), place.worker, place.lease)
    except Exception as problem:  # the line to type is printed already
        print(f"{place.path()} was not opened again: {one_line(str(problem), 300)}")
        return
    names = extension.notebook.come_back(world.session.names.recall())
    back = f"names that came back: {words_of(names)}" if names else "no names were stored"
    print(f"{world.path} is open again, at crank {world.controller.crank:,}; {back}")


def loaded(shell: Any) -> Extension:
    """The extension in a shell; raises `RuntimeError` if it is not loaded."""
    extension: Extension | None = getattr(shell, _ATTRIBUTE, None)
    if extension is None:
        raise RuntimeError("this is no notebook with the extension in it: %load_ext swingset_nb")
    return extension


def unload(shell: Any) -> None:
    """Unload it, if it is loaded."""
    extension: Extension | None = getattr(shell, _ATTRIBUTE, None)
    if extension is not None:
        extension.remove()
        delattr(shell, _ATTRIBUTE)
