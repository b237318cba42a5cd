"""Re-delivers recorded messages to a vat's old and new code, and names the first difference in what it does.

Two branches begin right before the first of these messages; one of them upgrades the vat. In both, all that
came from outside since then comes again (`branching`). So a message to the vat that another vat sent is
delivered in both, if the new code still makes that vat send it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from swingset.core.errors import VatFault
from swingset.host.base.starting import Parts
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded
from swingset.lens.history.wording import Words
from swingset.lens.source.fixes import Fix, fixes_of_answers
from swingset.model.capdata import CapData
from swingset.model.essence import essence
from swingset.model.messages import Send
from swingset.model.spelling import spelled
from swingset.model.values import SHORT, Named, call_in_words, value_in_words
from swingset.model.visible import one_line
from swingset.time.branches.branch import Branch
from swingset.time.branches.branching import branch
from swingset.time.branches.origins import Origins
from swingset.world.records import CrankRecord, Record

_MOST_NOTES = 10
_MOST_ANSWERS = 100
_AT_LENGTH = 20_000
_BEFORE = 40
"""How many characters of an answer are shown before the first that differs."""


@dataclass(frozen=True)
class Answered:
    """What a vat did with one message: the call in words, its outcome, what it printed, and a fault.

    `whole` is the outcome in words at length. `exactly` is what is compared: the call and the outcome without
    names of classes, which are only alleged, and without the lines of code in an error.
    """

    call: str
    answer: str
    printed: tuple[str, ...] = ()
    fault: str | None = None
    whole: str = field(default="", repr=False)
    exactly: str = field(default="", repr=False)

    def is_same(self, other: Answered | None) -> bool:
        """Whether another answer is the same; the name of a class makes no other answer.

        Example:
            >>> swingset.Answered("owner()", "fulfilled 'ann'").is_same(None)
            False
        """
        if other is None:
            return False
        one, two = (each.exactly or f"{each.call}: {each.answer}" for each in (self, other))
        return (one, self.printed, self.fault) == (two, other.printed, other.fault)

    def __str__(self) -> str:
        return self._said(self.answer, 200)

    def at_length(self) -> str:
        """The same with the outcome and what was printed at length.

        Example:
            >>> swingset.Answered("owner()", "fulfilled 'an…'", whole="fulfilled 'ann'").at_length()
            "fulfilled 'ann'"
        """
        return self._said(self.whole or self.answer, _AT_LENGTH)

    def _said(self, answer: str, limit: int) -> str:
        said = [answer, *(f"prints {one_line(text, limit)}" for text in self.printed)]
        return "; ".join([*said, *([] if self.fault is None else [f"rolled back: {self.fault}"])])


def answers_in_words(old: Answered | None, new: Answered | None) -> tuple[str, str]:
    """Both answers to a message on one line each, cut to where they differ."""
    if old is None or new is None or str(old) != str(new) or old.is_same(new):
        return _words(old), _words(new)
    one, two = old.at_length(), new.at_length()
    if one == two:
        return f"{old}; and more that is not shown", f"{new}; and more that is not shown, which differs"
    pairs = enumerate(zip(one, two, strict=False))
    alike = next((at for at, (mine, other) in pairs if mine != other), min(len(one), len(two)))
    begin = max(0, alike - _BEFORE)
    return one_line(f"…{one[begin:]}", SHORT), one_line(f"…{two[begin:]}", SHORT)


def _words(answered: Answered | None) -> str:
    return "does not get it" if answered is None else str(answered)


@dataclass(frozen=True)
class Redelivered:
    """What came of re-delivered messages.

    `count` is how many messages the old code got, and `differing` how many of them the new code answered
    differently. `first` has both answers to the first of these; one is None if that code did not get the
    message. `answers` has the answers to each message in order, at most a hundred. `crank` is the first crank
    that was repeated. `notes` say what could not be repeated. `fixes` are changes of the new code that may
    make it answer what it rejects first.
    """

    count: int
    differing: int = 0
    first: tuple[Answered | None, Answered | None] | None = None
    crank: int | None = None
    notes: tuple[str, ...] = ()
    answers: tuple[tuple[Answered | None, Answered | None], ...] = ()
    fixes: tuple[Fix, ...] = ()

    @property
    def verdict(self) -> str:
        """One sentence, for a `Rehearsal` of the same code.

        Example:
            >>> swingset.Redelivered(2).verdict
            'It would answer 2 recorded messages as before.'
        """
        if self.first is None:
            return f"It would answer {_messages(self.count)} as before."
        return f"It would answer {self.differing:,} of {_messages(self.count)} differently."

    def lines(self) -> list[str]:
        """The same in several sentences.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> swingset.redeliver(world, "bank", world.vats.parts("bank"), messages=1).lines()
            ['1 recorded message re-delivered: the new code answers the same']
        """
        messages = _messages(self.count)
        if self.first is None:
            return [f"{messages} re-delivered: the new code answers the same", *self.notes]
        old, new = self.first
        call = (old or new or Answered("", "")).call
        words = answers_in_words(old, new)
        return [
            f"{messages} re-delivered: {self.differing:,} answered differently, {call} first",
            f"the old code: {words[0]}",
            f"the new code: {words[1]}",
            *self.notes,
        ]


def _messages(count: int) -> str:
    return "1 recorded message" if count == 1 else f"{count:,} recorded messages"


def redeliver(
    controller: Controller, vat: str, parts: Parts, *, messages: int, parameters: CapData | None = None
) -> Redelivered:
    """Re-deliver the last messages that a vat got to its own code and to other code, and compare the answers.

    The world stays as it is. Messages to an earlier incarnation of the vat went to other code, and are not
    re-delivered. A different answer may be what the other code is for.

    With parameters that name references, only messages since all of these exist are re-delivered: the other
    code cannot have got the parameters before.

    Args:
        controller: the world.
        vat: the name of the vat.
        parts: the names and sources of the other code's parts, its kinds first.
        messages: how many of the last messages.
        parameters: what `build_root_object` of the other code gets.
    Raises:
        NoSuchVat: if there is no such vat.
        NoSuchMoment: if the moment before these messages was pruned.
    Source:
        Ours.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> source = dict(world.vats.parts("bank"))["bank"].replace("owner=owner", "owner=owner, balance=1")
        >>> swingset.redeliver(world, "bank", (("bank", source),), messages=20).differing
        0
    """
    got, short = _got(controller, vat, messages)
    if not got:
        return Redelivered(0, notes=(*short, "this incarnation has got no message yet"))
    wanted = set(parameters.slots if parameters is not None else ())
    with_all = _since_all_exist(controller, got, wanted) if wanted else len(got)
    if with_all < len(got):
        short = (f"{_messages(len(got) - with_all)} came before what the parameters name existed", *short)
        got = got[:with_all]
    if not got:
        return Redelivered(0, notes=short)
    first = got[-1].crank
    with controller.at(first - 1) as moment:
        since, before = moment.record, set(Origins(moment.kernel).there)
    with branch(controller, at=first - 1) as old:
        try:
            given = {} if parameters is None else {vat: parameters}
            new = branch(controller, at=first - 1, code={vat: parts}, parameters=given)
        except VatFault as error:
            words = f"as it was before crank {first:,}, the vat refuses the new code: {error.fault}"
            return Redelivered(len(got), crank=first, notes=(*short, one_line(words, 300)))
        with new:
            told = [list(_told(each, vat, since, before)) for each in (old, new)]
            notes = [*dict.fromkeys(note for each in (old, new) for note in _notes(each))]
    longest = max(map(len, told))
    answers = [(_at(told[0], place), _at(told[1], place)) for place in range(longest)]
    differing = [(one, other) for one, other in answers if one is None or not one.is_same(other)]
    notes += _renamed(answers)
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"and {len(notes) - _MOST_NOTES:,} more that could not be repeated"]
    if (more := len(told[0]) - len(got)) != 0:
        many = "1 message" if abs(more) == 1 else f"{abs(more):,} messages"
        notes.append(f"the old code got {many} {'more' if more > 0 else 'fewer'} than it did")
    told_first = differing[0] if differing else None
    cures = _cures(differing, parts, controller.vats.parts(vat))
    notes = [*short, *notes]
    return Redelivered(
        len(told[0]), len(differing), told_first, first, tuple(notes), tuple(answers[:_MOST_ANSWERS]), cures
    )


def _since_all_exist(controller: Controller, got: list[CrankRecord], wanted: set[str]) -> int:
    """How many of the messages, the last one first, came when all of these references existed already."""

    def lacks(count: int) -> bool:
        with controller.at(got[count - 1].crank - 1) as moment:
            return not wanted <= Origins(moment.kernel).there

    return bisect_left(range(1, len(got) + 1), True, key=lacks)


def _at(told: list[Answered], place: int) -> Answered | None:
    return told[place] if place < len(told) else None


def _cures(
    differing: list[tuple[Answered | None, Answered | None]], parts: Parts, running: Parts
) -> tuple[Fix, ...]:
    """Fixes for the first message that only the new code rejects."""
    for old, new in differing:
        if (
            old is not None
            and new is not None
            and new.answer.startswith("rejected ")
            and old.answer != new.answer
        ):
            return fixes_of_answers(new.answer, parts, running)
    return ()


def _renamed(answers: list[tuple[Answered | None, Answered | None]]) -> Iterator[str]:
    """A note if answers are the same, but for the names of classes."""
    alike = [
        (old.answer, new.answer)
        for old, new in answers
        if old is not None and new is not None and old.is_same(new) and old.answer != new.answer
    ]
    if alike:
        many = "1 answer names" if len(alike) == 1 else f"{len(alike):,} answers name"
        old, new = alike[0]
        yield one_line(f"{many} a class otherwise, and is the same: {old}, with the new code {new}", 400)


def _is_to(record: Record, vat: str) -> bool:
    return isinstance(record, CrankRecord) and record.vat == vat and isinstance(record.event, Send)


def _got(controller: Controller, vat: str, count: int) -> tuple[list[CrankRecord], tuple[str, ...]]:
    """The cranks of the last messages that the current incarnation of a vat got, the last one first.

    If the past that is left has fewer, there is a note. A branch begins a crank before the first message, so
    that crank must be left, too.
    """
    recorded = Recorded(controller.world)
    vat_id, gone = controller.vats[vat].id, recorded.gone
    got, oldest = list[CrankRecord](), 1 if gone is None else gone.first + 1
    for record in recorded.before(lambda line: b'"crank":' in line, recorded.last + 1):
        if isinstance(record, CrankRecord) and record.crank >= oldest:
            if record.began == vat_id:
                return got, ()
            if _is_to(record, vat):
                got.append(record)
                if len(got) >= count:
                    return got, ()
    return got, () if gone is None else (f"earlier messages cannot be re-delivered: {gone}",)


def _notes(found: Branch) -> Iterator[str]:
    """What could not be repeated in a branch."""
    yield from (f"not repeated: {entry}" for entry in found.withheld)
    yield from (f"no record answers {call}" for call in found.unanswered)
    yield from found.notes


def _told(found: Branch, vat: str, since: int, before: set[str]) -> Iterator[Answered]:
    """What a vat did with each message that it got in a branch, in order."""
    origins, records = Origins(found.controller.kernel), list(found.controller.history.records(since))
    for record in records:
        origins.observe(record.rows or ())
    words, names = Words(found.controller.kernel.store), _Names(before)
    for record in records:
        if _is_to(record, vat):
            assert isinstance(record, CrankRecord)
            assert isinstance(record.event, Send)
            message = record.event.message
            called, target = names.data(message.methargs), record.event.target
            named = names.named(words)
            call = f"{call_in_words(called, named)} to {names.label(words, target)}"
            outcome = None if message.result is None else origins.recorded_outcome(message.result)
            answer = "no answer" if message.result is None else "unresolved"
            whole, exactly = "", [essence(called), *called.slots, names.name(target), answer]
            if outcome is not None:
                data, how = names.data(outcome[1]), "rejected" if outcome[0] else "fulfilled"
                answer = f"{how} {value_in_words(data, named)}"
                whole = f"{how} {value_in_words(data, named, _AT_LENGTH)}"
                exactly += [how, essence(data), *data.slots]
            printed = tuple(text.rstrip("\n") for _, text in record.console)
            fault = None if record.fault is None else one_line(str(record.fault), 300)
            yield Answered(call, answer, printed, fault, whole, spelled(exactly))


class _Names:
    """Names of one branch's references that are the same in another: what is new is numbered in order."""

    def __init__(self, before: set[str]) -> None:
        self._before = before
        self._new: dict[str, str] = {}

    def name(self, kref: str) -> str:
        """The name of one reference."""
        if kref in self._before:
            return kref
        return self._new.setdefault(kref, f"new {len(self._new) + 1}")

    def data(self, data: CapData) -> CapData:
        """Data with such names for its slots."""
        return CapData(data.body, tuple(map(self.name, data.slots)))

    def named(self, words: Words) -> Named:
        """Says what a reference with such a name is; what is new is what its sender alleges."""

        def name(slot: str, iface: str | None) -> str:
            return words.thing(slot) if slot in self._before else f"{one_line(iface or 'object', 60)} {slot}"

        return name

    def label(self, words: Words, kref: str) -> str:
        """A target in words."""
        return words.thing(kref).removesuffix(kref) + self.name(kref)
