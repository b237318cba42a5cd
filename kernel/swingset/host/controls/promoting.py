"""Makes a branch of a world's past the state of the world.

A branch is a fork, so its commits follow a commit of the world. They are added to the world's history with
their bulk, and the world goes to the last of them. The line of commits that it leaves stays in the file until
it is pruned.

This is refused if the world has made a commit since the branch began: it would be lost without a word.
"""

from __future__ import annotations

from swingset.core.atomic import refuse_within_crank
from swingset.core.departing import moved_vats
from swingset.core.errors import KernelError
from swingset.host.base.opened import MovedSince, Opened
from swingset.model.wording import named
from swingset.world.feed import NewContent, StoredCommit
from swingset.world.file import WorldFile


def promote(opened: Opened, branch: Opened) -> int:
    """Make a branch the state of the world, and return the commit at which the world stands then."""
    refuse_within_crank(opened.kernel.store)
    ours, theirs = opened.world, branch.world
    if ours.history.takers or ours.history.log is not None:
        raise KernelError(
            f"{ours.name} hands its commits to a log, which would lack those of the branch: export the branch"
            " to a file of its own"
        )
    branch.commit("a branch")
    _refuse_moved(ours, theirs)
    refuse_across(opened, branch)
    commits, here = _own_commits(ours, theirs), ours.head
    if commits:
        commits[-1] = commits[-1]._replace(digest=theirs.digest())
    with opened.lives.going_back("a branch of its past took its place"):
        ours.adopt(commits, NewContent(theirs.db, {}))
        opened.go_to(theirs.head, here)  # an older commit of the world, if the branch has none of its own
    opened.forget_what_ran()
    return ours.head


def _refuse_moved(ours: WorldFile, theirs: WorldFile) -> None:
    """Raise `KernelError` unless the branch knows the world's last commit, and the world has not gone on."""
    known = theirs.row("SELECT seal FROM commits WHERE seq = ?", (ours.head,))
    if ours.dirty or known is None or known[0] != ours.history.seal(ours.head):
        raise KernelError(
            f"{ours.name} has gone on since the branch began, and that would be lost: make the branch again"
        )


def refuse_across(opened: Opened, branch: Opened) -> None:
    """Raise `KernelError` if the branch has another opinion of which vats have moved between worlds."""
    ours, theirs = moved_vats(opened.kernel.store), moved_vats(branch.kernel.store)
    if ours.keys() != theirs.keys():
        names = named(sorted((ours | theirs)[vat] for vat in ours.keys() ^ theirs.keys()))
        raise MovedSince(
            f"{names} has moved to another world, or has come from one, since the branch began: it would be"
            " in both worlds then or in neither, so the branch does not become this world"
        )


def _own_commits(ours: WorldFile, theirs: WorldFile) -> list[StoredCommit]:
    """The commits of a branch that the world lacks, oldest first."""
    found: list[StoredCommit] = []
    for seq in theirs.history.ancestors(theirs.head):
        seal = ours.row("SELECT seal FROM commits WHERE seq = ?", (seq,))
        if seal is not None:
            break
        found.insert(0, theirs.history.stored(seq))
    return found
