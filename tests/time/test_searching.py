"""The search through the history: each part of a query, and the bounds of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from tests.lens.test_cause import BANK


@pytest.fixture(scope="module")
def world() -> Iterator[swingset.Controller]:
    """A bank and a shop; one deposit went well, one was rejected, and one was not waited for."""
    with swingset.open_world(worker="local") as made:
        session = swingset.Session(made)
        bank, shop = session.define("bank", BANK), session.define("shop", BANK)
        purse = session.wait(E(bank).open_purse("Alice"))
        session.wait(E(shop).pay(purse, 10))
        made.kernel.request.cell = lambda: (4, 2)
        with pytest.raises(ValueError, match="cannot"):
            session.wait(E(shop).pay(purse, -1))
        made.kernel.request.cell = lambda: (5, None)
        made.release(made.queue_to_object(session.kref_of(purse) or "", "deposit", [-2]) or "")
        made.run()
        yield made


FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({"vat": "shop", "method": "pay"}, ["pay(Purse ko22, 10)", "pay(Purse ko22, -1)"]),
    ({"method": "deposit", "kind": "send"}, ["deposit(10)", "deposit(-1)", "deposit(-2)"]),
    ({"method": "deposit", "kind": "request"}, ["deposit(-2)"]),
    ({"object": "ko22", "kind": "send", "vat": "bank"}, ["deposit(10)", "deposit(-1)", "deposit(-2)"]),
    ({"object": "kp44"}, ["deposit(10)", "the outcome of kp44"]),
    ({"text": "alice", "vat": "bank"}, ["open_purse('Alice')"]),
    ({"text": "GOT 10"}, ["deposit(10)"]),
    ({"text": "cannot deposit -1"}, ["deposit(-1)"]),
    ({"rejected": True}, ["deposit(-1)", "deposit(-2)"]),
    ({"rejected": False, "method": "deposit"}, ["deposit(10)"]),
    ({"cell": 4, "kind": "send"}, ["pay(Purse ko22, -1)", "deposit(-1)"]),
    ({"cell": 5}, ["deposit(-2)", "the release", "deposit(-2)"]),
    ({"kind": "create-vat"}, ["the creation of vat bank", "the creation of vat shop"]),
    ({"kind": "notify", "vat": "shop"}, ["the outcome of kp44", "the outcome of kp46"]),
    ({"at_least": 1}, []),
    ({"vat": "nobody"}, []),
    ({"method": "nonesuch"}, []),
    ({"object": "ko999"}, []),
    ({"text": "\x1b"}, []),
    ({"kind": "send", "since": 8}, ["pay(Purse ko22, -1)", "deposit(-1)", "deposit(-2)"]),
]


@pytest.mark.parametrize(("query", "summaries"), FOUND, ids=[json.dumps(case[0]) for case in FOUND])
def test_each_part_of_a_query(
    world: swingset.Controller, query: dict[str, Any], summaries: list[str]
) -> None:
    """What is found fits all that was asked for, in the order in which it happened."""
    found = swingset.search(world, **query)
    assert [
        step.summary.partition(" to ")[0].partition(" of promise")[0] for step in found.steps
    ] == summaries
    assert not found.more


def test_a_search_says_that_there_is_more(world: swingset.Controller) -> None:
    """At most as many steps are returned as were asked for; nothing less is left out unsaid."""
    every = swingset.search(world)
    assert len(every.steps) == len(list(world.history.records()))
    assert not every.more
    some = swingset.search(world, most=3)
    assert some.steps == every.steps[:3]
    assert some.more
    assert some.lines()[-1] == "and more"
    assert not swingset.search(world, most=len(every.steps)).more


def test_computrons_are_searched_where_they_are_counted() -> None:
    """Bounds of the cost leave out what is outside of them, and what was not metered."""
    with swingset.open_world() as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
        costs = [step.computrons for step in swingset.search(world).steps if step.computrons is not None]
        assert len(costs) == 2
        dear, cheap = max(costs), min(costs)
        assert [step.computrons for step in swingset.search(world, at_least=dear).steps] == [dear]
        assert [step.computrons for step in swingset.search(world, at_most=cheap).steps] == [cheap]
        assert not swingset.search(world, at_least=cheap + 1, at_most=dear - 1).steps


@pytest.mark.parametrize(
    ("query", "words"), [({"kind": "bill"}, "no event is a 'bill'"), ({"most": 0}, "at most 0")]
)
def test_what_cannot_be_searched_is_refused(
    world: swingset.Controller, query: dict[str, Any], words: str
) -> None:
    """The error names what was asked, and what there is."""
    with pytest.raises(swingset.KernelError, match=words):
        swingset.search(world, **query)


SESSIONS: list[tuple[dict[str, Any], list[str], str]] = [
    ({"cell": 5}, ["cell [5] of session 3, line 1"], "session 3; there is one in sessions 1, 2 too"),
    (
        {"cell": 5, "session": 1},
        ["cell [5] of session 1, line 1"],
        "session 1; there is one in sessions 2, 3",
    ),
    (
        {"cell": 5, "session": 2},
        ["cell [5] of session 2, line 1"],
        "session 2; there is one in sessions 1, 3",
    ),
    ({"cell": 6}, ["cell [6] of session 2, line 1"], ""),
    ({"cell": 6, "session": 3}, [], "session 3 has no requests of a cell [6]; there is one in session 2 too"),
    ({"cell": 7}, [], ""),
    ({"session": 2}, ["cell [5] of session 2, line 1", "cell [6] of session 2, line 1"], ""),
    ({"session": 9}, [], ""),
]


@pytest.fixture(scope="module")
def three() -> Iterator[swingset.Controller]:
    """A world with three sessions, each of which has a cell 5; the second has a cell 6 too."""
    with swingset.open_world(worker="local") as made:
        session = swingset.Session(made)
        bank = session.define("bank", BANK)
        for number, cells in enumerate(((5,), (5, 6), (5,)), 1):
            if number > 1:
                session.attach()
                bank = session.root("bank")
            for cell in cells:
                made.kernel.request.cell = lambda cell=cell: (cell, 1)  # type: ignore[misc]
                session.wait(E(bank).open_purse(f"{number}/{cell}"))
            made.kernel.request.cell = lambda: None
        yield made


@pytest.mark.parametrize(
    ("query", "titles", "note"), SESSIONS, ids=[json.dumps(case[0]) for case in SESSIONS]
)
def test_cells_of_several_sessions_are_told_apart(
    three: swingset.Controller, query: dict[str, Any], titles: list[str], note: str
) -> None:
    """A cell has the number of its session, a search has only one session, and says where others are."""
    found = swingset.search(three, **query, text="open_purse", kind="request")
    assert [step.title for step in found.steps] == titles
    assert note in " ".join(found.notes)
    assert bool(found.notes) is bool(note)


def test_what_came_of_a_cell_is_of_its_own_session(three: swingset.Controller) -> None:
    """Messages of another session's cell with the same number are not found, in SQL neither."""
    for session in (1, 2, 3):
        found = swingset.search(three, cell=5, session=session, kind="send", vat="bank")
        assert [step.summary.partition(" to ")[0] for step in found.steps] == [f"open_purse('{session}/5')"]
        (cause,) = three.lens.cause(found.steps[0].crank).up
        assert cause.title == f"cell [5] of session {session}, line 1"
    asked = "SELECT DISTINCT session FROM records WHERE cell = 5 ORDER BY session"
    assert swingset.sql(three, asked).rows == ((1,), (2,), (3,))


def test_a_session_keeps_its_number_when_the_past_is_pruned(three: swingset.Controller) -> None:
    """Numbers are counted back from the present, so a pruned session is still counted."""
    with three.fork() as fork:
        fork.commit()
        crank = next(step.crank for step in swingset.search(fork, session=2).steps)
        fork.history.prune(before=crank)
        titles = {step.title.partition(",")[0] for step in swingset.search(fork, cell=5).steps if step.cell}
        assert titles == {"cell [5] of session 3"}


LIVES: dict[str, tuple[list[tuple[int | None, int]], list[str]]] = {
    # for each life: the cell that begins it, if one does, and the cell that sends
    "a notebook goes back": ([(None, 5), (7, 8), (9, 10)], ["cell [5]", "cell [8]", "cell [10]"]),
    "a notebook is started again": (
        [(None, 5), (7, 8), (1, 2)],
        ["cell [5] of session 1", "cell [8] of session 1", "cell [2] of session 3"],
    ),
    "it begins in the cell of the last message": (
        [(None, 5), (5, 5)],
        ["cell [5] of session 1", "cell [5] of session 2"],
    ),
    "no cell begins it": ([(None, 5), (None, 6)], ["cell [5] of session 1", "cell [6] of session 2"]),
}


@pytest.mark.parametrize("case", LIVES)
def test_a_session_goes_on_where_its_cells_go_on_counting(case: str) -> None:
    """A cell is named as its reader sees it; only a notebook that begins to count anew is another session."""
    lives, titles = LIVES[case]
    with swingset.open_world(worker="local") as made:
        session = swingset.Session(made)
        bank = session.define("bank", BANK)
        for place, (begins, cell) in enumerate(lives):
            made.kernel.request.cell = lambda begins=begins: begins and (begins, None)  # type: ignore[misc]
            if place:
                session.attach()
            made.kernel.request.cell = lambda: None
            bank = session.root("bank")
            made.kernel.request.cell = lambda cell=cell: (cell, 1)  # type: ignore[misc]
            session.wait(E(bank).open_purse(f"{cell}"))
        made.kernel.request.cell = lambda: None
        found = swingset.search(made, text="open_purse", kind="request")
        assert [step.title.partition(",")[0] for step in found.steps if step.cell] == titles


ORDERS = [
    ["alice", "--vat", "bank", "--kind", "send"],
    ["--vat", "bank", "alice", "--kind", "send"],
    ["--vat", "bank", "--kind", "send", "alice"],
]


@pytest.mark.parametrize("words", ORDERS, ids=" ".join)
def test_the_order_of_words_does_not_matter(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """`swingset find` takes its text before, between and after the options."""
    path = str(tmp_path / "my.world")
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
    assert main(["find", path, *words]) == 0
    assert capsys.readouterr().out == "crank 2: open_purse('alice') to root of bank ko20\n"


def test_the_command_searches_a_file(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset find` prints one step a line."""
    path = str(tmp_path / "my.world")
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
    assert main(["find", path, "alice", "--vat", "bank", "--kind", "send", "--most", "5"]) == 0
    assert capsys.readouterr().out == "crank 2: open_purse('alice') to root of bank ko20\n"
    assert main(["find", path, "--rejected"]) == 0
    assert capsys.readouterr().out == "nothing was found\n"
