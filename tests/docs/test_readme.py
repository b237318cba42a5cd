"""The five minutes of the README run as they stand, and print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel

README = (Path(__file__).parents[2] / "README.md").read_text()
FIVE = README[README.index("## Five minutes") : README.index("## What makes it different")]
CELLS = re.findall(r"^```python\n(.*?)^```$", FIVE, re.MULTILINE | re.DOTALL)
SHOWN = re.findall(r"^```text\n(.*?)^```$", FIVE, re.MULTILINE | re.DOTALL)
BANK = next(cell for cell in CELLS if cell.startswith("%%vat bank"))
BALANCE = "\n    def half(self) -> int:\n        return self.balance // 2\n"


def upgraded(cell: str) -> str:
    """The cell with a new method of the purse, as an upgrade."""
    return cell.replace("%%vat bank", "%%vat bank --upgrade").replace(
        "\n\n\n@remotable", f"{BALANCE}\n\n@remotable"
    )


def renamed(cell: str) -> str:
    """The cell with another name for the purse, as an upgrade."""
    return cell.replace("%%vat bank", "%%vat bank --upgrade").replace("Purse", "Wallet")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the cells print, and what is printed where the text says what to do."""
    folder = tmp_path_factory.mktemp("readme")
    done = []
    with Kernel(folder) as kernel:
        for cell in (*CELLS, upgraded(BANK), renamed(BANK)):
            ran = kernel.run(cell)
            done.append(
                "\n".join(part.strip("\n") for part in (ran.printed, ran.plain, ran.traceback) if part)
            )
    with Kernel(folder) as kernel:
        kernel.run("%load_ext swingset_nb")
        done.append(kernel.run("%swingset open bank.world").plain)
    return done


@pytest.mark.parametrize("shown", SHOWN, ids=lambda text: text.partition("\n")[0])
def test_what_the_readme_shows_is_printed(shown: str, outputs: list[str]) -> None:
    """Each block of output is that of a cell, but for digests, which belong to one release."""
    printed = [re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text) for text in outputs]
    wanted = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", shown).rstrip()
    assert any(wanted in text for text in printed), "\n\n".join(printed)
