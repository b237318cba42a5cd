"""Objects of a world in the hands of web clients: the npm package `capnweb`, in Node and in Chromium."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import websockets.asyncio.client

from swingset.host.wires import wire_io
from swingset.host.wires.asking import NetError
from swingset.host.wires.asking import address as address_of
from swingset.host.wires.keys import Key
from swingset.host.wires.wire_secrets import Secrets
from swingset.host.worlds.opening import open_world
from swingset.netlayers import web
from swingset.time.replaying.replay import replay
from swingset_nb.on_serving import snippet
from tests.js.installed import HERE, installed, node
from tests.scenarios.linked import Side, settle, with_session

BANK = """
from swingset.vat import E, durable, remotable

@durable
class Purse:
    balance: int = 0
    def deposit(self, amount: int):
        self.balance += amount
        return self.balance

@remotable
class Bank:
    def purse(self):
        return Purse()
    def add(self, one: int, other: int):
        return one + other
    def balance_of(self, purse):
        return E(purse).deposit(0)
    async def tell_all(self, listeners, line: str):
        return [await E(listener).call(line) for listener in listeners]
    def read(self, meter, scale: int):
        return E(meter).read(scale)
    def fail(self, words: str):
        raise ValueError(words)
    def same(self, value):
        return value
    def numbers(self):
        return [1, 2, 3]
    def data(self):
        return {"inner": {"list": [1, 2]}}
    def never(self):
        from swingset.vat import make_promise
        return make_promise()[0]

def build_root_object():
    return Bank()
"""

SAID = {
    "called": 5,
    "pipelined": 12,
    "passed": 0,
    "told": [1],
    "heard": ["hello"],
    "read": {"at": 8},
    "off": ["RangeError", "RangeError", None, "off the scale"],
    "failed": ["Error", "ValueError", None, "broke"],
    "property": ["TypeError", "TypeError", None, "an object has methods to call, and no properties to read"],
    "unsupported": [
        *("TypeError", "TypeError", None),
        "a value 'url' does not pass to a vat: pass data, bytes or a stub",
    ],
    "mapped": [{"twice": 2}, {"twice": 4}, {"twice": 6}],
    "read_part": 2,
    "same": ["é", None, "1180591620717411303424", [1, 2], 5, [[1]]],
    "batch": [2, 9, ["Error", "ValueError", None, "no"]],
}
"""What the tour of `tests/js/capnweb.mjs` comes to."""


class Program:
    """A program in Node, which is served while it runs."""

    def __init__(
        self, side: Side, code: str, *args: str, options: Sequence[str] = ("--experimental-websocket",)
    ) -> None:
        self.side = side
        command = [node(), *options, "--no-warnings", "--input-type=module", "-e", code, *args]
        self.process = subprocess.Popen(
            command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def serve(self) -> None:
        """Serve what comes, once."""
        self.side.world.net.wait(0.02)
        self.side.world.net.pump()

    def ended(self) -> Any:
        """What it printed, once it has ended."""
        while self.process.poll() is None:
            self.serve()
        said, errors = self.process.communicate()
        assert self.process.returncode == 0, errors
        return json.loads(said)


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    """A world with a bank."""
    side = Side()
    with_session(side)
    side.session.define("bank", BANK)
    yield side
    side.close()


def address(side: Side, **options: Any) -> str:
    return side.world.net.serve_object(side.world.vats.root("bank"), **options)


TOUR = """import { tour } from "./capnweb.mjs";
const [said, bank] = await tour(process.argv[1]);
console.log(JSON.stringify(said));
bank[Symbol.dispose]();"""


def check(said: dict[str, Any]) -> None:
    """What a tour has said."""
    name, kind, _, words = said.pop("hidden")
    assert (name, kind) == ("TypeError", "TypeError")
    assert words.startswith('target has no method "__class__"')
    assert said == SAID


def test_the_package_of_npm_uses_an_object(side: Side) -> None:
    """It calls, pipelines, passes callbacks that a vat calls, gets errors with their type, and maps."""
    installed()
    check(Program(side, TOUR, address(side, label="tour")).ended())
    (share,) = [each for each in side.world.net.shared() if each.label == "tour"]
    assert (share.web, share.uses) == (True, 2)
    settle(side)
    assert side.world.net.peers() == []


def test_the_lines_to_paste_run_as_they_are_and_end(side: Side) -> None:
    """Without a WebSocket, which Node 20 does not have: a method without arguments is called, or none."""
    installed()
    methods = {
        each.name: each for each in side.session.references.describe(side.session.root("bank")).methods
    }
    lines = snippet(address(side), [methods["add"], methods["numbers"]])
    assert lines[2:] == ["console.log(await served.numbers());", "// it also has add(one, other)"]
    assert Program(side, "\n".join(lines), options=()).ended() == [1, 2, 3]
    assert snippet("http://x", [methods["add"]])[2] == (
        "// console.log(await served.add(one, other)); // give it its arguments"
    )
    assert snippet("http://x")[2] == "// console.log(await served.METHOD()); // one of its methods"


WAITING = """import { newWebSocketRpcSession } from "capnweb";
import { failure } from "./capnweb.mjs";
const bank = newWebSocketRpcSession(process.argv[1].replace(/^http/, "ws"));
const waiting = failure(bank.never());
await bank.add(1, 1);
console.log(JSON.stringify([await waiting, await failure((async () => bank.add(1, 1))())]));"""


def test_a_client_is_cut_off_when_its_address_is_taken_back(side: Side) -> None:
    """Its calls are rejected with the reason, at once, and the address opens nothing from then on."""
    installed()
    found = address(side, label="gift")
    program = Program(side, WAITING, found)
    while not any(peer.messages == 5 for peer in side.world.net.peers()):  # the last lets go of the sum
        program.serve()
    (peer,) = side.world.net.peers()
    assert (peer.state, peer.peer, peer.exports) == ("live", "", 0)
    assert peer.web in [share.digest for share in side.world.net.shared() if share.label == "gift"]
    assert side.world.net.unshare(found).revoked
    words = "its address was taken back"
    assert program.ended() == [["Error", "Error", None, words]] * 2
    assert post(side, found) == (404, "Not Found\n")
    settle(side)
    assert side.world.net.peers() == []


# What the server answers, without the package.


def post(side: Side, url: str, body: str = "", method: str = "POST", **headers: str) -> tuple[int, str]:
    """The status and the text of the answer to a request."""
    response = asked(side, url, body, method, **headers)
    return response.status_code, response.text


def asked(side: Side, url: str, body: str, method: str, **headers: str) -> httpx.Response:
    """The answer to a request; the world is served meanwhile."""
    found: list[httpx.Response] = []
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    thread = threading.Thread(
        target=lambda: found.append(
            httpx.request(method, url, content=body.encode(), headers=named, trust_env=False, timeout=20)
        )
    )
    thread.start()
    while thread.is_alive():
        side.world.net.wait(0.02)
        side.world.net.pump()
    return found[0]


ADD = '["push",["pipeline",0,["add"],[1,2]]]\n["pull",1]'


def test_a_batch_is_one_request(side: Side) -> None:
    """Its answer has a line for each message; what is malformed is said in it."""
    found = address(side)
    assert post(side, found, ADD) == (200, '["resolve",1,3]')
    assert post(side, found) == (200, "")
    status, text = post(side, found, "nonsense")
    assert (status, json.loads(text)[1][2]) == (200, "a message is JSON")


def test_half_of_a_surrogate_pair_ends_no_vat(side: Side) -> None:
    """A method, a path and a text with one are refused, and the address goes on to serve."""
    url = address(side)
    texts = ["\ud800"], ["same", "\ud800"]
    calls = [["push", ["pipeline", 0, path, [1]]] for path in texts]
    said = [*calls, ["push", ["pipeline", 0, ["same"], ["\ud800"]]], ["pull", 1], ["pull", 2], ["pull", 3]]
    status, answers = post(side, url, "\n".join(map(json.dumps, said)))
    assert status == 200
    assert answers.count("half of a surrogate pair") == 3
    sound = [["push", ["pipeline", 0, ["same"], [5]]], ["pull", 1]]
    assert post(side, url, "\n".join(map(json.dumps, sound))) == (200, '["resolve",1,5]')


def test_who_has_no_address_learns_nothing(side: Side) -> None:
    """Each wrong address is answered alike, to pages of any origin, and nothing of it is in the world."""
    found = address(side)
    gone = address(side, label="gone")
    side.world.net.unshare("gone")
    base = found.rpartition("/")[0]
    secret = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    ocapn = side.world.net.listen("in-process") and side.session.net.share(side.session.root("bank"))
    swissnum = base64.urlsafe_b64encode(address_of(ocapn).swissnum).decode().rstrip("=")
    settle(side)
    before = side.world.digest()
    for url in (base, f"{base}/", f"{base}/{secret}", gone, found[:-1], f"{found}=", f"{base}/{swissnum}"):
        for method in ("POST", "GET", "OPTIONS"):
            response = asked(side, url, ADD, method, origin="https://evil.page")
            assert (response.status_code, response.text) == (404, "Not Found\n"), url
            assert not [name for name in response.headers if name.startswith("access-control")]
    assert side.world.digest() == before


def test_what_a_page_may_do(side: Side) -> None:
    """A page with the address reads the answer, without cookies; one whose name leads here gets nothing."""
    found = address(side)
    response = asked(side, found, ADD, "POST", origin="https://any.page")
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    assert "set-cookie" not in response.headers
    assert response.headers["cache-control"] == "no-store"
    preflight = asked(side, found, "", "OPTIONS", origin="null", access_control_request_method="POST")
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert post(side, found, ADD, "GET") == (405, "POST a batch, or open a WebSocket\n")
    assert post(side, found, ADD, host="evil.page")[0] == 421
    assert post(side, found, "x" * 1_100_000)[0] == 413


def test_the_pages_that_may_use_it_can_be_named() -> None:
    """Others are refused, whatever address they have; a program that says no origin is no page."""
    side = Side()
    with_session(side)
    side.session.define("bank", BANK)
    side.world.net.listen("web", origins="https://my.page, http://localhost:3000")
    found = address(side)
    response = asked(side, found, ADD, "POST", origin="https://my.page")
    assert response.headers["access-control-allow-origin"] == "https://my.page"
    assert response.headers["vary"] == "origin"
    assert post(side, found, ADD, origin="https://evil.page") == (403, "Forbidden\n")
    assert post(side, found, ADD) == (200, '["resolve",1,3]')
    side.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "0.0.0.0"}, "without encryption"),
        ({"port": "x"}, "a port is a number"),
        ({"url": "http://my.host"}, "begins with https://"),
        ({"url": "ftp://my.host"}, "`url` is such as"),
        ({"origins": "my.page"}, "an origin is such as"),
        ({"origins": "https://my.page/"}, "an origin is such as"),
        ({"path": "x"}, "no option 'path'"),
        ({"cert": "/nowhere"}, "certificate cannot be read"),
    ],
    ids=ascii,
)
def test_options_that_are_none(options: dict[str, str], said: str) -> None:
    """They are refused in words, before anything listens."""
    with open_world(worker="local") as world:
        with pytest.raises(NetError, match=said):
            world.net.listen("web", **options)
        assert world.net.transports() == []


def test_an_address_is_no_string_for_other_worlds() -> None:
    """What a web client opens, no other world can fetch, and the other way round."""
    secrets = Secrets(None, Key())
    _, served = secrets.give_out("served", 0.0, None, False, web=True)
    _, shared = secrets.give_out("shared", 0.0, None, False)
    assert not secrets.may_fetch(served.digest, "", 1.0)
    assert secrets.may_serve(served.digest, 1.0)
    assert not secrets.may_serve(shared.digest, 1.0)
    assert secrets.may_fetch(shared.digest, "", 1.0)


def test_an_address_that_opens_once(side: Side) -> None:
    """The second session finds nothing there."""
    found = address(side, once=True)
    assert post(side, found, ADD)[0] == 200
    assert post(side, found, ADD)[0] == 404


def test_an_address_that_expires_cuts_off_who_is_there(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session ends with its address, and says so."""
    found = address(side, seconds=1_000, label="short")
    (share,) = [each for each in side.world.net.shared() if each.label == "short"]
    assert share.expires is not None
    at_last = share.expires - 0.05
    monkeypatch.setattr(wire_io, "time", SimpleNamespace(time=lambda: at_last))
    answers: list[Any] = []

    async def wait() -> None:
        async with websockets.asyncio.client.connect(found.replace("http", "ws"), proxy=None) as socket:
            answers.append(json.loads(await socket.recv()))

    thread = threading.Thread(target=lambda: asyncio.run(wait()))
    thread.start()
    while thread.is_alive():
        side.world.net.wait(0.02)
        side.world.net.pump()
    assert answers[0][1][2] == "its address has expired"


def test_a_batch_that_is_not_answered_ends(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is aborted, with the reason, and nothing of its session stays."""
    monkeypatch.setattr(web, "BATCH_SECONDS", 0.2)
    never = ADD.replace('["add"],[1,2]', '["never"],[]')
    words = "the batch was not answered in time"
    assert post(side, address(side), never) == (200, f'["abort",["error","Error","{words}"]]')
    settle(side)
    assert side.world.net.peers() == []


def test_a_client_that_is_not_there_any_more_is_closed(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not say that it is there is disconnected; who does say so stays."""
    monkeypatch.setattr(web, "PING_SECONDS", 0.1)
    found = urlsplit(address(side))
    with socket.create_connection((found.hostname, found.port)) as dead:
        lines = [
            f"GET {found.path} HTTP/1.1",
            *(f"Host: {found.netloc}", "Connection: Upgrade", "Upgrade: websocket"),
            *("Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'A' * 22}==", "", ""),
        ]
        dead.sendall("\r\n".join(lines).encode())
        assert dead.recv(1_000).startswith(b"HTTP/1.1 101")
        dead.settimeout(0.01)
        ended = False
        while not ended:
            side.world.net.pump()
            try:
                ended = not dead.recv(1_000)
            except TimeoutError:
                continue
            except OSError:
                ended = True
    settle(side)
    assert side.world.net.peers() == []


def test_a_replay_needs_no_network(side: Side) -> None:
    """A world that is fed its journal comes to the same digest."""
    assert post(side, address(side), ADD)[0] == 200
    settle(side)
    assert replay(side.world).difference is None


def test_an_address_is_not_in_the_world(tmp_path: Path) -> None:
    """The file has no secret; after a restart with the same port it opens the same object."""
    side = Side(tmp_path / "w.world")
    with_session(side)
    side.session.define("bank", BANK)
    found = address(side)
    port = found.split(":")[2].partition("/")[0]
    assert post(side, found, ADD)[0] == 200
    side.close()
    secret = found.rpartition("/")[2]
    data = (tmp_path / "w.world").read_bytes()
    assert secret.encode() not in data
    assert base64.urlsafe_b64decode(secret + "=") not in data
    side.open()
    side.world.net.listen("web", port=port)
    assert post(side, found, ADD) == (200, '["resolve",1,3]')
    side.close()
