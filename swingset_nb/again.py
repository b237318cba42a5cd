"""When cells of a notebook run again: classes that are defined once more, and names that `%reset` took.

A class of the notebook's own with the same tag takes over the stored objects of the one before. That is what
is wanted, and it is said.

`%reset` unbinds all names, also those of vats, and `E` and `fetch`. To the world that looks as if the user
had deleted each of them, and it would forget what they refer to. So when all of them are gone at once, they
stay stored, until `open` binds them again. `E` and `fetch` are bound at once.
"""

from __future__ import annotations

from typing import Any

from swingset_nb.binding import OURS
from swingset_nb.notebook import Notebook, words_of


class Again:
    """Looks at one notebook before and after each cell."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._kinds: dict[str, Any] = {}

    def before(self) -> None:
        """Note the classes that there are, before a cell runs.

        The values of names are not noted: what a cell unbinds and collects would be held.
        """
        world = self._notebook.world
        self._kinds = world.session.own_kinds() if world is not None else {}

    def after(self) -> None:
        """Print what was defined once more, and keep the names that a `%reset` took, after a cell has run."""
        notebook, world = self._notebook, self._notebook.world
        if world is None:
            return
        now = world.session.own_kinds()
        again = [tag for tag, kind in self._kinds.items() if now.get(tag, kind) is not kind]
        if again:
            which = "its stored objects go" if len(again) == 1 else "their stored objects go"
            print(f"defined again: {words_of(sorted(again))}; {which} on with this code")
        namespace = notebook.shell.user_ns
        had = {**notebook.binding.given, **world.session.names.holding()}  # before this cell is remembered
        others = {name: value for name, value in had.items() if OURS.get(name) is not value}
        if others and not any(name in namespace for name in had):
            notebook.parted = others
            back = words_of(notebook.binding.offer_ours())
            print(f"all names were unbound; {back} are back, `{notebook.open_line()}` binds the others")
