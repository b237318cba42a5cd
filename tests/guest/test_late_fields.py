"""Fields that a kind was given later, in the records that are older."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import durable, migrate, remotable

@durable(version={version})
class Purse:
    a: int = 0
    {more}
    def get(self): return [self.a, getattr(self, "fee", None), list(getattr(self, "tags", []))]
    def touch(self): self.a += 1
    def put(self, fee): self.fee = fee

@remotable
class Root:
    def make(self): return Purse()
def build_root_object(): return Root()
"""

FIRST, SECOND, THIRD = "o+d10/1", "o+d10/2", "o+d10/3"


def source(more: str, version: int = 1) -> str:
    return SOURCE.format(more=more.replace("; ", "\n    "), version=version)


@pytest.fixture
def grown(engine: str) -> Bench:
    """Two old purses, of which one has been written since there is a fee, and a new one."""
    bench = Bench(source("")).up()
    bench.ask("make")
    bench.ask("make")
    bench = bench.upgrade(source("fee: int = 1")).up()
    bench.ask("touch", target=FIRST)
    bench.ask("make")
    return bench


def fees(bench: Bench) -> list[Any]:
    return [bench.ask("get", target=purse)[1] for purse in (FIRST, SECOND, THIRD)]


def test_record_keeps_the_default_that_a_field_came_with(grown: Bench) -> None:
    """Another default is for instances that are made from then on."""
    assert fees(grown) == [1, 1, 1]
    after = grown.upgrade(source("fee: int = 7; tags: list[str] = []")).up()
    assert fees(after) == [1, 1, 1]
    after.ask("put", 3, target=SECOND)
    after.ask("make")
    again = after.upgrade(source("fee: int = 9; tags: list[str] = ['x']")).up()
    assert fees(again) == [1, 3, 1]
    assert [again.ask("get", target=purse)[2] for purse in (FIRST, "o+d10/4")] == [[], []]
    assert again.ask("get", target="o+d10/4")[1] == 7


def test_migration_is_given_the_default_that_a_field_came_with(grown: Bench) -> None:
    """A new version sees in an old record what the record's readers have seen."""
    middle = grown.upgrade(source("fee: int = 7")).up()
    up = "fee: int = 0; @migrate(1, 2); def up(old): return {**old, 'fee': old['fee'] * 10}"
    assert fees(middle.upgrade(source(up, 2)).up()) == [10, 10, 10]


def test_way_back_finds_the_default_again(grown: Bench) -> None:
    """Records that no code of the other version has touched hold what they held before."""
    up = "fee: int = 0; @migrate(1, 2); def up(old): return old"
    lazy = source(up, 2).replace("version=2", "version=2, eager=0")
    back = "fee: int = 7; @migrate(2, 1); def down(new): return new"
    assert fees(grown.upgrade(lazy).up().upgrade(source(back)).up()) == [1, 1, 1]
