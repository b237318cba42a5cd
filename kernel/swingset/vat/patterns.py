"""Patterns, which narrow an annotation or a walk: `from swingset.vat.patterns import between, prefix`.

    def deposit(self, amount: Annotated[int, gt(0)]) -> int: ...

    for name, purse in accounts.items(prefix("a")): ...

An annotation takes any of them. A walk through a collection reads little more than fits where a pattern says
something about the order of keys: `prefix`, `between`, `gt`, `gte`, `lt`, `lte`.
"""

from ..guest.guards.patterns import alleged, between, gt, gte, length, lt, lte, matching, prefix

__all__ = ["alleged", "between", "gt", "gte", "length", "lt", "lte", "matching", "prefix"]
