"""What a vat says, read once: typed records of what has the form, and words for what has not."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model import syscalls
from swingset.model.capdata import CapData
from swingset.model.syscalls import Malformed, read

DATA = {"body": "#1", "slots": ["o+1"]}
ONE = CapData("#1", ("o+1",))

READ: list[tuple[list[Any], syscalls.Asked]] = [
    (["send", "o-50", {"methargs": DATA, "result": None}], syscalls.Send("o-50", ONE, None)),
    (["send", "p+1", {"methargs": DATA, "result": "p+7"}], syscalls.Send("p+1", ONE, "p+7")),
    (["subscribe", "p-60"], syscalls.Subscribe("p-60")),
    (["resolve", []], syscalls.Resolve(())),
    (["resolve", [["p+1", True, DATA]]], syscalls.Resolve((("p+1", True, ONE),))),
    (["exit", False, DATA], syscalls.Exit(False, ONE)),
    (["vatstoreGet", "k"], syscalls.VatstoreGet("k")),
    (["vatstoreSet", "k", "v"], syscalls.VatstoreSet("k", "v")),
    (["vatstoreDelete", "k"], syscalls.VatstoreDelete("k")),
    (["vatstoreGetNextKey", ""], syscalls.VatstoreGetNextKey("")),
    (["dropImports", ["o-50"]], syscalls.DropImports(("o-50",))),
    (["retireImports", ["o-50"]], syscalls.RetireImports(("o-50",))),
    (["retireExports", ["o+1"]], syscalls.RetireExports(("o+1",))),
    (["abandonExports", ["o+1"]], syscalls.AbandonExports(("o+1",))),
    (["keepPromises", ["p+1"]], syscalls.KeepPromises(("p+1",))),
    (["callNow", "d-70", "m", DATA], syscalls.CallNow("d-70", "m", ONE)),
]


@pytest.mark.parametrize(("raw", "asked"), READ, ids=lambda value: str(value)[:30])
def test_what_has_the_form_is_a_record_beside_what_was_said(raw: list[Any], asked: syscalls.Asked) -> None:
    """Each name has its record, and the transcript keeps the JSON as it came."""
    found = read(raw)
    assert found.raw is raw
    assert found.asked == asked
    assert found.name == repr(raw[0])


WRONG: list[tuple[Any, str]] = [
    (None, "a syscall wants to be a list that begins with its name, got None"),
    ([], "a syscall wants to be a list that begins with its name, got list of 0"),
    ([5], "a syscall wants to be a list that begins with its name, got list of int 5"),
    (["format"], "there is no syscall 'format'"),
    (["x" * 100], f"there is no syscall {'x' * 40!r}"),
    (["subscribe"], "syscall 'subscribe' wants 1 arguments, got none"),
    (["subscribe", 5], "syscall 'subscribe' wants text, got int 5"),
    (["subscribe", "\ud800"], "syscall 'subscribe' wants text, got str '\\ud800'"),
    (["exit", 1, DATA], "syscall 'exit' wants true or false, got int 1, dict of 2"),
    (["dropImports", "o-50"], "syscall 'dropImports' wants a list of references, got str 'o-50'"),
    (
        ["send", "o-50", {}],
        "syscall 'send' wants a message of methargs and result, got str 'o-50', dict of 0",
    ),
    (["resolve", 5], "syscall 'resolve' wants a list of resolutions, got int 5"),
    (["resolve", [5]], "syscall 'resolve' wants resolutions of promise, rejected, data, got list of 1"),
    (["exit", True, {}], "syscall exit: capdata wants exactly body and slots, got dict"),
]


@pytest.mark.parametrize(("raw", "words"), WRONG, ids=lambda value: str(value)[:30])
def test_what_has_not_the_form_says_what_was_wanted(raw: Any, words: str) -> None:
    """It raises nothing: whoever hears it decides what follows."""
    assert read(raw).asked == Malformed(words)
