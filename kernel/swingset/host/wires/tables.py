"""The tables of the service vat that speaks the protocol, to be looked at: nothing is run or written."""

from __future__ import annotations

from typing import Any

from swingset.host.base.opened import Opened
from swingset.host.controls.device_access import NET
from swingset.host.wires.keys import verify
from swingset.net.hub import Hub


def looking(opened: Opened) -> Hub:
    """A hub over the tables, for looking only; the world has the vat."""
    return Hub(_Tables(opened), _Looking(), _Nowhere())


class _Tables:
    """The store of the service vat, to be read."""

    def __init__(self, opened: Opened) -> None:
        self._store = opened.kernel.store.vatstore
        self._vat = opened.kernel.vat(NET).id

    def get(self, key: str) -> str | None:
        """The value at a key."""
        return self._store.get(self._vat, key)

    def next_key(self, prior: str) -> str | None:
        """The first key after `prior`."""
        return self._store.next_key(self._vat, prior)

    def set(self, key: str, value: str) -> None:
        """Nothing is written by looking."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """Nothing is written by looking."""
        raise NotImplementedError


class _Looking:
    """The device of such a hub: it can tell whether a signature is right."""

    verify = staticmethod(verify)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


class _Nowhere:
    """The kernel of a hub that is only looked at."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)
