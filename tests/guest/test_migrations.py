"""Migrations: records of old versions become records of new ones, one by one, or stay as they were."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.guest.base.context import DeliveryAbandonedError
from swingset.guest.kinds.migration import path
from swingset.guest.standalone import drain
from swingset.vat import durable, migrate
from tests.guest.guest_bench import Bench, capdata, close_vats, host_only

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """from typing import Annotated, Any
from swingset.vat import E, durable, facet, migrate, provide, remotable
from swingset.vat.patterns import gt
"""

V1 = """
@durable
class Purse:
    owner: str
    balance: int = 0
    def get(self): return [self.owner, self.balance]
    def set(self, balance): self.balance = balance
"""

V2 = """
@durable(version=2{eager})
class Purse:
    owner: str
    cents: int = 0
    note: str | None
    def get(self): return [self.owner, self.cents, self.note]
    def set(self, cents): self.cents = cents

    @migrate(1, 2)
    @staticmethod
    def to_cents(old):
        return {{"owner": old["owner"], "cents": old["balance"] * 100}}
"""

V3 = """
@durable(version=3)
class Purse:
    name: str
    money: dict[str, int]
    def get(self): return [self.name, self.money]

    @migrate(1, 2)
    @staticmethod
    def to_cents(old):
        return {"owner": old["owner"], "cents": old["balance"] * 100}

    @migrate(2, 3)
    def to_money(old):
        return {"name": old["owner"].title(), "money": {"cents": old["cents"]}}
"""

BACK = """
@durable
class Purse:
    owner: str
    balance: int = 0
    def get(self): return [self.owner, self.balance]

    @migrate(2, 1)
    @staticmethod
    def to_euros(new):
        return {"owner": new["owner"], "balance": new["cents"] // 100}
"""

ROOT = """
@remotable
class Root:
    def make(self, *args): return Purse(*args)
    def go(self, budget): return powers.migrate_some(budget)
    def peek(self, purse): return purse.get()
def build_root_object(powers):
    globals()["powers"] = powers
    return Root()
"""


def code(kind: str, **more: str) -> str:
    return HEAD + (kind.format(eager="", **more) if "{eager}" in kind else kind) + ROOT


def version2(eager: int) -> str:
    return HEAD + V2.format(eager=f", eager={eager}") + ROOT


def stocked(source: str = V1, count: int = 1) -> Bench:
    bench = Bench(code(source)).up()
    for index in range(count):
        bench.ask("make", f"owner {index + 1}", index + 1)
    return bench


def vref(number: int) -> str:
    return f"o+d10/{number}"


def record(bench: Bench, number: int = 1) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(bench.store[f"vom.{vref(number)}"])
    return made


def descriptor(bench: Bench) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(bench.store["vom.dkind.10.descriptor"])
    return made


def test_record_migrates_when_it_is_touched() -> None:
    """The first touch turns the old record into a new one, with one write, and later ones find it so."""
    bench = stocked().upgrade(version2(eager=0)).up()
    assert record(bench) == {"owner": capdata("owner 1"), "balance": capdata(1)}
    bench.everything.clear()
    assert bench.ask("get", target=vref(1)) == ["owner 1", 100, None]
    assert [call[:2] for call in bench.everything if call[0].startswith("vatstore")] == [
        ["vatstoreGet", "vom.o+d10/1"],
        ["vatstoreSet", "vom.o+d10/1"],
    ]
    assert record(bench) == {
        "#version": 2,
        "owner": capdata("owner 1"),
        "cents": capdata(100),
        "note": capdata(None),
    }
    bench.everything.clear()
    bench.ask("get", target=vref(1))
    assert not [call for call in bench.everything if call[0] == "vatstoreSet"]


def test_untouched_record_is_left_alone() -> None:
    """A message that passes an instance on without looking into it migrates nothing."""
    bench = stocked(count=2).upgrade(version2(eager=0)).up()
    bench.ask("peek", "$0", slots=(vref(1),))
    assert "#version" in record(bench, 1)
    assert "#version" not in record(bench, 2)


def test_new_records_have_the_new_version() -> None:
    """What new code makes is of its version from the beginning."""
    bench = stocked().upgrade(version2(eager=0)).up()
    bench.ask("make", "new", 7, "hello")
    assert record(bench, 2)["#version"] == 2
    assert bench.ask("get", target=vref(2)) == ["new", 7, "hello"]


def test_upgrade_migrates_the_first_records() -> None:
    """An upgrade migrates as many records as the kind says, and all of a few by itself."""
    bench = stocked(count=5).upgrade(version2(eager=3)).up()
    assert ["#version" in record(bench, n) for n in range(1, 6)] == [True, True, True, False, False]
    assert descriptor(bench)["older"] == {"1": {}}
    whole = stocked(count=5).upgrade(code(V2)).up()
    assert all("#version" in record(whole, n) for n in range(1, 6))
    assert "older" not in descriptor(whole)


def test_migrations_chain() -> None:
    """A record walks through the versions in between, in one go."""
    bench = stocked().upgrade(code(V3)).up()
    assert bench.ask("get", target=vref(1)) == ["Owner 1", {"cents": 100}]
    assert record(bench)["#version"] == 3


def test_records_of_several_versions_live_side_by_side() -> None:
    """Records that were never touched in between come from wherever they are."""
    bench = stocked(count=3).upgrade(version2(eager=1)).up()
    bench = bench.upgrade(code(V3)).up()
    assert [bench.ask("get", target=vref(n))[1]["cents"] for n in (1, 2, 3)] == [100, 200, 300]


def test_way_back() -> None:
    """Old code with a migration from the new version takes its records over."""
    bench = stocked(count=2).upgrade(code(V2)).up()
    bench.ask("set", 777, target=vref(2))
    bench = bench.upgrade(code(BACK)).up()
    assert [bench.ask("get", target=vref(n)) for n in (1, 2)] == [["owner 1", 1], ["owner 2", 7]]
    assert "#version" not in record(bench)
    assert "version" not in descriptor(bench)


@host_only
@pytest.mark.parametrize(
    ("steps", "old", "new", "way"),
    [
        ([(1, 2), (2, 3)], 1, 3, [(1, 2), (2, 3)]),
        ([(1, 2), (2, 3), (1, 3)], 1, 3, [(1, 3)]),
        ([(1, 2), (1, 3), (2, 4), (3, 4)], 1, 4, [(1, 3), (3, 4)]),
        ([(2, 1), (3, 2)], 3, 1, [(3, 2), (2, 1)]),
        ([(1, 2), (2, 1)], 1, 3, None),
        ([], 2, 2, []),
    ],
)
def test_shortest_way_is_taken(steps: Any, old: int, new: int, way: Any) -> None:
    """Of several ways the shortest is taken, and of those the one that leaps first."""
    assert path(dict.fromkeys(steps), old, new) == way


def test_sweep_walks_on_under_its_budget() -> None:
    """Each call visits no more records than it may, and says how far it is; at the end nothing is left."""
    bench = stocked(count=5).upgrade(version2(eager=1)).up()
    bench.ask("get", target=vref(4))
    told = [bench.ask("go", 2)["Purse"] for _ in range(2)]
    assert [(t["seen"], t["migrated"], t["of"], t["complete"]) for t in told] == [
        (3, 3, 5, False),
        (5, 4, 5, True),
    ]
    assert bench.ask("go", 2) == {}
    assert not [key for key in bench.store if key.startswith("vom.sweep")]
    assert descriptor(bench)["version"] == 2
    after = bench.upgrade(code(V3.replace("@migrate(1, 2)", "@migrate(7, 2)"))).start()
    assert after == {"status": "ok"}


def test_sweep_goes_on_in_the_next_incarnation() -> None:
    """An upgrade to the same version walks on from where the last one stopped."""
    bench = stocked(count=5).upgrade(version2(eager=2)).up()
    bench = bench.upgrade(version2(eager=2)).up()
    assert ["#version" in record(bench, n) for n in range(1, 6)] == [True, True, True, True, False]


def test_kernel_can_drive_the_sweep() -> None:
    """The delivery that changes a vat's options can carry a budget."""
    bench = stocked(count=3).upgrade(version2(eager=0)).up()
    for _ in range(3):
        assert bench.vat.deliver(["changeVatOptions", {"migrate": 2}]) == {"status": "ok"}
    assert all("#version" in record(bench, n) for n in (1, 2, 3))
    assert "older" not in descriptor(bench)


def test_budget_is_a_number() -> None:
    """A sweep without a budget is refused."""
    bench = stocked().upgrade(version2(eager=0)).up()
    assert bench.ask("go", 0)["#error"].startswith("migrate_some(0): wants the number of records to visit")


def bad(body: str, eager: int = 100, fields: str = "    cents: int = 0\n") -> str:
    return f"""{HEAD}
@durable
class Other:
    n: int = 0
    def bump(self): self.n += 1
@durable(version=2, eager={eager})
class Purse:
    owner: str
{fields}    def get(self): return [self.owner, self.cents]

    @migrate(1, 2)
    @staticmethod
    def to_cents(old):
        {body}
{ROOT}"""


BAD = [
    ("return {'owner': old['nobody']}", "KeyError: nobody", None, 18),
    ("return 5", "it must return the new record as a dict of fields, not int 5", None, 15),
    ("return {}", "it returned no 'owner', which the old record has", "owner", 15),
    (
        "return {**old, 'owner': 5}",
        "it returned a field 'balance' that version 2 does not have",
        "balance",
        15,
    ),
    ("return {'owner': 'a', 'cents': 'b'}", "it returned cents: wanted int, got str 'b'", "cents", 15),
    ("return {'owner': 'a', 'cents': {1}}", "it returned cents: wanted int, got set of 1", "cents", 15),
    ("return E(1).send()", "TypeError: a migration is under way, of o+d10/1, and cannot send", None, 18),
]


@pytest.mark.parametrize(("body", "told", "field", "line"), BAD)
def test_record_that_does_not_migrate_refuses_the_upgrade(
    body: str, told: str, field: str | None, line: int
) -> None:
    """The refusal names kind, record, versions, field and the function's line; the record is as it was."""
    bench = stocked()
    before = record(bench)
    error = bench.upgrade(bad(body)).start()["error"]
    assert error["name"] == "MigrationError"
    assert error["message"].startswith(
        f"Purse o+d10/1 does not migrate from version 1 to 2 by Purse.to_cents (bank, line 15): {told}"
    )
    assert error["message"].endswith("; the record is as it was")
    wanted = {"kind": "Purse", "record": "o+d10/1", "from": 1, "to": 2}
    assert error["details"] == (wanted if field is None else {**wanted, "field": field})
    assert error["trace"][-1] == ["bank", line, "Purse.to_cents"]
    assert record(bench) == before


def test_promise_in_a_migrated_record_is_refused() -> None:
    """What a migration returns must be durable, like all state."""
    source = bad("return {'owner': 'a', 'cents': make_promise()[0]}", fields="    cents: object = 0\n")
    source = source.replace("import E,", "import make_promise, E,")
    error = stocked().upgrade(source).start()["error"]
    assert (
        "value for 'Purse.cents' is not durable: slot 0 of it, Purse.cents, is a promise" in error["message"]
    )
    assert error["details"]["field"] == "cents"


@pytest.mark.parametrize(("body", "told", "field", "line"), BAD)
def test_record_that_does_not_migrate_rejects_in_service(
    body: str, told: str, field: str | None, line: int
) -> None:
    """In service the message that touches the record is rejected, and the record stays as it was."""
    bench = stocked(count=2).upgrade(bad(body, eager=0)).up()
    before = dict(bench.store)
    for method in ("get", "get"):
        answer = bench.ask(method, target=vref(1))
        assert answer["name"] == "MigrationError"
        assert told in answer["#error"]
        assert answer["trace"][-1] == ["bank", line, "Purse.to_cents"]
    assert bench.store == before


def test_sweep_tells_of_records_that_do_not_migrate() -> None:
    """The sweep leaves such a record, goes on, and begins anew after its end."""
    body = "return {'owner': old['owner'], 'cents': 100 // (old['balance'] - 2)}"
    bench = stocked(count=3).upgrade(bad(body, eager=0)).up()
    told = bench.ask("go", 10)["Purse"]
    assert (told["seen"], told["migrated"], told["failed"], told["complete"]) == (3, 2, 1, False)
    assert "ZeroDivisionError" in told["failures"]["o+d10/2"]
    assert ["#version" in record(bench, n) for n in (1, 2, 3)] == [True, False, True]
    assert bench.ask("go", 10)["Purse"]["failures"].keys() == {"o+d10/2"}
    assert bench.upgrade(bad(body)).start()["error"]["details"]["record"] == "o+d10/2"
    mended = bench.upgrade(bad("return {'owner': old['owner']}")).up()
    assert mended.ask("get", target=vref(2)) == ["owner 2", 0]
    assert mended.ask("get", target=vref(1)) == ["owner 1", -100]


def test_migration_may_read_and_make_but_not_change() -> None:
    """A migration can make new instances; a write to a stored one is refused."""
    makes = "other = Other(); other.bump(); return {'owner': old['owner'], 'cents': other}"
    source = bad(makes, eager=0, fields="    cents: object = 0\n")
    bench = stocked().upgrade(source).up()
    bench.ask("get", target=vref(1))
    assert record(bench)["cents"]["slots"] == ["o+d11/1"]
    assert json.loads(bench.store["vom.o+d11/1"])["n"] == capdata(1)
    writes = "x.bump(); return {'owner': old['owner']}"
    bench = stocked().upgrade(bad(writes, eager=0).replace("made", "mode") + "\nx = Other()\n").up()
    assert "and cannot change a stored Other" in bench.ask("get", target=vref(1))["#error"]


def test_migration_that_touches_its_own_record_is_refused() -> None:
    """A record on its way cannot be looked at."""
    source = f"""{HEAD}
@durable(version=2, eager=0)
class Purse:
    owner: str
    cents: object = 0
    def get(self): return self.owner
    @migrate(1, 2)
    @staticmethod
    def loop(old): return {{"owner": old["balance"].owner}}
{ROOT}"""
    v1 = V1.replace("balance: int", "balance: object")
    bench = Bench(code(v1)).up()
    bench.ask("make", "me")
    bench.ask("set", "$0", target=vref(1), slots=(vref(1),))
    bench = bench.upgrade(source).up()
    assert "its migration touches the record itself" in bench.ask("get", target=vref(1))["#error"]


def test_dropped_references_are_let_go_of() -> None:
    """A migration that drops a field takes back the counts of what it referred to, and of nothing else."""
    fields = "    friend: object = None\n    other: object = None\n    def get"
    old = V1.replace("    def get", fields, 1).replace(
        "return [self.owner", "return [self.friend, self.owner"
    )
    old += "    def meet(self, friend, other): self.friend, self.other = friend, other\n"
    new = V2.replace("    note:", "    other: object = None\n    note:").replace(
        '"cents": old', '"other": old["other"], "cents": old'
    )
    bench = stocked(old, count=3)
    bench.ask("meet", "$0", ["$1", "$0", "$2"], target=vref(1), slots=(vref(2), "o-50", vref(3)))
    counts = {key: value for key, value in bench.store.items() if key.startswith("vom.rc.")}
    assert counts == {"vom.rc.o+d10/2": "2", "vom.rc.o+d10/3": "1", "vom.rc.o-50": "1"}
    after = bench.upgrade(code(new)).up()
    counts = {key: value for key, value in after.store.items() if key.startswith("vom.rc.")}
    assert counts == {"vom.rc.o+d10/2": "1", "vom.rc.o+d10/3": "1", "vom.rc.o-50": "1"}


def test_missing_migration_refuses_the_upgrade() -> None:
    """A version without a way to it is refused on the user's line, unless there is nothing to migrate."""
    bare = V2.replace("@migrate(1, 2)", "@migrate(5, 2)")
    error = stocked().upgrade(code(bare)).start()["error"]
    assert error["message"] == (
        "Purse: expected a migration from version 1, of which there may be records, to version 2, found "
        "@migrate(5, 2); add @migrate(1, 2)"
    )
    assert error["trace"][-1][:2] == ["bank", 5]
    assert stocked(count=0).upgrade(code(bare)).start() == {"status": "ok"}
    assert (
        "found none; add @migrate(2, 1)"
        in (stocked(count=1).upgrade(code(V2)).up().upgrade(code(V1)).start()["error"]["message"])
    )


def test_changed_field_names_the_migration_as_the_fix() -> None:
    """A field that changed within a version is refused with both ways out."""
    error = stocked().upgrade(code(V1.replace("balance: int = 0", "balance: str = ''"))).start()["error"]
    assert error["message"] == (
        "Purse.balance: expected int as stored, found str; keep the annotation and add a new field, or make "
        "it version 2, and say in @migrate(1, 2) what becomes of old values"
    )


def test_late_field_has_its_old_default_in_a_migration() -> None:
    """A field added without a new version is there in the old record, with the default of its time."""
    late = V1.replace("    def get", "    size: int = 7\n    nick: str | None\n    def get", 1)
    new = (
        V2.replace("    note:", "    note: str | None\n    size: int = 0\n    nick: object\n    unused:")
        .replace('"cents": old["balance"] * 100', '"cents": 0, "size": old["size"], "nick": [old["nick"]]')
        .replace("self.cents, self.note", "self.size, self.nick")
    )
    bench = stocked().upgrade(code(late)).up()
    bench = bench.upgrade(code(late)).up()
    assert descriptor(bench)["defaults"] == {"size": "#7", "nick": "#null"}
    bench = bench.upgrade(code(new)).up()
    assert bench.ask("get", target=vref(1)) == ["owner 1", 7, [None]]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("@migrate(1, 1)\n    def f(old): pass", "@migrate(1, 1): wants two different version numbers"),
        ("@migrate(0, 1)\n    def f(old): pass", "@migrate(0, 1): wants two different version numbers"),
        ("@migrate(1, 2)\n    async def f(old): pass", "Bad.f: a migration cannot be async"),
        ("@migrate(1, 2)\n    @property\n    def f(old): pass", "@migrate(1, 2) goes on a function"),
    ],
)
def test_senseless_migrations_are_refused(source: str, told: str) -> None:
    """A mark that cannot make a migration is an error where it is written."""
    error = Bench(f"{HEAD}\n@durable\nclass Bad:\n    {source}\n").start()["error"]
    assert error["message"].startswith(told)


def test_version_is_a_whole_number() -> None:
    """Versions count from one."""
    for version in (0, "'2'", 1.5, True):
        error = Bench(f"{HEAD}\n@durable(version={version})\nclass Bad: pass\n").start()["error"]
        assert error["message"].startswith(f"@durable(version={version})"), error


def test_migration_is_no_method() -> None:
    """A migration function is static and cannot be called from outside."""
    bench = stocked().upgrade(code(V3)).up()
    for name in ("to_cents", "to_money"):
        assert "has no method" in bench.ask(name, {}, target=vref(1))["#error"]


# Functions alone: there and back again.


@durable(version=2)
class Shelf:
    """A kind whose versions hold the same in different words."""

    title: str = ""
    places: list[tuple[str, int]] = []  # noqa: RUF012

    @migrate(1, 2)
    @staticmethod
    def up(old: dict[str, Any]) -> dict[str, Any]:
        """Pairs are easier to order than a table."""
        return {"title": old["name"], "places": [(key, old["table"][key]) for key in old["table"]]}

    @migrate(2, 1)
    @staticmethod
    def down(new: dict[str, Any]) -> dict[str, Any]:
        """The table again."""
        return {"name": new["title"], "table": dict(new["places"])}


@host_only
@given(st.text(), st.dictionaries(st.text(), st.integers()))
def test_down_undoes_up(name: str, table: dict[str, int]) -> None:
    """A pair of migrations loses nothing: down(up(x)) is x."""
    old = {"name": name, "table": table}
    assert Shelf.down(Shelf.up(old)) == old
    drain()


SHELF_1 = """
@durable
class Shelf:
    name: str
    table: dict[str, int]
    def get(self): return [self.name, self.table]
    @migrate(2, 1)
    @staticmethod
    def down(new): return {"name": new["title"], "table": dict(new["places"])}
"""
SHELF_2 = """
@durable(version=2)
class Shelf:
    title: str
    places: list[tuple[str, int]]
    @migrate(1, 2)
    @staticmethod
    def up(old): return {"title": old["name"], "places": list(old["table"].items())}
"""


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(), st.dictionaries(st.text(), st.integers(-5, 5))), max_size=4))
def test_upgrade_and_downgrade_restore_the_store(shelves: list[tuple[str, dict[str, int]]]) -> None:
    """After an upgrade and the way back the store is to the letter what it was."""
    root = ROOT.replace("Purse", "Shelf")
    bench = Bench(HEAD + SHELF_1 + root).up()
    for name, table in shelves:
        made = {"!" + k if k[:1] in set("!\"#$%&'()*+,-") - {""} and k else k: v for k, v in table.items()}
        text = "!" + name if name and name[0] in "!\"#$%&'()*+,-" else name
        bench.ask("make", text, made)
    before = dict(bench.store)
    after = bench.upgrade(HEAD + SHELF_2 + root).up().upgrade(HEAD + SHELF_1 + root).up()
    assert after.store == before
    close_vats()


# Killed at every write.


class Killed(DeliveryAbandonedError):
    """The end of a process, in the middle of a write."""


def generations(eager: int) -> list[str]:
    """Five versions of one kind: split, joined, renamed, nested, and flat again."""
    fields = [
        ("", "name: str\n    n: int\n    peer: object = None", "", ""),
        (
            f"(version=2, eager={eager})",
            "first: str\n    last: str\n    n: int\n    peer: object",
            "1, 2",
            'a, b = old["name"].split(); return {"first": a, "last": b, "n": old["n"], "peer": old["peer"]}',
        ),
        (
            f"(version=3, eager={eager})",
            "first: str\n    last: str\n    count: Annotated[int, gt(0)]\n    peer: object",
            "2, 3",
            'n = old.pop("n"); return {**old, "count": n + 1}',
        ),
        (
            f"(version=4, eager={eager})",
            "who: dict[str, str]\n    count: int\n    peers: list[object]",
            "3, 4",
            'return {"who": {"first": old["first"], "last": old["last"]}, "count": old["count"], '
            '"peers": [old["peer"]]}',
        ),
        (
            f"(version=5, eager={eager})",
            "line: str\n    peers: list[object]",
            "4, 5",
            'return {"line": f"{old[\'who\'][\'first\']} {old[\'count\']}", "peers": old["peers"]}',
        ),
    ]
    made, steps = [], ""
    for number, (options, shape, step, body) in enumerate(fields):
        if step:
            steps += f"    @migrate({step})\n    @staticmethod\n    def step_{number}(old): {body}\n"
        made.append(
            f"{HEAD}\n@durable{options}\nclass Purse:\n    {shape}\n    def touch(self): return self.peer"
            f"{'s' if number > 2 else ''}\n{steps}{ROOT}"
        )
    return made


class Frail(Bench):
    """A vat whose process can be killed at one of its writes, and whose delivery can be undone."""

    fuse: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.undo: list[tuple[str, str | None]] = []
        super().__init__(*args, **kwargs)

    def syscall(self, call: list[Any]) -> Any:
        if call[0] in ("vatstoreSet", "vatstoreDelete"):
            if self.fuse is not None:
                if self.fuse == 0:
                    raise Killed
                self.fuse -= 1
            self.undo.append((call[1], self.store.get(call[1])))
        if call[0] == "vatstoreGetNextKey":
            return self.next_key(call[1])
        return super().syscall(call)

    def next_key(self, prior: str) -> str | None:
        """Like a database: without looking at every key for each."""
        keys = ORDERED.get(id(self.store)) or sorted(self.store)
        at = bisect_right(keys, prior)
        while at < len(keys) and keys[at] not in self.store:
            at += 1
        return keys[at] if at < len(keys) else None

    def survives(self, delivery: list[Any], fuse: int | None) -> bool:
        """Make a delivery; False if it was killed, and then undone, as the kernel undoes a crank."""
        self.undo.clear()
        self.fuse = fuse
        try:
            result = self.vat.deliver(delivery)
        except Killed:
            for key, value in reversed(self.undo):
                if value is None:
                    self.store.pop(key, None)
                else:
                    self.store[key] = value
            return False
        assert result == {"status": "ok"}, result
        return True


ORDERED: dict[int, list[str]] = {}


def through(store: dict[str, str], source: str, work: list[list[Any]], *, kill: bool) -> int:
    """Serve deliveries, killed at each write of each and started anew from the store; how many kills."""
    start = ["startVat", capdata(None)]
    kills = started = served = 0
    vat: Frail | None = None
    while work:
        if vat is None:
            fresh = Frail(source, store=store, incarnation=1)
            if fresh.survives(start, started if kill else None):
                vat, started = fresh, 0
            else:
                kills, started = kills + 1, started + 1
        elif vat.survives(work[0], served if kill else None):
            work, served = work[1:], 0
        else:
            kills, served, vat = kills + 1, served + 1, None
        if vat is None:
            close_vats()
    return kills


def five_versions(count: int, budget: int, *, kill: bool) -> tuple[str, int]:
    """Take a population through all versions; the digest of the store, and how many kills there were."""
    ORDERED.clear()
    sources = generations(eager=0)
    first = Bench(sources[0]).up()
    for index in range(count):
        slots = (vref(index),) if index else ()
        first.send("make", f"name{index} last", index, "$0.Alleged: Purse" if index else None, slots=slots)
    kills = 0
    for source in sources[1:]:
        touch = {"methargs": capdata(["touch", []]), "result": None}
        work: list[list[Any]] = [["message", vref(n), touch] for n in range(1, count + 1, count // 5)]
        work += [["changeVatOptions", {"migrate": budget}]] * (count // budget + 1)
        ORDERED.clear()
        first.store["vom.sweep.10"] = ""  # so that the order of keys knows it
        ORDERED[id(first.store)] = sorted(first.store)
        del first.store["vom.sweep.10"]
        kills += through(first.store, source, work, kill=kill)
    records = [json.loads(first.store[f"vom.{vref(n)}"]) for n in range(1, count + 1)]
    assert {made["#version"] for made in records} == {5}
    assert records[-1]["line"] == capdata(f"name{count - 1} {count}")
    assert "older" not in descriptor(first)
    return hashlib.sha256(json.dumps(sorted(first.store.items())).encode()).hexdigest(), kills


def test_killed_at_every_write(engine: str) -> None:
    """Killed at each write of five versions, a vat's store ends as if never killed."""
    count = 40 if engine == "host" else 15  # each kill begins with a new vat
    smooth, none = five_versions(count, 7, kill=False)
    rough, kills = five_versions(count, 7, kill=True)
    assert (none, kills > 4 * count, rough) == (0, True, smooth)


@host_only
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_killed_at_every_write() -> None:
    """Ten thousand objects reach their fifth version through a kill at every write, with nothing to show."""
    smooth, _ = five_versions(10_000, 20, kill=False)
    rough, kills = five_versions(10_000, 20, kill=True)
    assert (kills > 40_000, rough) == (True, smooth)


# What the store says of records that do not migrate.


TWO = """
@durable(version=2, eager=0)
class Note:
    text: str

    @migrate(1, 2)
    @staticmethod
    def louder(old): return {"text": old["text"].upper()}
"""


def walk(bench: Bench, number: int = 10) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(bench.store.get(f"vom.sweep.{number}", "{}"))
    return made


def test_store_says_which_records_do_not_migrate() -> None:
    """How many they are, and for some of them the version, the words and the vat's own line, is stored."""
    body = "return {'owner': old['owner'], 'cents': 100 // (old['balance'] % 2)}"
    bench = stocked(count=50).upgrade(bad(body, eager=0)).up()
    bench.ask("go", 30)
    assert (walk(bench)["failed"], "done" in walk(bench)) == (15, False)
    bench.ask("go", 30)
    told = walk(bench)
    assert (told["failed"], told["done"], len(told["failures"])) == (25, True, 20)
    version, words, line = told["failures"]["o+d10/10"]
    assert (version, line) == (1, ["bank", 18, "Purse.to_cents"])
    assert "ZeroDivisionError" in words
    assert words.endswith("; the record is as it was")


def test_words_that_cannot_be_stored_are_made_fit() -> None:
    """What a migration raises may hold half of a surrogate pair and be long, and is stored all the same."""
    bench = stocked().upgrade(bad(r"raise ValueError('\ud800' * 5000)", eager=0)).up()
    bench.ask("go", 5)
    _, words, _ = walk(bench)["failures"]["o+d10/1"]
    assert len(words) == 600
    words.encode()


def test_next_incarnation_walks_anew_where_some_failed() -> None:
    """Better code of the same version takes up what did not migrate, without being asked twice."""
    body = "return {'owner': old['owner'], 'cents': 100 // (old['balance'] - 2)}"
    bench = stocked(count=5).upgrade(bad(body, eager=0)).up()
    for budget in (3, 10):
        bench.ask("go", budget)
        mended = "return {'owner': old['owner']}"
        bench = bench.upgrade(bad(mended if budget == 10 else body, eager=0)).up()
        assert not walk(bench).get("failed")
    assert bench.ask("go", 10)["Purse"]["complete"]
    assert walk(bench) == {}


def test_kind_that_was_walked_through_waits_for_the_others() -> None:
    """A kind with records that do not migrate is walked again only when all kinds have been."""
    make = "    def note(self, text): return Note(text)\n"
    old = V1 + "\n@durable\nclass Note:\n    text: str\n"
    bench = Bench(HEAD + old + ROOT.replace("    def go", make + "    def go")).up()
    for index in range(4):
        bench.ask("make", "owner", index)
        bench.ask("note", f"note {index}")
    new = bad("return {'owner': old['owner'], 'cents': 1 // old['balance']}", eager=0)
    bench = bench.upgrade(new.replace(ROOT, TWO + ROOT).replace("class Other", "class Other_")).up()
    told = [bench.ask("go", 2) for _ in range(5)]
    assert [list(part) for part in told] == [["Purse"], ["Purse"], ["Note"], ["Note"], ["Purse"]]
    assert json.loads(bench.store["vom.o+d11/4"])["#version"] == 2


def test_rehearsal_puts_the_first_visit_off() -> None:
    """With the mark of a rehearsal in the store, the start visits nothing, and the walk visits all."""
    body = "return {'owner': old['owner'], 'cents': 100 // (old['balance'] - 1)}"
    bench = stocked(count=3)
    bench.store["vom.sweep.10"] = '{"putOff":true}'
    bench = bench.upgrade(bad(body)).up()
    assert "#version" not in record(bench, 2)
    told = bench.ask("go", 10)["Purse"]
    assert (told["seen"], told["migrated"], told["failed"]) == (3, 2, 1)
