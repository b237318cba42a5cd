"""The accounts of a market: what can be bid, what is held for bids, and what was paid.

Accounts are rows in the state of the device `market`, so going back, forks and archives take them along, and
a world without a market has no trace of them. Amounts are whole numbers.

What is paid goes to the sink of the world and to no vat: a vat that earned by the computrons that it spends
would spend more. So all that was ever issued is at every moment the sum of the balances, of what is held, and
of the sink; the auditor counts it again.

An unlimited account is the host's own: what it pays is issued at that moment, and never more than can still
be issued. So no sum here ever passes what a row can have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.model import capdata
from swingset.model.bids import MOST_HELD, is_account_name
from swingset.model.capdata import NotPlain
from swingset.model.foreign import quoted, shown

MARKET: Final = "market"
"""The kind of the device that has a market, and its name."""

MOST_ACCOUNTS = 10_000

MOST_NAMED = 10
"""How many accounts an error names at most."""

_ACCOUNT = "account."


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `balance` is what it can spend, None without limit; `held` is held for its bids."""

    name: str
    balance: int | None
    held: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What was ever `issued`, what the `sink` was paid, and how many accounts were opened."""

    issued: int
    sink: int
    opened: int


class Accounts:
    """The accounts of one world. Callers provide the crank or request around it."""

    def __init__(self, store: KernelStore, device: str) -> None:
        self._store = store
        self.device = device
        self._known: dict[str, tuple[capdata.CapData, Any]] = {}  # what was read of a row, beside the row

    # Reading

    def find(self, name: str) -> Account | None:
        """The account of that name, or None."""
        found = self.load(_ACCOUNT + name, _is_account)
        return None if found is None else Account(name, *found)

    def get(self, name: str) -> Account:
        """The account of that name; raises `KernelError` if there is none."""
        found = self.find(name) if is_account_name(name) else None
        if found is None:
            raise KernelError(f"there is no account {_named(name)}: {self.others()}")
        return found

    def others(self) -> str:
        """What to do about an account that there is not."""
        keys = self._store.devices.keys(self.device, _ACCOUNT)
        names = [key.removeprefix(_ACCOUNT) for key in keys[:MOST_NAMED]]
        more = ", …" if len(keys) > MOST_NAMED else ""
        return f"there are: {', '.join(names)}{more}" if names else "open one with `open_account`"

    def all(self) -> list[Account]:
        """All accounts, by name."""
        keys = self._store.devices.keys(self.device, _ACCOUNT)
        return [self.get(key.removeprefix(_ACCOUNT)) for key in keys]

    def totals(self) -> Totals:
        """What was issued and paid in all."""
        return Totals(*(self.load("totals", _is_totals) or (0, 0, 0)))

    # Changing

    def open(self, name: str | None, balance: int | None = 0) -> Account:
        """Open an account with a balance, which is issued; None is without limit.

        Without a name it gets one. Raises `KernelError` for a bad or a taken name.
        """
        totals = self.totals()
        if totals.opened >= MOST_ACCOUNTS:
            raise KernelError(f"a market has at most {MOST_ACCOUNTS:,} accounts: use one of them")
        if name is None:
            name = self._free_name(totals.opened)
        if not is_account_name(name):
            raise KernelError(f"no account can be called {shown(name)}: 1 to 100 letters, digits, . _ and -")
        if self.find(name) is not None:
            raise KernelError(f"there is an account {name} already: choose another name")
        if balance is not None:
            _check(balance, "the balance of a new account")
        _check(totals.issued + (balance or 0), "all that is issued")
        self._put(Account(name, balance, 0))
        self._put_totals(Totals(totals.issued + (balance or 0), totals.sink, totals.opened + 1))
        return self.get(name)

    def _free_name(self, opened: int) -> str:
        """A name that nobody has chosen; of one more name than there are accounts, one is free."""
        numbers = range(opened + 1, 2 * opened + 2)
        return next(name for name in (f"a{number}" for number in numbers) if self.find(name) is None)

    def credit(self, name: str, amount: int) -> Account:
        """Issue an amount to an account. Raises `KernelError` for an unlimited one, or for too much."""
        _check(amount, "the amount")
        account, totals = self.get(name), self.totals()
        if account.balance is None:
            raise KernelError(f"account {name} is without limit: credit another one")
        _check(totals.issued + amount, "all that is issued")
        self._put(replace(account, balance=account.balance + amount))
        self._put_totals(replace(totals, issued=totals.issued + amount))
        return self.get(name)

    def transfer(self, source: str, to: str, amount: int) -> None:
        """Move an amount between two accounts. Raises `KernelError` if the first one has less to spend."""
        _check(amount, "the amount")
        first, second = self.get(source), self.get(to)
        if first.balance is None or second.balance is None:
            raise KernelError("an account without limit neither gives nor takes: credit the other one")
        if first.balance < amount:
            raise KernelError(f"account {source} can spend {first.balance:,}, not {amount:,}")
        self._put(replace(first, balance=first.balance - amount))
        second = self.get(to)  # the two may be one
        self._put(replace(second, balance=(second.balance or 0) + amount))

    def hold(self, name: str, amount: int) -> bool:
        """Hold an amount for a bid; returns False, and changes nothing, if the account has less to spend."""
        account = self.find(name)
        if account is None or (account.balance is not None and account.balance < amount):
            return False
        if account.balance is None or not amount:
            return True
        self._put(Account(name, account.balance - amount, account.held + amount))
        return True

    def release(self, name: str, amount: int, paid: int = 0) -> None:
        """End a hold: `paid` of it goes to the sink, and the account can spend the rest again."""
        account, totals = self.find(name), self.totals()
        if account is None:  # of an altered file, whose auditor says so
            return
        if account.balance is not None and amount:
            self._put(Account(name, account.balance + amount - paid, max(account.held - amount, 0)))
        if account.balance is None:
            paid = min(paid, MOST_HELD - 1 - totals.issued)
            totals = replace(totals, issued=totals.issued + paid)
        if paid:
            self._put_totals(replace(totals, sink=totals.sink + paid))

    # Rows

    def load(self, key: str, fits: Callable[[Any], bool]) -> Any:
        """What the market keeps under a key; raises `DamagedRow` for what does not fit."""
        value = self._store.devices.load(self.device, key)
        if value is None:
            return None
        known = self._known.get(key)
        if known is not None and known[0] == value:
            return known[1]
        try:
            found = capdata.read(value)
        except NotPlain as problem:
            raise self._store.devices.damaged(self.device, key, f"value cannot be read ({problem})") from None
        if not fits(found):
            raise self._store.devices.damaged(self.device, key, "value is not what a market keeps there")
        if len(self._known) >= MOST_ACCOUNTS:
            self._known.clear()
        self._known[key] = value, found
        return found

    def keep(self, key: str, value: object) -> None:
        """Store plain data under a key."""
        self._store.devices.keep(self.device, key, capdata.data(value))

    def _put(self, account: Account) -> None:
        self.keep(_ACCOUNT + account.name, [account.balance, account.held])

    def _put_totals(self, totals: Totals) -> None:
        self.keep("totals", [totals.issued, totals.sink, totals.opened])


def _named(value: object) -> str:
    """The name of an account as errors say it."""
    return str(value) if is_account_name(value) else quoted(value)


def _check(value: object, what: str) -> None:
    if type(value) is not int or not 0 <= value < MOST_HELD:
        raise KernelError(f"{what} is an int from 0 to 2**62, got {shown(value)}")


def is_amount(value: object) -> bool:
    """Whether a stored value is an amount."""
    return type(value) is int and 0 <= value < MOST_HELD


def _is_account(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and (value[0] is None or is_amount(value[0]))
        and is_amount(value[1])
    )


def _is_totals(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(is_amount, value))
