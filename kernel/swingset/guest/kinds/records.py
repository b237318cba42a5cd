"""The state of one durable instance, and the descriptors through which a class reads and writes it.

A record is a JSON object of capdata by field name. Every write is checked against the annotation and encoded
at once, so a value that cannot be kept is refused on the line that assigns it, and the record is unchanged.
Containers are read as frozen copies, because changing a copy would not change the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base import jsontext
from ..base.vatstore import check_room
from ..clist.references import slots_of
from ..guards.shape import BadAnnotationError, Shape, complaint
from ..guards.shapes import compile_shape
from ..passing.passable import SCALARS, frozen
from ..passing.smallcaps import DecodeError

if TYPE_CHECKING:
    from .kind import Kind


class _Missing:
    def __repr__(self) -> str:
        return "(no default)"


MISSING = _Missing()

_LONG = 1_000  # a record is checked for its size only when a body longer than this is written

VERSION = "#version"  # in a record beside the fields; a record without it is of version 1


class Field:
    """One field of a kind; a descriptor that replaces the annotated attribute of the class."""

    __slots__ = ("_note", "_shape", "default", "kind", "name")

    def __init__(self, kind: Kind, name: str, note: Any, default: Any) -> None:
        self.kind = kind
        self.name = name
        self.default = default
        self._note = note
        self._shape: Shape | None = None

    @property
    def shape(self) -> Shape:
        """The shape of its values, compiled at the first use; raises TypeError for a bad annotation."""
        if self._shape is None:
            try:
                shape = compile_shape(self._note, self.kind.names, self.kind.cls)
            except BadAnnotationError as exc:
                raise TypeError(f"{self.kind.tag}.{self.name}: {exc}") from None
            if self.kind.durable and shape.fleeting is not None:
                raise TypeError(
                    f"{self.kind.tag}.{self.name}: {shape.text} is not durable: "
                    f"{_why_fleeting(shape.fleeting)}"
                )
            self._shape = shape
        return self._shape

    @property
    def final(self) -> bool:
        """Whether only the constructor and `finish` may set it."""
        note = self._note
        return str(note).removeprefix("typing.").startswith("Final")

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            if self.default is MISSING:
                raise AttributeError(f"{self.name} is a field of the instances of {self.kind.tag}")
            return frozen(self.default)  # all instances share it
        kind = type(instance).__kind__
        return kind.vat.kinds.record(kind, instance).read(kind.fields[self.name])

    def __set__(self, instance: Any, value: Any) -> None:
        kind = type(instance).__kind__
        field, record = kind.fields[self.name], kind.vat.kinds.writable(kind, instance)
        if field.final and not record.fresh:
            raise AttributeError(
                f"{kind.tag}.{self.name} is Final: it has the value that the instance was made with"
            )
        record.write(field, value)

    def __delete__(self, instance: Any) -> None:
        raise AttributeError(
            f"{self.kind.tag}.{self.name} is state and cannot be deleted: assign None or a default"
        )


def _why_fleeting(name: str) -> str:
    if name == "Promise":
        return "an upgrade ends every promise: keep the value that it settles to"
    return f"an upgrade ends every {name}: make the class @durable"


class Record:
    """The values of one instance, as stored and as decoded, and the version of the kind that wrote them."""

    __slots__ = ("_values", "counted", "dirty", "fresh", "kind", "raw", "stored", "version")

    def __init__(self, kind: Kind, raw: dict[str, Any], version: int, *, stored: bool = False) -> None:
        self.kind = kind
        self.raw = raw
        self.version = version
        self.stored = stored
        self.counted = slots_of(raw) if stored else []  # the references that the vat's counts include
        self.dirty = False
        self.fresh = False  # `finish` is running
        self._values: dict[str, Any] = {}

    @classmethod
    def from_text(cls, kind: Kind, text: str) -> Record:
        """Read a stored record."""
        raw = jsontext.read(text)
        return cls(kind, raw, raw.pop(VERSION, 1), stored=True)

    def to_text(self) -> str:
        """The record as it is stored, with the fields in the order of their declaration."""
        head = {} if self.version == 1 else {VERSION: self.version}
        raw = self.raw
        names = raw if self.kind.loose else [name for name in self.kind.fields if name in raw]
        return jsontext.write({**head, **{name: raw[name] for name in names}})

    def read(self, field: Field) -> Any:
        """The value of a field; raises LookupError if it cannot be decoded.

        A record older than the field has the default that the field was added with.
        """
        name = field.name
        if name in self._values:
            return self._values[name]
        slots = self.kind.vat.slots
        capdata = self.raw.get(name)
        if capdata is None and name in self.kind.late:
            capdata = {"body": self.kind.late[name], "slots": []}
        if capdata is None:
            default = None if field.default is MISSING else field.default
            capdata = slots.encode_state(default, f"{self.kind.tag}.{name}", durable=self.kind.durable)
        try:
            value = slots.decode(capdata, frozen=True)
        except DecodeError as exc:
            raise LookupError(f"{self.kind.tag}.{name} cannot be read: {exc}") from None
        if '"#tag"' not in capdata["body"]:  # a tagged value may be an object that can be changed in place
            self._values[name] = value
        return value

    def write(self, field: Field, value: Any) -> None:
        """Set a field; raises TypeError for a value that does not fit or cannot be kept."""
        misfit = field.shape.misfit(value)
        if misfit is not None:
            raise TypeError(complaint(f"{self.kind.tag}.{field.name}", misfit))
        self.put(field, value)

    def put(self, field: Field, value: Any) -> None:
        """Set a field to a value that fits; raises TypeError if it cannot be kept."""
        name = field.name
        what = f"{self.kind.tag}.{name}"
        written = self.kind.vat.slots.encode_state(value, what, durable=self.kind.durable)
        if len(written["body"]) > _LONG:
            fields = {**self.raw, name: written}
            bodies = [data["body"] for data in fields.values()]
            whole = {VERSION: self.version, **fields}
            check_room(f"the state of a {self.kind.tag} with this {name!r}", whole, *bodies)
        self.raw[name] = written
        if type(value) in SCALARS:
            self._values[name] = value
        else:
            self._values.pop(name, None)
        self.dirty = True
