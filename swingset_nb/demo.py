"""`swingset demo`, `python -m swingset_nb.demo`: runs the quickstart notebook and prints it in a terminal.

It prepares the engine, runs the notebook cell by cell in its own kernel, and prints each cell and its output.
It exits with 1 if a cell fails that should not, or does not fail although it should.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from swingset.workers.base import Progress
from swingset_nb.extension import PROGRESS_AFTER
from swingset_nb.on_lessons import lessons

TIMEOUT = 300
QUICKSTART = "quickstart"
RAISES = "raises-exception"
_ANSI = re.compile("\x1b\\[[0-9;]*m")


def main() -> int:
    """Run the demonstration; returns the exit status."""
    try:
        import nbformat
        from nbclient import NotebookClient
    except ImportError as missing:
        print(f"the demonstration needs {missing.name}: pip install {missing.name}", file=sys.stderr)
        return 1
    prepare(terminal_progress())
    os.environ[PROGRESS_AFTER] = str(TIMEOUT)
    read: Any = nbformat.read
    notebook = read(lessons()[QUICKSTART], as_version=4)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            allow_errors=True,
            # ipykernel warns of unencrypted TCP, which stays on this machine here.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        with client.setup_kernel():
            for number, cell in enumerate(notebook.cells):
                if cell.cell_type == "markdown":
                    print(f"\n{cell.source}\n")
                    continue
                print("\n".join(f"    {line}" for line in cell.source.splitlines()))
                client.execute_cell(cell, number)
                lines = [line for text in texts(cell) for line in text.splitlines()]
                print("".join(f"  │ {line}\n" for line in lines), flush=True)
                failures += surprising(cell)
    if failures:
        print(f"\n{failures} cells did not end as they should", file=sys.stderr)
        return 1
    print("\nThat was the notebook quickstart, executed just now. To try it yourself, in a notebook:")
    print("    %load_ext swingset_nb\n    %swingset lesson quickstart")
    return 0


def prepare(progress: Progress) -> None:
    """Prepare the engine before the first cell needs it."""
    from swingset.workers.wasm import prepare_engine

    prepare_engine("lean", progress)


def terminal_progress() -> Progress:
    """Progress as one line that is overwritten, or as plain lines if the output is no terminal."""
    said: list[str] = []

    def show(stage: str, fraction: float | None) -> None:
        text = stage if fraction is None else f"{stage}: {round(100 * fraction)} %"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{'' if fraction == 1.0 else text}")
        elif stage not in said:
            said.append(stage)
            sys.stderr.write(f"{stage}\n")
        sys.stderr.flush()

    return show


def texts(cell: Any) -> Iterator[str]:
    """A cell's outputs as plain text."""
    for output in cell.outputs:
        match output.output_type:
            case "stream":
                yield output.text
            case "error":
                yield _ANSI.sub("", "\n".join(output.traceback))
            case _:
                yield output.data.get("text/plain", "")


def surprising(cell: Any) -> bool:
    """Whether the cell failed although it should not, or the other way round."""
    failed = any(output.output_type == "error" for output in cell.outputs)
    hidden = any("UsageError" in output.get("text", "") for output in cell.outputs)
    return hidden or failed != (RAISES in cell.metadata.get("tags", []))


if __name__ == "__main__":
    sys.exit(main())
