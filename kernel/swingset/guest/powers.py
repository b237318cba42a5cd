"""What a vat may do to itself: the object that `build_root_object` is handed as `powers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .passing.passable import UnpassableError

if TYPE_CHECKING:
    from .liveslots import Liveslots


class Powers:
    """What a vat may do to itself."""

    def __init__(self, vat: Liveslots) -> None:
        self._vat = vat
        self.vat_name = vat.vat_name
        self.incarnation = vat.incarnation
        self.may_disavow = False

    def migrate_some(self, budget: int) -> dict[str, Any]:
        """Visit up to `budget` records of kinds with a new version; how far that is, by tag.

        An empty answer says that there is nothing left to migrate.
        """
        return self._vat.kinds.sweep.some(budget)

    def collect_cycles(self) -> None:
        """Have the next bringing out of the dead search all stored objects for dead cycles.

        Without being asked it searches too, but only so many objects at a time.
        """
        self._vat.cycles.wanted = True

    def exit(self, completion: Any = None, *, failed: bool = False) -> None:
        """End this vat after the current delivery; `failed` undoes the delivery and reports a failure."""
        try:
            capdata = self._vat.slots.encode(completion)
        except UnpassableError as exc:
            raise TypeError(self._vat.slots.explain("completion", completion, exc)) from None
        self._vat.syscall(["exit", failed, capdata])

    def disavow(self, presence: object) -> None:
        """Give up an object of another vat at once, whoever in this vat still holds it.

        The kernel is told that it is dropped. The presence is of no use any more: messages to it are
        rejected, and it cannot be passed. Should the object be sent to this vat again, it is another
        presence. Only in a vat that was made with the option `enable_disavow`.
        """
        if not self.may_disavow:
            raise RuntimeError(
                f"vat {self.vat_name} may not disavow: it has to be made with the option enable_disavow"
            )
        self._vat.slots.disavow(presence)
