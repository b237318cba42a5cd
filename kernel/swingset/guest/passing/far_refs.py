"""FarRef: tells a type checker the methods of an object in another vat.

The methods of another vat's object return promises, and the annotations in its class do not say so. So its
interface is written again as senders see it: as a Protocol whose methods return promises. A reference to the
object is annotated with that Protocol. Then `E(purse).` completes the names of methods, checks their
arguments, and knows the type that an `await` returns; a direct call is an error, as it would be at run time.

    class PurseApi(Protocol):
        def deposit(self, amount: int) -> Promise[int]: ...

    async def save(purse: FarRef[PurseApi]) -> int:
        return await E(purse).deposit(5)

At run time none of this is checked: the guard of such an annotation accepts anything that can be sent to,
because only the other vat knows the methods of its object. Python's types cannot turn the methods of a class
into methods that return promises, so without a Protocol `E(x)` takes any name and returns a promise of
anything.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

I_co = TypeVar("I_co", covariant=True)


class FarRef(Generic[I_co]):
    """Annotation for a reference to an object in any vat, with its interface: `purse: FarRef[PurseApi]`.

    Source:
        The type `FarRef` of `@endo/far`.
    """

    @classmethod
    def of(cls, target: Any) -> FarRef[I_co]:
        """Return `target` itself, for a type checker as a FarRef: `FarRef[PurseApi].of(purse)`."""
        same: FarRef[I_co] = target
        return same
