"""What comes of a sweep: a row for each variant, in the order of the variants, whatever finished first."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from swingset.core.errors import KernelError
from swingset.model.counting import plural
from swingset.model.visible import one_line

if TYPE_CHECKING:
    from pandas import DataFrame

    from swingset.cluster.trials import Trial
    from swingset.time.forks.what_if import WhatIf

MOST_SHOWN = 20
"""How many rows a sweep has at most when it is shown."""

MOST_OF_ERROR = 600
"""How many characters of an error are shown."""


@dataclass(frozen=True, repr=False)
class TrialOutcome:
    """What came of one variant.

    `place` is its number, `name` the hash of all that it depends on, and `values` are those of the variant.
    `row` is what the measure returned, `digest` that of the fork at its end, with its `cranks` and
    `computrons`. `error` says in words what went wrong, and is None if nothing did.
    """

    place: int
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    row: dict[str, Any] = field(default_factory=dict)
    digest: str | None = None
    cranks: int = 0
    computrons: int = 0
    error: str | None = None

    def __repr__(self) -> str:
        told = ", ".join(f"{one_line(key, 40)} {_shown(each, key)}" for key, each in self.columns().items())
        return f"<outcome {self.place}: {told}>"

    def columns(self) -> dict[str, Any]:
        """The values, the row, and what it cost, as one line of a table; a row's name wins over a value's."""
        costs = {"cranks": self.cranks, "computrons": self.computrons, "error": self.error}
        told = {**self.values, **self.row}
        return {**told, **{key: each for key, each in costs.items() if key not in self.row}}


class Sweep(Sequence[TrialOutcome]):
    """The outcomes of a sweep, in the order of its variants.

    `known` is how many of them were known before, `ran` how many ran.
    """

    def __init__(
        self,
        outcomes: Sequence[TrialOutcome],
        known: int,
        again: Callable[[int, Callable[[Trial], None] | None], tuple[WhatIf, str | None]],
    ) -> None:
        self._outcomes = tuple(outcomes)
        self.known = known
        self.ran = len(outcomes) - known
        self._again = again

    def __len__(self) -> int:
        return len(self._outcomes)

    def __getitem__(self, at: Any) -> Any:
        return self._outcomes[at]

    def __iter__(self) -> Iterator[TrialOutcome]:
        return iter(self._outcomes)

    @property
    def failed(self) -> tuple[TrialOutcome, ...]:
        """The outcomes of variants in which something went wrong."""
        return tuple(outcome for outcome in self if outcome.error is not None)

    def frame(self) -> DataFrame:
        """The outcomes as a data frame of pandas, a line for each variant; needs the extra `pandas`.

        Raises:
            KernelError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise KernelError("pandas is not installed: pip install 'swingset-nb[pandas]'") from None

        return pandas.DataFrame([outcome.columns() for outcome in self])

    def open(self, place: int, look: Callable[[Trial], None] | None = None) -> WhatIf:
        """Live one variant again, here: what it did, and how the fork differs from the world.

        Args:
            place: the number of the variant.
            look: called in the fork at its end, to look at anything in it.
        Raises:
            NoSuchMoment: if the world has gone on, and its history does not lead back to the sweep.
            KernelError: if the variant does something else here. Then the measure asks for something outside
                of the fork, such as the time.
        Example:
            >>> from swingset.cluster import Variant, sweep
            >>> paid = [Variant({"who": "ann"}, send=[("bank", "open_purse", ["ann"])])]
            >>> found = sweep(world, paid, lambda trial: {"cranks": trial.controller.crank}, processes=0)
            >>> found.open(0).cranks == found[0].cranks
            True
        """
        if place not in range(len(self)):
            raise KernelError(f"there is no variant {place}: they are numbered from 0 to {len(self) - 1}")
        outcome = self._outcomes[place]
        found, digest = self._again(place, look)
        if digest != outcome.digest:
            raise KernelError(
                "here the variant comes to another state than in the sweep. Either the world has gone on, and"
                " what the sweep began with is no moment of its past, or the measure asks for something that"
                " is not in the fork, such as the time, chance or a file. Give that as values of the variant"
            )
        return found

    def __str__(self) -> str:
        shown = [
            ", ".join(f"{one_line(key, 40)} {_shown(each, key)}" for key, each in outcome.columns().items())
            for outcome in self[:MOST_SHOWN]
        ]
        more = [f"and {len(self) - len(shown):,} more: frame() has all of them"] * (len(self) > len(shown))
        return "\n".join([self.headline(), *shown, *more])

    __repr__ = __str__

    def headline(self) -> str:
        """How many variants there are, how many were known, and in how many something went wrong."""
        known = f", {self.known:,} known before" if self.known else ""
        failed = f", {len(self.failed):,} failed" if self.failed else ""
        return f"{plural(len(self), 'variant')}{known}{failed}"

    def _repr_html_(self) -> str:
        lines = [outcome.columns() for outcome in self[:MOST_SHOWN]]
        names = list(dict.fromkeys(name for line in lines for name in line))
        head = "".join(f"<th>{html.escape(one_line(name, 40))}</th>" for name in names)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape(_shown(line.get(name), name))}</td>" for name in names)
            + "</tr>"
            for line in lines
        )
        more = len(self) - len(lines)
        rest = f"<p>and {more:,} more: <code>frame()</code> has all of them</p>" if more else ""
        return f"<p>{html.escape(self.headline())}</p><table><tr>{head}</tr>{body}</table>{rest}"


def _shown(value: Any, column: str) -> str:
    """A cell of the table. An error is shown whole, since its end says what to do."""
    most = MOST_OF_ERROR if column == "error" else 80
    return "-" if value is None else one_line(value if isinstance(value, str) else repr(value), most)
