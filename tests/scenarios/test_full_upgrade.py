"""The reference implementation's full upgrade, as one story.

Version 1 of the vat `keeper` stores what it is given in every way there is, exports objects of every sort,
and leaves three promises unsettled. Then it is upgraded with the message 'test upgrade', and everything is
looked at: who is told, what is still owned, what still works, what is held and what is let go.
"""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.guest.base.promises import Promise
from tests.scenarios.admin import Admin
from tests.scenarios.test_gc import reap, records

KEEPER = """
    from swingset.vat import (
        BigMap, WeakBigMap, durable, make_promise, remotable, virtual, watch_promise
    )
    from swingset.vat.explicit import define_durable_kind, provide_kind_handle

    VERSION = "v1"

    @durable
    class Watcher:
        state: list = []

        def on_fulfilled(self, value):
            self.state = ["fulfill", value]

        def on_rejected(self, reason):
            self.state = ["reject", reason.reason]

        def get_state(self):
            return self.state

    @virtual
    class Vir:
        content: object = None

        def hello(self):
            return VERSION

    @remotable
    class Rem:
        def __init__(self, content):
            self.content = content

        def hello(self):
            return VERSION

    @remotable
    class Keeper:
        def __init__(self, baggage, make_dur):
            self.baggage, self.make_dur = baggage, make_dur

        def get_version(self):
            return VERSION

        def store(self, imports):
            baggage = self.baggage
            baggage["presence"] = imports["presence"]
            baggage["data"] = ["some", "data"]
            baggage["watcher"] = Watcher()
            baggage["weak"] = WeakBigMap("weak")
            baggage["weak"][imports["weak key"]] = imports["weak value"]
            baggage["inner"] = self.make_dur("inner", imports["inner"])
            self.heap = imports["heap"]

        def export(self, imports):
            dc4 = BigMap("dc4")
            dc4["import"] = imports["dc4"]
            vc1, vc3 = BigMap("vc1", durable=False), BigMap("vc3", durable=False)
            vc1["import"], vc3["import"] = imports["vc1"], self.make_dur("lost", imports["vc3"])
            vir5 = Vir(imports["vir5"])
            return {
                "dur1": self.make_dur("dur1", imports["dur1"]),
                "dc4": dc4,
                "vir2": Vir(imports["vir2"]), "vir5": vir5, "vir7": Vir([vir5, imports["vir7"]]),
                "vc1": vc1, "vc3": vc3,
                "rem1": Rem(imports["rem1"]), "rem2": Rem(None), "rem3": Rem(imports["rem3"]),
            }

        def in_a_list(self):
            return [make_promise()[0]]

        def as_result(self):
            return make_promise()[0]

        def watched(self):
            promise, _ = make_promise()
            watch_promise(promise, self.baggage["watcher"])
            return promise

        def stored(self):
            return [self.baggage["presence"], self.baggage["data"]]

        def watcher(self):
            return self.baggage["watcher"].get_state()

        def new(self):
            return self.make_dur("new", None)

    def build_root_object(baggage):
        handle = provide_kind_handle(baggage, "dur")

        def init(name, content):
            return {"name": name, "content": content}

        def hello(context):
            return [VERSION, context.state.name, context.state.content]

        return Keeper(baggage, define_durable_kind(handle, init, {"hello": hello}))
"""
NEXT = KEEPER.replace('VERSION = "v1"', 'VERSION = "v2"')

WORLD = """
    from swingset.vat import durable, make_promise, remotable

    @durable
    class Import:
        name: str

    @remotable
    class World:
        def make(self, names):
            return {name: Import(name) for name in names}

        def never(self):
            return make_promise()[0]

    def build_root_object():
        return World()
"""

STORED = ("presence", "inner", "dur1", "dc4")
"""The imports that what is durable holds, directly or in an object or a collection that is held."""

WEAK = ("weak key", "weak value")
LOST = ("heap", "rem1", "rem3", "vir2", "vir5", "vir7", "vc1", "vc3")
"""Those that only the heap of version 1 held, or its virtual data."""

TOLD = {"name": "vatUpgraded", "upgradeMessage": "test upgrade", "incarnationNumber": 0}


def vref(admin: Admin, thing: Any) -> str | None:
    """What the keeper calls something that the session holds."""
    kernel = admin.stage.controller.kernel
    entry = kernel.store.clists.by_kref(kernel.vat("keeper").id, known(admin, thing))
    return entry.vref if entry else None


def known(admin: Admin, thing: Any) -> str:
    """The kernel's name of an object or a promise that the session holds."""
    name = thing._vpid if isinstance(thing, Promise) else thing._vref
    kref = admin.stage.controller.kernel.recognize(admin.stage.session.vat_id, name)
    assert kref is not None
    return kref


def held(admin: Admin, krefs: dict[str, str]) -> dict[str, str]:
    """Which imports the keeper has: reachable (R), only recognizable (_)."""
    kernel = admin.stage.controller.kernel
    vat = kernel.vat("keeper").id
    entries = {name: kernel.store.clists.by_kref(vat, kref) for name, kref in krefs.items()}
    return {name: "R" if entry.reachable else "_" for name, entry in entries.items() if entry is not None}


def test_the_full_upgrade(admin: Admin) -> None:
    """Durable things live on with new behaviour and old state, all else is ended, and who waits is told."""
    stage, lens = admin.stage, admin.stage.lens
    kernel, session = stage.controller.kernel, stage.session
    world = stage.define("world", WORLD)
    root, node = admin.create(admin.bundle(KEEPER), name="keeper")
    imports = admin.ask(world, "make", [*STORED, *WEAK, *LOST])
    krefs = {name: known(admin, thing) for name, thing in imports.items()}
    admin.ask(root, "store", imports)
    exports = admin.ask(root, "export", imports)
    names = {name: vref(admin, thing) for name, thing in exports.items()}
    assert admin.ask(root, "get_version") == "v1"
    assert admin.ask(exports["dur1"], "hello") == ["v1", "dur1", imports["dur1"]]

    # Three promises of the keeper that nobody settles, and one that is somebody else's.
    [p1] = admin.ask(root, "in_a_list")
    p2, p3, foreign = admin.send(root, "as_result"), admin.send(root, "watched"), admin.send(world, "never")
    session.settle()
    promises = [known(admin, promise) for promise in (p1, p2, p3)]
    rows = {row.kref: row for row in lens.promises()}
    untouched, watched = rows[known(admin, foreign)], rows[promises[2]].decider
    # The reference passes on no promise in the kernel. Here p3 follows the promise that the method returned.
    assert [rows[kref].decider for kref in (*promises, watched)] == ["keeper", "keeper", watched, "keeper"]

    # The upgrade itself: in its crank p1 and p2 leave the keeper's c-list, what it watches itself stays.
    done = admin.send(node, "upgrade", admin.bundle(NEXT), {"upgradeMessage": "test upgrade"})
    session.flush()
    while (report := stage.controller.step()) is not None and report.outcome != "upgraded":
        pass
    assert report is not None
    assert report.left_behind is not None
    assert sorted(report.left_behind.disconnected) == sorted([*promises[:2], watched])
    assert [row.kref for row in lens.clist("keeper") if row.kref in (*promises, watched)] == [watched]
    assert admin.wait(done) == {"incarnationNumber": 1}

    # Who waited is told in plain data, the durable watcher in version 2; the kernel forgets them all.
    for promise in (p1, p2, p3):
        with pytest.raises(RemoteRejection) as caught:
            admin.wait(promise)
        assert caught.value.reason == TOLD
    assert admin.ask(root, "watcher") == ["reject", TOLD]
    left = {row.kref: row for row in lens.promises()}
    assert left.keys().isdisjoint([*promises, watched])
    assert left[untouched.kref] == untouched
    assert not [row for row in lens.clist("keeper") if row.kref.startswith("kp")]
    assert foreign.status == "pending"

    # What was stored is the same, new code sees it.
    assert admin.ask(root, "get_version") == "v2"
    presence, data = admin.ask(root, "stored")
    assert (presence is imports["presence"], data) == (True, ["some", "data"])

    # Of the exports dur1 and dc4 are owned, under their names; the others are nobody's and say so.
    owners = {row.kref: row.owner for row in lens.objects()}
    kept = {name for name, thing in exports.items() if owners[known(admin, thing)] == "keeper"}
    assert kept == {"dur1", "dc4"}
    assert {name: vref(admin, thing) for name, thing in exports.items()} == {
        name: names[name] if name in kept else None for name in names
    }
    for name in sorted(set(exports) - kept):
        assert owners[known(admin, exports[name])] == "nobody"
        with pytest.raises(RemoteError, match=r"^vat keeper was upgraded to incarnation 1$") as ended:
            admin.ask(exports[name], "hello")
        assert ended.value.code == "abandoned"
    assert admin.ask(exports["dur1"], "hello") == ["v2", "dur1", imports["dur1"]]
    assert admin.ask(exports["dc4"], "get", "import") is imports["dc4"]

    # The first new object of the kind has a number that no object of version 1 had: those were three.
    assert names["dur1"] == "o+d12/3"
    new = admin.ask(root, "new")
    assert vref(admin, new) == "o+d12/4"
    assert admin.ask(new, "hello") == ["v2", "new", None]

    # What durable data holds is held. The weak key was so only while garbage was not looked for: it is known,
    # and not held. What only the heap held is retired.
    for _ in range(2):
        reap(stage, "notebook", "keeper", "world")
    assert held(admin, krefs) == {**dict.fromkeys(STORED, "R"), "weak key": "_", "weak value": "R"}
    # The reference keeps what virtual objects and collections of a dead incarnation held. Here they are
    # deleted, and `lost`, which only one of them held, with them.
    assert [key for key in records(stage, "keeper") if key.startswith("vom.o+v")] == []
    assert "vom.o+d12/2" not in records(stage, "keeper")

    # When nobody else holds the weak key either, it is retired, and its value with it.
    del imports, presence
    reap(stage, "notebook", "keeper", "world")
    reap(stage, "keeper", "world")
    assert held(admin, krefs) == dict.fromkeys(STORED, "R")
    assert kernel.warehouse.verify(kernel.vat("keeper"))[1] == stage.heap("keeper")
