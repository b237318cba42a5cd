"""Raw vats: code of the project that serves deliveries and makes syscalls with no liveslots between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.core.errors import KernelError, VatFault
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.host.base.starting import create_vat, upgrade_vat
from swingset.vat import make_promise
from tests.scenarios.test_gc import reap
from tests.staging import Stage

LOGGING = """
import json

def build_dispatch(syscall):
    def kept(key):
        return json.loads(syscall(["vatstoreGet", key]) or "[]")

    def keep(key, value):
        syscall(["vatstoreSet", key, json.dumps(value)])

    def dispatch(delivery):
        keep("log", [*kept("log"), delivery])
        kind = delivery[0]
        if kind == "message":
            serve(delivery[1], delivery[2]["methargs"], delivery[2]["result"])

    def answer(vpid, body, slots=()):
        syscall(["resolve", [[vpid, False, {"body": body, "slots": list(slots)}]]])

    def serve(target, methargs, result):
        method, args = json.loads(methargs["body"][1:])[:2]
        if method == "log":
            answer(result, "#" + json.dumps(json.dumps(kept("log"))))
        elif method == "durable":
            answer(result, '#"$0.Alleged: far"', ["o+d1/1"])
        elif method == "ephemeral":
            answer(result, '#"$0.Alleged: near"', ["o+7"])
        elif method in ("pending", "kept"):
            keep(method, [result])
            if method == "kept":
                syscall(["keepPromises", [result]])
        elif method == "settle":
            for key in args:
                answer(kept(key)[0], '#"late"')
            answer(result, "#null")
        elif method == "watch":
            syscall(["subscribe", methargs["slots"][0]])
            answer(result, "#null")
        elif method == "fail":
            keep("lost", [1])
            raise ValueError("no such luck")
        elif method == "steal":
            syscall(["send", "o-999", {"methargs": methargs, "result": None}])
        elif result is not None:
            answer(result, "#" + json.dumps([target, method]))

    return dispatch
"""
CLAIMING = LOGGING.replace(
    "        kind = delivery[0]\n",
    '        kind = delivery[0]\n        if kind == "startVat":\n'
    '            syscall(["keepPromises", kept("kept")])\n',
)
"""The next incarnation, which claims the promise that the one before has kept."""


def parts(source: str = LOGGING) -> tuple[tuple[str, str], ...]:
    """The code of a raw vat."""
    return (("raw odd", source),)


class Odd:
    """A world with a raw vat in it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        create_vat(
            stage.controller._opened, "odd", parts(), service=True, options={"enable_pipelining": True}
        )
        self.root = stage.session.root("odd")

    def ask(self, method: str, *args: Any) -> Any:
        """Send to the root and wait."""
        return self.stage.ask(self.root, method, *args)

    def log(self) -> list[list[Any]]:
        """The deliveries that the vat has had so far."""
        found: list[list[Any]] = json.loads(self.ask("log"))
        return found[:-1]

    def upgrade(self, source: str) -> None:
        """Replace the vat's code, as the library does."""
        upgrade_vat(
            self.stage.controller._opened, "odd", parts(source), parameters=None, message="new", service=True
        )


@pytest.fixture
def odd(stage: Stage) -> Odd:
    """A raw vat in each kind of worker."""
    return Odd(stage)


def test_a_raw_vat_gets_deliveries_as_the_kernel_has_them(odd: Odd) -> None:
    """It gets its start, messages to any of its exports, outcomes, and the order to bring out its dead."""
    stage = odd.stage
    near = odd.ask("ephemeral")
    assert stage.ask(near, "hello") == ["o+7", "hello"]
    promise, resolver = make_promise()
    odd.ask("watch", promise)
    resolver.resolve(5)
    stage.session.settle()
    reap(stage, "odd")
    start, first, second, third, outcome, dead = odd.log()[:6]
    assert start[0] == "startVat"
    assert [each[:2] for each in (first, second, third)] == [
        ["message", "o+0"],
        ["message", "o+7"],
        ["message", "o+0"],
    ]
    assert first[2]["methargs"] == {"body": '#["ephemeral",[]]', "slots": []}
    watched = third[2]["methargs"]["slots"][0]
    assert outcome == ["notify", [[watched, {"rejected": False, "data": {"body": "#5", "slots": []}}]]]
    assert dead == ["bringOutYourDead"]


def test_a_raw_vat_is_notified_when_nothing_refers_to_an_export(odd: Odd) -> None:
    """It gets `dropExports`, and may then retire the export."""
    near = odd.ask("ephemeral")
    assert near is not None
    del near
    reap(odd.stage, "notebook")
    assert [each for each in odd.log() if each[0].endswith("Exports")] == [
        ["dropExports", ["o+7"]],
        ["retireExports", ["o+7"]],
    ]


def test_messages_to_an_answer_of_a_raw_vat_reach_it(odd: Odd) -> None:
    """With pipelining on, a promise that it decides takes messages before it is settled."""
    waiting = E(odd.root).pending()
    answer = E(waiting).hello()
    odd.stage.session.settle()
    (decided,) = (each[2]["result"] for each in odd.log() if "pending" in str(each))
    assert odd.stage.session.wait(answer) == [decided, "hello"]
    odd.ask("settle", "pending")
    assert odd.stage.session.wait(waiting) == "late"


def test_an_upgrade_keeps_durable_exports_and_the_promises_that_are_claimed(odd: Odd) -> None:
    """The next incarnation answers for `o+d1/1` and settles a kept promise; the others are broken."""
    far, near = odd.ask("durable"), odd.ask("ephemeral")
    kept, pending = E(odd.root).kept(), E(odd.root).pending()
    odd.stage.session.settle()
    odd.upgrade(CLAIMING)
    assert odd.stage.ask(far, "hello") == ["o+d1/1", "hello"]
    odd.ask("settle", "kept")
    assert odd.stage.session.wait(kept) == "late"
    with pytest.raises(RemoteError, match="upgraded before it answered"):
        odd.stage.session.wait(pending)
    with pytest.raises(RemoteError, match="upgraded to incarnation 1"):
        odd.stage.ask(near, "hello")


def test_a_raw_vat_is_brought_back_from_its_transcript(odd: Odd) -> None:
    """Its worker may be thrown away between two deliveries."""
    odd.ask("durable")
    before = odd.log()
    odd.stage.controller.kernel.warehouse.discard_all()
    assert odd.log()[: len(before)] == before


def test_what_fails_in_a_raw_vat_rolls_the_delivery_back(odd: Odd) -> None:
    """The sender gets the error with its line, and nothing of the delivery is stored."""
    with pytest.raises(RemoteError, match="no such luck") as caught:
        odd.ask("fail")
    assert caught.value.trace[-1][0] == "raw odd"
    assert "fail" not in str(odd.log())
    kernel = odd.stage.controller.kernel
    assert kernel.store.vatstore.get(kernel.vat("odd").id, "lost") is None


def test_a_raw_vat_that_breaks_a_rule_of_the_kernel_is_terminated(odd: Odd) -> None:
    """It may name only what it was given, like every vat."""
    with pytest.raises(RemoteError, match="o-999 is not in the vat's c-list"):
        odd.ask("steal")
    assert "odd" not in odd.stage.controller.vats


def test_a_raw_vat_that_ends_takes_its_exports_along(odd: Odd) -> None:
    """Messages to them are rejected, as for every vat."""
    far = odd.ask("durable")
    odd.stage.controller.terminate_vat("odd", "enough")
    with pytest.raises(RemoteError, match="enough"):
        odd.stage.ask(far, "hello")


def test_a_raw_vat_without_a_dispatch_does_not_start(local: Stage) -> None:
    """The refusal names what is missing."""
    with pytest.raises(VatFault, match=r"build_dispatch\(syscall\)"):
        create_vat(local.controller._opened, "odd", parts("x = 1"), service=True)


def test_only_the_library_makes_raw_vats(local: Stage) -> None:
    """Hosts and vats can neither create one, nor make one of another vat, nor give one other code."""
    world, odd = local.controller, Odd(local)
    with pytest.raises(KernelError, match="give the part another name"):
        world.create_vat("mine", parts())
    local.define("plain", "from swingset.vat import remotable\n@remotable\nclass A: pass\n"
                 "def build_root_object(): return A()")  # fmt: skip
    for vat, code in (("plain", parts()), ("odd", parts(CLAIMING)), ("odd", world.vats.parts("plain"))):
        with pytest.raises(KernelError, match="give the part another name"):
            world.upgrade_vat(vat, code)
    with pytest.raises(KernelError, match="is no name for code"):
        world.devices.install_bundle(parts())
    world.upgrade_vat("odd", parts())
    assert odd.log()[-2:][0] == ["bringOutYourDead"]
