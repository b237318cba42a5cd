"""A netlayer of the tests: Unix sockets that are reached through another one, at which a relay listens.

It is found as those of other packages are, by an entry point, for which `installed` writes what an installer
would write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from swingset.net.locators import located
from swingset.netlayers import Accept, Identity, options_of
from swingset.netlayers.local import ServerListening, Unix

TRANSPORT = "relayed"


class Relayed(Unix):
    """Listens at `path`, and says that it is to be dialled at `through`."""

    transport = TRANSPORT

    async def listen(self, identity: Identity, accept: Accept, options: Mapping[str, str]) -> ServerListening:
        """Take connections."""
        given = options_of(options, "path", "through")
        found = await super().listen(identity, accept, {"path": given["path"]})
        found.location = located(TRANSPORT, identity.designator, {"path": given["through"]})
        return found


def installed(folder: Path) -> str:
    """A folder that has the entry point once it is on `sys.path`."""
    about = folder / "relayed_for_tests-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: relayed-for-tests\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[swingset.netlayers]\n{TRANSPORT} = {__name__}:Relayed\n")
    return str(folder)
