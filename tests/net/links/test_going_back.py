"""Worlds of which one goes back in time, is restored from a copy, or runs twice: said, and never in silence.

What one of them remembers and the other does not ends their link on both sides, with a code. What was sent is
not sent again. Where the two histories still fit, the link goes on as if nothing had been.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from tests.net.links.pairs import Pair, listening, slow
from tests.scenarios.linked import Side, with_session

pytestmark = pytest.mark.unaudited  # both sides are, when they close


def back(side: Side) -> None:
    """Go back in time, with the world open."""
    side.world.history.go_back("then")
    side.session.attach()


def backed_up(side: Side) -> None:
    """Close the world, and keep a copy of its file."""
    assert side.path is not None
    side.close()
    shutil.copy(side.path, side.path.with_suffix(".copy"))
    side.open()
    listening(side)


def restored(side: Side) -> None:
    """Put the copy in the place of the file; the secrets stay as they are."""
    assert side.path is not None
    side.close()
    shutil.copy(side.path.with_suffix(".copy"), side.path)
    side.open()
    listening(side)


@dataclass(frozen=True)
class Case:
    """What is done at the moment that is returned to, how, and whether anything was exchanged in between."""

    keep: Callable[[Side], None]
    undo: Callable[[Side], None]
    who: str
    exchanged: bool


def _nothing(side: Side) -> None:
    pass


CASES = {
    "who sends goes back": Case(_nothing, back, "bob", True),
    "who answers goes back": Case(_nothing, back, "alice", True),
    "who sends goes back to what both know": Case(_nothing, back, "bob", False),
    "who answers goes back to what both know": Case(_nothing, back, "alice", False),
    "the file of who sends is put back": Case(backed_up, restored, "bob", True),
    "the file of who answers is put back": Case(backed_up, restored, "alice", True),
    "a file is put back that has all": Case(backed_up, restored, "alice", False),
}


QUICK = (
    "who sends goes back",
    "who answers goes back",
    "who answers goes back to what both know",
    "the file of who answers is put back",
)


@pytest.mark.parametrize("name", [name if name in QUICK else slow(name) for name in CASES])
def test_a_history_that_differs_is_said_on_both_sides(pair: Pair, name: str) -> None:
    """Where something was exchanged since, the link ends as diverged, at both; else it goes on."""
    case = CASES[name]
    side = pair.bob if case.who == "bob" else pair.alice
    assert pair.pay() == 1
    pair.rest()
    case.keep(side)
    pair.mark()
    if case.exchanged:
        assert pair.pay() == 2
        pair.rest()
    case.undo(side)
    pair.rest()
    if not case.exchanged:
        assert pair.pay() == 2
        assert pair.codes() == [set(), set()]
        return
    with pytest.raises(RemoteError) as caught:
        pair.pay()
    assert (caught.value.remote_name, caught.value.code) == ("Disconnected", "diverged")
    pair.rest()
    assert pair.codes() == [{"diverged"}, {"diverged"}]
    assert pair.pay("it") == 1
    assert pair.pay("it") == 2


def test_what_waits_for_an_answer_is_rejected_as_diverged(pair: Pair) -> None:
    """A promise of a link that has ended does not wait for ever."""
    pair.mark()
    with_session(pair.bob)
    asked = E(pair.bank).later()
    pair.rest()
    back(pair.alice)
    with pytest.raises(RemoteError) as caught:
        pair.bob.session.wait(asked)
    assert caught.value.code == "diverged"


def test_a_copy_without_the_secrets_is_told_so(pair: Pair, tmp_path: Path) -> None:
    """It has no key, so it cannot go on with the links of the world it was copied from, which do."""
    assert pair.pay() == 1
    copied = _copied(pair, tmp_path, secrets=False)
    with pytest.raises(RemoteError) as caught:
        copied.ask(copied.session.root("keeper"), "deposit", "inner", 1)
    assert (caught.value.remote_name, caught.value.code) == ("Disconnected", "copied")
    assert pair.pay() == 2
    with pytest.raises(RemoteError, match="fetch the object again by its string") as caught:
        copied.ask(copied.session.root("keeper"), "deposit", "it", 1)
    assert caught.value.code == "copied"
    copied.close()
    assert pair.pay() == 3


def test_two_copies_with_the_same_key_are_found_out(pair: Pair, tmp_path: Path) -> None:
    """Of a world that runs twice, the other world takes what one has said; the next one has diverged."""
    assert pair.pay() == 1
    copied = _copied(pair, tmp_path, secrets=True)
    told = set[str | None]()
    balances = [1]
    for each in (copied, pair.bob, copied, pair.bob):
        try:
            balances.append(each.ask(each.session.root("keeper"), "deposit", "inner", 1))
        except RemoteError as problem:
            told.add(problem.code)
    assert told == {"diverged"}
    assert balances == sorted(set(balances))
    copied.close()


def _copied(pair: Pair, folder: Path, *, secrets: bool) -> Side:
    """A copy of Bob's file, running beside him."""
    pair.rest()
    pair.bob.close()
    path = folder / "c.world"  # short, because the socket lies there, too
    shutil.copy(folder / "bob.world", path)
    if secrets:
        shutil.copy(folder / "bob.world.secrets", folder / "c.world.secrets")
    pair.bob.open()
    listening(pair.bob)
    copied = Side(path)
    copied.other = pair.alice
    listening(copied)
    return copied
