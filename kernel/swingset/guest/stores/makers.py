"""Collections under the names that vats in JavaScript know: each calls the class that does the work.

They end with the incarnation unless they are told otherwise, as there. The classes are durable by themselves.
"""

from __future__ import annotations

from typing import Any

from ..kinds.records import MISSING
from .bigmaps import BigMap, BigSet, WeakBigMap, WeakBigSet


def make_scalar_big_map_store(
    label: str = "map", *, key_shape: Any = MISSING, value_shape: Any = MISSING, durable: bool = False
) -> Any:
    """Make a `BigMap`, under its standard name: `make_scalar_big_map_store("names", durable=True)`.

    `key_shape` and `value_shape` are annotations for keys and values. It ends with the incarnation unless
    `durable` is set. Raises TypeError for a bad `label` or annotation.

    Source:
        `makeScalarBigMapStore`.
    """
    return BigMap(label, keys=key_shape, values=value_shape, durable=durable)


def make_scalar_big_set_store(label: str = "set", *, key_shape: Any = MISSING, durable: bool = False) -> Any:
    """Make a `BigSet`, under its standard name: `make_scalar_big_set_store("names", durable=True)`.

    `key_shape` is an annotation for keys. It ends with the incarnation unless `durable` is set. Raises
    TypeError for a bad `label` or annotation.

    Source:
        `makeScalarBigSetStore`.
    """
    return BigSet(label, keys=key_shape, durable=durable)


def make_scalar_big_weak_map_store(
    label: str = "weakMap", *, key_shape: Any = MISSING, value_shape: Any = MISSING, durable: bool = False
) -> Any:
    """Make a `WeakBigMap`, under its standard name: `make_scalar_big_weak_map_store("notes")`.

    `key_shape` and `value_shape` are annotations for keys and values. It ends with the incarnation unless
    `durable` is set. Raises TypeError for a bad `label` or annotation.

    Source:
        `makeScalarBigWeakMapStore`.
    """
    return WeakBigMap(label, keys=key_shape, values=value_shape, durable=durable)


def make_scalar_big_weak_set_store(
    label: str = "weakSet", *, key_shape: Any = MISSING, durable: bool = False
) -> Any:
    """Make a `WeakBigSet`, under its standard name: `make_scalar_big_weak_set_store("trusted")`.

    `key_shape` is an annotation for keys. It ends with the incarnation unless `durable` is set. Raises
    TypeError for a bad `label` or annotation.

    Source:
        `makeScalarBigWeakSetStore`.
    """
    return WeakBigSet(label, keys=key_shape, durable=durable)
