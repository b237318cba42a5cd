"""Vat code imported as a plain module, and the names that vat authors import."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swingset import vat
from swingset.guest.standalone import drain
from swingset.vat import E, Promise, Tagged, durable, explicit, make_promise, patterns, remotable


@durable
class Purse:
    """Somebody's money."""

    owner: str
    balance: int = 0

    def deposit(self, amount: int) -> int:
        """Put money in."""
        self.balance += amount
        return self.balance


@remotable
class Bank:
    """Makes purses."""

    def open_purse(self, owner: str) -> Purse:
        """Make one."""
        return Purse(owner=owner)

    async def open_with(self, owner: str, amount: int) -> Purse:
        """Make one that is not empty."""
        purse: Purse = await E(self).open_purse(owner)
        await E(purse).deposit(amount)
        return purse


def test_durable_class_is_an_ordinary_class_in_a_test() -> None:
    """Without a kernel a durable instance is made, called and checked directly."""
    purse = Purse(owner="alice")
    assert purse.deposit(5) == 5
    assert (purse.owner, purse.balance, Purse.balance) == ("alice", 5, 0)
    with pytest.raises(TypeError, match=r"Purse\.balance: wanted int, got str 'x'"):
        purse.balance = "x"  # type: ignore[assignment]


def test_sends_are_served_by_drain() -> None:
    """`E(x)` waits for its turn, and `drain` gives it one."""
    answer = E(Bank()).open_with("bob", 3)
    assert answer.status == "pending"
    drain()
    assert answer.result().balance == 3


def test_sends_can_be_awaited() -> None:
    """Under another event loop an await runs the turns and brings the answer."""

    async def main() -> Any:
        purse = await E(Bank()).open_purse("carol")
        with pytest.raises(TypeError, match=r"Purse\.deposit\(amount\): wanted int"):
            await E(purse).deposit("five")
        return await E(purse).deposit(5)

    assert asyncio.run(main()) == 5


def test_waiting_for_nothing_is_an_error() -> None:
    """An await that nothing can end says so instead of hanging."""
    promise, _ = make_promise()

    async def main() -> None:
        await promise

    with pytest.raises(RuntimeError, match="will never settle"):
        asyncio.run(main())


def test_then_and_catch() -> None:
    """Callbacks are called in turns of their own and their results are promised."""
    promise, resolver = make_promise()
    log: list[Any] = []
    doubled = promise.then(lambda x: x * 2)
    doubled.then(log.append)
    failed = promise.then(lambda x: 1 // 0)
    failed.catch(lambda exc: log.append(type(exc).__name__))
    resolver.resolve(21)
    resolver.resolve(22)
    assert log == []
    drain()
    assert log == [42, "ZeroDivisionError"]
    assert (promise.result(), E.when(5).result()) == (21, 5)


def test_gathering_rejects_with_the_first_rejection() -> None:
    """`Promise.all` rejects as soon as one of its promises does; of nothing it is an empty list."""
    (p1, _), (p2, r2) = make_promise(), make_promise()
    gathered = Promise.all([p1, p2, 3])
    empty = Promise.all([])
    r2.reject(ValueError("no"))
    drain()
    with pytest.raises(ValueError, match="no"):
        gathered.result()
    assert empty.result() == []


def test_promise_is_not_made_by_hand() -> None:
    """A promise without a resolver would never settle, so there is no way to make one."""
    with pytest.raises(TypeError, match="make_promise"):
        Promise()


@pytest.mark.parametrize("tag", ["tuple", "bytes", "map", "", 5])
def test_reserved_tags_are_refused(tag: Any) -> None:
    """Tags that the codec uses itself cannot be given to other values."""
    with pytest.raises(TypeError, match="a tag is"):
        Tagged(tag, 1)


def test_modules_may_have_kinds_of_one_name() -> None:
    """Two plain modules with a kind of the same name do not meet."""
    source = "from swingset.vat import durable\n@durable\nclass Purse:\n    size: int = 1\n"
    first: dict[str, Any] = {"__name__": "one"}
    exec(source, first)
    exec(source, first)
    assert first["Purse"]().size == 1
    assert Purse("x").balance == 0


def test_all_names_exist() -> None:
    """Every name that `swingset.vat` and its modules promise is there, documented, and in one place."""
    for module in (vat, explicit, patterns):
        for name in module.__all__:
            assert getattr(module, name).__doc__
    names = [*vat.__all__, *explicit.__all__, *patterns.__all__]
    assert len(names) == len(set(names))
    assert not (set(explicit.__all__) | set(patterns.__all__)) & set(vars(vat))


def test_guest_imports_nothing_but_the_standard_library() -> None:
    """The library that runs inside vats needs no other package of this project, nor any from outside.

    The supervisor has `logging` ready for vats, which needs `threading`.
    """
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import swingset.vat\n"
        "assert 'threading' not in set(sys.modules) - before\n"
        "import swingset.guest.supervisor\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "extra = {n for n in names if n not in sys.stdlib_module_names and n != 'swingset'}\n"
        "ours = {n for n in sys.modules if n.startswith('swingset.')}\n"
        "ours = {n for n in ours if not n.startswith(('swingset.guest', 'swingset.vat', 'swingset.wire'))}\n"
        "heavy = {'asyncio', 'inspect', 'socket', 'random'} & (set(sys.modules) - before)\n"
        "assert not extra and not ours and not heavy, (extra, ours, heavy)\n"
    )
    kernel = Path(vat.__file__).parents[2]
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(kernel)!r})\n{code}"], check=True
    )
