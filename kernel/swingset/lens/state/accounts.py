"""Counts the accounts of a market again: what is held, and what was issued.

Like the counts of references, these sums are kept with each change and never computed. So they are computed
here, from all messages that wait, wherever they wait.
"""

from __future__ import annotations

from collections import Counter

from swingset.core.accounts import MARKET, Accounts
from swingset.core.rooms import waiting_sends
from swingset.core.store import KernelStore


def audit_market(store: KernelStore) -> list[str]:
    """What does not add up in the accounts of a world, counted from all rows; nothing in a world without."""
    found = [device for device in store.devices.all() if device.kind == MARKET]
    if not found:
        return []
    accounts, problems = Accounts(store, found[0].id), []
    held = Counter[str]()
    for event in waiting_sends(store):
        if event.bid is not None and event.bid.account is not None:
            held[event.bid.account] += event.bid.hold
    spendable, totals = 0, accounts.totals()
    for account in accounts.all():
        wanted = held.pop(account.name, 0)
        if account.balance is not None:
            spendable += account.balance + account.held
            if account.held != wanted:
                problems.append(f"account {account.name} holds {account.held}, its bids want {wanted}")
    problems += [f"a bid is of account {name}, which there is not" for name in held]
    if spendable + totals.sink != totals.issued:
        words = f"{totals.issued} was issued, and {spendable} + {totals.sink} is there"
        problems.append(f"the market does not add up: {words}")
    return problems
