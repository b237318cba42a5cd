"""Fetching: a vat has one origin, gets answers by promise, and an error with a code where there is none.

Each world of these tests is repeated from its records at the end, without any network.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.host.base.requests import Ref
from swingset.host.controls.own_devices import Device
from swingset.host.wires.asking import NetError
from swingset.host.worlds.opening import open_world
from swingset.testing import audit
from swingset.time.replaying.replay import replay
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.web.others import Server, ok, settle

ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CALLER = """
    from swingset.vat import E, remotable

    @remotable
    class Caller:
        async def get(self, api, path):
            answer = await E(api).get(path, text=True)
            print(answer["status"], answer["body"])
            return answer["body"]

        async def code(self, api, method, path):
            try:
                return await E(api).request(method, path)
            except Exception as problem:
                return [type(problem).__name__, problem.code]

    def build_root_object():
        return Caller()
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers with the path."""
    made = Server()
    yield made
    made.close()


def an_origin(stage: Stage, url: str, **more: Any) -> Any:
    return stage.session.wait(stage.session.net.http.origin(url, **more))


def code_of(stage: Stage, api: Any, method: str = "get", *args: Any, **more: Any) -> tuple[str, str]:
    """The code and the words of the error that a request has."""
    with pytest.raises(Exception, match=r".+") as caught:
        stage.ask(api, method, *(args or ("x",)), **more)
    return getattr(caught.value, "code", ""), str(caught.value)


@pytest.mark.parametrize("worker", ["local", pytest.param("wasm", marks=pytest.mark.slow)])
def test_a_vat_fetches_below_its_prefix(make_stage: MakeStage, server: Server, worker: str) -> None:
    """A vat that was handed an origin gets answers, which a replay has without the network."""
    stage = make_stage(worker)
    caller = stage.define("caller", CALLER)
    api = an_origin(stage, f"{server.url}v1/")
    assert stage.ask(caller, "get", api, "gold") == "/v1/gold"
    assert stage.log == ["200 /v1/gold"]
    replayed = replay(stage.controller, full=True)
    assert replayed.ok, str(replayed)
    assert server.seen == [b"GET /v1/gold"]


def test_every_method_has_what_it_needs(local: Stage, server: Server) -> None:
    """Queries, headers and bodies arrive; headers of answers come in small letters."""
    server.script = lambda made, head: made.sendall(ok(b"\xff", b"X-A: 1", b"X-A: 2", b"Set-Cookie: c=1"))
    api = an_origin(local, server.url, methods=ALL)
    answer = local.ask(api, "post", "a", "ä", query={"q": [1, 2]}, headers={"X-Token": "t"})
    assert (answer["status"], answer["body"]) == (200, b"\xff")
    assert answer["headers"] == {"content-length": "1", "x-a": "1, 2", "set-cookie": "c=1"}
    for method in ("put", "patch", "delete"):
        local.ask(api, method, "b", *([] if method == "delete" else [b"\0"]))
    server.script = lambda made, head: made.sendall(b"HTTP/1.1 204 No\r\n\r\n")
    assert local.ask(api, "head", "c")["status"] == 204
    assert server.seen == [
        b"POST /a?q=1&q=2 \xc3\xa4",
        b"PUT /b \0",
        b"PATCH /b \0",
        b"DELETE /b",
        b"HEAD /c",
    ]
    assert b"x-token: t" in server.heads[0].lower()
    assert not any(b"cookie:" in head.lower() for head in server.heads)
    assert code_of(local, api, "get", "x", text=False, headers={"a": "\r\n"})[0] == "refused"


def test_an_origin_is_narrowed_and_never_widened(local: Stage, server: Server) -> None:
    """A longer prefix and fewer methods are all that a vat can make of an origin."""
    api = an_origin(local, f"{server.url}v1/", methods=("GET", "POST"), sockets=True)
    below = local.ask(api, "under", "sub/")
    assert local.ask(below, "get", "x", text=True)["body"] == "/v1/sub/x"
    for path in ("..", "../", "sub", "/", "%2e%2e/"):
        assert code_of(local, below, "under", path)[0] == "refused"
    reading = local.ask(below, "read_only")
    assert local.ask(reading, "describe") == {
        "url": f"{server.url}v1/sub/",
        "methods": ["GET"],
        "sockets": False,
    }
    assert code_of(local, reading, "post")[0] == "refused"
    assert code_of(local, reading, "connect", "x", api)[0] == "refused"
    assert code_of(local, reading, "request", "CONNECT", "x")[0] == "refused"
    assert code_of(local, reading, "request", "GET\r\nX: y", "x")[0] == "refused"
    assert server.seen == [b"GET /v1/sub/x"]


def test_what_is_no_origin_or_limit_is_refused_to_the_host(local: Stage) -> None:
    """A host is told what an origin is, before anything is made."""
    for url, more in (
        ("x", {}),
        ("https://a/", {"methods": ()}),
        ("https://a/", {"methods": ("TRACE",)}),
        ("https://a/", {"seconds": 0}),
        ("https://a/", {"bytes": 10**9}),
        ("https://a/", {"sockets": 1}),
        ("https://a/", {"at_once": float("nan")}),
    ):
        with pytest.raises(NetError):
            local.controller.net.http.origin(url, **more)
    with pytest.raises(NetError):
        local.controller.net.http.add_headers("https://a/", {"host": "x"})
    assert "http" not in local.controller.vats


def test_the_hosts_own_headers_are_not_in_the_world(local: Stage, server: Server) -> None:
    """A key that the host adds is sent, takes the place of a vat's, and is nowhere in the file."""
    local.controller.net.http.add_headers(f"{server.url}v1/", {"Authorization": "Bearer secret-1"})
    api = an_origin(local, server.url)
    local.ask(api, "get", "v1/x", headers={"authorization": "mine"})
    local.ask(api, "get", "v2/x")
    assert [b"secret-1" in head for head in server.heads] == [True, False]
    assert b"mine" not in server.heads[0]
    assert not any(
        "secret-1" in repr(row) for row in local.controller.world.rows("SELECT * FROM device_state")
    )


def _slow(made: socket.socket, _head: bytes) -> None:
    for _ in range(200):
        made.sendall(b"H")
        time.sleep(0.02)


def _endless(made: socket.socket, _head: bytes) -> None:
    made.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        made.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


def _said(data: bytes) -> Any:
    return lambda made, head: made.sendall(data)


HOSTILE = [
    (_slow, "timed-out"),
    (_endless, "too-large"),
    (_said(ok(b"x" * 2_001)), "too-large"),
    (_said(b""), "disconnected"),
    (_said(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), "malformed"),
    (_said(b"\0\1\2\r\n\r\n"), "malformed"),
    (_said(b"SSH-2.0-x\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 2000 OK\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 60_000 + b"\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n"), "malformed"),
    (_said(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), "malformed"),
    (_said(b"HTTP/1.1 100 Continue\r\n\r\n" * 5), "disconnected"),
]


def test_a_hostile_server_costs_its_own_request(local: Stage, server: Server) -> None:
    """What is no answer, or too much, or too slow, rejects with a code, and the world goes on."""
    api = an_origin(local, server.url, seconds=0.25, bytes=2_000)
    found = []
    for script, _ in HOSTILE:
        server.script = script
        found.append(code_of(local, api)[0])
    assert found == [code for _, code in HOSTILE]
    server.script = _said(ok(b"fine"))
    assert local.ask(api, "get", "x", text=True)["body"] == "fine"
    server.script = _said(ok(b"\xff"))
    assert code_of(local, api, "get", "x", text=True)[0] == "not-text"


def test_a_redirect_is_an_answer(local: Stage, server: Server) -> None:
    """Nothing is followed: the vat sees where it leads, and can ask its own origin."""
    other = Server()
    said = b"HTTP/1.1 302 Found\r\nlocation: %sx\r\ncontent-length: 0\r\n\r\n" % other.url.encode()
    server.script = _said(said)
    answer = local.ask(an_origin(local, server.url, sockets=True), "get", "x")
    assert (answer["status"], answer["headers"]["location"]) == (302, f"{other.url}x")
    assert other.seen == []
    other.close()


def test_an_answer_is_as_it_was_sent(local: Stage, server: Server) -> None:
    """No content encoding is undone, so a small answer cannot grow."""
    server.script = _said(ok(b"\x1f\x8b", b"content-encoding: gzip"))
    assert local.ask(an_origin(local, server.url), "get", "x")["body"] == b"\x1f\x8b"
    assert b"accept-encoding: identity" in server.heads[0].lower()


def test_what_was_not_sent_is_unreachable_and_what_broke_off_is_unknown(local: Stage, server: Server) -> None:
    """A failure says whether anything was sent; only what may be repeated has another code then."""
    gone = Server()
    gone.close()
    nowhere = an_origin(local, gone.url, methods=ALL)
    assert code_of(local, nowhere)[0] == "unreachable"
    code, words = code_of(local, nowhere, "post")
    assert (code, "nothing was sent" in words) == ("unreachable", True)
    server.script = _said(b"")
    api = an_origin(local, server.url, methods=ALL, seconds=0.2)
    assert code_of(local, api, "delete")[0] == "disconnected"
    assert code_of(local, api, "post")[0] == "outcome-unknown"
    server.script = _slow
    assert code_of(local, api, "patch")[0] == "outcome-unknown"
    assert len(server.seen) == 3


def test_so_many_are_sent_at_once_and_others_wait(local: Stage, server: Server) -> None:
    """An origin has a bound of requests under way, and one of those that wait."""
    together: list[int] = []
    running = [0]

    def script(made: socket.socket, _head: bytes) -> None:
        running[0] += 1
        together.append(running[0])
        time.sleep(0.02)
        running[0] -= 1
        made.sendall(ok(b""))

    server.script = script
    api = an_origin(local, server.url, at_once=2)
    for promise in [local.send(api, "get", str(number)) for number in range(8)]:
        assert local.session.wait(promise)["status"] == 200
    assert max(together) <= 2


def test_too_many_that_wait_are_refused(local: Stage, server: Server) -> None:
    """The world writes down only so many requests of one origin."""
    server.script = lambda made, head: time.sleep(1)
    caller = local.define(
        "many",
        """
        from swingset.vat import E, remotable
        @remotable
        class Many:
            async def ask(self, api, count):
                asked = [E(api).get(str(number)) for number in range(count)]
                try:
                    await asked[-1]
                except Exception as problem:
                    return problem.code
        def build_root_object():
            return Many()
        """,
    )
    assert local.ask(caller, "ask", an_origin(local, server.url), 101) == "too-much-waiting"


def test_requests_of_a_fork_are_not_sent(local: Stage, server: Server) -> None:
    """A fork writes requests down, and nobody sends them."""
    api = an_origin(local, server.url)
    caller = local.define("caller", CALLER)
    local.ask(caller, "get", api, "x")
    kref = local.session.kref_of(api)
    with local.controller.fork() as fork:
        promise = fork.queue_to_root("caller", "get", [Ref(str(kref), "Origin"), "y"])
        fork.run()
        fork.net.pump()
        assert promise is not None
        assert fork.status(promise) == "unresolved"
    assert server.seen == [b"GET /x"]


def test_the_kind_of_the_device_is_taken(local: Stage) -> None:
    """No device of an embedder takes the place of this one."""

    class Mine(Device):
        kind = "http"

    with pytest.raises(KernelError, match="come with the library"):
        local.controller.devices.own.install(Mine())


def test_nothing_is_left_when_all_is_answered(local: Stage, server: Server) -> None:
    """An answered request leaves no row, and an origin that nobody holds is collected."""
    local.ask(an_origin(local, server.url), "get", "x")
    settle(local.controller, lambda: not local.controller.net.waits())
    with local.controller.devices.own.visit("http") as call:
        kept = [key for key in call.state if key.startswith(("ask.", "conn.", "waiting."))]
    assert kept == []
    assert audit(local.controller.kernel.store) == []


def test_after_a_restart_what_may_be_repeated_is_sent_again(tmp_path: Any, make_stage: MakeStage) -> None:
    """A GET without an answer is sent again by the next process; a POST is rejected as `outcome-unknown`."""
    server = Server(lambda made, head: time.sleep(0.3))
    path = tmp_path / "w.world"
    stage = make_stage("local", path)
    caller = stage.define("caller", CALLER)
    api = an_origin(stage, server.url, methods=ALL)
    world = stage.controller
    ref = Ref(str(stage.session.kref_of(api)), "Origin")
    asked = {
        method: world.queue_to_root("caller", "code", [ref, method, "x"]) for method in ("GET", "POST", "PUT")
    }
    world.run()
    settle(world, lambda: len(server.seen) == 3)
    world.close(keep=False)
    server.script = _said(ok(b"late"))
    del caller
    again = open_world(path, worker="local")
    for kref in asked.values():
        again.net.settle(str(kref))
    assert again.resolution(str(asked["GET"]))["body"] == b"late"
    assert again.resolution(str(asked["PUT"]))["body"] == b"late"
    assert again.resolution(str(asked["POST"])) == ["VatError", "outcome-unknown"]
    assert sorted(server.seen[3:]) == [b"GET /x", b"PUT /x"]
    assert replay(again, full=True).ok
    again.close()
    stage.closed = True
    server.close()


def test_going_back_in_time_begins_a_life(local: Stage, server: Server) -> None:
    """What waited at that moment is sent again or rejected, and what came since is forgotten."""
    world = local.controller
    kref = world.net.http.origin(server.url, methods=ALL)
    world.run()
    origin = world.resolution(kref)
    local.define("caller", CALLER)
    server.script = lambda made, head: time.sleep(0.2)
    asked = {
        method: world.queue_to_root("caller", "code", [origin, method, "x"]) for method in ("GET", "POST")
    }
    world.run()
    settle(world, lambda: len(server.seen) == 2)
    world.checkpoint("asked")
    server.script = _said(ok(b"later"))
    world.history.go_back("asked")
    for promise in asked.values():
        world.net.settle(str(promise))
    assert world.resolution(str(asked["GET"]))["body"] == b"later"
    assert world.resolution(str(asked["POST"]))[1] == "outcome-unknown"
    assert sorted(server.seen) == [b"GET /x", b"GET /x", b"POST /x"]
    local.session.attach()
