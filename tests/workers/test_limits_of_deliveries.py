"""What one delivery may use, to the letter: computrons, memory, and what it prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from swingset.core.warehouse import limits_of
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.limits import DEFAULT_LIMITS, Limits
from swingset.workers.base import WorkerError
from swingset.workers.local import _Console as LocalConsole
from swingset.workers.wasm.engine import WasmWorkerFactory
from swingset.workers.wasm.image import STACK_POINTER
from swingset.workers.wasm.wasi import Console
from swingset.world.vats import LIVE, VatRecord

from .conftest import SPEC, Bench

SOURCE = "print(sum(range(1_000)))"


def test_a_delivery_uses_less_than_its_computrons(bare: WasmWorkerFactory) -> None:
    """One that has used them all is stopped, also where the engine did not notice before its end.

    What is recorded is then what a replay, which has no limit, will spend as well.
    """

    def spent(computrons: int | None) -> tuple[str | None, int]:
        bench = Bench(bare.start(SPEC))
        result = bench.run(SOURCE, Limits(computrons=computrons))
        bench.worker.close()
        assert result.computrons is not None
        return result.fault.code if result.fault else None, result.computrons

    code, needed = spent(None)
    assert code is None
    assert spent(needed + 1) == (None, needed)
    for limit in (needed, needed - 1, needed - 20, needed // 2, 1):
        assert spent(limit) == (reasons.OUT_OF_COMPUTRONS, limit)


def test_a_worker_whose_delivery_failed_is_not_used_again(bare: WasmWorkerFactory) -> None:
    """Also where the guest itself came back with an error: its memory has seen what is undone."""
    bench = Bench(bare.start(SPEC))
    assert bench.run("x = 1").ok
    fault = bench.run("x = 2; 1 / 0").fault
    assert fault is not None
    assert fault.code == reasons.GUEST_CRASHED
    with pytest.raises(WorkerError, match="tester"):
        bench.run("x")
    with pytest.raises(WorkerError, match="tester"):
        bench.worker.snapshot()
    bench.worker.close()


def test_a_delivery_after_which_the_stack_is_not_at_rest_has_failed(
    bare: WasmWorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies beyond is in no heap image, so the vat could not be brought back as it is."""
    bench = Bench(bare.start(SPEC))
    assert bench.run("x = 1").ok
    rests_at = bench.worker._guest.global_i32(STACK_POINTER)
    monkeypatch.setattr(bench.worker._guest, "global_i32", lambda _name: rests_at - 16)
    fault = bench.run("x = 2").fault
    assert fault is not None
    assert fault.code == reasons.GUEST_CRASHED
    assert "stack was not at rest" in fault.message
    with pytest.raises(WorkerError, match="tester"):
        bench.run("x")
    bench.worker.close()


CONSOLES = [
    # cap, what is printed, what is shown
    (0, ["a"], ""),
    (1, ["a"], "a"),
    (1, ["ab"], "a"),
    (3, ["ab", "c"], "abc"),
    (3, ["ab", "cd"], "abc"),
    (3, ["abc", "d"], "abc"),
    (3, [""], ""),
]


@pytest.mark.parametrize(("cap", "printed", "shown"), CONSOLES)
def test_what_is_printed_is_cut_at_the_cap_and_says_so(cap: int, printed: list[str], shown: str) -> None:
    """Exactly so much is shown, by both kinds of worker; the note comes with a cut and only then."""
    console, local = Console(cap), LocalConsole(cap)
    for text in printed:
        console.write("stdout", text.encode())
        local.write(text)
    cut = len("".join(printed)) > cap
    assert "".join(text for stream, text in console.text() if stream == "stdout") == shown
    assert [text for stream, text in console.text() if stream == "stderr"] == (
        ["\n[the rest of this delivery's output was cut]\n"] if cut else []
    )
    more = len("".join(printed)) - cap
    assert local.text() == shown + (f"\n[{more:,} more characters were printed and cut]\n" if cut else "")


def test_streams_keep_their_order_and_half_a_character_is_replaced() -> None:
    """What belongs together is one piece; the cap counts bytes."""
    console = Console(9)
    for stream, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "é"), ("stdout", "𝄞")):
        console.write(stream, text.encode())
    assert console.text() == (("stdout", "ab"), ("stderr", "c"), ("stdout", "é𝄞"))
    console.write("stdout", b"x")
    assert console.text()[-1] == ("stderr", "\n[the rest of this delivery's output was cut]\n")
    half = Console(3)
    half.write("stdout", "𝄞".encode())
    assert half.text()[0] == ("stdout", "\ufffd")


def record(worker: str = "wasm", **options: object) -> VatRecord:
    return VatRecord("v1", "a", worker, LIVE, None, 0, None, CapData("#null"), options, 1)


def test_the_options_of_a_vat_are_its_limits() -> None:
    """Each takes the place of its default, and other options are no limits.

    None takes a limit away, but for what a host has to hold: memory, and what is written.
    """
    assert (
        limits_of(record(reap_interval=5, meter="m1"))
        == DEFAULT_LIMITS
        == Limits(computrons=10_000_000_000, memory_pages=4096, seconds=30.0, console_bytes=65536)
    )
    for name, value in (("computrons", 5), ("memory_pages", 6), ("seconds", 7), ("console_bytes", 8)):
        assert limits_of(record(**{name: value})) == replace(DEFAULT_LIMITS, **{name: value})
    for name in ("computrons", "seconds", "stored_bytes"):
        assert limits_of(record(**{name: None})) == replace(DEFAULT_LIMITS, **{name: None})
    for name in ("memory_pages", "write_bytes"):
        assert limits_of(record(**{name: None})) == DEFAULT_LIMITS


def test_an_attached_vat_runs_as_long_as_its_embedder_lets_it() -> None:
    """It has no limit but on what it prints, whatever its options say."""
    free = Limits(computrons=None, memory_pages=None, seconds=None, console_bytes=65536)
    assert limits_of(record("attached", computrons=5, seconds=1)) == free
