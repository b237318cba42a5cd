"""Lets references and errors about them speak to people: `<Purse of bank>`, and `E(bank)` instead of `E(x)`.

The compiled code of a line knows which columns an instruction came from, so the text before an attribute is
cut out of the line, and so is what stands in `E(...)`. That is done only when an error is raised; code of
Python's library and of installed packages is not shown, because its variables mean nothing to the user.

What is advised is a message that the object takes, as far as its methods are known.
"""

from __future__ import annotations

import ast
import difflib
import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Callable
from itertools import islice
from types import CodeType, FrameType
from typing import Any
from weakref import WeakKeyDictionary

import swingset
from swingset.guest.base.promises import Promise
from swingset.guest.passing.remotables import Presence
from swingset.host.base.callers import Inside
from swingset.lens.present.described import Described
from swingset.lens.source.outlines import example
from swingset.world.errors import WorldError

MOST_SPELLED = 80
"""A longer expression is not repeated in an error."""

_LONGEST_LINE = 2_000
_CALL = re.compile(r"E\(x\)\.(\w{1,100})\(\.\.\.\)")
_OWN = os.path.join(os.path.dirname(os.path.abspath(swingset.__file__)), "")

_LIBRARIES = tuple(
    os.path.join(path, "")
    for name, path in sysconfig.get_paths().items()
    if name in ("stdlib", "purelib", "platlib")
)


class People:
    """The people at one session's interpreter."""

    def __init__(self, describe: Callable[[object], Described], lock: Inside) -> None:
        self._describe = describe
        self._lock = lock
        self._names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self.shorten: Callable[[Exception], None] | None = None
        """Called with an error that is about to be raised on a line of the user's, to shorten its display."""
        self.unhandled: Callable[[str], None] | None = None
        """Called with the text of each rejection that nobody has handled, after it is printed."""

    def spelled(self, frame: FrameType, name: str) -> str | None:
        """The text before `.name` in the line that a frame is at; None if it is unknown or long."""
        text = expression(frame.f_code, frame.f_lasti)
        if text is None:
            return None
        before = text.removesuffix(f".{name}")
        known = before != text and len(before) <= MOST_SPELLED and before.isprintable()
        return before if known else None

    def called(self, presence: Any) -> str | None:
        """What the object of a presence is called, such as `Purse of bank`; None if that cannot be told.

        It is looked up once for each presence, because a program may print many, and not while another thread
        is at work in the world, because printing must not wait for it.
        """
        if not presence._vref or presence._vat.ended is not None:
            return None
        name = self._names.get(presence)
        if name is None and (found := self._described(presence)) is not None:
            name = self._names[presence] = found.name
        return name

    def way(self, presence: Any, spelled: str, name: str) -> str | None:
        """The end of the sentence that refuses an attribute of a presence; None if no more is known."""
        found = self._described(presence)
        if found is None or not found.methods:
            return None
        method, why = found.method(name), ""
        if method is None and name in dict(found.fields):
            return ": it is a part of its state, and no method"
        if method is None:
            known = [each.name for each in found.methods]
            near = difflib.get_close_matches(name, known, 1, 0.5)
            method, why = found.method(near[0]) if near else None, ", and it has no such method"
        call = found.example() if method is None else example(method)
        return f"{why}: use `await E({spelled}).{call}`"

    def refused(self, error: Exception, target: object = None) -> None:
        """Prepare an error that is raised for a misuse of a reference, the target of an `E(...)`."""
        words = str(error)
        if "E(x)" in words:
            spelled = target_in(_users_expression()) or "x"
            found = self._described(target)
            if found is not None and found.methods:
                words = _CALL.sub(lambda call: f"E(x).{_call(found, call[1])}", words)
            error.args = (words.replace("E(x)", f"E({spelled})"),)
        if self.shorten is not None:
            self.shorten(error)

    def _described(self, value: object) -> Described | None:
        """What a reference stands for; None for other values, and while another thread is at work."""
        if not isinstance(value, Presence | Promise) or not self._lock.acquire(blocking=False):
            return None
        try:
            return self._describe(value)
        except WorldError:  # the file is damaged there, which other checks report
            return None
        finally:
            self._lock.release()


def _call(found: Described, name: str) -> str:
    """A call of the method of that name, or of another if there is none."""
    method = found.method(name)
    return found.example() if method is None else example(method)


def expression(code: CodeType, instruction: int) -> str | None:
    """The source of the expression that an instruction of some code belongs to.

    None if it is not known, or in Python's library or an installed package.
    """
    if code.co_filename.startswith(_LIBRARIES):
        return None
    line, end, start, stop = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    if line is None or line != end or start is None or stop is None:
        return None
    return linecache.getline(code.co_filename, line).encode()[start:stop].decode(errors="replace")


def parsed(text: str | None) -> ast.AST | None:
    """The syntax tree of an expression or a statement of the user's line; None if it is none."""
    if text is None or len(text) > _LONGEST_LINE:
        return None
    try:
        (found,) = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found.value if isinstance(found, ast.Expr) else found


def proxied(node: ast.AST) -> ast.expr | None:
    """What stands in a node that is `E(...)` or `E.send_only(...)`; None for other nodes."""
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return None
    maker = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    return node.args[0] if isinstance(maker, ast.Name) and maker.id == "E" else None


def target_in(text: str | None) -> str | None:
    """What stands in the first `E(...)` of an expression, if it is short."""
    tree = parsed(text)
    found = next((at for node in ast.walk(tree) if (at := proxied(node)) is not None), None) if tree else None
    spelled = None if found is None else ast.unparse(found)
    return spelled if spelled is not None and len(spelled) <= MOST_SPELLED else None


def _users_expression() -> str | None:
    """The expression of the innermost frame that is not this package's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return None if frame is None else expression(frame.f_code, frame.f_lasti)
