"""A crank that was rolled back, repeated in a fork of the world that stands just before it.

No transcript has its delivery. So the fork takes the state after the crank before, and the rows that hosts
asked to change since; then its kernel runs the crank anew, answers the syscalls, and rolls it back again. Who
repeats it hands the delivery to the worker, and so can watch it.
"""

from __future__ import annotations

from swingset.core.delivery import HandOver
from swingset.core.report import CrankReport
from swingset.host.base.engines import Engines
from swingset.host.worlds.controller import Controller
from swingset.model.reports import Fault
from swingset.model.visible import one_line
from swingset.time.deliveries.past import NotRepeatable
from swingset.time.replaying.repeating import write_rows
from swingset.world.errors import NoSuchMoment
from swingset.world.records import CrankRecord, RequestRecord


def repeat_undone(controller: Controller, record: CrankRecord, hand_over: HandOver) -> CrankReport:
    """Run the crank of a record again in a fork, its deliveries handed over by `hand_over`.

    Raises `NotRepeatable` where the fork does not come to the same event.
    """
    opened, where = controller._opened, f"crank {record.crank}"
    try:
        fork = Controller(opened.fork(record.crank - 1, opened.factories or Engines()))
    except NoSuchMoment as problem:
        raise NotRepeatable(f"{where} was rolled back, and the state before it is gone: {problem}") from None
    try:
        for asked in _requests_before(controller, record):
            if asked.rows is None:
                raise NotRepeatable(f"{where} was rolled back, and its host changed too much before it")
            said = {"do": asked.verb, "with": dict(asked.arguments)}
            write_rows(fork.kernel, asked.rows, lambda said=said: said)  # type: ignore[misc]
        fork.kernel.agenda.look_again()
        fork.kernel.cranks.deliverer.hand_over = hand_over
        report = fork.kernel.cranks.step(record.clean_up)
        if report is None or report.event != record.event:
            came = "nothing" if report is None else type(report.event).__name__
            wanted = type(record.event).__name__
            raise NotRepeatable(f"{where} was rolled back, and repeated {came} comes instead of {wanted}")
        return report
    finally:
        fork.close(keep=False)


def _requests_before(controller: Controller, record: CrankRecord) -> list[RequestRecord]:
    """The requests between the crank before and that of a record."""
    found = []
    for earlier in controller.world.history.records_since(0, record.commit):
        if earlier.number >= record.number:
            break
        if isinstance(earlier, RequestRecord) and earlier.crank == record.crank - 1:
            found.append(earlier)
    return found


def differs(recorded: Fault | None, repeated: Fault | None) -> str | None:
    """In what a repeated fault differs from the recorded one, or None."""
    if (recorded is None) == (repeated is None) and (
        recorded is None or repeated is None or recorded.code == repeated.code
    ):
        return None
    came = "no fault" if repeated is None else str(repeated)
    return one_line(f"recorded {'no fault' if recorded is None else recorded}, repeated {came}", 400)
