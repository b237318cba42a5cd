"""A world with a link to another one is taken over, and the other side notices a restart at most."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from swingset.cluster import LeaseError, lease_world
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from tests.cluster.failover.test_leases import run_out
from tests.net.links.pairs import BANK
from tests.scenarios.linked import KEEPER, Side, settle, with_session
from tests.time.hosts import Server

pytestmark = pytest.mark.unaudited  # both sides are, when they close


class Leased(Side):
    """A side whose world has a lease."""

    def __init__(self, path: Path, server: Server, name: str) -> None:
        self._lease: dict[str, Any] = {"address": server.address, "name": name, "wait": None}
        super().__init__(path)

    def open(self) -> None:
        """Take the lease."""
        assert self.path is not None
        self.world = lease_world(path=self.path, worker="local", **self._lease).controller
        self.session = Session(self.world)
        self.session.awaits = self.pump_other
        self.is_open = True

    def listen(self) -> None:
        """Listen at the socket that all of its files share."""
        assert self.path is not None
        with_session(self)
        self.world.net.listen("unix", path=str(self.path.with_name("bank.sock")))


def test_a_link_goes_on_after_a_take_over(server: Server, name: str, tmp_path: Path) -> None:
    """What Bob has sent is done once, in order; what the first process did too late never reaches him."""
    first, bob = Leased(tmp_path / "a.world", server, name), Side(tmp_path / "bob.world")
    first.other, bob.other = bob, first
    first.listen()
    first.session.define("bank", BANK)
    theirs = bob.fetch(first.shared())
    with_session(bob)
    keeper = bob.session.define("keeper", KEEPER)
    bob.ask(keeper, "keep", "it", theirs)
    assert bob.ask(keeper, "deposit", "it", 1) == 1
    settle(first, bob)
    run_out(server, name)
    with pytest.raises(LeaseError, match=r"its keys are not beside .*b\.world"):
        Leased(tmp_path / "b.world", server, name)
    shutil.copy(tmp_path / "a.world.secrets", tmp_path / "b.world.secrets")
    second = Leased(tmp_path / "b.world", server, name)
    second.other, bob.other = bob, second
    with_session(bob)
    sent = [E(keeper).deposit("it", 10), E(keeper).deposit("it", 100)]
    bob.session.settle()
    bob.world.net.pump()
    with pytest.raises(LeaseError, match="has taken over"):
        first.world.net.serve(60.0)  # until what came in cannot be committed
    first.world.close(keep=False)
    second.listen()
    settle(second, bob)
    with_session(bob)
    assert [bob.session.wait(each) for each in sent] == [11, 111]
    assert bob.ask(keeper, "deposit", "it", 1) == 112
    second.close()
    bob.close()
