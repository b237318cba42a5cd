"""The debugger: pdb inside the guest, with the host's door as its terminal.

It is the interpreter's own pdb, of the guest's version; for a local vat, that of the host. The engine leaves
developers' tools out of its library, so pdb and what it needs of them come through the door when they are
imported, and no image has them.

It stops at the first line of the vat's own code, and after that wherever pdb would, but only in code of the
vat: what lies between is the guest library. To quit ends the repetition at once, because pdb's own way,
an exception in the middle of the vat's code, would look like a failure of the vat.
"""

from __future__ import annotations

import io
import marshal
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inside import Inside

Call = Callable[[bytes], bytes]

_SERVED = ("pdb", "_pyrepl")


class Tools:
    """Imports developers' tools of the guest's own Python, whose code the host has."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._code: dict[str, bytes] = {}

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Part of the import system: where the code of a module comes from."""
        if name.partition(".")[0] not in _SERVED:
            return None
        answer = self._call(b"XM" + name.encode())
        if not answer:
            return None
        self._code[name] = answer[1:]
        return ModuleSpec(name, self, origin=f"<{name}>", is_package=answer[:1] == b"p")  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        """Part of the import system: an ordinary module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Part of the import system: run the code of a module."""
        module.__file__ = f"<{module.__name__}>"
        exec(marshal.loads(self._code.pop(module.__name__)[16:]), module.__dict__)


class _Typed(io.TextIOBase):
    """What is typed at the host's terminal."""

    def __init__(self, call: Call, before: Callable[[], None]) -> None:
        self._call = call
        self._before = before

    def readable(self) -> bool:
        return True

    def readline(self, _size: int | None = -1) -> str:  # type: ignore[override]
        self._before()
        return self._call(b"XI").decode()


class _Shown(io.TextIOBase):
    """What the host's terminal shows."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._call(b"XO" + text.encode("utf-8", "replace"))
        return len(text)


def open_pdb(guest: Inside, prefix: str) -> None:
    """Have the next delivery of the guest that this runs in stop in pdb, as `attach` does."""
    tools = Tools(guest.call)
    sys.meta_path.insert(0, tools)
    try:
        attach(prefix, guest.call, guest.flush)
    finally:
        sys.meta_path.remove(tools)


def attach(prefix: str, call: Call, flush: Callable[[], None]) -> None:
    """Have what runs next in this thread stop in pdb, at the first line of code whose file has this prefix.

    `call` is the terminal's door, and `flush` passes on what the vat has printed.
    """
    from pdb import Pdb

    def ours(frame: FrameType) -> bool:
        code = frame.f_code
        return code.co_filename.startswith(prefix) and code.co_name != "__annotate__"

    class VatPdb(Pdb):
        """pdb, for the code of one vat."""

        def user_call(self, _frame: FrameType, _argument_list: Any) -> None:
            """Stop at the first line of a call, not before it."""

        def dispatch_call(self, frame: FrameType, arg: Any) -> Any:
            return super().dispatch_call(frame, arg) if ours(frame) else None

        def stop_here(self, frame: FrameType) -> bool:
            return ours(frame) and bool(super().stop_here(frame))

        def get_stack(self, frame: Any, traceback: Any) -> Any:
            stack, current = super().get_stack(frame, traceback)
            found = [entry for entry in stack if ours(entry[0])]
            return (found, len(found) - 1) if found else (stack, current)

        def set_quit(self) -> None:
            flush()
            call(b"XQ")

        def do_interact(self, arg: str) -> None:
            before = sys.stdin, sys.stdout, sys.stderr
            sys.stdin, sys.stdout, sys.stderr = self.stdin, self.stdout, self.stdout
            try:
                super().do_interact(arg)
            finally:
                sys.stdin, sys.stdout, sys.stderr = before

        def do_run(self, arg: str) -> None:  # noqa: ARG002
            self.error("a delivery cannot be run again: quit, and open it anew")

        do_restart = do_run

    typed: Any = _Typed(call, flush)
    shown: Any = _Shown(call)
    debugger: Any = VatPdb(stdin=typed, stdout=shown, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    debugger.reset()
    debugger.botframe = sys._getframe()
    debugger._set_stopinfo(None, None)
    sys.settrace(debugger.trace_dispatch)
