"""A kernel small enough to see through: it records the syscalls of one vat and makes its deliveries."""

from __future__ import annotations

import json
from typing import Any

from swingset.guest.liveslots import Liveslots

ROOT = "o+0"


def capdata(value: Any, *slots: str) -> dict[str, Any]:
    """A body from its JSON tree."""
    return {"body": "#" + json.dumps(value, separators=(",", ":")), "slots": list(slots)}


class Bench:
    """One vat over a dict, with everything it asked for."""

    def __init__(
        self, source: str = "", *, store: dict[str, str] | None = None, incarnation: int = 0
    ) -> None:
        self.store: dict[str, str] = {} if store is None else store
        self.log: list[Any] = []
        self.calls: list[Any] = []
        self.everything: list[Any] = []
        self.unhandled: list[str] = []
        self.next_promise = 60
        self.vat = Liveslots(
            self.syscall,
            vat_name="bank",
            incarnation=incarnation,
            parts=[["bank", source]] if source else None,
        )
        self.vat.on_unhandled = self.unhandled.append

    def syscall(self, call: list[Any]) -> Any:
        self.everything.append(call)
        name = call[0]
        if name == "vatstoreGet":
            return self.store.get(call[1])
        if name == "vatstoreSet":
            self.store[call[1]] = call[2]
        elif name == "vatstoreDelete":
            self.store.pop(call[1], None)
        elif name == "vatstoreGetNextKey":
            return min((key for key in self.store if key > call[1]), default=None)
        else:
            self.calls.append(json.loads(json.dumps(call)))
        return None

    def take(self) -> list[Any]:
        """The syscalls other than the store's since the last look."""
        calls, self.calls = self.calls, []
        return calls

    def start(self, parameters: Any = None, *slots: str) -> dict[str, Any]:
        return self.vat.deliver(["startVat", capdata(parameters, *slots)])

    def up(self, parameters: Any = None) -> Bench:
        """Start, and be sure that it did."""
        result = self.start(parameters)
        assert result == {"status": "ok"}, result
        return self

    def upgrade(self, source: str) -> Bench:
        """The next incarnation over the same store, not yet started."""
        return Bench(source, store=self.store, incarnation=self.vat.incarnation + 1)

    def send(
        self,
        method: str,
        *args: Any,
        target: str = ROOT,
        slots: tuple[str, ...] = (),
        kwargs: dict[str, Any] | None = None,
        result: str | None = "",
    ) -> str | None:
        """Deliver a message whose arguments are given as JSON trees; the name of its result promise."""
        if result == "":
            result = f"p-{self.next_promise}"
            self.next_promise += 1
        call = [method, list(args)] + ([kwargs] if kwargs else [])
        answer = self.vat.deliver(["message", target, {"methargs": capdata(call, *slots), "result": result}])
        assert answer == {"status": "ok"}, answer
        return result

    def notify(self, *resolutions: tuple[str, bool, dict[str, Any]]) -> None:
        batch = [[vpid, {"rejected": rejected, "data": data}] for vpid, rejected, data in resolutions]
        answer = self.vat.deliver(["notify", batch])
        assert answer == {"status": "ok"}, answer

    def ask(self, method: str, *args: Any, **more: Any) -> Any:
        """Deliver a message that is answered at once; the JSON tree of its answer."""
        result = self.send(method, *args, **more)
        settled = {entry[0]: entry for call in self.take() if call[0] == "resolve" for entry in call[1]}
        return json.loads(settled[result][2]["body"][1:])
