"""Collections in whole worlds, on both workers."""

from __future__ import annotations

from tests.scenarios.test_gc import EXPORTER, clist, reap, records
from tests.staging import Stage

KEEPER = """
from swingset.vat import BigMap, BigSet, WeakBigMap, provide, remotable
from swingset.vat.patterns import between, prefix

@remotable
class Keeper:
    def __init__(self, baggage):
        self.things = provide(baggage, "things", lambda: BigMap("things"))
        self.known = provide(baggage, "known", lambda: WeakBigMap("known"))
        self.passing = BigMap("passing", durable=False)
    def fill(self, count: int):
        for i in range(count):
            self.things[i] = [i]
    def count(self): return len(self.things)
    def total(self, low: int, high: int):
        return sum(value[0] for value in self.things.values(between(low, high)))
    def put(self, key, value): self.things[key] = value
    def pass_by(self, key, value):
        self.passing[key] = value
        return self.passing
    def note(self, key, value): self.known[key] = value
    def noted(self, key): return self.known.get(key, None)
    def keys(self): return list(self.things)
    def clear(self): self.things.clear()
    def share(self): return self.things

def build_root_object(baggage):
    return Keeper(baggage)
"""


def test_a_collection_grows_is_queried_and_outlives_an_upgrade(stage: Stage) -> None:
    """What one incarnation has put in order, the next reads in that order."""
    keeper = stage.define("keeper", KEEPER)
    stage.ask(keeper, "fill", 500)
    assert stage.ask(keeper, "total", 100, 199) == sum(range(100, 200))
    stage.ask(keeper, "put", "a", {"b": 1.5})
    stage.upgrade("keeper", KEEPER)
    assert stage.ask(keeper, "count") == 501
    assert stage.ask(keeper, "total", 0, 10) == 55
    assert stage.ask(keeper, "keys") == [*range(500), "a"]
    kernel = stage.controller.kernel
    assert kernel.warehouse.verify(kernel.vat("keeper"))[1] == stage.heap("keeper")


def test_another_vat_can_be_given_a_collection(stage: Stage) -> None:
    """A collection is an object: whoever has it can look things up, from wherever they are."""
    keeper = stage.define("keeper", KEEPER)
    things = stage.ask(keeper, "share")
    stage.ask(things, "init", "a", 1)
    assert stage.ask(things, "get", "a") == 1
    assert stage.ask(things, "size") == 1
    stage.upgrade("keeper", KEEPER)
    assert stage.ask(things, "get", "a") == 1


def test_a_collection_keeps_objects_of_other_vats(stage: Stage) -> None:
    """As key or as value it is held, until the entry is gone, and then its own vat deletes it."""
    keeper, exporter = stage.define("keeper", KEEPER), stage.define("exporter", EXPORTER)
    stage.ask(keeper, "put", stage.ask(exporter, "durable"), stage.ask(exporter, "durable"))
    reap(stage, "notebook", "keeper", "exporter")
    assert len(records(stage, "exporter")) == 2
    stage.upgrade("keeper", KEEPER)
    reap(stage, "keeper", "exporter")
    assert len(records(stage, "exporter")) == 2
    stage.ask(keeper, "clear")
    reap(stage, "keeper", "exporter")
    assert records(stage, "exporter") == []


def test_a_weak_map_follows_its_keys(stage: Stage) -> None:
    """It knows an object of another vat as long as that lives, and no longer."""
    keeper, exporter = stage.define("keeper", KEEPER), stage.define("exporter", EXPORTER)
    counter = stage.ask(exporter, "durable")
    stage.ask(keeper, "note", counter, "seen")
    reap(stage, "keeper", "exporter")
    assert stage.ask(keeper, "noted", counter) == "seen"
    stage.upgrade("keeper", KEEPER)
    reap(stage, "keeper", "exporter")
    assert stage.ask(keeper, "noted", counter) == "seen"
    assert stage.ask(keeper, "noted", stage.ask(exporter, "durable")) is None
    del counter
    reap(stage, "notebook", "keeper", "exporter")
    assert records(stage, "exporter") == records(stage, "keeper", "vom.ir.") == []
    assert clist(stage, "keeper") == ["o+0"]


def test_virtual_collections_end_with_their_incarnation(stage: Stage) -> None:
    """What they held of others is let go by the next one."""
    keeper, exporter = stage.define("keeper", KEEPER), stage.define("exporter", EXPORTER)
    stage.ask(keeper, "pass_by", "x", stage.ask(exporter, "durable"))
    reap(stage, "notebook", "keeper", "exporter")
    assert len(records(stage, "exporter")) == 1
    stage.upgrade("keeper", KEEPER)
    reap(stage, "keeper", "exporter")
    assert records(stage, "exporter") == []
    assert [key for key in records(stage, "keeper") if key.startswith("vom.o+v")] == ["vom.o+v6/13"]
