"""Garbage in whole worlds: what one vat lets go of, another may delete."""

from __future__ import annotations

import pytest

from tests.meddling import atomic
from tests.staging import Stage

EXPORTER = """
from swingset.vat import durable, remotable, virtual

@durable
class Counter:
    n: int = 0
    friend: object = None
    def increment(self):
        self.n += 1
        return self.n

@virtual
class Passing:
    n: int = 0
    friend: object = None
    def increment(self):
        self.n += 1
        return self.n

@remotable
class Fleeting:
    def __init__(self): self.n = 0
    def increment(self):
        self.n += 1
        return self.n

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage
        self.kept = []
    def durable(self, friend=None): return Counter(0, friend)
    def virtual(self, friend=None): return Passing(0, friend)
    def fleeting(self): return Fleeting()
    def keep(self, *things): self.kept.extend(things)
    def store(self, key: str, value): self.baggage[key] = value
    def fetch(self, key: str): return self.baggage[key]

def build_root_object(baggage):
    return Root(baggage)
"""

IMPORTER = """
from swingset.vat import E, remotable

@remotable
class Root:
    def __init__(self, baggage): self.baggage = baggage
    def hold(self, thing): self.held = thing
    def lose(self): self.held = None
    def held(self): return self.held
    def increment(self): return E(self.held).increment()
    def store(self, key: str, value): self.baggage[key] = value

def build_root_object(baggage):
    return Root(baggage)
"""


def reap(stage: Stage, *vats: str) -> None:
    """Have vats bring out their dead, again and again until nothing more comes of it."""
    kernel = stage.controller.kernel
    for _ in range(3):
        for vat in vats:
            with atomic(kernel):
                kernel.store.reaping.schedule(kernel.vat(vat).id)
        stage.session.settle()


def records(stage: Stage, vat: str, prefix: str = "vom.o+") -> list[str]:
    """The keys of one vat's store that start with a prefix."""
    kernel = stage.controller.kernel
    query = "SELECT key from vatstore where vat = ? and key >= ? and key < ? order by key"
    found = kernel.world.rows(query, (kernel.vat(vat).id, prefix, prefix + "\U0010ffff"))
    return [key for (key,) in found]


def clist(stage: Stage, vat: str) -> list[str]:
    """The names of objects in one vat's c-list."""
    kernel = stage.controller.kernel
    return sorted(e.vref for e in kernel.store.clists.of(kernel.vat(vat).id) if e.vref[0] == "o")


@pytest.mark.parametrize("sort", ["durable", "virtual", "fleeting"])
def test_an_exporter_hears_that_nobody_holds_its_object(stage: Stage, sort: str) -> None:
    """Dropped by its importer, an object is dropped, deleted and retired by its exporter."""
    exporter, importer = stage.define("exporter", EXPORTER), stage.define("importer", IMPORTER)
    thing = stage.ask(exporter, sort)
    stage.ask(importer, "hold", thing)
    del thing
    reap(stage, "notebook", "exporter", "importer")
    assert stage.ask(importer, "increment") == 1
    assert len(clist(stage, "exporter")) == 2
    stage.ask(importer, "lose")
    reap(stage, "importer", "exporter")
    assert clist(stage, "exporter") == ["o+0"]
    assert clist(stage, "importer") == ["o+0"]
    assert records(stage, "exporter") == records(stage, "exporter", "vom.es.") == []


def test_a_dropped_object_that_is_stored_stays(stage: Stage) -> None:
    """An object in the baggage of its vat outlives all importers, and works when it is handed out again."""
    exporter = stage.define("exporter", EXPORTER)
    counter = stage.ask(exporter, "durable")
    stage.ask(exporter, "store", "counter", counter)
    assert stage.ask(counter, "increment") == 1
    del counter
    reap(stage, "notebook", "exporter")
    assert records(stage, "exporter") == ["vom.o+d10/1"]
    assert stage.ask(stage.ask(exporter, "fetch", "counter"), "increment") == 2


def test_what_a_deleted_record_referred_to_is_let_go(stage: Stage) -> None:
    """The death of a durable object in one vat can end an object in another."""
    exporter, other = stage.define("exporter", EXPORTER), stage.define("other", EXPORTER)
    friend = stage.ask(other, "durable")
    counter = stage.ask(exporter, "durable", friend)
    del friend
    reap(stage, "notebook", "exporter", "other")
    assert records(stage, "other") == ["vom.o+d10/1"]
    del counter
    reap(stage, "notebook", "exporter", "other")
    assert records(stage, "exporter") == records(stage, "other") == []


def test_an_upgrade_abandons_what_it_ends(stage: Stage) -> None:
    """Heap and virtual exports lose their owner and refuse, the durable one keeps it and its state."""
    exporter = stage.define("exporter", EXPORTER)
    things = [stage.ask(exporter, sort) for sort in ("fleeting", "virtual", "durable")]
    assert [stage.ask(thing, "increment") for thing in things] == [1, 1, 1]
    krefs = [row.kref for row in stage.lens.objects() if row.owner == "exporter"][1:]
    stage.upgrade("exporter", EXPORTER)
    owners = {row.kref: row.owner for row in stage.lens.objects()}
    assert [owners[kref] for kref in krefs] == ["nobody", "nobody", "exporter"]
    for thing in things[:2]:
        with pytest.raises(Exception, match="upgraded to incarnation 1"):
            stage.ask(thing, "increment")
    assert stage.ask(things[2], "increment") == 2


def test_an_upgrade_drops_what_only_the_old_heap_held(stage: Stage) -> None:
    """Imports in stored data stay, those that only the old incarnation's memory held are let go."""
    exporter, importer = stage.define("exporter", EXPORTER), stage.define("importer", IMPORTER)
    kept, lost = stage.ask(exporter, "durable"), stage.ask(exporter, "durable")
    stage.ask(importer, "store", "kept", kept)
    stage.ask(importer, "hold", lost)
    del kept, lost
    reap(stage, "notebook", "exporter")
    assert records(stage, "exporter") == ["vom.o+d10/1", "vom.o+d10/2"]
    stage.upgrade("importer", IMPORTER)
    reap(stage, "importer", "exporter")
    assert records(stage, "exporter") == ["vom.o+d10/1"]
    assert len(clist(stage, "importer")) == 2


def test_a_restarted_session_drops_what_it_had_in_memory(local: Stage) -> None:
    """The names it remembered are kept, everything else its cells held is let go."""
    exporter = local.define("exporter", EXPORTER)
    kept, lost = local.ask(exporter, "durable"), local.ask(exporter, "durable")
    local.session.names.remember({"kept": kept})
    assert lost is not None
    del kept, lost
    local.session.attach()
    reap(local, "notebook", "exporter")
    assert records(local, "exporter") == ["vom.o+d10/1"]
    assert local.ask(local.session.names.recall()["kept"], "increment") == 1


def test_vats_are_asked_without_being_told_to(stage: Stage) -> None:
    """After so many deliveries a vat brings out its dead by itself."""
    exporter = stage.define("exporter", EXPORTER, options={"reap_interval": 4})
    for _ in range(6):
        stage.ask(exporter, "keep")
    stage.ask(exporter, "durable")
    reap(stage, "notebook")
    for _ in range(6):
        stage.ask(exporter, "keep")
    assert records(stage, "exporter") == []


def test_an_image_asks_nothing_of_a_vat(stage: Stage) -> None:
    """Saving heaps is the host's affair: unlike in the reference no vat brings out its dead for it."""
    exporter = stage.define("exporter", EXPORTER)
    thing = stage.ask(exporter, "durable")
    before = stage.transcript("exporter"), stage.heap("exporter"), clist(stage, "exporter")
    stage.controller.vats.snapshot_all()
    stage.controller.checkpoint("here")
    stage.session.settle()
    assert (stage.transcript("exporter"), stage.heap("exporter"), clist(stage, "exporter")) == before
    assert stage.ask(thing, "increment") == 1


def test_a_transcript_with_garbage_repeats(stage: Stage) -> None:
    """The dead are the same when a vat is rebuilt from its transcript."""
    exporter, importer = stage.define("exporter", EXPORTER), stage.define("importer", IMPORTER)
    for sort in ("durable", "virtual", "fleeting"):
        stage.ask(importer, "hold", stage.ask(exporter, sort))
        reap(stage, "notebook", "importer", "exporter")
    kernel = stage.controller.kernel
    for vat in ("exporter", "importer"):
        count, digest = kernel.warehouse.verify(kernel.vat(vat))
        assert count > 5
        assert digest == stage.heap(vat)


RINGS = """
from swingset.vat import durable, remotable

@durable
class Node:
    other: object = None
    def tie(self, other): self.other = other

@remotable
class Root:
    def __init__(self, powers, baggage):
        self.powers = powers
        self.baggage = baggage
    def ring(self, size: int, friend):
        ring = [Node(friend) for _ in range(size)]
        for i, node in enumerate(ring):
            node.tie([friend, ring[i - 1]])
    def keep(self, name: str):
        self.baggage[name] = Node()
        self.baggage[name].tie(self.baggage[name])
    def lose(self, name: str): del self.baggage[name]
    def collect(self): self.powers.collect_cycles()

def build_root_object(powers, baggage):
    return Root(powers, baggage)
"""


def test_rings_of_durable_objects_are_found(stage: Stage) -> None:
    """Objects that only hold each other are deleted, and what they held in another vat with them."""
    rings, exporter = stage.define("rings", RINGS), stage.define("exporter", EXPORTER)
    friend = stage.ask(exporter, "durable")
    stage.ask(rings, "ring", 30, friend)
    stage.ask(rings, "keep", "mine")
    del friend
    reap(stage, "notebook", "rings", "exporter")
    assert (len(records(stage, "rings")), len(records(stage, "exporter"))) == (31, 1)
    stage.ask(rings, "collect")
    reap(stage, "rings", "exporter")
    assert (len(records(stage, "rings")), len(records(stage, "exporter"))) == (1, 0)
    kernel = stage.controller.kernel
    assert kernel.warehouse.verify(kernel.vat("rings"))[1] == stage.heap("rings")


def test_an_upgrade_is_followed_by_a_search(stage: Stage) -> None:
    """The next incarnation finds the rings that the old one left, a number of records at a time."""
    rings = stage.define("rings", RINGS)
    stage.ask(rings, "ring", 300, None)
    stage.ask(rings, "keep", "mine")
    stage.upgrade("rings", RINGS)
    reap(stage, "rings")
    reap(stage, "rings")
    assert len(records(stage, "rings")) == 1
    stage.ask(rings, "lose", "mine")
    stage.ask(rings, "collect")
    reap(stage, "rings")
    assert records(stage, "rings") == []


def test_the_reference_upgrade(stage: Stage) -> None:
    """After an upgrade exactly the durable exports are still owned, and exactly the stored imports held."""
    keeper = """
    from swingset.vat import BigMap, WeakBigMap, durable, remotable, virtual

    @durable
    class Dur:
        imports: object = None
        def hello(self): return "v1"

    @virtual
    class Vir:
        imports: object = None

    @remotable
    class Rem:
        pass

    @remotable
    class Root:
        def __init__(self, baggage): self.baggage = baggage
        def build(self, imports: list):
            self.baggage["data"] = ["some", "data"]
            self.baggage["presence"] = imports[0]
            self.baggage["dc"] = BigMap("dc4")
            self.baggage["dc"]["x"] = [imports[1], Dur(imports[2])]
            self.baggage["weak"] = WeakBigMap("weak")
            self.baggage["weak"][imports[3]] = imports[4]
            self.heap = imports[5]
            self.vir = Vir(imports[6])
            self.vc = BigMap("vc", durable=False)
            self.vc[imports[7]] = Dur(imports[8])
            self.dur = Dur(imports[9])
            return [self.dur, self.baggage["dc"], self.vir, self.vc, Rem(), Rem()]
        def data(self): return [self.baggage["data"], self.baggage["presence"]]
        def new(self): return Dur()

    def build_root_object(baggage):
        return Root(baggage)
    """
    exporter, root = stage.define("exporter", EXPORTER), stage.define("keeper", keeper)
    imports = [stage.ask(exporter, "durable") for _ in range(10)]
    exports = stage.ask(root, "build", imports)
    reap(stage, "keeper", "exporter")
    after = stage.upgrade("keeper", keeper.replace('"v1"', '"v2"'))
    assert after.incarnation == 1
    owned = [row.owner for row in stage.lens.objects() if row.owner in ("keeper", "nobody")]
    assert sorted(owned) == ["keeper"] * 3 + ["nobody"] * 4
    assert stage.ask(exports[0], "hello") == "v2"
    assert stage.ask(exports[1], "size") == 1
    data, presence = stage.ask(root, "data")
    assert (data, presence) == (["some", "data"], imports[0])
    for lost in exports[2:]:
        with pytest.raises(Exception, match="upgraded to incarnation 1"):
            stage.ask(lost, "hello")
    del exports, lost, presence
    reap(stage, "notebook", "keeper", "exporter")
    reap(stage, "keeper", "exporter")
    held = [vref for vref in clist(stage, "keeper") if vref.startswith("o-")]
    assert len(held) == 5  # the presence, two in the map, and a weak entry while the notebook has its key
    del imports
    reap(stage, "notebook", "keeper", "exporter")
    reap(stage, "keeper", "exporter")
    assert len(records(stage, "exporter")) == 3
    assert [key for key in records(stage, "keeper") if key.startswith("vom.o+v")] == []
