"""Counts the accounts of a market again: what is held, and what was issued.

Like the counts of references, these sums are kept with each change and never computed. So they are computed
here, from all messages that wait, wherever they wait.
"""

from __future__ import annotations

from collections import Counter

from swingset.core.accounts import MARKET, Accounts
from swingset.core.store import KernelStore
from swingset.model.messages import Send


def audit_market(store: KernelStore) -> list[str]:
    """What does not add up in the accounts of a world, counted from all rows; nothing in a world without."""
    found = [device for device in store.devices.all() if device.kind == MARKET]
    if not found:
        return []
    accounts, problems = Accounts(store, found[0].id), []
    held = Counter[str]()
    waiting = [event for _, event in store.queues.all()]
    waiting += [event for vat in store.vats.all() for _, event in store.queues.parked(vat.id)]
    for (promise,) in store.world.rows("SELECT distinct promise from promise_queue order by promise"):
        waiting += store.promises.waiting_events(promise)
    for event in waiting:
        if isinstance(event, Send) and event.bid is not None and event.bid.account is not None:
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
