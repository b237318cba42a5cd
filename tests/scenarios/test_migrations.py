"""Worlds whose vats change what they store: migrated, refused, taken back, and killed at every write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.guest.base.errors import RemoteError
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.testing import audit
from swingset.world.file import WorldFile
from tests.staging import Stage

BANK = """
    from swingset.vat import durable, migrate, remotable

    @durable{options}
    class Purse:
        owner: str
        {field}
        friend: object = None

        def see(self):
            return [self.owner, {see}, self.friend]

        def befriend(self, friend):
            self.friend = friend
    {migrations}
    def build_root_object(powers, baggage):
        @remotable
        class Bank:
            def open(self, owner):
                return Purse(owner)

            def sweep(self, budget=2):
                return powers.migrate_some(budget)

            def fill(self):
                baggage["all"] = [Purse("owner " + str(n)) for n in range(5)]
                for n, purse in enumerate(baggage["all"]):
                    purse.befriend(baggage["all"][n - 1])

            def touch(self):
                return baggage["all"][3].see()

        return Bank()
"""

UP = """
        @migrate(1, 2)
        @staticmethod
        def to_cents(old):
            return {"cents": old.pop("balance") * 100 + UNIT, **old}
"""
DOWN = """
        @migrate(2, 1)
        @staticmethod
        def to_euros(new):
            return {"balance": new.pop("cents") // 100, **new}
"""


def bank(
    options: str = "", field: str = "balance: int = 3", see: str = "self.balance", steps: str = ""
) -> str:
    return BANK.format(options=options, field=field, see=see, migrations=steps)


V1 = bank()
V2 = bank("(version=2, eager=2)", "cents: int = 300", "self.cents", UP.replace(" + UNIT", ""))
BACK = bank(steps=DOWN)
BROKEN = bank("(version=2)", "cents: int = 0", "self.cents", UP)


def test_purse_is_migrated_under_its_holder(stage: Stage) -> None:
    """After an upgrade a reference held by another vat reaches the same object, with its state migrated."""
    root = stage.define("bank", V1)
    purses = [stage.ask(root, "open", f"owner {n}") for n in range(4)]
    stage.ask(purses[0], "befriend", purses[1])
    stage.upgrade("bank", V2)
    assert stage.ask(purses[0], "see") == ["owner 0", 300, purses[1]]
    assert stage.ask(purses[3], "see") == ["owner 3", 300, None]
    told = [stage.ask(root, "sweep") for _ in range(2)]
    assert [told[0]["Purse"][name] for name in ("seen", "of", "complete")] == [4, 4, True]
    assert told[1] == {}


def test_way_back_is_an_upgrade_like_any_other(stage: Stage) -> None:
    """Old code that has the way back takes the new records over, and forth again."""
    root = stage.define("bank", V1)
    purses = [stage.ask(root, "open", f"owner {n}") for n in range(4)]
    for source, amount in ((V2, 300), (BACK, 3), (V2, 300)):
        stage.upgrade("bank", source)
        assert [stage.ask(purse, "see")[1] for purse in purses] == [amount] * 4


def test_record_that_does_not_migrate_refuses_upgrade_and_rehearsal(stage: Stage) -> None:
    """The refusal leads to the line of the function, and the old vat goes on as it was."""
    root = stage.define("bank", V1)
    purse = stage.ask(root, "open", "alice")
    rehearsal = stage.session.rehearse("bank", "bank", dedent(BROKEN))
    assert not rehearsal.ok
    assert "Purse o+d10/1 does not migrate from version 1 to 2 by Purse.to_cents" in rehearsal.verdict
    with pytest.raises(VatFault, match="NameError: name 'UNIT' is not defined") as caught:
        stage.upgrade("bank", BROKEN)
    line = (
        dedent(BROKEN).splitlines().index('        return {"cents": old.pop("balance") * 100 + UNIT, **old}')
    )
    assert (caught.value.fault.trace[-1].part, caught.value.fault.trace[-1].line) == ("bank", line + 1)
    assert caught.value.fault.details["record"] == "o+d10/1"
    assert stage.ask(purse, "see") == ["alice", 3, None]


def test_in_service_only_the_message_fails(stage: Stage) -> None:
    """Where an upgrade did not look, a record that does not migrate rejects what touches it, and waits."""
    root = stage.define("bank", V1)
    purse = stage.ask(root, "open", "alice")
    stage.upgrade("bank", BROKEN.replace("version=2", "version=2, eager=0"))
    for _ in range(2):
        with pytest.raises(
            RemoteError, match="NameError: name 'UNIT' is not defined; the record is as it was"
        ):
            stage.ask(purse, "see")
    stage.upgrade("bank", V2)
    assert stage.ask(purse, "see") == ["alice", 300, None]


class Killed(BaseException):
    """The process ends here."""


def ask(controller: Controller, method: str) -> None:
    """Send the bank a message, and run."""
    kernel = controller.kernel
    kernel.release_result(kernel.queue_message(kernel.root_of("bank"), CapData(f'#["{method}",[]]')))
    controller.run()


def upgraded(source: str) -> Callable[[Controller], Any]:
    return lambda controller: controller.upgrade_vat("bank", (("bank", dedent(source)),))


ACTS: list[Callable[[Controller], Any]] = [
    lambda c: c.create_vat("bank", (("bank", dedent(V1)),)),
    lambda c: ask(c, "fill"),
    upgraded(V2),
    lambda c: ask(c, "touch"),
    lambda c: ask(c, "sweep"),
    lambda c: ask(c, "sweep"),
    upgraded(BACK),
    lambda c: ask(c, "touch"),
    upgraded(V2),
    lambda c: ask(c, "sweep"),
    lambda c: ask(c, "sweep"),
]


def play(path: Path, worker: str, *, kill: bool) -> tuple[str, int]:
    """Act after act, each killed at its first write, its second, and so on until it is through."""
    fuse = kills = 0
    while True:
        with open_world(path, worker=worker) as controller:
            store = controller.kernel.store.vatstore
            left = fuse

            def dead(step: str) -> None:
                raise Killed(step)

            def frail(write: Callable[..., None], world: WorldFile) -> Callable[..., None]:
                def checked(*args: Any) -> None:
                    nonlocal left
                    if kill and left == 0:
                        world.faults = dead  # a process that has ended does not commit
                        raise Killed
                    left -= 1
                    write(*args)

                return checked

            for name in ("set", "delete"):
                setattr(store, name, frail(getattr(store, name), controller.world))
            try:
                while controller.world.head < len(ACTS):
                    ACTS[controller.world.head](controller)
                    left = fuse = 0
            except Killed:
                fuse, kills = fuse + 1, kills + 1
                controller.close(keep=False)
                continue
            assert audit(controller.kernel.store) == []
            return controller.digest(), kills


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_killed_at_every_write_of_a_migration(worker: str, tmp_path: Path) -> None:
    """A world whose process ends at each write of its vat, one after the other, ends as if it never had."""
    smooth, none = play(tmp_path / "smooth.world", worker, kill=False)
    rough, kills = play(tmp_path / "rough.world", worker, kill=True)
    assert (none, kills > 30, rough) == (0, True, smooth)
