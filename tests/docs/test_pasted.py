"""The pages pasted into a notebook as they stand: their vats as `%%vat` cells, their cells as cells.

A real kernel runs them, in which nothing is bound but by `%swingset open` and by the page. What they show is
compared in `test_docs`; here a cell has to fail where the page says so, and nowhere else. Pages on what the
variables of a notebook hold have to show the same here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_docs import PAGES, Fence, fences
from tests.notebook.kernels import Kernel

QUICK = ("README", "promises", "world", "market")
"""The pages that run each time: a few, with each way to begin and a world that is closed and opened again."""

WORKERS = {"values": "local"}
"""Pages that say so; one needs numpy and pandas, here those of the host, to prepare no engine."""

SHOWN = ("gc", "explain", "notebook", "market")
"""Pages whose outputs are compared here too: a notebook lets names go when their cell has ended, and confined
vats count computrons."""

_NOTICE = "will not come back after a restart: "
"""How a line begins that a notebook adds, and a program does not."""

_FAILS = re.compile(r"^\w*(Error|Fault|Query|Stopped): |: the upgrade was refused", re.MULTILINE)
_LESS = [
    pytest.param(page, id=page.stem, marks=() if page.stem in QUICK else pytest.mark.slow) for page in PAGES
]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all pages; each begins without names and without a world."""
    with Kernel(tmp_path_factory.mktemp("pasted")) as running:
        yield running


@pytest.mark.parametrize("page", _LESS)
def test_a_page_can_be_pasted_into_a_notebook(kernel: Kernel, page: Path) -> None:
    """Each cell of it ends as the page says, with the names that a notebook has and the page binds."""
    kernel.run("%swingset close")
    kernel.run("%reset -f")
    kernel.run("import pathlib; [path.unlink() for path in pathlib.Path().iterdir() if path.is_file()]")
    kernel.run("%reset -f")
    worker = WORKERS.get(page.stem, "wasm")
    assert kernel.run(f"%swingset open my.world --worker {worker}").status == "ok"
    blocks, made = fences(page), set[str]()
    for block, after in zip(blocks, [*blocks[1:], Fence("", "", 0, "")], strict=True):
        if block.language not in ("vat", "python"):
            continue
        cell = block.text
        if block.language == "vat":
            cell = f"%%vat {block.name}{' --upgrade' if block.name in made else ''}\n{cell}"
            made.add(block.name)
        ran = kernel.run(cell)
        fails = after.language == "text" and _FAILS.search(after.text) is not None
        assert (ran.status == "error") == fails, f"{page.name}:{block.line}: {ran.traceback or ran.plain}"
        if page.stem in SHOWN and block.language == "python" and after.language == "text":
            lines = f"{ran.printed}\n{ran.plain}".splitlines()
            told = [line for line in lines if line and not line.startswith(_NOTICE)]
            assert told == after.text.splitlines(), f"{page.name}:{block.line}"
