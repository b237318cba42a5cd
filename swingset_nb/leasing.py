"""A world that fails over, in a notebook: opened under its lease, and what `%swingset` says of that.

A notebook is a file that is shared, so no password may be in one. The line that opens the world names a
service or a host; the password is where PostgreSQL keeps it, in `~/.pgpass` or in the environment.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from swingset.model.counting import plural
from swingset_nb.errors import BadArguments
from swingset_nb.reopening import Leasing

if TYPE_CHECKING:
    from swingset.cluster import LeasedWorld


def leased_world(path: str, leasing: Leasing, **options: Any) -> LeasedWorld:
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
        leasing.database, path, leasing.name, wait=wait, without_keys=leasing.without_keys, **options
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
        return [f"lease {leased.lease()}"], []
    except LeaseError as problem:
        return [str(problem)], [f"`%swingset help {problem.code}` says what to do about it"]
