"""Forks by the hundred: the same outcomes here, in other processes, and again; and nothing else changes."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.cluster import (
    BadVariant,
    ClusterMissing,
    NotLoaded,
    Sweep,
    Trial,
    TrialOutcome,
    Variant,
    WorldTask,
    pools,
    run_worlds,
    sweep,
    sweeps,
    verify_worlds,
)
from swingset.cluster.variants import plain, spelled, variant_of
from swingset.model.counting import bar
from swingset.vat import E

distributed = pytest.importorskip("distributed")

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int):
        if amount < 0:
            raise ValueError("less than nothing")
        self.balance += amount
        return self.balance

@remotable
class Bank:
    def open_purse(self, owner: str):
        return Purse(owner=owner)

    def fee(self):
        return 1

def build_root_object():
    return Bank()
"""
DEARER = BANK.replace("return 1", "return 2")


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """Each test knows no outcome of another."""
    sweeps._known.clear()


@pytest.fixture(scope="module")
def bank() -> Iterator[tuple[swingset.Session, Any]]:
    """A session of a world with a bank, and a purse there."""
    with swingset.open_world(worker="local") as world:
        world.create_vat("bank", [("bank", BANK)])
        session = swingset.Session(world)
        purse = session.wait(E(session.root("bank")).open_purse("ann"))
        session.wait(E(purse).deposit(1))
        yield session, purse


def paid(trial: Trial) -> dict[str, Any]:
    """Pays in what the variant says, as often as it says."""
    last = 1
    for _ in range(trial.values.get("times", 1)):
        last = trial.wait(E(trial.ref("purse")).deposit(trial.values["amount"]))
    return {"balance": last}


def wanted(values: dict[str, int]) -> int:
    return 1 + values["times"] * values["amount"]


AMOUNTS = [{"times": 1 + n % 3, "amount": n} for n in range(6)]


def rows(found: Sweep) -> list[Any]:
    return [(outcome.values, outcome.row, outcome.digest, outcome.cranks, outcome.error) for outcome in found]


def test_outcomes_are_the_same_in_other_processes(bank: Any, processes: Any) -> None:
    """A fork comes to the same row, digest and cost in this process and in others; the world stays."""
    session, purse = bank
    digest, crank = session.controller.digest(), session.controller.crank
    here = sweep(session, AMOUNTS, paid, refs={"purse": purse}, processes=0)
    sweeps._known.clear()
    there = sweep(session, AMOUNTS, paid, refs={"purse": purse}, client=processes)
    assert rows(here) == rows(there)
    assert [outcome.row["balance"] for outcome in here] == [
        1 + each["times"] * each["amount"] for each in AMOUNTS
    ]
    assert (session.controller.digest(), session.controller.crank) == (digest, crank)


def test_a_sweep_that_is_repeated_does_not_run(bank: Any, tmp_path: Path) -> None:
    """What is known by name is not lived again: neither here, nor from a folder."""
    session, purse = bank
    given: dict[str, Any] = {"refs": {"purse": purse}, "processes": 0, "cache": tmp_path / "known"}
    first = sweep(session, AMOUNTS[:4], paid, **given)
    again = sweep(session, AMOUNTS[:6], paid, **given)
    assert (first.known, again.known, again.ran) == (0, 4, 2)
    sweeps._known.clear()
    assert sweep(session, AMOUNTS[:6], paid, **given).known == 6
    (spoilt, *_) = sorted((tmp_path / "known").iterdir())
    spoilt.write_text("{}")
    sweeps._known.clear()
    assert sweep(session, AMOUNTS[:6], paid, **given).known == 5
    session.wait(E(purse).deposit(0))
    assert sweep(session, AMOUNTS[:6], paid, **given).known == 0


def test_another_measure_is_another_task(bank: Any) -> None:
    """A measure that does something else does not get the outcomes of the one before."""
    session, purse = bank

    def made(more: int) -> Any:
        return lambda trial: {"more": more + trial.values["amount"]}

    for more in (1, 2):
        found = sweep(session, [{"amount": 1}], made(more), refs={"purse": purse}, processes=0)
        assert (found.known, found[0].row) == (0, {"more": more + 1})


def test_what_a_variant_may_change(bank: Any) -> None:
    """Other messages, other code, and another past: each is a fork of its own."""
    session, _ = bank

    def fee(trial: Trial) -> Any:
        return E(trial.root("bank")).fee()

    variants = [
        Variant(),
        Variant({"code": "dearer"}, code={"bank": [("bank", DEARER)]}),
        Variant({"sent": 2}, send=[("bank", "open_purse", ["bob"]), ("bank", "open_purse", ["eve"])]),
        Variant({"at": "before"}, at=1),
        Variant({"at": "again"}, at=1, again=True),
    ]
    found = sweep(session, variants, fee, processes=0)
    assert [outcome.error for outcome in found] == [None] * 5
    assert [outcome.row for outcome in found] == [{"answer": 1}, {"answer": 2}, *[{"answer": 1}] * 3]
    assert len({outcome.digest for outcome in found}) == 4
    assert found[4].digest == found[0].digest, "the past came again as it was"
    assert found[2].cranks == found[0].cranks + 4  # each with its notification


def test_a_past_is_lived_in_other_processes(bank: Any, processes: Any) -> None:
    """A variant that begins at an earlier crank comes to the same state there as here."""
    session, _ = bank
    past = [Variant({"at": at}, at=at) for at in (1, 2)]
    here = sweep(session, past, crank_of, processes=0)
    sweeps._known.clear()
    assert rows(here) == rows(sweep(session, past, crank_of, client=processes))


def crank_of(trial: Trial) -> dict[str, int]:
    return {"crank": trial.controller.crank}


def test_what_goes_wrong_in_a_fork_is_its_outcome(bank: Any, processes: Any) -> None:
    """A rejection, an error of the measure and a row that is no plain data end one fork, and say why."""
    session, purse = bank

    def measure(trial: Trial) -> Any:
        if trial.values["amount"] == 1:
            return {"row": object()}
        if trial.values["amount"] == 2:
            raise RuntimeError("\x1b[31mred")
        return E(trial.ref("purse")).deposit(-1) if trial.values["amount"] == 3 else {"fine": True}

    found = sweep(
        session, [{"amount": n} for n in range(4)], measure, refs={"purse": purse}, client=processes
    )
    assert [outcome.error and outcome.error.split(":")[0] for outcome in found] == [
        *(None, "BadVariant", "RuntimeError", "ValueError")
    ]
    assert "\x1b" not in str(found) + found._repr_html_()
    assert found.headline() == "4 variants, 3 failed"
    assert "line 5 of the measure" in (found[2].error or ""), found[2].error
    with pytest.raises(swingset.KernelError, match="from 0 to 3"):
        found.open(4)


def test_a_message_that_is_rejected_is_the_error_of_its_fork(bank: Any) -> None:
    """Unless the measure asks for what was sent, and judges it itself."""
    session, _ = bank
    wrong = Variant(send=[("bank", "open_purse", ["ann"]), ("bank", "open_till", [])])
    found = sweep(session, [wrong], crank_of, processes=0)
    assert "open_till" in (found[0].error or "")

    def judged(trial: Trial) -> dict[str, Any]:
        return {"sent": [promise.status for promise in trial.sent]}

    (judge,) = sweep(session, [wrong], judged, processes=0)
    assert (judge.error, judge.row) == (None, {"sent": ["fulfilled", "rejected"]})


@pytest.mark.parametrize(
    "code",
    ["x = 1", {"bank": "x = 1"}, {"bank": []}, {"bank": [("bank",)]}, {"bank": [("a", 1)]}, {1: [("a", "")]}],
)
def test_code_in_another_shape_is_refused_with_the_right_one(bank: Any, code: Any) -> None:
    """A source alone is the natural mistake."""
    with pytest.raises(BadVariant, match=r"""variant 0: code .*\{"shop": \[\("shop", source\)\]\}"""):
        sweep(bank[0], [Variant(code=code)], crank_of, processes=0)


def test_an_outcome_is_shown_with_its_whole_error(bank: Any) -> None:
    """The end of an error says what to do; everything else is short."""
    found = sweep(bank[0], [Variant({"n": "x" * 500}, scheduler="shufled")], crank_of, processes=0)
    for told in (str(found), found._repr_html_(), repr(found[0])):
        assert "schedulers={name: what makes it of the values}" in told
        assert "x" * 100 not in told


def test_a_measure_that_cannot_be_sent_is_refused(bank: Any, processes: Any, tmp_path: Path) -> None:
    """What it holds that no other process can have is named; in this process it runs."""
    lock = threading.Lock()

    def measure(*_: Any) -> bool:
        return lock.locked()

    with pytest.raises(BadVariant, match=r"cannot be sent.*_thread\.lock.*processes=0"):
        sweep(bank[0], [{}], measure, client=processes)
    with pytest.raises(BadVariant, match=r"_thread\.lock"):
        run_worlds([WorldTask(bank[0])], tmp_path, measure, client=processes)
    assert sweep(bank[0], [{}], measure, processes=0)[0].row == {"answer": False}


def test_a_measure_of_a_module_that_is_not_there_is_told(bank: Any, processes: Any, tmp_path: Path) -> None:
    """The processes of the cluster go on, and the caller hears which module they lack."""
    elsewhere = types.ModuleType("measures_elsewhere")
    exec("def measure(trial):\n    return 1", elsewhere.__dict__)
    sys.modules[elsewhere.__name__] = elsewhere
    try:
        with pytest.raises(NotLoaded, match=r"No module named 'measures_elsewhere'.*Define it in"):
            sweep(bank[0], [{}], elsewhere.measure, client=processes)
        with pytest.raises(NotLoaded):
            run_worlds([WorldTask(bank[0])], tmp_path, elsewhere.measure, client=processes)
    finally:
        del sys.modules[elsewhere.__name__]
    assert sweep(bank[0], [{"n": 1}], crank_of, client=processes).failed == ()


def test_a_variant_is_opened_here(bank: Any) -> None:
    """What a variant did can be looked at afterwards: the difference, and the fork at its end."""
    session, purse = bank
    found = sweep(session, AMOUNTS[:3], paid, refs={"purse": purse}, processes=0)
    seen: list[Any] = []
    opened = found.open(2, lambda trial: seen.append(trial.wait(E(trial.ref("purse")).deposit(0))))
    assert seen == [found[2].row["balance"]]
    assert any("balance" in str(unlike) for unlike in opened.unlike)
    session.wait(E(purse).deposit(0))
    assert found.open(2).answer == found[2].row, "the world has gone on, and its past is there"


def test_a_measure_that_asks_the_outside_is_found_out(bank: Any) -> None:
    """A fork that comes to another state when it is opened is refused, with the reason."""
    session, purse = bank
    asked = iter(range(10))

    def impure(trial: Trial) -> Any:
        return E(trial.ref("purse")).deposit(next(asked))

    found = sweep(session, [{}], impure, refs={"purse": purse}, processes=0)
    with pytest.raises(swingset.KernelError, match="not in the fork"):
        found.open(0)


def test_progress_and_outcomes_as_they_come(bank: Any) -> None:
    """A caller hears how many are done, and each outcome as it comes; the answer has them in order."""
    session, purse = bank
    told: list[tuple[int, int]] = []
    came: list[TrialOutcome] = []
    found = sweep(
        session,
        [*AMOUNTS[:3], AMOUNTS[0]],
        paid,
        refs={"purse": purse},
        processes=0,
        progress=lambda done, of: told.append((done, of)),
        each=came.append,
    )
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert len(came) == 3
    assert [outcome.place for outcome in found] == [0, 1, 2, 3]
    assert found[0].row == found[3].row
    assert list(found.frame()["balance"]) == [outcome.row["balance"] for outcome in found]


def test_a_bar_is_drawn_and_removed(
    bank: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a terminal, over itself; where there is none, nothing is written."""
    for is_terminal in (False, True):
        sweeps._known.clear()
        monkeypatch.setattr(sys.stderr, "isatty", lambda shown=is_terminal: shown)
        sweep(bank[0], AMOUNTS[:2], crank_of, processes=0, progress=True)
        drawn = capsys.readouterr().err.split("\r\x1b[K")
        wanted = ["", f"{'░' * 30} 0 of 2", f"{'█' * 15}{'░' * 15} 1 of 2", ""]
        assert drawn == (wanted if is_terminal else [""])
    assert bar(0, 0).endswith(" 0 of 0")


def test_one_that_is_stopped_goes_on_from_there(bank: Any) -> None:
    """An interrupt ends a sweep; what had come is known when it is repeated."""
    session, purse = bank

    def stop(done: int, _of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(session, AMOUNTS[:4], paid, refs={"purse": purse}, processes=0, progress=stop)
    assert sweep(session, AMOUNTS[:4], paid, refs={"purse": purse}, processes=0).known == 2


WRONG: dict[str, tuple[Any, str]] = {
    "no variant": (3, "neither a Variant nor a mapping"),
    "a set": ({"x": {1}}, "a set is no plain data"),
    "keys that are no texts": ({"x": {1: 2}}, "a dict is no plain data"),
    "an object deep in it": ({"x": [{"y": object()}]}, r"values\.x\[0\]\.y: a object is no plain data"),
    "no message": (Variant(send=[("bank", "fee")]), "a vat's name, a method and a list of arguments"),  # type: ignore[list-item]
    "again, but not since when": (Variant(again=True), "say `at`"),
    "dropped, but of nothing": (Variant(at=1, drop=[3]), "say `again=True`"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_refused(wrong: str, bank: Any) -> None:
    """What is no plain data is refused before anything runs, with its place."""
    given, words = WRONG[wrong]
    with pytest.raises(BadVariant, match=words):
        sweep(bank[0], [given], paid, processes=0)


def test_live_references_stay_here(bank: Any) -> None:
    """A measure that names a reference of the live world is refused, and so is what is no reference."""
    session, purse = bank
    with pytest.raises(BadVariant, match=r"refs=\{'purse': purse\}"):
        sweep(session, [{}], lambda trial: {"x": str(purse)}, processes=0)
    with pytest.raises(BadVariant, match="no reference of this session"):
        sweep(session, [{}], paid, refs={"purse": 3}, processes=0)
    found = sweep(session, [{"amount": 1}], paid, processes=0)
    assert "no reference was given as 'purse'" in (found[0].error or "")


def test_without_the_extra(bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Dask is not installed, it is said what to install, and this process still does."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    monkeypatch.setitem(__import__("sys").modules, "dask.tokenize", None)
    with pytest.raises(ClusterMissing, match="cluster"):
        sweep(bank[0], [{}], crank_of, processes=1)
    assert sweep(bank[0], [{}], crank_of, processes=0)[0].error is None


def test_names_tell_apart_what_differs() -> None:
    """Equal data has one spelling, and numbers of two types or signs have two."""
    assert spelled({"a": [1, (2.0,)], "b": None}) == spelled({"b": None, "a": [1, [2.0]]})
    assert (
        len({spelled(each) for each in (1, 1.0, True, "1", [1], {"1": 1}, 0.0, -0.0, float("nan"), None)})
        == 10
    )
    assert spelled(float("nan")) == spelled(-float("nan"))
    assert spelled({"float": "nan"}) != spelled(float("nan"))
    assert variant_of({"x": (1, 2)}, 0).values == {"x": [1, 2]}
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    with pytest.raises(BadVariant, match="deep"):
        plain(deep, "x")


def test_confined_vats_are_lived_elsewhere(processes: Any) -> None:
    """A world on the real engine comes to the same digests in other processes."""
    with swingset.open_world() as world:
        world.create_vat("bank", [("bank", BANK)])
        session = swingset.Session(world)
        purse = session.wait(E(session.root("bank")).open_purse("ann"))
        here = sweep(session, AMOUNTS[:3], paid, refs={"purse": purse}, processes=0)
        sweeps._known.clear()
        there = sweep(session, AMOUNTS[:3], paid, refs={"purse": purse}, client=processes)
        assert rows(here) == rows(there)
        assert [outcome.computrons for outcome in here] == [outcome.computrons for outcome in there]


def test_worlds_are_verified_at_once(processes: Any, tmp_path: Path) -> None:
    """Many worlds are checked in other processes; a damaged one and one that is none are told apart."""
    for name in ("a", "b"):
        with swingset.open_world(tmp_path / f"{name}.world") as world:
            world.commit(name)
    damaged = bytearray((tmp_path / "b.world").read_bytes())
    damaged[len(damaged) // 2 :] = bytes(len(damaged) - len(damaged) // 2)
    (tmp_path / "b.world").write_bytes(damaged)
    (tmp_path / "c.world").write_text("no world")
    paths = [tmp_path / f"{name}.world" for name in "abc"]
    for given in ({"client": processes}, {"processes": 0}):
        found = verify_worlds(paths, 3, **given)
        assert [each.path for each in found] == list(map(str, paths))
        assert [each.ok for each in found] == [True, False, False]
        assert found[2].digest is None


@pytest.mark.slow
def test_processes_that_are_killed_lose_nothing(bank: Any) -> None:
    """100 sweeps while processes die at random: no outcome is lost, none doubled, and all are the same."""
    session, purse = bank
    wanted = rows(sweep(session, AMOUNTS, paid, refs={"purse": purse}, processes=0))
    dice, killed = random.Random(7), 0

    with pools.clients(None, 3) as client:
        for _ in range(100):
            sweeps._known.clear()
            came: list[TrialOutcome] = []
            deadly = {dice.randrange(len(AMOUNTS)) for _ in range(dice.randrange(3))}

            def seen(
                outcome: TrialOutcome, came: list[TrialOutcome] = came, deadly: set[int] = deadly
            ) -> None:
                """Kill a process after some outcomes, whatever it does: it may be just starting."""
                nonlocal killed
                came.append(outcome)
                pids = list(client.run(os.getpid, on_error="ignore").values()) if len(came) in deadly else []
                if pids:
                    os.kill(dice.choice(pids), signal.SIGKILL)
                    killed += 1

            found = sweep(session, AMOUNTS, paid, refs={"purse": purse}, client=client, each=seen)
            assert rows(found) == wanted
            assert sorted(outcome.place for outcome in came) == list(range(len(AMOUNTS)))
    assert killed > 20
    print(f"100 sweeps of {len(AMOUNTS)} forks, {killed} processes killed: 0 lost, 0 doubled, 0 different")


SAYERS = """
from swingset.vat import E, remotable

@remotable
class Sayer:
    def __init__(self):
        self.heard = []

    def hear(self, who: str, number: int) -> None:
        self.heard.append(f"{who}{number}")

    def tell(self, other, who: str, count: int) -> None:
        for number in range(count):
            E(other).hear(who, number)

    def all_heard(self) -> list:
        return self.heard

def build_root_object():
    return Sayer()
"""


class LastFirst:
    """A scheduler that takes what came last."""

    def choose(self, store: Any) -> Any:
        events = list(store.queues.all())
        return events[-1] if events else None


def heard(trial: Trial) -> Any:
    """What the listener hears of two vats that both send to it."""
    for who in "ab":
        E(trial.root(who)).tell(trial.root("listener"), who, 3)
    trial.run()
    return {"heard": "".join(trial.wait(E(trial.root("listener")).all_heard()))}


def test_another_scheduler_is_another_order(processes: Any) -> None:
    """A variant may name one. Each seed has an order of its own, and each sender's messages keep theirs."""
    with swingset.open_world(worker="local") as world:
        for name in ("a", "b", "listener"):
            world.create_vat(name, [(name, SAYERS)])
        variants = [
            Variant(),
            Variant(scheduler="last first"),
            *(Variant({"seed": seed}, scheduler="shuffled") for seed in range(8)),
            Variant(scheduler="unknown"),
        ]
        given: dict[str, Any] = {"schedulers": {"last first": lambda _values: LastFirst()}}
        here = sweep(world, variants, heard, processes=0, **given)
        sweeps._known.clear()
        there = sweep(world, variants, heard, client=processes, **given)
    assert rows(here) == rows(there)
    orders = [outcome.row["heard"] for outcome in here[:-1]]
    assert orders[:2] == ["a0a1a2b0b1b2", "b2b1b0a2a1a0"]
    assert len(set(orders[2:])) > 3
    for order in orders[2:]:
        assert order.replace("b0", "").replace("b1", "").replace("b2", "") == "a0a1a2"
        assert order.replace("a0", "").replace("a1", "").replace("a2", "") == "b0b1b2"
    assert "there are: shuffled, last first" in (here[-1].error or "")


def test_another_scheduler_is_another_task(bank: Any) -> None:
    """An outcome in one order is not taken for one in another."""
    given: dict[str, Any] = {"processes": 0}
    assert sweep(bank[0], [Variant()], crank_of, **given).known == 0
    assert sweep(bank[0], [Variant(scheduler="shuffled")], crank_of, **given).known == 0
    with pytest.raises(BadVariant, match="comes in its order"):
        sweep(bank[0], [Variant(at=1, again=True, scheduler="shuffled")], crank_of, **given)
