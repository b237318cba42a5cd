"""The three kinds of vat, and what follows from each.

A vat of a *program* has its own source and runs in deliveries, which are recorded and replayed. The vat of
a *notebook* gets its code cell by cell, runs between deliveries too, and is never replayed. A *standalone*
vat is for vat code that is imported as a plain module; it has no deliveries at all.

The differences are defined only here: a part of a vat asks for the property that it needs, not for the kind.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Redefinition = Literal["refused", "replaces", "apart"]
"""What happens when a second class is defined with a kind's tag: an error, the class takes over the instances
of the first, or the two are separate kinds."""


class VatKind(NamedTuple):
    """What one kind of vat may do, and what it can rely on."""

    name: Literal["program", "notebook", "standalone"]
    redefinition: Redefinition
    repeated: bool
    """Whether its deliveries are recorded and replayed: it then runs only in them, and draws no secrets."""
    delivered: bool
    """Whether deliveries begin and end, so that what was read is forgotten at the end of each."""


PROGRAM = VatKind("program", "refused", repeated=True, delivered=True)
NOTEBOOK = VatKind("notebook", "replaces", repeated=False, delivered=True)
STANDALONE = VatKind("standalone", "apart", repeated=False, delivered=False)
