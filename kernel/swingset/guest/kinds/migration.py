"""Migrations: turn a record that old code wrote into one that new code can use.

    @durable(version=2)
    class Purse:
        owner: str
        cents: int = 0

        @migrate(1, 2)
        @staticmethod
        def to_cents(old: dict[str, Any]) -> dict[str, Any]:
            return {"owner": old["owner"], "cents": old["balance"] * 100}

A record carries the version that wrote it. It is migrated when it is first used, or by the sweep, by the
shortest sequence of the kind's functions, and the result is checked like any other write. It replaces the old
record at the end of the delivery, in the one write that every changed record gets, so a record is never half
migrated. If a migration fails, the message that used the record is rejected, and the record stays as it was.

A function gets dataclasses and enums as such, if their current class accepts the stored data. Otherwise,
because the class has other fields or members, it gets the data as `Tagged`.

A function must return each field that both versions have, even if the value is the same, because a default in
its place would be an unnoticed loss. A subclass that is a kind too inherits the functions of its base. Its
own fields, which these functions do not know, are kept as they are.

A migration may also go back: code of version 1 that has `@migrate(2, 1)` takes over records of version 2. A
function may read other objects and make new ones. It cannot send messages, or change state that is already
stored.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from ..base.errors import message_of, name_of
from ..guards.shape import complaint
from ..passing.passable import brief
from ..passing.smallcaps import DecodeError
from .records import MISSING, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from .kind import Kind

F = TypeVar("F")

Steps = dict[tuple[int, int], "FunctionType"]


class MigrationError(TypeError):
    """A record could not be migrated; it stays as it was: `except MigrationError as problem: ...`.

    `message` says why. `details` names the kind, the record and, if one is the cause, the field. `vat_frame`
    is the line of the migration function, for an error that was found after it returned.

    Source:
        Ours.
    """

    def __init__(self, message: str, vat_frame: tuple[str, int, str] | None, **details: Any) -> None:
        super().__init__(message)
        self.vat_frame = vat_frame
        self.details = details


def migrate(old: int, new: int) -> Callable[[F], F]:
    """Mark a static method of a kind as the migration from version `old` to version `new`.

    It gets the old record as a dict of values and returns the new one. Raises TypeError for bad versions, and
    for an async function.

        @migrate(1, 2)
        @staticmethod
        def to_cents(old: dict[str, Any]) -> dict[str, Any]:
            return {"cents": old["balance"] * 100}

    Source:
        Ours: a kind of the reference can only get optional fields.
    """
    if not (type(old) is type(new) is int and old > 0 and new > 0 and old != new):
        raise TypeError(f"@migrate({old!r}, {new!r}): wants two different version numbers, from 1 up")

    def mark(function: F) -> F:
        plain: Any = function.__func__ if isinstance(function, staticmethod) else function
        if type(plain) is not FunctionType:
            raise TypeError(f"@migrate({old}, {new}) goes on a function, not on {brief(function)}")
        if plain.__code__.co_flags & 0x80:
            raise TypeError(f"{plain.__qualname__}: a migration cannot be async, it has nothing to wait for")
        plain.__dict__.setdefault("__migrates__", []).append((old, new))
        return function

    return mark


def marked_migrations(cls: type) -> Steps:
    """The migrations of a class by their two versions; makes them static methods if they are not yet."""
    steps: Steps = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, value in list(vars(base).items()):
            plain: Any = value.__func__ if isinstance(value, staticmethod) else value
            marks = getattr(plain, "__migrates__", ()) if type(plain) is FunctionType else ()
            if marks and plain is value:
                setattr(base, name, staticmethod(plain))
            for step in marks:
                steps[step] = plain
    return steps


def path(steps: Steps, old: int, new: int) -> list[tuple[int, int]] | None:
    """The shortest sequence of migrations between two versions; None if there is none.

    Of several, it is the one whose first step comes closest to `new`.
    """
    ways: dict[int, list[tuple[int, int]]] = {old: []}
    reached = [old]
    for here in reached:
        if here == new:
            return ways[here]
        for step in sorted((s for s in steps if s[0] == here), key=lambda s: abs(s[1] - new)):
            if step[1] not in ways:
                ways[step[1]] = [*ways[here], step]
                reached.append(step[1])
    return None


def migrated(kind: Kind, vref: str, old: Record, defaults: dict[str, str]) -> Record:
    """Migrate a record to the kind's version; raises MigrationError."""
    return _Migration(kind, vref, old).run(defaults)


class _Migration:
    """The migration of one record."""

    def __init__(self, kind: Kind, vref: str, old: Record) -> None:
        self.kind = kind
        self.vref = vref
        self.old = old
        self.function: FunctionType | None = None
        self.versions = (old.version, kind.version)

    def run(self, defaults: dict[str, str]) -> Record:
        kinds = self.kind.vat.kinds
        steps = path(self.kind.migrations, *self.versions)
        if steps is None:
            raise self.failure(f"no @migrate leads from version {self.versions[0]} to {self.versions[1]}")
        if self.vref in kinds.migrating:
            raise self.failure("its migration touches the record itself")
        kinds.migrating.append(self.vref)
        try:
            values = before = self.read(defaults)
            for step in steps:
                values = self.step(step, values, last=step is steps[-1])
            return self.write(values, before)
        finally:
            kinds.migrating.pop()

    def read(self, defaults: dict[str, str]) -> dict[str, Any]:
        slots = self.kind.vat.slots
        stored = {name: {"body": body, "slots": []} for name, body in defaults.items()}
        stored.update(self.old.raw)
        values = {}
        for name, capdata in stored.items():
            try:
                values[name] = slots.decode(capdata, old=True)
            except DecodeError as exc:
                raise self.failure(f"the old value of {name!r} cannot be read: {exc}", name) from None
        return values

    def step(self, step: tuple[int, int], values: dict[str, Any], *, last: bool) -> dict[str, Any]:
        function: Any = self.kind.migrations[step]
        self.function = function
        self.versions = step
        given = dict(values)
        try:
            made = function(values)
        except Exception as exc:
            what = f"{name_of(exc)}: {message_of(exc)[:1000]}"
            failure = self.failure(what).with_traceback(exc.__traceback__)
            failure.vat_frame = None  # the traceback has the exact line
            raise failure from None
        if type(made) is not dict or any(type(name) is not str for name in made):
            raise self.failure(f"it must return the new record as a dict of fields, not {brief(made)}")
        base = self.base_of(function)
        if base is None:
            return made
        own = [name for name in given if name not in base.fields and (name in self.kind.fields or not last)]
        return {**{name: given[name] for name in own}, **made}

    def base_of(self, function: FunctionType) -> Kind | None:
        """The base kind from which a migration is inherited; None if it is the kind's own."""
        for cls in self.kind.cls.__mro__:
            if any(getattr(value, "__func__", value) is function for value in vars(cls).values()):
                kind: Kind | None = vars(cls).get("__kind__")
                return kind if kind is not self.kind else None
        return None

    def write(self, values: dict[str, Any], before: dict[str, Any]) -> Record:
        kind = self.kind
        record = Record(kind, {}, kind.version)
        for name in values:
            if not kind.loose and name not in kind.fields:
                raise self.failure(
                    f"it returned a field {name!r} that version {kind.version} does not have", name
                )
        for name in kind.fields or values:
            field = kind.field(name)
            if name not in values and name in before:
                raise self.failure(
                    f"it returned no {name!r}, which the old record has and version {kind.version} too: "
                    f"return old[{name!r}]",
                    name,
                )
            value = values.get(name, None if field.default is MISSING else field.default)
            if name not in values and field.default is MISSING and not field.shape.optional:
                raise self.failure(f"it returned no {name!r}: {field.shape.text}", name)
            misfit = field.shape.misfit(value)
            if misfit is not None:
                raise self.failure(complaint(f"it returned {name}", misfit), name)
            try:
                record.put(field, value)
            except TypeError as exc:
                raise self.failure(str(exc), name) from None
        return record

    def failure(self, what: str, field: str | None = None) -> MigrationError:
        old, new = self.versions
        where = None
        by = ""
        if self.function is not None:
            code, vat = self.function.__code__, self.kind.vat
            part = vat.part_of(code.co_filename) or vat.file_called(code.co_filename)
            where = (part, code.co_firstlineno, code.co_qualname)
            by = f" by {code.co_qualname} ({part}, line {code.co_firstlineno})"
        details = {"kind": self.kind.tag, "record": self.vref, "from": old, "to": new}
        if field is not None:
            details["field"] = field
        return MigrationError(
            f"{self.kind.tag} {self.vref} does not migrate from version {old} to {new}{by}: {what}; "
            "the record is as it was",
            where,
            **details,
        )
