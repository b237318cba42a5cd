"""`python -m tests.mutants`: plant faults, show each to the tests that concern it, and print the score.

First come the mends that are undone (`findings`), of which each has to be noticed, then a sample of small
faults in each area (`tables`), of which nine in ten have to be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence

from .findings import UNDONE
from .planting import Fault, Planter
from .reach import measure
from .tables import AREAS, EQUIVALENT, Area
from .trial import ROOT, Copy, Outcome, warm_up

WANTED = 0.9
FOLDER = ROOT / ".mutants"


def main() -> int:
    """Plant what the arguments say; 0 where enough of it was noticed."""
    said = _arguments()
    os.environ.setdefault("SWINGSET_CACHE", str(FOLDER / "cache"))
    warm_up()
    copy = Copy(FOLDER / f"tree-{os.getpid()}" / "copy")
    try:
        kept = _findings(said, copy) if said.only in ("", "findings") else True
        enough = _areas(said, copy) if said.only != "findings" else True
        return 0 if kept and enough else 1
    finally:
        copy.remove()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("-n", default="200", help="how many faults, or `all`")
    parser.add_argument("--seed", default="1", help="which faults: another seed, another sample")
    parser.add_argument("--only", default="", help="an area, the end of a module's path, or `findings`")
    parser.add_argument("--number", default="", help="with `--only findings`: those of these, as `11,12`")
    parser.add_argument("--most", type=float, default=8.0, help="seconds of tests that a fault is shown to")
    return parser.parse_args()


def _findings(said: argparse.Namespace, copy: Copy) -> bool:
    """Undo each mend; whether a test has noticed all of them."""
    chosen = [undone for undone in UNDONE if not said.number or undone.number in said.number.split(",")]
    missed = 0
    for undone in chosen:
        path = undone.path(copy.folder)
        module = path.relative_to(copy.folder).as_posix()
        text = path.read_text().replace(undone.old, undone.new)
        with copy.planted(module, text.encode()):
            outcome = copy.try_tests(undone.targets(), 60)
            if not outcome.noticed:
                outcome = copy.try_tests(undone.targets(), 60, "wasm")
        by = [outcome.by] if "::" in outcome.by else undone.targets()
        if outcome.noticed and copy.try_tests(by, 60, "").noticed:
            outcome = Outcome("passed", f"{outcome.by} fails without it too")
        missed += not outcome.noticed
        print(f"{undone.number} {undone.module}: {undone.what}: {outcome.state} {outcome.by}", flush=True)
    print(f"\nmends  {len(chosen) - missed:5} of {len(chosen):5} were seen to be missing, wanted all\n")
    return not missed


def _areas(said: argparse.Namespace, copy: Copy) -> bool:
    chosen = [(area, fault) for area in AREAS for fault in _chosen(area, said)]
    missed: list[tuple[Area, Fault]] = []
    counted: dict[str, list[int]] = {area.name: [0, 0] for area in AREAS}
    sources = {fault.module: (ROOT / fault.module).read_bytes() for _, fault in chosen}
    everything = {path.relative_to(ROOT).as_posix(): path.read_bytes() for a in AREAS for path in a.paths()}
    reach = measure(copy, dict.fromkeys(area for area, _ in chosen), everything, FOLDER)
    for area in AREAS:
        mine = [fault for other, fault in chosen if other is area]
        for number, fault in enumerate(mine, 1):
            source = sources[fault.module]
            tests = reach.of(fault, area.tests, said.most)
            began = time.monotonic()
            if tests:
                with copy.planted(fault.module, fault.applied(source)):
                    outcome = copy.try_tests(tests, reach.slowest(tests))
                state, by, noticed = outcome.state, outcome.by, outcome.noticed
            else:
                state, by, noticed = "unreached", "no test goes there", False
            counted[area.name][0] += noticed
            counted[area.name][1] += 1
            took = time.monotonic() - began
            line = f"{area.name} {number}/{len(mine)} {state} {fault.module}:{fault.line}"
            print(f"{line} {took:.1f}s {len(tests)} tests {by}", flush=True)
            if not noticed:
                missed.append((area, fault))
                before, after = fault.lines(source)
                print(f"    - {before}\n    + {after}", flush=True)
    return _told(counted, missed, sources)


def _chosen(area: Area, said: argparse.Namespace) -> Sequence[Fault]:
    """A sample that depends on nothing but the seed and the sources."""
    found = []
    for path in area.paths():
        module = path.relative_to(ROOT).as_posix()
        if said.only and said.only != area.name and not module.endswith(said.only):
            continue
        source = path.read_bytes()
        found += [
            fault
            for fault in Planter(module, source).faults()
            if (path.name, fault.lines(source)[1]) not in EQUIVALENT
        ]
    if said.n == "all":
        return found
    found.sort(key=lambda fault: hashlib.sha256(f"{said.seed} {fault.key}".encode()).digest())
    share = int(said.n) if said.only else -(-int(said.n) // len(AREAS))
    return sorted(found[:share], key=lambda fault: (fault.module, fault.start, fault.new))


def _told(counted: dict[str, list[int]], missed: list[tuple[Area, Fault]], sources: dict[str, bytes]) -> int:
    print("\nNobody noticed:" if missed else "\nAll were noticed.")
    for _, fault in missed:
        before, after = fault.lines(sources[fault.module])
        print(f"{fault.module}:{fault.line} in {fault.scope or 'the module'}\n    - {before}\n    + {after}")
    print()
    for name, (noticed, planted) in counted.items():
        if planted:
            print(f"{name:8} {noticed:5} of {planted:5}  {noticed / planted:6.1%}")
    noticed, planted = (sum(column) for column in zip(*counted.values(), strict=True))
    print(f"{'all':8} {noticed:5} of {planted:5}  {noticed / planted:6.1%}, wanted {WANTED:.0%}")
    return noticed >= WANTED * planted


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.mutants", *sys.argv[1:]])
    sys.exit(main())
