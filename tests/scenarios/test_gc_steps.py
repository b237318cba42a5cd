"""Who is told what when references are dropped and retired, step by step, between real vats.

The reference plays these steps with raw vats, as `tests/core/test_gc.py` does, whose vats drop and retire
when a test says so. Here the guest library decides, on both workers: what it can still name it keeps, what
only a weak collection knows it drops, what nothing knows it retires. Each step is one crank; the reference
has a second one for its acceptance queue. A guest retires only when it brings out its dead, so its modes in
which an exporter retires within `dropExports` are for raw vats alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model.messages import Collect
from tests.meddling import atomic
from tests.staging import Stage

IMPORTER = """
    from swingset.guest.base.context import current
    from swingset.vat import E, WeakBigMap, remotable

    @remotable
    class Importer:
        def __init__(self):
            self.known = WeakBigMap("known", durable=False)

        async def fetch(self, owner):
            self.amy = await E(owner).amy()

        def know(self):
            self.known[self.amy] = "amy"

        def lose(self):
            self.amy = None

        def forget(self):
            self.known = None

        def retire(self):
            current().syscall(["retireImports", [self.amy._vref]])

    def build_root_object():
        return Importer()
"""


EXPORTER = """
    from swingset.vat import remotable

    @remotable
    class Amy:
        pass

    @remotable
    class Exporter:
        def __init__(self):
            self.kept = Amy()

        def amy(self):
            return self.kept

        def lose(self):
            self.kept = None

    def build_root_object():
        return Exporter()
"""


class Steps:
    """A exports amy, B and C may import her; every crank is taken singly."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.kernel = stage.controller.kernel
        self.a = stage.define("A", EXPORTER)
        self.b, self.c = stage.define("B", IMPORTER), stage.define("C", IMPORTER)
        self.kref = ""

    def give(self, *importers: Any) -> None:
        """Let importers get amy, whom nobody but they can reach then."""
        for importer in importers:
            self.stage.ask(importer, "fetch", self.a)
        [self.kref] = [row.kref for row in self.stage.lens.objects() if row.label == "Amy"]

    def amy(self) -> tuple[str, int, int] | None:
        """Owner and counts; None where the kernel has forgotten her."""
        found = [row for row in self.stage.lens.objects() if row.kref == self.kref]
        return (found[0].owner, found[0].reachable, found[0].recognizable) if found else None

    def known_in(self) -> dict[str, str]:
        """Who has amy in the c-list: R where she is reachable, _ where only recognizable."""
        rows = [(vat, row) for vat in "ABC" for row in self.stage.lens.clist(vat)]
        return {vat: "R" if row.reachable else "_" for vat, row in rows if row.kref == self.kref}

    def actions(self) -> list[str]:
        """What is still to be told, as `A dropExport`."""
        names = {self.kernel.vat(name).id: name for name in "ABC"}
        return [f"{names[vat]} {kind}" for vat, kind, _ in self.kernel.store.gc.all()]

    def reap(self, vat: str) -> None:
        """Have a vat bring out its dead, in the next crank that is not for what was dropped."""
        with atomic(self.kernel):
            self.kernel.store.reaping.schedule(self.kernel.vat(vat).id)
        report = self.stage.controller.step()
        assert report is not None
        assert (type(report.event).__name__, report.vat) == ("Reap", vat)

    def told(self) -> str:
        """Run the crank in which one vat is told, and say who and what."""
        report = self.stage.controller.step()
        assert report is not None
        assert isinstance(report.event, Collect)
        assert report.outcome == "delivered"
        return f"{report.vat} {report.event.kind}"


@pytest.fixture
def steps(stage: Stage) -> Steps:
    """Three vats."""
    return Steps(stage)


def test_dropped_and_retired(steps: Steps) -> None:
    """B drops and retires: A is told to drop, the record stays, A is told to retire, and all is gone."""
    steps.give(steps.b)
    assert (steps.amy(), steps.known_in()) == (("A", 1, 1), {"A": "R", "B": "R"})
    steps.stage.ask(steps.b, "lose")
    assert steps.actions() == []
    steps.reap("B")
    assert (steps.amy(), steps.known_in()) == (("A", 0, 0), {"A": "R"})
    assert steps.actions() == ["A dropExport", "A retireExport"]
    assert steps.told() == "A dropExport"
    assert (steps.amy(), steps.known_in(), steps.actions()) == (("A", 0, 0), {"A": "_"}, ["A retireExport"])
    assert steps.told() == "A retireExport"
    assert (steps.amy(), steps.known_in(), steps.actions()) == (None, {}, [])
    assert steps.stage.controller.step() is None


def only_dropped(steps: Steps, *importers: str) -> None:
    """Importers drop amy, whom their weak maps still know."""
    roots = {"B": steps.b, "C": steps.c}
    steps.give(*(roots[name] for name in importers))
    for number, name in enumerate(importers, 1):
        steps.stage.ask(roots[name], "know")
        steps.stage.ask(roots[name], "lose")
        steps.reap(name)
        assert steps.amy() == ("A", len(importers) - number, len(importers))
    assert steps.actions() == ["A dropExport"]
    assert steps.told() == "A dropExport"
    assert (steps.amy(), steps.actions()) == (("A", 0, len(importers)), [])


def test_the_exporter_retires_what_was_only_dropped(steps: Steps) -> None:
    """A, whose heap has no amy any more, retires her: the record is gone, and then B's row."""
    only_dropped(steps, "B")
    steps.stage.ask(steps.a, "lose")
    steps.reap("A")
    assert (steps.amy(), steps.known_in(), steps.actions()) == (None, {"B": "_"}, ["B retireImport"])
    assert steps.told() == "B retireImport"
    assert (steps.known_in(), steps.actions()) == ({}, [])


def test_the_importer_retires_what_it_only_dropped(steps: Steps) -> None:
    """B's map goes, and with it what knew amy: A is told to retire her."""
    only_dropped(steps, "B")
    steps.stage.ask(steps.b, "forget")
    steps.reap("B")
    assert (steps.amy(), steps.known_in(), steps.actions()) == (("A", 0, 0), {"A": "_"}, ["A retireExport"])
    assert steps.told() == "A retireExport"
    assert (steps.amy(), steps.known_in(), steps.actions()) == (None, {}, [])


def test_two_importers_that_drop_and_retire(steps: Steps) -> None:
    """After the first nothing is to be told; after the second all goes, and nobody but A is told."""
    steps.give(steps.b, steps.c)
    assert steps.amy() == ("A", 2, 2)
    steps.stage.ask(steps.b, "lose")
    steps.reap("B")
    assert (steps.amy(), steps.actions()) == (("A", 1, 1), [])
    steps.stage.ask(steps.c, "lose")
    steps.reap("C")
    assert [steps.told(), steps.told()] == ["A dropExport", "A retireExport"]
    assert (steps.amy(), steps.known_in(), steps.actions()) == (None, {}, [])
    assert steps.stage.controller.step() is None


def test_two_importers_that_only_drop(steps: Steps) -> None:
    """When A retires, B and C are told one after the other, one crank each."""
    only_dropped(steps, "B", "C")
    steps.stage.ask(steps.a, "lose")
    steps.reap("A")
    assert (steps.amy(), steps.actions()) == (None, ["B retireImport", "C retireImport"])
    assert steps.told() == "B retireImport"
    assert (steps.known_in(), steps.actions()) == ({"C": "_"}, ["C retireImport"])
    assert steps.told() == "C retireImport"
    assert (steps.known_in(), steps.actions()) == ({}, [])
    assert steps.stage.controller.step() is None


def test_an_upgrade_ends_what_was_only_recognized(steps: Steps) -> None:
    """Amy was of the old heap: her record goes with it, and B, whose weak map knows her, is told."""
    only_dropped(steps, "B")
    steps.stage.upgrade("A", EXPORTER)
    assert (steps.amy(), steps.known_in(), steps.actions()) == (None, {"B": "_"}, ["B retireImport"])
    assert steps.told() == "B retireImport"
    assert (steps.known_in(), steps.actions()) == ({}, [])


def test_an_upgrade_abandons_what_is_held(steps: Steps) -> None:
    """Amy is nobody's then, and is gone when the last who holds her lets go; nobody needs to be told."""
    steps.give(steps.b)
    steps.stage.upgrade("A", EXPORTER)
    assert (steps.amy(), steps.known_in(), steps.actions()) == (("nobody", 1, 1), {"B": "R"}, [])
    steps.stage.ask(steps.b, "lose")
    steps.reap("B")
    assert (steps.amy(), steps.known_in(), steps.actions()) == (None, {}, [])


def test_retired_without_being_dropped(steps: Steps) -> None:
    """No guest does it, so a vat that does is ended, and amy is collected.

    The reference says `prepare to die`; here the vat's caller is told what the vat did.
    """
    steps.give(steps.b)
    with pytest.raises(Exception, match="cannot be retired: it is still reachable, drop it first") as caught:
        steps.stage.ask(steps.b, "retire")
    assert getattr(caught.value, "code", None) == "illegal-syscall"
    assert "B" not in [row.name for row in steps.stage.lens.vats()]
    assert steps.amy() is None
