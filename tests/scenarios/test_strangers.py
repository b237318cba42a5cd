"""Strangers that connect to a world: what they say costs it next to nothing before it knows them.

Spoken as raw bytes over `tcp-testing-only`, where nobody is proved.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swingset.host.wires import wire_io
from swingset.host.wires.keys import Key
from swingset.host.wires.wire_scrub import sturdyrefs
from swingset.host.wires.wire_secrets import MOST_STURDYREFS, Secrets
from swingset.net import keys, locators, syrup
from swingset.net.framing import framer
from swingset.net.values import Record, Symbol
from tests.scenarios.linked import Side, settle, with_session

BOX = """
from swingset.vat import remotable

@remotable
class Box:
    it = None
    def keep(self, it):
        self.it = it
    def kept(self):
        return self.it

@remotable
class Bank:
    def box(self):
        return Box()

def build_root_object():
    return Bank()
"""
THERE = locators.to_record(locators.located("unix", "somewhere", {"path": "/a"}))


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A world in a file, which listens to strangers."""
    side = Side(tmp_path_factory.mktemp("strangers") / "it.world")
    with_session(side)
    side.session.define("bank", BOX)
    side.world.net.listen("tcp-testing-only")
    yield side
    side.close()


class Stranger:
    """A peer that says bytes."""

    def __init__(self, side: Side) -> None:
        self.side = side
        location = locators.parse_uri(side.world.net.listen("tcp-testing-only"))
        assert isinstance(location, locators.Locator)
        self.raw = socket.create_connection(("127.0.0.1", int(location.hint("port") or "")))
        self.raw.settimeout(5)
        self.framing = framer("none", 10**7)

    def say(self, *values: Any) -> None:
        """Send values."""
        self.raw.sendall(b"".join(map(syrup.write, values)))

    def hello(self) -> Record:
        """What begins a session."""
        key = Key()
        here = locators.to_record(locators.located("tcp-testing-only", f"made{id(self)}"))
        signed = syrup.write(Record(Symbol("my-location"), (here,)))
        signature = keys.signature_to_value(key.sign(signed))
        return Record(Symbol("op:start-session"), ("1.0", keys.key_to_value(key.public), here, signature))

    def heard(self) -> list[Any]:
        """All messages until the world closes the connection or says nothing for a while."""
        found = []
        settle(self.side)
        self.raw.settimeout(0.3)
        try:
            while data := self.raw.recv(1 << 16):
                found += [syrup.read(each, strict=False) for each in self.framing.feed(data)]
        except TimeoutError:
            return found
        except OSError:
            pass
        return [*found, None]


def deliver(target: Record, args: list[Any], answer: Any = False) -> Record:
    """A message."""
    return Record(Symbol("op:deliver"), (target, args, answer, False))


def sturdyref(swissnum: bytes) -> Record:
    """A sturdyref of somewhere else."""
    return Record(Symbol("ocapn-sturdyref"), (THERE, swissnum))


START = Record(Symbol("op:start-session"), ())


@pytest.mark.parametrize(
    ("said", "cranks"),
    [
        (b"", 0),
        (b"t" * 3_000, 0),
        (b"<>" * 1_000, 0),
        (b"9999999999999:", 0),
        (syrup.write(deliver(Record(Symbol("desc:export"), (0,)), [])) * 300, 0),
        (syrup.write(START) * 500, 8),
        (syrup.write(START) + b"t" * 3_000, 8),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_stranger_costs_no_crank_before_its_first_message(side: Side, said: bytes, cranks: int) -> None:
    """What begins no session is not journalled, and of what is said ahead of a session only the first is."""
    settle(side)
    crank = side.world.crank
    stranger = Stranger(side)
    stranger.raw.sendall(said)
    if not said:
        stranger.raw.shutdown(socket.SHUT_WR)
    heard = stranger.heard()
    assert heard[-1] is None
    assert side.world.crank - crank <= cranks
    assert not side.world.net._line.inbox
    assert side.world.net.peers() == []


def test_few_strangers_may_wait(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit is sent away at once; those that say nothing are sent away in time."""
    monkeypatch.setattr(wire_io, "MOST_STRANGERS", 3)
    monkeypatch.setattr(wire_io, "SILENT", 0.3)
    strangers = [Stranger(side) for _ in range(4)]
    assert [each.raw.recv(1_000)[:10] for each in strangers] == [b""] * 4
    assert side.ended()[-1] == "the other side has not begun a session in time"


@pytest.fixture
def known(side: Side) -> Iterator[Stranger]:
    """A stranger whose session has begun, and which has fetched a box as answer 1."""
    uri = side.shared("box")
    found = locators.parse_uri(uri)
    assert isinstance(found, locators.Sturdyref)
    stranger = Stranger(side)
    stranger.say(stranger.hello(), deliver(Record(Symbol("desc:export"), (0,)),
                                           [Symbol("fetch"), found.swissnum], 1))  # fmt: skip
    assert [each.label.name for each in stranger.heard()] == ["op:start-session"]
    yield stranger
    stranger.raw.close()
    settle(side)


def test_what_comes_after_a_session_is_thrown_away(side: Side, known: Stranger) -> None:
    """A message that ends its session is followed by few cranks, however many messages follow it."""
    crank = side.world.crank
    known.say(*[Record(Symbol("op:nonsense"))] * 2_000)
    assert known.heard()[-1] is None
    assert side.world.crank - crank < 60
    assert side.world.net.peers() == []


@pytest.mark.parametrize("size", [16, 32, 200])
def test_the_swissnum_of_a_sturdyref_is_in_no_world(side: Side, known: Stranger, size: int) -> None:
    """It comes as a mark, and goes out as it was; the file has it in no spelling."""
    secret = os.urandom(size)
    box = Record(Symbol("desc:answer"), (1,))
    known.say(deliver(box, [Symbol("keep"), sturdyref(secret)], 2))
    known.heard()
    side.world.commit()
    stored = b"".join(each.read_bytes() for each in files(side))
    for spelled in (secret, secret.hex().encode(), base64.b64encode(secret)[:16]):
        assert spelled not in stored
    known.say(deliver(box, [Symbol("kept")], 3))
    known.say(Record(Symbol("op:listen"), (Record(Symbol("desc:answer"), (3,)),
                                           Record(Symbol("desc:import-object"), (9,)), False)))  # fmt: skip
    assert secret in b"".join(map(syrup.write, known.heard()))


def files(side: Side) -> list[Path]:
    """The files of a world, but for its secrets and its socket."""
    assert side.path is not None
    return [each for each in side.path.parent.iterdir() if each.suffix not in (".secrets", ".sock")]


def test_secrets_are_written_once_for_a_message(
    side: Side, known: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sturdyrefs it has: before the commit."""
    written: list[int] = []
    save = Secrets.save
    monkeypatch.setattr(Secrets, "save", lambda self: (written.append(1), save(self)))
    refs = [sturdyref(b"%032d" % number) for number in range(100)]
    known.say(deliver(Record(Symbol("desc:answer"), (1,)), [Symbol("keep"), refs], 2))
    known.heard()
    assert len(written) == 1


def test_a_message_with_too_many_sturdyrefs_ends_its_session(side: Side, known: Stranger) -> None:
    """By name."""
    refs = [sturdyref(b"%032d" % number) for number in range(MOST_STURDYREFS + 1)]
    known.say(deliver(Record(Symbol("desc:answer"), (1,)), [Symbol("keep"), refs], 2))
    heard = known.heard()
    assert f"{MOST_STURDYREFS} sturdyrefs" in heard[-2].fields[0]
    assert heard[-1] is None


Q, Z = b"q" * 20, b"z" * 32
WHOLE = syrup.write(sturdyref(Q))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (WHOLE, [Q]),
        (syrup.write([1.5, sturdyref(Q), True, {"a": [sturdyref(Z)]}]), [Q, Z]),
        (syrup.write(Record(Symbol("x"), (sturdyref(Q), Z))), [Q]),
        (syrup.write([WHOLE, WHOLE.decode(), "<15'ocapn-sturdyref"]), []),
        (syrup.write([Symbol("ocapn-sturdyref"), THERE, Z]), []),
        (b"<15'ocapn-sturdyref" * 9, []),
        (b"<15'ocapn-sturdyref<>99:short>", []),
        (WHOLE[:-10], []),
        (b"]]]" + WHOLE, [Q]),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_sturdyrefs_are_found_where_they_are_records(data: bytes, found: list[bytes]) -> None:
    """Whatever the bytes are; what looks like one inside of a text or of bytes is none."""
    assert [data[begin:end] for begin, end in sturdyrefs(data)] == found


@pytest.mark.parametrize("spell", [bytes, lambda secret: hashlib.sha256(secret).digest()])
def test_own_swissnums_are_replaced_wherever_they_are(spell: Callable[[bytes], bytes]) -> None:
    """So are their digests, many in one message too; the length of the message stays."""
    secrets = Secrets(None, Key())
    known = spell(secrets.give_out("", 0.0, None, False)[0])
    data = (b"32:" + known) * 1_000
    scrubbed = secrets.scrubbed(data)
    assert len(scrubbed) == len(data)
    assert known not in scrubbed
    assert secrets.scrubbed(b"33:" + known) == b"33:" + known
