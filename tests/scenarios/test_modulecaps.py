"""Graphs of modules as capabilities: imported, started, become, kept over upgrades and replayed."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import swingset
from swingset import KernelError, RemoteError
from swingset.guest.sending.eventual import E
from swingset.world.records import CrankRecord
from tests.staging import Stage

HOLDER = """
    from swingset.vat import remotable
    from swingset.vat.contract import import_bundle

    @remotable
    class Holder:
        def __init__(self, baggage):
            self.baggage = baggage
            self.module = import_bundle(baggage["cap"], name="rates") if "cap" in baggage else None

        def take(self, cap, exits=None, name=None, pure=False):
            self.module = import_bundle(cap, exits, name=name, pure=pure)
            return sorted(key for key in vars(self.module) if not key.startswith("_"))

        def keep(self, cap):
            self.module = import_bundle(cap, name="rates")
            self.baggage["cap"] = cap

        def call(self, name, *args):
            return getattr(self.module, name)(*args)

        def pass_on(self, cap):
            return cap

    def build_root_object(baggage):
        return Holder(baggage)
"""
HOLDER_OF_NOTHING = """
from swingset.vat import remotable

@remotable
class Holder:
    def get(self):
        return None

def build_root_object():
    return Holder()
"""
RATES = "import scale\n\ndef fee(amount):\n    return amount * 5 // scale.HUNDRED\n"
SCALE = "import math\n\nHUNDRED = math.prod([10, 10])\n"


def rates(stage: Stage) -> Any:
    stage.session.modules.define("scale", SCALE)
    stage.session.modules.define("rates", RATES)
    return stage.session.devices.modulecap("rates")


def test_a_vat_imports_what_it_was_given_and_its_transcript_has_only_the_hash(stage: Stage) -> None:
    """The graph runs in it; no transcript has a line of it, and the vat is brought back from its
    transcript.
    """
    cap = rates(stage)
    holder = stage.define("holder", HOLDER)
    assert stage.ask(holder, "take", cap) == ["fee", "scale"]
    assert stage.ask(holder, "call", "fee", 300) == 15
    kernel = stage.controller.kernel
    vat = kernel.vat("holder")
    span = kernel.store.vats.span(vat.id)
    entries = kernel.store.world.transcripts.deliveries(vat.id, span.hash, span.incarnation_hash)
    text = json.dumps(list(entries))
    assert "HUNDRED" not in text
    assert "#source" in text
    assert kernel.warehouse.verify(vat)[0] == len(entries)
    kernel.warehouse.discard(vat.id)
    assert stage.ask(holder, "call", "fee", 200) == 10


def test_a_vat_that_keeps_a_modulecap_imports_it_again_in_its_next_incarnation(stage: Stage) -> None:
    """Its kinds keep their instances: their tags begin with the name of the import."""
    source = (
        "from swingset.vat import durable\n\n@durable\nclass Note:\n    text: str\n\n    def read(self):\n"
    )
    stage.session.modules.define("notes", source + "        return self.text\n")
    holder = stage.define("holder", HOLDER)
    cap = stage.session.devices.modulecap("notes")
    stage.ask(holder, "keep", cap)
    note = stage.ask(holder, "call", "Note", "hello")
    stage.upgrade("holder", HOLDER + "    # again\n")
    assert stage.ask(note, "read") == "hello"
    assert "rates.Note" in " ".join(line for row in stage.lens.objects() for line in (row.label,))


def test_a_modulecap_passes_between_vats_and_stays_the_same(local: Stage) -> None:
    """It is a reference like any other, with an identity."""
    cap = rates(local)
    first, second = local.define("first", HOLDER), local.define("second", HOLDER)
    assert local.ask(second, "pass_on", local.ask(first, "pass_on", cap)) is cap
    assert local.ask(second, "take", cap) == ["fee", "scale"]


def test_another_definition_changes_no_modulecap(local: Stage) -> None:
    """A graph is named by its hash: what is defined later is another graph."""
    cap = rates(local)
    local.session.modules.define("scale", "HUNDRED = 1\n")
    again = local.session.devices.modulecap("rates")
    assert again is not cap
    holder = local.define("holder", HOLDER)
    local.ask(holder, "take", cap)
    assert local.ask(holder, "call", "fee", 100) == 5
    local.ask(holder, "take", again)
    assert local.ask(holder, "call", "fee", 100) == 500


def test_a_vat_starts_and_becomes_what_modulecaps_stand_for(local: Stage) -> None:
    """Contracts by modulecap: `create_vat` and `upgrade` take them, and state goes on."""
    contract = dedent(
        """
        from swingset.vat.contract import contract, durable, provide
        import scale

        @durable
        class Till:
            held: int = 0

            def pay(self, amount):
                self.held += amount - amount * RATE // scale.HUNDRED
                return self.held

        RATE = 5

        def start(terms, baggage):
            return {"public": provide(baggage, "till", Till)}

        build_root_object = contract(start, upgradable="can_upgrade")
        """
    )
    modules, devices = local.session.modules, local.session.devices
    modules.define("scale", SCALE)
    modules.define("till", contract)
    admin = devices.vat_admin()
    made = local.ask(admin, "create_vat", devices.modulecap("till"), {"name": "till"})
    kit = local.ask(made["root"], "start", {}, None)
    assert local.ask(kit["public"], "pay", 100) == 95
    modules.define("till", contract.replace("RATE = 5", "RATE = 50"))
    local.ask(made["adminNode"], "upgrade", devices.modulecap("till"))
    assert local.ask(kit["public"], "pay", 100) == 145


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "an import by a name that is computed": (
        "import importlib\n\ndef go():\n    return importlib.import_module('so' + 'cket')\n",
        {},
        "socket",
    ),
    "an import that runs a text": ("def go():\n    return __import__('sock' + 'et')\n", {}, "socket"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_module_that_is_not_declared_is_refused(stage: Stage, case: str) -> None:
    """The importer refuses it when it is asked for, however the code spells it."""
    source, exits, word = REFUSED[case]
    stage.session.modules.define("sly", source)
    holder = stage.define("holder", HOLDER)
    stage.ask(holder, "take", stage.session.devices.modulecap("sly"), exits)
    with pytest.raises(RemoteError, match=f"imports {word}, and declares"):
        stage.ask(holder, "call", "go")


def test_exits_are_filled_by_the_importer_and_only_those_that_are_declared(local: Stage) -> None:
    """A dict becomes a module; an exit that is open, or unknown, or in pure code, is refused."""
    source = "from policy import BASE\nimport oracle\n\ndef fee():\n    return BASE + oracle.EXTRA\n"
    modules, devices = local.session.modules, local.session.devices
    modules.define("rates", source)
    with pytest.raises(KernelError, match=r"imports oracle, policy,.*exits=\['oracle', 'policy'\]"):
        devices.modulecap("rates")
    cap = devices.modulecap("rates", exits=["policy", "oracle"])
    holder = local.define("holder", HOLDER)
    with pytest.raises(RemoteError, match="imports oracle, policy from its importer: fill them"):
        local.ask(holder, "take", cap)
    given = {"policy": {"BASE": 5}, "oracle": {"EXTRA": 2}}
    with pytest.raises(RemoteError, match="cannot fill moon: the exits of this bundle are oracle, policy"):
        local.ask(holder, "take", cap, {**given, "moon": {}})
    local.ask(holder, "take", cap, given, pure=True)
    assert local.ask(holder, "call", "fee") == 7
    with pytest.raises(RemoteError, match="not pure: it imports math"):
        local.ask(holder, "take", rates(local), pure=True)


@pytest.mark.parametrize(
    ("module", "exits", "words"),
    [
        ("nothing", [], "no module 'nothing' is defined"),
        ("circle", [], "import circle again"),
        ("box", [], "box is a package"),
        ("rates", ["moon"], "does not import moon"),
    ],
)
def test_what_is_no_graph_is_refused_with_the_reason(
    local: Stage, module: str, exits: list[str], words: str
) -> None:
    """A module that is not there, a circle through the entry, a package, an exit that is not one."""
    modules = local.session.modules
    modules.define("scale", SCALE)
    modules.define("rates", RATES)
    modules.define("other", "import circle\n")
    modules.define("circle", "import other\n")
    modules.define("box", {"box.__init__": "", "box.lid": ""})
    with pytest.raises(KernelError, match=words):
        local.session.devices.modulecap(module, exits=exits)


def test_a_bundle_that_declares_nothing_and_what_is_no_modulecap_are_not_imported(local: Stage) -> None:
    """Nobody could know what they import."""
    holder = local.define("holder", HOLDER)
    with pytest.raises(RemoteError, match="declares no exits"):
        local.ask(holder, "take", local.session.devices.bundle("X = 1\n"))
    for other in (5, holder):
        with pytest.raises(RemoteError, match="wants a modulecap"):
            local.ask(holder, "take", other)
    with pytest.raises(RemoteError, match="no method 'get_bundle'"):
        local.ask(holder, "take", local.session.devices.get("bundles"))


def test_a_session_that_changes_a_vat_of_a_modulecap_needs_no_declaration(local: Stage) -> None:
    """What it puts together is no graph any more, and may import what it likes."""
    local.session.modules.define("shop", HOLDER_OF_NOTHING)
    admin, cap = local.session.devices.vat_admin(), local.session.devices.modulecap("shop")
    made = local.ask(admin, "create_vat", cap, {"name": "shop"})
    assert [name for name, _ in local.controller.vats.parts("shop")] == ["exits", "shop"]
    local.session.upgrade("shop", "shop", "import json\n" + HOLDER_OF_NOTHING)
    assert [name for name, _ in local.controller.vats.parts("shop")] == ["shop"]
    assert local.ask(made["root"], "get") is None


def test_a_world_in_which_code_was_imported_can_be_moved_and_traced(local: Stage, tmp_path: Path) -> None:
    """An archive has the source under its hash, and a past import repeats line by line."""
    cap = rates(local)
    holder = local.define("holder", HOLDER)
    local.ask(holder, "take", cap)
    swingset.export_archive(local.controller, tmp_path / "it.swingset", level="replay")
    swingset.import_archive(tmp_path / "it.swingset", tmp_path / "it.world")
    with swingset.open_world(tmp_path / "it.world", worker="local") as moved:
        assert moved.digest() == local.controller.digest()
        assert moved.verify() == []
        session = swingset.Session(moved, "other")
        assert session.wait(E(session.root("holder")).call("fee", 300)) == 15
    records = local.controller.history.records()
    took = [record for record in records if isinstance(record, CrankRecord) and record.vat == "holder"]
    traced = swingset.trace(local.controller, took[-1].crank)
    assert traced.difference is None
    assert any("scale" in step.part for step in traced.steps)
