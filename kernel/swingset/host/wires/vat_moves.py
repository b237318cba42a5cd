"""Vats that move between worlds, as a part of `controller.net`.

A world accepts vats of others by an object that it shares like any other: whoever has the string may send
vats by it, within its limits, and nobody else can. The vats `vatMover` of both worlds do the rest over the
link, so no host has to be there for it: what was begun goes on whenever both worlds are open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from swingset.core.departing import MoveCode
from swingset.core.device_board import DeviceContext
from swingset.core.errors import KernelError
from swingset.core.options import NAME_WANTS, name_trouble
from swingset.devices import plain
from swingset.devices.mover import UNSAID, MoverDevice
from swingset.host.base.requests import write
from swingset.host.controls.device_access import MOVER
from swingset.host.wires.asking import NetError
from swingset.host.wires.linked import Linked
from swingset.lens.state.wires import Wire
from swingset.model.capdata import Ref
from swingset.model.foreign import shown
from swingset.model.refs import is_kref, sort_key
from swingset.model.vat_packages import MOST_BYTES

_WORLD = "world "
MOST_VATS = 10_000
"""How many vats one acceptance may take at most."""


class MoveRefused(KernelError):
    """A vat cannot move to another world; nothing has happened. `code` says why, for programs."""

    code: MoveCode

    def __init__(self, code: MoveCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class VatMove:
    """A vat that has left this world, or has come to it.

    Attributes:
        name: what it was called here, or is.
        vat: its id here.
        where: the world to which it has gone or goes, as it is called now; of one that has come, nothing.
        came: whether it has come.
        said: of one that has gone, why its new home has not said that it is there; else an empty text.
        leaves: whether it is on its way, and still here.
        home: the beginning of the designator of `where`; an empty text if that is not known.
    """

    name: str
    vat: str
    where: str
    came: bool
    said: str = ""
    leaves: bool = False
    home: str = ""

    def goes_to(self, designator: str) -> bool:
        """Whether the world of a designator is the one to which it has gone or goes.

        Args:
            designator: the one in the world's locator.
        Source:
            Ours.
        Example:
            >>> move = swingset.VatMove("bank", "v2", "world mum", False, home="a4vfqaqizmbp")
            >>> move.goes_to("a4vfqaqizmbp5xk7"), move.goes_to("zzzz")
            (True, False)
        """
        return self.home != "" and designator.startswith(self.home)

    @property
    def has_gone(self) -> bool:
        """Whether it is in another world, as far as is known here."""
        return not self.came and not self.leaves


class VatMoves(Linked):
    """What a host does to have vats move, as `controller.net`.

    Source:
        None in SwingSet, where it was a plan: its vats do not talk directly to each other, so that they could
        be migrated between machines.
    """

    def accept_vats(self, *, bytes: int = MOST_BYTES, vats: int = 1, meter: str | None = None) -> str:
        """Make an object by which another world can send vats to this one; share it with that world.

        Their code runs confined, whatever this world's own vats run in.

        Args:
            bytes: how much one vat may take: its code, and all that it stores.
            vats: how many vats may come by it.
            meter: the id of the meter of this world that pays for them; None for no meter.
        Returns:
            The kref of a promise for the object, which the host holds until `Controller.release`.
        Raises:
            NetError: for a limit that is none.
            KernelError: if there is no such meter.
        Example:
            >>> kref = world.net.accept_vats(vats=3)
            >>> report = world.run()
            >>> world.resolution(kref).iface
            'Acceptance'
        """
        for what, given, most in (("bytes", bytes, MOST_BYTES), ("vats", vats, MOST_VATS)):
            if type(given) is not int or not 0 < given <= most:
                raise NetError(f"`{what}` is a number from 1 to {most:,}, not {shown(given)}")
        with self._opened.lock:
            if meter is not None:
                self._kernel.metering.get(meter)
            kref = self._kernel.queue_message(self._mover(), write(["accept", [bytes, vats, meter]]))
            self._opened.keep("vats of another world are accepted")
            return kref

    def move_vat(self, vat: str, acceptance: Ref | str, *, name: str | None = None) -> str:
        """Move a vat to another world. It goes on there as after an upgrade to its own code.

        Until the move is decided the vat is suspended here, and `world.vats.resume` ends the move. Then it is
        there, and whatever is sent to its objects here goes there, in the same order.

        Args:
            vat: the name of the vat.
            acceptance: the object of the other world by which it accepts vats, as it was fetched.
            name: what it is to be called there; None for what it is called here.
        Returns:
            The kref of a promise for a dict of `name`, `where` and `objects`, how many objects moved. It is
            rejected with a `code` if the vat has not moved.
        Raises:
            NoSuchVat: if there is no such vat.
            MoveRefused: for a vat that cannot move, with a `code`; and for an acceptance that is none.
        Example:
            >>> try:
            ...     world.net.move_vat("bank", world.vats.root("bank"))
            ... except swingset.MoveRefused as refused:
            ...     print(refused.code)
            not-there
        """
        with self._opened.lock:
            record, departures = self._kernel.vat(vat), self._kernel.departures
            kref = acceptance.kref if isinstance(acceptance, Ref) else acceptance
            if name is not None and (trouble := name_trouble(name)) is not None:
                raise MoveRefused("bad-name", f"{trouble}: {NAME_WANTS}")
            if not is_kref(kref) or not departures.is_of_another_world(kref):
                words = "what accepts it has to be an object of another world: have that share an acceptance"
                raise MoveRefused("not-there", f"vat {record.name} cannot move: {words}, and fetch it here")
            if (found := departures.trouble(record)) is not None:
                raise MoveRefused(*found)
            with self._kernel.request("reap", vats=[record.id]):  # what nothing needs does not move
                self._kernel.store.reaping.schedule(record.id)
            said = ["move", [record.id, Ref(kref, "acceptance"), self._where(kref), name]]
            moved = self._kernel.queue_message(self._mover(), write(said))
            self._opened.keep(f"vat {record.name} is to move to another world")
            return moved

    def take_back(self, vat: str) -> str:
        """Make a vat here anew that was to move, and that its new home does not have.

        It is for a link that has ended right after the move was decided: `VatMove.said` says so. Whether the
        vat has arrived cannot be known here. Ask there first, or the vat is in both worlds.

        Args:
            vat: the id that it had here, as of `vat_moves`.
        Returns:
            The kref of a promise for its name, which is another one if a vat is called so by now.
        Raises:
            MoveRefused: for any other vat.
        Example:
            >>> try:
            ...     world.net.take_back("v1")
            ... except swingset.MoveRefused as refused:
            ...     print(refused.code)
            not-lost
        """
        with self._opened.lock:
            lost = [each for each in self.vat_moves() if each.vat == vat and each.said not in ("", UNSAID)]
            if not lost:
                words = f"{shown(vat)} is no vat whose new home has failed to say that it is there"
                raise MoveRefused("not-lost", f"{words}: `vat_moves` lists what has moved")
            kref = self._kernel.queue_message(self._mover(), write(["take_back", [vat]]))
            self._opened.keep(f"vat {lost[0].name} is taken back")
            return kref

    def _mover(self) -> str:
        self._root()
        self._kernel.add_device(MoverDevice.kind, MoverDevice.kind)
        return self._access.service(MOVER)

    def _where(self, kref: str) -> str:
        """The world of an object, by its designator: what people call it changes."""
        net = self._kernel.departures.net()
        entry = None if net is None else self._kernel.store.clists.by_kref(net, kref)
        home = "" if entry is None else Wire(self._kernel.store).home(entry.vref)
        return f"{_WORLD}{home}" if home else "another world"

    def where(self, name: str) -> str | None:
        """The world to which a vat has moved, the last of that name; None if none has.

        Args:
            name: what it was called here.
        Example:
            >>> world.net.where("bank")
        """
        gone = [
            each.where for each in self.vat_moves() if each.name == name and not each.came and not each.leaves
        ]
        return gone[-1] if gone else None

    def vat_moves(self) -> list[VatMove]:
        """The vats that have left this world, leave it, or have come to it, in the order of their ids.

        Example:
            >>> world.net.vat_moves()
            []
        """
        with self._opened.lock:
            if self._kernel.devices.find(MoverDevice.kind) is None:
                return []
            context, found = self._kernel.devices.context(MoverDevice.kind), []
            for kind in ("gone", "came"):
                for key in context.keys(f"{kind}."):
                    row: dict[str, Any] = plain.kept(context, key, lambda value: isinstance(value, dict))
                    name, said = str(row.get("name")), str(row.get("said", ""))
                    where = "" if kind == "came" else str(row.get("where"))
                    found.append(VatMove(name, key[len(kind) + 1 :], where, kind == "came", said))
            wire, found = Wire(self._kernel.store), found + self._leaving(context)
            found = [_called(each, wire) for each in found]
            return sorted(found, key=lambda each: sort_key(each.vat))

    def _leaving(self, context: DeviceContext) -> list[VatMove]:
        """The vats that are on their way, and go on here if somebody resumes them."""
        found = []
        for key in context.keys("departure."):
            row = None if key.count(".") > 1 else plain.kept(context, key, lambda row: isinstance(row, dict))
            vat = None if row is None else self._kernel.store.vats.get(str(row.get("vat")))
            if row is None or vat is None:
                continue
            if self._kernel.departures.is_on_its_way(vat, row.get("incarnation"), row.get("position")):
                found.append(VatMove(vat.name, vat.id, str(row.get("where", "")), False, leaves=True))
        return found


def _called(move: VatMove, wire: Wire) -> VatMove:
    """A move with its world as that is called now."""
    home = move.where.removeprefix(_WORLD) if move.where.startswith(_WORLD) else ""
    return replace(move, home=home, where=wire.home_called(home)) if home else move
