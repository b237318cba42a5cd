"""What an agent uses of the guest that it runs in: the door, and the streams of the guest library.

The library may be of any version, so what is not there is done without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class Inside:
    """The guest around an agent. `call` is its door; `syscall` is the code that makes syscalls, or None."""

    def __init__(self) -> None:
        import _host  # exists in the guest only

        supervisor: Any = sys.modules["swingset.guest.supervisor"]
        self.call: Callable[[bytes], bytes] = _host.call
        self.syscall = getattr(getattr(supervisor, "_syscall", None), "__code__", None)
        self._streams = getattr(supervisor, "_STREAMS", ())

    def flush(self) -> None:
        """Pass on what the vat has printed."""
        for stream in self._streams:
            try:
                stream.flush()
            except (OSError, ValueError):  # the vat has closed it
                continue
