"""A process that is killed in the middle of requests: each is settled, and no `POST` is sent twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from swingset.host.base.requests import Ref
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.testing import audit
from swingset.time.replaying.replay import replay
from tests.web.others import Server, ok

CALLER = """
from swingset.vat import E, provide, remotable

@remotable
class Caller:
    def __init__(self, baggage):
        self.baggage = baggage

    def keep(self, api):
        self.baggage["api"] = api

    async def ask(self, method, path):
        try:
            return (await E(self.baggage["api"]).request(method, path, text=True))["body"]
        except Exception as problem:
            return problem.code

def build_root_object(baggage):
    return Caller(baggage)
"""
ASKED = 12


def live(path: str, number: int) -> None:
    """One life of the process: it asks, and pumps until it is killed."""
    with open_world(path, worker="local") as world:
        for each in range(ASKED):
            method = "POST" if each % 2 else "GET"
            world.queue_to_root("caller", "ask", [method, f"{number}-{each}"])
        world.run()
        world.commit()
        while True:
            world.net.wait(0.01)
            world.net.pump()


@pytest.mark.parametrize("kills", [1, pytest.param(40, marks=pytest.mark.slow)])
def test_no_request_is_lost_and_no_post_is_sent_twice(tmp_path: Path, kills: int) -> None:
    """After each kill the next process goes on; at the end every promise is settled."""
    chance = random.Random(kills)
    pause = [0.01]

    def script(made, head):  # type: ignore[no-untyped-def]
        time.sleep(pause[0])
        made.sendall(ok(head.split(b" ")[1]))

    server = Server(script)
    path = tmp_path / "w.world"
    with open_world(path, worker="local") as world:
        Session(world).define("caller", CALLER)
        kref = world.net.http.origin(server.url, methods=("GET", "POST"), seconds=5)
        world.run()
        found = world.resolution(kref)
        assert isinstance(found, Ref)
        world.queue_to_root("caller", "keep", [found])
        world.run()
    code = "import sys; from tests.web.test_killed import live; live(sys.argv[1], int(sys.argv[2]))"
    for number in range(kills):
        seen = len(server.seen)
        process = subprocess.Popen([sys.executable, "-c", code, str(path), str(number)])
        until = time.monotonic() + 30
        wanted = seen + chance.randrange(1, ASKED)
        while len(server.seen) < wanted and time.monotonic() < until:
            time.sleep(0.002)
        process.kill()
        process.wait()
    pause[0] = 0.0
    with open_world(path, worker="local") as world:
        world.run()
        for _ in range(400):
            if not world.net.waits():
                break
            world.net.wait(0.02)
            world.net.pump()
        with world.devices.own.visit("http") as call:
            assert [key for key in call.state if key.startswith("ask.")] == []
        assert audit(world.kernel.store) == []
        assert replay(world, full=True).ok
    counts = Counter(server.seen)
    assert counts
    assert {line: count for line, count in counts.items() if line.startswith(b"POST") and count > 1} == {}
    server.close()
