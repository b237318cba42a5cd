"""The subcommands `verify`, `history`, `prune` and `retention`: is the past true, and how much is kept."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from swingset.command.adding import DONE, PROBLEM, AddCommand
from swingset.command.saying import say, say_json
from swingset.host.base.retention import policy_of
from swingset.host.worlds.controller import Controller
from swingset.lens.state.verifying import MOST
from swingset.time.replaying.verification import DEPTHS, verify


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    verify = command(
        "verify", _verify, "check the whole file: pages, rows, history, hashes and references", looks=True
    )
    verify.add_argument(
        "--depth",
        type=int,
        choices=list(DEPTHS),
        default=2,
        help="1: the hash chain; 2: the whole file; 3: also repeat the records; 4: also run the vats again",
    )
    history = command("history", _history, "list the commits, and say what the past takes", looks=True)
    history.add_argument("--last", type=int, metavar="N", help="only the last N commits")
    history.add_argument("--json", action="store_true", help="as JSON")
    prune = _asking(
        command, "prune", _prune, "say what pruning the past would free", "do it; this cannot be undone"
    )
    prune.add_argument("--before", type=int, metavar="CRANK", help="also the past before this crank")
    prune.add_argument("--ceiling", type=int, metavar="BYTES", help="also as much past as makes this size")
    prune.add_argument(
        "--to-images", action="store_true", help="also deliveries before the heap images of then"
    )
    retention = _asking(
        command,
        "retention",
        _retention,
        "say how much of its past the world keeps; with options, what they would drop",
        "take it; what is dropped is gone",
    )
    retention.add_argument("--everything", action="store_true", help="keep all cranks, below the ceiling")
    retention.add_argument("--cranks", type=int, metavar="N", help="keep the last N cranks")
    retention.add_argument("--checkpoint", metavar="NAME", help="keep what came after this checkpoint")
    retention.add_argument("--ceiling", type=int, metavar="BYTES", help="keep so many bytes in use at most")
    retention.add_argument("--no-ceiling", action="store_true", help="keep any number of bytes in use")
    retention.add_argument(
        "--to-images", action="store_true", help="drop deliveries before the heap images of then, too"
    )


def _asking(command: AddCommand, name: str, action: Any, words: str, yes: str) -> argparse.ArgumentParser:
    """Add a subcommand that only says what it would do, and with `--yes`, whose help is `yes`, does it."""
    added = command(name, action, f"{words}; with --yes, do it", looks=lambda chosen: not chosen.yes)
    added.add_argument("--yes", action="store_true", help=yes)
    return added


def _verify(controller: Controller, chosen: argparse.Namespace) -> int:
    """Check the file; opening it checks only the small parts."""
    found = verify(controller, chosen.depth)
    for problem in found.found():
        say(problem)
    more = ", and no more looked for" if len(found.problems) == MOST else ""
    say(f"{found.headline()}{more}")
    for words in found.not_checked:
        say(f"not checked: {words}", file=sys.stderr)
    return DONE if found.ok else PROBLEM


def _history(controller: Controller, chosen: argparse.Namespace) -> int:
    found = controller.history.timeline()
    if chosen.last is not None:
        found = found[-max(chosen.last, 0) :] if chosen.last > 0 else []
    costs, kept = controller.history.costs(), controller.history.kept()
    if chosen.json:
        say_json({
            "commits": [
                {
                    "commit": each.commit,
                    "crank": each.crank,
                    "record": each.record,
                    "cranks": each.cranks,
                    "requests": each.requests,
                    "bytes": each.size,
                    "checkpoints": list(each.checkpoints),
                    "happened": [str(happening) for happening in each.happenings],
                    "cut": each.cut,
                }
                for each in found
            ],
            "costs": asdict(costs),
            "retention": asdict(kept.policy) | {"used": kept.used, "idle": kept.idle},
            "prunes": [each._asdict() for each in kept.prunes],
        })  # fmt: skip
        return DONE
    for each in found:
        say(
            f"commit {each.commit}  crank {each.crank:,}  +{each.cranks:,} cranks"
            f" +{each.requests:,} requests  {each.size:,} bytes  {each.words()}"
        )
    for line in (*kept.lines(), *costs.lines()):
        say(line)
    return DONE


def _retention(controller: Controller, chosen: argparse.Namespace) -> int:
    history = controller.history
    policy = policy_of(chosen, history.retention)
    if policy == history.retention:
        for line in history.kept().lines():
            say(line)
        return DONE
    freed = history.retain(policy) if chosen.yes else history.would_retain(policy)
    say(f"{'retention' if chosen.yes else 'it would be'}: {policy}")
    if freed is not None:
        first, *rest = freed.lines()
        say(f"{'freed' if chosen.yes else 'this would free'} {first}")
        for line in rest:
            say(line)
    kept = history.kept()
    for line in kept.troubles if chosen.yes or kept.idle is not None else ():
        say(line)
    if not chosen.yes:
        say("nothing was changed: say --yes to do it; what is dropped is gone")
    return DONE


def _prune(controller: Controller, chosen: argparse.Namespace) -> int:
    history = controller.history
    act = history.prune if chosen.yes else history.would_prune
    freed = act(chosen.before, ceiling=chosen.ceiling, to_images=chosen.to_images)
    first, *rest = freed.lines()
    say(f"{'freed' if chosen.yes else 'this would free'} {first}")
    for line in rest:
        say(line)
    if not chosen.yes:
        say("nothing was changed: say --yes to do it; it cannot be undone")
    return DONE
