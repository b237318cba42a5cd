"""How keys and signatures are spelled in messages, and the identities that follow from them.

A session has a key on each side. The public identifier of a side is a hash of its key as it is spelled, and
the session's identifier a hash of both. Nothing here signs or verifies: the device has the secret halves.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from . import syrup
from .values import Malformed, Symbol

_KEY_HEAD = [
    Symbol("ecc"),
    [Symbol("curve"), Symbol("Ed25519")],
    [Symbol("flags"), Symbol("eddsa")],
]
_WORD = 32


def key_to_value(public: bytes) -> list[Any]:
    """A public key of 32 bytes as it stands in messages."""
    return [Symbol("public-key"), [*_KEY_HEAD, [Symbol("q"), public]]]


def key_from_value(value: Any) -> bytes:
    """Read a public key of a message: 32 bytes; raises `Malformed`."""
    if type(value) is list and len(value) == 2 and type(value[1]) is list and len(value[1]) == 4:
        last = value[1][3]
        public = last[1] if type(last) is list and len(last) == 2 else None
        if type(public) is bytes and len(public) == _WORD and value == key_to_value(public):
            return public
    raise Malformed("a public key is (public-key (ecc (curve Ed25519) (flags eddsa) (q 32 bytes)))")


def signature_to_value(signature: bytes) -> list[Any]:
    """A signature of 64 bytes as it stands in messages."""
    first, second = signature[:_WORD], signature[_WORD:]
    return [Symbol("sig-val"), [Symbol("eddsa"), [Symbol("r"), first], [Symbol("s"), second]]]


def signature_from_value(value: Any) -> bytes:
    """Read a signature of a message: 64 bytes; raises `Malformed`."""
    if type(value) is list and len(value) == 2 and type(value[1]) is list and len(value[1]) == 3:
        parts = [part[1] for part in value[1][1:] if type(part) is list and len(part) == 2]
        if len(parts) == 2 and all(type(part) is bytes and len(part) == _WORD for part in parts):
            signature: bytes = parts[0] + parts[1]
            if value == signature_to_value(signature):
                return signature
    raise Malformed("a signature is (sig-val (eddsa (r 32 bytes) (s 32 bytes)))")


def named_by(public: bytes) -> str:
    """The designator of a world by its lasting key: small base32."""
    return base64.b32encode(public).decode().rstrip("=").lower()


def key_of(designator: str) -> bytes | None:
    """The lasting key that a designator is; None for one that is no key."""
    try:
        found = base64.b32decode(designator.upper() + "=" * (-len(designator) % 8))
    except ValueError:
        return None
    return found if len(found) == _WORD and named_by(found) == designator else None


def public_id(public: bytes) -> bytes:
    """The public identifier of a side, by its public key."""
    return _twice(syrup.write(key_to_value(public)))


def session_id(one: bytes, other: bytes) -> bytes:
    """The identifier of a session, by the public identifiers of its sides in either order."""
    return _twice(b"prot0" + b"".join(sorted((one, other))))


def _twice(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()
