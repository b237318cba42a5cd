"""WebSockets: both ways, bounded, and gone with the life of their host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from swingset.host.worlds.opening import open_world
from swingset.time.replaying.replay import replay
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.web.others import Server, settle, while_served

TALKER = """
    from swingset.vat import E, VatError, durable, provide, remotable

    @durable
    class Listener:
        connection: object = None
        heard: list = []

        def received(self, data):
            self.heard = [*self.heard, data if len(data) < 50 else len(data)]
            if self.connection is not None:
                return E(self.connection).send(data)

        def closed(self, why):
            print("closed", why["code"], why["reason"])

    @remotable
    class Talker:
        def __init__(self, baggage):
            self.mine = provide(baggage, "listener", Listener)

        async def connect(self, api, path):
            self.connection = await E(api).connect(path, self.mine)
            return self.connection

        def opened(self, connection, request):
            if request["path"] == "no":
                raise VatError("no", code="refused")
            if request["path"] == "fail":
                raise ValueError("a secret")
            if request["path"] == "none":
                return None
            listener = Listener()
            listener.connection = connection
            if request["path"] == "greet":
                E(connection).send("hello")
            if request["path"] == "bye":
                E(connection).send("bye")
                E(connection).close(4001, "enough")
            return listener

        def heard(self):
            return self.mine.heard

        async def flood(self, count, size):
            for _ in range(count):
                await E(self.connection).send(b"x" * size)
            return "all"

        async def rush(self, count, size):
            sent = [E(self.connection).send(b"x" * size) for _ in range(count)]
            try:
                await sent[-1]
            except Exception as problem:
                return problem.code

    def build_root_object(baggage):
        return Talker(baggage)
"""


@pytest.fixture
def others() -> Iterator[Callable[[Callable[[ServerConnection], None]], str]]:
    """Makes servers of WebSockets; each is the URL that an origin is made of."""
    made = []

    def make(act: Callable[[ServerConnection], None]) -> str:
        server = serve(act, "127.0.0.1", 0, compression=None)
        made.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.socket.getsockname()[1]}/"

    yield make
    for server in made:
        server.shutdown()


def echo(made: ServerConnection) -> None:
    for data in made:
        made.send(data)


def an_origin(stage: Stage, url: str, **more: Any) -> Any:
    return stage.session.wait(stage.session.net.http.origin(url, sockets=True, **more))


@pytest.mark.parametrize("worker", ["local", pytest.param("wasm", marks=pytest.mark.slow)])
def test_a_vat_dials_and_talks(make_stage: MakeStage, others: Any, worker: str) -> None:
    """Texts and bytes go both ways, in order; a close has its code; a replay needs no server."""
    stage = make_stage(worker)
    talker = stage.define("talker", TALKER)
    connection = stage.ask(talker, "connect", an_origin(stage, others(echo)), "x")
    for data in ("ä", b"\0", "last"):
        stage.ask(connection, "send", data)
    settle(stage.controller, lambda: len(stage.ask(talker, "heard")) == 3)
    assert stage.ask(talker, "heard") == ["ä", b"\0", "last"]
    stage.ask(connection, "close", 4000, "done")
    settle(stage.controller, lambda: stage.log == ["closed 4000 done"])
    assert replay(stage.controller, full=True).ok


def test_a_connection_that_cannot_be_opened_rejects(local: Stage, others: Any) -> None:
    """No server, no WebSocket, a redirect elsewhere, and one that is silent reject with a code."""
    talker = local.define("talker", TALKER)
    plain = Server()
    target = others(echo)
    moved = f"HTTP/1.1 302 Found\r\nlocation: ws{target[4:]}\r\ncontent-length: 0\r\n\r\n".encode()
    for script, code in (
        (plain.script, "unreachable"),
        (lambda made, head: made.sendall(moved), "unreachable"),
        (lambda made, head: made.recv(1), "timed-out"),
    ):
        plain.script = script
        with pytest.raises(Exception, match=r".+") as caught:
            local.ask(talker, "connect", an_origin(local, plain.url, seconds=0.3), "x")
        assert getattr(caught.value, "code", "") == code
    plain.close()


def test_messages_and_closes_are_checked(local: Stage, others: Any) -> None:
    """Only texts and bytes of a bounded length are sent, and only codes for programs close."""
    talker = local.define("talker", TALKER)
    connection = local.ask(talker, "connect", an_origin(local, others(echo)), "x")
    for method, args in (
        ("send", (5,)),
        ("send", ("\ud800",)),
        ("send", (b"x" * 1_048_577,)),
        ("close", (1001,)),
        ("close", (5000,)),
        ("close", (1000, "x" * 200)),
        ("close", (True,)),
    ):
        with pytest.raises(Exception, match=r".+"):
            local.ask(connection, method, *args)
    local.ask(connection, "close")
    settle(local.controller, lambda: local.log == ["closed 1000 "])
    with pytest.raises(Exception, match="closed") as caught:
        local.ask(connection, "send", "x")
    assert getattr(caught.value, "code", "") == "disconnected"
    local.ask(connection, "close")


def test_who_does_not_read_makes_the_sender_wait(local: Stage, others: Any) -> None:
    """What `send` returns is a promise for room; who does not await it is refused at a bound."""
    reading = threading.Event()
    got = [0]

    def slow(made: ServerConnection) -> None:
        reading.wait(10)
        for data in made:
            got[0] += len(data)

    talker = local.define("talker", TALKER)
    local.ask(talker, "connect", an_origin(local, others(slow)), "x")
    assert local.ask(talker, "rush", 3, 1_000_000) == "too-much-waiting"
    reading.set()
    settle(local.controller, lambda: got[0] == 2_000_000 and _unsent(local) < 100_000)
    assert local.ask(talker, "flood", 3, 200_000) == "all"


def _unsent(stage: Stage) -> int:
    with stage.controller.devices.own.visit("http") as call:
        return sum(call.state[key]["unsent"] for key in call.state if key.startswith("conn."))


def test_a_message_that_is_too_long_ends_the_connection(local: Stage, others: Any) -> None:
    """A server cannot send more than the origin allows."""
    talker = local.define("talker", TALKER)
    url = others(lambda made: made.send("x" * 2_001))
    local.ask(talker, "connect", an_origin(local, url, bytes=2_000), "x")
    settle(local.controller, lambda: any("closed 1009" in line for line in local.log))
    assert local.ask(talker, "heard") == []


# The other way


class Hall:
    """A world that takes WebSockets."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, stage.controller
        self.talker = stage.define("talker", TALKER)
        site = stage.session.wait(stage.session.net.http.site("/hall/", seconds=2.0))
        stage.ask(site, "register", self.talker)
        self.url = "ws" + self.world.net.http.listen().removeprefix("http") + "/hall/"

    def talk(self, path: str, *said: Any, act: Any = None) -> Any:
        def run() -> Any:
            with connect(self.url + path, proxy=None) as socket:
                found: list[Any] = []
                try:
                    for data in said:
                        if data is not None:
                            socket.send(data)
                        found.append(socket.recv())
                    if act is not None:
                        act(socket)
                except ConnectionClosed as problem:
                    found.append((problem.rcvd.code, problem.rcvd.reason) if problem.rcvd else None)
                return found

        return while_served(self.world, run)


@pytest.mark.parametrize("worker", ["local", pytest.param("wasm", marks=pytest.mark.slow)])
def test_a_handler_takes_websockets(make_stage: MakeStage, worker: str) -> None:
    """A listener gets what comes, and its connection sends, also before the other side is there."""
    hall = Hall(make_stage(worker))
    assert hall.talk("x", "a", b"b") == ["a", b"b"]
    assert hall.talk("greet", None, "a") == ["hello", "a"]
    assert hall.talk("bye", None, None) == ["bye", (4001, "enough")]
    settle(hall.world, lambda: len(hall.stage.log) == 3)
    assert hall.stage.log[0] == "closed 1000 "
    assert replay(hall.world, full=True).ok


@pytest.mark.parametrize(("path", "status"), [("no", 403), ("fail", 500), ("none", 500)])
def test_a_handler_refuses_websockets(local: Stage, path: str, status: int) -> None:
    """An error refuses, with 403 where its code is `refused`; so does an answer that is no listener."""
    hall = Hall(local)
    with pytest.raises(InvalidStatus, match=str(status)):
        hall.talk(path)
    with local.controller.devices.own.visit("http") as call:
        assert [key for key in call.state if key.startswith("conn.")] == []


def test_websockets_end_with_the_life_of_their_host(
    tmp_path: Path, make_stage: MakeStage, others: Any
) -> None:
    """After a restart both sides are told: here with the code `disconnected`."""
    path = tmp_path / "w.world"
    stage = make_stage("local", path)
    talker = stage.define("talker", TALKER)
    gone: list[int] = []

    def note(made: ServerConnection) -> None:
        try:
            made.recv()
        except ConnectionClosed:
            gone.append(1)

    stage.ask(talker, "connect", an_origin(stage, others(note)), "x")
    stage.close()
    said: list[str] = []
    with open_world(path, worker="local") as world:
        world.outputs.listen(lambda output: said.append(output.text))
        world.run()
    assert said[0].startswith("closed disconnected ")
    for _ in range(200):
        if gone:
            break
        threading.Event().wait(0.01)
    assert gone == [1]
