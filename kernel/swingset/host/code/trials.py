"""The migration of a vat's records, tried in a fork of the world some records at a time.

A rehearsal of all records of a large vat takes long. A trial does a part of it at each call, says how far it
is, and may be stopped between two: the fork is thrown away, and the world has not changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.host.code.rehearsal import put_off_migration
from swingset.host.controls.migrating import Migrated
from swingset.host.worlds.controller import Controller
from swingset.lens.state.versions import Moved, Versions

STEP = 500
"""How many records one call visits."""


@dataclass(frozen=True)
class TrialReport:
    """How far a trial is: how many records `migrated`, are `left`, and have `failed` among these.

    `done` says that every record was visited; `report` describes failures and what stopped it.

    Source:
        Ours.
    """

    migrated: int
    left: int
    failed: int
    done: bool
    report: Migrated

    def lines(self) -> list[str]:
        """The progress in sentences, with the records that do not migrate.

        Example:
            >>> with swingset.try_records(world, "bank", world.vats.parts("bank")) as trial:
            ...     trial.step().lines()
            ['0 records migrated: every record is of the version that the code wants']
        """
        records = "1 record" if self.migrated == 1 else f"{self.migrated:,} records"
        if self.done and not self.left:
            end = "every record is of the version that the code wants"
        elif self.done:
            end = f"{self.failed:,} {'does' if self.failed == 1 else 'do'} not migrate"
        else:
            end = f"{self.left:,} left"
        said = [f"{records} migrated: {end}", *map(str, self.report.failures)]
        more = self.failed - len(self.report.failures)
        said += [f"and {more:,} more"] if more > 0 else []
        return said + ([f"stopped: {self.report.stopped}"] if self.report.stopped is not None else [])


class RecordsTrial:
    """A fork of a world in which the records of a vat are migrated to other code.

    Source:
        Ours: the reference has no dry run of an upgrade.
    """

    def __init__(self, controller: Controller, vat: str, parts: Parts) -> None:
        self._vat = vat
        self._end: TrialReport | None = None
        self._moved: dict[tuple[str, int, int], int] = {}
        self._fork: Controller | None = controller.fork()
        try:
            vat_id = self._fork.kernel.vat(vat).id
            put_off_migration(self._fork.kernel, vat_id)
            self._fork.upgrade_vat(vat, parts)
        except BaseException:
            self.close()
            raise

    def step(self, records: int = STEP) -> TrialReport:
        """Visit some more records; if all were visited, the last report is returned again.

        Args:
            records: how many.
        Raises:
            KernelError: if the trial is closed, or if the upgrade has suspended the vat.
        Example:
            >>> with swingset.try_records(world, "bank", world.vats.parts("bank")) as trial:
            ...     trial.step(100).done
            True
        """
        if self._fork is None:
            raise KernelError(f"the trial of the records of vat {self._vat} is closed")
        if self._end is not None:
            return self._end
        found = self._fork.vats.migrate(self._vat, budget=records)
        for row in found.moved:
            key = row.kind, row.old, row.new
            self._moved[key] = self._moved.get(key, 0) + row.count
        kernel = self._fork.kernel
        kinds = Versions(kernel.store, kernel.vat(self._vat).id).outdated()
        done = found.stopped is not None or all(kind.walked for kind in kinds)
        moved = tuple(Moved(*key, count) for key, count in sorted(self._moved.items()))
        made = TrialReport(sum(row.count for row in moved), found.remaining, found.failed, done, found)
        self._end = made if done else None
        return made

    def close(self) -> None:
        """Throw the fork away.

        Example:
            >>> swingset.try_records(world, "bank", world.vats.parts("bank")).close()
        """
        if self._fork is not None:
            self._fork.close(keep=False)
            self._fork = None

    def __enter__(self) -> RecordsTrial:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def try_records(controller: Controller, vat: str, parts: Parts) -> RecordsTrial:
    """Upgrade a vat in a fork, and migrate its records there, some at each `step`. Close it afterwards.

    Args:
        controller: the world, which stays as it is.
        vat: the name of the vat.
        parts: the names and sources of the other code's parts, its kinds first.
    Raises:
        NoSuchVat: if there is no such vat.
        VatFault: if the upgrade is refused for another reason than a record.
    Source:
        Ours.
    Example:
        >>> with swingset.try_records(world, "bank", world.vats.parts("bank")) as trial:
        ...     trial.step().left
        0
    """
    return RecordsTrial(controller, vat, parts)
