"""What comes over the wire to other worlds, in words, and which records are of it.

The service vat `net` gets each thing that comes in as a message to its root. A message of a peer is bytes,
which nobody can read: it is told as what it is, from which world, and how long. What vats of this world were
asked by it is in the cranks that came of it.

The vat is known by its id in a counter of the world, because anybody may call a vat `net`. What a peer says
is a stranger's text.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from swingset.core.store import KernelStore
from swingset.model.capdata import CapData, MalformedCapData, method_of
from swingset.model.foreign import Unreadable, read_json, read_object
from swingset.model.messages import Send
from swingset.model.refs import ROOT
from swingset.model.values import args_in_words
from swingset.model.visible import one_line
from swingset.world.records import CrankRecord, Record, RequestRecord

SERVICE = "service.net"
"""The counter with the number of the vat."""

_CAME = frozenset({"received", "opened", "visit", "closed", "lost", "age", "succeeded", "acknowledge"})
_LONGEST_ROW = 20_000
_LONGEST_DIGEST = 600
_NAMES = "own.name."
_REMOTE = "o+d10/"
_SHORT = 12
_MOST_KEYS = 32
_SOME_WORLD = "another world"


class Wire:
    """The service vat `net` of one world, as far as records are of it."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        number = store.counters.get(SERVICE)
        self.vat = f"v{number}" if number else None
        entry = None if self.vat is None else store.clists.by_vref(self.vat, ROOT)
        self.root = None if entry is None else entry.kref

    def came_in(self, record: Record) -> bool:
        """Whether a record is of something that came in, or of the host's part in that."""
        if self.root is None:
            return False
        if isinstance(record, RequestRecord):
            if record.verb == "visit-device":
                return record.arguments.get("name") == "wire"
            sent = _capdata(record.arguments.get("methargs"))
            return (
                record.arguments.get("target") == self.root and sent is not None and method_of(sent) in _CAME
            )
        event = record.event
        return isinstance(event, Send) and event.target == self.root and event.message.method in _CAME

    def in_words(self, target: object, methargs: CapData | None) -> str | None:
        """A message to the root in words; None for one to anything else."""
        if self.root is None or target != self.root or methargs is None:
            return None
        args = args_in_words(methargs)
        peer = self._peer(args[0] if args else "")
        match method_of(methargs):
            case "received":
                size = args[1] if len(args) > 1 else "bytes"
                if "op:ack" in size:  # so short that its bytes are in the words
                    return f"{peer} has said how much it has taken"
                return f"a message of {peer}, {size}"
            case "opened":
                return "a connection to another world"
            case "visit" if len(args) > 2 and args[2] != "None":
                return f"a batch of messages of a web client, {args[2]}"
            case "visit":
                return "a connection to a web client"
            case "closed":
                return f"the end of a connection to {peer}: {args[1] if len(args) > 1 else '?'}"
            case "succeeded":
                return "the new key of a world that was dialled by an old one"
            case "lost":
                return "the end of the connections from before"
            case "acknowledge":
                return "what other worlds have sent is acknowledged"
            case "part":
                return "the end of a link to another world"
            case "abandon":
                return "the end of a wait for another world"
            case "age":
                return "time has passed for gifts of other worlds"
            case "share":
                return "an object is shared with other worlds"
            case "unshare":
                return "an object is shared no more"
            case "moved":
                return "a card, which says where another world has moved to"
            case "limit":
                return "what other worlds may use is limited"
            case "departed":
                return "objects of a vat that has moved to another world"
            case "introduce":
                return "the card of this world, for its peers"
            case "fetch":
                return "a question for an object of another world"
        return None

    def has_shared(self, digest: str) -> bool:
        """Whether the world, as it stands, finds an object by the swissnum of a digest, or is about to."""
        if self.vat is None or len(digest) > _LONGEST_DIGEST:
            return False
        if self._store.vatstore.get(self.vat, f"net.f.{digest}") is not None:
            return True
        waiting = (event.item for event in self._store.queues.all())
        return any(
            isinstance(item, Send) and item.target == self.root and digest in item.message.methargs.body
            for item in waiting
        )

    def remote(self, vref: str) -> tuple[str, str] | None:
        """What an object of another world is called, and whether it is reached; None for any other."""
        row = self._row(f"o.{vref}") if vref.startswith(_REMOTE) else None
        if row is None:
            return None
        uri, conn = row.get("uri"), row.get("conn")
        peer = self._peer(str(conn)) if conn is not None or not isinstance(uri, str) else ""
        if peer in ("", _SOME_WORLD) and isinstance(uri, str):
            peer = self.world_called(uri)  # where it is asked for, until it is known whose it is
        match row.get("kind"):
            case "lasting" if conn is None:
                how = "the next message to it connects"
            case "lasting" | "far" | "web":
                how = self._how(str(conn))
            case "sturdy":
                how = "a string that nobody has followed"
            case _:
                how = "broken: its connection has ended"
        return f"object of {peer}", how

    def _how(self, connection: str) -> str:
        """Whether the world at the other end of a session is there now."""
        link = self._row(f"link.{connection}")
        return "connected" if link is None or link.get("conn") is not None else "not connected: messages wait"

    def holders(self, vref: str) -> tuple[list[str], int]:
        """Which other worlds have an object of this one, and how many strings open it.

        It is asked for by the vat's name for it. A world that has it several times is named once.
        """
        if self.vat is None:
            return [], 0
        rows, of = self._store.world.rows, "SELECT key from vatstore where vat = ? and key > ? and key < ?"
        ends = f".{vref}"
        query = f"{of} and substr(key, ?) = ? order by key"
        found = rows(query, (self.vat, "net.y.", "net.y/", -len(ends), ends))
        worlds = [self._peer(key[len("net.y.") : -len(vref) - 1]) for (key,) in found]
        opened = rows(f"{of} and value = ?", (self.vat, "net.f.", "net.f/", f'"{vref}"'))
        return list(dict.fromkeys(worlds)), len(opened)

    def _row(self, key: str) -> dict[str, Any] | None:
        kept = self._store.vatstore.get(self.vat, f"net.{key}") if self.vat and len(key) < 400 else None
        return read_object(kept, longest=_LONGEST_ROW)

    def _peer(self, connection: str) -> str:
        """The world at the other end, as long as the session lasts."""
        connection = connection.strip("'")
        row = self._row(f"s.{connection}") or self._row(f"carrier.{connection}") or {}
        if row.get("web") is not None:
            return "a web client"
        found = row.get("peer")
        return self.world_called(found) if isinstance(found, str) else _SOME_WORLD

    def world_called(self, uri: str) -> str:
        """A world by its petname, or by the beginning of its designator."""
        named = _designator(uri)
        if not named:
            return _SOME_WORLD
        return f"world {self.petname(named) or one_line(named[:_SHORT], 40)}"

    def home(self, vref: str) -> str:
        """The beginning of the designator of an object's world; empty if nobody knows."""
        row = self._row(f"o.{vref}") or {}
        session = self._row(f"s.{row.get('conn')}") or {}
        found = session.get("peer") or row.get("uri")
        return one_line(_designator(found)[:_SHORT], 40) if isinstance(found, str) else ""

    def home_called(self, home: str) -> str:
        """A world by its petname, or by what `home` says of it."""
        named = (name for key, name in self._petnames.items() if home and key.startswith(home))
        return f"world {next(named, home)}" if home else _SOME_WORLD

    def petname(self, designator: str) -> str | None:
        """What the user calls the world of a designator; None for nothing."""
        return self._petnames.get(designator)

    @cached_property
    def _petnames(self) -> dict[str, str]:
        """The petnames by designator; that of a key is its successor's too, unless that has one."""
        found: dict[str, str] = {}
        for key in () if self._device is None else self._store.devices.keys(self._device, _NAMES):
            kept = self._store.devices.load(self._device or "", key)
            if name := None if kept is None else _text(kept):
                found[key.removeprefix(_NAMES)] = one_line(name, 60)
        for designator, name in list(found.items()):
            for _ in range(_MOST_KEYS):
                following = (self._row(f"m.{designator}") or {}).get("next")
                if not isinstance(following, str):
                    break
                designator = following
            found.setdefault(designator, name)
        return found

    @cached_property
    def _device(self) -> str | None:
        """The id of the device, whose state has the petnames."""
        return next((device.id for device in self._store.devices.all() if device.name == "wire"), None)


def called_by_others(wire: Wire, came: set[int], record: Record) -> bool:
    """Whether a crank is of a message that another world has sent to a vat of this one.

    Args:
        wire: the wire.
        came: the numbers of the cranks in which something came in, of the records before.
        record: the next record.
    """
    if not isinstance(record, CrankRecord):
        return False
    if wire.came_in(record):
        came.add(record.number)
        return False
    return isinstance(record.event, Send) and record.sender in came and wire.vat not in record.transcripts


def _designator(uri: str) -> str:
    """The designator in the locator of a world, or in a string of an object there."""
    return uri.removeprefix("ocapn://").partition("?")[0].partition("/")[0].rpartition(".")[0]


def _text(kept: CapData) -> str | None:
    """The text that a device keeps; None for anything else."""
    try:
        found = read_json(kept.body.removeprefix("#"))
    except Unreadable:
        return None
    return found if isinstance(found, str) else None


def _capdata(raw: Any) -> CapData | None:
    try:
        return CapData.from_json(raw)
    except MalformedCapData:
        return None
