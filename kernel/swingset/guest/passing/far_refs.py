"""FarRef: what a type checker can know of an object in another vat.

Methods of another vat's object answer with promises, which its class does not say. So its interface is
written down once more as its senders see it, in a Protocol whose methods return promises, and a reference to
such an object is annotated with it. Then `E(purse).` completes the names of methods, checks their arguments,
and knows what an `await` brings; a direct call is an error, as it would be at run time.

    class PurseApi(Protocol):
        def deposit(self, amount: int) -> Promise[int]: ...

    async def save(purse: FarRef[PurseApi]) -> int:
        return await E(purse).deposit(5)

Nothing here exists at run time: the guard of such an annotation accepts whatever can be sent to, since what a
stranger's object answers to is for the stranger to say. Python's types cannot turn a class's own methods into
ones that promise, so without a Protocol `E(x)` takes any name and promises anything.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

I_co = TypeVar("I_co", covariant=True)


class FarRef(Generic[I_co]):
    """Annotation for a reference to an object, wherever it is, with the interface that senders see."""

    @classmethod
    def of(cls, target: Any) -> FarRef[I_co]:
        """The same object, said to have this interface: `FarRef[PurseApi].of(purse)`."""
        same: FarRef[I_co] = target
        return same
