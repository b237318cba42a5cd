"""`python -m swingset_nb.install`: the kernel "Python 3 with swingset" for Jupyter servers elsewhere.

The wheel puts this kernel into the environment in which it is installed, and a JupyterLab there offers it in
its launcher. A JupyterLab of another environment does not look there. This command writes the kernel with the
full path of this Python, for the user or under a prefix.
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

NAME = "swingset"
SPEC = Path(__file__).parent / "kernelspec"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the kernel; returns the exit status."""
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
        except OSError as problem:
            print(f"the kernel cannot be written: {problem}; try --prefix PATH", file=sys.stderr)
            return 1
    print(f"{kernel['display_name']} is in {where}: choose it in the launcher")
    return 0


if __name__ == "__main__":
    sys.exit(main())
