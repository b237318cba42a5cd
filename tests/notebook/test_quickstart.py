"""The quickstart itself: each delivery of it opens under pdb and as a trace, at the user's own lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.kernels import Kernel

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"

LOOK = """
import json

import swingset
import swingset_nb

looked_at = set()

def look_at(controller, record):
    seen, typed = [], iter(["n", "c"])

    def read(prompt):
        seen.append(prompt)
        return next(typed)

    look = {"crank": record.crank, "vat": record.vat, "event": type(record.event).__name__, "refused": None}
    try:
        traced = swingset.trace(controller, record.crank)
        debugged = swingset.debug(controller, record.crank, read=read, write=seen.append)
    except swingset.NotRepeatable as problem:
        return look | {"refused": str(problem)}
    lines = [[step.part, step.line, step.source] for step in traced.steps if step.kind == "line"]
    differs = traced.difference or debugged.difference
    look |= {"lines": lines, "seen": "".join(seen), "differs": differs, "left": debugged.left}
    return look | {"fault": record.fault is not None}

def look_at_all():
    controller = swingset_nb.session().controller
    before, found = controller.digest(), []
    for record in controller.history.records():
        if isinstance(record, swingset.CrankRecord) and str(record) not in looked_at:
            looked_at.add(str(record))
            found.append(look_at(controller, record))
    assert controller.digest() == before
    return json.dumps(found)
"""

_STOP = re.compile(r"> <(\w+):(\w+)>\((\d+)\)(\S+)\(\)\n-> (.*)\n")


def cells() -> list[str]:
    """The code cells of the notebook, in order."""
    read = json.loads(QUICKSTART.read_text())
    return ["".join(cell["source"]) for cell in read["cells"] if cell["cell_type"] == "code"]


def sources(vat: str) -> list[list[str]]:
    """The lines of each cell that the notebook has for a vat, as the user counts them."""
    return [cell.splitlines() for cell in cells() if re.match(rf"%%vat {vat}\b", cell)]


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What was seen of each crank, also of those that the notebook leaves behind when it goes back."""
    found: list[dict[str, Any]] = []
    with Kernel(tmp_path_factory.mktemp("quickstart")) as kernel:
        kernel.run(LOOK)
        every = cells()
        last = max(number for number, cell in enumerate(every) if cell == "%swingset close")
        for number, cell in enumerate(every):
            if number == last or cell.startswith("%swingset go-back"):
                ran = kernel.run("print(look_at_all())")
                assert ran.status == "ok", ran.traceback
                found += json.loads(ran.printed)
            kernel.run(cell)
    return found


def test_every_delivery_of_the_notebook_opens(looks: list[dict[str, Any]]) -> None:
    """All that can be repeated does what is recorded, in pdb and as a trace; all else is said to be why."""
    refused = [look["refused"] for look in looks if look["refused"]]
    assert all("embedder's own interpreter" in words or "delivered nothing" in words for words in refused)
    opened = [look for look in looks if not look["refused"]]
    assert not [look for look in opened if look["differs"] or look["left"]]
    events = Counter(look["event"] for look in opened)
    assert events == {"CreateVat": 2, "Send": 17, "Notify": 2, "UpgradeVat": 2}
    assert [look["event"] for look in opened if look["fault"]] == ["UpgradeVat"]
    assert {look["vat"] for look in opened} == {"bank", "shop"}


def test_the_debugger_stops_at_the_users_own_line(looks: list[dict[str, Any]]) -> None:
    """The first stop is the first line of the trace, in the cell as it stands in the notebook."""
    stopped = 0
    for look in looks:
        if look["refused"]:
            continue
        stop = _STOP.match(look["seen"])
        if stop is None:
            assert "no line of the vat's own code runs in this delivery" in look["seen"]
            assert look["lines"] == []
            continue
        vat, part, line, _function, text = stop.groups()
        assert (vat, part) == (look["vat"], look["vat"])
        assert text in {cell[int(line) - 1].strip() for cell in sources(vat) if len(cell) >= int(line)}
        assert [part, int(line), text] == look["lines"][0]
        stopped += 1
    assert stopped == 22
