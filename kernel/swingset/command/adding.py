"""How a module adds its subcommands to `swingset`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Protocol

Looks = bool | Callable[[argparse.Namespace], bool]
"""Whether a command changes nothing, or a function that tells it by its arguments."""


class AddCommand(Protocol):
    """Adds one subcommand, and returns its parser for more arguments."""

    def __call__(
        self,
        name: str,
        action: Any,
        words: str,
        *,
        opens: bool = True,
        looks: Looks = False,
        workers: bool = False,
        **takes: str,
    ) -> argparse.ArgumentParser:
        """Add the subcommand `name`, which calls `action(controller, chosen)` for its exit status.

        `words` is its line of help. `takes` are its arguments after the world's file, with their help. A
        command that `looks` changes nothing, so it needs neither a lock nor a place to write. One without
        `workers` runs no vat. One that does not even `open` a world calls `action(chosen)`, and `takes` are
        all its arguments.
        """
        ...


Add = Callable[[AddCommand], None]
"""Adds the subcommands of one module."""
