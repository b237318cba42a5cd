"""Errors for people at a notebook.

Every error of this package is a `SwingSetError`, and every error of the layers below is shown in the same
way: what failed, the line of the user's own cell, and what to type next. Jupyter treats them as real errors,
unlike IPython's `UsageError`, which is printed but lets a notebook pass as if nothing had failed.

Frames of the library are never shown. Frames of the vat and of the cell are shown, a few of each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from swingset.core.errors import KernelError, VatFault
from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.errors import RemoteError
from swingset.guest.kinds.descriptors import KindError
from swingset.guest.kinds.migration import MigrationError
from swingset.host.sessions.pending import StillPending
from swingset.lens.source.fixes import Fix, fixes
from swingset.model import reasons
from swingset.model.places import Sources, other_world, places
from swingset.model.reports import Fault, Frame
from swingset.model.visible import MARK, one_line, quoted, visible
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError
from swingset_nb.advice import advice, advice_on
from swingset_nb.lacking import lacking_for
from swingset_nb.limits import of_a_start
from swingset_nb.next_steps import more_on, next_steps

FOREIGN = (RemoteError, KernelError, WorldError, WorkerError, LifeEndedError, KindError, MigrationError)
"""The errors of the layers below that are shown in this way."""

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"
_LONGEST = 4_000
_MOST_NOTES = 40

Lines = Callable[[BaseException], tuple[str, ...]]
"""Returns the lines of the user's own code that an error passed through."""


def _nowhere(_error: BaseException) -> tuple[str, ...]:
    return ()


_in_cell: Lines = _nowhere  # of the shell that the extension is loaded in
_advise: Callable[[BaseException], Iterable[str]] = advice
_named: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple  # with the petnames of other worlds


class SwingSetError(Exception):
    """The notebook layer cannot do what was asked; nothing was changed."""

    def __init__(self, message: str, *hints: str, frames: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.hints = hints
        self.frames = tuple(frames)

    def __str__(self) -> str:
        return quoted(super().__str__(), _LONGEST)

    def _render_traceback_(self) -> list[str]:
        return _lines(self, type(self).__name__, str(self), self.frames, self.hints)


class Interrupted(KeyboardInterrupt):
    """A run was interrupted. It is no `Exception`, so that `except Exception` does not catch it."""

    def __init__(self, message: str, *hints: str, frames: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.hints = hints
        self.frames = tuple(frames)

    def _render_traceback_(self) -> list[str]:
        return _lines(self, "Interrupted", quoted(str(self)), _in_cell(self) + self.frames, self.hints)


class BadArguments(SwingSetError):
    """The line of a magic cannot be parsed."""


class NoWorldOpen(SwingSetError):
    """The command needs a world, and none is open."""


class VatFailed(SwingSetError):
    """The code of a vat failed in its start or upgrade."""


class UpgradeRefused(VatFailed):
    """The new code was refused; the old incarnation continues."""


def vat_failed(
    error: VatFault, what: type[VatFailed], parts: Mapping[str, str], before: Mapping[str, str] | None = None
) -> VatFailed:
    """The error for a vat that did not start, with the lines of the cells that were tried.

    `before` are the cells that it ran so far, if it is an upgrade to a changed cell that now waits.
    """
    fault = _with_place(error.fault)
    name = "" if fault.name in ("Error", "VatStartError") else f"{fault.name}: "
    consequence = "nothing has changed" if what is UpgradeRefused else "no vat was made"
    where = "" if fault.message.startswith(f"vat {error.vat}") else f"vat {error.vat}: "
    cures = fixes(fault, tuple(parts.items()), tuple(before.items())) if before else ()
    hints = cures_in_words(error.vat, cures)
    hints += advice_on(fault.name, fault.message) + lacking_for(fault.name, fault.message, parts.values())
    hints += of_a_start(error.vat, fault.code)
    hints = hints or ["change the cell where it fails, and run it again"]
    if fault.code != reasons.START_FAILED:  # the error itself says what that code's section would
        hints += more_on(fault.code)
    message = f"{where}{name}{fault.message} ({consequence})"
    return what(message, *hints, frames=places(fault.trace, parts.get, error.vat))


def cures_in_words(vat: str, cures: Sequence[Fix]) -> list[str]:
    """What may cure a refusal, and what to type for it."""
    if not cures:
        return []
    first, *others = [one_line(str(fix), 400) for fix in cures]
    writes = f"`%vat {vat} --fix` writes the cure into the cell"
    if others:
        writes += ", `--fix 2` the second one" if len(others) == 1 else ", `--fix 2` and so on the others"
    return [f"cure: {first}", *(f"or: {fix}" for fix in others), writes]


def install(
    sources: Sources,
    advise: Callable[[BaseException], Iterable[str]],
    in_cell: Lines,
    named: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple,
) -> None:
    """Show the errors of the layers below like this package's own, without frames of the library."""
    global _in_cell, _advise, _named
    _in_cell, _advise, _named = in_cell, advise, named

    def render(self: BaseException) -> list[str]:
        return explain(self, sources, tuple(advise(self)))

    for kind in FOREIGN:
        setattr(kind, "_render_traceback_", render)  # noqa: B010 - a class that does not declare it


def uninstall() -> None:
    """Show the errors of the layers below in full again."""
    global _in_cell, _advise, _named
    _in_cell, _advise, _named = _nowhere, advice, tuple
    for kind in FOREIGN:
        if "_render_traceback_" in vars(kind):
            delattr(kind, "_render_traceback_")


def explain(error: BaseException, sources: Sources, hints: Sequence[str] = ()) -> list[str]:
    """The lines to show for an error of the layers below."""
    words = _words(error)
    if isinstance(error, RemoteError):
        trace = tuple(Frame(*frame) for frame in error.trace)
        words += f" [{one_line(error.code, 100)}]" if error.code else ""
        frames = _in_cell(error) + _named(places(trace, sources))
        hints = [*hints, *([] if any(map(other_world, trace)) else more_on(error.code))]
        return _lines(error, error.remote_name, words, frames, hints)
    if isinstance(error, VatFault):
        fault = _with_place(error.fault)
        frames = places(fault.trace, sources, error.vat)
        return _lines(error, "VatFault", words, frames, [*hints, *more_on(fault.code)])
    hints = hints or next_steps(error)
    return _lines(error, type(error).__name__, words, _in_cell(error), hints)


def shorten(error: Exception) -> None:
    """Show an ordinary exception without the frames of the library."""
    if not hasattr(error, "_render_traceback_"):
        with contextlib.suppress(AttributeError):  # an exception with slots keeps its long form

            def render() -> list[str]:
                hints = tuple(_advise(error))
                return _lines(error, type(error).__name__, _words(error), _in_cell(error), hints)

            error._render_traceback_ = render  # type: ignore[attr-defined]


def short_form(error: BaseException, words: str, hints: Iterable[str]) -> list[str]:
    """The lines for an error that is shown without its frames."""
    return _lines(error, type(error).__name__, quoted(words, _LONGEST), _in_cell(error), hints)


def as_text(error: BaseException, sources: Sources, hints: Sequence[str] = ()) -> str:
    """Any error as plain text: for a widget, which has no traceback."""
    if isinstance(error, SwingSetError):
        lines = error._render_traceback_()
    elif isinstance(error, FOREIGN):
        lines = explain(error, sources, hints)
    else:
        lines = [f"{type(error).__name__}: {_words(error)}"]
    return "\n".join(lines).replace(_RED, "").replace(_PLAIN, "")


def _words(error: BaseException) -> str:
    """The message of an error, safe to print; lines that are marked already stay so."""
    return quoted(str(error).replace(f"\n{MARK}", "\n"), _LONGEST)


def _lines(
    error: BaseException, name: str, message: str, frames: Sequence[str], hints: Iterable[str]
) -> list[str]:
    """The lines to show; only the library's own lines begin at the margin."""
    told = {*frames}
    notes = [
        f"  {visible(line, 300)}"
        for note in getattr(error, "__notes__", ())
        for line in str(note).split("\n")
        if line not in told  # the lines of a vat, which are among the frames
    ]
    more = [f"  and {len(notes) - _MOST_NOTES:,} more lines"] if len(notes) > _MOST_NOTES else []
    head = f"{_RED}{one_line(name, 100)}{_PLAIN}: {message}"
    return [head, *frames, *notes[:_MOST_NOTES], *more, *(f"→ {one_line(hint, 600)}" for hint in hints)]


def _with_place(fault: Fault) -> Fault:
    """Make a frame from the place in the message of a syntax error, if the fault has no frame."""
    text, found, place = fault.message.rpartition(" (<")
    cell, comma, line = place.rpartition(">, line ")
    _, colon, part = cell.partition(":")
    number = line.removesuffix(")")
    if not (
        found and comma and colon and part and line.endswith(")") and number.isdecimal() and len(number) < 9
    ):
        return fault
    return replace(fault, message=text, trace=fault.trace or (Frame(part, int(number), ""),))


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
