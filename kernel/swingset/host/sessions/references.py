"""What a program's own references stand for: presences and promises of a session, in words.

Nothing is sent, and no code of a vat is run: the words come from the world's records (`lens.described`), and
of a promise of this session from the promise itself, which knows its outcome at once. A reference of a life
that has ended has no name in the kernel any more, and its words say so; looking never begins a new life.
"""

from __future__ import annotations

import reprlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from swingset.guest.base.errors import RemoteError
from swingset.guest.base.promises import PENDING, REJECTED, Promise
from swingset.guest.passing.remotables import Presence
from swingset.host.sessions.people import People
from swingset.host.variables.looking import owner_of
from swingset.lens.present.described import Described, describe
from swingset.model.foreign import said
from swingset.model.visible import one_line

if TYPE_CHECKING:
    from swingset.guest.liveslots import Liveslots
    from swingset.host.sessions.session import Session

_VALUE = 160


def introduce(session: Session, live: Liveslots) -> None:
    """Give a new life of a session what it needs to speak to people."""
    live.guard = session.controller.lock
    live.reader = session.reading
    live.file_called = session.file_called
    people = live.people = session.references.people
    printed = live.on_unhandled

    def on_unhandled(text: str) -> None:
        printed(text)
        if people.unhandled is not None:
            people.unhandled(text)

    live.on_unhandled = on_unhandled


class References:
    """The references of a session, as `session.references`.

    Source:
        Ours.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.people = People(self.describe, session.controller.lock)

    def describe(self, value: object) -> Described:
        """What a presence or a promise stands for; an empty kref if the kernel has no name for it.

        Args:
            value: a presence or a promise.
        Raises:
            TypeError: for any other value.
        Example:
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> print(session.references.describe(purse))
            Purse of bank · owner 'alice' · balance 0 · methods deposit
        """
        if not isinstance(value, Presence | Promise):
            raise TypeError(
                f"the world knows nothing of a {type(value).__name__}: give a presence or a promise"
            )
        live: Any = owner_of(value)
        with self._session.controller.lock:
            if live is None or live.ended is not None:
                why = "of a life that has ended" if live is None else live.ended.told(value)
                return Described("", _called(value), notes=(one_line(why, 2 * _VALUE),))
            if isinstance(value, Promise):
                return self._promise(live, value)
            return self._known(live, value) or Described("", _called(value))

    def name(self, value: Presence | Promise[Any]) -> str:
        """What a presence or a promise is called among others, in a list; what waits is not looked through.

        Args:
            value: a presence or a promise.
        Example:
            >>> session.references.name(E(bank).open_purse("alice"))
            'promise for open_purse(), pending'
        """
        if isinstance(value, Presence):
            return self.describe(value).name
        live, outcome = owner_of(value), value._value
        name = _called(value)
        if live is None or live.ended is not None:
            return f"{name}, of a life that has ended"
        if value._state is PENDING:
            return f"{name}, pending"
        if value._state is REJECTED:
            return f"{name}, rejected with {_kind(outcome)}"
        return f"{name}, fulfilled with {self._shown(outcome)}"

    def tell_target(self, error: RemoteError, promise: Promise[Any]) -> None:
        """Add to the text of an error to what its message was sent, unless the error names the method itself.

        Args:
            error: the reason that the promise was rejected with.
            promise: the promise for the answer to a message of this session.
        Example:
            >>> promise = E(bank).open_purze("alice")
            >>> try: session.wait(promise)
            ... except swingset.RemoteError as problem: session.references.tell_target(problem, promise)
            >>> str(promise._value).partition(" (")[2]
            'open_purze() was sent to Bank, root of bank)'
        """
        cause = promise._cause
        if type(cause) is not tuple or not cause[3] or self.target_of(error) is not None:
            return
        if error.trace or f".{cause[0]}" in error.remote_message:
            return
        with self._session.controller.lock:
            kernel, vat_id = self._session.controller.kernel, self._session.vat_id
            kref = kernel.recognize(vat_id, cause[3])
            target = None if kref is None else describe(kernel.store, kref, vat_id)
        if target is not None:
            text = f"{error} ({cause[0]}() was sent to {target.name})"
            error.show_to_people(lambda _error: (text, ""))
            error._sent_to = target  # type: ignore[attr-defined]

    def target_of(self, error: BaseException) -> Described | None:
        """To what the message was sent that an error came from, if `tell_target` has added it.

        Args:
            error: any error.
        Example:
            >>> session.references.target_of(ValueError("x")) is None
            True
        """
        found = getattr(error, "_sent_to", None)
        return found if type(found) is Described else None

    def _known(self, live: Liveslots, value: Presence | Promise[Any]) -> Described | None:
        named = live.promises.name_of(value) if isinstance(value, Promise) else live.slots.known_name(value)
        kernel, vat_id = self._session.controller.kernel, self._session.vat_id
        kref = kernel.recognize(vat_id, named) if named else None
        return None if kref is None else describe(kernel.store, kref, vat_id)

    def _promise(self, live: Liveslots, value: Promise[Any]) -> Described:
        name, outcome = _called(value), value._value
        if value._state is PENDING:
            known = self._known(live, value)
            notes = (
                ("not settled yet: it waits for something in this session",) if known is None else known.notes
            )
            return Described("" if known is None else known.kref, name, notes=notes)
        undone = ("an undo has taken this back",) if self._session.steps.was_taken_back(value) else ()
        if value._state is REJECTED:
            words = f"rejected with {_kind(outcome)}: {one_line(said(outcome), _VALUE)}"
            return Described("", name, notes=(words, *undone))
        if isinstance(outcome, Presence):
            found = self.describe(outcome)
            told = f"{name} · fulfilled with {found.name}"
            return replace(found, name=told, notes=(*found.notes, *undone))
        return Described("", name, notes=(f"fulfilled with {self._shown(outcome)}", *undone))

    def _shown(self, value: object) -> str:
        """A value of this program, cut to a length."""
        writer = reprlib.Repr()
        writer.maxstring = writer.maxother = _VALUE
        writer.repr_Presence = lambda presence, _level: self.describe(presence).name  # type: ignore[attr-defined]
        return one_line(writer.repr(value), _VALUE)


def _kind(error: BaseException) -> str:
    """The class of the error that a promise is rejected with."""
    return one_line(error.remote_name if isinstance(error, RemoteError) else type(error).__name__, 60)


def _called(value: Presence | Promise[Any]) -> str:
    """What a reference is called where the world knows nothing of it."""
    if isinstance(value, Presence):
        return one_line(value._iface.removeprefix("Alleged: "), 60)
    cause = value._cause
    return f"promise for {one_line(cause[0], 60)}()" if type(cause) is tuple else "promise"
