"""What must neither be in a world nor go back in time with it: in a file beside it, for its owner alone.

It has the lasting key of the world, the swissnums of other worlds that were fetched from or came in messages,
and for each digest that was shared whether it may still be used; the life of the world, which is another once
the world went back in time, and when each link was heard of last. A copy of the world without this file
speaks as nobody, and opens nothing. A world in memory keeps all this in memory.

What may be lost with an uncommitted crank is written at once before the commit. So the table of swissnums may
have some that no message was delivered with; it is bounded.

The file is JSON, of mode 0600, and is replaced as a whole. A file that others can read is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.base.beside import read_beside
from swingset.host.wires.keys import SIZE, Key, verify
from swingset.host.wires.shares import Share, share_from
from swingset.host.wires.wire_scrub import sturdyrefs
from swingset.model.foreign import Unreadable, read_json
from swingset.model.visible import one_line
from swingset.net import syrup
from swingset.net.cards import MOST_STATEMENTS, Statement, read_statements
from swingset.net.keys import named_by
from swingset.net.locators import Locator
from swingset.net.values import Malformed
from swingset.world.paths import replace_text

SUFFIX = ".secrets"
LEASE = 30 * 86_400.0
"""For how many seconds a link stays with which there is no connection."""

MOST_STURDYREFS = 200
"""How many sturdyrefs a message that comes in may have."""

MOST_FOREIGN = 20_000
"""How many swissnums of other worlds may be kept before no message with further ones is taken."""

_VERSION = 2
_KNOWN = (1, 2)


@dataclass
class Secrets:
    """The secrets of one world, as an `Identity` for netlayers too. `path` is their file, or None."""

    path: str | None
    key: Key
    shares: dict[str, Share] = field(default_factory=dict)
    foreign: dict[str, bytes] = field(default_factory=dict)
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(SIZE))
    number: int = 0
    """The highest number of a statement of this world's cards."""

    past: list[bytes] = field(default_factory=list)
    """The signed statements by which its keys have succeeded each other, the newest first."""

    life: str = field(default_factory=lambda: secrets.token_hex(_LIFE))
    heard: dict[str, float] = field(default_factory=dict)
    lease: float = LEASE
    touched: set[str] = field(default_factory=set)
    """The handles of swissnums that were mentioned since `untouched` was asked for."""

    most_foreign: int = MOST_FOREIGN
    changed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def are_at(world: str | None) -> bool:
        """Whether there is a file of secrets for the world at a path."""
        return world is not None and os.path.lexists(world + SUFFIX)

    @classmethod
    def of(cls, world: str | None) -> Secrets:
        """The secrets of the world at a path; a key is made, and stored, if there is none.

        Raises `KernelError` for a file that is not what this class writes, or that others can read.
        """
        path = None if world is None else world + SUFFIX
        if path is not None and cls.are_at(world):
            return cls._read(path)
        made = cls(path, Key())
        made.save()
        return made

    @classmethod
    def _read(cls, path: str) -> Secrets:
        named = f"the file of secrets {one_line(path, 300)}"
        anew = "put the right file there, or move it away to begin anew, as another world"

        def trouble(about: os.stat_result) -> str | None:
            readable = stat.S_IMODE(about.st_mode) & 0o077
            return f"others can read the secrets in {path}: chmod 600 {path}" if readable else None

        text = read_beside(path, named, anew, _LARGEST, trouble)
        try:
            if len(text) > _LARGEST:
                raise ValueError
            return cls._from(path, read_json(text))
        except (Unreadable, TypeError, ValueError, KeyError, AttributeError):
            raise KernelError(f"{named} is not what this library writes: {anew}") from None

    @classmethod
    def _from(cls, path: str, said: Any) -> Secrets:
        if said["version"] not in _KNOWN or len(secret := base64.b64decode(said["key"])) != SIZE:
            raise ValueError
        shares = [share_from(each) for each in said["shares"]]
        foreign = {str(handle): base64.b64decode(text) for handle, text in said["foreign"].items()}
        salt = base64.b64decode(said["salt"]) if "salt" in said else secret
        past = [base64.b64decode(each) for each in said.get("past", [])]
        number = said.get("number", 0)
        if type(number) is not int or not 0 <= number < _FARTHEST or not all(map(_is_statement, past)):
            raise ValueError
        made = cls(path, Key(secret), {each.digest: each for each in shares}, foreign, salt, number, past)
        made.life, made.lease = _life(said.get("life", made.life)), _time(said.get("lease", LEASE))
        made.heard = {str(peer): _time(when) for peer, when in said.get("heard", {}).items()}
        return made

    def save_changes(self) -> None:
        """Write the file if something was kept or used since it was written."""
        if self.changed:
            self.save()

    def save(self) -> None:
        """Write the file, as a whole."""
        self.changed = False
        if self.path is None:
            return
        with self._lock:
            foreign = dict(self.foreign)
        said = {
            "version": _VERSION,
            "key": base64.b64encode(self.key.secret()).decode(),
            "salt": base64.b64encode(self.salt).decode(),
            "number": self.number,
            "past": [base64.b64encode(each).decode() for each in self.past],
            "shares": [asdict(share) for share in self.shares.values()],
            "foreign": {name: base64.b64encode(data).decode() for name, data in foreign.items()},
            "life": self.life,
            "heard": self.heard,
            "lease": self.lease,
        }
        try:
            replace_text(self.path, json.dumps(said, allow_nan=False))
        except OSError as problem:
            self.changed = True
            words = f"the secrets cannot be written to {one_line(self.path, 300)} ({problem.strerror})"
            raise KernelError(f"{words}: make room, or make the folder writable") from None

    # For netlayers.

    @property
    def designator(self) -> str:
        """The world's designator."""
        return named_by(self.key.public)

    @property
    def public(self) -> bytes:
        """The world's public key."""
        return self.key.public

    def sign(self, data: bytes) -> bytes:
        """Sign with the world's key."""
        return self.key.sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether a signature is right."""
        return verify(public, data, signature)

    def random(self) -> bytes:
        """32 bytes that nobody can guess."""
        return secrets.token_bytes(SIZE)

    # Cards.

    def next_number(self) -> int:
        """The number of the next statement; it is kept before it is used."""
        self.number = max(self.number + 1, int(time.time()))
        self.save()
        return self.number

    def says(self, where: Locator) -> bytes:
        """A signed statement of where this world is reached."""
        return Statement(self.public, self.next_number(), where).signed(self.sign)

    def rotate(self) -> None:
        """Have a new key; the old one says so, and is forgotten. Raises `KernelError` for one too many."""
        if len(self.past) >= MOST_STATEMENTS - 1:
            raise KernelError(f"a world has at most {MOST_STATEMENTS} keys, one after the other")
        new = Key()
        said = Statement(self.public, self.next_number(), None, new.public)
        self.past.insert(0, said.signed(self.sign, new.sign))
        self.key = new
        self.save()

    def is_mine(self, public: bytes) -> bool:
        """Whether a key is this world's, or was."""
        return named_by(public) in self.designators()

    def designators(self) -> list[str]:
        """The designators of all keys that this world has had, the newest first."""
        kept = read_statements(syrup.write(self.past), verify) if self.past else []
        return [self.designator, *(named_by(each.key) for each in kept)]

    # For links.

    def session_key(self, handle: str) -> Key:
        """The key of one session, which follows from its handle and so is the same after a restart."""
        return Key(hashlib.sha256(b"session" + self.salt + handle.encode()).digest())

    def begin_life(self) -> None:
        """The world has gone back in time."""
        self.life = secrets.token_hex(_LIFE)
        self.save()

    def note_heard(self, peer: str, now: float) -> None:
        """A link was connected just now."""
        if now - self.heard.get(peer, 0.0) >= _NOTED:
            self.heard[peer] = now
            self.changed = True

    def forget_heard(self, links: set[str]) -> None:
        """Of these peers alone there are links."""
        for peer in [peer for peer in self.heard if peer not in links]:
            del self.heard[peer]
            self.changed = True

    def lease_ends(self, peer: str, now: float) -> float:
        """When the lease of a link ends with which there is no connection now."""
        if peer not in self.heard:
            self.note_heard(peer, now)
        return self.heard[peer] + self.lease

    # Swissnums.

    def give_out(
        self,
        label: str,
        now: float,
        expires: float | None,
        once: bool,
        swissnum: bytes | None = None,
        to: str | None = None,
        web: bool = False,
    ) -> tuple[bytes, Share]:
        """A new swissnum, and what is kept of it; raises `KernelError` for one of another length."""
        swissnum = self.random() if swissnum is None else swissnum
        if len(swissnum) != SIZE:
            raise KernelError(f"a swissnum has {SIZE} bytes, not {len(swissnum)}")
        share = Share(hashlib.sha256(swissnum).hexdigest(), label, now, expires, once, to=to, web=web)
        self.shares[share.digest] = share
        self.save()
        return swissnum, share

    def may_fetch(self, digest: str, peer: str, now: float, newest: Callable[[str], str] = str) -> bool:
        """Whether a digest opens something; counts the use if it does.

        Args:
            digest: what was asked for.
            peer: who asks, as far as it is proved; else an empty text.
            now: the time.
            newest: the designator of the key that has succeeded a key in the end.
        """
        share = self.shares.get(digest)
        if share is None or share.web or share.state(now) != "open":
            return False
        if share.to is not None and newest(share.to) != peer.rpartition(".")[0]:
            return False
        share.count(peer, now)
        self.changed = True
        return True

    def serves(self, digest: str, now: float) -> Share | None:
        """What the address of a digest opens for a web client; None if it opens nothing."""
        share = self.shares.get(digest)
        return share if share is not None and share.web and share.state(now) == "open" else None

    def may_serve(self, digest: str, now: float) -> bool:
        """Whether the address of a digest opens something; counts the use if it does."""
        share = self.serves(digest, now)
        if share is None:
            return False
        share.count("", now)
        self.changed = True
        return True

    def keep(self, secret: bytes) -> str:
        """Keep a swissnum of another world; returns its handle, the same for the same swissnum."""
        return _handle(self._marked(secret))

    def _marked(self, secret: bytes) -> bytes:
        """The mark of a swissnum, of its length, under which it is kept from now on."""
        with self._lock:
            mark = self._mark(secret)
            handle = _handle(mark)
            self.touched.add(handle)
            if handle not in self.foreign:
                self.foreign[handle] = secret
                self.changed = True
            return mark

    def hide(self, mark: bytes) -> str:
        """The handle of a swissnum in whose place a mark came; one that came as it is, is kept."""
        handle = _handle(mark)
        return handle if handle in self.foreign else self.keep(mark)

    def untouched(self) -> set[str]:
        """The handles that are kept now; `forget` spares those that are mentioned again after this."""
        with self._lock:
            self.touched.clear()
            return {*self.foreign}

    def forget(self, handles: Iterable[str]) -> int:
        """Forget swissnums that nothing in the world refers to; returns how many are gone."""
        with self._lock:
            gone = [each for each in handles if each not in self.touched and each in self.foreign]
            for handle in gone:
                del self.foreign[handle]
            self.changed = self.changed or bool(gone)
            return len(gone)

    def _mark(self, secret: bytes) -> bytes:
        """What stands for a swissnum in a message: bytes of the same length, from which nobody learns it.

        Short ones are few, so a mark may be another's already; then the next one that is free is taken.
        """
        size = len(secret)
        mark = hashlib.shake_256(b"handle" + self.salt + secret).digest(size)
        if size >= _LEAST:
            return mark
        for _ in range(256 ** min(size, 2)):
            if self.foreign.get(_handle(mark), secret) == secret:
                return mark
            mark = ((int.from_bytes(mark) + 1) % 256**size).to_bytes(size)
        raise Malformed(f"too many swissnums of {size} bytes are kept here")

    def scrubbed(self, data: bytes) -> bytes:
        """A message that came in, without the swissnums that it has.

        In a sturdyref, a mark of the same length takes its place, from which nobody learns it. Elsewhere, a
        swissnum of this world is replaced by its SHA-256, which has the same length. What already is the
        digest of a swissnum is replaced by a hash of its own, so a digest opens nothing. Raises `Malformed`
        for more sturdyrefs than a message may have.
        """
        out = bytearray(data)
        for count, (begin, end) in enumerate(sturdyrefs(data)):
            if count >= MOST_STURDYREFS:
                raise Malformed(f"a message has at most {MOST_STURDYREFS} sturdyrefs")
            if len(self.foreign) >= self.most_foreign:
                raise Malformed(
                    f"{self.most_foreign} references of other worlds are kept here, and no more may be"
                )
            if begin < end:
                out[begin:end] = self._marked(data[begin:end])
        at = out.find(_HEAD)
        while at >= 0:
            start = at + len(_HEAD)
            found = bytes(out[start : start + SIZE])
            if len(found) == SIZE:
                digest = hashlib.sha256(found)
                if digest.hexdigest() in self.shares or found.hex() in self.shares:
                    out[start : start + SIZE] = digest.digest()
            at = out.find(_HEAD, start)
        return bytes(out)


_HEAD = b"32:"
"""How Syrup begins a string of 32 bytes, which all swissnums of this library are."""

_LEAST = 16


_LARGEST = 64 << 20
_FARTHEST = 2**53


def _is_statement(data: bytes) -> bool:
    try:
        return len(read_statements(syrup.write([data]), verify)) == 1
    except Malformed:
        return False


_LIFE = 16
_NOTED = 60.0


def _life(value: Any) -> str:
    """A life that was read; raises `ValueError`."""
    if not isinstance(value, str) or len(bytes.fromhex(value)) != _LIFE:
        raise ValueError
    return value


def _time(value: Any) -> float:
    """A number of seconds that was read; raises `ValueError`."""
    if type(value) not in (int, float) or not 0 <= value < _FARTHEST:
        raise ValueError
    return float(value)


def _handle(mark: bytes) -> str:
    return f"s{mark[:_LEAST].hex()}"
