"""A notebook whose world fails over: a program goes on with its names, and the notebook is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from swingset.cluster import LeaseError, lease_world
from swingset.host.sessions.session import Session
from swingset.vat import E
from tests.cluster.failover.test_leases import run_out
from tests.notebook.kernels import Kernel
from tests.time.hosts import Server

BANK = """%%vat bank
from swingset.vat import durable, remotable

@durable
class Purse:
    balance: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

def build_root_object():
    @remotable
    class Bank:
        def open_purse(self):
            return Purse()

    return Bank()
"""


def test_a_notebook_is_taken_over_and_goes_on(server: Server, name: str, tmp_path: Path) -> None:
    """Its names are there for a program that takes over; the notebook says so, and opens it again later."""
    opens = f"%swingset open a.world --worker local --lease {name} --database '{server.address}'"
    with Kernel(tmp_path) as kernel:
        secret = kernel.run("%swingset open a.world --lease bank --database postgresql://me:opensesame@db/x")
        assert "the address has a password" in secret.traceback
        alone = kernel.run("%swingset open a.world --database service=worlds").traceback
        assert "--database is for the world of a lease, and none is named" in alone
        nowhere = kernel.run(
            "%swingset open a.world --lease bank --database service=nowhere --wait"
        ).traceback
        assert "the database of the lease does not answer" in nowhere
        assert f"lease {name}, epoch 1; the file was founded" in kernel.run(opens).plain
        assert kernel.run(BANK).status == "ok"
        assert kernel.run("purse = await E(bank).open_purse()\nawait E(purse).deposit(5)").plain == "5"
        assert f"lease {name}, epoch 1: this notebook has it" in kernel.run("%swingset").plain
        with pytest.raises(LeaseError) as held:
            lease_world(server.address, tmp_path / "b.world", name, worker="local")
        assert held.value.code == "lease-held"
        run_out(server, name)
        with lease_world(server.address, tmp_path / "b.world", name, worker="local", wait=None) as other:
            session = Session(other.controller)
            assert session.wait(E(session.names.recall()["purse"]).deposit(1)) == 6
            refused = kernel.run("await E(purse).deposit(100)").traceback
            assert "another process has taken over the lease" in refused
            assert "`%swingset help taken-over` says what to do about it" in refused
            assert "stopped: another process has taken over" in kernel.run("%swingset").plain
            assert "is closed" in kernel.run("%swingset close").plain
            assert "`%swingset help lease-held` says what to do about it" in kernel.run(opens).traceback
        back = kernel.run(f"{opens} --wait").plain
        assert f"lease {name}, epoch 3; the file was caught up" in back
        assert kernel.run("await E(purse).deposit(1)").plain == "7"
