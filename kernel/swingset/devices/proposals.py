"""Proposals: what a vat should become, as a thing that others can look into and vote on.

A proposal is a target, a modulecap and parameters. The bundle device keeps it under a number and never
changes it. So who votes on a proposal votes on exactly one graph of modules, and the modulecap in it is alive
as long as the proposal is: what was decided can be done.

Its device node is the capability to read it. It gives no power over the target, which need not even exist:
who holds the target's admin node decides what a proposal is worth.

No vat's own store has a proposal, so no limit of a vat and no meter counts it. The device has limits instead:
of each proposal, and of all of them together.
"""

from __future__ import annotations

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.devices import plain
from swingset.model.capdata import CapData, Ref
from swingset.model.proposals import is_row, parameters_key, row_key
from swingset.model.sourced import looks_sourced

MOST_TEXT = 10_000
"""The longest note of a proposal, and the longest name in it."""

MOST_PARAMETERS = 100_000
"""The longest parameters of a proposal, in characters of their body."""

MOST_REFERENCES = 1_000
"""How many references the parameters of a proposal may have."""

MOST_ROOM = 20_000_000
"""How many characters all proposals of a world may have together."""

_ROW = 1_000
"""How many characters count for the rest of a proposal: its rows, and the nodes that they keep alive."""

_ROOM = "proposals.room"

_METHODS = ("get", "get_parameters")


def propose(args: CapData, bundle: str | None, context: DeviceContext) -> CapData:
    """Keep a proposal, whose modulecap stands for a bundle; returns its node."""
    names = ("target", "modulecap", "parameters", "part", "note")
    target, cap, _, part, note = plain.arguments(plain.blank(args, 2), "propose", *names, optional=3)
    if bundle is None:
        raise DeviceError(f"propose() requires a modulecap, got {plain.shown(cap)}", name="TypeError")
    texts = {"target": target, "part": part or "", "note": note or ""}
    for what, text in texts.items():
        if len(plain.text(text, what)) > MOST_TEXT:
            raise DeviceError(f"{what} has at most {MOST_TEXT:,} characters", name="ValueError")
    parameters = _parameters(args)
    _take_room(sum(map(len, (*texts.values(), parameters.body, *parameters.slots))), context)
    number = (plain.kept(context, "proposals", plain.is_number) or 0) + 1
    node = Ref(context.new_node(plain.write({"proposal": number})), "proposal")
    context.set("proposals", plain.write(number))
    row = {**texts, "bundle": bundle, "modulecap": Ref(cap.kref, "bundlecap"), "proposal": node}
    context.set(row_key(number), plain.write(row))
    context.set(parameters_key(number), parameters)
    return plain.write(node)


def _take_room(size: int, context: DeviceContext) -> None:
    """Count what a proposal takes, with its row; raises `DeviceError` if all would take too much."""
    used = (plain.kept(context, _ROOM, plain.is_number) or 0) + size + _ROW
    if used > MOST_ROOM:
        words = f"all proposals of a world have at most {MOST_ROOM:,} characters, with this one {used:,}"
        raise DeviceError(words, name="ValueError")
    context.set(_ROOM, plain.write(used))


def _parameters(args: CapData) -> CapData:
    try:
        given = plain.part(args, 2)
    except LookupError:
        return plain.NOTHING
    if looks_sourced(given):
        raise DeviceError("parameters are data, and these stand for the source of a bundle", name="TypeError")
    if len(given.body) > MOST_PARAMETERS or len(given.slots) > MOST_REFERENCES:
        most = f"{MOST_PARAMETERS:,} characters and {MOST_REFERENCES:,} references"
        raise DeviceError(f"parameters have at most {most}: put them into an object", name="ValueError")
    return given


def of_number(args: CapData, context: DeviceContext) -> CapData:
    """The node of the proposal of a number."""
    number = plain.whole(plain.arguments(args, "get_proposal", "number")[0], "number")
    row = plain.kept(context, row_key(number), is_row)
    if row is None:
        raise DeviceError(f"there is no proposal {number}", name="LookupError")
    return plain.write(row["proposal"])


def call(method: str, args: CapData, context: DeviceContext, number: int) -> CapData:
    """Serve the node of a proposal."""
    if method not in _METHODS:
        raise plain.no_method("a proposal", method, *_METHODS)
    plain.arguments(args, method)
    if method == "get_parameters":
        return context.get(parameters_key(number)) or plain.NOTHING
    row = plain.kept(context, row_key(number), is_row)
    if row is None:
        raise context.damaged(row_key(number), "the row is missing, and a node names it")
    return plain.write({"number": number, **row})
