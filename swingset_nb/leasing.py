"""A world that fails over, in a notebook: opened under its lease, and what `%swingset` says of that.

A notebook is a file that is shared, so no password may be in one. The line that opens the world names a
service or a host; the password is where PostgreSQL keeps it, in `~/.pgpass` or in the environment.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING, Any

from swingset.model.counting import plural
from swingset_nb.errors import BadArguments
from swingset_nb.reopening import Leasing

if TYPE_CHECKING:
    from swingset.cluster import LeasedWorld


def leasing_of(given: argparse.Namespace) -> Leasing | None:
    """The lease of a line that opens a world; None for an ordinary one.

    Raises `BadArguments` for what only a lease has, without one: the world would be in its file alone.
    """
    if given.lease is not None:
        return Leasing(given.lease, given.database, given.wait, given.without_keys, given.set_aside)
    only = ("--database", "--wait", "--without-keys", "--set-aside")
    named = [option for option in only if vars(given)[option[2:].replace("-", "_")]]
    if named:
        words = f"{named[0]} is for the world of a lease, and none is named: nothing was opened"
        raise BadArguments(words, f"%swingset open {quote(given.path)} --lease NAME")
    return None


def leased_world(path: str, leasing: Leasing, tell: Callable[[str], None], **options: Any) -> LeasedWorld:
    """Open the world of a lease. Raises `BadArguments` if the address has a password."""
    from swingset.cluster import lease_world
    from swingset.cluster.failover.database import has_password

    if has_password(leasing.database):
        raise BadArguments(
            "the address has a password, and a notebook is stored: write it into ~/.pgpass, or set PGPASSWORD"
            " before the notebook is started",
            f"%swingset open {quote(path)} --lease {quote(leasing.name)} --database postgresql://USER@HOST/NAME",
        )
    wait = None if leasing.wait else 0.0
    return lease_world(
        leasing.database,
        path,
        leasing.name,
        wait=wait,
        without_keys=leasing.without_keys,
        set_aside=leasing.set_aside,
        tell=tell,
        **options,
    )


def opened_under(leased: LeasedWorld) -> list[str]:
    """What became of the file when its world was opened."""
    missed = f", with {plural(leased.commits, 'commit')}" if leased.commits else ""
    return [f"lease {leased.name}, epoch {leased.epoch}; the file was {leased.how}{missed}"]


def lease_in_words(leased: LeasedWorld) -> tuple[list[str], list[str]]:
    """Who has the lease of the open world and until when, and what to type if it is lost."""
    from swingset.cluster import LeaseError

    if (stopped := leased.stopped) is not None:
        hint = f"`%swingset close` ends it here; `%swingset help {stopped.code}` says what to do about it"
        return [f"stopped: {stopped}"], [hint]
    try:
        lease = leased.lease()
        if lease.epoch == leased.epoch and lease.holder is not None:
            return [f"lease {leased.name}, epoch {leased.epoch}: this notebook has it"], []
        return [f"lease {lease}"], []
    except LeaseError as problem:
        return [str(problem)], [f"`%swingset help {problem.code}` says what to do about it"]
