"""What a vat's Python lacks, and what does the same: the advice that belongs to errors out of vats.

A vat has no machine: no files, no network, no processes, no threads and no other clock than the timer of its
world. Its engine has the standard library, and the scientific one has packages besides. Python's own errors
say only what failed. Each case here is one line, as in `advice`; errors of the notebook's own code are no
matter of this module, because there the same words mean something else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import partial

from swingset.guest.base.errors import RemoteError
from swingset.host.worlds.imports import imported
from swingset.workers.importable import SCIENTIFIC, STANDARD, smallest_with
from swingset_nb.advice import Case, advice_on

_FILES = (
    "a vat has no files: read the file in a cell of the notebook and pass the text or the bytes to a method",
    "what is to be kept belongs into the state of the vat: a @durable class, or its baggage",
)
_NETWORK = "a vat has no network: have a cell of the notebook ask, and send the vat what came of it"
_PROCESSES = "a vat starts no processes: have a cell of the notebook do it, and send the vat what came of it"
_THREADS = (
    "a vat has one thread, and its turns run one after the other: `await Promise.all([...])` waits for"
    " several answers, and work that takes long goes into a vat of its own"
)
_WAITS = (
    "nothing else runs in a vat while it waits for a lock, a queue or an event: `await` a promise instead"
)
_ZONES = (
    "`zoneinfo.available_timezones()` has the names of all zones, such as Europe/Paris",
    "a vat that was started by an earlier version has no zones: an upgrade gives it them",
)
_INPUT = "nobody types into a vat: pass what it asks for as an argument of a method"


_MISSING = re.compile(r"No module named '([A-Za-z_][\w.]{0,99})'")


def _module(besides: Iterable[str], found: re.Match[str]) -> Iterable[str]:
    """What brings a module; `besides` are the packages that the same code imports."""
    name = found[1].partition(".")[0]
    needed = dict.fromkeys((name, *besides))
    if (kind := smallest_with(*needed)) is not None:
        return [f"another engine has {', '.join(needed)}: `%%vat NAME --worker {kind}`"]
    if name in sys.stdlib_module_names and name not in STANDARD:
        return [f"no vat has {name}, which needs the machine: have a cell of the notebook do that part"]
    return [
        f"`%%module {name}` on the first line of a cell makes a module of it, for all vats",
        f"`%swingset module {name} --package` takes the source of an installed package",
    ]


def _library(found: re.Match[str]) -> Iterable[str]:
    kind = smallest_with(found[1])
    ends = "with `--replace`, a vat that runs ends with all its state"
    return [f"another engine has it: `%%vat NAME --worker {kind}` for a new vat; {ends}"]


def _case(kind: str, pattern: re.Pattern[str], *hints: str) -> Case:
    return Case(kind, pattern, lambda _found: hints)


CASES = (
    Case("TypeError", re.compile(r"came, and vat [\w.-]{1,199} has no (numpy|pandas): "), _library),
    _case("ZoneInfoNotFoundError", re.compile(r"No time zone found"), *_ZONES),
    _case("RuntimeError", re.compile(r"can't start new thread"), _THREADS),
    _case("AttributeError", re.compile(r"module '_?socket' has no attribute"), _NETWORK),
    _case("AttributeError", re.compile(r"'os' has no attribute '(system|fork|exec|spawn|W)"), _PROCESSES),
    _case("OSError", re.compile(r"wasi does not support processes"), _PROCESSES),
    _case("OSError", re.compile(r"\[Errno 58\] Not supported\Z"), _NETWORK),
    _case("FileNotFoundError", re.compile(r"\[Errno 44\]"), *_FILES),
    _case("OSError", re.compile(r"\[Errno 69\]"), *_FILES),
    _case("EOFError", re.compile(r""), _INPUT),
    _case("DeliveryStopped", re.compile(r"wasm `unreachable` instruction"), _WAITS),
)  # fmt: skip


def lacking_for(kind: str, words: str, sources: Iterable[str] = ()) -> list[str]:
    """What does the same, for an error of that class with these words, out of a vat of these sources."""
    if kind != "ModuleNotFoundError":
        return advice_on(kind, words, CASES)
    besides = sorted(SCIENTIFIC.intersection(name for source in sources for name in imported(source)))
    return advice_on(kind, words, [Case(kind, _MISSING, partial(_module, besides))])


def lacking(error: BaseException) -> list[str]:
    """What does the same as that which a vat has not; nothing for other errors."""
    return lacking_for(error.remote_name, error.remote_message) if isinstance(error, RemoteError) else []
