"""`@remotable`: lets the instances of a class pass to other vats, which may then call them.

They live in the heap, and an upgrade ends them. (`@durable`, in `kinds.classes`, is for those that survive.)
"""

from __future__ import annotations

from typing import TypeVar

from ..passing.remotables import give_repr
from .class_checks import check_remotable
from .method_tables import MethodTable

C = TypeVar("C", bound=type)


def remotable(cls: C) -> C:
    """Let the instances of a class be sent to other vats, which may then call its methods.

    Names that start with `_` cannot be called from outside. Every message is checked against the annotations
    of the parameters. The instances end with the incarnation; use `@durable` for those that must survive an
    upgrade. Raises TypeError if the class is `@durable`, or has a method that no message could call.

        @remotable
        class Counter:
            def add(self, amount: int) -> int: ...

    Source:
        `Far(name, methods)`, as a class, with guards of its annotations.
    """
    if "__kind__" in vars(cls):
        raise TypeError(f"{cls.__name__} is @durable already: @remotable would make it forget its state")
    check_remotable(cls)
    cls.__method_table__ = MethodTable(cls, cls.__name__)  # type: ignore[attr-defined]
    give_repr(cls, _plain_repr)
    return cls


def _plain_repr(self: object) -> str:
    return f"<{type(self).__name__}>"
