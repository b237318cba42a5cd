"""Plays acts in a world of its own, through the public API.

What an act returned is kept, so that later acts can mention it. Only the methods of `ASKS` are called by a
name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from swingset.core.errors import KernelError
from swingset.host.base.engines import WorkerKind
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.model.capdata import CapData, Ref
from swingset.time.bugs.acts import Act, Called, KrefOf, Made, Origin, Replies, Step, recorded_answers
from swingset.time.bugs.recorded_code import recorded_device, recorded_object

ASKS: Mapping[str, Callable[[Controller], Callable[..., Any]]] = {
    "clone_vat": lambda world: world.clone_vat,
    "meters.create": lambda world: world.meters.create,
    "meters.refill": lambda world: world.meters.refill,
    "meters.set_keeper": lambda world: world.meters.set_keeper,
    "meters.set_threshold": lambda world: world.meters.set_threshold,
    "meters.forget": lambda world: world.meters.forget,
    "market.open": lambda world: world.market.open,
    "market.open_account": lambda world: world.market.open_account,
    "market.credit": lambda world: world.market.credit,
    "market.facet": lambda world: world.market.facet,
    "market.raise_bid": lambda world: world.market.raise_bid,
    "vats.change_options": lambda world: world.vats.change_options,
    "vats.drop_parked": lambda world: world.vats.drop_parked,
    "options.change": lambda world: world.options.change,
    "devices.add": lambda world: world.devices.add,
    "devices.service": lambda world: world.devices.service,
    "devices.install_bundle": lambda world: world.devices.install_bundle,
    "devices.own.install": lambda world: world.devices.own.install,
    "devices.plugin": lambda world: world.devices.plugin,
    "devices.critical_vat_key": lambda world: world.devices.critical_vat_key,
    "devices.admin_node": lambda world: world.devices.admin_node,
    "devices.poll": lambda world: world.devices.poll,
    "devices.receive": lambda world: world.devices.receive,
    "devices.bridge_deliver": lambda world: world.devices.bridge_deliver,
    "devices.bridge_taken": lambda world: world.devices.bridge_taken,
}
"""The methods of a world that an act may call, by name."""


def worker_of(acts: Sequence[Act]) -> WorkerKind:
    """The kind of worker that a world of these acts is opened with: that of the first vat."""
    kinds = [act.worker for act in acts if act.kind == "create"]
    return cast(WorkerKind, "local" if "local" in kinds else kinds[0] if kinds else "wasm")


class Player:
    """Plays acts in one world."""

    def __init__(self, world: Controller) -> None:
        self.world = world
        self._results: dict[int, str | None] = {}
        self._session: Session | None = None

    def play(self, act: Act) -> None:
        """Do one act. Raises what the world raises, and `LookupError` if there is not what it mentions."""
        world, parameters = self.world, CapData(act.parameters, tuple(map(self._kref, act.slots)))
        match act.kind:
            case "create":
                kind, options = cast(WorkerKind, act.worker), self._value(dict(act.options))
                world.create_vat(
                    act.vat, act.parts, parameters=parameters, worker=kind, options=options or None
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
            case "bundle":
                self._session = self._session or Session(world)
                self._results[act.number] = self._session.kref_of(self._session.devices.bundle(act.parts))
            case "own":
                self._session = self._session or Session(world)
                self._results[act.number] = recorded_object(self._session, act.method, act.args[0].answers)
            case "ask":
                self._ask(act)
            case "send":
                self._send(act)

    def _ask(self, act: Act) -> None:
        if act.method not in ASKS:
            raise KernelError(f"no act calls {act.method}")
        parts = (act.parts,) if act.parts else ()
        args = [*parts, *(self._value(arg) for arg in act.args)]
        found = ASKS[act.method](self.world)(
            *args, **{name: self._value(value) for name, value in act.kwargs.items()}
        )
        if isinstance(found, str):
            self._results[act.number] = found

    def _send(self, act: Act) -> None:
        assert act.target is not None
        args = [self._value(arg) for arg in act.args]
        kwargs = {name: self._value(value) for name, value in act.kwargs.items()}
        world, market, bid = self.world, self.world.market, dict(act.bid or {})
        if act.target.vat:
            to_root: Callable[..., str | None] = market.send if bid else world.queue_to_root
            result = to_root(act.target.vat, act.method, args, kwargs, **bid)
        else:
            target = self._kref(replace(act.target, promise=not act.target.path))
            to_object: Callable[..., str | None] = market.send_to_object if bid else world.queue_to_object
            result = to_object(target, act.method, args, kwargs, **bid)
        self._results[act.number] = result

    def _value(self, value: Any) -> Any:
        if type(value) is Origin:
            return Ref(self._kref(value))
        if type(value) is Made:
            return self._result(value.act)
        if type(value) is KrefOf:
            return self._kref(value.origin)
        if type(value) is Replies:
            return recorded_answers(value.answers)
        if type(value) is Called:
            return recorded_device(*value)
        if type(value) in (list, tuple):
            return type(value)(self._value(item) for item in value)
        if type(value) is dict:
            return {key: self._value(item) for key, item in value.items()}
        return value

    def _kref(self, origin: Origin) -> str:
        if origin.vat:
            return self.world.kernel.root_of(origin.vat)
        kref = self._result(origin.act)
        return kref if origin.promise else _at(self.world.resolution(kref), origin.path).kref

    def _result(self, act: int) -> str:
        found = self._results[act]
        if found is None:
            raise LookupError("nobody holds the answer")
        return found


def _at(value: Any, path: tuple[Step, ...]) -> Ref:
    for step in path:
        value = value[step]
    if type(value) is not Ref:
        raise LookupError("there is no reference there")
    return value
