"""Sends, checkpoints, resumes, failed commits and restarts at random: money never reaches a wrong purse.

Every handle ever had is kept, with the name of its owner, and used at any later moment. It works, on that
very purse, or it refuses.
"""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from swingset.guest.base.ended import LifeEndedError
from swingset.guest.sending.eventual import E
from swingset.testing import audit
from tests.host.test_lives import Broken, bank_stage

PICK = st.integers(0, 10_000)


class Handles(RuleBasedStateMachine):
    """A bank, and all handles on its purses that anybody ever had."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = bank_stage()
        self.count = 0
        self.handles: list[tuple[str, Any]] = []
        self.labels: list[tuple[str, dict[str, int]]] = []
        self.money: dict[str, int] = {}

    @property
    def bank(self) -> Any:
        """The bank, asked for anew."""
        return self.stage.session.root("bank")

    def fresh(self) -> str:
        """A name never used before."""
        self.count += 1
        return f"owner {self.count}"

    @rule()
    def open_purse(self) -> None:
        """Open a purse and keep the handle, and a promise for the same."""
        owner = self.fresh()
        promise = E(self.bank).open_purse(owner)
        self.handles.append((owner, promise))
        self.handles.append((owner, self.stage.session.wait(promise)))
        self.money[owner] = 0

    @rule(pick=PICK)
    def deposit(self, pick: int) -> None:
        """Pay into the purse of any handle."""
        if self.handles:
            owner, handle = self.handles[pick % len(self.handles)]
            try:
                total = self.stage.session.wait(E(handle).deposit(1))
            except LifeEndedError:
                return
            self.money[owner] += 1
            assert total == self.money[owner]

    @rule(pick=PICK)
    def deposit_that_is_not_committed(self, pick: int) -> None:
        """Pay, and open a purse, in a run whose commit fails."""
        owner = self.fresh()
        heard: list[Any] = []
        promise = E(self.bank).open_purse(owner)
        promise.then(heard.append)
        if self.handles:
            with contextlib.suppress(LifeEndedError):
                E.send_only(self.handles[pick % len(self.handles)][1]).deposit(1)

        def strike(step: str) -> None:
            if step == "before-commit":
                raise Broken

        self.stage.controller.world.faults = strike
        try:
            self.stage.session.settle()
            raise AssertionError("the commit was to fail")
        except Broken:
            pass
        finally:
            self.stage.controller.world.faults = None
        self.handles += [(owner, promise), *((owner, one) for one in heard)]

    @rule()
    def checkpoint(self) -> None:
        """Name the state."""
        name = f"label {len(self.labels)}"
        self.stage.controller.checkpoint(name)
        self.labels.append((name, dict(self.money)))

    @rule(pick=PICK, attaches=st.booleans())
    def resume(self, pick: int, attaches: bool) -> None:
        """Go to a named state, forwards or back."""
        if self.labels:
            name, money = self.labels[pick % len(self.labels)]
            self.stage.controller.history.go_back(name)
            self.money = dict(money)
            if attaches:
                self.stage.session.attach()

    @rule()
    def start_anew(self) -> None:
        """The interpreter's life ends, the world's does not."""
        self.stage.session.attach()

    @rule(pick=PICK)
    def remember(self, pick: int) -> None:
        """Store a handle under a name and read it back."""
        if self.handles:
            owner, handle = self.handles[pick % len(self.handles)]
            if self.stage.session.names.remember({"kept": handle}) == [] and handle is not None:
                found = self.stage.session.names.recall().get("kept")
                assert self.stage.ask(found, "read")[0] == owner

    @invariant()
    def handles_mean_what_they_meant(self) -> None:
        """Whatever answers says the name of the owner that the handle was given for."""
        for owner, handle in self.handles[-6:]:
            try:
                read = self.stage.session.wait(E(handle).read())
            except LifeEndedError:
                continue
            assert read == [owner, self.money[owner]]

    def teardown(self) -> None:
        """All references are counted right."""
        assert audit(self.stage.controller.kernel.store) == []
        self.stage.close()


TestHandles = Handles.TestCase
TestHandles.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
