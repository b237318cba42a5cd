"""Lets matplotlib draw in a vat in more than one delivery: no font keeps its file open.

A vat's memory is its whole state, so the files that it has open are closed when a delivery ends. matplotlib
keeps the fonts that it has used, and each reads glyphs from an open file when they are first drawn. So when
its module of fonts has run, the class of fonts is replaced there by one that opens the file for each read.

The scientific engine has matplotlib, and `install` is called when its image is baked. Nothing else of
matplotlib is touched.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import Any

_FONTS = "matplotlib.font_manager"


def install() -> None:
    """From now on, replace the class of fonts when matplotlib's module of fonts is imported."""
    sys.meta_path.insert(0, _Finder)


class _File:
    """A font's file, which is open only while it is read."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._at = 0

    def __str__(self) -> str:
        return self.name

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, os.stat(self.name).st_size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        with open(self.name, "rb") as file:
            file.seek(self._at)
            found = file.read(size)
        self._at += len(found)
        return found


class _Like:
    """Stands for another object, and is like it in all that a subclass does not change."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class _Fonts(_Like):
    """Stands for the module `matplotlib.ft2font` where fonts are made."""

    def FT2Font(self, file: Any, *given: Any, **options: Any) -> Any:
        # What draws gives its kerning too; fonts that are only looked at keep their path, and are dropped.
        kept = "_kerning_factor" in options and isinstance(file, (str, os.PathLike))
        return self._original.FT2Font(_File(os.fspath(file)) if kept else file, *given, **options)


class _Finder:
    """Finds the module of fonts where it is, and has the class replaced once it has run."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name != _FONTS:
            return None
        spec: Any = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(_Like):
    """Stands for the loader of the module of fonts."""

    def exec_module(self, module: Any) -> None:
        self._original.exec_module(module)
        module.ft2font = _Fonts(module.ft2font)
