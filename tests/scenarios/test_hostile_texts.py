"""Texts that a vat chose and the host reads: nothing raises, and no words depend on the host.

The kernel reads the form of a message, devices read arguments, and people look at what vats have stored.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import pytest

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.devices import plain
from swingset.host.worlds.controller import Controller
from swingset.lens.state.records import Records
from swingset.lens.state.versions import Versions
from swingset.model.capdata import CapData
from swingset.model.foreign import MOST_DIGITS, Unreadable, read_json, shown, stored_size, whole
from swingset.model.messages import Message
from tests.core.mallory import Mallory
from tests.devices.test_answers import call, world_with
from tests.staging import Stage

TEXTS = {
    "deep": "[" * 100_000,
    "deep and closed": "[" * 970 + "]" * 970,
    "deep objects": '{"tag":' * 900 + "1" + "}" * 900,
    "deep tag": '{"tag":' + "[" * 900 + "]" * 900 + "}",
    "tag of lists": '{"tag":[[],[]]}',
    "a list": "[1]",
    "a number": "5",
    "a long number": '{"version":' + "9" * 4_500 + "}",
    "a large number": '{"version":' + "9" * 4_000 + ',"older":{"1":1}}',
    "not finite": '{"tag":NaN}',
    "half a pair": '{"tag":"\\ud800"}',
    "nothing": "",
}
"""What a vat may store where its guest library keeps descriptors and records."""


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("key", ["vom.dkind.10.descriptor", "vom.sweep.10", "vom.o+d10/1", "vc.1.sx"])
def test_a_stored_text_can_be_looked_at(local: Stage, key: str, text: str) -> None:
    """Tables, records and versions show a store in which anything may lie."""
    mallory = Mallory(local)
    mallory.say("vatstoreSet", key, text)
    vat = local.define("vat", "from swingset.vat import remotable\n" + ECHO)
    assert vat is not None
    mallory.say(
        "send", mallory.meet("vat"), {"methargs": {"body": BODY, "slots": ["o+d10/1"]}, "result": None}
    )
    local.lens.clist("mallory")
    local.lens.queue()
    store = local.controller.kernel.store
    list(Records(store).all(mallory.id))
    assert Records(store).called(mallory.id, "o+d10/1")
    assert len(local.lens.label(store.clists.by_vref(mallory.id, "o+d10/1").kref)) < 200  # type: ignore[union-attr]
    Versions(store, mallory.id).stale()


ECHO = """
@remotable
class Echo:
    def echo(self, *given):
        return len(given)

def build_root_object():
    return Echo()
"""
BODY = '#["echo",["$0"]]'

METHODS = [
    ('#["deposit",[5]]', "deposit"),
    ('#["!-x",[]]', "-x"),
    ('#["' + "m" * 5_000_000, "m" * 199 + "…"),
    ("#[" + "[" * 970 + "]" * 970 + "]", "?"),
    ('#["a",' + "[" * 970, "a"),
    ('#["\\ud800",[]]', "?"),
    ('#["\\n\\u0041",[]]', "\nA"),
    ("#[5]", "?"),
    ("", "?"),
    ('#["unfinished', "unfinished"),
]


@pytest.mark.parametrize(("body", "method"), METHODS, ids=range(len(METHODS)))
def test_a_method_is_named_by_the_first_text_of_its_message(body: str, method: str) -> None:
    """However deep or long the rest is, it is not read."""
    assert Message(CapData(body)).method == method


READ = [
    ("[" * 33 + "]" * 33, "nested deeper than 32 levels"),
    ('["\\\\",' + "[" * 33, "nested deeper than 32 levels"),
    ("[" + "1," * 1_000_000 + "1]", "more than 1,000,000 values"),
    ("[" * 40 + '"' * 9_000_000, "more than 1,000,000 values"),
    ("9" * (MOST_DIGITS + 1), f"a number has {MOST_DIGITS + 1:,} digits, 4,300 are allowed"),
    ("0." + "9" * 5_000, "a number has 5,002 characters, 4,300 are allowed"),
    ("-1e400", "a number is out of range"),
    ("[Infinity]", "not JSON: Infinity"),
    ("[1", "not JSON"),
    (b"\xff", "not JSON: it is not UTF-8"),
]


@pytest.mark.parametrize(("text", "words"), READ, ids=[words for _, words in READ])
def test_what_nobody_reads_is_refused_in_fixed_words(text: str | bytes, words: str) -> None:
    """What is wrong is told by a limit of the text alone."""
    with pytest.raises(Unreadable) as caught:
        read_json(text)
    assert str(caught.value) == words


def test_brackets_in_texts_do_not_nest() -> None:
    """Only brackets outside of texts count, whatever is escaped in these."""
    said = ['"' + "[" * 100, "\\", '\\"[' * 50, "{" * 40]
    assert read_json(json.dumps(said)) == said


@pytest.mark.parametrize("digits", [1, 599, 600, 601, 1_201, MOST_DIGITS])
@pytest.mark.parametrize("sign", ["", "-", "+"])
def test_a_number_is_read_under_every_setting(
    monkeypatch: pytest.MonkeyPatch, digits: int, sign: str
) -> None:
    """What Python is set to read is not asked."""
    text = sign + "9876543210" * (digits // 10) + "7" * (digits % 10)
    wanted = int(text)
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert whole(text) == wanted
    finally:
        sys.set_int_max_str_digits(before)


class Odd(type):
    """A class of classes that lies about their names."""

    @property
    def __name__(cls) -> str:
        raise ValueError


SHOWN = [
    (None, "None"),
    (5, "int 5"),
    (10**5_000, "int (very large)"),
    (True, "bool True"),
    ("x", "str 'x'"),
    ("y" * 70, "str '" + "y" * 60 + "'..."),
    ([[[]]], "list of 1"),
    ({"a": 1}, "dict of 1"),
    ("\ud800\x1b", "str '\\ud800\\x1b'"),
    (Odd("Made", (), {})(), "Made"),
]


@pytest.mark.parametrize(("value", "words"), SHOWN, ids=range(len(SHOWN)))
def test_a_value_is_named_without_being_looked_into(value: object, words: str) -> None:
    """Its type, and itself where it is short."""
    assert shown(value) == words


@pytest.mark.parametrize(("text", "size"), [("a", 3), ('"', 4), ("\x01", 8), ("é", 4), ("😀", 6), ("\n", 4)])
def test_a_text_takes_what_its_json_takes(text: str, size: int) -> None:
    """Escapes and bytes are counted, not characters."""
    assert stored_size(text) == size


DEVICE_ARGUMENTS = {
    "deep": "#[" + "[" * 900 + "]" * 900 + "]",
    "deeper than a device reads": "#[" + "[" * 80 + "]" * 80 + "]",
    "a large number": '#["+' + "9" * 4_300 + '"]',
    "a long number": "#[" + "9" * 5_000 + "]",
    "not JSON": "#[",
    "not finite": "#[1e999]",
    "half a pair": '#["\\ud800"]',
    "half a pair as a key": '#[{"\\udfff":1}]',
}


@pytest.mark.parametrize("body", DEVICE_ARGUMENTS.values(), ids=DEVICE_ARGUMENTS.keys())
@pytest.mark.parametrize(
    "read", [plain.read, lambda args: plain.part(args, 0), lambda args: plain.blank(args, 0)]
)
def test_a_device_reads_or_refuses(body: str, read: Any) -> None:
    """Whatever a vat hands a device, it is read or refused in words."""
    with contextlib.suppress(DeviceError):
        read(CapData(body))


def test_a_meter_cannot_be_filled_beyond_what_a_file_holds(local: Stage) -> None:
    """What remains is a number that the file can hold, however often it is added to."""
    controller: Controller = local.controller
    meter = controller.meters.create(1 << 61)
    controller.meters.refill(meter, 1 << 61 - 1)
    with pytest.raises(KernelError, match="what remains of a meter is an int from 0"):
        controller.meters.refill(meter, (1 << 62) - 1)


class Speechless(Exception):
    """An error that cannot say what is wrong."""

    def __str__(self) -> str:
        raise ValueError


def test_an_error_that_cannot_be_worded_is_told_by_its_class() -> None:
    """The device fails, its caller hears of it, and the kernel goes on."""

    def fail(_context: DeviceContext) -> Any:
        raise Speechless

    failed, error = call(world_with(fail))
    assert failed
    assert "Speechless: it cannot be put into words" in error["body"]
