"""Disavowal: a vat gives up an import at once, whoever holds the presence, if it was made to be able to."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from tests.scenarios.admin import Admin
from tests.staging import Stage

HOLDER = """
    from swingset.vat import BigMap, D, E, WeakBigMap, durable, remotable

    @durable
    class Box:
        held: object = None

    @remotable
    class Holder:
        def __init__(self, powers):
            self.powers = powers
            self.kept, self.map, self.weak = [], BigMap("m"), WeakBigMap("w")
            self.box = Box()

        def keep(self, item): self.kept.append(item)
        def is_same(self, item): return self.kept[-1] is item
        def disavow(self, item=None): self.powers.disavow(self.kept[-1] if item is None else item)
        def disavow_export(self): self.powers.disavow(self.box)
        def disavow_data(self): self.powers.disavow(5)
        async def use(self): return await E(self.kept[-1]).ping()
        def use_only(self): E.send_only(self.kept[-1]).ping()
        def give(self): return [self.kept[-1]]
        def store(self, where):
            if where == "map": self.map["k"] = self.kept[-1]
            if where == "field": self.box.held = self.kept[-1]
            if where == "weak": self.weak[self.kept[-1]] = 1
        def store_and_disavow(self, where):
            self.store(where)
            self.disavow()
        def unstore(self): self.map.clear(); self.box.held = None
        def shown(self): return repr(self.kept[-1])[-40:]

    def build_root_object(powers):
        return Holder(powers)
"""

TARGET = """
    from swingset.vat import remotable

    @remotable
    class Target:
        def ping(self): return "pong"

    @remotable
    class Root:
        def make(self): return Target()

    def build_root_object():
        return Root()
"""

TOLD = "this Presence has been disavowed"


class Scene:
    """A holder that may disavow, and an object of another vat that it keeps."""

    def __init__(self, stage: Stage, **options: Any) -> None:
        self.stage = stage
        self.holder = stage.define("holder", HOLDER, options=options or {"enable_disavow": True})
        self.target = stage.ask(stage.define("maker", TARGET), "make")
        kref = stage.session.kref_of(self.target)
        assert kref is not None
        self.kref = kref
        stage.ask(self.holder, "keep", self.target)

    def knows(self) -> str:
        """`reachable`, `recognizable` or `nothing`: what the holder's c-list has of the object."""
        kernel = self.stage.controller.kernel
        entry = kernel.store.clists.by_kref(kernel.vat("holder").id, self.kref)
        return "nothing" if entry is None else "reachable" if entry.reachable else "recognizable"

    def ask(self, method: str, *args: Any) -> Any:
        return self.stage.ask(self.holder, method, *args)

    def refused(self, method: str, *args: Any) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            self.ask(method, *args)
        return str(caught.value)


def test_the_presence_is_of_no_use_and_the_import_is_dropped(stage: Stage) -> None:
    """In the same delivery, though the vat still holds it: the kernel forgets the import altogether."""
    scene = Scene(stage)
    assert scene.ask("use") == "pong"
    assert scene.knows() == "reachable"
    scene.ask("disavow")
    assert scene.knows() == "nothing"
    with pytest.raises(RemoteError, match=TOLD) as caught:
        scene.ask("use")
    assert caught.value.code == "disavowed"
    assert TOLD in scene.refused("give")
    assert TOLD in scene.refused("store", "map")
    assert scene.ask("use_only") is None
    assert "(disavowed)" in scene.ask("shown")
    assert "attempt to disavow <Presence (disavowed)" in scene.refused("disavow")
    stage.controller.gc.reap_all()
    stage.session.settle()


def test_it_comes_in_again_as_another_presence(stage: Stage) -> None:
    """The object itself is as it was; who sends it again gives it anew."""
    scene = Scene(stage)
    scene.ask("disavow")
    assert scene.ask("is_same", scene.target) is False
    scene.ask("keep", scene.target)
    assert scene.ask("use") == "pong"
    assert scene.knows() == "reachable"
    stage.controller.gc.reap_all()
    stage.session.settle()
    assert scene.ask("use") == "pong"


@pytest.mark.parametrize("where", ["map", "field"])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_stored_data_holds_is_not_disavowed(stage: Stage, where: str, at_once: bool) -> None:
    """It would be stored and unknown: the data has to go first, then it can be."""
    scene = Scene(stage)
    if at_once:
        told = scene.refused("store_and_disavow", where)
    else:
        scene.ask("store", where)
        told = scene.refused("disavow")
    assert "which stored data of this vat holds: delete that first" in told
    assert scene.ask("use") == "pong"
    scene.ask("unstore")
    scene.ask("disavow")
    assert scene.knows() == "nothing"


def test_one_that_a_weak_collection_knows_stays_recognizable(stage: Stage) -> None:
    """It is dropped, and its entry stays for as long as it could come back."""
    scene = Scene(stage)
    scene.ask("store", "weak")
    scene.ask("disavow")
    assert scene.knows() == "recognizable"


def test_what_is_no_import_is_refused(stage: Stage) -> None:
    """The vat's own objects, data and devices, each in words."""
    scene = Scene(stage)
    assert "attempt to disavow an export" in scene.refused("disavow_export")
    assert "attempt to disavow unknown int 5" in scene.refused("disavow_data")
    assert "attempt to disavow non-object" in scene.refused("disavow", stage.session.devices.bridge())


def test_a_vat_without_the_option_may_not(stage: Stage) -> None:
    """The power is there and says what is lacking."""
    scene = Scene(stage, reap_interval=5)
    told = scene.refused("disavow")
    assert told == "vat holder may not disavow: it has to be made with the option enable_disavow"
    assert scene.ask("use") == "pong"


def test_a_creator_can_enable_it_and_an_upgrade_keeps_it(stage: Stage) -> None:
    """As the reference spells it."""
    admin = Admin(stage, False)
    cap = admin.bundle(HOLDER)
    holder, node = admin.create(cap, enableDisavow=True)
    target = stage.ask(stage.define("maker", TARGET), "make")
    for again in (False, True):
        if again:
            admin.ask(node, "upgrade", cap)
        admin.ask(holder, "keep", target)
        admin.ask(holder, "disavow")
        with pytest.raises(RemoteError, match=TOLD):
            admin.ask(holder, "use")
