"""`%swingset doctor`: what works on this machine, and how to mend what does not.

It tries what the command `swingset doctor` tries, beside the world that is open, which does not change.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from swingset.host.health import examine, verdict
from swingset_nb.commands import command
from swingset_nb.notebook import Notebook
from swingset_nb.render import Shown, Table


@command("doctor", "what works on this machine, and how to mend what does not")
def doctor(_notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Look at everything once, and list it with its cures."""
    found = list(examine(Path()))
    rows = [[finding.sign, finding.of, finding.words, finding.cure] for finding in found]
    return Table("this machine", ["", "of", "found", "to mend it"], rows, notes=(verdict(found),))
