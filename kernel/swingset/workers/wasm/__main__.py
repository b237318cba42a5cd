"""``python -m swingset.workers.wasm``: make the engine ready, and show how far along that is."""

from __future__ import annotations

import argparse
import sys
import time

from swingset.workers.base import WorkerError
from swingset.workers.wasm.engine import prepare_engine
from swingset.workers.wasm.flavours import FLAVOURS

_KINDS = {("wasm" if flavour == "lean" else f"wasm-{flavour}"): flavour for flavour in FLAVOURS}
"""The flavours by the kinds of worker that run in them."""


def _show(stage: str, fraction: float | None) -> None:
    if sys.stderr.isatty():
        share = "" if fraction is None else f" {fraction:4.0%}"
        print(f"\r\033[K{stage}{share}", end="", file=sys.stderr, flush=True)
    elif fraction is None or fraction == 1.0:
        print(stage, file=sys.stderr, flush=True)


def main() -> int:
    """Prepare one flavour."""
    parser = argparse.ArgumentParser(prog="python -m swingset.workers.wasm", description=__doc__)
    parser.add_argument(
        "--worker",
        choices=_KINDS,
        default="wasm",
        help="wasm-numpy has numpy, wasm-pandas also pandas, wasm-full all scientific packages",
    )
    begun = time.monotonic()
    try:
        factory = prepare_engine(_KINDS[parser.parse_args().worker], _show)
    except WorkerError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    print(f"\nengine {factory.flavour} is ready after {time.monotonic() - begun:.1f} s: {factory.image_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
