"""Commands for vats that move between worlds: accept them, send one, and see which have moved."""

from __future__ import annotations

import argparse
from typing import Any

from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.host.wires.asking import location
from swingset.host.wires.vat_moves import MoveRefused, VatMove
from swingset.model.counting import plural
from swingset.model.vat_packages import MOST_BYTES
from swingset.model.visible import one_line
from swingset_nb.commands import argument, command
from swingset_nb.errors import Interrupted, SwingSetError
from swingset_nb.next_steps import more_on
from swingset_nb.notebook import Notebook
from swingset_nb.on_links import bind_made, value_of
from swingset_nb.on_runs import named_vat
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Message, Shown, Table


@command(
    "accept-vats",
    "make an object by which another world can send vats to this one, and bind a name to it",
    argument("name", metavar="NAME", help="the name to bind"),
    argument("--vats", metavar="N", type=int, default=1, help="how many may come; one by default"),
    argument("--bytes", metavar="N", type=int, default=MOST_BYTES, help="how much each of them may take"),
    argument("--meter", metavar="METER", help="the meter of this world that pays for them"),
    rest="`%swingset moves` lists the vats that have come and gone",
)
def accept_vats(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make an acceptance, which is to be shared."""
    limits = {"vats": given.vats, "bytes": given.bytes, "meter": given.meter}
    bind_made(notebook, given.name, "accept-vats", "", lambda net: net.accept_vats(**limits))
    return Message(
        f"{given.name} accepts {plural(given.vats, 'vat')} of another world, which will run confined here",
        (),
        (f"`%swingset share {given.name}` gives it out: whoever has it can send vats, and nobody else",),
    )


@command(
    "move",
    "move a vat to another world, where it goes on as after an upgrade",
    argument("vat", metavar="VAT", help="the vat's name"),
    argument("name", metavar="NAME", help="a name for what the other world accepts vats by"),
    argument("--as", dest="called", metavar="NEW", help="what it is to be called there; VAT by default"),
    completes="vat",
    rest="`%swingset moves` lists the vats that have come and gone",
)
def move(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Move a vat, and wait until it has moved or is refused."""
    world = notebook.require()
    vat = named_vat(world, given.vat)
    acceptance = _acceptance(notebook, given.name)
    try:
        promise = world.session.net.move_vat(vat, acceptance, name=given.called)
        _tell_absent(world, vat)
        told = world.session.wait(promise)
    except Interrupted:
        raise Interrupted(
            f"stopped waiting: vat {vat} is suspended here, and moves as soon as its new home answers",
            f"`%swingset resume {vat}` ends the move: it goes on here",
            "`%swingset moves` says whether it has moved",
        ) from None
    except KernelError as problem:
        raise _refused(str(problem), problem.code if isinstance(problem, MoveRefused) else None) from None
    except RemoteError as problem:
        raise _refused(f"{problem} (it goes on here)", problem.code) from None
    notebook.settle()
    return Message(
        f"vat {vat} has moved to {one_line(str(world.controller.net.where(vat)), 80)}",
        (f"{plural(told['objects'], 'object')} of it can be reached by the references of before",),
        ("this world does not go back to before that",),
    )


@command(
    "moves",
    "the vats that have moved to other worlds, and those that have come from them",
    argument(
        "--take-back",
        dest="back",
        metavar="ID",
        help="make a vat here anew that its new home does not have: ask there first",
    ),
    rest="`%swingset peers` shows the other worlds",
)
def moves(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the moves, or take back a vat that has not arrived."""
    controller = notebook.require().controller
    if given.back is not None:
        try:
            kref = controller.net.take_back(given.back)
        except KernelError as problem:
            raise SwingSetError(str(problem), "%swingset moves") from None
        controller.net.settle(kref)
        name = one_line(str(controller.resolution(kref)), 80)
        controller.release(kref)
        notebook.settle()
        return Message(f"vat {name} is here again, as it was when it was to move")
    known = controller.net.vat_moves()
    rows = [(one_line(each.name, 80), each.vat, _what(each)) for each in known]
    nothing = "no vat has moved to another world or from one"
    return Table("vats that moved", ("vat", "id", "what"), rows, nothing, _notes(notebook, known))


def _acceptance(notebook: Notebook, name: str) -> Any:
    """The value of the name of an acceptance; raises with how to get one."""
    try:
        return value_of(notebook, name)
    except SwingSetError as problem:
        fetches = f"`%swingset fetch {one_line(name, 60)} FILE` fetches what the other world has shared"
        raise SwingSetError(str(problem), fetches, "%swingset names") from None


def _tell_absent(world: OpenWorld, vat: str) -> None:
    """Print that a vat waits for its new home, if that is not connected."""
    leaving = [each for each in world.controller.net.vat_moves() if each.leaves and each.name == vat]
    for each in leaving:
        live = [peer.peer for peer in world.controller.net.peers() if peer.state == "live" and peer.peer]
        if not any(each.goes_to(location(peer).designator) for peer in live):
            where = one_line(each.where, 80)
            print(f"{where} is not connected: vat {vat} is suspended until it is; interrupt to stop waiting")


def _what(move: VatMove) -> str:
    """What has become of a vat."""
    if move.came:
        return "has come"
    where = one_line(move.where, 80)
    return f"is on its way to {where}" if move.leaves else f"has gone to {where}{_unsaid(move)}"


def _notes(notebook: Notebook, known: list[VatMove]) -> list[str]:
    """What can be typed about vats that are on their way or have come."""
    notes = [
        f"`%swingset resume {one_line(each.name, 80)}` ends its move: it goes on here"
        for each in known
        if each.leaves
    ]
    own, withheld = dict(notebook.own()), notebook.binding.withheld
    for name in [one_line(each.name, 80) for each in known if each.came]:
        if name in withheld:
            notes.append(
                f"`%swingset name {name} as OTHER` gives its root a name: {name} means something else"
            )
        elif name in own:
            notes.append(f"`await E({name}).method(...)` sends to the root of {name}")
    return notes


def _refused(words: str, code: str | None) -> SwingSetError:
    """The error for a vat that does not move, with its code, and where that is explained."""
    said = f"{words} [{one_line(code, 100)}]" if code else words
    return SwingSetError(said, *(more_on(code) or ("%swingset help move",)))


def _unsaid(move: VatMove) -> str:
    if not move.said:
        return ""
    return f", which has not said that it is there: {one_line(move.said, 80)}"
