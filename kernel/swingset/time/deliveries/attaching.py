"""A past delivery under an editor's debugger: repeated in this interpreter, with debugpy attached.

Editors and JupyterLab speak to debugpy, which watches the interpreter that it runs in. So the delivery is
repeated by the local worker. For a confined vat its whole transcript is repeated there first: where this
interpreter would have answered otherwise, the first difference is named, and nothing is shown. The code runs
unconfined, so the world has to be one that is trusted with local vats.

The debugger stops at the first line of the vat's own code, and gets the source from the vat's cells.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.time.deliveries.answering import Answers
from swingset.time.deliveries.past import PastDelivery, brought_before, limits_then
from swingset.time.deliveries.tracing import first_difference

HOST = "127.0.0.1"
"""Where debuggers may attach from: this machine only, because one that is attached can run anything."""


def attach_debugger(
    controller: Controller, past: PastDelivery, port: int, write: Callable[[str], object]
) -> str | None:
    """Repeat a delivery for a debugger that attaches at a port; returns the first difference."""
    try:
        import debugpy
    except ImportError:
        raise KernelError("an editor's debugger needs debugpy: pip install 'swingset-nb[debug]'") from None
    worker = brought_before(controller, past, local=True)
    try:
        _wait(debugpy, port, write)
        answers, before = Answers(past.syscalls, controller.world.bundles.get), sys.gettrace()
        sys.setprofile(_stopping_at(f"<{past.code_name}:"))
        try:
            result = worker.deliver(past.delivery, answers, limits_then(past))
        finally:
            sys.setprofile(None)
            sys.settrace(before)
    finally:
        worker.close()
    return first_difference(past, answers, result)


def _wait(debugpy: Any, port: int, write: Callable[[str], object]) -> None:
    """Wait until a debugger is attached; one that is attached already, such as JupyterLab's, will do."""
    if debugpy.is_client_connected():
        return
    try:
        host, found = debugpy.listen((HOST, port))
        write(f"waiting for a debugger at {host}:{found}\n")
    except RuntimeError:  # it listens since an earlier session, and cannot begin twice in one process
        write("waiting for a debugger where it attached before\n")
    debugpy.wait_for_client()


def _stopping_at(prefix: str) -> Callable[[FrameType, str, Any], None]:
    """A profile function that has the debugger stop in the first call of code whose file has this prefix."""

    def called(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(prefix):
            sys.setprofile(None)
            import pydevd  # comes with debugpy, and can be imported once that listens

            pydevd.settrace(
                suspend=True, trace_only_current_thread=True, patch_multiprocessing=False, stop_at_frame=frame
            )

    return called
