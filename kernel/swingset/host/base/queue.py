"""The host's access to the run-queue: how many events wait, whether it is paused, and which cannot run."""

from __future__ import annotations

from swingset.core.ahead import AheadReport
from swingset.core.errors import KernelError
from swingset.core.warehouse import UNTRUSTED
from swingset.host.base.engines import KINDS
from swingset.host.base.interruptions import Interruption
from swingset.host.base.opened import Opened
from swingset.host.base.running import Running
from swingset.model.messages import described


class RunQueue:
    """The run-queue of an open world, as `controller.queue`; its length is the number of waiting events.

    Source:
        The kernel's run-queue; to pause it, or to drop an event of it, is ours.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._running = Running(opened)

    def __len__(self) -> int:
        return self._opened.kernel.store.queues.length()

    def __bool__(self) -> bool:
        return True

    @property
    def paused(self) -> bool:
        """Whether the world is paused: then `run` does nothing, and `step` still works."""
        return self._running.paused

    def pause(self) -> None:
        """Pause the world until `unpause`, and commit.

        A call from another thread stops a run at its next crank.

        Example:
            >>> world.queue.pause()
            >>> world.run().cranks
            0
        """
        self._running.set_paused(True, "pause")

    def unpause(self) -> None:
        """Unpause the world, and commit.

        Example:
            >>> world.queue.pause()
            >>> world.queue.unpause()
            >>> world.queue.paused
            False
        """
        self._running.set_paused(False, "unpause")

    @property
    def ahead(self) -> AheadReport:
        """How many deliveries ran ahead of their turn on other threads, and what came of that.

        Example:
            >>> world.queue.ahead.discarded
            0
        """
        return self._opened.kernel.ahead.report()

    @property
    def panic(self) -> str | None:
        """Why the world has stopped for good; None if it has not."""
        return self._opened.kernel.cranks.panic

    def overrule_panic(self) -> None:
        """Let a world that has panicked continue as it is, and commit.

        Source:
            Ours: a panic of the reference is final until the host starts anew.
        Example:
            >>> world.queue.overrule_panic()
            >>> world.queue.panic is None
            True
        """
        with self._opened.lock:
            with self._opened.kernel.request("overrule-panic"):
                self._opened.kernel.store.panic.overrule()
            self._opened.commit("panic overruled")

    @property
    def interrupted(self) -> Interruption | None:
        """The delivery that the last interrupt has stopped, until another crank runs; else None."""
        found = self._opened.interrupted
        if found is None or self._opened.kernel.store.queues.text_at(found.position) is None:
            return None
        return found

    def cancel(self) -> str:
        """Drop the event whose delivery the last interrupt has stopped, and commit.

        Its result is rejected with the reason `dropped`. To keep it, suspend its vat instead.

        Returns:
            A few words about the event.
        Raises:
            KernelError: if no delivery was interrupted since the last crank.
        Example:
            >>> world.queue.interrupted is None
            True
        """
        with self._opened.lock:
            found = self.interrupted
            if found is None:
                raise KernelError("no delivery was interrupted, so there is nothing to cancel")
            return self.drop(found.position)

    def drop(self, position: int) -> str:
        """Delete an event of the run-queue, such as one that is damaged or held back, and commit.

        Its result is rejected with the reason `dropped`. The references of a damaged event stay counted,
        because they cannot be read; `verify` continues to report them.

        Args:
            position: its number, as shown in errors and by `held_back`.
        Returns:
            A few words about the event.
        Raises:
            KernelError: if there is no event with that number.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> [row.position for row in world.lens.queue()]
            [1]
            >>> world.queue.drop(1)
            'the message open_purse()'
        """
        with self._opened.lock:
            event = self._opened.kernel.drop_queued(position)
            self._opened.commit(f"dropped the event at {position}")
        return "what cannot be read" if event is None else described(event)

    def held_back(self) -> list[str]:
        """A sentence for each creation or upgrade in the run-queue that cannot run here, with the reason.

        Example:
            >>> world.queue.held_back()
            []
        """
        known = {*KINDS, *self._opened.factories}
        with self._opened.lock:
            found = []
            for seq, what, kind in self._opened.kernel.queued_starts():
                if kind not in known:
                    why: str | None = f"there is no worker of kind {kind!r}"
                elif kind == "local" and not self._opened.choices.trusts_local:
                    why = UNTRUSTED
                else:
                    why = self._opened.kernel.agenda.why_passed_over(seq)
                if why is not None:
                    found.append(f"{what} waits in the run-queue, at {seq}: {why}")
            return found
