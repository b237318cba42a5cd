"""A changed past: a fork at a crank, in which all that came from outside comes again, but for a change.

Entries of the journal may be dropped, edited and added, and vats may have other code. Confined vats answer
anew, on the real engines. Attached vats (of a session) and host functions are scripts: their code never runs
again, and what they said is said again, rewritten through the origin of each reference
(`swingset.time.branches.origins`).

- An entry whose references have no origin in the branch is withheld, with all that follows from it.
- One that was sent after another outcome was heard than here is sent as recorded: its premise has changed.
- What a script dropped is not dropped here: it holds everything until the branch is thrown away.
- A message to a script, or a call of a host function, is answered as recorded if it is the next one to that
  object and equal; otherwise it stays unanswered.
- What the host did because of the machine (images, set-asides, withdrawn starts) is not done again.

The live world is never touched: the branch is a world in memory of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded
from swingset.model.capdata import CapData
from swingset.model.messages import UpgradeVat
from swingset.time.branches.branch import Addition, Branch, Changes
from swingset.time.branches.entries import refuse_wrong
from swingset.time.branches.living import Living
from swingset.time.branches.origins import Origins
from swingset.world.records import CrankRecord, Record, RequestRecord


def branch(
    controller: Controller,
    *,
    at: int,
    drop: Collection[int] = (),
    edit: Mapping[int, Mapping[str, Any]] | None = None,
    add: Sequence[Addition] = (),
    code: Mapping[str, Parts] | None = None,
    parameters: Mapping[str, CapData] | None = None,
    strict: bool = False,
) -> Branch:
    """Live a past differently, in a fork: from a crank on, with entries changed, or other code.

    Args:
        controller: the world, which stays as it is.
        at: the number of the crank after which the branch begins.
        drop: the numbers of records that do not happen: of requests, or of cranks that delivered a message or
            started a vat's code. If a vat had sent it, the sender's promise is rejected.
        edit: other arguments of requests, by record number; those that are not given stay.
        add: messages that are sent besides, each after a crank.
        code: vats that are upgraded to other parts as the branch begins, by name. What was refused as an
            upgrade of such a vat is not tried again.
        parameters: what `build_root_object` of such code gets, by vat.
        strict: whether to raise at the first entry that was sent after another outcome than it was then.
    Returns:
        The branch, with everything in it that is not as it was.
    Raises:
        NoSuchMoment: if the history does not lead to that crank.
        KernelError: for a record that cannot be dropped or edited, for a message that is added after another
            crank, for parameters with a reference that did not exist then, and if `strict` finds an entry.
        TypeError: for an argument of an added message that cannot be passed.
        VatFault: if other code cannot be started there.
    Source:
        Ours.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> more = swingset.Addition(world.crank, "bank", "open_purse", ["bob"])
        >>> with swingset.branch(world, at=world.crank - 1, add=[more]) as found:
        ...     found.answers, [addition.message == more for addition in found.added]
        ((), [True])
    """
    edited = {number: dict(given) for number, given in (edit or {}).items()}
    changes = Changes(frozenset(drop), edited, tuple(add), strict)
    for addition in changes.add:
        addition.methargs()
    with recorded_after(controller, at) as (present, records):
        refuse_wrong(changes, at, present.crank, records)
        fork = controller.fork(at)
        try:
            with strangers_refused(at):
                replaced = {fork.kernel.vat(vat).id for vat in code or {}}
                changes = replace(changes, drop=changes.drop | set(_refused(records, replaced)))
                living = Living(fork, present, at, records, changes)
                for vat, parts in (code or {}).items():
                    given = (parameters or {}).get(vat)
                    _refuse_unborn(given, fork, at)
                    fork.upgrade_vat(vat, parts, parameters=given)
                return living.live()
        except BaseException:
            fork.close(keep=False)
            raise


def _refuse_unborn(parameters: CapData | None, fork: Controller, at: int) -> None:
    """Raise `KernelError` for parameters with references that did not exist yet: their numbers are free."""
    unborn = set(parameters.slots if parameters is not None else ()) - Origins(fork.kernel).there
    if unborn:
        raise KernelError(f"the parameters name {', '.join(sorted(unborn))}, not there after crank {at:,}")


def _refused(records: Sequence[Record], replaced: Collection[str]) -> Iterator[int]:
    """The records that ask for refused upgrades of vats: after other code, they might be accepted."""
    requests = {record.number for record in records if isinstance(record, RequestRecord)}
    for record in records:
        if (
            isinstance(record, CrankRecord)
            and isinstance(record.event, UpgradeVat)
            and record.event.vat in replaced
            and record.began is None
        ):
            asked = record.sender
            yield asked if asked is not None and asked in requests else record.number


@contextmanager
def strangers_refused(at: int) -> Iterator[None]:
    """Raise `KernelError` for records that no host writes, because the file is a stranger's."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        words = f"the records after crank {at} are not what a host writes: {type(problem).__name__}"
        raise KernelError(f"{words}: {problem}") from None


@contextmanager
def recorded_after(controller: Controller, at: int) -> Iterator[tuple[Controller, list[Record]]]:
    """A world of all that has happened, also of what is not committed, and its records after a crank."""
    with controller.fork() as present:
        present.commit()
        recorded = Recorded(present.world)
        try:
            begins = recorded.crank(at).number if at > 0 else 0
        except KernelError:
            begins = 0
        yield (
            present,
            [
                record
                for record in recorded.after(begins)
                if record.crank > at or (record.crank == at and isinstance(record, RequestRecord))
            ],
        )


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
    Source:
        Ours.
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
            if not isinstance(record, RequestRecord) and record.began == known:
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
    Source:
        Ours.
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

    The live world stays as it is. The branch lists what the old code answers differently. If a vat had asked
    for the upgrade, through `vatAdmin`, its promise is rejected in the branch.

    Args:
        controller: the world.
        vat: the name of the vat.
        strict: whether to raise at the first message that was sent after another outcome than it was then.
    Raises:
        NoSuchVat: if there is no such vat.
        NoSuchMoment: if the moment before the upgrade was pruned.
        KernelError: if it was not upgraded, as far as its records go back, and if `strict` finds a message.
    Source:
        Ours.
    Example:
        >>> report = world.upgrade_vat("bank", world.vats.parts("bank"))
        >>> with swingset.undo_upgrade(world, "bank") as found:
        ...     found.controller.vats["bank"].incarnation
        0
    """
    known = controller.kernel.vat(vat)
    asked: dict[int, RequestRecord] = {}
    lost: set[int] = set()  # its memory, and so its own code began anew
    upgrade: CrankRecord | None = None
    kept: set[int] = set()
    with recorded_after(controller, 0) as (_, records):
        for record in records:
            if isinstance(record, RequestRecord):
                if record.verb == "upgrade-vat" and record.arguments["vat"] == known.id:
                    asked[record.number] = record
                elif record.verb == "keep-sources" and record.arguments["vat"] == vat:
                    kept.add(record.number)
                elif record.verb == "begin-anew":
                    lost.add(record.number)
            elif (
                isinstance(record.event, UpgradeVat)
                and record.began == known.id
                and record.sender not in lost
            ):
                upgrade, kept = record, set()
    if upgrade is None:
        gone = Recorded(controller.world).gone if known.incarnation else None
        if gone is not None:
            raise KernelError(f"the last upgrade of vat {vat} cannot be undone: {gone}")
        raise KernelError(f"vat {vat} has no upgrade to undo: it runs the code that it was created with")
    request = asked.get(upgrade.sender or 0)
    number, at = (upgrade.number, upgrade.crank - 1) if request is None else (request.number, request.crank)
    found = branch(controller, at=at, drop={number, *kept}, strict=strict)
    return replace(found, dropped=tuple(entry for entry in found.dropped if entry.record == number))
