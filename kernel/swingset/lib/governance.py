"""Governance: electorates, questions and their counting, and governors, which do what was decided and no
more.

An electorate is a list of members, each with a weight. Who holds a `Voter` casts the ballots of one member. A
question takes its members, quorum and deadline when it is opened, so who joins or leaves later does not
count. A member may cast again until the question is closed, and is counted once. A question is closed by the
ballot of the last member who had not voted, or by the alarm at its deadline; nobody else chooses the moment.
A position wins if the quorum has voted and it has more than the wanted share of the weight that was cast.
Otherwise nothing is decided.

A governor holds what changes one vat: the vat's admin node, and the governor's facet of its parameters and
functions (kit `governed`). It passes neither on. It asks its electorate, by its own rules or by stricter
ones: who may ask must not be the one who decides how few votes are enough. And it does exactly what the
question said: a question about code is about a proposal, which stands for one graph of modules. What a vat
cannot do, another guest library or another kernel, goes out over the bridge, for the host to perform.

Everything is durable. What a governor has begun is watched, so an upgrade of this vat, also one that it
decided about itself, loses neither ballots nor results.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import Baggage, D, E, durable, remotable, watch_promise

MOST_MEMBERS = 1000
"""How many members an electorate has at most."""

MOST_TEXT = 10_000
"""How long a title or a name is at most."""

YES, NO = "yes", "no"

OPEN, DECIDED, UNDECIDED = "open", "decided", "undecided"

HOST_DEPTHS = ("guest library", "kernel")
"""What only the host can change."""


def checked_text(text: str, what: str) -> str:
    """A text; raises `ValueError` for an empty or too long one."""
    if not 0 < len(text) <= MOST_TEXT:
        raise ValueError(f"{what} has 1 to {MOST_TEXT} characters, got {len(text)}")
    return text


def checked_weight(weight: int) -> int:
    """A weight; raises `ValueError` for anything but an int from 1."""
    if type(weight) is not int or not 0 < weight < 2**53:
        raise ValueError(f"a weight is an int from 1 to 2**53, got {weight!r:.40}")
    return weight


@durable
class Electorate:
    """The members who vote, by number: the name and the weight of each."""

    name: str
    timer: object = None
    members: Any = None
    made: int = 0
    questions: int = 0

    def get_name(self) -> str:
        """What it is called."""
        return self.name

    def get_members(self) -> dict[str, int]:
        """The names of its members, and their weights."""
        return dict((self.members or {}).values())

    def _open(self, title: str, positions: list[str], rules: dict[str, Any], proposal: object) -> Question:
        if len(positions) < 2 or len(set(positions)) < len(positions):
            raise ValueError("a question has two or more positions, each another")
        for position in positions:
            checked_text(position, "a position")
        members = dict(self.members or {})
        total = sum(weight for _, weight in members.values())
        quorum, share, closes_at = checked_rules(rules, total)
        if closes_at is not None and self.timer is None:
            raise ValueError(f"electorate {self.name!r:.60} has no timer: a question cannot have a deadline")
        self.questions += 1
        question = Question(
            *(self.questions, checked_text(title, "a title"), list(positions), self, members, total),
            *(quorum, share, closes_at, proposal),
        )
        if closes_at is not None:
            E(self.timer).set_wakeup(closes_at, Alarm(question))
        return question


def checked_rules(rules: dict[str, Any], total: int) -> tuple[int, list[int], int | None]:
    """The quorum, the share and the deadline of a question; raises `ValueError` for others."""
    if unknown := sorted(set(rules) - {"quorum", "share", "closes_at"}):
        raise ValueError(f"a question has the rules quorum, share and closes_at, not {', '.join(unknown)}")
    quorum = rules.get("quorum", total // 2 + 1)
    if type(quorum) is not int or not 0 < quorum <= max(total, 1):
        raise ValueError(f"a quorum is a weight from 1 to {total}, that of all members; got {quorum!r:.40}")
    share = list(rules.get("share", [1, 2]))
    if len(share) != 2 or any(type(part) is not int for part in share) or not 0 < share[0] < share[1]:
        raise ValueError(f"a share is [part, whole], such as [1, 2], got {share!r:.40}")
    closes_at = rules.get("closes_at")
    if closes_at is not None and (type(closes_at) is not int or closes_at < 0):
        raise ValueError(f"closes_at is a time of the timer, got {closes_at!r:.40}")
    return quorum, share, closes_at


def stricter_rules(rules: dict[str, Any], least: dict[str, Any], total: int) -> dict[str, Any]:
    """The rules of a question, where those that are given are not looser than the `least`, which stand for
    those that are not given; raises `ValueError`.
    """
    least_quorum, least_share, first_close = checked_rules(least, total)
    asked = {**least, **rules}
    quorum, share, closes_at = checked_rules(asked, total)
    if quorum < least_quorum:
        raise ValueError(f"the quorum of this governor is {least_quorum} or more, got {quorum}")
    if share[0] * least_share[1] < least_share[0] * share[1]:
        raise ValueError(f"the share of this governor is {least_share} or more, got {share}")
    if closes_at is not None and first_close is not None and closes_at < first_close:
        raise ValueError(f"the deadline of this governor is {first_close} or later, got {closes_at}")
    return asked


@durable
class ElectorateAdmin:
    """The right to change who the members of an electorate are, and to ask them."""

    electorate: Electorate

    def add(self, name: str, weight: int = 1) -> Voter:
        """A new member; questions that are open already are not for it."""
        electorate = self.electorate
        if name in electorate.get_members():
            raise ValueError(f"{name!r:.60} is a member already")
        if len(electorate.members or {}) >= MOST_MEMBERS:
            raise ValueError(f"an electorate has at most {MOST_MEMBERS} members")
        electorate.made += 1
        member = [checked_text(name, "the name of a member"), checked_weight(weight)]
        electorate.members = {**(electorate.members or {}), str(electorate.made): member}
        return Voter(electorate, str(electorate.made))

    def remove(self, name: str) -> None:
        """End a membership; in questions that are open already it still votes."""
        electorate = self.electorate
        if name not in electorate.get_members():
            raise ValueError(f"{name!r:.60} is no member")
        electorate.members = {
            number: member for number, member in electorate.members.items() if member[0] != name
        }

    def ask(
        self, title: str, positions: list[str], rules: dict[str, Any] | None = None, performer: object = None
    ) -> Question:
        """Open a question. The `performer` is told how it ended: `decided(question, outcome)`."""
        question = self.electorate._open(title, positions, rules or {}, None)
        question.performer = performer
        return question


@durable
class Voter:
    """The ballots of one member."""

    electorate: Electorate
    number: str

    def cast(self, question: Question, position: str) -> None:
        """Vote for a position, instead of what was voted before; raises `ValueError` if it does not count."""
        if question.electorate is not self.electorate or self.number not in question.members:
            raise ValueError("this member was not of the electorate when the question was opened")
        question._cast(self.number, position)

    def get_position(self, question: Question) -> str | None:
        """What this member votes for."""
        position: str | None = (question.ballots or {}).get(self.number)
        return position


@durable
class Question:
    """What is asked, of whom, by which rules, and how it stands. Everybody may look at it."""

    number: int
    title: str
    positions: Any
    electorate: Electorate
    members: Any
    electorate_size: int
    quorum: int
    share: Any
    closes_at: int | None = None
    proposal: object = None
    performer: object = None
    subject: Any = None
    ballots: Any = None
    counts: Any = None
    status: str = OPEN
    outcome: str | None = None
    result: str | None = None

    def get_details(self) -> dict[str, Any]:
        """What is asked and by which rules, and how the votes stand."""
        return {
            "number": self.number,
            "title": self.title,
            "positions": self.positions,
            "electorate": self.electorate.name,
            "electorate_size": self.electorate_size,
            "quorum": self.quorum,
            "share": self.share,
            "closes_at": self.closes_at,
            "subject": self.subject,
            "proposal": self.proposal,
            "counts": self.counts or {},
            "status": self.status,
            "outcome": self.outcome,
            "result": self.result,
        }

    def close(self) -> str:
        """How it ended; raises `ValueError` while members have to vote. One without members ends by this."""
        if self.status == OPEN:
            if len(self.ballots or {}) < len(self.members):
                when = "all have voted" if self.closes_at is None else f"{self.closes_at}, or all have voted"
                raise ValueError(f"question {self.number} is open until {when}")
            self._end()
        return self.status

    def _cast(self, member: str, position: str) -> None:
        if self.status != OPEN:
            raise ValueError(f"question {self.number} is closed: {self.status}")
        if position not in self.positions:
            raise ValueError(f"the positions are {', '.join(self.positions)}, got {position!r:.60}")
        self.ballots = {**(self.ballots or {}), member: position}
        counts = dict.fromkeys(self.positions, 0)
        for voter, chosen in self.ballots.items():
            counts[chosen] += self.members[voter][1]
        self.counts = counts
        if len(self.ballots) == len(self.members):
            self._end()

    def _end(self) -> None:
        counts = self.counts or {}
        cast = sum(counts.values())
        won = [
            position
            for position, weight in counts.items()
            if weight * self.share[1] > cast * self.share[0] and cast >= self.quorum
        ]
        self.outcome = won[0] if len(won) == 1 else None
        self.status = UNDECIDED if self.outcome is None else DECIDED
        if isinstance(self.performer, Governor):
            self.performer._decided(self)
        elif self.performer is not None:
            E(self.performer).decided(self, self.outcome)


@durable
class Alarm:
    """Closes a question at its deadline; only the timer has it."""

    question: Question

    def wake(self, now: int) -> None:
        """Called by the timer."""
        if self.question.status == OPEN and now >= (self.question.closes_at or 0):
            self.question._end()


@durable
class Result:
    """Keeps how what was decided went."""

    question: Question

    def on_fulfilled(self, _value: Any) -> None:
        """It was done."""
        self.question.result = "performed"

    def on_rejected(self, reason: Any) -> None:
        """It was refused, and nothing has changed."""
        self.question.result = f"refused: {reason}"[:MOST_TEXT]


@durable
class Governor:
    """Asks an electorate about one vat, and does what is decided. Who holds it may ask, and nothing else: a
    question that it asks has its `rules`, or stricter ones.
    """

    electorate: Electorate
    target: str
    governed: object = None
    admin_node: object = None
    bridge: object = None
    rules: Any = None

    def get_target(self) -> str:
        """The name of the vat that it governs."""
        return self.target

    async def ask_parameter(self, name: str, value: Any, rules: dict[str, Any] | None = None) -> Question:
        """Ask whether a parameter should have a value; what the contract does not declare is no question.

        The range may be another when it is decided, so it is checked again when the value is set.
        """
        self._wants(self.governed, "the governor's facet of its target")
        await E(self.governed).check_parameter(name, value)
        subject = {"depth": "parameter", "name": name, "value": value}
        return self._ask(f"{self.target}: {name} = {value!r}", subject, None, rules)

    def ask_function(self, proposal: object, rules: dict[str, Any] | None = None) -> Question:
        """Ask whether a function should be that of a proposal, whose part is the name of the function."""
        self._wants(self.governed, "the governor's facet of its target")
        row = self._read(proposal)
        if not row["part"]:
            raise ValueError(f"proposal {row['number']} is for all of the code: ask_code")
        subject = {"depth": "function", "name": row["part"], "graph": row["bundle"]}
        return self._ask(
            f"{self.target}: {row['part']} of proposal {row['number']}", subject, proposal, rules
        )

    def ask_code(self, proposal: object, rules: dict[str, Any] | None = None) -> Question:
        """Ask whether the vat should become what a proposal says."""
        self._wants(self.admin_node, "the admin node of its target")
        row = self._read(proposal)
        if row["part"]:
            raise ValueError(f"proposal {row['number']} is for {row['part']} only: ask_function")
        subject = {"depth": "code", "graph": row["bundle"]}
        return self._ask(f"{self.target}: code of proposal {row['number']}", subject, proposal, rules)

    def ask_host(self, depth: str, detail: dict[str, Any], rules: dict[str, Any] | None = None) -> Question:
        """Ask whether the host should change what only it can: the guest library, or the kernel."""
        self._wants(self.bridge, "the bridge")
        if depth not in HOST_DEPTHS:
            raise ValueError(f"the host changes {' or '.join(HOST_DEPTHS)}, got {depth!r:.60}")
        subject = {"depth": depth, "detail": detail}
        return self._ask(f"the {depth}: {detail!r:.200}", subject, None, rules)

    def _wants(self, held: object, what: str) -> None:
        if held is None:
            raise ValueError(f"the governor of {self.target} was not given {what}")

    def _read(self, proposal: object) -> dict[str, Any]:
        try:
            device = D(proposal)
        except TypeError:
            wanted = "a proposal, as `session.proposals.reference(N)` gives"
            raise TypeError(f"a question about code is about {wanted}; got {proposal!r:.60}") from None
        row: dict[str, Any] = device.get()
        if row["target"] != self.target:
            raise ValueError(
                f"proposal {row['number']} is for vat {row['target']!r:.60}, not for {self.target}"
            )
        return row

    def _ask(
        self, title: str, subject: dict[str, Any], proposal: object, rules: dict[str, Any] | None
    ) -> Question:
        total = sum(self.electorate.get_members().values())
        stricter = stricter_rules(rules or {}, self.rules or {}, total)
        question = self.electorate._open(title[:MOST_TEXT], [YES, NO], stricter, proposal)
        question.performer, question.subject = self, subject
        return question

    def _decided(self, question: Question) -> None:
        if question.outcome != YES:
            question.result = "nothing to do"
            return
        try:
            watch_promise(self._perform(question), Result(question))
        except (ValueError, TypeError, LookupError) as problem:
            question.result = f"refused: {problem}"[:MOST_TEXT]

    def _perform(self, question: Question) -> Any:
        subject = question.subject
        depth = subject["depth"]
        if depth == "parameter":
            return E(self.governed).set_parameter(subject["name"], subject["value"])
        if depth in HOST_DEPTHS:
            number = D(self.bridge).send({"question": question.number, "target": self.target, **subject})
            return E(Done()).done(number)
        row = self._read(question.proposal)
        if depth == "function":
            return E(self.governed).set_function(subject["name"], row["modulecap"])
        options = {"upgradeMessage": f"question {question.number} was decided"}
        parameters = D(question.proposal).get_parameters()
        if parameters is not None:
            options["vatParameters"] = parameters
        return E(self.admin_node).upgrade(row["modulecap"], options)


@durable
class Done:
    """What is done at once."""

    def done(self, value: Any) -> Any:
        """Return the value."""
        return value


@remotable
class Governance:
    """Makes electorates and governors."""

    def __init__(self, baggage: Baggage) -> None:
        self._baggage = baggage

    def make_electorate(self, name: str, members: list[str]) -> dict[str, Any]:
        """A new electorate: `{"electorate": ..., "admin": ..., "voters": {name: Voter}}`."""
        electorate = Electorate(checked_text(name, "the name of an electorate"), self._baggage["timer"])
        admin = ElectorateAdmin(electorate)
        voters = {member: admin.add(member) for member in members}
        return {"electorate": electorate, "admin": admin, "voters": voters}

    def make_governor(
        self, electorate: Electorate, target: str, powers: dict[str, Any], rules: dict[str, Any] | None = None
    ) -> Governor:
        """A governor of the vat `target`, with its `powers`: `{"governed": ..., "admin_node": ...}`."""
        if unknown := sorted(set(powers) - {"governed", "admin_node"}):
            raise ValueError(f"a governor takes the powers governed and admin_node, not {', '.join(unknown)}")
        governed, admin_node = powers.get("governed"), powers.get("admin_node")
        bridge = self._baggage["bridge"]
        return Governor(electorate, checked_text(target, "a name"), governed, admin_node, bridge, rules or {})


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> Governance:
    """Make the root. The first incarnation gets the timer and the bridge, if any; the baggage keeps them."""
    for name in ("timer", "bridge"):
        if name not in baggage or (parameters or {}).get(name) is not None:
            baggage[name] = (parameters or {}).get(name)
    return Governance(baggage)
