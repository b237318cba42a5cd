"""What a vat that makes others may let them use, and what becomes of a vat that was ended from outside."""

from __future__ import annotations

import pytest

from swingset.core.errors import NoSuchVat
from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.errors import RemoteError
from tests.staging import Stage

PLAIN = """
from swingset.vat import remotable

@remotable
class Root:
    def burn(self, rounds):
        for _ in range(rounds): pass
        return 42

def build_root_object():
    return Root()
"""


@pytest.mark.parametrize(
    ("option", "given", "most"),
    [("computrons", 10_000_000_001, "10,000,000,000"), ("memoryPages", 2**40, "4,096")],
)
def test_no_vat_gets_more_from_its_maker_than_any_vat_has(
    local: Stage, option: str, given: int, most: str
) -> None:
    """A creator can set tighter limits for one delivery, and no wider ones; None is the usual limit."""
    admin, bundle = local.session.devices.vat_admin(), local.session.devices.bundle(PLAIN)
    with pytest.raises(RemoteError) as caught:
        local.ask(admin, "create_vat", bundle, {option: given})
    words = f"CreateVatOptions: {option} wants None or an int from 1 to {most}, got int {given}"
    assert str(caught.value) == words
    made = local.ask(admin, "create_vat", bundle, {"name": "usual", option: None})
    assert local.controller.kernel.vat("usual").options == {}
    with pytest.raises(RemoteError, match=f"changeOptions: {option} wants None or an int from 1"):
        local.ask(made["adminNode"], "change_options", {option: given})


@pytest.mark.parametrize("instead", ["another", "none"])
def test_a_starved_vat_carries_on_with_another_meter(wasm: Stage, instead: str) -> None:
    """Given one that can pay, or none at all, it runs the delivery that it starved on."""
    admin, bundle = wasm.session.devices.vat_admin(), wasm.session.devices.bundle(PLAIN)
    meter = wasm.ask(admin, "create_meter", 60_000_000, 0)
    made = wasm.ask(admin, "create_vat", bundle, {"name": "poor", "meter": meter})
    waiting = wasm.send(made["root"], "burn", 1_000_000)
    wasm.session.settle()
    assert wasm.controller.kernel.vat("poor").state == "suspended"
    rich = wasm.ask(admin, "create_meter", 10**12, 0) if instead == "another" else None
    wasm.ask(made["adminNode"], "change_options", {"meter": rich})
    assert wasm.session.wait(waiting) == 42


def test_nothing_is_said_in_the_name_of_a_vat_that_was_ended(stage: Stage) -> None:
    """A session whose own vat was terminated is told so, and leaves nothing in the dead vat's c-list."""
    root = stage.define("vat", PLAIN)
    stage.controller.terminate_vat("notebook", "by mistake")
    stage.controller.run()
    with pytest.raises(NoSuchVat, match="vat notebook was terminated"):
        stage.session.root("vat")
    with pytest.raises(LifeEndedError, match="of vat notebook of a world in memory, which ended"):
        stage.ask(root, "burn", 1)
