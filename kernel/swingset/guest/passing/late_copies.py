"""Values that pass as copies, of modules that a vat loads only if it uses them: UUIDs, paths, arrays, frames.

The class of such a value is known once its module is loaded, because there is no such value before. A value
that arrives is another matter. The modules of the standard library that are meant here are small, so they are
loaded then. numpy and pandas are large, and not everywhere: a vat has to have imported them itself, so that
no sender decides that it spends its computrons on that. A session loads them if they are installed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..base.context import found
from . import arrays, displays, frames
from .exact import Copy, exactly

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .vat import Vat

_LARGE = ("numpy", "pandas")
_LATE_TAGS = {
    "ndarray": ("a numpy array", "x.tolist()"),
    "npscalar": ("a numpy number", "x.item()"),
    "dataframe": ("a pandas DataFrame", 'x.to_dict("list")'),
    "series": ("a pandas Series", "x.tolist()"),
    "timestamp": ("a pandas Timestamp", "x.to_pydatetime()"),
    "pd-timedelta": ("a pandas Timedelta", "x.to_pytimedelta()"),
    "missing": ("a missing value of pandas", "None"),
}
"""By the tag of a value of a large library: what it is to people, and what passes without the library."""


class LackingError(ValueError):
    """A library that a value needs is not there; the message names it and the side that lacks it."""


def _uuid(uuid: ModuleType) -> list[Copy]:
    return [exactly("uuid", uuid.UUID, str, uuid.UUID)]


def _paths(pathlib: ModuleType) -> list[Copy]:
    return [
        exactly("path", pathlib.PurePosixPath, str, pathlib.PurePosixPath),
        exactly("windows-path", pathlib.PureWindowsPath, str, pathlib.PureWindowsPath),
    ]


def _figures(_matplotlib: ModuleType) -> list[Copy]:
    figures: Any = sys.modules.get("matplotlib.figure")
    if figures is None:
        return []
    keep = "keep a picture of it, Picture.of(figure)"
    return [Copy("picture", figures.Figure, displays.figure_data, displays.picture_of_data, unstored=keep)]


_FAMILIES: dict[str, tuple[tuple[str, ...], Callable[[ModuleType], list[Copy]]]] = {
    "uuid": (("uuid",), _uuid),
    "pathlib": (("path", "windows-path"), _paths),
    "numpy": (("ndarray", "npscalar"), arrays.copies),
    "matplotlib": ((), _figures),
    "pandas": (("dataframe", "series", "timestamp", "pd-timedelta", "missing"), frames.copies),
}
"""By module: the tags of its classes, and what makes their copies of the module."""

TAGS = tuple(tag for tags, _ in _FAMILIES.values() for tag in tags)

_by_class: dict[type, Copy] = {}
_by_tag: dict[str, Copy] = {}


def by_class(cls: type) -> Copy | None:
    """How the instances of a class pass, if it is of a module that is loaded already; else None."""
    copy = _by_class.get(cls)
    module = None if copy is not None else getattr(cls, "__module__", None)
    if type(module) is str and module.partition(".")[0] in _FAMILIES:
        _take(module.partition(".")[0])
        copy = _by_class.get(cls)
    return copy


def by_tag(tag: str) -> Copy | None:
    """The class of a tag, None if it is no tag of this module; raises LackingError without its library."""
    if tag not in TAGS:
        return None
    copy = _by_tag.get(tag)
    if copy is None:
        name = next(name for name, (tags, _) in _FAMILIES.items() if tag in tags)
        _load(name, tag)
        _take(name)
        copy = _by_tag[tag]
    return copy


def _load(name: str, tag: str) -> None:
    what, plain = _LATE_TAGS.get(tag, ("", ""))
    vat: Vat | None = found()
    if name not in _LARGE or name in sys.modules:
        import_module(name)
    elif vat is not None and vat.kind.repeated:
        if find_spec(name) is None:
            raise LackingError(f"{what} came, and {vat.title} has no {name}: pass {plain} instead")
        raise LackingError(
            f"{what} came, and {vat.title} has not imported {name}: add `import {name}` to its code,"
            f" or pass {plain} instead"
        )
    else:
        try:
            import_module(name)
        except ImportError:
            raise LackingError(
                f"{what} came, and {name} is not installed beside this session: install it, or have"
                f" {plain} sent instead"
            ) from None


def _take(name: str) -> None:
    module = sys.modules.get(name)
    if module is not None:
        for copy in _FAMILIES[name][1](module):
            _by_class[copy.cls] = _by_tag[copy.tag] = copy
