"""A changed past: a fork at a crank, in which all that came from outside comes again, but for a change.

An entry of the journal may be dropped or edited, and vats may have other code. Confined vats answer anew, on
the real engines. Attached vats (of a session) and host functions are scripts: their code never runs again,
and what they said is said again, rewritten through the origin of each reference (`swingset.time.origins`).

- An entry whose references have no origin in the branch is withheld, with all that follows from it.
- One that was sent after another outcome was heard than here is sent as recorded: its premise has changed.
- What a script dropped is not dropped here: it holds everything until the branch is thrown away.
- A message to a script is answered as recorded if it is the next one to that object and equal; otherwise it
  stays unanswered.
- What the host did because of the machine (images, set-asides, withdrawn starts) is not done again.

The live world is never touched: the branch is a world in memory of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.controller import Controller
from swingset.host.starting import Parts
from swingset.lens.recorded import Recorded
from swingset.model.messages import CreateVat, UpgradeVat
from swingset.time.branches import Branch
from swingset.time.living import Living
from swingset.world.records import RequestRecord


def branch(
    controller: Controller,
    *,
    at: int,
    drop: Collection[int] = (),
    edit: Mapping[int, Mapping[str, Any]] | None = None,
    code: Mapping[str, Parts] | None = None,
    strict: bool = False,
) -> Branch:
    """Live a past differently, in a fork: from a crank on, with entries dropped or edited, or other code.

    Args:
        controller: the world, which stays as it is.
        at: the number of the crank after which the branch begins.
        drop: the numbers of records that do not happen.
        edit: other arguments of requests, by record number; those that are not given stay.
        code: vats that are upgraded to other parts as the branch begins, by name.
        strict: whether to raise at the first entry that was sent after another outcome than it was then.
    Returns:
        The branch, with everything in it that is not as it was.
    Raises:
        NoSuchMoment: if the history does not lead to that crank.
        KernelError: for a record that is no request after that crank, and if `strict` finds an entry.
        VatFault: if other code cannot be started there.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> with swingset.branch(world, at=world.crank - 1) as found:
        ...     found.answers
        ()
    """
    changes = {number: dict(given) for number, given in (edit or {}).items()}
    with controller.fork() as present:
        present.commit()
        records = [
            record
            for record in present.history.records()
            if record.crank > at or (record.crank == at and isinstance(record, RequestRecord))
        ]
        later = {record.number for record in records if isinstance(record, RequestRecord)}
        if missing := sorted({*drop, *changes} - later):
            raise KernelError(f"record {missing[0]} is no request after crank {at}")
        fork = controller.fork(at)
        try:
            for vat, parts in (code or {}).items():
                fork.upgrade_vat(vat, parts)
            return Living(fork, present.world, at, frozenset(drop), changes, strict).live(records)
        except (LookupError, TypeError, ValueError) as problem:
            # No host writes such records; the file is a stranger's.
            fork.close()
            words = f"the records after crank {at} are not what a host writes: {type(problem).__name__}"
            raise KernelError(f"{words}: {problem}") from None
        except BaseException:
            fork.close()
            raise


def shadow(controller: Controller, vat: str, parts: Parts, *, since: int | None = None) -> Branch:
    """Run other code of a vat on the messages that were recorded, beside the world, and list what differs.

    Args:
        controller: the world, which stays as it is.
        vat: the name of the vat.
        parts: the names and sources of its parts, its kinds first.
        since: the crank after which the other code runs; None for that in which its own code began.
    Returns:
        The branch; its `answers` are those that differ, the first one first.
    Raises:
        NoSuchVat: if there is no such vat.
        NoSuchMoment: if the history does not lead to that crank.
        KernelError: if `since` is None and that crank was pruned.
        VatFault: if the other code cannot be started there.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> with swingset.shadow(world, "bank", world.vats.parts("bank")) as found:
        ...     found.answers
        ()
    """
    return branch(
        controller, at=_began(controller, vat) if since is None else since, code={vat: tuple(parts)}
    )


def _began(controller: Controller, vat: str) -> int:
    """The crank in which the code of a vat that runs now began."""
    known = controller.kernel.vat(vat).id
    found = 0
    with controller.fork() as present:
        present.commit()
        for record in present.history.records():
            if (
                not isinstance(record, RequestRecord)
                and isinstance(record.event, CreateVat | UpgradeVat)
                and record.event.vat == known
                and record.outcome in ("created", "upgraded")
            ):
                found = record.crank
    if not found:
        gone = Recorded(controller.world).gone
        raise KernelError(
            f"it is not known in which crank the code of vat {vat} began: {gone or 'no record has it'}."
            " Say since which crank it is to run"
        )
    return found


def keep_branch(controller: Controller, changed: Branch) -> int:
    """Make a branch the state of the world. Its past up to the branch stays, and a new life begins.

    References of sessions end, as when the world goes back: attach them again. The line of commits that the
    world leaves stays in the file until it is pruned; `history.go_back_to_commit` goes to it again.

    Args:
        controller: the world of which the branch was made, and which has not gone on since.
        changed: the branch. Close it afterwards.
    Returns:
        The number of the commit at which the world stands then.
    Raises:
        KernelError: if the world has gone on since the branch began, or hands its commits to a log.
        WorldError: if the file cannot be written; the world stays as it was.
    Example:
        >>> report = world.upgrade_vat("bank", world.vats.parts("bank"))
        >>> with swingset.undo_upgrade(world, "bank") as found:
        ...     commit = swingset.keep_branch(world, found)
        >>> world.vats["bank"].incarnation
        0
    """
    return controller.history.take_up(changed.controller.history)


def undo_upgrade(controller: Controller, vat: str, *, strict: bool = False) -> Branch:
    """Live on as if the last upgrade of a vat had not happened: with the old code, and all messages since.

    The live world stays as it is. The branch lists what the old code answers differently.

    Args:
        controller: the world.
        vat: the name of the vat.
        strict: whether to raise at the first message that was sent after another outcome than it was then.
    Raises:
        NoSuchVat: if there is no such vat.
        KernelError: if the host has not upgraded it, or that was pruned, or if `strict` finds a message.
    Example:
        >>> report = world.upgrade_vat("bank", world.vats.parts("bank"))
        >>> with swingset.undo_upgrade(world, "bank") as found:
        ...     found.controller.vats["bank"].incarnation
        0
    """
    known = controller.kernel.vat(vat).id
    asked: RequestRecord | None = None
    sender = 0  # of the last upgrade that is recorded
    drop: set[int] = set()
    upgrades: dict[int, RequestRecord] = {}
    with controller.fork() as present:
        present.commit()
        for record in present.history.records():
            if isinstance(record, RequestRecord):
                if record.verb == "upgrade-vat" and record.arguments["vat"] == known:
                    upgrades[record.number] = record
                elif record.verb == "keep-sources" and record.arguments["vat"] == vat and asked is not None:
                    drop.add(record.number)
            elif (
                isinstance(record.event, UpgradeVat)
                and record.event.vat == known
                and record.outcome == "upgraded"
            ):
                sender = record.sender or 0
                asked, drop = upgrades.get(sender), set()
                if asked is not None:
                    drop = {asked.number}
    if asked is None:
        gone, incarnation = Recorded(controller.world).gone, controller.kernel.vat(vat).incarnation
        if gone is not None and incarnation > 0 and sender <= gone.record:
            raise KernelError(f"the last upgrade of vat {vat} cannot be undone: {gone}")
        raise KernelError(f"vat {vat} was not upgraded by the host, so there is nothing to undo")
    return branch(controller, at=asked.crank, drop=drop, strict=strict)
