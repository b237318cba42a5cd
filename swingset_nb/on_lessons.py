"""`%swingset lesson`: copies a lesson beside the notebook, to be opened and run there.

The list tells how far each lesson is, from what lies beside the notebook: not there, there, or run to its
last cell. It runs nothing, and a file of that name which is no notebook counts as not run.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from stat import S_ISREG
from typing import Any

from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Table

_PACKAGED = Path(__file__).parent / "lessons"
_IN_A_CLONE = Path(__file__).parents[1] / "notebooks"
_MOST_READ = 16 << 20
"""A notebook beside this one that is larger, in bytes, is not read."""

_PAGE = re.compile(r"\[([^\]]+)\]\(\.\./docs/([\w/.-]+)\)")
_LESSON = re.compile(r"\[[^\]]+\]\((\w+)\.ipynb\)")

_ORDER = (
    *("quickstart", "concepts", "eventual_sends", "durable_kinds", "failed_upgrade", "upgrade_walkthrough"),
    *("migration", "kill_and_resume", "garbage", "stuck_promise", "time_travel", "escrow", "market"),
    *("sweeps", "two_worlds", "governance", "escrow_by_vote"),
)
"""The lessons, each after those whose words it uses."""


@command(
    "lesson",
    "the lessons, and which you have done; with a name, put a copy of one beside this notebook",
    argument("name", metavar="NAME", nargs="?", help="one of those that are listed without a name"),
)
def lesson(_notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the lessons, or copy one."""
    found = lessons()
    if given.name is None:
        rows = [[name, _title(path), _how_far(name)] for name, path in found.items()]
        ahead = next((name for name, _, how_far in rows if how_far != _DONE), None)
        hint = f"`%swingset lesson {ahead or 'NAME'}` puts a copy of one beside this notebook"
        if ahead is not None and Path(f"{ahead}.ipynb").exists():
            hint = f"{ahead}.ipynb is the next: it is beside this notebook"
        return Table("lessons", ["name", "about", "here"], rows, notes=(hint,))
    if given.name not in found:
        raise BadArguments(
            f"there is no lesson {given.name!r}; there are: {', '.join(found)}", "%swingset lesson"
        )
    target = Path(f"{given.name}.ipynb")
    text = json.dumps(_copied(_read(found[given.name])), indent=1, ensure_ascii=False)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise BadArguments(f"{target} is there already", "open it from the list of files") from None
    except OSError as problem:
        raise BadArguments(
            f"{target} cannot be written: {problem.strerror}", "begin a notebook in a folder of your own"
        ) from None
    return Message(
        f"{target} is beside this notebook", (), ("open it from the list of files, and run its cells",)
    )


def lessons() -> dict[str, Path]:
    """The lessons by name, in their order, as they come with the package or lie in a clone of the project."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _IN_A_CLONE
    return {name: folder / f"{name}.ipynb" for name in _ORDER if (folder / f"{name}.ipynb").is_file()}


_DONE = "done"


def _how_far(name: str) -> str:
    """How far the copy of a lesson in this folder is."""
    path = Path(f"{name}.ipynb")
    try:
        found = path.stat()
        if not S_ISREG(found.st_mode) or found.st_size > _MOST_READ:
            return "here"
        cells = _read(path)["cells"]
        counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    except FileNotFoundError:
        return "-"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return "here"  # it is something else, which is left to its owner
    return _DONE if counts and counts[-1] is not None else "begun" if any(counts) else "here"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _title(path: Path) -> str:
    text = "".join(_read(path)["cells"][0]["source"])
    return text.lstrip("# ").partition("\n")[0]


def _copied(notebook: dict[str, Any]) -> dict[str, Any]:
    """A lesson to be run elsewhere: without outputs, and with what its links lead to where nothing lies."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        else:
            text = _PAGE.sub(r"\1 (`docs/\2` of the project)", "".join(cell["source"]))
            cell["source"] = _LESSON.sub(r"\g<0> (`%swingset lesson \1`)", text).splitlines(keepends=True)
    return notebook
