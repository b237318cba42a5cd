"""A page in Chromium calls objects of a world, with the npm package `capnweb`."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import new_page
from tests.js.installed import HERE, installed
from tests.scenarios.linked import Side, settle, with_session
from tests.scenarios.test_web_clients import BANK, check

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>a page</title>
<script type="importmap">{"imports": {"capnweb": "./index.js"}}</script>
<script type="module">
import { failure, tour } from "./capnweb.mjs";
window.begin = async (address) => {
  const [said, bank] = await tour(address);
  window.said = said;
  window.cut = await failure(bank.never());
};
</script></head><body></body></html>"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def page_url(tmp_path: Path) -> Iterator[str]:
    """A page on a server of its own, so of another origin than the world's."""
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "capnweb.mjs").write_bytes((HERE / "capnweb.mjs").read_bytes())
    (tmp_path / "index.js").write_bytes((installed() / "capnweb" / "dist" / "index.js").read_bytes())
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/page.html"
        server.shutdown()


def test_a_page_uses_an_object_and_is_cut_off(browser: Any, page_url: str) -> None:
    """It does what a program in Node does, over both transports, until its address is taken back."""
    side = Side()
    with_session(side)
    side.session.define("bank", BANK)
    address = side.world.net.serve_object(side.world.vats.root("bank"), label="page")
    page = new_page(browser)
    page.goto(page_url)
    page.evaluate("(address) => { window.begin(address); }", address)

    def waited(name: str) -> Any:
        while (found := page.evaluate(f"() => window.{name} ?? null")) is None:
            side.world.net.wait(0.02)
            side.world.net.pump()
        return found

    check(waited("said"))
    (peer,) = side.world.net.peers()
    side.world.net.unshare("page")
    assert waited("cut") == ["Error", "Error", None, "its address was taken back"]
    settle(side)
    assert (peer.state, side.world.net.peers()) == ("live", [])
    page.close()
    side.close()
