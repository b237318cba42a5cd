"""Migrations that leave a field out: it is not reset behind the author's back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
from swingset.vat import durable, migrate, remotable
"""

V1 = """
@durable
class Purse:
    owner: str
    balance: int = 0
    def get(self): return [self.owner, self.balance]

@durable
class Gold(Purse):
    bonus: int = 0
    def get(self): return [self.owner, self.balance, self.bonus]
"""

V2 = """
@durable(version=2)
class Purse:
    name: str
    balance: int = 0
    @migrate(1, 2)
    def rename(old): return {returned}
    def get(self): return [self.name, self.balance]

@durable(version=2)
class Gold(Purse):
    bonus: int = 0
    def get(self): return [self.name, self.balance, self.bonus]
"""

V3 = """
@durable(version=3)
class Purse:
    name: str
    balance: int = 0
    @migrate(1, 2)
    def rename(old): return {"name": old["owner"]BALANCE}
    @migrate(2, 3)
    def same(old): return old
    def get(self): return [self.name, self.balance]

@durable(version=3)
class Gold(Purse):
    extra: int = 0
    @migrate(2, 3)
    def rest(old): return {"name": old["name"], "balance": old["balance"], "extra": old["bonus"]}
    def get(self): return [self.name, self.balance, self.extra]
"""

ROOT = """
@remotable
class Root:
    def make(self): return [Purse("ann", 500), Gold("bob", 600, 70)]
def build_root_object(): return Root()
"""

PURSE, GOLD = "o+d10/1", "o+d11/1"


@pytest.fixture
def stored(engine: str) -> Bench:
    bench = Bench(HEAD + V1 + ROOT).up()
    bench.ask("make")
    return bench


def v2(returned: str) -> str:
    return HEAD + V2.replace("{returned}", returned) + ROOT


def contents(bench: Bench) -> list[Any]:
    return [bench.ask("get", target=target) for target in (PURSE, GOLD)]


def test_field_that_both_versions_have_is_not_left_out(stored: Bench) -> None:
    """A migration that does not return such a field is refused, and with it the upgrade."""
    error = stored.upgrade(v2('{"name": old["owner"]}')).start()["error"]
    assert error["message"] == (
        "Purse o+d10/1 does not migrate from version 1 to 2 by Purse.rename (bank, line 8): it returned no "
        "'balance', which the old record has and version 2 too: return old['balance']; the record is as it "
        "was"
    )
    assert error["details"]["field"] == "balance"


def test_field_may_be_reset_in_so_many_words(stored: Bench) -> None:
    """A migration that returns another value means it."""
    after = stored.upgrade(v2('{"name": old["owner"], "balance": 0}')).up()
    assert contents(after) == [["ann", 0], ["bob", 0, 70]]


def test_inherited_migration_hands_on_what_its_base_does_not_know(stored: Bench) -> None:
    """The fields of a subclass go through the migrations of its base unchanged."""
    after = stored.upgrade(v2('{"name": old.pop("owner"), **old}')).up()
    assert contents(after) == [["ann", 500], ["bob", 600, 70]]
    whole = stored.upgrade(v2('{"name": old["owner"], "balance": old["balance"]}')).up()
    assert contents(whole) == [["ann", 500], ["bob", 600, 70]]


def test_subclass_takes_over_after_an_inherited_step(stored: Bench) -> None:
    """A step of its own finds the fields that an inherited step before it knew nothing of."""
    source = HEAD + V3.replace("BALANCE", ', "balance": old["balance"]') + ROOT
    assert contents(stored.upgrade(source).up()) == [["ann", 500], ["bob", 600, 70]]


def test_field_is_not_lost_in_a_step_between(stored: Bench) -> None:
    """What the first record had and the last version has too is missed at the end of the way."""
    error = stored.upgrade(HEAD + V3.replace("BALANCE", "") + ROOT).start()["error"]
    assert "it returned no 'balance', which the old record has and version 3 too" in error["message"]
