"""What waits for a commit is bounded, whatever vats say."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.report import CrankReport
from swingset.host.base.outputs import MOST_WAITING, Output, WaitingOutputs
from swingset.model.capdata import CapData
from swingset.model.messages import CreateVat, Message, Notify, Reap, Send, UpgradeVat
from swingset.model.reports import Fault
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
    return CrankReport(Reap("v1"), "delivered", "a", console=(("stdout", text),), number=crank)


def test_more_than_fits_in_one_commit_is_cut_and_counted() -> None:
    """The first megabyte of a run is shown, then how much more there was; the next run begins anew."""
    outbox, heard = WaitingOutputs(), list[Output]()
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


@pytest.mark.parametrize(
    ("sizes", "shown", "lost"),
    [
        ([MOST_WAITING], [MOST_WAITING], 0),
        ([MOST_WAITING + 1], [MOST_WAITING], 1),
        ([MOST_WAITING - 1, 1], [MOST_WAITING - 1, 1], 0),
        ([MOST_WAITING - 1, 2], [MOST_WAITING - 1, 1], 1),
        ([MOST_WAITING, 1, 1], [MOST_WAITING], 2),
        ([0, 1], [1], 0),
    ],
)
def test_a_megabyte_is_shown_to_the_letter(sizes: list[int], shown: list[int], lost: int) -> None:
    """Not one character less, and what is lost is counted exactly."""
    outbox = WaitingOutputs()
    for crank, size in enumerate(sizes, 1):
        outbox.collect(said(crank, "x" * size))
    released = outbox.release()
    told = [f"{lost:,} more characters were said in this run, and are not shown"] if lost else []
    assert [len(output.text) for output in released if output.vat == "a"] == shown
    assert [output.text for output in released if output.vat == "kernel"] == told
    assert outbox.release() == []


def test_what_waits_is_shown_in_its_order_and_dropped_whole() -> None:
    """Nothing before the release, nothing of what was dropped, and nothing twice."""
    outbox, heard, other = WaitingOutputs(), list[Output](), list[Output]()
    stop = outbox.listen(heard.append)
    outbox.listen(other.append)
    outbox.collect(said(1, "x" * MOST_WAITING * 2))
    outbox.drop()
    console = (("stdout", "one"), ("stderr", "two"), ("stdout", "three"))
    outbox.collect(CrankReport(Reap("v1"), "delivered", "a", console=console, number=2))
    outbox.say(2, "words")
    outbox.collect(CrankReport(Reap("v1"), "delivered", None, console=(("stdout", "four"),), number=3))
    assert heard == []
    outbox.release()
    assert [(output.crank, output.vat, output.stream, output.text) for output in heard] == [
        (2, "a", "stdout", "one"),
        (2, "a", "stderr", "two"),
        (2, "a", "stdout", "three"),
        (2, "kernel", "notice", "words"),
        (3, "?", "stdout", "four"),
    ]
    stop()
    stop()
    outbox.collect(said(4, "five"))
    outbox.release()
    assert (len(heard), len(other)) == (5, 6)


def test_a_listener_that_stops_listening_while_it_is_told_stops_alone() -> None:
    """Others hear everything all the same."""
    outbox, heard = WaitingOutputs(), list[str]()
    stop = outbox.listen(lambda _output: stop())
    outbox.listen(lambda output: heard.append(output.text))
    for text in ("one", "two"):
        outbox.collect(said(1, text))
    outbox.release()
    assert heard == ["one", "two"]


FAULT = Fault("guest-crashed", "it failed")
ASKED = Send("ko20", Message(CapData('#["go",[]]'), "kp40"))
TOLD = Send("ko20", Message(CapData('#["go",[]]')))
MADE = CreateVat("v9", "a", "wasm", {}, "b", CapData("#null"), "kp40")
NEWER = UpgradeVat("v9", "b", CapData("#null"), "", "kp40")
NOTICES = [
    (ASKED, "refused", None),
    (TOLD, "refused", "crank 7: go() was rolled back: it failed"),
    (Notify("v1", "kp40"), "parked", "crank 7: suspended: it failed. Its messages wait"),
    (Notify("v1", "kp40"), "refused", None),
    (Reap("v1"), "refused", None),
    (ASKED, "stopped", "vat a is suspended: it failed. The delivery was rolled back, and its messages wait"),
    (Reap("v1"), "stopped", "vat a is suspended: it failed."),
    (MADE, "stopped", "vat a is not started: it failed. Its start waits, and is tried again"),
    (NEWER, "stopped", "vat a is suspended: it failed. Its start waits, and is tried again"),
    (MADE, "withdrawn", None),
]


@pytest.mark.parametrize(("event", "outcome", "words"), NOTICES)
def test_failures_that_no_promise_carries_are_told(event: Any, outcome: str, words: str | None) -> None:
    """Who waits for an answer hears it there; of all else the host is told, and of what went well nothing."""
    outbox = WaitingOutputs()
    outbox.collect(CrankReport(event, "delivered", "a", number=6))
    outbox.collect(CrankReport(event, outcome, "a", fault=FAULT, number=7))
    notices = [(output.vat, output.stream, output.text) for output in outbox.release()]
    if words is None:
        assert notices == []
    else:
        [(vat, stream, text)] = notices
        assert (vat, stream, text.startswith(words)) == ("a", "notice", True)


def test_two_vats_that_print_at_each_other(stage: Stage) -> None:
    """A run of many deliveries that all print keeps no more of it than one commit may show."""
    first, second = stage.define("first", TALKER), stage.define("second", TALKER)
    stage.send(first, "talk", second, first, 40)
    report = stage.session.settle()
    assert report.cranks > 40
    assert sum(len(output.text) for output in stage.outputs) < MOST_WAITING + 1_000
    assert "and are not shown" in stage.outputs[-1].text
    assert all(crank.console == () for crank in report.reports)
