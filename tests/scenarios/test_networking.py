"""Two worlds that speak to each other: sharing, fetching, calling, and what ends a connection.

Each world of these tests is repeated from its records at the end, without any network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve
from websockets.typing import Origin

from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.host.base.requests import write
from swingset.host.sessions.pending import StillPending
from swingset.host.wires.asking import NetError
from swingset.host.wires.keys import Key, NeedsExtra, verify
from swingset.host.worlds.opening import open_world
from swingset.lens.history.taken_back import effects
from swingset.lens.state.wires import Wire
from swingset.net import keys, locators, syrup
from swingset.net.keys import named_by
from swingset.net.values import Record, Symbol
from swingset.vat import remotable
from swingset.workers.wasm.bake import library_sources
from tests.scenarios.linked import BANK, KEEPER, Side, settle, with_session


def slow(case: Any) -> Any:
    """A case for the slow tests: the quick ones have another that shows the same."""
    return pytest.param(case, marks=pytest.mark.slow)


@pytest.fixture
def alice() -> Iterator[Side]:
    """A world with a bank, which listens to this process."""
    side = Side()
    with_session(side)
    side.session.define("bank", BANK)
    side.world.net.listen("in-process")
    yield side
    side.close()


@pytest.fixture
def bob(alice: Side) -> Iterator[Side]:
    """A world that reaches Alice's."""
    side = Side()
    side.other, alice.other = alice, side
    yield side
    side.close()


def test_what_is_shared_is_fetched_and_called(alice: Side, bob: Side) -> None:
    """A method of another world returns a result, an error with its line, and pipelines."""
    theirs = bob.fetch(alice.shared())
    assert bob.ask(theirs, "deposit", 5) == 5
    with_session(bob)
    inner = E(E(theirs).sub_purse()).sub_purse()
    assert bob.session.wait(E(inner).deposit(7)) == 7
    with pytest.raises(ValueError, match="no debts") as caught:
        bob.ask(theirs, "deposit", -1)
    assert isinstance(caught.value, RemoteError)
    ((part, line, function),) = caught.value.trace
    assert re.fullmatch(r"world [a-z2-7]{12}, bank", part)
    assert (line, function) == (9, "Purse.deposit")
    (peer,) = bob.world.net.peers()
    assert (peer.state, peer.outgoing, peer.proven, peer.peer) == (
        "live",
        True,
        True,
        alice.world.net.listen("in-process"),
    )
    assert [seen.outgoing for seen in alice.world.net.peers()] == [False]


@pytest.mark.parametrize("transport", ["unix", "websocket", "http", "tcp-testing-only"])
def test_each_netlayer_carries_it(alice: Side, bob: Side, transport: str, tmp_path: Path) -> None:
    """Worlds prove each other on all but the one for tests; a string names the one it is fetched by."""
    options = {"path": str(tmp_path / "alice.sock")} if transport == "unix" else {}
    location = alice.world.net.listen(transport, **options)
    theirs = bob.fetch(alice.shared(transport=transport))
    assert bob.ask(theirs, "deposit", 5) == 5
    (peer,) = bob.world.net.peers()
    assert peer.peer == location
    assert [seen.proven for seen in alice.world.net.peers()] == [transport != "tcp-testing-only"]


def test_what_is_shared_names_a_netlayer_that_listens(alice: Side) -> None:
    """Another is refused."""
    with pytest.raises(NetError, match="does not listen by unix, but by in-process"):
        alice.shared(transport="unix")


def test_a_websocket_proves_who_listens_to_other_implementations(alice: Side) -> None:
    """Its answer to a challenge is signed by the key that its designator is; nothing else is an answer."""
    location = locators.parse_uri(alice.world.net.listen("websocket"))
    assert isinstance(location, locators.Locator)
    url = location.hint("url") or ""
    challenge = syrup.write(Record(Symbol("init:peer-auth"), (b"?" * 32,)))
    with connect(url) as raw:
        raw.send(challenge)
        answer = raw.recv(5)
        assert isinstance(answer, bytes)
        record, signature = syrup.read(answer).fields
        assert syrup.write(record) == challenge
        key = base64.b32decode(location.designator.upper() + "====")
        assert verify(key, challenge, keys.signature_from_value(signature))
    for said in (b"nonsense", syrup.write(Record(Symbol("init:peer-auth"), (b"short",))), "a text"):
        with connect(url) as raw:
            raw.send(said)
            with pytest.raises(ConnectionClosed):
                raw.recv(5)
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, origin=Origin("https://example.org"))


@pytest.mark.parametrize("signed", ["by another key", slow("something else"), slow("nothing")])
def test_a_websocket_is_not_dialled_where_another_listens(bob: Side, signed: str) -> None:
    """Who listens has to sign the challenge with the key that was dialled."""
    mine = Key()

    def answer(raw: Any) -> None:
        asked = raw.recv()
        data = b"other" if signed == "something else" else asked
        signature = keys.signature_to_value(mine.sign(data))
        record = syrup.read(asked)
        raw.send(b"" if signed == "nothing" else
                 syrup.write(Record(Symbol("desc:sig-envelope"), (record, signature))))  # fmt: skip
        raw.recv()

    with serve(answer, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        named = named_by(Key().public if signed == "by another key" else mine.public)
        there = locators.located("websocket", named, {"url": f"ws://127.0.0.1:{port}"})
        with pytest.raises(RemoteError, match="could not be reached"):
            bob.fetch(locators.sturdyref_uri(there, b"x" * 32))
        server.shutdown()


def test_a_reference_can_be_sent_along_and_called_back(alice: Side, bob: Side) -> None:
    """The other world calls an object of this one."""
    theirs = bob.fetch(alice.shared())

    @remotable
    class Mine:
        def deposit(self, amount: int) -> int:
            return amount * 2

    with_session(bob)
    assert bob.session.wait(E(theirs).call_back(Mine())) == 14


def test_the_holder_of_a_remote_object_is_seen_in_the_tables(alice: Side, bob: Side) -> None:
    """A c-list shows it as an export of the vat `net`, and it is called after its world everywhere."""
    theirs = bob.fetch(alice.shared())
    kref = bob.session.kref_of(theirs)
    (row,) = [row for row in bob.world.lens.objects() if row.kref == kref]
    assert (row.owner, row.holders) == ("net", ("notebook",))
    peer = bob.world.net.peers()[0].peer.removeprefix("ocapn://")[:12]
    called = f"object of world {peer}"
    assert row.label == called
    assert bob.world.lens.describe(kref).name == bob.world.lens.label(kref) == called


@pytest.mark.parametrize("end", ["unshare", slow("label"), slow("digest"), "once", slow("expired")])
def test_a_string_opens_nothing_once_it_is_spent(alice: Side, bob: Side, end: str) -> None:
    """It is taken back by string, label or digest, was used once, or has expired; what was fetched stays."""
    uri = alice.shared(label="gift", once=end == "once", seconds=1e-6 if end == "expired" else None)
    net = alice.world.net
    (share,) = net.shared()
    if end != "expired":
        theirs = bob.fetch(uri)
        assert bob.ask(theirs, "deposit", 5) == 5
        assert (share.uses, share.label) == (1, "gift")
        assert f"ocapn://{share.last_user}" == alice.world.net.peers()[0].peer
    if end in ("unshare", "label", "digest"):
        net.unshare({"unshare": uri, "label": "gift", "digest": share.digest}[end])
        settle(alice)
    with pytest.raises(RemoteError, match="this string opens nothing"):
        bob.fetch(uri)
    state = {"once": "used", "expired": "expired"}.get(end, "revoked")
    assert net.shared()[0].state(time.time()) == state
    if end != "expired":
        assert bob.ask(theirs, "deposit", 5) == 10


def test_a_swissnum_is_in_no_world(alice: Side, bob: Side) -> None:
    """Neither world, its transcripts or its records have it, and its digest opens nothing."""
    uri = alice.shared()
    found = locators.parse_uri(uri)
    assert isinstance(found, locators.Sturdyref)
    bob.fetch(uri)
    for side in (alice, bob):
        said = written(side)
        for spelled in (found.swissnum.hex(), uri.rpartition("/")[2], b64(found.swissnum)):
            assert spelled not in said
    digest = hashlib.sha256(found.swissnum).digest()
    with pytest.raises(RemoteError, match="this string opens nothing"):
        bob.fetch(locators.sturdyref_uri(found.locator, digest))


def b64(data: bytes) -> str:
    """As bytes stand in a body, wherever they begin: the part that does not depend on it is enough."""
    return base64.b64encode(data).decode()[:40]


def written(side: Side) -> str:
    """All that a world has stored, as text, with every message's bytes also as hexadecimal digits."""
    world = side.world.world
    rows = [str(world.rows(f"SELECT * from {table}")) for table in ("vatstore", "device_state")]
    net = side.world.kernel.vat("net")
    span = side.world.kernel.store.vats.span(net.id)
    entries = world.transcripts.deliveries(net.id, span.hash, span.incarnation_hash)
    text = json.dumps([str(entry) for entry in entries]) + "".join(rows)
    assert "received" in text
    payloads = re.findall(r"payload[^A-Za-z0-9+/=]+([A-Za-z0-9+/=]{16,})", text)
    assert payloads
    return text + "".join(base64.b64decode(payload).hex() for payload in payloads)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://example.org", "begins with ocapn://"),
        ("ocapn://peer.in-process", "needs the part /s/"),
        ("ocapn://peer.in-process/s/%%", "not base64url"),
        (Path("/nonexistent/uri"), "cannot be read from /nonexistent/uri"),
    ],
)
def test_what_is_no_address_is_refused(bob: Side, source: Any, said: str) -> None:
    """The refusal says what an address is, and nothing was asked."""
    with pytest.raises(NetError, match=said):
        bob.session.net.fetch(source)


@pytest.mark.parametrize(
    ("transport", "options", "said"),
    [
        ("carrier-pigeon", {}, "no netlayer for 'carrier-pigeon' here; there are http, in-process"),
        ("in-process", {"path": "x"}, "has no option 'path'; it has none"),
        ("tcp-testing-only", {"host": "0.0.0.0"}, "127.0.0.1 or ::1"),
        ("tcp-testing-only", {"port": "http"}, "a port is a number"),
        ("websocket", {"host": "0.0.0.0"}, "give `cert` and `key`"),
        ("websocket", {"cert": "/nonexistent"}, "the certificate cannot be read"),
        ("unix", {}, "give a `path`"),
        ("unix", {"path": "/" + "x" * 200}, "shorter `path`"),
    ],
)
def test_a_netlayer_refuses_what_it_cannot_do(
    bob: Side, transport: str, options: dict[str, str], said: str
) -> None:
    """The refusal has the next step."""
    with pytest.raises(NetError, match=said):
        bob.world.net.listen(transport, **options)


def test_a_file_is_not_replaced_by_a_socket(bob: Side, tmp_path: Path) -> None:
    """Only a socket at which nobody listens any more is."""
    (tmp_path / "here").write_text("mine")
    with pytest.raises(NetError, match="is no socket"):
        bob.world.net.listen("unix", path=str(tmp_path / "here"))
    assert (tmp_path / "here").read_text() == "mine"


def test_nothing_is_shared_by_a_world_that_does_not_listen(bob: Side) -> None:
    """Nobody could come for it."""
    with_session(bob)
    bank = bob.session.define("bank", BANK)
    with pytest.raises(NetError, match="have this world listen first"):
        bob.session.net.share(bank)


def test_an_unreachable_peer_is_told_apart(bob: Side, alice: Side) -> None:
    """The error says that nothing was sent, with a code for programs."""
    theirs = bob.session.net.fetch("ocapn://nobody.in-process/s/AAAA")
    with pytest.raises(RemoteError, match="no world of that designator listens") as caught:
        bob.session.wait(theirs)
    assert (caught.value.remote_name, caught.value.code) == ("Disconnected", "unreachable")


def test_a_wait_for_nothing_of_another_world_ends(alice: Side, bob: Side) -> None:
    """A connection alone is no reason to wait on."""
    bob.fetch(alice.shared())
    with_session(bob)
    bank = bob.session.define("bank", BANK)
    with pytest.raises(StillPending):
        bob.ask(bank, "never")


def kept(bob: Side, theirs: Any, name: str = "it") -> Any:
    """Have a vat of Bob's keep a reference."""
    with_session(bob)
    keeper = bob.session.define("keeper", KEEPER)
    bob.ask(keeper, "keep", name, theirs)
    return keeper


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """Two worlds in files, linked by a socket; Bob keeps what he fetched, and something that came of it."""
    alice, bob = Side(tmp_path / "alice.world"), Side(tmp_path / "bob.world")
    alice.other, bob.other = bob, alice
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("unix")
    theirs = bob.fetch(alice.shared())
    keeper = kept(bob, theirs)
    bob.ask(keeper, "keep", "inner", bob.ask(theirs, "sub_purse"))
    yield alice, bob
    alice.close()
    bob.close()


@pytest.mark.parametrize("who", ["bob", "alice", slow("both")])
def test_after_a_restart_all_references_go_on(stored: tuple[Side, Side], who: str) -> None:
    """References go on as if nothing had happened: what was fetched, and what came in a message."""
    alice, bob = stored
    assert bob.ask(bob.session.root("keeper"), "deposit", "it", 5) == 5
    for side in (alice, bob) if who == "both" else (alice,) if who == "alice" else (bob,):
        side.close()
        side.open()
    alice.world.net.listen("unix")
    settle(alice, bob)
    assert bob.ask(bob.session.root("keeper"), "deposit", "it", 5) == 10
    assert bob.ask(bob.session.root("keeper"), "deposit", "inner", 5) == 5


def test_secrets_are_for_their_owner_alone(stored: tuple[Side, Side], tmp_path: Path) -> None:
    """They are beside the world, with mode 0600; a file that others can read is refused by name."""
    alice, _ = stored
    secrets, socket_path = tmp_path / "alice.world.secrets", tmp_path / "alice.world.sock"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert socket_path.stat().st_mode & 0o777 == 0o600
    alice.close()
    assert not socket_path.exists()
    secrets.chmod(0o644)
    with open_world(alice.path, worker="local") as world, pytest.raises(KernelError, match="chmod 600"):
        world.net.listen("unix")
    secrets.chmod(0o600)
    alice.open()


def test_a_copy_of_a_world_speaks_as_nobody(stored: tuple[Side, Side], tmp_path: Path) -> None:
    """Without the secrets it has another address, and what the first shared is not found there."""
    alice, _ = stored
    uri = alice.shared()
    alice.close()
    (tmp_path / "b").mkdir()  # short, because the socket lies there, too
    shutil.copy(tmp_path / "alice.world", tmp_path / "b" / "c.world")
    copy = Side(tmp_path / "b" / "c.world")
    location = copy.world.net.listen("unix")
    assert location.partition("?")[0] not in uri
    assert copy.world.net.shared() == []
    copy.close()
    alice.open()


def test_going_back_in_time_undoes_no_revocation(stored: tuple[Side, Side]) -> None:
    """What was shared before is revoked still; the link goes on, for nothing was exchanged since."""
    alice, bob = stored
    uri = alice.shared(label="gift")
    settle(alice, bob)
    alice.world.checkpoint("before")
    alice.world.net.unshare("gift")
    settle(alice, bob)
    alice.world.history.go_back("before")
    alice.session.attach()
    settle(alice, bob)
    assert [event["event"] for event in alice.world.net.events()][-2:] == ["cut", "resumed"]
    assert bob.ask(bob.session.root("keeper"), "deposit", "it", 5) == 5
    with pytest.raises(RemoteError, match="this string opens nothing"):
        bob.fetch(uri)


def test_after_going_back_past_what_was_exchanged_the_link_has_diverged(stored: tuple[Side, Side]) -> None:
    """Both sides say so, nothing is sent again, and what was fetched is reached over a new link."""
    alice, bob = stored
    bob.world.checkpoint("before")
    assert bob.ask(bob.session.root("keeper"), "deposit", "it", 5) == 5
    (old,) = bob.world.net.peers()
    bob.world.history.go_back("before")
    bob.session.attach()
    with pytest.raises(RemoteError, match="gone back in time") as caught:
        bob.ask(bob.session.root("keeper"), "deposit", "it", 5)
    assert (caught.value.remote_name, caught.value.code) == ("Disconnected", "diverged")
    settle(alice, bob)
    for side in (alice, bob):
        assert "diverged" in [event["code"] for event in side.world.net.events()]
    assert bob.ask(bob.session.root("keeper"), "deposit", "it", 5) == 10
    (new,) = bob.world.net.peers()
    assert new.connection != old.connection
    with pytest.raises(RemoteError) as caught:
        bob.ask(bob.session.root("keeper"), "deposit", "inner", 5)
    assert caught.value.code == "diverged"


@pytest.mark.parametrize("stopped", ["paused", slow("suspended")])
def test_what_cannot_be_delivered_waits_outside(alice: Side, bob: Side, stopped: str) -> None:
    """A peer cannot fill the run-queue of a world that does not run; later its messages are delivered."""
    theirs = bob.fetch(alice.shared())
    settle(alice, bob)
    if stopped == "paused":
        alice.world.queue.pause()
    else:
        alice.world.vats.suspend("net", "to look at it")
    with_session(bob)
    answers = [E(theirs).deposit(1) for _ in range(5)]
    settle(bob)
    alice.world.net.wait(1.0)
    assert alice.world.net.pump() is False
    assert len(alice.world.queue) == 0
    if stopped == "paused":
        alice.world.queue.unpause()
    else:
        alice.world.vats.resume("net")
    assert bob.session.wait(answers[-1]) == 5


def test_no_more_is_read_than_there_is_room_for(
    alice: Side, bob: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a peer sends while nothing is delivered waits at the peer, and arrives in order later."""
    theirs = bob.fetch(alice.shared("log"))
    settle(alice, bob)
    monkeypatch.setattr("swingset.host.wires.wire_inbox.FULL", 3_000)
    with_session(bob)
    answers = [E(theirs).add(f"{number}" + "x" * 500) for number in range(20)]
    bob.session.settle()
    inbox = alice.world.net._line.inbox
    time.sleep(0.2)
    assert inbox.full
    assert inbox._bytes < 3_000 + 2_000
    assert [bob.session.wait(answer) for answer in answers] == list(range(1, 21))
    assert [said[:2].strip("x") for said in bob.ask(theirs, "said")] == [str(number) for number in range(20)]


def test_a_fork_has_an_inert_wire(alice: Side, bob: Side) -> None:
    """A message of a fork leaves it for nowhere, and the live worlds stay as they were."""
    keeper = kept(bob, bob.fetch(alice.shared()))
    settle(alice, bob)
    before = alice.world.digest(), bob.world.digest()
    with bob.world.fork() as fork:
        fork.queue_to_object(bob.session.kref_of(keeper), "deposit", ["it", 5])
        fork.run()
        assert fork.net.pump() is False
    settle(alice, bob)
    assert (alice.world.digest(), bob.world.digest()) == before


def test_what_comes_and_is_thrown_away_changes_no_world(alice: Side, bob: Side) -> None:
    """Such as the time to acknowledge what a frame has acknowledged meanwhile."""
    kept(bob, bob.fetch(alice.shared()))
    settle(alice, bob)
    bob.world.net.forget(bob.world.net.peers()[0])  # which bob has said, and nothing is answered
    settle(alice, bob)
    before = bob.world.digest()
    bob.world.net._line.inbox.put("acknowledge", "")
    bob.world.net.pump()
    assert (bob.world.digest(), bool(bob.world.net._line.inbox)) == (before, False)


def test_a_message_of_a_fork_to_a_world_that_is_not_connected_was_not_sent(alice: Side, bob: Side) -> None:
    """It is rejected in these words: nobody has to ask whether it was done."""
    keeper = kept(bob, bob.fetch(alice.shared()))
    settle(alice, bob)
    (peer,) = bob.world.net.peers()
    bob.world.net.forget(peer)
    with bob.world.fork() as fork:
        result = fork.queue_to_object(bob.session.kref_of(keeper), "deposit", ["it", 5])
        fork.run()
        outcome = fork.outcome(result)
    assert outcome.status == "rejected"
    assert "nothing was sent: a world without a wire, such as a fork" in str(outcome.value)


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.0\r\n\r\n", b"<13'op:nonsense>", slow(b"9999999999999:"), slow(b"\xff" * 100)],
)
def test_what_is_no_message_ends_its_connection_alone(alice: Side, bob: Side, said: bytes) -> None:
    """A stranger that talks nonsense is dropped, with a reason, and others go on."""
    theirs = bob.fetch(alice.shared())
    location = locators.parse_uri(alice.world.net.listen("tcp-testing-only"))
    assert isinstance(location, locators.Locator)
    with socket.create_connection(("127.0.0.1", int(location.hint("port") or ""))) as raw:
        raw.sendall(said)
        raw.settimeout(5)
        settle(alice, bob)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(1000):
            continue
    settle(alice, bob)
    assert len(alice.world.net.peers()) == 1
    assert alice.ended()
    assert bob.ask(theirs, "deposit", 5) == 5


def test_a_stranger_that_cannot_greet_is_not_seen(stored: tuple[Side, Side], tmp_path: Path) -> None:
    """On a socket of worlds, nothing reaches the world before both sides are proved."""
    alice, bob = stored
    settle(alice, bob)
    crank = alice.world.crank
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(tmp_path / "alice.world.sock"))
        raw.sendall(b"\x00\x10swingset-link-2\n")
        raw.settimeout(5)
        assert raw.recv(100) == b""
    settle(alice)
    assert alice.world.crank == crank


def test_without_the_package_for_keys_the_extra_is_named(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain installation works, and says what to install once a world is to speak."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    assert local.controller.net.peers() == []
    with pytest.raises(NeedsExtra, match=r"swingset-nb\[net\]"):
        local.controller.net.listen("in-process")


def test_the_protocol_is_in_no_other_vat() -> None:
    """The image that ordinary vats start from does not have it."""
    assert not [name for name in library_sources() if name.startswith("swingset.net")]


@pytest.mark.parametrize("row", ["{}", "[]", "1", "no JSON", '{"state": 5}'])
def test_altered_rows_of_sessions_are_told(
    alice: Side, bob: Side, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks at the peers of a file that somebody has changed gets words, and no fault of Python's."""
    bob.world.net.fetch(alice.shared())
    settle(alice, bob)
    store = bob.world.kernel.store.vatstore
    get = store.get
    with monkeypatch.context() as altered:
        altered.setattr(store, "get", lambda vat, key: row if key.startswith("net.s.") else get(vat, key))
        with pytest.raises(KernelError, match="go back to a copy of the file"):
            bob.world.net.peers()
    assert len(bob.world.net.peers()) == 1


def test_what_the_wire_does_by_itself_is_told_in_words_and_is_nothing_to_take_back(alice: Side) -> None:
    """An acknowledgement is no message of this world's, and no name of a method or of a root is shown."""
    kernel = alice.world.kernel
    wire = Wire(kernel.store)
    for method in ("acknowledge", "part", "abandon", "age", "lost"):
        assert wire.in_words(wire.root, write([method, ["one", "two", "three"]])) is not None
    alice.world.run()
    before = alice.world.world.head
    kernel.queue_message(wire.root or "", write(["acknowledge", []]))
    alice.world.run()
    done = effects(kernel.store, range(before + 1, alice.world.world.head + 1))
    assert (done.done, done.more, done.cranks) == ((), 0, 1)
