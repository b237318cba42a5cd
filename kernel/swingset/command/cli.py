"""The command `swingset`: run a world file and look into it, without a notebook.

Each subcommand is a function that takes the open world and the arguments, and returns the exit status. The
modules of this folder add theirs by the functions in `_ADD`.

It works on a file that no notebook has open. Messages for a notebook's own vat are parked, and delivered when
the notebook attaches again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from swingset.command import (
    causes,
    changing,
    copies,
    debugging,
    describing,
    doctor,
    exports,
    helping,
    keeping,
    looking,
    mirrored,
    monitoring,
    ocapn_peer,
    predicates,
    running,
    serving,
    standing_by,
)
from swingset.command.adding import PROBLEM, Add, AddCommand, Looks
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.host.parsing import AnyOrder
from swingset.host.worlds.config import Configuration, load
from swingset.host.worlds.opening import open_world
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError

INTERRUPTED = 130

_ADD: tuple[Add, ...] = (
    running.add,
    looking.add,
    changing.add,
    causes.add,
    debugging.add,
    describing.add,
    doctor.add,
    copies.add,
    exports.add,
    helping.add,
    keeping.add,
    predicates.add,
    mirrored.add,
    monitoring.add,
    ocapn_peer.add,
    serving.add,
    standing_by.add,
)
"""The functions that add the subcommands, in the order of the help."""

EXAMPLES = """\
examples:
  swingset run my.world                     run until nothing can
  swingset run my.world --cranks 100        at most 100 cranks; run again to continue
  swingset run my.world --config my.toml    make the world first, if there is none
  swingset status my.world                  its state; this and all below run no code
  swingset explain my.world ko42            why is this object still alive?
  swingset dump my.world | jq .vats         the whole state, for programs

A world file is one SQLite database. A command that changes it needs it alone: if another program has it open,
close it there first. A command that only looks at it shows what was committed, and works on any file.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    asked = parser()
    chosen = asked.parse_args(argv)
    if not hasattr(chosen, "command"):
        asked.print_help()
        return PROBLEM
    _show_whatever_comes()
    try:
        status = _do(chosen)
        sys.stdout.flush()
        return status
    except (KernelError, WorldError, WorkerError) as problem:
        say(f"swingset: {problem}", file=sys.stderr)
        if (more := helping.hint(problem)) is not None:
            say(more, file=sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        print("swingset: interrupted; what was committed stays", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_output()
        return PROBLEM
    except OSError as problem:
        _give_up_output()
        print(f"swingset: {problem.strerror or problem}", file=sys.stderr)
        return PROBLEM


def _do(chosen: argparse.Namespace) -> int:
    if not chosen.opens:
        done: int = chosen.command(chosen)
        return done
    path = getattr(chosen, "config", None)
    config = None if path is None else _config(path, chosen.trust_local)
    with open_world(
        chosen.world,
        config,
        create=config is not None,
        worker="local" if chosen.trust_local else "wasm",
        online=getattr(chosen, "online", None),
        threads=getattr(chosen, "threads", None),
        workers=chosen.workers,
        look_only=_only_looks(chosen),
    ) as controller:
        status: int = chosen.command(controller, chosen)
        return status


def _only_looks(chosen: argparse.Namespace) -> bool:
    """Whether the command changes nothing, and so needs neither a lock nor a place to write."""
    looks: Looks = chosen.looks
    return looks(chosen) if callable(looks) else looks


def _show_whatever_comes() -> None:
    """Write characters that a stream cannot show as escapes, so that the output of vats cannot fail it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_output() -> None:
    """Discard all further output, because the pipe is closed or the disk is full, even at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _config(path: str, trust_local: bool) -> Configuration:
    """Load a configuration; raises KernelError if it needs local vats and they are not trusted."""
    config = load(path)
    local = [name for name, vat in config.vats.items() if vat.worker == "local"]
    if local and not trust_local:
        raise KernelError(
            f"{path}: the code of {', '.join(local)} is to run in the local worker, which does not confine"
            " it: say --trust-local if you trust it"
        )
    return config


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command, with all subcommands."""
    top = argparse.ArgumentParser(
        prog="swingset",
        description=(__doc__ or "").rpartition("\n\n")[2],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"swingset {version('swingset-nb')}")
    command = AddCommand(top.add_subparsers(metavar="COMMAND", parser_class=AnyOrder))
    for add in _ADD:
        add(command)
    return top


if __name__ == "__main__":
    sys.exit(main())
