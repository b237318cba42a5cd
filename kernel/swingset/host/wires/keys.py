"""Keys and signatures, which the host has and no vat: Ed25519, by the package `cryptography`.

The package comes with the extra `net`. It is imported when the first key is made, because a world that speaks
to no other needs none.
"""

from __future__ import annotations

from typing import Any

from swingset.core.errors import KernelError

SIZE = 32
"""The bytes of a key, secret or public."""


class NeedsExtra(KernelError):
    """What was asked for needs a package that is not installed; the message names the extra."""


def _module() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        words = "worlds that speak to each other sign what they say, and the package cryptography is missing"
        raise NeedsExtra(f"{words}: pip install 'swingset-nb[net]'") from None
    return ed25519


class Key:
    """A secret key. Raises `NeedsExtra` without the package."""

    def __init__(self, secret: bytes | None = None) -> None:
        kinds = _module()
        made = kinds.Ed25519PrivateKey
        self._key = made.generate() if secret is None else made.from_private_bytes(secret)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """A signature of 64 bytes."""
        signature: bytes = self._key.sign(data)
        return signature

    def secret(self) -> bytes:
        """The secret half, 32 bytes."""
        raw: bytes = self._key.private_bytes_raw()
        return raw


def verify(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether a signature is by a public key; False for what is no key. Raises `NeedsExtra`."""
    from_bytes = _module().Ed25519PublicKey.from_public_bytes
    try:
        from_bytes(public).verify(signature, data)
    except Exception:  # the package raises errors of several kinds for what a stranger can send
        return False
    return True
