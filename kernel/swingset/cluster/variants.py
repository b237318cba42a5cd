"""What is other in one fork of a world, and the name that its content gives it.

A variant is plain data. So it can be sent anywhere, and two variants with the same content are one: its name
is a hash of what it says. The name of a task takes in the world, the variant and the measure, and nothing of
where or when it runs. That is why a retry is harmless, and why a sweep that is repeated need not run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.model.foreign import Unreadable, read_json, shown
from swingset.model.visible import one_line

MOST_NESTED = 50
"""How deep plain data may nest."""


class BadVariant(KernelError):
    """A variant or a row has something in it that is no plain data, or a function cannot be sent."""


@dataclass(frozen=True)
class Variant:
    """What is other in one fork.

    `values` are what the measure reads and what the table shows: parameters, prices, seeds. `send` are
    messages that are sent as the fork begins, each a vat's name, a method and its arguments. `code` has vats
    that are upgraded to other parts, by name: `{"shop": [("shop", source)]}`. `at` is the crank after which
    the fork begins, None for the present. With `again`, what came from outside since then comes again before
    the measure, as in `swingset.branch`, but for the records whose numbers are in `drop`. `scheduler` names
    another order of the run-queue, for example `shuffled`; of the value `seed` it depends which.

    Example:
        >>> from swingset.cluster import Variant
        >>> Variant({"price": 3}, send=[("bank", "open_purse", ["ann"])]).values["price"]
        3
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    send: Sequence[tuple[str, str, Sequence[Any]]] = ()
    code: Mapping[str, Parts] = field(default_factory=dict)
    at: int | None = None
    again: bool = False
    drop: Sequence[int] = ()
    scheduler: str = ""


def variant_of(given: Variant | Mapping[str, Any], place: int) -> Variant:
    """A variant as it is sent: all of it checked and copied.

    Args:
        given: a `Variant`, or just its values.
        place: its number, for the message of an error.
    Raises:
        BadVariant: for anything in it that is no plain data.
    """
    where = f"variant {place}"
    made = given if isinstance(given, Variant) else Variant(given) if isinstance(given, Mapping) else None
    if made is None:
        words = "is neither a Variant nor a mapping of values"
        raise BadVariant(f"{where} {words}: {one_line(type(given).__name__, 80)}")
    values = plain(made.values, f"{where}, values")
    sends = []
    for message in made.send:
        if len(message) != 3 or not (type(message[0]) is str and _is_method(message[1])):
            raise BadVariant(f"{where}: a message to send is a vat's name, a method and a list of arguments")
        sends.append((message[0], message[1], plain(list(message[2]), f"{where}, {message[1]}()")))
    code = _code(made.code, where)
    if made.at is None and made.again:
        raise BadVariant(f"{where}: what comes again is what came since a crank: say `at`")
    if made.drop and not made.again:
        raise BadVariant(f"{where}: what is dropped is dropped of what comes again: say `again=True`")
    if made.scheduler and made.again:
        raise BadVariant(f"{where}: what comes again comes in its order: leave out the scheduler, or `again`")
    scheduler = str(made.scheduler)
    return Variant(values, tuple(sends), code, made.at, made.again, tuple(map(int, made.drop)), scheduler)


def _code(given: Any, where: str) -> dict[str, Parts]:
    """The parts of vats, by name: raises `BadVariant` for anything else, such as a source alone."""
    wanted = '{"shop": [("shop", source)]}: for each vat a list of parts, each its name and its source'
    if not isinstance(given, Mapping):
        raise BadVariant(f"{where}: code is a {one_line(type(given).__name__, 80)}; it has to be {wanted}")
    for vat, parts in given.items():
        is_list = type(vat) is str and isinstance(parts, list | tuple) and parts
        if not is_list or not all(map(_is_part, parts)):
            raise BadVariant(f"{where}: code of {shown(vat)} is {shown(parts)}; code has to be {wanted}")
    return {vat: tuple((name, source) for name, source in parts) for vat, parts in given.items()}


def _is_part(part: object) -> bool:
    return isinstance(part, list | tuple) and len(part) == 2 and all(type(each) is str for each in part)


def _is_method(name: object) -> bool:
    return type(name) is str and name.isidentifier() and not name.startswith("_")


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """A copy of plain data.

    Args:
        value: None, a bool, int, float or str, or lists, tuples and dicts of them with str keys.
        where: what it is, for the message of an error.
    Raises:
        BadVariant: for anything else.
    """
    if depth > MOST_NESTED:
        raise BadVariant(f"{where}: nested more than {MOST_NESTED} deep")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        return [plain(each, f"{where}[{at}]", depth + 1) for at, each in enumerate(value)]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {key: plain(each, f"{where}.{one_line(key, 40)}", depth + 1) for key, each in value.items()}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a number of NumPy's
        return plain(value.item(), where, depth + 1)
    kind = one_line(type(value).__name__, 80)
    wanted = "None, bool, int, float, str, and lists and dicts of them"
    raise BadVariant(f"{where}: a {kind} is no plain data, which is {wanted}")


def spelled(data: Any) -> str:
    """Plain data as text, the same for the same data."""
    return json.dumps(_exact(data), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _exact(data: Any) -> Any:
    """Data in which floats have a spelling of their own, so that 1 and 1.0 are two, and NaN is one."""
    if type(data) is float:
        return {"float": "nan" if math.isnan(data) else data.hex()}
    if isinstance(data, list | tuple):
        return [_exact(each) for each in data]
    if isinstance(data, dict):
        return {"dict": {key: _exact(each) for key, each in data.items()}}
    return data


def respelled(text: str | bytes, depth: int = MOST_NESTED) -> Any:
    """The plain data that `spelled` has written; raises `Unreadable` for any other text.

    Args:
        text: comes from anybody.
        depth: how deep the data may nest.
    """
    return _plain_again(read_json(text, depth=2 * depth + 2))  # each level is spelled as two


def _plain_again(raw: Any) -> Any:
    if isinstance(raw, list):
        return [_plain_again(each) for each in raw]
    if type(raw) is float:
        raise Unreadable("not plain data as it is spelled: a float without its sort")
    if not isinstance(raw, dict):
        return raw
    if raw.keys() == {"dict"} and isinstance(raw["dict"], dict):
        return {key: _plain_again(each) for key, each in raw["dict"].items()}
    try:
        if raw.keys() == {"float"} and type(raw["float"]) is str:
            return float.fromhex(raw["float"])
    except (ValueError, OverflowError):
        pass
    raise Unreadable("not plain data as it is spelled: a dict without its sort")


def task_name(world: str, variant: Variant, refs: Mapping[str, str], measure: str) -> str:
    """The name of a task: a hash of all that its outcome depends on.

    Args:
        world: the hash of the world's archive.
        variant: what is other.
        refs: what the names that the measure may use stand for.
        measure: the hash of the measure.
    """
    content = [
        *(world, dict(variant.values), list(variant.send), {k: list(v) for k, v in variant.code.items()}),
        *(variant.at, variant.again, list(variant.drop), variant.scheduler, dict(refs), measure),
    ]
    return hashlib.sha256(spelled(content).encode()).hexdigest()
