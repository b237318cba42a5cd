"""Code for vats that authors take over as it stands or change: tokens, a host of contracts, votes.

A kit is the text of a vat, and imports only the standard library and `swingset.vat`. Who wants it makes a vat
of it: `session.define("bank", lib.source("tokens"))`. The kit `governed` is a module for vats:
`session.modules.define("governed", lib.source("governed"))`.
"""

from __future__ import annotations

from importlib.resources import files

KITS = ("tokens", "contract_host", "governance", "governed")
"""The kits by name."""


def source(kit: str) -> str:
    """The source text of a kit; raises `LookupError`, which lists the kits, for an unknown one."""
    if kit not in KITS:
        raise LookupError(f"there is no kit {kit!r:.60}; there are: {', '.join(KITS)}")
    return files(__name__).joinpath(f"{kit}.py").read_text("utf-8")
