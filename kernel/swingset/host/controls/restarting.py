"""Restarts all vats on the newest guest library, each by an upgrade to its own code.

A vat stays on the library with which it was started, for ever if nobody upgrades it. After an installation of
a newer release, an operator moves a whole world at once: one crank and one commit for each vat. A vat that
refuses stays as it was, and the others go on. What the vats keep in memory is lost, as in every upgrade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from swingset.core.errors import KernelError, VatFault
from swingset.host.base.opened import Opened
from swingset.host.base.starting import upgrade_vat
from swingset.model import reasons
from swingset.model.counting import plural
from swingset.workers.base import WorkerError
from swingset.world.errors import StorageError, WorldError
from swingset.world.vats import SUSPENDED, VatRecord

RestartOutcome = Literal["restarted", "refused", "left"]
"""What became of a vat in `upgrade_all`."""

MESSAGE = "vat {} restarted on the newest guest library"


@dataclass(frozen=True)
class Restart:
    """What became of one vat.

    It was `restarted`, `refused` to start, or was `left` as it is; `reason` says why. `before` and `library`
    are the ids of the guest libraries it ran on and runs on now, None for one that runs on the host's own.
    `abandoned` and `disconnected` count the exports and promises that were lost, as in every upgrade.
    """

    vat: str
    outcome: RestartOutcome
    incarnation: int
    before: str | None
    library: str | None
    reason: str | None = None
    abandoned: int = 0
    disconnected: int = 0


@dataclass(frozen=True)
class RestartReport:
    """What became of all vats, oldest first. `ok` is true if none has refused.

    Source:
        Ours.
    """

    vats: tuple[Restart, ...]

    @property
    def ok(self) -> bool:
        """Whether no vat has refused."""
        return all(vat.outcome != "refused" for vat in self.vats)

    @property
    def libraries(self) -> Mapping[str | None, tuple[str, ...]]:
        """The vats that run on each guest library now, by its id; None for the host's own."""
        found: dict[str | None, tuple[str, ...]] = {}
        for vat in self.vats:
            found[vat.library] = (*found.get(vat.library, ()), vat.vat)
        return found

    def lines(self) -> list[str]:
        """A line for each vat.

        Example:
            >>> len(world.vats.upgrade_all().lines()) == len(list(world.vats))
            True
        """
        return [_line(vat) for vat in self.vats]


def upgrade_all(opened: Opened, *, older_only: bool) -> RestartReport:
    """Restart the vats that can be, one after the other, each in a crank and a commit of its own."""
    return RestartReport(tuple(_restart(opened, vat, older_only) for vat in opened.vats()))


def _restart(opened: Opened, vat: VatRecord, older_only: bool) -> Restart:
    kernel = opened.kernel
    if (why := _why_left(opened, vat, older_only)) is not None:
        return Restart(vat.name, "left", vat.incarnation, vat.library, vat.library, why)
    try:
        parts = opened.world.bundles.get(vat.bundle) if vat.bundle else ()
        words = MESSAGE.format(vat.name)
        report = upgrade_vat(opened, vat.name, parts, parameters=vat.parameters, message=words)
    except VatFault as refused:
        return Restart(vat.name, "refused", vat.incarnation, vat.library, vat.library, str(refused.fault))
    except StorageError:
        raise
    except (KernelError, WorkerError, WorldError) as refused:
        return Restart(vat.name, "refused", vat.incarnation, vat.library, vat.library, str(refused))
    now, lost = kernel.vat(vat.name), report.left_behind
    counts = (len(lost.abandoned), len(lost.disconnected)) if lost is not None else (0, 0)
    return Restart(vat.name, "restarted", now.incarnation, vat.library, now.library, None, *counts)


def why_left(vat: VatRecord) -> str | None:
    """Why a vat is not to be upgraded together with others, or None."""
    if vat.attached:
        return "it lives in its host's interpreter: restart that"
    code = (vat.reason or "").partition(":")[0]
    if vat.state == SUSPENDED and code not in reasons.HOSTS:
        return f"it is suspended ({vat.reason}): resume it first, or upgrade it by itself"
    return None


def _why_left(opened: Opened, vat: VatRecord, older_only: bool) -> str | None:
    """Why a vat is not to be restarted, or None."""
    if (why := why_left(vat)) is not None:
        return why
    if older_only and vat.library is not None and vat.state != SUSPENDED:
        try:
            if opened.kernel.warehouse.is_newest(vat):
                return "it runs on the newest library"
        except KernelError:
            return None  # its upgrade says why it has no worker
    return None


def _line(vat: Restart) -> str:
    library = "the host's own library" if vat.library is None else f"library {vat.library[:11]}"
    if vat.outcome != "restarted":
        return f"{vat.vat}: {vat.outcome}, on {library}: {vat.reason}"
    moved = "" if vat.before == vat.library else f", moved from {(vat.before or 'none')[:11]}"
    lost = f"; lost: {plural(vat.abandoned, 'export')}, {plural(vat.disconnected, 'promise')}"
    return f"{vat.vat}: restarted as incarnation {vat.incarnation} on {library}{moved}{lost}"
