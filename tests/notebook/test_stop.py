"""The stop button, and limits where they are hit: what was stopped, how to drop it, what raises a limit."""

from __future__ import annotations

import threading

import pytest

from tests.notebook.kernels import Kernel, Ran

SPIN = """%%vat spin{options}
from swingset.vat import remotable

@remotable
class Spin:
    def go(self, count: int):
        total = 0
        for number in range(count):
            total += number
        return total

def build_root_object():
    return Spin()
"""
FOR_EVER = "await E(spin).go(10**12)"


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A notebook with a vat that can be kept busy for as long as one likes."""
    kernel.run("%swingset open a.world")
    assert kernel.run(SPIN.format(options=" --computrons 1e15 --seconds 600")).status == "ok"
    return kernel


def stopped(kernel: Kernel, code: str = FOR_EVER) -> Ran:
    """Run a cell that does not end, and press the stop button."""
    timer = threading.Timer(1.5, kernel.manager.interrupt_kernel)
    timer.start()
    ran = kernel.run(code)
    timer.join()
    return ran


def test_a_runaway_is_stopped_and_cancelled(opened: Kernel) -> None:
    """The error names the message, the vat and the line; one word drops it, and the vat goes on."""
    ran = stopped(opened)
    assert ran.error is not None
    assert ran.error["evalue"] == (
        "stopped in the middle of the message go() in vat spin, which is rolled back; the world is paused now"
        " and 1 event waits"
    )
    assert "vat spin, line " in ran.traceback
    assert "→ `%swingset cancel` drops it and runs what else waits" in ran.traceback
    assert "→ `%swingset cancel`" in opened.run("await E(spin).go(3)").traceback
    assert "interrupted: the message go() in vat spin" in opened.run("%swingset").plain
    assert opened.run("%swingset cancel").plain.startswith("the message go() is dropped")
    assert opened.run("await E(spin).go(5)").plain == "10"
    refused = opened.run("%swingset cancel").traceback
    assert "nothing to cancel" in refused
    assert "→ " in refused


def test_the_vat_of_a_runaway_is_held(opened: Kernel) -> None:
    """Its message waits for it, and is tried again or dropped."""
    stopped(opened)
    told = opened.run("%swingset cancel --hold").plain
    assert told.startswith("vat spin is suspended: the message go()")
    assert opened.run("%swingset drop spin").plain.startswith("dropped the message go()")
    assert opened.run("%swingset resume spin").plain == "vat spin goes on"


def test_a_step_is_stopped_too(opened: Kernel) -> None:
    """`step` says the same, with the same way out."""
    opened.run("%swingset pause")
    opened.run(f"later = {FOR_EVER.removeprefix('await ')}")
    ran = stopped(opened, "%swingset step")
    assert "stopped in the middle of the message go()" in ran.traceback
    assert opened.run("%swingset cancel").status == "ok"


def test_a_limit_is_raised_where_it_is_hit(opened: Kernel) -> None:
    """The error says what to type, and that helps."""
    assert "30,000,000" in opened.run("%swingset limits spin --computrons 3e7").plain
    ran = opened.run("await E(spin).go(10**5)")
    assert "out-of-computrons" in ran.traceback
    hint = "`%swingset limits spin --computrons 10e9` raises the limit; then send the message again"
    assert f"→ {hint}" in ran.traceback
    opened.run("%swingset limits spin --computrons 1e12")
    assert opened.run("await E(spin).go(10**5)").plain == str(sum(range(10**5)))


def test_the_cell_of_a_vat_sets_limits(opened: Kernel) -> None:
    """A cell that runs already changes only the limits; a start that is too expensive says what it needs."""
    told = opened.run(SPIN.format(options=" --memory 512")).plain
    assert told == "vat spin already runs exactly this cell: only its limits have changed"
    told = opened.run(SPIN.format(options=" --memory 512")).plain
    assert told == "vat spin already runs exactly this cell: nothing changed"
    shown = opened.run("%swingset limits spin").plain
    assert "512 MiB" in shown
    assert "1 GiB" not in shown
    cell = SPIN.replace("spin", "slow", 1).format(options=" --computrons 2e7") + "\nlist(range(10**6))\n"
    ran = opened.run(cell)
    assert "out-of-computrons" in ran.traceback or "used up its computrons" in ran.traceback
    assert "→ `%%vat slow --computrons " in ran.traceback


def test_a_refused_upgrade_keeps_the_limits(opened: Kernel) -> None:
    """The limits in the line of a cell that is refused were for its code: the old ones hold again."""
    before = opened.run("%swingset limits spin").plain
    ran = opened.run("%%vat spin --upgrade --computrons 3e8 --memory 64\n1 / 0\n")
    assert "nothing has changed" in ran.traceback
    assert opened.run("%swingset limits spin").plain == before


@pytest.mark.parametrize("value", ["many", "0", "-3", "1e99", "nan"])
def test_a_limit_is_a_number(opened: Kernel, value: str) -> None:
    """Anything else is refused, with an example."""
    ran = opened.run(f"%swingset limits spin --seconds {value}")
    assert ran.error is not None
    assert ran.error["ename"] == "BadArguments"
    assert "such as 50e9" in ran.traceback or "expected one argument" in ran.traceback
