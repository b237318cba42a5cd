"""What goes wrong, as a person at a notebook wants to read it.

Every error of this package is a `SwingSetError`, and every error of the layers below is shown by the same
renderer: what failed, the line of the user's own cell, what to type next. Ours are real errors to Jupyter,
unlike IPython's `UsageError`, which is printed but lets a notebook pass as if nothing had happened.

The frames of the machinery are never shown. The frames of the vat and of the cell are, a few of each.
"""

from __future__ import annotations

import contextlib
import linecache
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from swingset.core.errors import KernelError, VatFault
from swingset.guest.lives import LifeEndedError
from swingset.guest.remote_errors import RemoteError
from swingset.host.session import StillPending
from swingset.model.reports import Fault, Frame
from swingset.model.visible import visible
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError

MOST_FRAMES = 4
CONTEXT = 1
FOREIGN = (RemoteError, KernelError, WorldError, WorkerError, LifeEndedError)
"""The errors of the layers below that are shown in the same way."""

_SYNTAX = re.compile(r" \(<(?P<vat>[^:>]+):(?P<part>[^>]+)>, line (?P<line>\d+)\)$")
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"

Sources = Callable[[str], str | None]
"""The source of a vat's cell by the cell's name, None where it is not known."""


class SwingSetError(Exception):
    """Something asked of the notebook layer that it cannot do; nothing was changed."""

    def __init__(self, message: str, *hints: str, frames: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.hints = hints
        self.frames = tuple(frames)

    def _render_traceback_(self) -> list[str]:
        return _lines(type(self).__name__, str(self), self.frames, self.hints)


class Interrupted(KeyboardInterrupt):
    """A run was interrupted. Not an ordinary exception: no `except Exception` shall swallow it."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.hints = hints

    def _render_traceback_(self) -> list[str]:
        return _lines("Interrupted", str(self), _in_cell(self), self.hints)


class BadArguments(SwingSetError):
    """A magic's line that cannot be read."""


class NoWorldOpen(SwingSetError):
    """A command that needs a world, and there is none."""


class VatFailed(SwingSetError):
    """A vat's code failed while it started or was upgraded."""


class UpgradeRefused(VatFailed):
    """The new code was not accepted; the old incarnation runs on."""


def vat_failed(error: VatFault, what: type[VatFailed], parts: Mapping[str, str]) -> VatFailed:
    """The error for a vat that did not start, with the lines of the cells that were tried."""
    fault = _with_place(error.fault)
    name = "" if fault.name in ("Error", "VatStartError") else f"{fault.name}: "
    consequence = "nothing has changed" if what is UpgradeRefused else "no vat was made"
    where = "" if fault.message.startswith(f"vat {error.vat}") else f"vat {error.vat}: "
    message = visible(f"{where}{name}{fault.message} ({consequence})", 4_000)
    lost = fault.details.get("lostKinds")
    hints = []
    if isinstance(lost, list) and lost:
        kinds = ", ".join(visible(str(kind), 80) for kind in lost[:10])
        hints.append(f"durable objects of kind {kinds} live in vat {error.vat}: keep the class in the cell")
    return what(message, *hints, frames=_excerpts(fault.trace, parts.get, error.vat))


def install(sources: Sources, advise: Callable[[BaseException], Iterable[str]]) -> None:
    """Have the errors of the layers below shown as ours: without frames of the machinery."""

    def render(self: BaseException) -> list[str]:
        return explain(self, sources, tuple(advise(self)))

    for kind in FOREIGN:
        setattr(kind, "_render_traceback_", render)  # noqa: B010 - a class that does not declare it


def uninstall() -> None:
    """Have them shown in full again."""
    for kind in FOREIGN:
        if "_render_traceback_" in vars(kind):
            delattr(kind, "_render_traceback_")


def explain(error: BaseException, sources: Sources, hints: Sequence[str] = ()) -> list[str]:
    """The lines to show for an error of the layers below."""
    if isinstance(error, RemoteError):
        name = visible(error.remote_name, 100)
        message = visible(error.remote_message, 4_000) + (f" [{error.code}]" if error.code else "")
        trace = tuple(Frame(*frame) for frame in error.trace)
        return _lines(name, message, _in_cell(error) + _excerpts(trace, sources), hints)
    if isinstance(error, VatFault):
        fault = _with_place(error.fault)
        frames = _excerpts(fault.trace, sources, error.vat)
        return _lines("VatFault", visible(str(error), 4_000), frames, hints)
    return _lines(type(error).__name__, visible(str(error), 4_000), _in_cell(error), hints)


def shorten(error: Exception) -> None:
    """Have an ordinary exception shown without the frames that brought it to the cell."""
    if not hasattr(error, "_render_traceback_"):
        with contextlib.suppress(AttributeError):  # an exception with slots keeps its long form

            def render() -> list[str]:
                return _lines(type(error).__name__, visible(str(error), 4_000), _in_cell(error), ())

            error._render_traceback_ = render  # type: ignore[attr-defined]


def as_text(error: BaseException, sources: Sources, hints: Sequence[str] = ()) -> str:
    """Any error as plain text: for a widget, which has no traceback."""
    if isinstance(error, SwingSetError):
        lines = error._render_traceback_()
    elif isinstance(error, FOREIGN):
        lines = explain(error, sources, hints)
    else:
        lines = [visible(f"{type(error).__name__}: {error}", 4_000)]
    return "\n".join(lines).replace(_RED, "").replace(_PLAIN, "")


def _lines(name: str, message: str, frames: Iterable[str], hints: Iterable[str]) -> list[str]:
    return [f"{_RED}{name}{_PLAIN}: {message}", *frames, *(f"→ {hint}" for hint in hints)]


def _with_place(fault: Fault) -> Fault:
    """A syntax error says its place in words: make a frame of them, if there is none."""
    found = _SYNTAX.search(fault.message)
    if found is None:
        return fault
    trace = fault.trace or (Frame(found["part"], int(found["line"]), ""),)
    return replace(fault, message=fault.message[: found.start()], trace=trace)


def _excerpts(trace: Sequence[Frame], sources: Sources, vat: str | None = None) -> tuple[str, ...]:
    """The vat's own lines, innermost last, each with a line around it."""
    shown = trace[-MOST_FRAMES:]
    blocks = (
        [f"  ({len(trace) - len(shown)} frames of the vat before these)"] if len(trace) > len(shown) else []
    )
    for frame in shown:
        cell = f"vat {frame.part}" if vat is None or vat == frame.part else f"vat {vat}, {frame.part}"
        inside = f", in {frame.function}" if frame.function not in ("", "<module>") else ""
        blocks.append(visible(f"  {cell}, line {frame.line} of its cell{inside}", 300))
        source = sources(frame.part)
        if source is not None:
            blocks += _quote(source.splitlines(), frame.line)
    return tuple(blocks)


def _in_cell(error: BaseException) -> tuple[str, ...]:
    """The line of the notebook cell that met the error."""
    tb, found = error.__traceback__, None
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if "ipykernel_" in name or name.startswith("<ipython-input"):
            found = (name, tb.tb_lineno)
        tb = tb.tb_next
    if found is None:
        return ()
    line = linecache.getline(*found).strip()
    if line.startswith("get_ipython()"):  # a magic, as IPython rewrites it: not what the user wrote
        return ()
    return (f"  this cell, line {found[1]}", f"  ----> {found[1]} {line}")


def _quote(lines: Sequence[str], at: int) -> list[str]:
    quoted = []
    for number in range(max(at - CONTEXT, 1), min(at + CONTEXT, len(lines)) + 1):
        text = visible(lines[number - 1], 160)
        if number == at:
            quoted.append(f"  {'-' * (5 - len(str(number)))}> {number} {text}")
        elif text:
            quoted.append(f"  {' ' * (6 - len(str(number)))} {number} {text}")
    return quoted


__all__ = [
    "BadArguments",
    "Interrupted",
    "NoWorldOpen",
    "StillPending",
    "SwingSetError",
    "UpgradeRefused",
    "VatFailed",
    "as_text",
    "explain",
    "install",
    "uninstall",
    "vat_failed",
]
