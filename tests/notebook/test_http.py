"""HTTP in a notebook: origins and sites as names, and requests that are answered while no cell runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.notebook.kernels import Kernel
from tests.web.others import Server

SHOP = """%%vat shop
from swingset.vat import remotable
@remotable
class Shop:
    def handle(self, request):
        return request["path"].upper()
def build_root_object():
    return Shop()
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with a world."""
    with Kernel(tmp_path_factory.mktemp("http")) as kernel:
        kernel.run("%load_ext swingset_nb")
        kernel.run("%swingset open mine.world --worker local")
        yield kernel


def test_an_origin_is_a_name_that_fetches(opened: Kernel) -> None:
    """A cell awaits an answer; what is no origin, and a name that means something, are refused."""
    server = Server()
    told = opened.run(f"%swingset origin api {server.url}v1/ --methods get,post").plain
    assert f"api fetches what is below {server.url}v1/, and nothing else" in told
    assert "'/v1/gold'" in opened.run("(await E(api).get('gold', text=True))['body']").plain
    assert "refused" in opened.run("await E(api).get('../x')").traceback
    assert "begins with neither https:// nor http://" in opened.run("%swingset origin b ftp://x/").traceback
    assert "cannot be bound" in opened.run(f"%swingset origin E {server.url}").traceback
    server.close()


def test_a_site_answers_while_no_cell_runs(opened: Kernel) -> None:
    """A request from outside is delivered on the notebook's own loop."""
    told = opened.run("%swingset sites --port 0").plain
    assert re.search(r"no vat answers by HTTP\s+the host listens at http://127\.0\.0\.1:\d+\s", told)
    assert "`%swingset site NAME /PREFIX/` lets a vat answer" in told
    told = opened.run("%swingset site door /shop/").plain
    assert "who registers with door answers what comes to /shop/" in told
    opened.run(SHOP)
    opened.run("await E(door).register(shop)")
    found = re.search(r"http://127\.0\.0\.1:\d+/shop/", opened.run("%swingset sites").plain)
    assert found is not None
    assert httpx.get(f"{found[0]}gold", trust_env=False, timeout=20).text == "GOLD"
    assert f"HTTP: vats answer at {found[0]}" in opened.run("%swingset").plain
    assert opened.complete("%swingset withdraw /") == ["/shop/"]
    assert "is served already" in opened.run("%swingset site other /shop/").traceback
    assert "/shop/ is served no more" in opened.run("%swingset withdraw /shop/").plain
    assert httpx.get(f"{found[0]}gold", trust_env=False, timeout=20).status_code == 404
    assert "there is no site" in opened.run("%swingset withdraw /shop/").traceback


def test_a_site_is_served_again_when_the_host_listens(opened: Kernel) -> None:
    """After a restart of the world the list says how."""
    opened.run("%swingset site door2 /again/")
    opened.run("await E(door2).register(shop)")
    opened.run("%swingset close")
    told = opened.run("%swingset open mine.world --worker local").plain
    assert "vats answer by HTTP when it listens for that" in told
    assert "the host does not listen: `%swingset sites --port 0`" in opened.run("%swingset sites").plain
    found = re.search(r"http://127\.0\.0\.1:\d+/again/", opened.run("%swingset sites --port 0").plain)
    assert found is not None
    assert httpx.get(f"{found[0]}x", trust_env=False, timeout=20).text == "X"
    assert f"HTTP: vats answer at {found[0]}" in opened.run("%swingset").plain
