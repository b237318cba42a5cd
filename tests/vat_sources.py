"""Source code of vats that several tests use as a part of theirs.

Each piece begins and ends with a line break and stands at the margin, so a test puts its imports in front of
it, and more methods or classes behind it. A piece is never changed for one test: the worlds of the corpus are
made of them too, and their digests say so.
"""

from __future__ import annotations

PURSE = """
@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance
"""
"""A durable object with an owner and a balance. Needs `durable`."""

SAVINGS = """
@durable
class Purse:
    balance: int = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance
"""
"""The same without an owner. Needs `durable`."""

SPY = """
from swingset.vat import remotable

@remotable
class Spy:
    def __init__(self):
        self.seen = []

    def saw(self, what):
        self.seen.append(what)

    def all(self):
        return self.seen

def build_root_object():
    return Spy()
"""
"""A whole vat, which remembers what it was told."""

ORACLE_METHODS = """
    def ask(self, question):
        self.asked.append(question)
        promise, self.resolvers[question] = make_promise()
        return promise

    def answer(self, question, value):
        self.resolvers[question].resolve(value)
"""
"""Methods of a class with a list `asked` and a dict `resolvers`: an answer comes when somebody gives it."""
