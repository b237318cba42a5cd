"""Reads world files: written from docs/design/file.md alone, and independent of the project.

It imports the standard library and zstandard, and nothing of `swingset`. What it finds altered raises
`Altered`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zstandard

APPLICATION_ID, FORMAT = 0x53574E42, 3
STATE = (
    *("counters", "activity", "vats", "spans", "objects", "promises", "subscribers", "promise_queue", "kept"),
    *("queue", "parked", "clists", "vatstore", "holdings", "sources", "gc_actions", "reap", "pins", "dead"),
    *("meters", "devices", "device_state", "panics"),
)
SEALED = ("begins", "cut", "prunes", "retention")
LEFT_OUT = {"spans": ("start", "start_hash", "snapshot")} | dict.fromkeys(
    ("promise_queue", "queue", "parked"), ("sender",)
)
HOSTS_COUNTERS = ("configuring", "default.snapshot_interval", "paused")
HOSTS_REASONS = (
    *("file-damaged", "host-failed", "interrupted", "library-unusable", "replay-diverged", "wall-clock"),
    "worker-refused",
)
MOST_CHANGES, MOST_LIBRARY, PAGE = 512 << 20, 8 << 20, 4096

Row = tuple[Any, ...]


class Altered(Exception):
    """Something in the file is not what the page says it is."""


def canonical(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text


def unpacked(frame: bytes, most: int) -> bytes:
    size = zstandard.get_frame_parameters(frame).content_size
    if size > most:
        raise Altered(f"a frame of {size} bytes")
    return zstandard.ZstdDecompressor().decompress(frame)


def sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def led(head: list[Any]) -> bytes:
    """A list with its length before it."""
    text = canonical(head).encode()
    return b"%d:%b" % (len(text), text)


# Values


def value_of(capdata: dict[str, Any]) -> Any:
    """Plain data of capdata; a reference is a tuple of its sigil and its slot."""
    body, slots = capdata["body"], capdata["slots"]
    if body[:1] != "#":
        raise Altered("a body begins with #")

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if isinstance(node, dict):
            if node.keys() == {"#tag", "payload"}:
                payload = walk(node["payload"])
                return tuple(payload) if node["#tag"] == "tuple" else (node["#tag"], payload)
            return {(walk(key) if key[:1] != "#" else key): walk(item) for key, item in node.items()}
        if not isinstance(node, str) or not node or node[0] not in "!\"#$%&'()*+,-":
            return node
        if node[0] == "!":
            return node[1:]
        if node[0] in "$&":
            return node[0], slots[int(node[1:].partition(".")[0])]
        return int(node) if node[0] in "+-" else float(node[1:].replace("Infinity", "inf"))

    return walk(json.loads(body[1:]))


# Changes


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def varint(self) -> int:
        number = 0
        while True:
            (byte,) = self.take(1)
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                return number

    def value(self) -> Any:
        (kind,) = self.take(1)
        if kind in (0, 5):
            return ... if kind == 0 else None
        if kind in (1, 2):
            return struct.unpack(">q" if kind == 1 else ">d", self.take(8))[0]
        content = self.take(self.varint())
        return content.decode() if kind == 3 else content


def apply(changes: bytes, state: dict[str, dict[Row, Row]], widths: dict[str, int]) -> None:
    """Apply a changeset to rows by key, by table; tables have so many columns."""
    data, rows, keys = _Bytes(changes), dict[Row, Row](), tuple[int, ...]()
    table, columns = "", 0
    while data.at < len(changes):
        (operation,) = data.take(1)
        if operation == ord("T"):
            columns = data.varint()
            keys = tuple(at for at, key in enumerate(data.take(columns)) if key)
            end = changes.index(0, data.at)
            table = data.take(end - data.at).decode()
            rows = state[table]
            data.take(1)
            continue
        data.take(1)
        more = (... if operation == 23 else None,) * (widths[table] - columns)
        old = () if operation == 18 else tuple(data.value() for _ in range(columns)) + more
        new = () if operation == 9 else tuple(data.value() for _ in range(columns)) + more
        key = tuple((new if operation == 18 else old)[at] for at in keys)
        if (key in rows) == (operation == 18):
            raise Altered(f"a change does not fit: {key}")
        before = rows.pop(key, new)
        if any(said is not ... and said != had for said, had in zip(old, before, strict=False)):
            raise Altered(f"a change does not fit: {key}")
        if operation != 9:
            rows[key] = tuple(had if now is ... else now for now, had in zip(new, before, strict=True))


class World:
    """One world file, read only."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        said = self.one("PRAGMA application_id"), self.one("PRAGMA user_version")
        if said != (APPLICATION_ID, FORMAT):
            raise Altered(f"no world of format {FORMAT}: {said}")
        self.meta = dict(self.db.execute("SELECT key, value FROM meta"))

    def one(self, sql: str, *given: Any) -> Any:
        found = self.db.execute(sql, given).fetchone()
        if found is None:
            raise Altered(f"missing: {given}")
        return found[0] if len(found) == 1 else found

    def columns(self, table: str) -> list[tuple[str, int]]:
        """The columns of a table, each with its place in the key."""
        return [(row[1], row[5]) for row in self.db.execute(f"PRAGMA table_info({table})")]

    # State

    def vats(self) -> dict[str, str]:
        return dict(self.db.execute("SELECT name, id FROM vats"))

    def owners(self) -> dict[str, str]:
        """The owner of each object."""
        return dict(self.db.execute("SELECT kref, owner FROM objects"))

    def queue(self) -> list[dict[str, Any]]:
        return [json.loads(item) for (item,) in self.db.execute("SELECT item FROM queue ORDER BY seq")]

    def durable(self, kref: str) -> tuple[str, dict[str, Any]]:
        """The kind and the fields of a durable object."""
        vat, vref = self.one("SELECT vat, vref FROM clists WHERE kref = ? AND vref LIKE 'o+d%'", kref)
        stored = "SELECT value FROM vatstore WHERE vat = ? AND key = ?"
        fields = json.loads(self.one(stored, vat, f"vom.{vref}"))
        number = vref.removeprefix("o+d").partition("/")[0]
        kind = json.loads(self.one(stored, vat, f"vom.dkind.{number}.descriptor"))
        return kind["tag"], {name: value_of(data) for name, data in fields.items() if name != "#version"}

    def digest(self) -> str:
        """The digest of the state in the tables."""
        pieces = ["swingset world 2\n"]
        attached = {vat for (vat,) in self.db.execute("SELECT id FROM vats WHERE worker = 'attached'")}
        for table in STATE:
            columns = self.columns(table)
            names = [name for name, _ in columns]
            keys = [name for name, at in sorted(columns, key=lambda column: column[1]) if at]
            pieces.append(f"table {table}\n")
            for row in self.db.execute(f"SELECT * FROM {table} ORDER BY {', '.join(keys)}"):
                said = dict(zip(names, row, strict=True))
                if table == "counters" and said["name"] in HOSTS_COUNTERS:
                    continue
                if table == "vats" and said["state"] == "suspended":
                    code = said["reason"].partition(": ")[0]
                    said["reason"] = code if code in HOSTS_REASONS else said["reason"]
                if table == "spans" and said["vat"] in attached:
                    said |= {"incarnation_hash": None, "hash": None}
                for name, value in said.items():
                    if name in LEFT_OUT.get(table, ()):
                        continue
                    text = f"s{len(value)}:{value}" if isinstance(value, str) else f"i{value};"
                    pieces.append("n" if value is None else text)
                pieces.append("\n")
        return sha256("".join(pieces).encode())

    def state(self) -> dict[str, dict[Row, Row]]:
        """The rows of all state tables by key."""
        found = {}
        for table in STATE:
            keys = [at for at, (_, key) in enumerate(self.columns(table)) if key]
            rows = self.db.execute(f"SELECT * FROM {table}")
            found[table] = {tuple(row[at] for at in keys): row for row in rows}
        return found

    # History

    def line(self) -> list[int]:
        """The commits from the first to the current one."""
        found, at = [], int(self.meta["head"])
        while at is not None:
            found.append(at)
            at = self.one("SELECT parent, seq FROM commits WHERE seq = ?", at)[0]
        return found[::-1]

    def lived(self) -> dict[str, dict[Row, Row]]:
        """The state that the changes of the line make."""
        state: dict[str, dict[Row, Row]] = {table: {} for table in STATE}
        widths = {table: len(self.columns(table)) for table in STATE}
        for seq in self.line():
            packed = self.one("SELECT changeset FROM commits WHERE seq = ?", seq)
            apply(unpacked(packed, MOST_CHANGES), state, widths)
        return state

    def records(self) -> Iterator[dict[str, Any]]:
        """The records of the line, in order."""
        for seq in self.line():
            packed, last = self.one("SELECT records, record FROM commits WHERE seq = ?", seq)
            lines = unpacked(packed, MOST_CHANGES).decode().split("\n")
            found = [json.loads(line) for line in lines if line]
            yield from found
            parent = self.one("SELECT parent, seq FROM commits WHERE seq = ?", seq)[0]
            before = 0 if parent is None else self.one("SELECT record FROM commits WHERE seq = ?", parent)
            cut = json.loads(self.meta.get("cut", "[0]"))[0]
            if last - before != len(found) and seq != cut:
                raise Altered(f"commit {seq} has {len(found)} records")

    def activity(self) -> str:
        """The running digest of all cranks, out of the records."""
        running = sha256(b"swingset activity 1")
        ids, workers, hashes = dict[str, str](), dict[str, str](), dict[str, str | None]()
        for record in self.records():
            for table, row, *_ in record.get("rows", ()):
                if table == "vats" and row is not None:
                    workers[row[0]] = row[2]
                    if row[3] != "terminated":
                        ids[row[1]] = row[0]
                    elif ids.get(row[1]) == row[0]:
                        del ids[row[1]]
                if table == "spans" and row is not None:
                    hashes[row[0]] = row[7]
            if "crank" not in record:
                continue
            event, name = dict(record["event"]), record.get("vat")
            kind = "".join(word.title() for word in event.pop("type").split("-"))
            vat = ids.get(name, "")
            told = None if workers.get(vat) == "attached" else hashes.get(vat)
            fault = record.get("fault", {}).get("code")
            done = [record["crank"], kind, event, record["outcome"], fault, name, told]
            running = sha256(canonical([running, done]).encode())
        return running

    def check_seals(self) -> int:
        """Hold all commits, labels and names against their seals; returns how many seals there are."""
        columns = "seq, parent, crank, record, note, seal, changeset, records"
        seals = dict[int | None, str | None]({None: None})
        for seq, parent, crank, record, note, seal, *packed in self.db.execute(
            f"SELECT {columns} FROM commits ORDER BY seq"
        ):
            head = led([seals[parent], seq, parent, crank, record, note, len(packed[0])])
            if sha256(b"commit ", head, *packed) != seal:
                raise Altered(f"commit {seq}")
            seals[seq] = seal
        labels = self.db.execute("SELECT name, commit_seq, note, seal FROM labels ORDER BY name").fetchall()
        for name, seq, note, seal in labels:
            if sha256(b"label ", canonical([seals[seq], name, seq, note]).encode()) != seal:
                raise Altered(f"label {name}")
        names = canonical([self.meta.get("log"), *(row[3] for row in labels)])
        names += "".join(f" {key} {self.meta[key]}" for key in SEALED if key in self.meta)
        if sha256(b"names ", names.encode()) != self.meta["names"]:
            raise Altered("the names")
        return len(seals) + len(labels)

    # Bulk

    def transcript(self, vat: str) -> list[dict[str, Any]]:
        """The deliveries to a vat, as far as the file has them, oldest first."""
        begins = json.loads(self.meta.get("begins", "{}")).get(vat, [0, None, []])
        at, found = self.one("SELECT hash FROM spans WHERE vat = ?", vat), []
        while at != begins[1]:
            sql = "SELECT prev, vat, incarnation, position, crank, entry FROM transcript WHERE hash = ?"
            *head, entry = self.one(sql, at)
            text = canonical(head)
            if sha256(f"{len(text)}:{text}{entry}".encode()) != at or head[1] != vat:
                raise Altered(f"entry {at}")
            found.append(json.loads(entry))
            at = head[0]
        return found[::-1]

    def code(self, vat: str) -> dict[str, str]:
        """The parts of a vat's code."""
        bundle = self.one("SELECT bundle FROM vats WHERE id = ?", vat)
        source = self.one("SELECT source FROM bundles WHERE id = ?", bundle)
        if bundle != "b1-" + hashlib.sha512(source.encode()).hexdigest():
            raise Altered(bundle)
        return dict(json.loads(source))

    def library(self, vat: str) -> dict[str, Any]:
        """The guest library of a vat."""
        library = self.one("SELECT library FROM vats WHERE id = ?", vat)
        content = unpacked(self.one("SELECT content FROM libraries WHERE id = ?", library), MOST_LIBRARY)
        if library != "l1-" + sha256(content):
            raise Altered(library)
        return dict(json.loads(content))

    def heap(self, vat: str) -> dict[int, bytes]:
        """The pages of a vat's heap image, as they differ from the base image."""
        image = self.one("SELECT snapshot FROM spans WHERE vat = ?", vat)
        columns = "vat, base, size, pages"
        *head, packed = self.one(f"SELECT {columns} FROM snapshots WHERE id = ?", image)
        table = unpacked(packed, head[2] // PAGE * 36)
        if image != "h1-" + sha256(led(head), table):
            raise Altered(image)
        pages = {}
        for number, digest in struct.iter_unpack(">I32s", table):
            page = unpacked(self.one("SELECT data FROM heap_pages WHERE digest = ?", digest), PAGE)
            if hashlib.sha256(page).digest() != digest or len(page) != PAGE:
                raise Altered(f"page {number}")
            pages[number] = page
        return pages


# Archives


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, list[Row]]]:
    """The metadata and the rows of an archive."""
    with path.open("rb") as file:
        if file.readline() != b"swingset archive 1\n":
            raise Altered("no archive")
        link = b""

        def piece(most: int) -> bytes:
            nonlocal link
            size, said = struct.unpack(">I32s", file.read(36))
            packed = file.read(size)
            link = hashlib.sha256(link + packed).digest()
            if link != said:
                raise Altered("a link")
            return unpacked(packed, most)

        metadata = json.loads(piece(8 << 20))
        found = {}
        for name, count, size, digest in metadata["artifacts"]:
            plain = b"".join(piece(1 << 20) for _ in range(-(-size // (1 << 20))))
            if sha256(plain) != digest or len(plain) != size:
                raise Altered(name)
            found[name] = list(_rows(_Bytes(plain)))
            if len(found[name]) != count:
                raise Altered(name)
        if file.read():
            raise Altered("more than its artifacts")
        return metadata, found


def _rows(data: _Bytes) -> Iterator[Row]:
    def until(end: bytes) -> int:
        at = data.data.index(end, data.at)
        number = int(data.take(at - data.at))
        data.take(1)
        return number

    kinds: dict[bytes, Callable[[], Any]] = {
        b"n": lambda: None,
        b"i": lambda: until(b";"),
        b"s": lambda: data.take(until(b":")).decode(),
        b"b": lambda: data.take(until(b":")),
    }
    while data.at < len(data.data):
        yield tuple(kinds[data.take(1)]() for _ in range(until(b":")))
