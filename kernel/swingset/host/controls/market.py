"""The market of an open world, as its host sees it: opening it, accounts, messages with a bid, and views.

A world has no market until it is opened, and its messages then run in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swingset.core import rent, trading
from swingset.core.accounts import Account
from swingset.core.escalators import Escalators
from swingset.core.market_terms import Terms
from swingset.host.base.opened import Opened
from swingset.host.base.requests import Requests, checked_policy
from swingset.lens.pictures.market_picture import draw_offers
from swingset.lens.pictures.paper import Picture
from swingset.lens.pictures.price_picture import MOST_BARS, draw_orders, draw_prices
from swingset.lens.present.market import BidRow, Orders, bid_rows, orders
from swingset.lens.watching.funds import FundRow, PriceRow, funds, prices
from swingset.model.counting import plural
from swingset.model.states import ResultPolicy
from swingset.world.errors import WorldError


@dataclass(frozen=True)
class AccountRow:
    """An account: what it can spend, None without limit, and what is held for its waiting bids.

    Source:
        Ours.
    """

    name: str
    balance: int | None
    held: int


@dataclass(frozen=True)
class MarketTotals:
    """All that was ever `issued` is what accounts have, spendable or held, and what the `sink` was paid.

    Source:
        Ours.
    """

    issued: int
    sink: int
    tick: int


@dataclass(frozen=True)
class RentRow:
    """A vat that pays rent: the name of its account, the bytes that count, and the units that it owes.

    Source:
        Ours.
    """

    vat: str
    account: str
    bytes: int
    owed: int


class Market:
    """The market of an open world, as `controller.market`.

    Source:
        Ours, after agoric-sdk #23 and #2319 (escalators) and Drexler and Miller, *Incentive Engineering*.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._requests = Requests(opened)

    def __repr__(self) -> str:
        try:
            if not self.is_open:
                return "<no market: `open()` opens one, for good>"
            return f"<a market with {plural(len(self.accounts()), 'account')}: `bids()` says what waits>"
        except WorldError:
            return "<the market of a world that was closed>"

    @property
    def is_open(self) -> bool:
        """Whether this world has a market."""
        with self._opened.lock:
            return self._kernel.agenda.market is not None

    def open(self, **terms: Any) -> Terms:
        """Open the market, and commit. From then on messages bid for their turn, for good.

        A market cannot be closed, and its terms stay: only going back to before it takes it away.

        Args:
            terms: `reserve` (the least offer that runs, 0), `price` (`first` or `second`), `refusal`
                (`charge` or `refund`: whether a message whose delivery fails is charged), and `base`, `slope`
                and `cap` of the messages without a bid: 0, 1 and None. `rent` and `fee` are what a MiB of a
                vat's store costs for 1,024 ticks, and a MiB of its transcript once, for vats with the option
                `account`.
        Returns:
            The terms, which never change.
        Raises:
            KernelError: if the world has a market, or for a term that is wrong.
        Example:
            >>> world.market.open(price="second").price
            'second'
        """
        with self._opened.lock:
            found = trading.open_market(self._kernel, terms).terms()
            self._opened.commit("open the market")
            return found

    def terms(self) -> Terms:
        """The terms of the market.

        Raises:
            KernelError: if the world has no market.
        Example:
            >>> opened = world.market.open(reserve=5)
            >>> world.market.terms().reserve
            5
        """
        with self._opened.lock:
            return self._market().terms()

    def totals(self) -> MarketTotals:
        """What was issued and paid so far, and the time.

        Raises:
            KernelError: if the world has no market.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 100)
            >>> world.market.totals().issued
            100
        """
        with self._opened.lock:
            market = self._market()
            totals = market.accounts.totals()
            return MarketTotals(totals.issued, totals.sink, market.tick())

    # Accounts

    def open_account(self, name: str | None = None, balance: int | None = 0) -> AccountRow:
        """Open an account, and commit.

        Args:
            name: its name; None for a name of the market's choice.
            balance: what it has, which is issued to it; None for an account without limit.
        Returns:
            The account.
        Raises:
            KernelError: if the world has no market, or for a name or balance that is wrong.
        Example:
            >>> opened = world.market.open()
            >>> world.market.open_account("ann", 100)
            AccountRow(name='ann', balance=100, held=0)
        """
        with self._opened.lock:
            made = trading.open_account(self._kernel, name, balance)
            self._opened.commit(f"open account {made.name}")
            return _row(made)

    def credit(self, name: str, amount: int) -> AccountRow:
        """Issue an amount to an account, and commit.

        Args:
            name: the name of the account.
            amount: how much.
        Raises:
            KernelError: if there is no such account, or for an amount that is wrong.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 100)
            >>> world.market.credit("ann", 20).balance
            120
        """
        with self._opened.lock:
            found = trading.credit(self._kernel, name, amount)
            self._opened.commit(f"credit account {found.name}")
            return _row(found)

    def account(self, name: str) -> AccountRow:
        """An account as it is now.

        Args:
            name: its name.
        Raises:
            KernelError: if there is no such account.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 100)
            >>> world.market.account("ann") == account
            True
        """
        with self._opened.lock:
            return _row(self._market().accounts.get(name))

    def accounts(self) -> list[AccountRow]:
        """All accounts, by name.

        Example:
            >>> opened = world.market.open()
            >>> accounts = world.market.open_account("b"), world.market.open_account("a")
            >>> [account.name for account in world.market.accounts()]
            ['a', 'b']
        """
        with self._opened.lock:
            return [_row(account) for account in self._market().accounts.all()]

    def rents(self) -> list[RentRow]:
        """The vats that pay rent, by name, with what they store and owe as of their last delivery.

        Example:
            >>> opened = world.market.open(rent=1_000)
            >>> account = world.market.open_account("ann", 100)
            >>> world.vats.change_options("bank", {"account": "ann"})
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> [(row.vat, row.account, row.owed) for row in world.market.rents()]
            [('bank', 'ann', 0)]
        """
        with self._opened.lock:
            accounts, rows = self._market().accounts, []
            for vat in self._opened.vats():
                if isinstance(account := vat.options.get("account"), str):
                    found = rent.owed(accounts, vat.id)
                    kept = self._kernel.store.footprints.of(vat.id).total
                    rows.append(RentRow(vat.name, account, kept, 0 if found is None else found.units))
            return sorted(rows, key=lambda row: row.vat)

    def facet(self, what: str, account: str | None = None) -> str:
        """The kref of a facet that can be given to a vat, which calls it with `D`; commits.

        Args:
            what: `account`, which spends; `mint`, which credits accounts; or `market`, which opens them.
            account: the name of the account.
        Raises:
            KernelError: for another facet, or if there is no such account.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 100)
            >>> world.market.facet("account", "ann") == world.market.facet("account", "ann")
            True
        """
        with self._opened.lock:
            kref = trading.node(self._kernel, what, account)
            self._opened.keep(f"a facet of the market: {what}")
            return kref

    # Bids

    def send(
        self,
        vat: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        policy: ResultPolicy = "ignore",
        **bid: Any,
    ) -> str | None:
        """Send a message to a vat's root with a bid, as `queue_to_root` sends one without.

        Args:
            vat: the name of the vat.
            method: the name of the method.
            args: as in `queue_to_root`.
            kwargs: keyword arguments.
            policy: what to do with the outcome, as in `queue_to_root`.
            bid: `account`, the name of the account that pays; `base` and `slope` of the offer, 0 and 1;
                `cap`, which only an account without limit can leave out; `allowance`, the computrons that are
                paid for and that the delivery gets at most, 10 million; and `inherits`, whether what the
                delivery sends carries on with the account, True. The price is the offer times the computrons
                that were used, and a vat that counts none uses the whole allowance.
        Returns:
            The promise for its result; None with the policy `none`.
        Raises:
            NoSuchVat: if there is no such vat, or if its root is gone.
            KernelError: for a bid that is wrong, and if its account cannot hold the cap for the allowance.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 10**9)
            >>> kref = world.market.send("bank", "open_purse", ["alice"], account="ann", base=5, cap=10)
            >>> world.market.account("ann").held
            100000000
        """
        with self._opened.lock:
            return self.send_to_object(self._kernel.root_of(vat), method, args, kwargs, policy=policy, **bid)

    def send_to_object(
        self,
        kref: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        policy: ResultPolicy = "ignore",
        **bid: Any,
    ) -> str | None:
        """Send a message with a bid to an object, or to a promise for one, as `send` does.

        Args:
            kref: the kernel's name for the target, such as the `kref` of a `Ref`.
            method: the name of the method.
            args: as in `queue_to_object`.
            kwargs: keyword arguments.
            policy: what to do with the outcome, as in `queue_to_root`.
            bid: as in `send`.
        Returns:
            The promise for its result; None with the policy `none`.
        Raises:
            KernelError: for a target that nothing holds any more, for a bid that is wrong, and if its account
                cannot hold the cap for the allowance.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 10**9)
            >>> purse = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> paid = world.market.send_to_object(purse, "deposit", [10], account="ann", base=5, cap=10)
            >>> report = world.run()
            >>> world.resolution(paid)
            10
        """
        checked_policy(policy)
        with self._opened.lock:
            data = self._requests.call(kref, method, args, kwargs)
            return trading.offer(self._kernel, kref, data, bid, policy=policy)

    def raise_bid(self, position: int | str, **bid: Any) -> None:
        """Raise the bid of a waiting message, and commit.

        Args:
            position: the position of the message, as `bids` has it, or the promise that `send` returned.
            bid: a higher `base`, `slope` or `cap`, or several of them.
        Raises:
            KernelError: if that message does not wait any more, for a part that would be lower, and if the
                account cannot hold the difference.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 10**9)
            >>> kref = world.market.send("bank", "open_purse", ["alice"], account="ann", cap=10)
            >>> world.market.raise_bid(kref, base=8)
            >>> world.market.bids()[0].offer
            8
        """
        with self._opened.lock:
            trading.raise_bid(self._kernel, position, bid)
            self._opened.commit(f"raise the bid at {position}")

    def bids(self) -> list[BidRow]:
        """The waiting messages with what they offer now, oldest first.

        Example:
            >>> opened = world.market.open()
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> [(row.vat, row.method, row.offer) for row in world.market.bids()]
            [('bank', 'open_purse', 0)]
        """
        with self._opened.lock:
            return bid_rows(self._kernel.store, self._market())

    def picture(self) -> Picture:
        """The offers of the waiting messages over the next ticks, as a static picture.

        Returns:
            A picture that a notebook shows, and words for readers who cannot see it.
        Example:
            >>> opened = world.market.open()
            >>> world.market.picture().words
            'Offers: nothing waits'
        """
        with self._opened.lock:
            market = self._market()
            return draw_offers(bid_rows(self._kernel.store, market), market.tick())

    def prices(self, most: int = 100) -> list[PriceRow]:
        """The newest messages that won an auction, with what they offered and what was paid, oldest first.

        Args:
            most: how many of them.
        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 10**9)
            >>> kref = world.market.send("bank", "open_purse", ["alice"], account="ann", base=5, cap=10)
            >>> report = world.run()
            >>> [(row.method, row.account, row.offer) for row in world.market.prices()]
            [('open_purse', 'ann', 5)]
        """
        with self._opened.lock:
            self._market()
            return prices(self._kernel.store, max(1, most))

    def funds(self) -> list[FundRow]:
        """The accounts and the meters, each with how fast it is spent and how long it lasts.

        Meters are there without a market too. Each comes after the one above it.

        Example:
            >>> top = world.meters.create(10**9)
            >>> meter = world.meters.create(10**6, superior=top)
            >>> [(row.kind, row.name, row.above, row.lasts) for row in world.market.funds()]
            [('meter', 'm1', None, None), ('meter', 'm2', 'm1', None)]
        """
        with self._opened.lock:
            return funds(self._kernel.store)

    def pictures(self) -> tuple[Picture, Picture, Picture]:
        """Three pictures: the offers from now on, the same queue under three schedulers, and past prices.

        Example:
            >>> opened = world.market.open()
            >>> [each.words.partition(":")[0] for each in world.market.pictures()]
            ['Offers', 'Order', 'Prices']
        """
        with self._opened.lock:
            store, market = self._kernel.store, self._market()
            bids = bid_rows(store, market)
            past = prices(store, MOST_BARS)
            return (
                draw_offers(bids, market.tick()),
                draw_orders(bids, orders(store, market)),
                draw_prices(past),
            )

    def orders(self) -> Orders:
        """The order of the waiting messages under three schedulers, side by side, if nothing else came.

        Example:
            >>> opened = world.market.open()
            >>> account = world.market.open_account("ann", 10**9)
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> kref = world.market.send("bank", "open_purse", ["bob"], account="ann", base=5, cap=10)
            >>> found = world.market.orders()
            >>> found.fifo == found.escalators  # two messages of the host to one vat keep their order
            True
        """
        with self._opened.lock:
            return orders(self._kernel.store, self._market())

    def _market(self) -> Escalators:
        return trading.market_of(self._kernel)


def _row(account: Account) -> AccountRow:
    return AccountRow(account.name, account.balance, account.held)
