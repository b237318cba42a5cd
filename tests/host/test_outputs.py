"""What waits for a commit is bounded, whatever vats say."""

from __future__ import annotations

from swingset.core.report import CrankReport
from swingset.host.outputs import MOST_WAITING, Outbox, Output
from swingset.model.messages import Reap
from tests.staging import Stage

TALKER = """
from swingset.vat import E, remotable

@remotable
class Talker:
    def talk(self, other, me, times: int):
        print("z" * 60_000)
        if times:
            E(other).talk(me, other, times - 1)

def build_root_object():
    return Talker()
"""


def said(crank: int, text: str) -> CrankReport:
    return CrankReport(crank, Reap("v1"), "delivered", "a", console=(("stdout", text),))


def test_more_than_fits_in_one_commit_is_cut_and_counted() -> None:
    """The first megabyte of a run is shown, then how much more there was; the next run begins anew."""
    outbox, heard = Outbox(), list[Output]()
    outbox.listen(heard.append)
    for crank in range(1, 31):
        outbox.collect(said(crank, "x" * 60_000))
    outbox.release()
    assert sum(len(output.text) for output in heard if output.vat == "a") == MOST_WAITING
    assert heard[-1].text == "800,000 more characters were said in this run, and are not shown"
    heard.clear()
    outbox.collect(said(31, "again"))
    outbox.release()
    assert [output.text for output in heard] == ["again"]


def test_two_vats_that_print_at_each_other(stage: Stage) -> None:
    """A run of many deliveries that all print keeps no more of it than one commit may show."""
    first, second = stage.define("first", TALKER), stage.define("second", TALKER)
    stage.send(first, "talk", second, first, 40)
    report = stage.session.settle()
    assert report.cranks > 40
    assert sum(len(output.text) for output in stage.outputs) < MOST_WAITING + 1_000
    assert "and are not shown" in stage.outputs[-1].text
    assert all(crank.console == () for crank in report.reports)
