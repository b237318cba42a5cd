"""Worlds that were altered together with their history: every hash is right, and the state makes no sense.

Whoever can write a world can write one whose changes fit. What is wrong with such a state is told by what its
tables say of each other.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from swingset.host.base.policies import cranks
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Send
from swingset.world.errors import DamagedRow
from tests.meddling import altered, atomic
from tests.tampering import worlds

pytestmark = pytest.mark.unaudited

FORGED: dict[str, tuple[str, str]] = {
    "update counters set value = 20 where name = 'ko'": ("counters", "is in use"),
    "update counters set value = 40 where name = 'kp'": ("counters", "is in use"),
    "update counters set value = 1 where name = 'v'": ("counters", "is in use"),
    "update counters set value = 7 where name = 'd'": ("counters", "is in use"),
    "update counters set value = 1 where name = 'm'": ("counters", "is in use"),
    "update counters set value = 1 where name = 'queue'": ("counters", "is in use"),
    "update counters set value = 50 where name = 'v1.o'": ("counters", "is in use"),
    "update counters set value = 0 where name = 'crank'": ("counters", "made in a later one"),
    "update promises set state = 'forwarded', decider = kref, body = '#\"&0\"',"
    " slots = '[\"' || kref || '\"]' where state = 'unresolved'": ("promises", "in a ring"),
    "update spans set hash = (select hash from spans where vat = 'v2'), position = 1": ("spans", "position"),
    "update spans set computrons = 1 where vat = 'v2'": ("spans", "computrons is"),
    "update spans set incarnation = 9 where vat = 'v2'": ("spans", "incarnation is 9"),
    "delete from spans where vat = 'v2'": ("spans", "missing"),
    "delete from vats where id = 'v3'": ("vats", "no such vat"),
    "update vats set name = 'bank' where state = 'live'": ("vats", "is called bank too"),
    """update vats set options = '{"cloned_from":"v9/0"}' where id = 'v3'""": (
        "vats",
        "it is a clone of v9, which is no vat that is older",
    ),
    """update vats set options = '{"meter":"m9"}' where id = 'v3'""": ("vats", "its meter m9 is missing"),
    "update vats set bundle = 'b1-' || hex(zeroblob(64))": (
        "the file",
        "is not in the file",
    ),
    "delete from objects where kref = (select kref from pins)": ("objects", "there is no such row"),
    "update objects set owner = 'v99' where owner = 'v2'": ("vats", "no such vat"),
    "delete from clists where vat = 'v2'": ("objects", "does not know it"),
    "update clists set reachable = 0 where vref like 'o-%'": ("objects", "is stored"),
    "update promises set refcount = refcount + 1": ("promises", "is stored"),
    "update promises set decider = 'v1' where state = 'unresolved'": (
        "promises",
        "decides it and does not know it",
    ),
    "insert into pins values ('ko9999')": ("objects", "there is no such row"),
    "insert into subscribers values ('kp9999', 'v99')": ("vats", "no such vat"),
    "insert into dead values ('v99')": ("vats", "no such vat"),
    "insert into kept values ('kp9999')": ("promises", "has none"),
    "update device_state set device = 'd99'": ("devices", "no such device"),
    "delete from queue": ("objects", "is stored"),
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with something in every table."""
    path = tmp_path_factory.mktemp("rich") / "rich.world"
    worlds.rich(path)
    return path


@pytest.mark.parametrize("statement", FORGED)
def test_a_state_that_makes_no_sense_is_found(statement: str, rich: Path, tmp_path: Path) -> None:
    """History agrees with what was altered, and verify tells what contradicts what."""
    copy = tmp_path / "forged.world"
    shutil.copyfile(rich, copy)
    table, words = FORGED[statement]
    with open_world(copy, worker="local") as controller:
        altered(controller.world, statement)
        found = controller.verify()
    assert any(problem.table == table and words in problem.reason for problem in found), found


def test_a_message_to_a_ring_of_promises_ends_the_run(rich: Path, tmp_path: Path) -> None:
    """Two promises that follow each other are named, and the world stays as it was."""
    copy = tmp_path / "ring.world"
    shutil.copyfile(rich, copy)
    with open_world(copy, worker="local") as controller:
        store = controller.kernel.store
        with atomic(controller.kernel):
            first, second = store.new_promise(None), store.new_promise(None)
            store.enqueue(Send(first, Message(CapData('#["hello",[]]'))))
            for kref, target in ((first, second), (second, first)):
                store.hold(target)
                store.promises.forward(kref, target)
        controller.commit("a ring")
        for _ in range(2):
            with pytest.raises(DamagedRow, match="leads back to it"):
                controller.run(cranks(500))
        assert any("in a ring" in problem.reason for problem in controller.verify())
