"""Starts, compares, upgrades and rehearses vats from a session: the part of it that takes code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.host.base.engines import WorkerKind
from swingset.host.code.combining import all_combined, combined, own_part
from swingset.host.code.joined import Joined
from swingset.host.code.rehearsal import Extent, Rehearsal, rehearse_upgrade
from swingset.host.code.upgrading import Upgraded, parameters_of, upgrade
from swingset.host.controls.migrating import Watcher
from swingset.lens.source.difference import Difference


class DefinesVats:
    """The methods of a session that take the code of a vat."""

    def define(
        self: Joined,
        vat: str,
        source: str,
        *,
        worker: WorkerKind | None = None,
        options: dict[str, Any] | None = None,
        parameters: Any = None,
    ) -> Any:
        """Start a vat of this source and the drafts for it, and commit.

        Args:
            vat: its name.
            source: the code of its own cell.
            worker: the kind of worker; None for the one that the world was opened with.
            options: as in `Controller.create_vat`.
            parameters: the `parameters` of `build_root_object`, which may contain references.
        Returns:
            A reference to its root.
        Raises:
            StrangeDrafts: if there are drafts that this session has neither made nor accepted.
            VatExists: if a vat has that name.
            VatFault: if the code fails, with the user's own line; then no vat was made.
            TypeError: for a source that is no text, and for parameters that cannot be passed.
        Example:
            >>> other = session.define("branch", dict(world.vats.parts("bank"))["bank"])
            >>> purse = session.wait(E(other).open_purse("bob"))
        """
        parts, given = combined(self, vat, vat, source), parameters_of(self, parameters)
        self.controller.create_vat(vat, parts, worker=worker, options=options, parameters=given)
        return self.root(vat)

    def difference(self: Joined, vat: str, part: str, source: str) -> Difference | None:
        """How a cell differs from the running one; None if it is the same.

        Args:
            vat: the name of the vat.
            part: what the cell is called.
            source: its code.
        Raises:
            NoSuchVat: if there is no such vat.
        Example:
            >>> session.difference("bank", "bank", dict(world.vats.parts("bank"))["bank"]) is None
            True
        """
        known = own_part(self.controller, vat) if part == vat else part
        old = dict(self.controller.vats.parts(vat)).get(known)
        return None if old == source else Difference(vat, part, old, source)

    def upgrade(
        self: Joined,
        vat: str,
        part: str,
        source: str | None,
        message: str = "",
        *,
        parameters: Any = None,
        also: Mapping[str, str] | None = None,
    ) -> Upgraded:
        """Replace one cell of a running vat, or several at once, and commit.

        Args:
            vat: the name of the vat.
            part: the name of the cell; the vat's own cell has the vat's name.
            source: the new code; None removes the cell.
            message: a text for the rejections of broken promises.
            parameters: the `parameters` of `build_root_object`, which may contain references.
            also: other cells that are replaced with it, and their new code.
        Returns:
            What was kept, abandoned and broken.
        Raises:
            NoSuchVat: if there is no such vat.
            VatFault: if the upgrade is refused; then nothing has changed.
        Example:
            >>> source = dict(world.vats.parts("bank"))["bank"]
            >>> session.upgrade("bank", "bank", source + "# better").incarnation
            1
        """
        with self.controller.lock:
            given = parameters_of(self, parameters)
            parts = all_combined(self, vat, {**(also or {}), part: source})
            return upgrade(self.controller, vat, parts, given, message)

    def rehearse(
        self: Joined,
        vat: str,
        part: str,
        source: str,
        *,
        records: Extent = None,
        progress: Watcher | None = None,
        also: Mapping[str, str] | None = None,
    ) -> Rehearsal:
        """Do `upgrade` in a fork, and report what it would do; the world is not changed.

        What the code does differently with messages, `swingset.redeliver` finds out.

        Args:
            vat: the name of the vat.
            part: the name of the cell.
            source: the new code.
            records: how many records of changed kinds to migrate, or `"all"`; if one fails, it is not `ok`.
            progress: called after each step of that migration.
            also: other cells that are replaced with it, and their new code.
        Raises:
            NoSuchVat: if there is no such vat.
        Example:
            >>> session.rehearse("bank", "bank", "def build_root_object(): ...").ok
            False
        """
        with self.controller.lock:
            parts = all_combined(self, vat, {**(also or {}), part: source})
            return rehearse_upgrade(self.controller, vat, parts, records=records, progress=progress)
