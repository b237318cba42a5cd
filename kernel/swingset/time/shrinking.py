"""The shortest history that still shows a bug: acts are left out as long as it shows.

Each try plays some of the acts in a fresh world in memory, on the engines that the vats had, and looks
whether the bug shows. First halves are left out, then smaller pieces, at last single acts (delta debugging).
An act whose target or argument came from one that is left out goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from swingset.core.errors import KernelError, VatFault
from swingset.host.controller import Controller
from swingset.host.engines import WorkerKind
from swingset.host.opening import open_world
from swingset.model.capdata import CapData, Ref
from swingset.time.inputs import Act, Origin, Step
from swingset.time.until import until
from swingset.world.errors import WorldError

MOST_TRIES = 400
"""How many histories are tried by default."""


def shortest(
    acts: Sequence[Act], shows: Callable[[Sequence[Act]], bool], most: int = MOST_TRIES
) -> tuple[list[Act], int]:
    """Leave out as many acts as possible while `shows` is true; returns the rest, and how often it tried."""
    kept, pieces, tries = list(acts), 2, 0
    while len(kept) > 1:
        size, shorter = -(-len(kept) // pieces), None
        for start in range(
            len(kept) - size, -size, -size
        ):  # the last acts first: they matter the least often
            some = whole([*kept[: max(start, 0)], *kept[max(start + size, 0) :]])
            if len(some) >= len(kept):
                continue
            if tries == most:
                return kept, tries
            tries += 1
            if shows(some):
                shorter = some
                break
        if shorter is not None:
            kept, pieces = shorter, max(pieces - 1, 2)
        elif size == 1:
            break
        else:
            pieces = min(pieces * 2, len(kept))
    return kept, tries


def whole(acts: Sequence[Act]) -> list[Act]:
    """The acts without those that need one that is not among them."""
    there, vats, kept = set[int](), set[str](), list[Act]()
    for act in acts:
        needed = list(act.origins())
        if not all(origin.act in there or origin.vat in vats for origin in needed):
            continue
        if act.kind == "create":
            vats.add(act.vat)
        elif act.kind not in ("run", "send") and act.vat not in vats:
            continue
        if act.kind == "run" and (not kept or kept[-1].kind == "run"):
            continue
        there.add(act.number)
        kept.append(act)
    return kept


def with_code(acts: Sequence[Act], code: Mapping[str, str]) -> list[Act]:
    """The acts with another source for the own cells of these vats, where each was started last."""
    last = {act.vat: act.number for act in acts if act.parts}
    return [
        replace(act, parts=tuple((part, code[part] if part == act.vat else text) for part, text in act.parts))
        if act.vat in code and act.number == last.get(act.vat)
        else act
        for act in acts
    ]


def refusal(acts: Sequence[Act]) -> bool:
    """Whether the last of these acts is a creation or an upgrade that is refused, and no other is."""
    with _world(acts) as world:
        results: dict[int, str | None] = {}
        for act in acts:
            try:
                perform(world, act, results)
            except VatFault:
                return act is acts[-1]
            except (KernelError, WorldError, TypeError, LookupError, AttributeError):
                return False
    return False


def holds(acts: Sequence[Act], predicate: str) -> bool:
    """Whether a predicate holds at some moment while these acts are played and run."""
    with _world(acts) as world:
        results: dict[int, str | None] = {}
        try:
            for act in acts:
                if act.kind != "run":
                    perform(world, act, results)
                elif until(world, predicate).held:
                    return True
            return until(world, predicate).held
        except (KernelError, WorldError, TypeError, LookupError, AttributeError):
            return False


def _world(acts: Sequence[Act]) -> Controller:
    return open_world(worker=worker_of(acts))


def worker_of(acts: Sequence[Act]) -> WorkerKind:
    """The kind of worker that a world of these acts is opened with: that of the first vat."""
    kinds = [act.worker for act in acts if act.kind == "create"]
    local = "local" in kinds
    return cast(WorkerKind, "local" if local else kinds[0] if kinds else "wasm")


def perform(world: Controller, act: Act, results: dict[int, str | None]) -> None:
    """Do one act; `results` has the promises for the answers to those before."""
    parameters = CapData(act.parameters)
    match act.kind:
        case "create":
            kind = cast(WorkerKind, act.worker)
            world.create_vat(
                act.vat, act.parts, parameters=parameters, worker=kind, options=dict(act.options) or None
            )
        case "upgrade":
            world.upgrade_vat(act.vat, act.parts, parameters=parameters)
        case "terminate":
            world.terminate_vat(act.vat)
        case "suspend":
            world.vats.suspend(act.vat)
        case "resume":
            world.vats.resume(act.vat)
        case "run":
            world.run()
        case "send":
            assert act.target is not None
            args = [_value(world, arg, results) for arg in act.args]
            kwargs = {name: _value(world, value, results) for name, value in act.kwargs.items()}
            if act.target.vat:
                results[act.number] = world.queue_to_root(act.target.vat, act.method, args, kwargs)
            else:
                target = _ref(world, replace(act.target, promise=not act.target.path), results)
                results[act.number] = world.queue_to_object(target.kref, act.method, args, kwargs)


def _value(world: Controller, value: Any, results: dict[int, str | None]) -> Any:
    if type(value) is Origin:
        return _ref(world, value, results)
    if type(value) in (list, tuple):
        return type(value)(_value(world, item, results) for item in value)
    if type(value) is dict:
        return {key: _value(world, item, results) for key, item in value.items()}
    return value


def _ref(world: Controller, origin: Origin, results: dict[int, str | None]) -> Ref:
    if origin.vat:
        return Ref(world.kernel.root_of(origin.vat))
    kref = results[origin.act]
    if kref is None:
        raise LookupError("nobody holds the answer")
    return Ref(kref) if origin.promise else _at(world.resolution(kref), origin.path)


def _at(value: Any, path: tuple[Step, ...]) -> Ref:
    for step in path:
        value = value[step]
    if type(value) is not Ref:
        raise LookupError("there is no reference there")
    return value
