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
from tests.vat_sources import SAVINGS

BANK = f"""%%vat bank
from swingset.vat import durable, remotable
{SAVINGS}
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
            state = kernel.run("%swingset")
            assert state.status == "ok"
            assert "stopped: another process has taken over" in state.plain
            assert "taken over" not in kernel.run("1").printed
            assert "a.world is closed; another process has its lease" in kernel.run("%swingset close").plain
            assert "`%swingset help lease-held` says what to do about it" in kernel.run(opens).traceback
        back = kernel.run(f"{opens} --wait").plain
        assert f"lease {name}, epoch 3; the file was caught up" in back
        assert kernel.run("await E(purse).deposit(1)").plain == "7"


def test_a_notebook_says_at_once_that_the_database_is_away(server: Server, name: str, tmp_path: Path) -> None:
    """What sends waits once and fails; what looks is as quick as ever; all goes on when it is back."""
    opens = f"%swingset open a.world --worker local --lease {name} --database '{server.address}' --seconds 1"
    with Kernel(tmp_path) as kernel:
        kernel.run(f"{opens}\n")
        kernel.run(BANK)
        assert kernel.run("purse = await E(bank).open_purse()\nawait E(purse).deposit(5)").plain == "5"
        server.stop()
        try:
            sent = kernel.run("await E(purse).deposit(10)")
            assert "the commit waits for it, for at most 1 s; interrupt to stop" in sent.printed
            assert sent.traceback.count("the database of the lease does not answer") == 1
            for look in ("%swingset", "purse", "%swingset vats", "1 + 1", "%swingset history"):
                looked = kernel.run(look)
                assert (looked.status, looked.traceback) == ("ok", "")
            state = kernel.run("%swingset").plain
            assert f"lease {name}, epoch 1: the database has not answered for" in state
            assert "everything since the last commit was rolled back: do it again then" in state
            assert "`%swingset help database-away` says what to do about it" in state
            again = kernel.run("await E(purse).deposit(100)")
            assert "does not answer" in again.traceback
            assert "the commit waits" not in again.printed
        finally:
            server.start()
        goes_on = kernel.run("await E(purse).deposit(1)")
        assert "everything since the last commit was rolled back: do it again" in goes_on.printed
        assert goes_on.plain == "6"
        assert f"the lease {name} is free" in kernel.run("%swingset close").plain
        alone = kernel.run("%swingset open a.world --worker local").traceback
        assert f"a.world belongs to the lease {name}" in alone
        assert f"`%swingset open a.world --worker local --lease {name}`" in alone
        assert "epoch 2" in kernel.run(opens).plain
