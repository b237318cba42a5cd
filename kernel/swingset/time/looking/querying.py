"""Questions about an open world in SQL, and its tables as data frames."""

from __future__ import annotations

from typing import Any

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.exports import querying
from swingset.lens.exports.querying import Answer


def sql(controller: Controller, question: str, *, most: int = 1_000, seconds: float = 10.0) -> Answer:
    """Ask a question in SQL about the state of a world and its history; nothing is changed.

    The tables are those of the state, and `records`, `changes`, `console` and `calls` of the history.

    Args:
        controller: the world.
        question: one SELECT.
        most: how many rows are returned at most.
        seconds: how long the question may run.
    Returns:
        Columns and rows, as they are in the world: texts of strangers. Only its text is fit to be shown.
    Raises:
        BadQuery: if it is no SELECT, names what it may not, or takes too long.
        WorldError: if a row of the world is damaged.
    Source:
        Ours.
    Example:
        >>> swingset.sql(world, "SELECT name, state FROM vats WHERE name = 'bank'")
        name  state
        bank  live
    """
    with controller.lock:
        return querying.query(controller.kernel.store, question, most, seconds)


def dataframe(controller: Controller, table: str) -> Any:
    """A table of the state or of the history as a `pandas.DataFrame`.

    It needs pandas: `pip install swingset-nb[pandas]`.

    Args:
        controller: the world, which is only read.
        table: its name, such as `vats`, `promises` or `records`.
    Raises:
        KernelError: if pandas is not installed, and for a table that is none.
        WorldError: if a row of the world is damaged.
    Source:
        Ours.
    Example:
        >>> frame = swingset.dataframe(world, "vats")
        >>> list(frame["name"])
        ['notebook', 'bank']
    """
    if table not in querying.TABLES:
        raise KernelError(f"there is no table {table!r}; there are: {', '.join(sorted(querying.TABLES))}")
    try:
        import pandas
    except ImportError:
        raise KernelError("pandas is not installed: pip install 'swingset-nb[pandas]'") from None
    with controller.lock:
        columns, rows = querying.whole_table(controller.kernel.store, table)
        return pandas.DataFrame.from_records(list(rows), columns=columns).convert_dtypes()
