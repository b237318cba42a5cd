"""What a host asks of `world.net` and cannot have is refused in words, with a next step."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.host.wires import wire_io
from swingset.host.wires.asking import NetError
from swingset.host.wires.keys import Key
from swingset.host.wires.wire_secrets import Secrets
from swingset.net import locators
from tests.scenarios.linked import BANK, Side, settle, with_session

AWAY = "ocapn://nobody.in-process/s/AAAA"


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    """A world that listens."""
    side = Side()
    with_session(side)
    side.session.define("bank", BANK)
    side.world.net.listen("in-process")
    yield side
    side.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seconds": float("inf")}, "more than 0 and at most"),
        ({"seconds": float("nan")}, "more than 0 and at most"),
        ({"seconds": -1}, "more than 0 and at most"),
        ({"seconds": 0}, "more than 0 and at most"),
        ({"seconds": 10**400}, "more than 0 and at most"),
        ({"seconds": "5"}, "`seconds` is a number"),
        ({"seconds": True}, "`seconds` is a number"),
        ({"label": 5}, "the label is a text"),
        ({"label": "\ud800"}, "without half of a character"),
        ({"label": "x" * 1_000}, "at most 200 characters"),
        ({"once": "no"}, "`once` is True or False"),
        ({"transport": ["unix"]}, "the transport is a text"),
        ({"swissnum": "s" * 32}, "32 bytes"),
        ({"swissnum": b"short"}, "32 bytes"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_nothing_is_shared_with_an_argument_that_is_none(
    side: Side, options: dict[str, Any], said: str
) -> None:
    """Neither the world nor its secrets change."""
    before = side.world.digest()
    with pytest.raises(NetError, match=said):
        side.world.net.share(side.world.vats.root("bank"), **options)
    assert side.world.digest() == before
    assert side.world.net.shared() == []


@pytest.mark.parametrize("target", [5, None, "ko9999", "x", b"ko1"], ids=repr)
def test_only_an_object_is_shared(side: Side, target: Any) -> None:
    """Whatever else is given is named."""
    with pytest.raises(NetError, match="is an object of this world"):
        side.world.net.share(target)


@pytest.mark.parametrize(
    ("transport", "options", "said"),
    [
        ("unix", {"path": "a\0b"}, "without a NUL"),
        ("unix", {"path": 5}, "option path is a text"),
        (5, {}, "the transport is a text"),
        ("in-process", {"x": "1"}, "listens by in-process already, with other options"),
    ],
    ids=repr,
)
def test_a_world_does_not_listen_by_what_is_none(
    side: Side, transport: Any, options: dict[str, Any], said: str
) -> None:
    """Options after a first listening are not overlooked."""
    with pytest.raises(NetError, match=said):
        side.world.net.listen(transport, **options)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (5, "a string, or a path object"),
        (Path("ocapn://x.unix/s/SECRET"), "give it as a text"),
        (Path("OCAPN://x.unix/s/SECRET"), "give it as a text"),
        (Path("a\0b"), "cannot be read"),
        ("OCAPN://x.unix/s/SECRET", "begins with ocapn://"),
    ],
    ids=ascii,
)
def test_a_refused_address_does_not_repeat_a_secret(side: Side, source: Any, said: str) -> None:
    """Outputs are saved with a notebook."""
    with pytest.raises(NetError, match=said) as caught:
        side.world.net.fetch(source)
    assert "SECRET" not in str(caught.value)


def test_an_object_of_its_own_is_not_fetched(side: Side) -> None:
    """To try again would never help."""
    location = locators.parse_uri(side.world.net.listen("in-process"))
    assert isinstance(location, locators.Locator)
    with pytest.raises(NetError, match="an object of this world itself"):
        side.world.net.fetch(locators.sturdyref_uri(location, b"s" * 32))


@pytest.mark.parametrize("state", ["suspended", "terminated"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda net, _: net.listen("in-process"),
        lambda net, root: net.share(root),
        lambda net, _: net.fetch(AWAY),
        lambda net, _: net.root(),
        lambda net, _: net.peers(),
        lambda net, _: net.pump(),
        lambda net, _: net.unshare("gift"),
    ],
    ids=["listen", "share", "fetch", "root", "peers", "pump", "unshare"],
)
def test_without_its_vat_the_net_says_so(
    stopped: dict[str, Side], state: str, ask: Callable[[Any, Any], Any], request: pytest.FixtureRequest
) -> None:
    """What cannot be had says what to do; looking and taking back work where they can."""
    side = stopped[state]
    name = request.node.callspec.id.partition("-")[0]
    served = {"suspended": ("peers", "pump", "unshare"), "terminated": ("unshare",)}[state]
    vats = len(side.world.kernel.store.vats.all())
    if name in served:
        ask(side.world.net, side.world.vats.root("bank"))
    else:
        words = {"suspended": r"vats\.resume\('net'\)", "terminated": "go back in time"}[state]
        with pytest.raises(NetError, match=words):
            ask(side.world.net, side.world.vats.root("bank"))
    assert len(side.world.kernel.store.vats.all()) == vats


@pytest.fixture(scope="module")
def stopped() -> Iterator[dict[str, Side]]:
    """Worlds whose vat `net` is stopped, with something shared as often as it may be taken back."""
    sides = {}
    for state in ("suspended", "terminated"):
        side = sides[state] = Side()
        with_session(side)
        side.session.define("bank", BANK)
        side.world.net.listen("in-process")
        side.shared(label="gift")
        settle(side)
        if state == "suspended":
            side.world.vats.suspend("net")
        else:
            side.world.terminate_vat("net", "to see")
    yield sides
    for side in sides.values():
        side.close()


def test_only_so_many_peers_are_dialled_at_once(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit is told to try again."""
    monkeypatch.setattr(wire_io, "MOST_DIALLED", 0)
    kref = side.world.net.fetch(AWAY)
    side.world.net.settle(kref)
    assert "0 peers are being dialled already" in str(side.world.resolution(kref))


def _link(path: Path) -> None:
    path.symlink_to(path.parent / "other")


def _says(**changes: Any) -> Callable[[Path], None]:
    """Write a file of secrets with one share that is altered."""

    def write(path: Path) -> None:
        secrets = Secrets(str(path), Key())
        secrets.give_out("gift", 0.0, None, False)
        secrets.foreign["s1"] = b"x"
        said = json.loads(path.read_text())
        for name, value in changes.items():
            place = said if name in said else said["shares"][0]
            place[name] = value
        path.write_text(json.dumps(said))

    return write


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are made as POSIX has them")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_link, "it is a link"),
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "no plain file"),
        (Path.touch, "chmod 600"),
        (_says(expires="soon"), "not what this library writes"),
        (_says(expires=[]), "not what this library writes"),
        (_says(expires=float("inf")), "not what this library writes"),
        (_says(made=None), "not what this library writes"),
        (_says(made=10**400), "not what this library writes"),
        (_says(once=1), "not what this library writes"),
        (_says(uses="many"), "not what this library writes"),
        (_says(label=5), "not what this library writes"),
        (_says(digest={}), "not what this library writes"),
        (_says(more=5), "not what this library writes"),
        (_says(foreign=5), "not what this library writes"),
        (_says(shares=5), "not what this library writes"),
        (_says(key="AAAA"), "not what this library writes"),
        (_says(version=9), "not what this library writes"),
    ],
)
def test_a_file_of_secrets_that_is_none_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    """Nothing blocks, and the refusal says what to do."""
    path = tmp_path / "it.world.secrets"
    make(path)
    assert Secrets.are_at(str(tmp_path / "it.world"))
    with pytest.raises(KernelError, match=said):
        Secrets.of(str(tmp_path / "it.world"))


def test_looking_at_what_is_shared_makes_nothing(tmp_path: Path) -> None:
    """No key, no file, no vat."""
    side = Side(tmp_path / "it.world")
    assert side.world.net.shared() == []
    assert side.world.net.peers() == []
    with pytest.raises(NetError, match="nothing is shared under this"):
        side.world.net.unshare("gift")
    assert not (tmp_path / "it.world.secrets").exists()
    side.close()
