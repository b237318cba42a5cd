"""Rent: what a vat pays for what it stores, and once for what its deliveries add to its transcript.

A vat with the option `account` pays rent in a world whose market asks for it. What counts is logical and the
same on every host: the room that it takes (`world.footprints`), for as many ticks as it takes it, and the
bytes of each entry of its transcript. What depends on the host, such as compressed pages and heap images,
never counts.

It is settled lazily: each delivery notes how long the bytes lay there, and a message also pays. If the
account cannot, the message is rolled back and rejected with words, and what is owed stays owed. A vat that
owes is not broken: notifications, housekeeping and upgrades run (`core.rooms` has the one exception), and it
goes on once its account is credited.
"""

from __future__ import annotations

from typing import NamedTuple

from swingset.core.accounts import Accounts
from swingset.core.market_terms import Terms
from swingset.core.store import KernelStore
from swingset.world.holdings import size
from swingset.world.vats import VatRecord

TICKS = 1_024
"""The rent is for a MiB and so many ticks."""

_WHOLE = TICKS << 20
_MOST = 1 << 200


class Owed(NamedTuple):
    """What a vat owes: since which tick how many `bytes` lie there, and `parts` of a unit from before."""

    tick: int
    bytes: int
    parts: int

    @property
    def units(self) -> int:
        """The whole units."""
        return self.parts // _WHOLE


def owed(accounts: Accounts, vat: str) -> Owed | None:
    """What a vat owes as of its last delivery; None for one that pays no rent yet."""
    found = accounts.load(f"rent.{vat}", _is_owed)
    return None if found is None else Owed(*found)


def settle(
    accounts: Accounts, store: KernelStore, terms: Terms, tick: int, vat: VatRecord, *, pays: bool
) -> str | None:
    """Note what a delivery to a vat costs, and pay if it `pays`; returns why the account cannot, or None."""
    account = str(vat.options["account"])
    kept = store.footprints.of(vat.id).total
    before = owed(accounts, vat.id) or Owed(tick, kept, 0)
    parts = before.parts + terms.rent * before.bytes * max(tick - before.tick, 0)
    if vat.recorded:
        parts += terms.fee * TICKS * size(store.world.transcripts.last)
    units = parts // _WHOLE
    if pays and units:
        if not accounts.hold(account, units):
            found = accounts.find(account)
            spendable = 0 if found is None else found.balance or 0
            return (
                f"the rent of vat {vat.name} is {units:,} for {before.bytes:,} bytes and its transcript, and"
                f" account {account} can spend {spendable:,}: credit it"
            )
        accounts.release(account, units, units)
        parts -= units * _WHOLE
    accounts.keep(f"rent.{vat.id}", [tick, kept, min(parts, _MOST - 1)])
    return None


def _is_owed(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(item) is int and 0 <= item < _MOST for item in value)
    )
