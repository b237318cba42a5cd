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
from swingset.world.file import WorldFile
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.next_steps import more_on
from swingset_nb.open_world import OpenWorld
from swingset_nb.reopening import Leasing

if TYPE_CHECKING:
    from swingset.cluster import LeasedWorld


_UNSAID = (None, False, "")


def leasing_of(given: argparse.Namespace) -> Leasing | None:
    """The lease of a line that opens a world; None for an ordinary one.

    Raises `BadArguments` for what only a lease has, without one: the world would be in its file alone.
    """
    if given.lease is not None:
        keys, aside = given.without_keys, given.set_aside
        return Leasing(given.lease, given.database, given.wait, keys, aside, given.seconds)
    only = ("--database", "--wait", "--without-keys", "--set-aside", "--seconds")
    named = [option for option in only if vars(given)[option[2:].replace("-", "_")] not in _UNSAID]
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
    if leasing.seconds is not None:
        options["seconds"] = leasing.seconds
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


def lease_in_words(world: OpenWorld) -> tuple[list[str], list[str]]:
    """Who has the lease of the open world and until when, and what to type if that is lost."""
    from swingset.cluster import LeaseError

    leased = world.leased
    if leased is None:
        return [], []
    if (stopped := leased.stopped) is not None:
        hint = f"`%swingset close` ends it here; `%swingset help {stopped.code}` says what to do about it"
        return [f"stopped: {stopped}"], [hint]
    code = "database-away"
    if leased.away is None:
        try:
            lease = leased.lease()
            if lease.epoch == leased.epoch and lease.holder is not None:
                return [f"lease {leased.name}, epoch {leased.epoch}: this notebook has it"], []
            return [f"lease {lease}"], []
        except LeaseError as problem:
            if problem.code != code:
                return [str(problem)], more_on(problem.code)
    away = f"the database has not answered for {leased.away or 0:.0f} s; nothing is committed until it does"
    lines = [f"lease {leased.name}, epoch {leased.epoch}: {away}"]
    if world.halted:
        lines.append("everything since the last commit was rolled back: do it again then")
    return lines, more_on(code)


def is_cut_off(world: OpenWorld) -> bool:
    """Whether nothing of a world can be committed now, for its lease or its database is gone."""
    return world.leased is not None and (world.leased.stopped is not None or world.leased.away is not None)


def closed_elsewhere(world: OpenWorld) -> str | None:
    """How a world was closed that another process has taken over; None for any other."""
    stopped = None if world.leased is None else world.leased.stopped
    if stopped is None or stopped.code != "taken-over":
        return None
    return f"{world.path} is closed; another process has its lease, and goes on from the last commit"


def refused_without(path: str, worker: str) -> SwingSetError | None:
    """The error about the file of a lease that was opened without it; None for any other file."""
    from swingset.cluster.failover.meeting import lease_of_log

    with WorldFile.look(path) as file:
        log = file.history.log
    if (name := lease_of_log(log)) is None:
        return None
    option = "" if worker == "wasm" else f" --worker {worker}"
    words = f"{path} belongs to the lease {name}: without that, nothing can be committed. It was not opened"
    line = f"%swingset open {quote(path)}{option} --lease {quote(name)}"
    return SwingSetError(words, f"`{line}`, with the `--database` of before")
