"""The state of one durable instance, and the descriptors through which a class reads and writes it.

A record is a JSON object of capdata by field name. Every write is checked against the annotation and encoded
at once, so that a value which cannot be kept is refused on the line that assigns it, with the record as it
was. Containers come back frozen: they are copies, and changing a copy would silently change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import jsontext
from .passable import SCALARS
from .shapes import BadAnnotationError, Shape, compile_shape, complaint
from .smallcaps import DecodeError

if TYPE_CHECKING:
    from .kinds import Kind


class _Missing:
    def __repr__(self) -> str:
        return "(no default)"


MISSING = _Missing()


class Field:
    """One field of a kind; in the class it stands in the place of the annotated attribute."""

    __slots__ = ("_note", "_shape", "default", "kind", "name")

    def __init__(self, kind: Kind, name: str, note: Any, default: Any) -> None:
        self.kind = kind
        self.name = name
        self.default = default
        self._note = note
        self._shape: Shape | None = None

    @property
    def shape(self) -> Shape:
        """What the field may hold, compiled when it is first asked for."""
        if self._shape is None:
            try:
                self._shape = compile_shape(self._note, self.kind.names, self.kind.cls)
            except BadAnnotationError as exc:
                raise TypeError(f"{self.kind.tag}.{self.name}: {exc}") from None
            if self._shape.fleeting is not None:
                raise TypeError(
                    f"{self.kind.tag}.{self.name}: {self._shape.text} is not durable: "
                    f"{_why_fleeting(self._shape.fleeting)}"
                )
        return self._shape

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            if self.default is MISSING:
                raise AttributeError(f"{self.name} is a field of the instances of {self.kind.tag}")
            return self.default
        kind = type(instance).__kind__
        return kind.world.kinds.record(kind, instance).read(kind.fields[self.name])

    def __set__(self, instance: Any, value: Any) -> None:
        kind = type(instance).__kind__
        kind.world.kinds.record(kind, instance).write(kind.fields[self.name], value)

    def __delete__(self, instance: Any) -> None:
        raise AttributeError(
            f"{self.kind.tag}.{self.name} is state and cannot be deleted: assign None or a default"
        )


def _why_fleeting(name: str) -> str:
    if name == "Promise":
        return "an upgrade ends every promise: keep the value that it settles to"
    return f"an upgrade ends every {name}: make the class @durable"


class Record:
    """The values of one instance, as stored and as read."""

    __slots__ = ("_raw", "_values", "dirty", "kind")

    def __init__(self, kind: Kind, raw: dict[str, Any]) -> None:
        self.kind = kind
        self.dirty = False
        self._raw = raw
        self._values: dict[str, Any] = {}

    def read(self, field: Field) -> Any:
        """The value of a field; a record older than the field gives the default."""
        name = field.name
        if name in self._values:
            return self._values[name]
        slots = self.kind.world.slots
        capdata = self._raw.get(name)
        if capdata is None:
            default = None if field.default is MISSING else field.default
            capdata = slots.encode_durable(default, f"{self.kind.tag}.{name}")
        try:
            value = slots.decode(capdata, frozen=True)
        except DecodeError as exc:
            raise LookupError(f"{self.kind.tag}.{name} cannot be read: {exc}") from None
        self._values[name] = value
        return value

    def write(self, field: Field, value: Any) -> None:
        """Check a value and keep it."""
        what = f"{self.kind.tag}.{field.name}"
        misfit = field.shape.misfit(value)
        if misfit is not None:
            raise TypeError(complaint(what, misfit))
        self._raw[field.name] = self.kind.world.slots.encode_durable(value, what)
        if type(value) in SCALARS:
            self._values[field.name] = value
        else:
            self._values.pop(field.name, None)
        self.dirty = True

    def to_text(self) -> str:
        """The record as it is stored, fields in the order of their declaration."""
        raw = self._raw
        ordered = {name: raw[name] for name in self.kind.fields if name in raw}
        return jsontext.write(ordered)
