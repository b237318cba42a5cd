"""Calling devices from raw vats: answers, errors, references, and what is undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.model.capdata import CapData
from swingset.testing import audit
from tests.core.raw import RawWorld

from .shelf import Shelf

Ask = Callable[[list[Any]], Any]


def shelved(*names: str) -> tuple[RawWorld, Shelf, str]:
    """A world of raw vats, with a shelf that the first one knows as d-70."""
    world, shelf = RawWorld(*names), Shelf()
    world.kernel.devices.install(shelf)
    root = world.kernel.add_device("shelf", "shelf")
    assert world.kernel.introduce(world.ids[names[0]], root) == "d-70"
    return world, shelf, root


def call(world: RawWorld, vat: str, *syscall: Any) -> list[Any]:
    """Have a vat make one call, and return its answers."""
    answers: list[Any] = []

    def behave(ask: Ask) -> None:
        answers.append(ask(["callNow", *syscall]))

    world.run_in(vat, behave)
    assert audit(world.store) == []
    return answers


def data(body: str, *slots: str) -> dict[str, Any]:
    return {"body": body, "slots": list(slots)}


def test_the_first_device_is_d7_and_its_root_kd30() -> None:
    """Devices are numbered from d7, device nodes from kd30, and vats know them from d-70 on."""
    world, _, root = shelved("A")
    assert root == "kd30"
    assert world.store.devices.named("shelf") == ("d7", "shelf", "shelf", "kd30")
    assert world.kernel.add_device("shelf", "shelf") == root


def test_a_name_is_for_devices_of_one_kind() -> None:
    """Asking for a device of another kind under a taken name is refused."""
    world, _, _ = shelved("A")
    with pytest.raises(KernelError, match="device shelf is a shelf, not a timer"):
        world.kernel.add_device("shelf", "timer")


def test_a_call_answers_within_the_delivery_and_the_device_remembers() -> None:
    """The device's state is in the world, and the next call finds it."""
    world, _, _ = shelved("A")
    assert call(world, "A", "d-70", "count", data("#[]")) == [[False, data("#1")]]
    assert call(world, "A", "d-70", "count", data("#[]")) == [[False, data("#2")]]


def test_what_a_device_keeps_and_gives_back_is_the_same_object() -> None:
    """An object handed to a device comes back under the vat's own name for it."""
    world, _, _ = shelved("A")
    [[failed, ticket]] = call(world, "A", "d-70", "put", data('#["$0.Alleged: amy"]', "o+20"))
    assert not failed
    assert ticket["slots"] == ["d-71"]
    amy = world.kref("A", "o+20")
    assert amy is not None
    assert world.counts(amy) == ("A", 1, 1)
    [[failed, thing]] = call(world, "A", "d-71", "take", data("#[]"))
    assert thing == data('#["$0.Alleged: amy"]', "o+20")


def test_a_device_node_nobody_holds_is_collected_and_releases_what_it_held() -> None:
    """Dropping the ticket forgets the node, its state, and lets the object go."""
    world, _, _ = shelved("A")
    call(world, "A", "d-70", "put", data('#["$0.Alleged: amy"]', "o+20"))
    ticket, amy = world.kref("A", "d-71"), world.kref("A", "o+20")
    assert ticket is not None
    assert amy is not None

    def drop(ask: Ask) -> None:
        ask(["dropImports", ["d-71"]])
        ask(["retireImports", ["d-71"]])

    world.run_in("A", drop)
    assert world.store.objects.get(ticket) is None
    assert world.store.devices.load("d7", ticket) is None
    assert world.actions() == ["A dropExport", "A retireExport"]
    world.drain()
    assert world.store.objects.get(amy) is None
    assert audit(world.store) == []


def test_the_root_of_a_device_stays_when_no_vat_knows_it() -> None:
    """A device belongs to the world, not to those who know it."""
    world, _, root = shelved("A")

    def drop(ask: Ask) -> None:
        ask(["dropImports", ["d-70"]])
        ask(["retireImports", ["d-70"]])

    world.run_in("A", drop)
    assert world.store.objects.get(root) is not None
    assert audit(world.store) == []


def test_a_device_node_that_somebody_holds_stays() -> None:
    """Looking at a node whose count has changed forgets it only where nobody can reach it."""
    world, _, node = shelved("A")
    world.store.touch(node)
    world.store.settle()
    assert world.store.objects.get(node) is not None
    assert audit(world.store) == []


def test_a_vat_that_ends_lets_go_of_its_device_nodes() -> None:
    """Cleaning up a vat collects the tickets that only it held."""
    world, _, _ = shelved("A", "B")
    call(world, "A", "d-70", "put", data("#[1]"))
    ticket = world.kref("A", "d-71")
    assert ticket is not None
    world.kernel.terminate("A", "")
    world.drain()
    assert world.store.objects.get(ticket) is None
    assert audit(world.store) == []


def test_a_failing_device_is_undone_alone_and_the_vat_goes_on() -> None:
    """The caller gets the error, the device's half-done work is gone, the rest of the crank stays."""
    world, _, _ = shelved("A")
    [[failed, error]] = call(world, "A", "d-70", "fail", data('#["$0.Alleged: amy"]', "o+20"))
    assert failed
    assert error == data('#{"#error":"the shelf is wet","name":"ValueError","code":"wet"}')
    assert world.store.devices.kept() == []
    assert call(world, "A", "d-70", "count", data("#[]")) == [[False, data("#1")]]


def test_a_bug_in_a_device_is_an_error_for_its_caller() -> None:
    """The kernel goes on; the message names the device and the method."""
    world, _, _ = shelved("A")
    [[failed, error]] = call(world, "A", "d-70", "crash", data("#[]"))
    assert failed
    assert "device shelf: crash() failed: ZeroDivisionError: by zero" in error["body"]


def test_a_method_may_have_two_hundred_characters() -> None:
    """And not one more, which ends the vat."""
    world, shelf, _ = shelved("A")
    [[failed, _]] = call(world, "A", "d-70", "x" * 200, data("#[]"))
    assert (failed, shelf.calls) == (True, ["x" * 200])


def test_devices_are_found_by_kind_and_name() -> None:
    """The only one of a kind needs no name, of several one is named, and there is no other."""
    world, _, _ = shelved("A")
    board = world.kernel.devices
    only = board.find("shelf")
    assert only is not None
    assert (only.name, board.find("shelf", "shelf"), board.find("printer")) == ("shelf", only, None)
    world.kernel.add_device("second", "shelf")
    second = board.find("shelf", "second")
    assert second is not None
    assert (second.name, second.id) == ("second", "d8")
    with pytest.raises(KernelError, match="several devices of kind shelf, say which one: shelf, second"):
        board.find("shelf")
    for kind, name in (("shelf", "third"), ("printer", "shelf")):
        with pytest.raises(KernelError, match=f"there is no device '{name}' of kind {kind} in this world"):
            board.find(kind, name)
    with pytest.raises(KernelError, match="no device 'third' in this world; there are: shelf, second"):
        board.context("third")
    assert board.context("second").device == second


def test_a_device_owns_its_nodes_and_no_others() -> None:
    """Its root and what it handed out, but neither a vat's object nor another device's node."""
    world, _, root = shelved("A")
    call(world, "A", "d-70", "put", data("#[1]"))
    other = world.kernel.add_device("second", "shelf")
    context = world.kernel.devices.context("shelf")
    ticket = world.kref("A", "d-71")
    assert ticket is not None
    owned = [context.owns(kref) for kref in (root, ticket, other, world.kernel.root_of("A"), "kd99", "")]
    assert owned == [True, True, False, False, False, False]


def test_a_device_without_code_says_so() -> None:
    """A world may hold devices that this host has no code for; calling one is an error, not a crash."""
    world = RawWorld("A")
    world.kernel.introduce(world.ids["A"], world.kernel.add_device("printer", "printer"))
    [[failed, error]] = call(world, "A", "d-70", "print", data("#[]"))
    assert failed
    assert "this host has no code for devices of kind 'printer'" in error["body"]


@pytest.mark.parametrize(
    ("syscall", "words"),
    [
        (["d-70", "put", data('#["&0"]', "p+5")], "a device cannot be given a promise"),
        (["o+0", "put", data("#[]")], "o+0 cannot be called at once: it is not a device"),
        (["d-99", "put", data("#[]")], "never given to the vat"),
        (["d-70", 5, data("#[]")], "syscall 'callNow' wants text, got str 'd-70', int 5"),
        (["d-70", "x" * 201, data("#[]")], "the method of a device is a str"),
        (["d-70", "put", {"body": "#[]"}], "capdata wants exactly body and slots"),
        (["d-70", "put", data('#["$0"]', "o-99")], "never given to the vat"),
    ],
)
def test_a_misused_call_ends_the_vat(syscall: list[Any], words: str) -> None:
    """What no correct guest says about a device is an illegal syscall."""
    world, shelf, _ = shelved("A")

    def behave(ask: Ask) -> None:
        ask(["callNow", *syscall])

    report = world.run_in("A", behave)
    assert report.fault is not None
    assert words in report.fault.message
    assert world.store.vats.named("A") is None
    assert shelf.calls == []


def test_a_message_to_a_device_ends_the_vat() -> None:
    """Devices are called, not sent to."""
    world, _, _ = shelved("A")

    def behave(ask: Ask) -> None:
        ask(["send", "d-70", {"methargs": data('#["x",[]]'), "result": None}])

    report = world.run_in("A", behave)
    assert report.fault is not None
    assert "messages go to objects and promises" in report.fault.message


def test_an_undone_crank_undoes_what_its_calls_did() -> None:
    """A vat that fails after a call leaves the device as it was."""
    world, shelf, _ = shelved("A")

    def behave(ask: Ask) -> None:
        ask(["callNow", "d-70", "count", data("#[]")])
        ask(["subscribe", "o+0"])

    world.run_in("A", behave)
    assert shelf.calls == ["count"]
    assert world.store.devices.kept() == []


def test_a_vat_that_is_brought_back_does_not_call_the_device_again() -> None:
    """Replay answers from the transcript."""
    world, shelf, _ = shelved("A")
    call(world, "A", "d-70", "count", data("#[]"))
    world.kernel.warehouse.discard_all()
    assert call(world, "A", "d-70", "count", data("#[]")) == [[False, data("#2")]]
    assert shelf.calls == ["count", "count"]


def test_a_device_may_answer_with_a_promise() -> None:
    """The vat waits for it like for any other, and the device settles it later."""
    world, _, _ = shelved("A")
    world.run_in(
        "A", lambda ask: ask(["callNow", "d-70", "later", data("#[]")]) and ask(["subscribe", "p-60"])
    )
    world.vat("A").take_log()
    assert audit(world.store) == []
    call(world, "A", "d-70", "now", data("#[7]"))
    world.drain()
    assert world.vat("A").take_log() == [["notify", [["p-60", {"rejected": False, "data": data("#7")}]]]]
    assert audit(world.store) == []


def test_a_device_node_is_no_target_for_messages_even_behind_a_promise() -> None:
    """A message to a promise for a device node is rejected as if the node were data."""
    world, _, _ = shelved("A")

    result = world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    world.vat("A").next = lambda delivery, ask: ask(
        ["resolve", [[delivery[2]["result"], False, data('#"$0.Alleged: shelf"', "d-70")]]]
    )
    after = world.kernel.queue_message(result, CapData('#["go",[]]'))
    world.drain()
    record = world.store.promises.get(after)
    assert record is not None
    assert record.data is not None
    assert "data is not callable, has no method go" in record.data.body
    assert audit(world.store) == []
