"""How a bundle device keeps proposals: under which keys, and in which form."""

from __future__ import annotations

from typing import Any

from swingset.model.capdata import Ref

ROWS = "proposal."
"""How the keys of proposals begin."""

_COLUMNS = {"target", "part", "note", "bundle", "modulecap", "proposal"}


def row_key(number: int) -> str:
    """Where a proposal is in the state of the device."""
    return f"{ROWS}{number:015d}"


def parameters_key(number: int) -> str:
    """Where the parameters of a proposal are."""
    return f"parameters.{number:015d}"


def is_row(value: Any) -> bool:
    """Whether a value is a proposal as it is kept."""
    if not isinstance(value, dict) or set(value) != _COLUMNS:
        return False
    texts = all(isinstance(value[name], str) for name in ("target", "part", "note", "bundle"))
    nodes = [value["modulecap"], value["proposal"]]
    return texts and all(isinstance(node, Ref) and node.kref[1] == "d" for node in nodes)


def is_node(value: Any) -> bool:
    """Whether a value is the state of the node of a proposal."""
    return (
        isinstance(value, dict)
        and set(value) == {"proposal"}
        and type(value["proposal"]) is int
        and 0 < value["proposal"] < 1 << 62
    )
