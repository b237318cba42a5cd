"""Kinds and collections without classes: `from swingset.vat.explicit import define_durable_kind`.

`@durable` and `BigMap` do the same in fewer words. These forms are for code that makes its kinds from data,
that finds a kind by a handle in its baggage, or that was translated from JavaScript, whose vats use them.
"""

from ..guest.lasting.explicit import (
    define_durable_kind,
    define_durable_kind_multi,
    define_kind,
    define_kind_multi,
    make_kind_handle,
    prepare_kind,
    prepare_kind_multi,
    prepare_singleton,
    provide_kind_handle,
)
from ..guest.stores.makers import (
    make_scalar_big_map_store,
    make_scalar_big_set_store,
    make_scalar_big_weak_map_store,
    make_scalar_big_weak_set_store,
)

__all__ = [
    "define_durable_kind",
    "define_durable_kind_multi",
    "define_kind",
    "define_kind_multi",
    "make_kind_handle",
    "make_scalar_big_map_store",
    "make_scalar_big_set_store",
    "make_scalar_big_weak_map_store",
    "make_scalar_big_weak_set_store",
    "prepare_kind",
    "prepare_kind_multi",
    "prepare_singleton",
    "provide_kind_handle",
]
