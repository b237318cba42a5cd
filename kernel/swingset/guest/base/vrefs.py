"""The names of instances: `o+d10/1` is instance 1 of durable kind 10, `o+v11/2` a virtual one.

Other vats know an instance with facets only by its facets, `o+d10/1:0` and so on; the name without a facet
number stands for the state that they share. Only this module parses these names.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_INSTANCE = re.compile(r"o\+([dv])([1-9][0-9]{0,15})/([1-9][0-9]{0,15})(?::(0|[1-9][0-9]{0,3}))?\Z")


class InstanceName(NamedTuple):
    """The parts of an instance's name; `facet` is None for an object without facets and for a cohort."""

    durable: bool
    kind: int
    number: int
    facet: int | None

    @property
    def base(self) -> str:
        """The name without the facet, to which state, reachability and memory belong."""
        return base_vref(self.durable, self.kind, self.number)


def base_vref(durable: bool, kind: int, number: int) -> str:
    """The name of an instance, without a facet."""
    return f"o+{'d' if durable else 'v'}{kind}/{number}"


def parse_instance(vref: str) -> InstanceName | None:
    """Parse a name; None for a name that is not an instance's."""
    match = _INSTANCE.match(vref)
    if match is None:
        return None
    mode, kind, number, facet = match.groups()
    return InstanceName(mode == "d", int(kind), int(number), None if facet is None else int(facet))


def base_of(vref: str) -> str:
    """The name without its facet; any other name unchanged."""
    return vref.partition(":")[0] if vref.startswith(("o+d", "o+v")) else vref
