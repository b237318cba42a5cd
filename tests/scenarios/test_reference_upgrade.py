"""Upgrades through vatAdmin, as the reference implementation's scenarios tell them, value by value.

Each story is played on both workers, and a second time with vatAdmin itself upgraded between the steps.
`vat terminated` is what the reference tells of death, upgrade and abandonment alike. Here each has words and
a code of its own, so that a caller can tell them apart.
"""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.errors import RemoteError
from tests.scenarios.admin import Admin
from tests.scenarios.test_gc import records

EXPORTER = """
    from swingset.vat import durable, provide, remotable, virtual

    @durable
    class Counter:
        count: int = 0

        def increment(self):
            self.count += 1
            return self.count

    @virtual
    class Passing:
        count: int = 0

        def increment(self):
            self.count += 1
            return self.count

    @remotable
    class Fleeting:
        count = 0

        def increment(self):
            self.count += 1
            return self.count

    @remotable
    class Exporter:
        def __init__(self, baggage, parameters):
            self.baggage, self.parameters = baggage, parameters

        def get_version(self):
            return self.parameters["version"]

        def get_durable_counter(self):
            return provide(self.baggage, "counter", Counter)

        def get_counters(self):
            return [Fleeting(), Passing(), Counter()]

    def build_root_object(baggage, parameters):
        return Exporter(baggage, parameters)
"""


def version(text: str) -> dict[str, Any]:
    """Options of an upgrade that passes a version."""
    return {"vatParameters": {"version": text}}


# S7


def test_a_null_upgrade(admin: Admin) -> None:
    """The same root says v1 and then v2, and the same durable counter says 1 and then 2."""
    bundle = admin.bundle(EXPORTER)
    root, node = admin.create(bundle, **version("v1"))
    assert admin.ask(root, "get_version") == "v1"
    counter = admin.ask(root, "get_durable_counter")
    assert admin.ask(counter, "increment") == 1
    assert admin.ask(node, "upgrade", bundle, version("v2")) == {"incarnationNumber": 1}
    assert admin.ask(root, "get_version") == "v2"
    assert admin.ask(counter, "increment") == 2


# S9


def test_exports_are_abandoned(admin: Admin) -> None:
    """Heap and virtual counters lose owner and name and refuse, the durable one keeps both and counts on."""
    bundle, lens = admin.bundle(EXPORTER), admin.stage.lens
    root, node = admin.create(bundle, name="exporter", **version("v1"))
    counters = admin.ask(root, "get_counters")
    krefs = [admin.kref(counter) for counter in counters]
    assert [admin.ask(counter, "increment") for counter in counters] == [1, 1, 1]

    def owners() -> list[str]:
        known = {row.kref: row.owner for row in lens.objects()}
        return [known[kref] for kref in krefs]

    def names() -> list[str | None]:
        known = {row.kref: row.vref for row in lens.clist("exporter") if row.direction == "export"}
        return [known.get(kref) for kref in krefs]

    assert owners() == ["exporter"] * 3
    before = names()
    assert None not in before
    assert admin.ask(node, "upgrade", bundle, version("v2")) == {"incarnationNumber": 1}
    assert owners() == ["nobody", "nobody", "exporter"]
    assert names() == [None, None, before[2]]
    for counter in counters[:2]:
        with pytest.raises(RemoteError) as caught:
            admin.ask(counter, "increment")
        words = "vat exporter was upgraded to incarnation 1"
        assert (str(caught.value), caught.value.code) == (words, "abandoned")
    assert admin.ask(counters[2], "increment") == 2


# S11 and S12

BOOT = """
    from swingset.vat import E, remotable

    @remotable
    class Boot:
        def __init__(self):
            self.events = []

        def ping(self, message):
            self.events.append(message)

        async def pingback(self, root):
            await E(root).pingback(self)

        async def upgrade(self, node, bundle, options=None):
            try:
                self.events.append(await E(node).upgrade(bundle, options))
            except Exception as problem:
                self.events.append(problem)

        def take_events(self):
            events, self.events = self.events, []
            return events

    def build_root_object():
        return Boot()
"""

PINGED = """
    from swingset.vat import E, remotable
    from swingset.vat.explicit import make_kind_handle

    @remotable
    class Pinged:
        count = 0

        def make_kind(self):
            make_kind_handle("unhandled")

        async def pingback(self, handler):
            self.count += 1
            await E(handler).ping(f"ping {self.count}")

    def build_root_object(parameters):
        E(parameters["handler"]).ping("hello from " + parameters["version"])
        return Pinged()
"""
KABOOM = PINGED.replace("        return Pinged()", '        raise ValueError("kaboom")')


class Pings:
    """A vat that answers pings with its count in memory, and a boot vat that hears and upgrades it."""

    def __init__(self, admin: Admin) -> None:
        self.admin = admin
        self.boot = admin.stage.define("boot", BOOT)
        self.bundle = admin.bundle(PINGED)
        self.root, self.node = admin.create(self.bundle, **self.options("v1"))
        admin.stage.session.settle()

    def options(self, name: str) -> dict[str, Any]:
        return {"vatParameters": {"handler": self.boot, "version": name}}

    def pingback(self) -> None:
        self.admin.ask(self.boot, "pingback", self.root)

    def upgrade(self, bundle: Any, name: str) -> None:
        self.admin.ask(self.boot, "upgrade", self.node, bundle, self.options(name))

    def events(self) -> list[Any]:
        return list(self.admin.ask(self.boot, "take_events"))


def test_a_lost_kind_fails_the_upgrade(admin: Admin) -> None:
    """The events are 'ping 2', the failure, 'ping 3': v2's hello is unwound and v1's memory is as it was."""
    pings = Pings(admin)
    admin.ask(pings.root, "make_kind")
    pings.pingback()
    assert pings.events() == ["hello from v1", "ping 1"]
    pings.pingback()
    pings.upgrade(pings.bundle, "v2")
    pings.pingback()
    before, failure, after = pings.events()
    assert (before, after) == ("ping 2", "ping 3")
    assert isinstance(failure, RemoteError)
    assert str(failure).startswith("vat-upgrade failure: ")
    assert "unhandled" in str(failure)  # the reference says no more than `vat-upgrade failure`


def test_an_exception_fails_the_upgrade(admin: Admin) -> None:
    """After v1's 'ping 1' and the failure of code that raises 'kaboom', v1 says 'ping 2'."""
    pings = Pings(admin)
    pings.pingback()
    assert pings.events() == ["hello from v1", "ping 1"]
    pings.upgrade(admin.bundle(KABOOM), "v2")
    [failure] = pings.events()
    assert str(failure) == "vat-upgrade failure: kaboom"
    pings.pingback()
    assert pings.events() == ["ping 2"]


# S13

KIND = """
    from swingset.vat import Cohort, amplify, durable, facet, provide, remotable

    CLASS

    @remotable
    class Root:
        def __init__(self, baggage):
            self.baggage = baggage

        def make(self):
            thing = provide(self.baggage, "thing", lambda: FIRST)
            names = [NAMES]
            return [getattr(amplify(Thing, thing).facets, name) for name in names] or [thing]

    def build_root_object(baggage):
        return Root(baggage)
"""


def kind(*facets: str, given: tuple[str, ...] | None = None) -> str:
    """A kind with these facets, or with none, and a root that gives out those `given`, all unless told."""
    lines = ["@durable", f"class Thing{'(Cohort)' if facets else ''}:", "    value: int = 0"]
    for name in facets or ("single",):
        mark = [f'    @facet("{name}")'] if facets else []
        lines += [*mark, f"    def is_{name}(self):", "        self.value += 1", f'        return "{name}"']
    return (
        KIND.replace("CLASS", "\n    ".join(lines))
        .replace("FIRST", f"Thing().facets.{facets[0]}" if facets else "Thing()")
        .replace("NAMES", ", ".join(f'"{name}"' for name in (facets if given is None else given)))
    )


FOO_BAR = ("foo", "bar")


@pytest.mark.parametrize(
    ("old", "new", "ok"),
    [
        ((), (), True),
        (FOO_BAR, FOO_BAR, True),
        (FOO_BAR, ("bar", "foo"), True),
        (FOO_BAR, ("foo", "bar", "arf"), True),
        (FOO_BAR, ("foo", "bar", "baz"), True),
        (FOO_BAR, ("foo",), False),
        ((), FOO_BAR, False),
        (FOO_BAR, (), False),
    ],
    ids=lambda value: "-".join(value) or "single" if isinstance(value, tuple) else "",
)
def test_facets_of_a_kind_defined_again(
    admin: Admin, old: tuple[str, ...], new: tuple[str, ...], ok: bool
) -> None:
    """Facets may come in any order and more of them; a lost one, or one face for several, is refused."""
    root, node = admin.create(admin.bundle(kind(*old)))
    things = dict(zip(old or ("single",), admin.ask(root, "make"), strict=True))
    for name, thing in things.items():
        assert admin.ask(thing, f"is_{name}") == name
    after = admin.bundle(kind(*new))
    if ok:
        assert admin.ask(node, "upgrade", after) == {"incarnationNumber": 1}
        again = dict(zip(new or ("single",), admin.ask(root, "make"), strict=True))
        for name, thing in again.items():
            assert admin.ask(thing, f"is_{name}") == name
        assert {name: again[name] for name in things} == things
    else:
        with pytest.raises(RemoteError, match=r"^vat-upgrade failure: .*Thing"):
            admin.ask(node, "upgrade", after)
    for name, thing in things.items():
        assert admin.ask(thing, f"is_{name}") == name


def test_the_letters_of_a_cohort_do_not_move(admin: Admin) -> None:
    """With the first facet exported and the second not it is 'rn', and with a fourth exported 'rnnr'."""
    root, node = admin.create(admin.bundle(kind("one", "two", given=("one",))), name="cohort")
    first = admin.ask(root, "make")
    assert exported(admin) == {"vom.es.o+d10/1": "rn"}
    more = kind("one", "two", "aaa", "zero", given=("zero",))
    assert admin.ask(node, "upgrade", admin.bundle(more)) == {"incarnationNumber": 1}
    assert exported(admin) == {"vom.es.o+d10/1": "rn"}
    second = admin.ask(root, "make")
    assert exported(admin) == {"vom.es.o+d10/1": "rnnr"}
    assert admin.ask(first[0], "is_one") == "one"
    assert admin.ask(second[0], "is_zero") == "zero"


def exported(admin: Admin) -> dict[str, str | None]:
    """What the vat `cohort` keeps of what it has exported: a letter for each facet."""
    store = admin.stage.controller.kernel.store.vatstore
    vat = admin.stage.controller.kernel.vat("cohort").id
    return {key: store.get(vat, key) for key in records(admin.stage, "cohort", "vom.es.")}
