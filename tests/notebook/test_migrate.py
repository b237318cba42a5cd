"""Migrating from the notebook: counted where one looks at a vat, rehearsed with all records, and done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel

BANK = """%%vat bank{options}
from swingset.vat import durable, migrate, remotable

@durable{kind}
class Purse:
    owner: str
    {field}
{step}
@remotable
class Bank:
    def __init__(self, baggage):
        self.baggage = baggage

    def fill(self, count):
        self.baggage["all"] = [Purse(str(n)) for n in range(count)]

def build_root_object(baggage):
    return Bank(baggage)
"""
STEP = """
    @migrate(1, 2)
    @staticmethod
    def to_cents(old):
        {check}
        return {{"owner": old["owner"], "cents": 100 * old["balance"]}}
"""


def bank(options: str = "", check: str = "", eager: int = 0) -> str:
    if not check:
        return BANK.format(options="", kind="", field="balance: int = 1", step="")
    step = STEP.format(check=check)
    return BANK.format(
        options=options, kind=f"(version=2, eager={eager})", field="cents: int = 100", step=step
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Kernel]:
    with Kernel(tmp_path) as kernel:
        kernel.run("%swingset open a.world --worker local")
        assert "vat bank runs now" in kernel.run(bank()).plain
        kernel.run("await E(bank).fill(250)")
        yield kernel


def test_older_records_are_counted_and_migrated(opened: Kernel) -> None:
    """A look at the vat counts the older records; the command says what went where and what is left."""
    assert "older records" not in opened.run("%swingset").plain
    opened.run(bank(" --upgrade", "pass"))
    status = opened.run("%swingset").plain
    assert "vat bank may have older records of Purse" in status
    assert "250 records of Purse are of version 1, the code wants 2" in opened.run("%vat bank").plain
    assert opened.run("%swingset migrate bank --budget 130").plain == (
        "vat bank: 130 records migrated, 120 left\n"
        "  Purse: 130 records went from version 1 to 2\n"
        "  Purse: 120 records of version 1 left, to become version 2\n"
        "→ `%swingset migrate bank` goes on"
    )
    done = opened.run("%swingset migrate bank")
    assert done.plain == (
        "vat bank: 120 records migrated, none left\n  Purse: 120 records went from version 1 to 2"
    )
    assert done.updates == []
    again = opened.run("%swingset migrate bank").plain
    assert again == "vat bank: every record is of the version that its code wants"
    assert "older records" not in opened.run("%swingset").plain
    assert "are of version" not in opened.run("%vat bank").plain


def test_records_that_do_not_migrate_are_shown_with_their_line(opened: Kernel) -> None:
    """The rehearsal of all records finds what the rehearsal of the upgrade does not, and names the line."""
    opened.run(bank("", "1 // ((int(old['owner']) + 60) % 100)"))
    told = opened.run("%swingset rehearse bank").plain
    assert "would go through; 250 of its records were not tried." in told
    assert "→ `%swingset rehearse bank --records all` tries all records" in told
    assert opened.run("%swingset rehearse").plain == told, "it is the only vat with a changed cell"
    found = opened.run("%swingset rehearse bank --records all").plain
    assert "3 records do not migrate, and messages that touch them would be rejected" in found
    assert "Purse o+d10/41 does not migrate from version 1 to 2 by Purse.to_cents" in found
    assert "(bank, line 12, in Purse.to_cents)" in found
    assert "`%swingset upgrade bank` applies it" not in found
    tried = opened.run("%swingset rehearse bank --records 1").plain
    assert "would go through; 249 of its records were not tried." in tried
    opened.run(bank(" --upgrade", "1 // ((int(old['owner']) + 60) % 100)"))
    done = opened.run("%swingset migrate bank").plain
    assert done.startswith("vat bank: 247 records migrated, 3 left\n")
    assert "  3 records of these do not migrate\n" in done
    assert done.endswith("→ `%%vat bank --upgrade` with a better `@migrate` migrates those that failed")


def test_bad_arguments_are_refused(opened: Kernel) -> None:
    """A budget of nothing, a number of records that is none and an unknown vat are real errors."""
    for line, told in (
        ("migrate bank --budget 0", "N is a number of records from 1, not 0"),
        ("migrate nobody", "there is no vat 'nobody'"),
    ):
        ran = opened.run(f"%swingset {line}")
        assert told in ran.traceback
    opened.run(bank("", "pass"))
    ran = opened.run("%swingset rehearse bank --records some")
    assert "--records takes a number of records from 1, or `all`, not 'some'" in ran.traceback
