"""Results that read as lines of text, the same in a terminal and in a notebook."""

from __future__ import annotations


class InLines:
    """A result that reads as lines of text. These lines are also its `repr`."""

    def lines(self) -> list[str]:
        """The result as lines of text, in which every character is drawn.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.lens.cause(kref).lines()[1]
            'message order, up: what led to it'
            >>> world.lens.story(kref).lines()[1]
            'vat: bank, incarnation 0; delivered'
            >>> swingset.when(world, "purse.owner == 'alice'").lines()[0]
            "purse.owner == 'alice' since crank 2"
            >>> swingset.until(world, "bank.total > 5").lines()
            ['bank.total > 5 did not hold after any of 0 cranks']
            >>> swingset.search(world, method="nonesuch").lines()
            ['nothing was found']
            >>> swingset.sql(world, "SELECT name FROM vats ORDER BY id").lines()
            ['name', 'notebook', 'bank']
        """
        return self._lines()

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _lines(self) -> list[str]:
        raise NotImplementedError
