"""Object-capability worlds in a notebook.

`%load_ext swingset_nb` adds three magics, `%swingset`, `%%vat` and `%%kind`; `%swingset` alone says what to
do next. Nothing else happens at import: the engine is prepared when a vat first needs it.

`fetch()` asks for an object of another world. `session()` gives access to everything that has no magic, such
as devices, meters and host functions. `progress_bar()` shows how far a sweep is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from swingset.host.sessions.session import Session

__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics to an IPython shell; loading twice changes nothing."""
    from swingset_nb.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the open world and remove its panels, the hooks and the magics."""
    from swingset_nb.extension import unload

    unload(shell)


def session() -> Session:
    """The session of the world that is open in this notebook; its `controller` is the world itself.

    Raises `NoWorldOpen` if none is open, and `RuntimeError` where the extension is not loaded.
    """
    from IPython import get_ipython

    from swingset_nb.extension import loaded

    return loaded(get_ipython()).notebook.require().session


def progress_bar(what: str = "done") -> Callable[[int, int], None]:
    """A bar under the running cell, for what runs long: `sweep(..., progress=swingset_nb.progress_bar())`.

    `what` stands before it. It is shown after `progress_after` seconds, and removed at the end. Raises
    `RuntimeError` where the extension is not loaded.
    """
    from IPython import get_ipython

    from swingset.model.counting import bar
    from swingset_nb.extension import loaded

    line = loaded(get_ipython()).notebook.progress

    def show(done: int, of: int) -> None:
        line.stage(f"{what} {bar(done, of)}", 1.0 if done == of else None)

    return show


def fetch(source: str | os.PathLike[str] | None = None) -> Any:
    """A promise for an object of another world: `theirs = await fetch(Path("purse.ocapn"))`.

    `source` is the string, which the cell then has in it, or a file with it, as a path object. Without one
    the string is asked for. Raises `SwingSetError` for a string that is not the address of an object, and
    what `session` raises.
    """
    from IPython import get_ipython

    from swingset_nb.extension import loaded
    from swingset_nb.on_links import fetched

    return fetched(loaded(get_ipython()).notebook, source)
