"""What is sent while no cell runs is delivered soon, and what fails after a cell fails the cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.notebook.kernels import Kernel, bank

HEAD = "__import__('swingset_nb').session().controller.world.head"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel with a purse in it."""
    with Kernel(tmp_path_factory.mktemp("kernel")) as running:
        running.open_bank()
        running.run('alice = await E(bank).open_purse("alice")\nimport asyncio, threading\nsession = None')
        yield running


def balance(kernel: Kernel) -> int:
    """What is in the purse."""
    return int(kernel.run("await E(alice).deposit(0)").plain)


SENDERS = {
    "task": """
async def later():
    await asyncio.sleep(0.2)
    E.send_only(alice).deposit(5)
task = asyncio.create_task(later())
""",
    "callback of the loop": "_ = asyncio.get_running_loop().call_later(0.2, lambda: E(alice).deposit(5))",
    "timer": "threading.Timer(0.2, lambda: E.send_only(alice).deposit(5)).start()",
    "many threads": """
def send():
    import time
    time.sleep(0.2)
    for _ in range(50):
        E.send_only(alice).deposit(1)
threads = [threading.Thread(target=send) for _ in range(4)]
for thread in threads:
    thread.start()
""",
    "a promise that is settled": """
from swingset.vat import make_promise
promise, resolver = make_promise()
promise.then(lambda amount: E.send_only(alice).deposit(amount))
_ = asyncio.get_running_loop().call_later(0.2, lambda: resolver.resolve(5))
""",
}


@pytest.mark.parametrize("sender", SENDERS)
def test_what_is_sent_outside_of_a_cell_is_delivered_without_one(kernel: Kernel, sender: str) -> None:
    """A message of a task, a callback, a thread or a promise is delivered and committed with no cell run."""
    before = balance(kernel)
    kernel.run("print()")
    crank = int(kernel.quiet(f"{HEAD.replace('world.head', 'kernel.cranks.count')}"))
    assert kernel.run(SENDERS[sender]).status == "ok"
    count = 200 if sender == "many threads" else 1
    cranks = f"{HEAD.replace('world.head', 'kernel.cranks.count')} >= {crank + count}"
    assert kernel.wait_until(cranks, "True") == "True"
    assert kernel.wait_until(f"{HEAD.replace('world.head', 'world.dirty')}", "False") == "False"
    assert balance(kernel) - before == (200 if sender == "many threads" else 5)


def test_a_button_delivers_what_its_handler_sends(kernel: Kernel) -> None:
    """A click is delivered when its handler returns: a kill afterwards loses nothing."""
    kernel.run(
        "import ipywidgets\nbutton = ipywidgets.Button()\nbutton.on_click(lambda _: E(alice).deposit(7))"
    )
    before, head = balance(kernel), int(kernel.quiet(HEAD))
    model = kernel.quiet("button.model_id").strip("'")
    kernel.comm(model, {"method": "custom", "content": {"event": "click"}})
    assert kernel.wait_until(f"{HEAD} > {head}", "True") == "True"
    assert balance(kernel) == before + 7


def test_a_paused_world_takes_what_is_sent_and_runs_nothing(kernel: Kernel) -> None:
    """Outside of a cell a paused world stays still: what was sent is in the run-queue, committed."""
    before = balance(kernel)
    kernel.run("%swingset pause")
    kernel.run("threading.Timer(0.2, lambda: E.send_only(alice).deposit(5)).start()")
    waiting = HEAD.replace("world.head", "kernel.store.queues.length()")
    assert kernel.wait_until(waiting, "1") == "1"
    kernel.run("%swingset run")
    assert balance(kernel) == before + 5


def test_an_error_outside_of_a_cell_is_shown(kernel: Kernel) -> None:
    """A rejection that nobody looks at, of a message sent outside of a cell, is shown and not lost."""
    kernel.run("threading.Timer(0.2, lambda: E(alice).deposit(-1)).start()")
    assert kernel.heard("cannot deposit -1")


FULL = """
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
big = max(os.path.getsize(f) for f in os.listdir("."))
resource.setrlimit(resource.RLIMIT_FSIZE, (big, resource.RLIM_INFINITY))
"""
ROOM = "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)"


def test_a_run_stops_at_the_cell_whose_message_was_lost(tmp_path: Path) -> None:
    """On a full disk the cell that sent what cannot be committed fails, and nbclient stops there."""
    cells = [
        "%load_ext swingset_nb",
        "%swingset open it.world --worker local",
        bank(),
        'alice = await E(bank).open_purse("alice")',
        FULL,
        "for _ in range(500):\n    E.send_only(alice).deposit(1)",
        "print('not reached')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        client.execute()
    outputs = notebook.cells[5].outputs
    assert [output.output_type for output in outputs if output.output_type == "error"]
    assert "Error in callback" not in str(outputs)
    assert "Traceback" not in str(outputs)
    assert notebook.cells[6].outputs == []


def test_after_a_failed_commit_the_notebook_goes_on(tmp_path: Path) -> None:
    """Handles that were committed go on, those that were not are gone and told; the money is right."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        kernel.run('alice = await E(bank).open_purse("alice")\nheld = []')
        kernel.run(
            "class Stop(Exception): pass\nworld = __import__('swingset_nb').session().controller.world"
        )
        strike = "def strike(step):\n    if step == 'before-commit':\n        raise Stop('no room')\n"
        ran = kernel.run(
            strike
            + "E(bank).open_purse('bob').then(held.append)\nworld.faults = strike\n"
            + "promise = E(alice).deposit(1)"
        )
        assert ran.status == "error"
        assert ran.error is not None
        assert ran.error["ename"] == "Stop"
        assert "no room" in ran.traceback
        assert len(ran.traceback.splitlines()) < 6
        ran = kernel.run("world.faults = None\ncarol = await E(bank).open_purse('carol')")
        assert ran.status == "ok"
        assert "everything since the last commit was rolled back" in ran.printed
        assert "gone from the notebook: promise" in ran.printed
        ran = kernel.run("await E(held[0]).deposit(1000)")
        assert ran.error is not None
        assert ran.error["ename"] == "LifeEndedError"
        assert kernel.run("[await E(p).deposit(0) for p in (alice, carol)]").plain == "[0, 0]"


def test_one_step_that_fails_keeps_no_other_from_being_done(tmp_path: Path) -> None:
    """A step of the hook that fails fails the cell, and the names are stored all the same."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        kernel.run(
            "from swingset_nb.extension import loaded\nloaded(get_ipython()).notebook.regain = lambda: 1 / 0"
        )
        ran = kernel.run('purse = await E(bank).open_purse("alice")')
        assert ran.status == "error"
        assert "division by zero" in ran.traceback
        assert len(ran.traceback.splitlines()) < 4
    with Kernel(tmp_path) as second:
        assert "bank and purse" in second.run("%swingset open it.world --worker local").plain


def test_a_request_says_which_cell_asked(tmp_path: Path) -> None:
    """The record of what a cell requests has the number that the notebook shows, and the line."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank()
        kernel.run("controller = __import__('swingset_nb').session().controller")
        kernel.run("controller.vats.suspend('bank'); asked = len(In) - 1")
        last = "list(controller.history.records())[-1]"
        assert kernel.quiet(f"({last}.verb, {last}.cell == (asked, 1))") == "('suspend-vat', True)"
