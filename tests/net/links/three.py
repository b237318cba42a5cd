"""Three worlds: one gives counters of another to the third, which then counts with them directly."""

from __future__ import annotations

from tests.net.links.harness import Side, Worlds
from tests.net.links.vats import EACH


class Three:
    """The story; so many counters are given."""

    names = "abc"

    def begin(self, worlds: Worlds) -> None:
        """`b` has the strings of the two others."""
        a, b, c = worlds.sides
        b.told("meet", "sender", "introduce", [a.uri("home"), c.uri("taker")])
        b.of("sender", "give", 1)

    def go_on(self, worlds: Worlds, upto: int) -> list[tuple[Side, int]]:
        """Have it give."""
        b = worlds.sides[1]
        return [(b, b.ask("ask", "sender", "give", [upto]))]

    def judge(self, worlds: Worlds, messages: int) -> list[str]:
        """What was lost or doubled of what was given, and of what was sent to it."""
        a, b, c = worlds.sides
        problems = []
        every = list(range(1, messages + 1))
        given, taken, wrong = b.of("sender", "gave")
        if [given, sorted(taken)] != [messages, every] or wrong:
            problems.append(f"b has given {given}, of which {len(taken)} were taken: {wrong}")
        taken, open_, wrong = c.of("taker", "told")
        if sorted(taken) != every or open_ or wrong:
            problems.append(f"c has taken {len(taken)} and waits for {open_}: {wrong}")
        counted = a.of("counter", "counted")
        if counted != [[EACH, EACH, 0, []]] * messages:
            bad = [each for each in counted if each != [EACH, EACH, 0, []]]
            problems.append(f"a has {len(counted)} counters, which are wrong in {bad[:5]}")
        return problems
