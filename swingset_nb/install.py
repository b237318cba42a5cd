"""`python -m swingset_nb.install`: what the wheel adds to the launcher, for Jupyter servers elsewhere.

That is the kernel "Python 3 with swingset", and a card that opens the first lesson. The wheel puts both into
the environment in which it is installed, and a JupyterLab there finds them. A JupyterLab of another
environment does not look there. This command writes the kernel with the full path of this Python, and the
extension of JupyterLab that shows the card, for the user or under a prefix.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import jupyter_data_dir

from swingset_nb.on_lessons import lessons

NAME = "swingset"
SPEC = Path(__file__).parent / "kernelspec"
EXTENSION = Path(__file__).parent / "labextension"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the kernel and the extension; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m swingset_nb.install", description=__doc__)
    parser.add_argument("--prefix", metavar="PATH", help="an environment; the user's own folder if left out")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / NAME
        shutil.copytree(SPEC, made)
        kernel = json.loads((made / "kernel.json").read_text("utf-8"))
        kernel["argv"][0] = sys.executable
        (made / "kernel.json").write_text(json.dumps(kernel, indent=1), "utf-8")
        try:
            where = KernelSpecManager().install_kernel_spec(
                str(made), NAME, user=given.prefix is None, prefix=given.prefix
            )
            write_extension(given.prefix)
        except OSError as problem:
            print(f"the kernel cannot be written: {problem}; try --prefix PATH", file=sys.stderr)
            return 1
    print(f"{kernel['display_name']} is in {where}: choose it in the launcher")
    print("First Lesson of Swingset is a card there, and an entry in the help menu")
    return 0


def write_extension(prefix: str | None) -> None:
    """Write the extension of JupyterLab, with what its script reads beside itself; raises OSError."""
    shared = Path(jupyter_data_dir()) if prefix is None else Path(prefix) / "share" / "jupyter"
    written = shared / "labextensions" / "swingset-nb"
    shutil.copytree(EXTENSION, written, dirs_exist_ok=True)
    shutil.copy(SPEC / "logo-svg.svg", written / "static" / "logo.svg")
    shutil.copy(lessons()["quickstart"], written / "static")


if __name__ == "__main__":
    sys.exit(main())
