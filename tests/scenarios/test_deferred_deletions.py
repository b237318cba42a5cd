"""What an old incarnation left is deleted bit by bit, with kills on the way, and all counts are exact."""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swingset.guest.reaping import cycles, deferred_deletions, reaper
from tests.meddling import atomic
from tests.scenarios.test_gc import clist, records
from tests.staging import Stage

OWNER = """
from swingset.vat import durable, remotable

@durable
class Token:
    n: int
    def number(self): return self.n

@remotable
class Owner:
    def make(self, count): return [Token(n) for n in range(count)]

def build_root_object():
    return Owner()
"""

KEEPER = """
from swingset.vat import BigMap, BigSet, Cohort, WeakBigMap, WeakBigSet, durable, facet, remotable, virtual

@durable
class Own:
    n: int
    held: object = None
"""

OLD = (
    KEEPER
    + """
@virtual
class Leaf:
    one: object
    more: object = None
    def number(self): return 1

@virtual
class Door(Cohort):
    behind: object
    @facet("front", "back")
    def look(self): return self.behind

@remotable
class Thing:
    pass

@remotable
class Keeper:
    def __init__(self, baggage):
        self.baggage = baggage

    def grow(self, tokens):
        baggage, before = self.baggage, None
        baggage["kept"] = kept = BigMap("kept")
        baggage["known"] = known = WeakBigMap("known")
        baggage["seen"] = seen = WeakBigSet("seen")
        self.top = BigMap("top", durable=False)
        given = []
        for n, token in enumerate(tokens):
            own, other = Own(n, token), Own(-n)
            inner = BigMap("inner", durable=False)
            inner[token] = own
            inner[own] = [token, Leaf(n, [own, Thing()])]
            inner[Leaf(n)] = other
            members = BigSet("members", durable=False)
            members.add(token)
            members.add(inner)
            weak = WeakBigMap("weak", durable=False)
            weak[token] = Own(n, other)
            weak[own] = tokens[n - 1]
            tokens_seen = WeakBigSet("tokens seen", durable=False)
            tokens_seen.add(token)
            door = Door([token, own, weak])
            more = [members, weak, tokens_seen, before, kept, door.facets.front, Thing()]
            leaf = Leaf([token, own, inner], more)
            weak[leaf] = [tokens[n - 2], own]
            weak[door.facets.back] = token
            known[own] = tokens[n - 3]
            known[token] = Own(n)
            seen.add(own)
            seen.add(token)
            before = self.top[n] = leaf
            if n % 4 == 0:
                kept[n] = [token, own]
            if n % 5 == 0:
                kept[token] = Own(n, [token, token])
            if n % 3 == 0:
                given += [leaf, door.facets.front]
        return given

def build_root_object(baggage):
    return Keeper(baggage)
"""
)

NEW = (
    KEEPER
    + """
from swingset.guest.reaping import cycles, deferred_deletions, reaper
cycles.BUDGET, deferred_deletions.BUDGET, reaper.BUDGET = {budgets}

@remotable
class Keeper:
    pass

def build_root_object(baggage):
    return Keeper()
"""
)

COUNT = 6
KEPT = {n for n in range(COUNT) if n % 4 == 0 or n % 5 == 0} | {(n - 3) % COUNT for n in range(0, COUNT, 4)}
"""The tokens that the map `kept` holds, or the map `known` for an object that `kept` holds."""


def store_of(stage: Stage, vat: str) -> dict[str, str]:
    kernel = stage.controller.kernel
    rows = kernel.world.rows(
        "SELECT key, value from vatstore where vat = ? order by key", (kernel.vat(vat).id,)
    )
    return dict(rows)


def recounted(store: dict[str, str]) -> dict[str, int]:
    """How often stored data refers to each object, counted anew."""
    counts: Counter[str] = Counter()
    for key, text in store.items():
        if not key.startswith(("vom.o+", "vc.")) or "|" in key.partition(".")[2]:
            continue
        value = json.loads(text)
        found = (
            [value] if key.startswith("vc.") else [part for part in value.values() if isinstance(part, dict)]
        )
        for capdata in found:
            counts.update(slot.partition(":")[0] for slot in capdata["slots"])
        held = re.match(r"vc\.\d+\.r\d{10}:(.*)", key)
        if held:
            counts[held[1].partition(":")[0]] += 1
    return dict(counts)


def check(stage: Stage) -> None:
    """Every count in the keeper's store, and every count of the kernel, is what there is."""
    store = store_of(stage, "keeper")
    counts = {
        key.removeprefix("vom.rc."): int(text) for key, text in store.items() if key.startswith("vom.rc.")
    }
    assert counts == recounted(store)
    weak = {key for key in store if re.match(r"vc\.\d+\.r(?!\d{10}:)", key)}
    known = [key.removeprefix("vom.ir.").split("|") for key in store if key.startswith("vom.ir.")]
    assert weak == {f"vc.{collection}.r{vref}" for vref, collection in known}
    stage.check()


class Killed(BaseException):
    """The process ends here."""


def story(
    make: Callable[[], Stage], budgets: tuple[int, int, int], kill: str
) -> tuple[dict[str, str], list[str], list[str], int]:
    """Grow, upgrade, and have the dead brought out until nothing comes of it any more."""
    stage = make()
    owner, keeper = stage.define("owner", OWNER), stage.define("keeper", OLD)
    tokens = stage.ask(owner, "make", COUNT)
    given = stage.ask(keeper, "grow", tokens)
    assert len(given) == 2 * -(-COUNT // 3)
    stage.upgrade("keeper", NEW.format(budgets=budgets))
    del tokens, given, owner, keeper
    check(stage)
    rounds = 0
    before: dict[str, str] = {}
    quiet = 0
    while quiet < 3:
        rounds += 1
        kernel = stage.controller.kernel
        for vat in ("notebook", "keeper", "owner"):
            with atomic(kernel):
                kernel.store.reaping.schedule(kernel.vat(vat).id)
        if kill == "within" and rounds % 3 == 0:

            def fault(step: str) -> None:
                if step == "before-commit":
                    raise Killed

            stage.controller.world.faults = fault
            with pytest.raises(Killed):
                stage.session.settle()
            stage.closed = True
            stage.controller.world.faults = None
            stage.controller.close()
            stage = make()
        else:
            stage.session.settle()
            if kill == "between" and rounds % 2 == 0:
                stage.close()
                stage = make()
        check(stage)
        after = store_of(stage, "keeper")
        quiet = quiet + 1 if after == before else 0
        before = after
    found = before, clist(stage, "keeper"), records(stage, "owner"), rounds
    stage.close()
    return found


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local vat that changes the budgets of its library changes those of this process.

    It also has the interpreter collect whenever it is asked for its dead, and when that is repeated: so what
    the process holds already is left out.
    """
    for module in (cycles, deferred_deletions, reaper):
        monkeypatch.setattr(module, "BUDGET", module.BUDGET)
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("worker", ["local", pytest.param("wasm", marks=pytest.mark.slow)])
def test_counts_are_exact_through_small_budgets_and_kills(
    worker: str, tmp_path: Path, make_stage: Callable[..., Stage]
) -> None:
    """With every kind of reference held by what is left over, all counts are exact after each small round."""
    ends = {}
    for kill, budgets in (("never", (500, 2_000, 5_000)), ("between", (5, 5, 6)), ("within", (5, 7, 3))):
        path = tmp_path / f"{kill}.world"
        store, imports, tokens, rounds = story(
            lambda p=path: make_stage(worker, p, snapshot_interval=5), budgets, kill
        )
        assert (rounds < 8) == (kill == "never"), (kill, rounds)
        if kill != "never":
            assert rounds > 25
        assert not [key for key in store if re.match(r"vom\.(o\+v|vkind|condemned|es\.o\+v|rc\.o\+v)", key)]
        assert tokens == sorted(f"vom.o+d10/{n + 1}" for n in KEPT)
        assert len([vref for vref in imports if vref.startswith("o-")]) == len(KEPT)
        ends[kill] = store
    assert ends["between"] == ends["never"]
    assert ends["within"] == ends["never"]
