"""What `make mutants` looks at, which tests concern it, and which faults make no difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .trial import ROOT

KERNEL = ROOT / "kernel" / "swingset"


@dataclass(frozen=True)
class Area:
    """Modules that are looked at together, and files and folders of tests that concern them.

    A module is named by what its path ends with, so that it may be moved.
    """

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def paths(self) -> list[Path]:
        """The modules, in the order of their names."""
        missing = [name for name in self.modules if not any(KERNEL.rglob(name))]
        if missing:
            raise SystemExit(f"there is no module {', '.join(missing)}: name another in {__file__}")
        return sorted({path for name in self.modules for path in KERNEL.rglob(name)})


LEFT_OUT = (
    "tests/core/test_random_graphs.py",
    "tests/core/test_random_histories.py",
    "tests/core/test_termination.py::test_a_large_vat_is_deleted_within_the_budget_of_each_run",
)
"""Tests that take long, and whose faults others should notice."""

HOST = (
    "tests/host/test_requests.py",
    "tests/host/test_trust.py",
    "tests/host/test_records.py",
    "tests/host/test_verbs.py",
    "tests/scenarios/test_bytes.py",
)
WORLD = (
    "tests/world",
    "tests/tampering/test_found.py",
    "tests/tampering/test_forged.py",
    "tests/tampering/test_records.py",
    "tests/host/test_records.py",
    "tests/host/test_verbs.py",
    "tests/corpus",
    "tests/scenarios/test_without_transcript.py",
    "tests/time/test_looking_back.py",
    "tests/time/test_pruned.py",
    "tests/time/test_retention.py",
    "tests/time/test_verifying_deeper.py",
    "tests/time/test_archives.py",
    "tests/time/test_bad_archives.py",
)
RAW = ("tests/core", "tests/devices")
GUEST = (
    "tests/guest",
    "tests/model",
    "tests/scenarios/test_disavowal.py",
    "tests/workers/test_small_deliveries.py",
)
DOOR = ("wasm/door.py", "model/syscalls.py", "core/syscalls.py", "core/translate.py")
AREAS = (
    Area("core", ("core/*.py",), (*RAW, *HOST)),
    Area("world", ("world/*.py",), (*RAW, *WORLD)),
    Area(
        "door",
        ("wasm/door.py", "core/syscalls.py", "core/translate.py"),
        (*RAW, "tests/workers/test_door.py"),
    ),
    Area("guest", ("guest/passing/*.py", "clist/slots.py"), GUEST),
)

EITHER_WAY = "a promise is counted whether it counts as exported or not"
FASTER = "the longer way comes to an equal result"
TWICE_COUNTED = "what reads the tree counts its levels too, and this is what a tree of so many may take"
FLAGS = "there is such a flag wherever these tests run"
SMALLER = "how small packed data is, and in what pieces it is read or hashed, is no state of a world"
EQUIVALENT: dict[tuple[str, str], str] = {
    ("codec.py", "self.compressor = zstandard.ZstdCompressor(level=4, write_content_size=True)"): SMALLER,
    (
        "codec.py",
        "return zstandard.ZstdDecompressor(max_window_size=1 >> 27)",
    ): "a limit of nothing is the library's own, which is the same",
    ("digest.py", "_BATCH = 4097"): SMALLER,
    ("digest.py", "if len(pieces) >= _BATCH or size > _MOST_BATCH:"): SMALLER,
    ("digest.py", "if len(pieces) > _BATCH or size >= _MOST_BATCH:"): SMALLER,
    ("record_lines.py", "_PIECE = 2 << 20"): SMALLER,
    ("record_lines.py", "_PIECE = 1 << 21"): SMALLER,
    ("journal.py", "if len(line) >= MOST_LIST:"): "no list in a line of so many bytes is as long as that",
    ("queues.py", "return None if seq is None or seq >= 1 else self._at(seq)"): "no event is at position 0",
    ("held.py", "FEW, FEW_BYTES = 501, 64 << 10"): "so many rows weigh more than the bytes allow",
    ("lock.py", "content = os.pread(fd, _LONGEST + 2, 0)"): "one byte more than fits says it too",
    ("paths.py", "for _ in range(3):"): "only another program makes a draft again that was just deleted",
    ("translate.py", "self._store.forget(self._vat, kref, exported=True)"): EITHER_WAY,
    ("file.py", "self.rewound = 1"): "whoever looks at the count looks whether it has changed",
    ("file.py", "self.rewound -= 1"): "whoever looks at the count looks whether it has changed",
    ("opening.py", "_BUSY_MS = 5001"): "how long it waits for another program is no state of it",
    ("warehouse.py", "if chosen.get(name, 1) is None:"): "what is not chosen is not None either way",
    ("libraries.py", "_MOST_KNOWN = 5"): "how many libraries are held unpacked is no state of a world",
    ("indexes.py", "found = self.some(2)"): "the first of more keys is the first of one",
    ("descriptors.py", 'getattr(os, "O_NOFOLLOW", 1)'): FLAGS,
    ("descriptors.py", '| getattr(os, "O_NONBLOCK", 1)'): FLAGS,
    ("descriptors.py", '| getattr(os, "O_CLOEXEC", 1)'): FLAGS,
    ("smallcaps.py", "return False"): FASTER,
    ("slots.py", "return bool(-SAFE_INT < value <= SAFE_INT)"): FASTER,
    ("slots.py", "return bool(-SAFE_INT <= value < SAFE_INT)"): FASTER,
    (
        "smallcaps.py",
        "JSON_DEPTH = 3 * MAX_DEPTH + 4  # a dict with keys that are not str takes three levels of JSON",
    ): TWICE_COUNTED,
}
"""By the name of the module and the line with the fault in it: why no test can notice."""
