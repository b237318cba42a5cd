"""Upgrades: what survives, what is told to whom, and that a refused one never happened."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.guest.base.errors import RemoteError, RemoteRejection
from swingset.guest.sending.eventual import E
from tests.staging import Stage
from tests.vat_sources import SPY

COUNTER = """
    from swingset.vat import durable, make_promise, provide, remotable

    VERSION = "v1"

    @durable
    class Counter:
        value: int = 0

        def increment(self) -> int:
            self.value += 1
            return self.value

    @remotable
    class Fleeting:
        def __init__(self):
            self.value = 0

        def increment(self):
            self.value += 1
            return self.value

    def build_root_object(baggage):
        calls = 0

        @remotable
        class Root:
            def version(self):
                return VERSION

            def durable(self):
                return provide(baggage, "counter", Counter)

            def fresh(self):
                return Counter()

            def fleeting(self):
                return Fleeting()

            def ping(self):
                nonlocal calls
                calls += 1
                return f"ping {calls}"

            def never(self):
                promise, self.resolver = make_promise()
                return promise

            def never_in_list(self):
                promise, self.other = make_promise()
                return [promise]

            def keep(self, name, value):
                baggage[name] = value

            def kept(self, name):
                return baggage[name]

        return Root()
"""

NEXT = COUNTER.replace('"v1"', '"v2"').replace(
    "self.value += 1\n            return self.value\n\n    @rem",
    "self.value += 10\n            return self.value\n\n    @rem",
)


def disconnected(incarnation: int, message: str) -> dict[str, Any]:
    """What the waiters for a promise of an ended incarnation are told: plain data."""
    return {"name": "vatUpgraded", "upgradeMessage": message, "incarnationNumber": incarnation}


def test_null_upgrade(stage: Stage) -> None:
    """After an upgrade the same root answers with new code, and the same durable counter goes on counting."""
    root = stage.define("exporter", COUNTER)
    counter = stage.ask(root, "durable")
    assert stage.ask(root, "version") == "v1"
    assert stage.ask(counter, "increment") == 1
    assert stage.upgrade("exporter", COUNTER.replace('"v1"', '"v2"')).incarnation == 1
    assert stage.ask(root, "version") == "v2"
    assert stage.ask(counter, "increment") == 2


def test_abandoned_export(stage: Stage) -> None:
    """An upgrade orphans ephemeral exports and keeps durable ones; importers keep their references.

    The reference answers `vat terminated` to a send. Here it has a code and words of its own.
    """
    root = stage.define("exporter", COUNTER)
    fleeting, counter = stage.ask(root, "fleeting"), stage.ask(root, "durable")
    assert (stage.ask(fleeting, "increment"), stage.ask(counter, "increment")) == (1, 1)
    before = {row.kref: row for row in stage.lens.objects()}
    done = stage.upgrade("exporter", COUNTER)
    [lost] = [row.kref for row in done.abandoned]
    after = {row.kref: row for row in stage.lens.objects()}
    assert (before[lost].owner, after[lost].owner) == ("exporter", "nobody")
    assert after[lost].fate == "abandoned: vat exporter was upgraded to incarnation 1"
    assert (after[lost].reachable, after[lost].recognizable) == (1, 1)
    assert lost not in [row.kref for row in stage.lens.clist("exporter")]
    assert lost in [row.kref for row in stage.lens.clist("notebook")]
    assert [row for row in stage.lens.objects() if row.kref != lost] == [
        row for row in before.values() if row.kref != lost
    ]
    with pytest.raises(RemoteError, match="vat exporter was upgraded to incarnation 1") as caught:
        stage.ask(fleeting, "increment")
    assert caught.value.code == "abandoned"
    assert stage.ask(counter, "increment") == 2


def test_full_upgrade(stage: Stage) -> None:
    """State, baggage, presences and ids survive; promises of the old incarnation are rejected with data."""
    holder = stage.define("holder", HOLDER)
    other = stage.define("other", COUNTER)
    root = stage.define("exporter", COUNTER)
    counter = stage.ask(root, "durable")
    stage.ask(root, "keep", "presence", other)
    stage.ask(root, "keep", "data", ["some", "data"])
    stage.ask(holder, "hold", "result", E(root).never())
    [inner] = stage.ask(root, "never_in_list")
    stage.ask(holder, "hold", "inner", inner)
    stage.ask(holder, "hold", "foreign", E(other).never())
    stage.session.settle()
    first = stage.ask(root, "fresh")
    done = stage.upgrade("exporter", NEXT, "test upgrade")
    assert len(done.disconnected) == 2
    stage.session.settle()
    told = disconnected(0, "test upgrade")
    assert stage.ask(holder, "heard") == {"result": told, "inner": told}
    assert stage.ask(root, "version") == "v2"
    assert stage.ask(root, "kept", "presence") is other
    assert stage.ask(root, "kept", "data") == ["some", "data"]
    assert stage.ask(counter, "increment") == 10
    second = stage.ask(root, "fresh")
    assert second is not first
    assert [row.label for row in stage.lens.clist("exporter")].count("Counter") == 3
    assert [row.state for row in stage.lens.promises()] == ["unresolved"]


HOLDER = """
    from swingset.vat import E, RemoteRejection, remotable

    @remotable
    class Holder:
        def __init__(self):
            self.told = {}

        def hold(self, name, promise):
            def failed(problem):
                self.told[name] = problem.reason

            promise.then(lambda _: None, failed)

        def heard(self):
            return self.told

    def build_root_object():
        return Holder()
"""


def test_promise_of_the_session_is_disconnected(stage: Stage) -> None:
    """A waiting session gets the disconnection as a rejection whose reason is the plain data."""
    root = stage.define("exporter", COUNTER)
    promise = stage.send(root, "never")
    stage.session.settle()
    stage.upgrade("exporter", COUNTER, "once more")
    with pytest.raises(RemoteRejection) as caught:
        stage.session.wait(promise)
    assert caught.value.reason == disconnected(0, "once more")
    assert caught.value.code == "vat-upgraded"


def test_a_message_that_waits_reaches_the_new_code(stage: Stage) -> None:
    """A message queued before an upgrade and delivered after it is answered by the new code."""
    root = stage.define("exporter", COUNTER)
    stage.controller.queue.pause()
    promise = stage.send(root, "version")
    stage.session.settle()
    stage.upgrade("exporter", NEXT)
    assert promise.status == "pending"
    stage.controller.queue.unpause()
    assert stage.session.wait(promise) == "v2"


def exactly_as_before(stage: Stage, root: Any, source: str) -> VatFault:
    """Attempt a bad upgrade and check that the old incarnation did not notice, its heap included."""
    assert stage.ask(root, "ping") == "ping 1"
    pings, heap, spoken = 1, stage.heap("exporter"), stage.transcript("exporter")
    rows = stage.lens.objects(), stage.lens.promises(), stage.lens.clist("exporter"), stage.lens.queue()
    with pytest.raises(VatFault, match="nothing has changed") as caught:
        stage.upgrade("exporter", source)
    assert stage.heap("exporter") == heap
    assert stage.transcript("exporter") == spoken
    assert rows == (
        stage.lens.objects(),
        stage.lens.promises(),
        stage.lens.clist("exporter"),
        stage.lens.queue(),
    )
    assert stage.ask(root, "ping") == f"ping {pings + 1}"
    return caught.value


def test_lost_kind(stage: Stage) -> None:
    """New code that does not define a stored kind is refused by the kind's name, and was never there.

    As in the reference, what the new code sent is unsent and the old heap's counter goes on: 'ping 2'.
    """
    spy = stage.define("spy", SPY)
    root = stage.define("exporter", COUNTER)
    stage.ask(root, "keep", "spy", spy)
    stage.ask(root, "durable")
    source = (
        COUNTER.replace("class Counter", "class Kounter")
        .replace("Counter)", "Kounter)")
        .replace("        calls = 0", "        E(baggage['spy']).saw('hello from v2')\n        calls = 0")
        .replace("import durable", "import E, durable")
    )
    fault = exactly_as_before(stage, root, source).fault
    assert "Counter" in fault.message
    assert fault.details["lostKinds"] == ["Counter"]
    assert stage.ask(spy, "all") == []


def test_throwing_upgrade(stage: Stage) -> None:
    """New code that exports, sends and resolves before it throws leaves no trace of having run.

    The reference tells the caller only 'vat-upgrade failure'. Here the words and the line are told.
    """
    spy = stage.define("spy", SPY)
    root = stage.define("exporter", COUNTER)
    stage.ask(root, "keep", "spy", spy)
    counter = stage.ask(root, "durable")
    source = NEXT.replace(
        "        calls = 0",
        """        promise, resolver = make_promise()
        resolver.resolve(Fleeting())
        E(baggage["spy"]).saw(["hello from v3", promise, Counter()])
        baggage["spy"] = "gone"
        print("hello from v3")
        raise ValueError("kaboom")
        calls = 0""",
    ).replace("import durable", "import E, durable")
    fault = exactly_as_before(stage, root, source).fault
    assert (fault.name, fault.message) == ("ValueError", "kaboom")
    assert [(frame.part, frame.line, frame.function) for frame in fault.trace] == [
        ("exporter", 29, "build_root_object")
    ]
    assert stage.ask(spy, "all") == []
    assert stage.log == ["hello from v3"]  # what it printed is shown, for whoever has to find out why
    assert stage.ask(counter, "increment") == 1
    assert stage.upgrade("exporter", NEXT).incarnation == 1
    assert stage.ask(counter, "increment") == 11


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("def build_root_object(baggage):", "def build_root_object(baggage)"), "expected ':'"),
        (("VERSION = ", "VERSION ? "), "invalid syntax"),
        (("value: int = 0", "value: str = ''"), "expected int as stored, found str"),
        (("value: int = 0", "amount: int = 0"), "expected `value: int` as stored"),
        (("value: int = 0", "value: int = 0\n        unit: str"), "expected a default"),
        (("return Root()", "return Counter()"), "@remotable"),
        (("return Root()", "return 5"), "@remotable"),
        (("return Root()", "return make_promise()[0]"), "must return in the delivery"),
        (("def build_root_object", "def build_root"), "no build_root_object"),
        (("(baggage):", "(baggage, timer):"), "asks for timer"),
    ],
)
def test_refused_upgrade(stage: Stage, change: tuple[str, str], words: str) -> None:
    """Each way in which new code cannot take over is refused in its own words."""
    root = stage.define("exporter", COUNTER)
    stage.ask(root, "durable")
    assert change[0] in COUNTER
    fault = exactly_as_before(stage, root, COUNTER.replace(*change)).fault
    assert words in fault.message


@pytest.mark.parametrize(
    ("old", "new", "ok"),
    [
        ("x: int", "x: int", True),
        ("x: int\n        y: int", "y: int\n        x: int", True),
        ("x: int", "x: int\n        y: int = 7", True),
        ("x: int", "x: int\n        y: int | None", True),
        ("x: int", "x: int\n        y: int", False),
        ("x: int\n        y: int", "x: int", False),
        ("x: int", "x: str", False),
        ("x: int", "x: int | str", False),
    ],
)
def test_redefined_kind(stage: Stage, old: str, new: str, ok: bool) -> None:
    """A kind may be defined again with the same fields, in any order, and with more that may be absent."""
    source = """
    from swingset.vat import durable, provide, remotable

    @durable
    class Thing:
        FIELDS

        def read(self):
            return {name: getattr(self, name) for name in ("x", "y") if hasattr(self, name)}

    @remotable
    class Root:
        def __init__(self, baggage):
            self.baggage = baggage

        def make(self):
            return Thing(**{name: n for n, name in enumerate(Thing.__annotations__)})

    def build_root_object(baggage):
        return Root(baggage)
    """
    root = stage.define("vat", source.replace("FIELDS", old))
    thing = stage.ask(root, "make")
    before = stage.ask(thing, "read")
    if not ok:
        with pytest.raises(VatFault, match="Thing"):
            stage.upgrade("vat", source.replace("FIELDS", new))
        assert stage.ask(thing, "read") == before
        return
    stage.upgrade("vat", source.replace("FIELDS", new))
    found = stage.ask(thing, "read")
    assert {name: found[name] for name in before} == before
    if "y" in new and "y" not in old:
        assert found["y"] == (7 if "= 7" in new else None)


def test_parameters_are_absent_unless_given(stage: Stage) -> None:
    """Without parameters both the first incarnation and the next one get None."""
    source = """
    from swingset.vat import remotable

    @remotable
    class Root:
        def __init__(self, parameters):
            self.parameters = parameters

        def given(self):
            return [self.parameters]

    def build_root_object(parameters):
        return Root(parameters)
    """
    root = stage.define("vat", source)
    assert stage.ask(root, "given") == [None]
    stage.upgrade("vat", source)
    assert stage.ask(root, "given") == [None]


def test_many_upgrades(stage: Stage) -> None:
    """Each upgrade is one incarnation, and a durable counter counts through all of them."""
    root = stage.define("exporter", COUNTER)
    counter = stage.ask(root, "durable")
    for incarnation in range(1, 6):
        assert stage.upgrade("exporter", COUNTER).incarnation == incarnation
        assert stage.ask(counter, "increment") == incarnation
    assert stage.ask(root, "durable") is counter


def test_rehearsal_changes_nothing(stage: Stage) -> None:
    """A rehearsal says what an upgrade would do, and the world is the same to the last bit after it."""
    from textwrap import dedent

    root = stage.define("exporter", COUNTER)
    counter, fleeting = stage.ask(root, "durable"), stage.ask(root, "fleeting")
    stage.send(root, "never")
    stage.session.settle()
    before = stage.controller.digest(), stage.heap("exporter"), stage.log, len(stage.outputs)
    seen = stage.session.rehearse("exporter", "exporter", dedent(NEXT))
    assert seen.ok
    assert len(seen.abandoned) == 1
    assert len(seen.disconnected) == 1
    assert seen.kept == {"Counter": 1}
    assert "would go through, but 1 exported object" in seen.verdict
    refused = stage.session.rehearse("exporter", "exporter", dedent(NEXT).replace("Counter", "Kounter"))
    assert not refused.ok
    assert refused.fault is not None
    assert "Counter" in refused.verdict
    throws = stage.session.rehearse("exporter", "exporter", "1 / 0")
    assert "division by zero" in throws.verdict
    assert "exporter, line 1" in throws.verdict
    assert before == (stage.controller.digest(), stage.heap("exporter"), stage.log, len(stage.outputs))
    assert stage.ask(fleeting, "increment") == 1
    assert stage.ask(counter, "increment") == 1
    done = stage.upgrade("exporter", NEXT)
    assert (len(done.abandoned), len(done.disconnected)) == (len(seen.abandoned), len(seen.disconnected))
