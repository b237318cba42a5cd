"""The tables of a world."""

from __future__ import annotations

from tests.scenarios.test_forwarding import VAT
from tests.staging import Stage


def test_a_promise_that_follows_another_has_no_value(stage: Stage) -> None:
    """Its row names the promise that it follows, and not how the kernel stores that."""
    a, b = stage.define("A", VAT), stage.define("B", VAT)
    answer = stage.send(a, "relay", b)
    stage.session.settle()
    rows = {row.kref: row for row in stage.controller.lens.promises()}
    row = rows[str(stage.session.kref_of(answer))]
    assert row.state == "forwarded"
    assert row.value == ""
    assert rows[row.decider].state == "unresolved"
