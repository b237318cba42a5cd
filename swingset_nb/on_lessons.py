"""`%swingset lesson`: copies a walkthrough beside the notebook, to be opened and run there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Table

_PACKAGED = Path(__file__).parent / "lessons"
_IN_A_CLONE = Path(__file__).parents[1] / "notebooks"


@command(
    "lesson",
    "the walkthroughs; with a name, put a copy of one beside this notebook",
    argument("name", metavar="NAME", nargs="?", help="one of those that are listed without a name"),
)
def lesson(_notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the lessons, or copy one."""
    found = lessons()
    if given.name is None:
        rows = [[name, _title(path)] for name, path in found.items()]
        hint = "`%swingset lesson NAME` puts a copy of one beside this notebook"
        return Table("lessons", ["name", "about"], rows, notes=(hint,))
    if given.name not in found:
        raise BadArguments(
            f"there is no lesson {given.name!r}; there are: {', '.join(found)}", "%swingset lesson"
        )
    target = Path(f"{given.name}.ipynb")
    text = json.dumps(_without_outputs(_read(found[given.name])), indent=1, ensure_ascii=False)
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
    """The stored notebooks by name, as they come with the package or lie in a clone of the project."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _IN_A_CLONE
    return {path.stem: path for path in sorted(folder.glob("*.ipynb"))}


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _title(path: Path) -> str:
    text = "".join(_read(path)["cells"][0]["source"])
    return text.lstrip("# ").partition("\n")[0]


def _without_outputs(notebook: dict[str, Any]) -> dict[str, Any]:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return notebook
