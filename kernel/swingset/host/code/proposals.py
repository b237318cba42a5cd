"""Proposals of a world for its session: made, listed, read beside the running code, and rehearsed.

Nothing here performs a proposal. Who holds the admin node of the target does that, such as a governor after a
vote; a host may as well upgrade the vat itself.

Libraries of audited modules count only if the host of this world has accepted them; it keeps them beside the
world (`accepting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.host.code.accepting import Accepted
from swingset.host.code.joined import Joined
from swingset.host.code.rehearsal import Extent, Rehearsal, rehearse_upgrade
from swingset.lens.source.audited import AuditedLibrary, audited_library
from swingset.lens.source.judging import Judged, judged
from swingset.lens.state.proposals import Ballot, ProposalRow, ballots, proposal_rows, standing
from swingset.model.modules import module_of
from swingset.model.wording import named


class Proposals:
    """The proposals of a world, as `session.proposals`. Iterating gives a `ProposalRow` for each.

    Source:
        Ours: a proposal of SwingSet's chain is (contract, bundlecap, parameters) too, and is not kept apart.
    """

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self._accepted = Accepted(joined.controller.path)

    def __iter__(self) -> Iterator[ProposalRow]:
        return iter(self.all())

    def propose(
        self, target: str, modulecap: Any, parameters: Any = None, *, part: str = "", note: str = ""
    ) -> Any:
        """Propose that a vat becomes the graph that a modulecap stands for, and commit. No vat changes.

        Args:
            target: the name of the vat.
            modulecap: the graph.
            parameters: what `build_root_object` will get; it may contain references.
            part: empty for the whole code; else what of it, such as the name of a function.
            note: what is said for it.
        Returns:
            The proposal, a reference that can be passed on and voted on.
        Raises:
            RemoteError: if that is no modulecap.
        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> [row.target for row in session.proposals]
            ['bank']
        """
        devices, bundles = self._joined.controller.devices, "bundles"
        with self._joined.controller.lock:
            device = self._joined.reference(devices.node("bundle"), bundles)
            given = (target, modulecap, parameters, part, note)
            return self._joined.devices.call(device, "propose", *given)

    def all(self) -> list[ProposalRow]:
        """The proposals, by number.

        Example:
            >>> session.proposals.all()
            []
        """
        with self._joined.controller.lock:
            return proposal_rows(self._joined.controller.kernel.store)

    def get(self, number: int) -> ProposalRow:
        """One proposal.

        Args:
            number: its number.
        Raises:
            KernelError: if there is none of that number.
        Example:
            >>> session.proposals.get(3)
            Traceback (most recent call last):
            swingset.core.errors.KernelError: there is no proposal 3; there are: none
        """
        rows = {row.number: row for row in self.all()}
        if number not in rows:
            raise KernelError(f"there is no proposal {number}; there are: {named(map(str, rows))}")
        return rows[number]

    def reference(self, number: int) -> Any:
        """A reference to a proposal, to be passed on and voted on.

        Args:
            number: its number.
        Raises:
            RemoteError: if there is none of that number.
        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> session.proposals.reference(1) is proposal
            True
        """
        with self._joined.controller.lock:
            device = self._joined.reference(self._joined.controller.devices.node("bundle"), "bundles")
            return self._joined.devices.call(device, "get_proposal", number)

    def parts(self, number: int) -> Parts:
        """The code that a proposal proposes, as the names and sources of its parts.

        Args:
            number: its number.
        Raises:
            KernelError: if there is none of that number.
        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> [name for name, source in session.proposals.parts(1)]
            ['exits', 'shop']
        """
        row = self.get(number)
        with self._joined.controller.lock:
            return self._joined.controller.world.bundles.get(row.bundle)

    def standing(self, number: int | ProposalRow) -> str | None:
        """The bundle in whose place a proposal would put another: what its target runs, or has imported.

        For a part of the code it is what the target's own store says of the part; None if it says nothing.

        Args:
            number: its number, or its row.
        Raises:
            KernelError: if there is none of that number.
        Example:
            >>> session.modules.define("fees", "def fee(amount): return amount")
            True
            >>> cap = session.devices.modulecap("fees")
            >>> proposal = session.proposals.propose("bank", cap, part="fee")
            >>> session.proposals.standing(1) is None
            True
        """
        row = number if isinstance(number, ProposalRow) else self.get(number)
        with self._joined.controller.lock:
            return standing(self._joined.controller.kernel.store, row)

    def judge(self, number: int) -> Judged:
        """Read a proposal beside the code that its target runs. Nothing of it runs.

        A function is read beside the one that was decided before it, if the target's store says which.

        Args:
            number: its number.
        Raises:
            KernelError: if there is none of that number.
        Example:
            >>> session.modules.define("shop", "import socket")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> [str(finding) for finding in session.proposals.judge(1).findings][:1]
            ['it imports socket, and the running code does not']
        """
        row, vats = self.get(number), self._joined.controller.vats
        running: Parts | None = None
        if row.target in vats:
            running = self._before(number) if row.part else vats.parts(row.target)
        return judged(row.target, self.parts(number), running, self._accepted.all(), pure=bool(row.part))

    def _before(self, number: int) -> Parts:
        """The function that was decided before one that is proposed; without parts if none is known."""
        bundle, bundles = self.standing(number), self._joined.controller.world.bundles
        if bundle is None:
            return ()
        with self._joined.controller.lock:
            return bundles.get(bundle)

    def rehearse(self, number: int, *, records: Extent = None) -> Rehearsal:
        """Do what a proposal proposes in a fork, and report what it would do; the world is not changed.

        Args:
            number: its number.
            records: how many older records to migrate, or `"all"`.
        Raises:
            KernelError: if there is none of that number, or if it is for a part of the code only.
            NoSuchVat: if its target does not exist.
        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> session.proposals.rehearse(1).ok
            False
        """
        row, parts = self.get(number), self.parts(number)
        if row.part:
            raise KernelError(
                f"proposal {number} is for {row.part} only: its target imports it, and no code changes"
            )
        return rehearse_upgrade(
            self._joined.controller, row.target, parts, parameters=row.parameters, records=records
        )

    def ballots(self, number: int | ProposalRow) -> list[Ballot]:
        """What vats say about the votes on a proposal.

        Args:
            number: its number, or its row.
        Raises:
            KernelError: if there is none of that number.
        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> session.proposals.ballots(1)
            []
        """
        row = number if isinstance(number, ProposalRow) else self.get(number)
        with self._joined.controller.lock:
            return ballots(self._joined.controller.kernel.store, row.node)

    def audit(self, number: int, author: str, note: str = "") -> AuditedLibrary:
        """Make a library that says of all modules of a proposal that somebody has looked into them.

        Args:
            number: the number of the proposal.
            author: who has looked into them.
            note: what is said of each.
        Raises:
            KernelError: if there is none of that number.
        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> session.proposals.accept(session.proposals.audit(1, "ann"))
            >>> session.proposals.judge(1).modules[0].audits
            ('audited by ann as shop',)
        """
        modules = self.judge(number).modules
        return audited_library(author, {_bare(module.name): module.facts.source for module in modules}, note)

    def accept(self, library: AuditedLibrary) -> None:
        """Let the word of a library of audited modules count, here and whenever the world is opened here.

        It is kept in a file beside the world, and is no part of the world: a copy of it believes nobody.

        Args:
            library: the library; its digest names exactly one file.
        Raises:
            KernelError: if the file cannot be written, or there are a hundred libraries.
        Example:
            >>> session.proposals.accept(swingset.audited_library("ann", {"rates": "BASE = 5"}))
            >>> [library.author for library in session.proposals.accepted()]
            ['ann']
        """
        self._accepted.add(library)

    def withdraw(self, digest: str) -> AuditedLibrary:
        """Let the word of a library count no more.

        Args:
            digest: how its digest begins.
        Returns:
            The library.
        Raises:
            KernelError: unless exactly one accepted library has such a digest, or if the file cannot be
                written.
        Example:
            >>> library = swingset.audited_library("ann", {"rates": "BASE = 5"})
            >>> session.proposals.accept(library)
            >>> session.proposals.withdraw(library.digest[:12]).author
            'ann'
        """
        return self._accepted.remove(digest)

    def accepted(self) -> list[AuditedLibrary]:
        """The libraries that were accepted, in this order.

        Raises:
            KernelError: if the file beside the world is not what `accept` writes.
        Example:
            >>> session.proposals.accepted()
            []
        """
        return self._accepted.all()


def _bare(part: str) -> str:
    """The name of a module without what says that it is one."""
    return module_of(part) or part
