"""The stored descriptor of a kind, and whether new code may use the instances of old code.

A kind's descriptor is stored with its instances: the tag, the text of every field's shape, the names of its
facets, the version of its records, and the older versions of which there may still be records. New code is
compared with it before it reads or writes a record. Within a version the fields stay the same; a new field
may be added if it has a default. A new version may change everything, if a migration leads to it from each
version of which there may be records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..guards.shape import complaint
from ..passing import smallcaps
from ..passing.passable import UnpassableError, printable
from .migration import path
from .records import MISSING

if TYPE_CHECKING:
    from .kind import Kind

Descriptor = dict[str, Any]


class KindError(TypeError):
    """The definition of a kind contradicts itself or what is stored; `tags` names the kinds."""

    def __init__(self, message: str, tags: list[str]) -> None:
        super().__init__(printable(message, 20_000))
        self.tags = tags


def arrange_facets(tag: str, found: list[str], stored: Descriptor | None) -> list[str]:
    """The facets in the order of their numbers; raises KindError if a stored one is missing."""
    if stored is None or "fields" not in stored:
        return sorted(found)
    old: list[str] = stored.get("facets", [])
    if bool(old) != bool(found):
        was, now = (_listed(names) if names else "no facets" for names in (old, sorted(found)))
        raise KindError(
            f"{tag}: expected {was} as stored, found {now}; a kind has facets from the beginning or never: "
            "keep it as it is, and define another kind",
            [tag],
        )
    lost = [name for name in old if name not in found]
    if lost:
        raise KindError(
            f"{tag}: expected {_listed(old)} as stored, found {_listed(sorted(found))}; others may hold a "
            f"facet {lost[0]!r}, so keep it, even if its only method says that it is closed",
            [tag],
        )
    return old + sorted(name for name in found if name not in old)


def _listed(names: list[str]) -> str:
    return f"facet{'s' if len(names) > 1 else ''} {', '.join(names)}"


def describe(kind: Kind, stored: Descriptor | None) -> Descriptor:
    """The descriptor to store for a kind; raises KindError if the kind does not fit the stored one."""
    if stored is not None and "fields" not in stored:
        stored = None  # a handle whose kind was never defined
    made: Descriptor = {"tag": kind.tag}
    if kind.has_handle:
        made["handle"] = True
    made["fields"] = None if kind.loose else [[name, f.shape.text] for name, f in kind.fields.items()]
    if kind.facets:
        made["facets"] = kind.facets
    if kind.version != 1:
        made["version"] = kind.version
    _check_defaults(kind)
    if not kind.durable or stored is None:
        return made
    version = stored.get("version", 1)
    older = dict(stored.get("older", {}))
    if kind.version == version:
        _compare_fields(kind, stored)
        given = stored.get("defaults", {})
        late = {name for name in kind.fields if not kind.loose and name not in dict(stored["fields"])}
    else:
        older[str(version)] = stored.get("defaults", {})
        given, late = older.pop(str(kind.version), {}), set()
    defaults = _defaults(kind, given, late)
    if defaults:
        made["defaults"] = defaults
    if older and not kind.has_records():
        older = {}
    for number in older:
        if path(kind.migrations, int(number), kind.version) is None:
            raise KindError(
                f"{kind.tag}: expected a migration from version {number}, of which there may be records, to "
                f"version {kind.version}, found {_steps(kind)}; add @migrate({number}, {kind.version})",
                [kind.tag],
            )
    if older:
        made["older"] = older
    return made


def _steps(kind: Kind) -> str:
    return ", ".join(f"@migrate({a}, {b})" for a, b in sorted(kind.migrations)) or "none"


def _compare_fields(kind: Kind, stored: Descriptor) -> None:
    tag = kind.tag
    number = kind.version
    migrate = f"or make it version {number + 1}, and say in @migrate({number}, {number + 1}) what becomes of"
    if (stored["fields"] is None) != kind.loose:
        was, now = ("no shape", "a shape") if not kind.loose else ("a shape", "no shape")
        raise KindError(
            f"{tag}: expected {was} of the state as stored, found {now}; keep it as it is, {migrate} "
            "old records",
            [tag],
        )
    if kind.loose:
        return
    old = dict(stored["fields"])
    for name, text in old.items():
        if name not in kind.fields:
            raise KindError(
                f"{tag}.{name}: expected `{name}: {text}` as stored, found no such field; "
                f"keep it, even if nothing uses it any more, {migrate} old values",
                [tag],
            )
        shape = kind.fields[name].shape
        if not shape.takes_over(text):
            keep = "the classes in it" if "{" in text else "the annotation"
            raise KindError(
                f"{tag}.{name}: expected {text} as stored, found {shape.text}; keep {keep} and add a new "
                f"field, {migrate} old values",
                [tag],
            )
    for name, field in kind.fields.items():
        if name not in old and field.default is MISSING and not field.shape.optional:
            raise KindError(
                f"{tag}.{name}: expected a default, found `{name}: {field.shape.text}`; stored "
                f"instances have no such field, so give it one: `{name}: {field.shape.text} = ...`",
                [tag],
            )


def _defaults(kind: Kind, given: dict[str, str], late: set[str]) -> dict[str, str]:
    """The values of fields in records older than the field: for ever the default it was added with."""
    found = {}
    for name, field in kind.fields.items():
        if name in given:
            found[name] = given[name]
        elif name in late:
            found[name] = _plain_body(kind, name, None if field.default is MISSING else field.default)
    return found


def _plain_body(kind: Kind, name: str, value: Any) -> str:
    try:
        body, objects = smallcaps.encode(value, kind.vat.trace_of)
    except UnpassableError as exc:
        raise TypeError(kind.vat.slots.explain(f"{kind.tag}.{name}", value, exc)) from None
    if objects:
        raise TypeError(f"{kind.tag}.{name}: the default of a new field is plain data, without references")
    return body


def _check_defaults(kind: Kind) -> None:
    for name, field in kind.fields.items():
        misfit = None if field.default is MISSING else field.shape.misfit(field.default)
        if misfit is not None:
            raise TypeError(complaint(f"{kind.tag}.{name}: the default does not fit", misfit))
