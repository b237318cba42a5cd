"""Two worlds, each of which sends numbered messages to counters of the other, in several flows."""

from __future__ import annotations

from tests.net.links.harness import Side, Worlds
from tests.net.links.story import differing

FLOWS = 3


class Two:
    """The story; so many messages are sent each way."""

    names = "ab"

    def begin(self, worlds: Worlds) -> None:
        """Each has the string of the other."""
        one, other = worlds.sides
        for each, peer in ((one, other), (other, one)):
            each.told("meet", "sender", "meet", [peer.uri("home")], FLOWS)
        for each, number in self.go_on(worlds, FLOWS):
            each.answer(number)

    def go_on(self, worlds: Worlds, upto: int) -> list[tuple[Side, int]]:
        """Have both send."""
        return [(each, each.ask("ask", "sender", "upto", [upto])) for each in worlds.sides]

    def judge(self, worlds: Worlds, messages: int) -> list[str]:
        """What was lost, doubled, out of order or wrongly answered, and counts that differ."""
        problems = differing(*(each.told("tables") for each in worlds.sides))
        for each in worlds.sides:
            name = each.place.name
            sent, answers, different, heard, wrong = each.of("sender", "told")
            wanted = [messages, messages, messages, messages // 5]
            if [sent, answers, different, heard] != wanted or wrong:
                said = f"{name} has sent {sent}, got {answers} answers, {different} of them different"
                problems.append(f"{said}, and was called back {heard} times: {wrong}")
            counters = each.of("counter", "counted") or [[0, 0, 0, []]]
            lasts, counts, settled, wrong = (list(column) for column in zip(*counters, strict=True))
            if lasts != counts or sum(counts) != messages or any(wrong):
                problems.append(f"{name} has counted {counts} up to {lasts}: {wrong}")
            if sum(settled) != messages // 7:
                problems.append(f"{name} knows what became of {sum(settled)} promises, not {messages // 7}")
        return problems
