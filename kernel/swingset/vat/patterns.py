"""Patterns, which narrow an annotation or an iteration: `from swingset.vat.patterns import between, prefix`.

    def deposit(self, amount: Annotated[int, gt(0)]) -> int: ...

    for name, purse in accounts.items(prefix("a")): ...

An annotation takes any of them. An iteration over a collection reads little more than the entries that fit,
if the pattern follows the order of keys: `prefix`, `between`, `gt`, `gte`, `lt`, `lte`.
"""

from ..guest.guards.patterns import alleged, between, gt, gte, length, lt, lte, matching, prefix

__all__ = ["alleged", "between", "gt", "gte", "length", "lt", "lte", "matching", "prefix"]
