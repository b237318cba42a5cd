"""Clocks and chance in the source of a vat, where they do not mean what they mean elsewhere.

A vat is the same on every host and in every replay. So a clock in it stands still, and what looks random
follows from the delivery. Neither is an error, because libraries read clocks and draw numbers for their own
purposes and may go on. But an author who does so means the time, or chance, and gets a number all the same.
So the calls are found in the source, and the first of each sort is told with its line.

The names of modules and of what is imported from them are followed; a call that is hidden better is not
found.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.lens.source.outlines import MOST_SOURCE, lines_of
from swingset.model.lines import source_lines
from swingset.model.visible import one_line

_CLOCK = "a vat has no clock, and this is the same in every delivery: ask the timer service for the time,"
_ASK = "`await E(timer).get_current_timestamp()`, or let the sender pass it"
_CHANCE = "random numbers in a vat follow from the delivery, and can be foretold:"
_SEED = "let the sender pass a seed, `random.Random(seed)`"
_TIME, _RANDOM = f"{_CLOCK} {_ASK}", f"{_CHANCE} {_SEED}"
_LOCAL_TIME = "a local vat reads its host's clock, so a replay differs: pass the time in a message"
_LOCAL_RANDOM = f"a local vat draws its host's random numbers, so a replay differs: {_SEED}"
_OF_TIME, _OF_CHANCE = (_TIME, _LOCAL_TIME), (_RANDOM, _LOCAL_RANDOM)

_CALLS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter"),
            *("time.perf_counter_ns", "time.process_time", "time.localtime", "time.gmtime", "time.ctime"),
            *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
            "datetime.date.today",
        ),
        _OF_TIME,
    ),
    **dict.fromkeys(
        (
            *("random.random", "random.randint", "random.randrange", "random.choice", "random.choices"),
            *("random.shuffle", "random.sample", "random.uniform", "random.gauss", "random.getrandbits"),
            *("random.normalvariate", "random.randbytes", "random.expovariate", "random.betavariate"),
            *("uuid.uuid1", "uuid.uuid4", "os.urandom", "secrets.token_hex", "secrets.token_bytes"),
            *("secrets.token_urlsafe", "secrets.randbelow", "secrets.choice", "secrets.randbits"),
        ),
        _OF_CHANCE,
    ),
}
_GIVEN = {"time.localtime", "time.gmtime", "time.ctime"}  # given a time, they read no clock
_MODULES = frozenset(name.partition(".")[0] for name in _CALLS)


@dataclass(frozen=True)
class Remark:
    """A call in a vat's source that does not do there what it does elsewhere."""

    part: str
    line: int
    call: str
    words: str

    def __str__(self) -> str:
        return f"{one_line(self.part, 60)}, line {self.line}: {self.call}(): {self.words}"


def remarks(part: str, source: str, *, confined: bool, method: int | None = None) -> list[Remark]:
    """The first call for a clock in a cell, and the first for chance.

    `confined` says that the vat runs in a confined worker. With a `method`, the line at which one begins,
    only calls in it are told.
    """
    within = range(1, MOST_SOURCE + 1) if method is None else _body(source, method)
    names: dict[str, str] = {}
    found: list[Remark] = []
    seen: set[str] = set()
    for line in lines_of(source[:MOST_SOURCE]):
        words = line.words
        if words[0] == "import" or (words[0] == "from" and "import" in words):
            names |= _imported(words)
            continue
        for at, word in enumerate(words):
            if word not in names or (at and words[at - 1] == "."):
                continue
            end = at
            while words[end + 1 : end + 2] == ["."] and end + 2 < len(words):
                end += 2
            call = ".".join([names[word], *words[at + 2 : end + 1 : 2]])
            bare = words[end + 1 : end + 3] == ["(", ")"]
            if call == "random.seed" and words[end + 1 : end + 2] == ["("] and not bare:
                seen |= {name for name in _CALLS if name.startswith("random.")}  # seeded by the author
            calls = words[end + 1 : end + 2] == ["("] and (bare or call not in _GIVEN)
            row = line.tokens[at].start[0]
            if call in _CALLS and calls and call not in seen and row in within:
                told = _CALLS[call]
                seen |= {name for name, words in _CALLS.items() if words is told}  # of each sort the first
                found.append(Remark(part, row, call, told[0 if confined else 1]))
    return found


def _body(source: str, begins: int) -> range:
    """The lines of the method that begins at a line: up to the next one that is indented no deeper."""
    lines = source_lines(source[:MOST_SOURCE])
    if not 0 < begins <= len(lines):
        return range(0)
    deep = _indent(lines[begins - 1])
    ends = begins
    while ends < len(lines):
        line = lines[ends].strip()
        if line and not line.startswith((")", "#")) and _indent(lines[ends]) <= deep:
            break
        ends += 1
    return range(begins, ends + 1)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _imported(words: list[str]) -> dict[str, str]:
    """What an import binds, of the modules with clocks and chance: the full name by the name in the cell."""
    bound: dict[str, str] = {}
    if words[0] == "import":
        for piece in _split(words[1:]):
            if piece[0] in _MODULES and len(piece) in (1, 3):
                bound[piece[-1]] = piece[0]
        return bound
    module = words[1]
    if module in _MODULES and words[2] == "import":
        for piece in _split([word for word in words[3:] if word not in "()"]):
            if len(piece) in (1, 3):
                bound[piece[-1]] = f"{module}.{piece[0]}"
    return bound


def _split(words: list[str]) -> list[list[str]]:
    """The words between commas, without what has none."""
    pieces: list[list[str]] = [[]]
    for word in words:
        if word == ",":
            pieces.append([])
        else:
            pieces[-1].append(word)
    return [piece for piece in pieces if piece]
