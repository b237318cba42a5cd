"""What a cell that has nothing to do with the world costs in a notebook with the extension.

After each cell the notebook's names are stored in the world, so each cell pays for looking at the names. The
namespace has 10,000 of them: plain values, containers, objects of the user's classes, references, and data of
millions of items. The same cells run in a shell without the extension, in turn, and the difference of the
processor's time is what the extension costs. A live panel is measured too, because it follows every cell.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import time

from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import extension
from swingset_nb.explorer import Explorer

NAMES = 10_000
LARGE = 1_000_000
ROUNDS = 60
MOST_MS = 20
"""What a cell may cost more than without the extension."""

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str

@remotable
class Bank:
    def many(self, count: int) -> list:
        return [Purse(owner=f"owner {number}") for number in range(count)]

def build_root_object():
    return Bank()
"""

DATA = """
class Row:
    def __init__(self, number):
        self.number, self.tags = number, [str(number), {{"n": number}}]

for number in range({each}):
    globals()[f"plain_{{number}}"] = number
    globals()[f"text_{{number}}"] = f"text {{number}}"
    globals()[f"list_{{number}}"] = [number, [number, {{"a": [number]}}]]
    globals()[f"dict_{{number}}"] = {{"a": number, "b": [number]}}
    globals()[f"row_{{number}}"] = Row(number)

numbers = list(range({large}))
table = {{number: [number, str(number)] for number in range({large} // 4)}}
records = [{{"id": number, "tags": ("a", "b")}} for number in range({large} // 4)]
rows = [Row(number) for number in range({large} // 20)]
deep = []
for number in range({large} // 10):
    deep = [number, deep]
raw = bytes({large} * 20)
try:
    import pandas
    frame = pandas.DataFrame({{"a": range({large}), "b": ["x"] * {large}}})
except ImportError:
    pass
"""

CELLS = (
    "x = 1",
    "total = sum(range(1000))",
    "def f(a):\n    return a + 1",
    "'text'.upper()",
    "numbers[5] += 1",
)


def shell_with(names: int) -> InteractiveShell:
    """A shell with the extension, and a world a tenth of whose names are references."""
    shell = InteractiveShell()
    extension.load(shell)
    notebook = shell._swingset_nb.notebook
    notebook.open("cells.world", "local")
    shell.user_ns["bank"] = notebook.require().session.define("bank", BANK)
    count = max(1, names // 10)
    shell.run_cell(f"purses = await E(bank).many({count}); purses and None")
    shell.run_cell("for number, purse in enumerate(purses): globals()[f'purse_{number}'] = purse")
    return shell


def fill(shell: InteractiveShell, names: int, large: int) -> None:
    """Give a shell the names and the data."""
    shell.run_cell(DATA.format(each=names // 5, large=large))


def settle(shell: InteractiveShell) -> None:
    """Run cells until all that is new has been looked at."""
    for _ in range(10):
        shell.run_cell("pass")


def run(shell: InteractiveShell, cell: str) -> float:
    """Milliseconds of the processor that a cell takes."""
    start = time.process_time()
    result = shell.run_cell(cell)
    spent = (time.process_time() - start) * 1_000
    assert result.success
    return spent


def compare(without: InteractiveShell, with_it: InteractiveShell, rounds: int) -> tuple[float, float]:
    """How many milliseconds a cell costs more: the median, and the worst but for one in twenty."""
    more = []
    for number in range(rounds):
        cell = CELLS[number % len(CELLS)]
        plain = run(without, cell)
        more.append(run(with_it, cell) - plain)
    return statistics.median(more), sorted(more)[-1 - rounds // 20]


def measure(names: int, large: int, rounds: int) -> dict[str, tuple[float, float]]:
    """What a cell costs more, by what the notebook has: the median, and the worst but for one in twenty."""
    with contextlib.redirect_stdout(io.StringIO()):
        without, with_it = InteractiveShell(), shell_with(names)
        for shell in (without, with_it):
            fill(shell, names, large)
        settle(with_it)
        found = {"a world, and references among the names": compare(without, with_it, rounds)}
        notebook = with_it._swingset_nb.notebook
        notebook.panels.append(Explorer(notebook))
        settle(with_it)
        found["the same with a live panel"] = compare(without, with_it, rounds)
        extension.unload(with_it)
    return found


def main() -> None:
    load = os.getloadavg()[0]
    print(f"a cell that has nothing to do with the world, {NAMES:,} names, load {load:.1f}: more ms")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        found = measure(NAMES, LARGE, ROUNDS)
    for what, (median, worst) in found.items():
        verdict = "" if worst <= MOST_MS else f"   more than the {MOST_MS} ms that were aimed at"
        print(f"  {what:42} {median:6.1f}, 19 of 20 below {worst:.1f}{verdict}")


if __name__ == "__main__":
    main()
