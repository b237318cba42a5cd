"""Packing and unpacking, of several worlds of one process at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from swingset.world.codec import Unpacking, compress


def _round_trips(seed: int) -> bool:
    """Pack and unpack different data many times, whole and in pieces that are read in turn."""
    for number in range(60):
        data = b"%d %d " % (seed, number) * (2_000 + 700 * (number % 7))
        packed = compress(data)
        one, other = (Unpacking(packed, len(data), "a test") for _ in range(2))
        read, read_too = one.reader(), other.reader()
        pieces = [(read(5_000), read_too(5_000)) for _ in range(len(data) // 5_000 + 1)]
        joined = b"".join(first for first, _ in pieces), b"".join(second for _, second in pieces)
        if not data == one.whole() == joined[0] == joined[1]:
            return False
    return True


def test_worlds_on_several_threads_pack_at_the_same_time() -> None:
    """Each thread has contexts of its own, and two readers of one thread do not disturb each other."""
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(_round_trips, range(8)))
