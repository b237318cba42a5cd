"""This kernel and the reference under the same loads, in turn, on this machine: `make bench-peer`.

    python benchmarks/peer/compare.py [--rounds 3] [--loads pingpong fanout] [--small] [--without-reference]

The reference is Agoric's SwingSet from the npm registry, at the versions of package.json, with its `local`
and `xsnap` workers and its store on disk. It needs Node 20, npm, a C compiler, make, and Node's headers;
where one is missing, or the installation fails, this says so and shows our side alone.

Each figure is from a process of its own with a world of its own. The four runs of a load follow each other,
so that what else the machine does falls on all of them; ratios are taken within a round, and their median is
shown with the lowest and the highest. Absolute figures are this machine's, now: read the load first.

Results are kept in `results/`, a file for each commit. The newest earlier one that was made on the same
machine is compared with: a figure that fell by more than a fifth is named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BUNDLES = HERE / "bundles"
PAIRS = (("wasm", "xsnap"), ("local", "local"))
"""Which of our workers is set beside which of the reference's."""

FALL = 0.8
"""A figure is told of as fallen when it is below this share of the one before."""


@dataclass(frozen=True)
class Figure:
    """One thing that a load measures: its name in the output, its words, and whether more is better."""

    load: str
    key: str
    words: str
    more: bool
    count: int
    small: int


FIGURES = (
    Figure("pingpong", "rate", "ping-pong, messages/s", True, 1000, 100),
    Figure("fanout", "rate", "fan-out, messages/s", True, 1000, 100),
    Figure("vats", "ms", "new vat, ms", False, 10, 2),
    Figure("upgrade", "ms", "upgrade with exported durable objects, ms", False, 1000, 100),
    Figure("objects", "make", "durable objects made/s", True, 2000, 200),
    Figure("objects", "change", "durable objects changed/s", True, 2000, 200),
    Figure("start", "ms", "start and first answer after deliveries, ms", False, 2000, 200),
)


class Unavailable(Exception):
    """The reference cannot be had here; the message says what is missing."""


@dataclass
class Series:
    """What was measured, round by round, of one figure: by our worker, the reference beside it."""

    ours: dict[str, list[float]] = field(default_factory=dict)
    theirs: dict[str, list[float]] = field(default_factory=dict)

    def ratios(self, figure: Figure, mine: str, other: str) -> list[float]:
        """How many times better ours is, for each round."""
        pairs = zip(self.ours.get(mine, []), self.theirs.get(other, []), strict=False)
        return [a / b if figure.more else b / a for a, b in pairs]


def install() -> None:
    """Have the reference installed and its vats bundled beside this file; raises `Unavailable`."""
    if (BUNDLES / "kernel.json").exists():
        return
    for tool in ("node", "npm", "make", "cc"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed")
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not found.startswith("v20."):
        raise Unavailable(f"Node {found} is installed, and the reference's engine wants 20")
    environment = dict(os.environ)
    if Path("/usr/include/node").exists():  # Debian's headers: nothing has to be fetched from elsewhere
        environment["npm_config_nodedir"] = "/usr"
    steps = (
        ("installing it", HERE, ["npm", "install", "--ignore-scripts", "--no-fund", "--no-audit"]),
        ("compiling its store", HERE, ["npm", "rebuild", "better-sqlite3"]),
        ("compiling its engine", HERE / "node_modules/@agoric/xsnap", ["npm", "run", "build:from-env"]),
        ("bundling the vats", HERE, ["node", "bundle.mjs"]),
    )
    for words, folder, command in steps:
        print(f"the reference: {words} …", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise Unavailable(f"{words}: {problem}") from None
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise Unavailable(f"{words}: {' '.join(command)} failed: {''.join(last)}")


class Failed(Exception):
    """A run failed; the message says which, and the last that it printed."""


def run(command: list[str]) -> dict[str, Any]:
    """The figures of one run in a process of its own; raises `Failed`."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, cwd=HERE)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"load"')]
    if done.returncode or not lines:
        raise Failed(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def measure(side: str, load: str, worker: str, count: int) -> dict[str, Any]:
    """One load on one side; a start is that of a world which another process made."""
    program = [sys.executable, "ours.py"] if side == "ours" else ["node", "reference.mjs"]
    with tempfile.TemporaryDirectory(prefix="swingset-peer-") as folder:
        if load == "start":
            run([*program, "prepare", worker, str(count), folder])
        return run([*program, load, worker, str(count), folder])


def rounds(chosen: argparse.Namespace, reference: bool) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every run, the sides in turn: its side, its worker and its figures."""
    for number in range(chosen.rounds):
        for load in dict.fromkeys(figure.load for figure in FIGURES):
            if chosen.loads and load not in chosen.loads:
                continue
            figure = next(found for found in FIGURES if found.load == load)
            count = figure.small if chosen.small else figure.count
            for mine, other in PAIRS:
                if chosen.worker not in (mine, "both"):
                    continue
                for side, worker in (("ours", mine), ("reference", other)):
                    if side == "ours" or reference:
                        print(f"round {number + 1}: {load}, {side}, {worker}", file=sys.stderr, flush=True)
                        try:
                            yield side, worker, measure(side, load, worker, count)
                        except Failed as problem:
                            if side == "ours":
                                raise SystemExit(str(problem)) from None
                            print(f"the reference, {load}, {worker}: {problem}")


def spread(values: list[float], form: str) -> str:
    """A median, with the lowest and the highest where there are several."""
    middle = form.format(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


def table(series: dict[Figure, Series]) -> Iterator[str]:
    """The lines that are shown."""
    yield f"{'':46}{'wasm':>22}{'xsnap':>22}{'times':>20}{'local':>22}{'its local':>22}{'times':>20}"
    for figure, found in series.items():
        cells = []
        for mine, other in PAIRS:
            ratios = found.ratios(figure, mine, other)
            cells.append(spread(found.ours[mine], "{:,.0f}") if mine in found.ours else "-")
            cells.append(spread(found.theirs[other], "{:,.0f}") if other in found.theirs else "-")
            cells.append(spread(ratios, "{:.1f}") if ratios else "-")
        widths = (22, 22, 20) * 2
        yield f"{figure.words:46}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))


def machine() -> dict[str, str]:
    """What the figures depend on and a commit does not say."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs {model}".strip(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit that is checked out, marked where files differ from it; `unknown` outside a repository."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty=-changed", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def medians(series: dict[Figure, Series]) -> dict[str, dict[str, float]]:
    """Our medians, by figure and worker."""
    return {
        f"{figure.load}.{figure.key}": {
            worker: statistics.median(values) for worker, values in found.ours.items()
        }
        for figure, found in series.items()
    }


def fallen(now: dict[str, dict[str, float]], before: dict[str, dict[str, float]]) -> list[str]:
    """The figures that fell since an earlier result, in words."""
    lines = []
    for figure in FIGURES:
        name = f"{figure.load}.{figure.key}"
        for worker, value in now.get(name, {}).items():
            old = before.get(name, {}).get(worker)
            if not old or not value:
                continue
            share = value / old if figure.more else old / value
            if share < FALL:
                lines.append(f"{figure.words}, {worker}: {old:,.0f} before, {value:,.0f} now")
    return lines


def keep(series: dict[Figure, Series], load: float) -> list[str]:
    """Write the results of this commit; answers what fell since the newest earlier one of this machine."""
    RESULTS.mkdir(exist_ok=True)
    name, here, now = commit(), machine(), medians(series)
    earlier = []
    for path in RESULTS.glob("*.json"):
        found = json.loads(path.read_text())
        if found["machine"] == here and found["commit"] != name:
            earlier.append((path.stat().st_mtime, found))
    runs = [
        {"load": figure.load, "figure": figure.key, "ours": found.ours, "reference": found.theirs}
        for figure, found in series.items()
    ]
    result = {"commit": name, "machine": here, "load": load, "ours": now, "runs": runs}
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    if not earlier:
        return []
    newest = max(earlier, key=lambda item: item[0])[1]
    return [f"{line} (at {newest['commit']})" for line in fallen(now, newest["ours"])]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loads", nargs="*", choices=sorted({figure.load for figure in FIGURES}))
    parser.add_argument("--worker", choices=("wasm", "local", "both"), default="both", help="of ours")
    parser.add_argument("--small", action="store_true", help="a tenth of the load, to see that it works")
    parser.add_argument("--without-reference", action="store_true")
    chosen = parser.parse_args(arguments)
    begun = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    reference = not chosen.without_reference
    if reference:
        try:
            install()
        except Unavailable as problem:
            print(f"the reference is not here ({problem}): our side alone")
            reference = False
    series: dict[Figure, Series] = {}
    for side, worker, found in rounds(chosen, reference):
        for figure in FIGURES:
            if figure.load == found["load"]:
                held = series.setdefault(figure, Series())
                group = held.ours if side == "ours" else held.theirs
                group.setdefault(worker, []).append(found[figure.key])
    print(f"{machine()['system']}, Python {machine()['python']}, load {begun:.1f}; commit {commit()}")
    print(f"median of {chosen.rounds} rounds (lowest-highest)\n")
    for line in table(series):
        print(line.rstrip())
    if not chosen.small:
        for line in keep(series, begun):
            print(f"fallen: {line}")


if __name__ == "__main__":
    main()
