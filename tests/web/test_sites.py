"""Sites: requests become messages to a handler, whose answers are the responses.

Each world of these tests is repeated from its records at the end, without any network.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.host.worlds.opening import open_world
from swingset.time.replaying.replay import replay
from tests.conftest import MakeStage
from tests.staging import Stage
from tests.web.others import request, settle, while_served

SHOP = """
    from swingset.vat import VatError, make_promise, remotable

    class Odd(Exception):
        pass

    @remotable
    class Shop:
        def __init__(self):
            self.waiting = []

        def handle(self, request):
            print(request["method"], request["url"], request["body"])
            path = request["path"]
            if path == "fail":
                raise ValueError("a secret of line 12")
            if path == "never":
                promise, resolver = make_promise()
                self.waiting.append(resolver)
                return promise
            if path == "bad":
                return {"status": 200, "headers": {"a": "b\\r\\nc: d"}}
            if path == "number":
                return 5
            if path == "none":
                return None
            if path == "bytes":
                return b"\\xff"
            if path == "full":
                return {"status": 418, "headers": {"X-A": "b"}, "body": "tea"}
            return f"{path} {sorted(request['query'].items())}"

        def go_on(self):
            self.waiting.pop().resolve("late")

    def build_root_object():
        return Shop()
"""


class Served:
    """A world that serves a shop."""

    def __init__(self, stage: Stage, **more: Any) -> None:
        self.stage = stage
        self.world = stage.controller
        self.shop = stage.define("shop", SHOP)
        self.site = stage.session.wait(stage.session.net.http.site("/shop/", **more))
        stage.ask(self.site, "register", self.shop)
        self.url = self.world.net.http.listen()

    def get(self, path: str, **more: Any) -> tuple[int, str]:
        found = request(self.world, more.pop("method", "GET"), path, **more)
        return found.status_code, found.text


@pytest.fixture
def served(local: Stage) -> Served:
    return Served(local)


@pytest.mark.parametrize("worker", ["local", pytest.param("wasm", marks=pytest.mark.slow)])
def test_a_request_becomes_a_message_and_its_result_the_response(make_stage: MakeStage, worker: str) -> None:
    """The handler gets method, path, query and body; a replay repeats it all without a server."""
    served = Served(make_stage(worker))
    assert served.get("/shop/gold?a=1&b=%C3%A4") == (200, "gold [('a', '1'), ('b', 'ä')]")
    assert served.get("/shop/", method="POST", content=b"x")[0] == 200
    assert served.stage.log == ["GET /shop/gold?a=1&b=%C3%A4 b''", "POST /shop/ b'x'"]
    replayed = replay(served.world, full=True)
    assert replayed.ok, str(replayed)


@pytest.mark.parametrize("handler", [None, 5, "shop", {"handle": 1}, [1]])
def test_what_is_no_object_is_no_handler(served: Served, handler: object) -> None:
    """It is refused at once, and the handler that was there goes on."""
    with pytest.raises(TypeError, match=r"an object with handle\(request\), not"):
        served.stage.ask(served.site, "register", handler)
    assert served.get("/shop/none")[0] == 204


def test_each_kind_of_answer_is_sent(served: Served) -> None:
    """A text, bytes, nothing, or a status with headers and a body."""
    assert served.get("/shop/none") == (204, "")
    assert request(served.world, "GET", "/shop/bytes").content == b"\xff"
    full = request(served.world, "GET", "/shop/full")
    assert (full.status_code, full.headers["x-a"], full.text) == (418, "b", "tea")
    assert full.headers["content-type"] == "text/plain; charset=utf-8"
    assert served.get("/")[0] == served.get("/shopping/x")[0] == 404


def test_what_a_handler_raises_stays_inside(served: Served) -> None:
    """A failure is a bare 500, and so is an answer that is none; the vat says why in its own lines."""
    assert served.get("/shop/fail") == (500, "Internal Server Error\n")
    assert served.get("/shop/number") == (500, "Internal Server Error\n")
    bad = request(served.world, "GET", "/shop/bad")
    assert (bad.status_code, "c" in bad.headers) == (500, False)
    assert sum("cannot be sent" in line for line in served.stage.log) == 2


def test_a_site_may_show_what_a_handler_raises(local: Stage) -> None:
    """With `errors`, the body says the kind and the words of the error."""
    assert Served(local, errors=True).get("/shop/fail") == (500, "ValueError: a secret of line 12")


def test_an_answer_that_takes_too_long_is_504_and_a_later_one_is_for_nobody(local: Stage) -> None:
    """The client goes on, and what the handler says later changes nothing."""
    served = Served(local, seconds=0.05)
    assert served.get("/shop/never")[0] == 504
    local.ask(served.shop, "go_on")
    assert local.log == ["GET /shop/never b''"]


def test_without_a_handler_and_after_closing_nothing_is_served(local: Stage) -> None:
    """A site without a handler answers 503; one that is closed or withdrawn is gone."""
    session, http = local.session, local.controller.net.http
    one = session.wait(session.net.http.site("/one/"))
    session.wait(session.net.http.site("/two/"))
    http.listen()
    for prefix in ("/one/", "one", "/one", "/a//", "/../"):
        with pytest.raises(KernelError):
            session.net.http.site(prefix)
    assert request(local.controller, "GET", "/one/x").status_code == 503
    assert http.sites() == ["/one/", "/two/"]
    local.ask(one, "close")
    http.withdraw("/two/")
    assert http.sites() == []
    with pytest.raises(KernelError, match="no site"):
        http.withdraw("/two/")
    local.session.settle()
    for prefix in ("/one/", "/two/"):
        assert request(local.controller, "GET", prefix).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:1"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": ""}, 421),
        ({"host": "shop.example"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://page.example"}, 200),
        ({"origin": "http://localhost:1", "host": "localhost:1"}, 200),
        *[
            ({"host": host}, 421)
            for host in ("[", "localhost#x", "localhost/x", "a@localhost", "localhost:x")
        ],
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "referer": "http://[/"}, 403),
        ({"sec-fetch-site": "cross-site", "referer": "https://page.example/x"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
    ],
)
def test_a_page_of_another_site_cannot_use_it(
    shop_of_others: Served, headers: dict[str, str], status: int
) -> None:
    """A name that is not the server's is refused, and so is a page that the host has not named."""
    assert shop_of_others.get("/shop/x", headers=headers)[0] == status


@pytest.fixture(scope="module")
def shop_of_others() -> Iterator[Served]:
    stage = Stage("local")
    yield Served(stage, hosts=("shop.example",), origins=("https://page.example",))
    stage.close()


def test_a_paused_world_answers_when_it_goes_on_or_not_at_all(local: Stage) -> None:
    """While a world is paused, requests wait for their time, and the world learns nothing of them twice."""
    served = Served(local, seconds=0.8)
    served.world.queue.pause()
    assert served.get("/shop/x")[0] == 504
    served.world.queue.unpause()
    assert served.get("/shop/y")[0] == 200


def test_more_requests_than_may_wait_are_refused(local: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes when too many wait gets 503 at once."""
    served = Served(local, seconds=0.3)

    def act() -> list[bytes]:
        address = served.url.removeprefix("http://").split(":")
        made = [socket.create_connection((address[0], int(address[1]))) for _ in range(103)]
        for each in made:
            each.sendall(b"GET /shop/never HTTP/1.1\r\nhost: localhost\r\n\r\n")
        found = []
        for each in made:
            found.append(each.recv(12)[-3:])
            each.close()
        return found

    found = while_served(served.world, act)
    assert sorted(found) == [b"503"] * 3 + [b"504"] * 100


def test_a_site_is_served_again_by_the_next_process(tmp_path: Path, make_stage: MakeStage) -> None:
    """The site and its handler are in the file; the host has to listen again."""
    path = tmp_path / "w.world"
    first = Served(make_stage("local", path))
    assert first.get("/shop/x")[0] == 200
    first.stage.close()
    with open_world(path, worker="local") as world:
        assert (world.net.http.url, world.net.http.sites()) == (None, ["/shop/"])
        world.net.http.listen()
        assert request(world, "GET", "/shop/again").text == "again []"


def test_a_request_outlives_an_upgrade_of_the_vat_between(served: Served) -> None:
    """The vat `http` is upgraded while a handler thinks; the answer arrives all the same."""
    world, stage = served.world, served.stage

    def act() -> str:
        return request_text(served.url)

    def between() -> None:
        settle(world, lambda: any("never" in line for line in stage.log))

    import threading

    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(act()), daemon=True)
    thread.start()
    between()
    world.upgrade_vat("http", world.vats.parts("http"))
    stage.ask(served.shop, "go_on")
    settle(world, lambda: not thread.is_alive())
    assert found == ["late"]


def request_text(url: str) -> str:
    """What a client gets that takes its time."""
    import httpx

    return httpx.get(f"{url}/shop/never", trust_env=False, timeout=20).text


def test_a_host_is_told_that_a_request_came(served: Served) -> None:
    """What comes by HTTP wakes whoever waits for the net, and calls what was given to `notify`."""
    told: list[int] = []
    served.world.net.notify(lambda: told.append(1))
    assert served.get("/shop/x")[0] == 200
    assert told
