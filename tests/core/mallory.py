"""A vat that says what it likes to the kernel of a real world, between deliveries."""

from __future__ import annotations

from typing import Any

from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult
from swingset.workers.base import SyscallHandler
from tests.staging import Stage
from tests.workers.heapless import Heapless


class Mallory:
    """An attached vat without a guest library, beside the vats of a stage. It hears nothing."""

    def __init__(self, stage: Stage) -> None:
        self._kernel = stage.controller.kernel
        self.id = self._kernel.attach("mallory", _Deaf(), "")[0].id

    def say(self, *syscall: Any) -> Any:
        """Make a syscall, which has to be legal; returns its answer."""
        status, answer = self._kernel.outside_syscall(self.id, list(syscall))
        assert status == "ok", answer
        return answer

    def meet(self, vat: str) -> str:
        """Be given the root object of a vat; returns the name for it."""
        return self._kernel.introduce(self.id, self._kernel.root_of(vat))

    def send(self, target: str, method: str, *promises: str) -> None:
        """Send a message whose arguments are promises."""
        arguments = ",".join(f'"&{index}"' for index in range(len(promises)))
        methargs = {"body": f'#["{method}",[{arguments}]]', "slots": list(promises)}
        self.say("send", target, {"methargs": methargs, "result": None})

    def settle(self, *outcomes: tuple[str, str, list[str]]) -> None:
        """Fulfil promises: each is a name, a body and its slots."""
        self.say("resolve", [[name, False, {"body": body, "slots": slots}] for name, body, slots in outcomes])


class _Deaf(Heapless):
    kind = "attached"

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        return DeliveryResult()


def list_of(promises: int) -> str:
    """The body of a list of so many promises."""
    return "#[" + ",".join(f'"&{index}"' for index in range(promises)) + "]"
