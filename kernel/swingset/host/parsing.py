"""The arguments of a subcommand in any order.

`argparse` gives an optional word, such as the text of `find`, its place before the options or not at all. A
reader who types it behind them means the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class AnyOrder(argparse.ArgumentParser):
    """A parser of a subcommand, in which options and words may be mixed."""

    _mixes = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse words as `argparse` does; words that are no options may stand anywhere."""
        # Behind `--` each word is one, which parsing in two steps would forget.
        if self._mixes or args is None or "--" in args:
            return super().parse_known_args(args, namespace)
        self._mixes = True  # it calls this method for each of its two steps
        try:
            found: Any = self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixes = False
        return found[0], found[1]
