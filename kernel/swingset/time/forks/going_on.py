"""Lets a world go on from a crank of its past, as if what came later had not happened.

The world takes up a fork of that moment. Nothing is lost without a word: the commits that it leaves stay in
the file until they are pruned, the answer has the number of the last of them, and says beforehand what would
go and what has left the world already.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.departing import has_moves
from swingset.core.errors import KernelError
from swingset.host.controls.promoting import refuse_across
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.looking_back import done_in
from swingset.model.result_lines import InLines
from swingset.time.forks.where import check_crank

MOST_LISTED = 2_000
"""Of how many commits the effects are listed; of more, only their number is."""


@dataclass(frozen=True, repr=False)
class GoneOn(InLines):
    """What a world leaves behind that goes on from crank `crank`.

    `left` counts the cranks after it, and `done` has the first messages and requests among them in words,
    `more` the number of others. `outside` is what stays, because it has left the world. `commit` is the
    commit that `history.go_back_to_commit` takes to be where the world was. `listed` says whether `done` and
    `outside` were looked for: among very many commits they are not.
    """

    crank: int
    left: int
    commit: int
    done: tuple[str, ...] = ()
    more: int = 0
    outside: tuple[str, ...] = ()
    listed: bool = True

    def _lines(self) -> list[str]:
        cranks = f"{self.left:,} {'crank is' if self.left == 1 else 'cranks are'}"
        lines = [f"{cranks} left behind after crank {self.crank:,}"]
        lines += [f"not in the world then: {words}" for words in self.done]
        if self.more:
            lines.append(f"and {self.more:,} more messages and requests")
        lines += [f"not taken back, because it has left the world: {words}" for words in self.outside]
        if not self.listed:
            lines.append("they are too many for a list of what they did")
        return [*lines, f"commit {self.commit} is where the world was, until the past is pruned"]


def would_go_on(controller: Controller, crank: int) -> GoneOn:
    """Say what a world would leave behind that goes on from a crank. What waits to be committed is committed.

    Args:
        controller: the world.
        crank: the number of a crank before the last; 0 is the empty world.
    Raises:
        WrongCrank: if the history has no such crank; it is a `KernelError`.
        KernelError: if it is the last one: the world stands there; and if a vat has moved since.
    Source:
        Ours.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> here, report = world.crank, world.run()
        >>> swingset.would_go_on(world, here).left
        1
    """
    with controller.lock:
        check_crank(controller, crank, message=False)
        if crank == controller.crank:
            raise KernelError(f"the world stands at crank {crank:,}: there is nothing to leave behind")
        controller.commit("before going on from the past")
        if has_moves(controller.kernel.store):
            with controller.fork(crank) as fork:
                refuse_across(controller._opened, fork._opened)
        commits = [each.commit for each in controller.history.timeline() if each.crank >= crank]
        listed = len(commits) <= MOST_LISTED
        effects = done_in(controller, commits if listed else (), crank)
        found = (effects.done, effects.more, effects.outside, listed)
        return GoneOn(crank, controller.crank - crank, controller.history.head, *found)


def go_on(controller: Controller, crank: int) -> GoneOn:
    """Let the world go on from a crank of its past. `would_go_on` says beforehand what it leaves behind.

    References of sessions end, as when the world goes back: attach them again.

    Args:
        controller: the world.
        crank: the number of a crank before the last.
    Returns:
        What was left behind, and the number of the commit that leads there again.
    Raises:
        WrongCrank: if the history has no such crank; it is a `KernelError`.
        NoSuchMoment: if the history does not lead to that crank any more.
        KernelError: if it is the last one, or if the world hands its commits to a log.
        WorldError: if the file cannot be written; the world stays as it was.
    Source:
        Ours.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> here, report = world.crank, world.run()
        >>> left = swingset.go_on(world, here)
        >>> world.crank == here
        True
        >>> world.history.go_back_to_commit(left.commit)
        >>> world.crank
        2
    """
    with controller.lock:
        found = would_go_on(controller, crank)
        with controller.fork(crank) as fork:
            controller.history.take_up(fork.history)
        return found


__all__ = ["GoneOn", "go_on", "would_go_on"]
