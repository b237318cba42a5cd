"""A stage with the vat `vatAdmin`, which may itself be upgraded between any two steps of a story."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from swingset import service_vats
from swingset.guest.base.errors import RemoteError
from tests.staging import Stage

COUNTER = """
    from swingset.vat import E, durable, make_promise, remotable

    @remotable
    class Counter:
        def __init__(self, powers, parameters):
            self.powers = powers
            self.parameters = parameters
            self.count = (parameters or {}).get("start", 0) if isinstance(parameters, dict) else 0

        def get_parameters(self):
            return self.parameters

        def increment(self, by):
            self.count += by
            return self.count

        def ticker(self):
            return Ticker(self)

        def thirteen(self):
            return 13

        def ping(self, value):
            return value

        def never(self):
            return make_promise()[0]

        def burn(self, turns):
            for _ in range(turns):
                pass
            return 42

        def exit(self, value, failed):
            self.powers.exit(value, failed=failed)
            return "leaving"

    @remotable
    class Ticker:
        def __init__(self, counter):
            self.counter = counter

        def add2(self, number):
            self.counter.count += 2
            return number + 2

    def build_root_object(powers, parameters):
        return Counter(powers, parameters)
"""


class Admin:
    """A stage with vatAdmin in it, and the counter's bundle installed."""

    def __init__(self, stage: Stage, upgrading: bool) -> None:
        self.stage = stage
        self.upgrading = upgrading
        self.vat_admin = stage.session.devices.vat_admin()
        self.counter = self.bundle(COUNTER, "counter")

    def bundle(self, source: str, name: str | None = None) -> Any:
        return self.stage.session.devices.bundle(dedent(source), name)

    def between(self) -> None:
        """The moment between two steps: vatAdmin may be upgraded here."""
        if self.upgrading:
            self.stage.session.upgrade("vatAdmin", "vatAdmin", service_vats.source("vat_admin"))

    def ask(self, target: Any, method: str, *args: Any) -> Any:
        self.between()
        return self.stage.ask(target, method, *args)

    def send(self, target: Any, method: str, *args: Any) -> Any:
        self.between()
        return self.stage.send(target, method, *args)

    def wait(self, promise: Any) -> Any:
        return self.stage.session.wait(promise)

    def create(self, bundlecap: Any = None, **options: Any) -> tuple[Any, Any]:
        made = self.ask(self.vat_admin, "create_vat", bundlecap or self.counter, options)
        return made["root"], made["adminNode"]

    def refused(self, *args: Any, method: str = "create_vat") -> str:
        with pytest.raises(RemoteError) as caught:
            self.ask(self.vat_admin, method, *args)
        return str(caught.value)

    def counts(self, kref: str) -> tuple[int, int]:
        record = self.stage.controller.kernel.store.objects.get(kref)
        assert record is not None
        return record.reachable, record.recognizable

    def kref(self, presence: Any) -> str:
        kernel, vat = self.stage.controller.kernel, self.stage.session.vat_id
        kref = kernel.recognize(vat, presence._vref)
        assert kref is not None
        return kref
