"""The three kinds of vat, and what follows from each.

A vat of a *program* has source of its own and runs in deliveries, which are recorded and repeated. The vat of
a *notebook* gets its code cell by cell, runs between deliveries too, and is never repeated. A *standalone*
vat is what vat code gets that is imported as a plain module, where there are no deliveries at all.

What differs between them is said here and nowhere else: a part of a vat asks for what it needs to know, not
for the kind.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Redefinition = Literal["refused", "replaces", "apart"]
"""What a second class of the tag of a kind does: it is an error, it takes over the instances of the first, or
it has nothing to do with that."""


class VatKind(NamedTuple):
    """What one kind of vat may do, and what it can rely on."""

    name: Literal["program", "notebook", "standalone"]
    redefinition: Redefinition
    repeated: bool
    """Whether its deliveries are recorded and played again: then it runs in deliveries and at no other time,
    and draws no secrets."""
    delivered: bool
    """Whether deliveries begin and end, so that what was read is forgotten at the end of each."""


PROGRAM = VatKind("program", "refused", repeated=True, delivered=True)
NOTEBOOK = VatKind("notebook", "replaces", repeated=False, delivered=True)
STANDALONE = VatKind("standalone", "apart", repeated=False, delivered=False)
