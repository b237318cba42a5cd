"""The object that `build_root_object` gets as `powers`: what a vat may do to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .passing.passable import UnpassableError

if TYPE_CHECKING:
    from .liveslots import Liveslots


class Powers:
    """What a vat may do to itself: `def build_root_object(powers): powers.exit("done")`.

    `vat_name` and `incarnation` (from 0 up) say which vat runs.

    Source:
        `vatPowers` of `buildRootObject`; `migrate_some` and `collect_cycles` are ours.
    """

    def __init__(self, vat: Liveslots) -> None:
        self._vat = vat
        self.vat_name = vat.vat_name
        self.incarnation = vat.incarnation
        self.may_disavow = False

    def migrate_some(self, budget: int) -> dict[str, Any]:
        """Migrate up to `budget` records of kinds with a new version; returns the progress by tag.

        An empty result means that nothing is left to migrate. Raises TypeError for a budget below 1.

            while powers.migrate_some(1_000): ...
        """
        return self._vat.kinds.sweep.some(budget)

    def collect_cycles(self) -> None:
        """Make the next `bringOutYourDead` search all stored objects for dead cycles.

        Without a request it searches only a limited number of objects at a time.
        """
        self._vat.cycles.wanted = True

    def exit(self, completion: Any = None, *, failed: bool = False) -> None:
        """Terminate this vat after the current delivery; `completion` is what its `done` promise gets.

        With `failed` the delivery is rolled back, and `done` is rejected. Raises TypeError if `completion`
        cannot be passed.
        """
        try:
            capdata = self._vat.slots.encode(completion)
        except UnpassableError as exc:
            raise TypeError(self._vat.slots.explain("completion", completion, exc)) from None
        self._vat.syscall(["exit", failed, capdata])

    def disavow(self, presence: object) -> None:
        """Drop an object of another vat at once, even if code of this vat still holds its presence.

        The kernel is told. From now on messages to the presence are rejected, and it cannot be passed. If the
        object is sent to this vat again, it gets another presence. Raises RuntimeError in a vat without the
        option `enable_disavow`, and TypeError for anything but an object of another vat that nothing stored
        refers to.
        """
        if not self.may_disavow:
            raise RuntimeError(
                f"vat {self.vat_name} may not disavow: it has to be made with the option enable_disavow"
            )
        self._vat.slots.disavow(presence)
