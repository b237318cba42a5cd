"""The tick that lets the host run code while a guest computes, and the interruption that uses it.

A guest that loops never returns to the host by itself. The engine's epochs do that: each time one ends, the
guest calls back, and there a deadline, an interruption or Ctrl-C can stop it. One thread ends epochs for as
long as deliveries run. Whether a callback happens changes nothing that the guest can see.
"""

from __future__ import annotations

import threading

import wasmtime

TICK = 0.05
"""Seconds between ticks."""

_IDLE_BEATS = 40


class Ticker:
    """Ends an epoch of one engine every `TICK` seconds while it is held."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.interruptions = 0
        """How often `interrupt` was called; a delivery that sees it change stops."""
        self._running = 0
        self._asleep = True

    def __enter__(self) -> None:
        with self._lock:
            self._running += 1
            if self._asleep:
                self._asleep = False
                threading.Thread(target=self._beat, name="swingset-epochs", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._running -= 1

    def interrupt(self) -> None:
        """Interrupt every delivery that is under way: each looks right away, and ends with a fault."""
        self.interruptions += 1
        self._engine.increment_epoch()

    def _beat(self) -> None:
        idle = 0
        pause = threading.Event()
        while True:
            pause.wait(TICK)
            with self._lock:
                idle = 0 if self._running else idle + 1
                if idle > _IDLE_BEATS:
                    self._asleep = True
                    return
            if not idle:
                self._engine.increment_epoch()
