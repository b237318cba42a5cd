"""Bad upgrades: code that is wrong, what is sent to the old code, and what a rehearsal has to say of it.

Each case is a whole small history: the code that runs, messages to it, and the new code. `predicted` says how
the upgrade fails, and `culprit` is the name that the rehearsal has to give: a kind, a field, a method, a key
or a function. The cases are data. They were written before the rehearsal that is held against them, and a
case is never changed to suit it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Predicted = Literal["refused", "records", "answer", "console", "abandoned", "broken", "undone"]
"""How an upgrade fails: it is refused; a record does not migrate; a recorded message has another answer, or
prints something else; an exported object is abandoned; a promise is broken or rejected; a delivery is rolled
back."""


class Call(NamedTuple):
    """A message: the target, `root` or the name of an earlier result, and the name of its own result.

    An argument `@name` is an earlier result. One with `settles` False gets no answer.
    """

    target: str
    method: str
    args: tuple[Any, ...] = ()
    name: str = ""
    settles: bool = True


class BadUpgrade(NamedTuple):
    """One case."""

    name: str
    old: str
    messages: tuple[Call, ...]
    new: str
    predicted: Predicted
    culprit: str
    worker: Literal["local", "wasm"] = "local"


def changed(source: str, *changes: tuple[str, str]) -> str:
    """A source in which some texts, which it has, are replaced by others."""
    for before, after in changes:
        assert before in source, f"{before!r} is not in the source"
        source = source.replace(before, after)
    return source


BANK = """
from swingset.vat import BigMap, Interface, durable, facet, implements, provide, remotable

Savings = Interface("Savings", {"deposit": "(amount: int) -> int", "withdraw": "(amount: int) -> int"})

@durable
class Purse:
    owner: str
    balance: int = 0
    notes: list[str] = []

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    def withdraw(self, amount: int) -> int:
        if amount > self.balance:
            raise ValueError("overdrawn")
        self.balance -= amount
        return self.balance

    def interest(self, percent: int = 3) -> int:
        return self.balance * percent // 100

    def note(self, words: str) -> list[str]:
        self.notes = [*self.notes, words]
        return self.notes

@durable
class Counter:
    value: int = 0

    @facet("owner")
    def increment(self) -> int:
        self.value += 1
        return self.value

    @facet("owner", "guest")
    def read(self) -> int:
        return self.value

@remotable
class Display:
    def show(self):
        return "open"

@remotable
class Bank:
    def __init__(self, baggage):
        self.baggage = baggage
        self.rates = provide(baggage, "rates", lambda: BigMap("rates", keys=str, values=int))
        self.visits = 0

    def open_purse(self, owner: str) -> Purse:
        self.baggage["opened"] = self.baggage.get("opened", 0) + 1
        return Purse(owner=owner)

    def opened(self):
        return self.baggage["opened"]

    def set_rate(self, name: str, rate: int):
        self.rates[name] = rate
        return self.rates[name]

    def list_rates(self):
        return list(self.rates.items())

    def guest(self):
        counter = Counter()
        counter.value = 5
        return counter.facets.guest

    def display(self):
        return Display()

    def visit(self):
        self.visits += 1
        return self.visits

    def greet(self, name: str):
        print("hello", name)
        return name

    def parse(self, text: str):
        return int(text)

    def settings(self):
        return {"open": True, "currency": "EUR"}

    def largest(self, purse: Purse, amount: int):
        return max(purse.balance, amount)

def build_root_object(baggage):
    baggage["started"] = baggage.get("started", 0) + 1
    return Bank(baggage)
"""

ORACLE = """
from swingset.vat import E, adopt_promise, durable, make_promise, provide, remotable, resumable, watch_promise

@durable
class Heir:
    def on_adopted(self, resolver, name):
        resolver.resolve(name)

@durable
class Listener:
    def on_fulfilled(self, value):
        print("heard", value)

    def on_rejected(self, reason):
        print("lost")

@remotable
class Oracle:
    def __init__(self, baggage):
        self.heir = provide(baggage, "heir", Heir)
        self.listener = provide(baggage, "listener", Listener)

    def later(self):
        promise, self.resolver = make_promise()
        return promise

    def appeal(self):
        promise, self.appealed = make_promise()
        adopt_promise(promise, self.heir, "settled")
        return promise

    async def ask(self, question: str):
        return f"{question}?"

    def listen(self, promise):
        watch_promise(promise, self.listener)

    def remind(self, text: str):
        print("reminder:", text)

def build_root_object(baggage):
    return Oracle(baggage)
"""

PURSE = Call("root", "open_purse", ("alice",), "purse")
PAID = (PURSE, Call("purse", "deposit", (20,)))
TWO = (PURSE, Call("root", "open_purse", ("bob",), "second"), Call("purse", "deposit", (20,)))
RATES = (Call("root", "set_rate", ("b", 2)), Call("root", "set_rate", ("a", 3)), Call("root", "list_rates"))
GUEST = (Call("root", "guest", (), "guest"), Call("guest", "read"))

MIGRATING = (
    ("import BigMap,", "import BigMap, migrate,"),
    ("@durable\nclass Purse:", "@durable(version=2)\nclass Purse:"),
)
FIELDS = "    balance: int = 0\n    notes: list[str] = []\n"

DIVIDING = """
    @migrate(1, 2)
    @staticmethod
    def checked(old):
        return {**old, 'balance': 100 // old['balance']}
"""

FORGETTING = """
    @migrate(1, 2)
    @staticmethod
    def checked(old):
        return {'owner': old['owner'], 'notes': old['notes']}
"""

OF_THE_STORE = f"@durable\nclass Purse:\n    owner: str\n{FIELDS}"

OF_THE_HEAP = """@remotable
class Purse:
    def __init__(self, owner):
        self.owner, self.balance, self.notes = owner, 0, []
"""

BAD_UPGRADES = (
    # The code cannot take over the store
    BadUpgrade(
        "kind renamed",
        BANK,
        PAID,
        changed(BANK, ("class Purse", "class Account"), ("Purse", "Account")),
        "refused",
        "Purse",
    ),
    BadUpgrade(
        "durable kind made remotable",
        BANK,
        PAID,
        changed(
            BANK,
            (OF_THE_STORE, OF_THE_HEAP),
        ),
        "refused",
        "Purse",
    ),
    BadUpgrade(
        "field lost",
        BANK,
        PAID,
        changed(
            BANK,
            ("    notes: list[str] = []\n", ""),
            ("self.notes = [*self.notes, words]\n        return self.notes", "return [words]"),
        ),
        "refused",
        "notes",
    ),
    BadUpgrade(
        "field renamed",
        BANK,
        PAID,
        changed(
            BANK, ("    owner: str\n", "    holder: str\n"), ("Purse(owner=owner)", "Purse(holder=owner)")
        ),
        "refused",
        "owner",
    ),
    BadUpgrade(
        "annotation of a field changed",
        BANK,
        PAID,
        changed(BANK, ("balance: int = 0", "balance: str = ''")),
        "refused",
        "balance",
    ),
    BadUpgrade(
        "new field without a default",
        BANK,
        PAID,
        changed(
            BANK,
            ("    owner: str\n", "    owner: str\n    limit: int\n"),
            ("Purse(owner=owner)", "Purse(owner=owner, limit=9)"),
        ),
        "refused",
        "limit",
    ),
    BadUpgrade(
        "version without a migration",
        BANK,
        PAID,
        changed(BANK, ("@durable\nclass Purse:", "@durable(version=2)\nclass Purse:")),
        "refused",
        "Purse",
    ),
    BadUpgrade(
        "migration raises on the second record",
        BANK,
        TWO,
        changed(
            BANK,
            *MIGRATING,
            (FIELDS, FIELDS + DIVIDING),
        ),
        "refused",
        "Purse.checked",
    ),
    BadUpgrade(
        "migration raises on a record that is migrated later",
        BANK,
        TWO,
        changed(
            BANK,
            ("import BigMap,", "import BigMap, migrate,"),
            ("@durable\nclass Purse:", "@durable(version=2, eager=0)\nclass Purse:"),
            (FIELDS, FIELDS + DIVIDING),
        ),
        "records",
        "Purse.checked",
    ),
    BadUpgrade(
        "migration leaves out a field",
        BANK,
        PAID,
        changed(
            BANK,
            *MIGRATING,
            (FIELDS, FIELDS + FORGETTING),
        ),
        "refused",
        "balance",
    ),
    BadUpgrade(
        "facet lost",
        BANK,
        GUEST,
        changed(
            BANK,
            ('@facet("owner", "guest")', '@facet("owner")'),
            ("return counter.facets.guest", "return None"),
        ),
        "refused",
        "guest",
    ),
    BadUpgrade(
        "interface not implemented",
        BANK,
        PAID,
        changed(
            BANK,
            ("@durable\nclass Purse:", "@durable\n@implements(Savings)\nclass Purse:"),
            ("def withdraw(", "def take_out("),
        ),
        "refused",
        "withdraw",
    ),
    # The code does not start
    BadUpgrade(
        "syntax error",
        BANK,
        PAID,
        changed(BANK, ("def opened(self):", "def opened(self:")),
        "refused",
        "line 58",
    ),
    BadUpgrade(
        "module that is not there", BANK, PAID, "import bookkeeping\n" + BANK, "refused", "bookkeeping"
    ),
    BadUpgrade(
        "name that is not defined",
        BANK,
        PAID,
        changed(BANK, ("return Bank(baggage)", "return Banque(baggage)")),
        "refused",
        "Banque",
    ),
    BadUpgrade(
        "no root object",
        BANK,
        PAID,
        changed(BANK, ("def build_root_object", "def build_root")),
        "refused",
        "build_root_object",
    ),
    BadUpgrade(
        "root object is a number",
        BANK,
        PAID,
        changed(BANK, ("return Bank(baggage)", "return 3")),
        "refused",
        "build_root_object",
    ),
    BadUpgrade(
        "key of the baggage renamed at the start",
        BANK,
        PAID,
        changed(
            BANK,
            (
                'baggage["started"] = baggage.get("started", 0) + 1',
                'baggage["starts"] = baggage["starts"] + 1',
            ),
        ),
        "refused",
        "starts",
    ),
    BadUpgrade(
        "endless loop at the start",
        BANK,
        PAID,
        changed(BANK, ("    return Bank(baggage)", "    while True:\n        pass")),
        "refused",
        "computrons",
        "wasm",
    ),
    # Answers that are different
    BadUpgrade(
        "method removed",
        BANK,
        (*PAID, Call("purse", "withdraw", (5,))),
        changed(BANK, ("def withdraw(", "def _withdraw(")),
        "answer",
        "withdraw",
    ),
    BadUpgrade(
        "method renamed", BANK, PAID, changed(BANK, ("def deposit(", "def put_in(")), "answer", "deposit"
    ),
    BadUpgrade(
        "another type of answer",
        BANK,
        (Call("root", "parse", ("7",)),),
        changed(BANK, ("return int(text)", "return text")),
        "answer",
        "parse",
    ),
    BadUpgrade(
        "guard of an argument narrowed",
        BANK,
        (Call("root", "greet", ("x",)),),
        changed(BANK, ("def greet(self, name: str)", "def greet(self, name: int)")),
        "answer",
        "greet",
    ),
    BadUpgrade(
        "guard of an answer narrowed",
        BANK,
        PAID,
        changed(BANK, ("def deposit(self, amount: int) -> int", "def deposit(self, amount: int) -> str")),
        "answer",
        "deposit",
    ),
    BadUpgrade(
        "argument without a default",
        BANK,
        (*PAID, Call("purse", "interest")),
        changed(BANK, ("percent: int = 3", "percent: int")),
        "answer",
        "interest",
    ),
    BadUpgrade(
        "another default",
        BANK,
        (PURSE, Call("purse", "deposit", (300,)), Call("purse", "interest")),
        changed(BANK, ("percent: int = 3", "percent: int = 2")),
        "answer",
        "interest",
    ),
    BadUpgrade(
        "wrong sign",
        BANK,
        PAID,
        changed(BANK, ("self.balance += amount", "self.balance -= amount")),
        "answer",
        "deposit",
    ),
    BadUpgrade(
        "wrong bound",
        BANK,
        (*PAID, Call("purse", "withdraw", (20,))),
        changed(BANK, ("amount > self.balance", "amount >= self.balance")),
        "answer",
        "withdraw",
    ),
    BadUpgrade(
        "another error",
        BANK,
        (*PAID, Call("purse", "withdraw", (50,))),
        changed(BANK, ('ValueError("overdrawn")', 'KeyError("overdrawn")')),
        "answer",
        "withdraw",
    ),
    BadUpgrade(
        "another order",
        BANK,
        RATES,
        changed(BANK, ("list(self.rates.items())", "sorted(self.rates.items(), key=lambda item: item[1])")),
        "answer",
        "list_rates",
    ),
    BadUpgrade(
        "key of the baggage renamed",
        BANK,
        (*PAID, Call("root", "opened")),
        changed(BANK, ('return self.baggage["opened"]', 'return self.baggage.get("purses", 0)')),
        "answer",
        "opened",
    ),
    BadUpgrade(
        "state of the heap lost",
        BANK,
        (Call("root", "visit"), Call("root", "visit"), Call("root", "visit")),
        BANK + "\n",
        "answer",
        "visit",
    ),
    BadUpgrade(
        "value that a collection refuses",
        BANK,
        RATES,
        changed(BANK, ("self.rates[name] = rate", "self.rates[name] = str(rate)")),
        "answer",
        "set_rate",
    ),
    BadUpgrade(
        "answer that never comes",
        ORACLE,
        (Call("root", "ask", ("where",)),),
        changed(
            ORACLE,
            ('return f"{question}?"', "promise, self.kept = make_promise()\n        return await promise"),
        ),
        "answer",
        "ask",
    ),
    BadUpgrade(
        "endless loop in a method",
        BANK,
        (Call("root", "parse", ("7",)),),
        changed(BANK, ("return int(text)", "while True:\n            pass")),
        "undone",
        "parse",
        "wasm",
    ),
    # What is printed
    BadUpgrade(
        "another line printed",
        BANK,
        (Call("root", "greet", ("ann",)),),
        changed(BANK, ('print("hello", name)', 'print("bye", name)')),
        "console",
        "greet",
    ),
    # What is left behind
    BadUpgrade(
        "exported object of the heap",
        BANK,
        (Call("root", "display", (), "display"),),
        BANK + "\n",
        "abandoned",
        "object",
    ),
    BadUpgrade(
        "promise of the heap",
        ORACLE,
        (Call("root", "later", (), "later", settles=False),),
        ORACLE + "\n",
        "broken",
        "promise",
    ),
    BadUpgrade(
        "adopted promise forgotten",
        ORACLE,
        (Call("root", "appeal", (), "appeal", settles=False),),
        changed(ORACLE, ("def on_adopted(", "def on_inherited(")),
        "broken",
        "on_adopted",
    ),
    BadUpgrade(
        "watcher lost",
        ORACLE,
        (Call("root", "later", (), "later", settles=False), Call("root", "listen", ("@later",))),
        changed(ORACLE, ("@durable\nclass Listener", "@remotable\nclass Listener")),
        "refused",
        "Listener",
    ),
)
"""The catalogue."""
