"""The entries of a journal, as a branch sees them: which come again, which can change, and their words."""

from __future__ import annotations

from typing import Any

from swingset.core.errors import KernelError
from swingset.model import syscalls
from swingset.model.capdata import CapData, method_of
from swingset.model.messages import CloneVat, CreateVat, Send, UpgradeVat
from swingset.model.visible import one_line
from swingset.time.branches.branch import Changes
from swingset.world.records import CrankRecord, Record, RequestRecord

SHOWN = 200
"""How many characters of an entry are shown."""

OF_THE_MACHINE = frozenset(
    ("snapshot-vat", "log-outcomes", "set-aside", "begin-anew", "withdraw", "withdraw-options", "give-up")
)
"""What a host does by itself, which is not done again."""

BOOKKEEPING = frozenset(
    {"release", "pin", "unpin", "introduce", "take-capdata", "unpark", "keep-sources", "keep-service"}
    | {"forget-meter", "subscribe", "keepPromises", "vatstoreDelete", "vatstoreGet", "vatstoreGetNextKey"}
)
"""Requests and syscalls about something that is listed itself, if it did not happen here."""

DROPPABLE = (Send, CreateVat, CloneVat, UpgradeVat)
"""The events of a crank that a branch can leave out."""


def refuse_wrong(changes: Changes, at: int, last: int, records: list[Record]) -> None:
    """Raise `KernelError` for a change of something that cannot be changed; `records` come after `at`."""
    requests = {record.number for record in records if isinstance(record, RequestRecord)}
    events = {
        record.number
        for record in records
        if isinstance(record, CrankRecord)
        and record.position is not None
        and isinstance(record.event, DROPPABLE)
    }
    for number in sorted(changes.drop - requests - events):
        raise KernelError(
            f"record {number} is no request after crank {at}, and no later crank that delivered a message or"
            " started code: only these can be dropped"
        )
    for number in sorted(changes.edit.keys() - requests):
        raise KernelError(f"record {number} is no request after crank {at}: only these can be edited")
    for addition in changes.add:
        if not at <= addition.after <= last:
            words = f"a message is added after one of the cranks {at} to {last}, not after {addition.after}"
            raise KernelError(words)


def next_crank(record: Record) -> int:
    """The number of the crank that a record is of, or after which the next one comes."""
    return record.crank if isinstance(record, CrankRecord) else record.crank + 1


def called(methargs: Any) -> str:
    """The method of a call that is capdata in JSON, in words."""
    try:
        return f"{method_of(CapData.from_json(methargs))}()"
    except ValueError:
        return "?()"


def syscall_in_words(raw: Any) -> str:
    """A syscall in a few words."""
    found = syscalls.read(raw)
    if isinstance(found.asked, syscalls.Send):
        return f"send {method_of(found.asked.methargs)}() to {found.asked.target}"
    return one_line(" ".join(map(str, raw[:2])) if isinstance(raw, list) else found.name, SHOWN)
