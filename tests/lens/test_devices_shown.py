"""Devices in tables, pictures and explanations: by their names, and not among what nobody owns."""

from __future__ import annotations

from swingset.lens.pictures.scene import compose, in_words
from swingset.lens.present.explain import explain
from tests.staging import Stage


def test_a_device_is_named_wherever_its_nodes_are_shown(local: Stage) -> None:
    """Tables, the picture in words and the reason why a node is alive all say `device timer`."""
    local.session.devices.timer()
    (node,) = [row for row in local.lens.objects() if row.kref[1] == "d"]
    assert (node.owner, node.label) == ("device timer", "root of device timer")
    (held,) = [row for row in local.lens.clist("timer") if row.kref == node.kref]
    assert (held.owner, held.label) == ("device timer", "root of device timer")
    why = str(explain(local.controller.kernel.store, node.kref))
    assert why == f"vat timer was started with {node.kref} (a node of device timer) among its parameters"
    words = in_words(compose(local.lens))
    assert f"device timer (an edge of the world)\n  root {node.kref}, held by timer" in words
    assert "nobody" not in words


def test_nodes_that_a_device_hands_out_are_told_from_its_root(local: Stage) -> None:
    """A bundlecap is a device node, and its explanation names its device."""
    cap = local.session.devices.bundle("def build_root_object():\n    return object()")
    kernel = local.controller.kernel
    kref = kernel.recognize(local.session.vat_id, cap._vref)
    assert kref is not None
    assert local.lens.label(kref) == "device node"
    found = explain(kernel.store, kref)
    assert f"imports {kref} (a node of device bundles) as {cap._vref}" in str(found)
    assert f"  node {kref}, held by notebook" in in_words(compose(local.lens))
