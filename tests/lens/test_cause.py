"""Causes and stories: who sent what, what came of it, and what the records say of one message."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import swingset
from swingset.command.cli import main
from swingset.guest.sending.eventual import E
from swingset.lens.history.recorded import Recorded
from tests.host.test_said import ALL, SOURCE, check
from tests.staging import Stage

BANK = """
from swingset.vat import E, durable, remotable

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int):
        if amount < 0:
            raise ValueError(f"cannot deposit {amount}")
        print("got", amount)
        self.balance += amount
        return self.balance

    def spin(self):
        while True:
            pass

@remotable
class Bank:
    def open_purse(self, owner: str):
        return Purse(owner=owner)

    def pay(self, purse, amount: int):
        return E(purse).deposit(amount)

    def pass_on(self, purse, amount: int):
        E(purse).deposit(amount)
        return "sent"

    def tell(self, purse):
        E.send_only(purse).deposit(1)

def build_root_object():
    return Bank()
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Two vats: a shop that pays into a purse of the bank, once well and once badly."""
    made = Stage("local")
    bank, shop = made.define("bank", BANK), made.define("shop", BANK)
    purse = made.ask(bank, "open_purse", "alice")
    assert made.ask(shop, "pay", purse, 10) == 10
    with pytest.raises(ValueError, match="cannot deposit"):
        made.ask(shop, "pay", purse, -1)
    made.ask(shop, "tell", purse)
    yield made
    made.close()


def crank(stage: Stage, summary: str) -> int:
    """The crank of the first event that reads so."""
    lens = stage.controller.lens
    numbers = range(1, stage.controller.crank + 1)
    return next(number for number in numbers if lens.cause(number).step.summary.startswith(summary))


def test_up_leads_to_the_request_of_the_host(stage: Stage) -> None:
    """Each step up is what sent the one below, and the last is what a host asked for."""
    cause = stage.controller.lens.cause(crank(stage, "deposit(10)"))
    assert [step.summary for step in cause.up] == [
        "pay(Purse ko22, 10) to root of shop ko21",
        "vat notebook: send pay(Purse o-52, 10) to o-51 for p+6",
    ]
    assert cause.origin == "it came into the world from its host"
    numbers = [cause.step.sender, *(step.sender for step in cause.up[:-1])]
    assert numbers == [step.number for step in cause.up]


def test_down_has_all_that_came_of_it_and_how_far_down(stage: Stage) -> None:
    """What came of a message is in the order in which it ran, with its distance."""
    cause = stage.controller.lens.cause(crank(stage, "pay("))
    assert [(effect.depth, effect.step.summary) for effect in cause.down] == [
        (1, "deposit(10) to Purse ko22 of bank"),
        (2, "the outcome of kp44"),
        (2, "the outcome of kp43"),
    ]
    assert not cause.more
    short = stage.controller.lens.cause(cause.step.crank, most=1)
    assert short.down == cause.down[:1]
    assert short.more


def test_process_order_is_what_the_same_vat_did(stage: Stage) -> None:
    """Before and after are deliveries to the same vat, whoever sent them."""
    cause = stage.controller.lens.cause(crank(stage, "deposit(10)"))
    assert [step.summary for step in cause.before] == [
        "the creation of vat bank",
        "open_purse('alice') to root of bank ko20",
    ]
    assert cause.after[0].summary == "deposit(-1) to Purse ko22 of bank"
    assert cause.after[0].sender != cause.step.number


def test_every_crank_has_the_sender_that_its_cause_names(stage: Stage) -> None:
    """Up and down are the same relation: whoever is one step up has it one step down."""
    lens = stage.controller.lens
    for number in range(1, stage.controller.crank + 1):
        cause = lens.cause(number)
        if cause.up:
            sender = next(
                record for record in stage.controller.history.records() if record.number == cause.up[0].number
            )
            down = [effect.step.number for effect in lens.cause(sender).down if effect.depth == 1]
            assert cause.step.number in down


@pytest.mark.parametrize(
    ("kref", "summary"),
    [
        ("kp44", "deposit(10) to Purse ko22 of bank"),
        ("kp43", "pay(Purse ko22, 10) to root of shop ko21"),
        ("kp40", "the creation of vat bank"),
        ("ko22", "open_purse('alice') to root of bank ko20"),
        ("ko20", "the creation of vat bank"),
    ],
)
def test_a_promise_and_an_object_lead_to_the_crank_they_are_from(
    stage: Stage, kref: str, summary: str
) -> None:
    """A promise is asked about as the result of its message, an object as new; also when it is gone."""
    assert stage.controller.lens.cause(kref).step.summary == summary


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (0, "no record of crank 0"),
        (99_999, "no record of crank 99999"),
        ("kp9999", "no record of kp9999"),
        ("ko9999", "no record of ko9999"),
        ("purse", "no cause of 'purse'"),
        ("\x1b[2J", "no cause of"),
    ],
)
def test_what_nothing_tells_of_is_refused_by_name(stage: Stage, asked: int | str, words: str) -> None:
    """The error says what was asked, and what there is."""
    with pytest.raises(swingset.KernelError, match=words):
        stage.controller.lens.cause(asked)


def test_the_story_of_a_message(stage: Stage) -> None:
    """Vat, incarnation, sender, arguments, console, syscalls, changed state and result are there."""
    story = stage.controller.lens.story(crank(stage, "deposit(10)"))
    assert (story.step.vat, story.incarnation, story.method, story.args) == (
        "bank",
        0,
        "deposit",
        "deposit(10)",
    )
    assert story.target == "Purse ko22"
    assert story.sender is not None
    assert story.sender.summary == "pay(Purse ko22, 10) to root of shop ko21"
    assert story.console == ("got 10",)
    assert story.syscalls is not None
    assert "resolve p-61 fulfilled with 10" in story.syscalls
    assert story.changes is not None
    assert "bank: Purse o+d10/1: owner 'alice', balance 10" in story.changes
    assert story.result is not None
    assert (story.result.promise, story.result.state, story.result.value) == ("kp44", "fulfilled", "10")
    text = str(story)
    for line in (
        "vat: bank, incarnation 0; delivered",
        "  │ got 10",
        "result: kp44 fulfilled with 10, crank 6",
    ):
        assert line in text.splitlines()


def test_a_result_that_follows_another_is_told_when_that_is_settled(stage: Stage) -> None:
    """The promise of `pay` follows that of `deposit`; its story names the crank that settled both."""
    result = stage.controller.lens.story(crank(stage, "pay(Purse ko22, 10)")).result
    assert result is not None
    assert (result.state, result.value) == ("fulfilled", "10")
    assert result.step.summary == "deposit(10) to Purse ko22 of bank"


def test_a_rejection_is_told_with_its_error(stage: Stage) -> None:
    """A result that was rejected is shown as the name and the words of the error."""
    result = stage.controller.lens.story(crank(stage, "deposit(-1)")).result
    assert result is not None
    assert (result.state, result.value) == ("rejected", "ValueError: cannot deposit -1")


def test_a_message_without_a_result_has_none(stage: Stage) -> None:
    """What was sent with `send_only` settles nothing."""
    story = stage.controller.lens.story(crank(stage, "deposit(1)"))
    assert (story.promise, story.result) == (None, None)
    assert "result:" not in str(story)


def test_a_result_that_was_gone_with_its_crank_is_in_the_transcript(tmp_path: Path) -> None:
    """Nothing waited for the promise, so it has no row; the vat's transcript says how it was settled."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        bank, shop = session.define("bank", BANK), session.define("shop", BANK)
        purse = session.wait(E(bank).open_purse("alice"))
        kref = world.queue_to_object(session.kref_of(purse) or "", "deposit", [5])
        world.release(kref or "")
        world.run()
        assert kref is not None
        result = world.lens.story(world.crank).result
        assert result is not None
        assert (result.promise, result.state, result.value) == (kref, "fulfilled", "5")
        assert session.has_ended(shop) is False


def test_a_fault_is_told_with_its_reason() -> None:
    """A delivery that was rolled back is in no transcript: its story says so, and why it failed."""
    with swingset.open_world() as world:
        world.create_vat("bank", (("bank", BANK),), options={"computrons": 30_000_000})
        purse = world.queue_to_root("bank", "open_purse", ["alice"])
        world.queue_to_object(purse or "", "spin")
        world.run()
        story = world.lens.story(world.crank)
    assert story.fault is not None
    assert story.fault.code == "out-of-computrons"
    assert story.syscalls is None
    assert "syscalls: not in the transcript: the delivery was rolled back" in story.lines()
    assert story.result is not None
    assert story.result.state == "rejected"


TOLD = {
    "a value": ("the outcome of kp44", ("kp44 fulfilled with 10",)),
    "a reference": ("the outcome of kp42", ("kp42 fulfilled with Purse ko22",)),
    "a rejection": ("the outcome of kp46", ("kp46 rejected with ValueError: cannot deposit -1",)),
    "a start": ("the creation of vat bank", ("worker local, parameters None",)),
    "an upgrade": ("the upgrade of vat shop", ("message 'mended', parameters None",)),
    "a collection": ("dropExport of 1", ("object ko23",)),
    "a message": ("deposit(10)", ()),
}


@pytest.fixture(scope="module")
def later() -> Iterator[Stage]:
    """The same, and an upgrade, and a purse that nobody holds."""
    made = Stage("local")
    bank, shop = made.define("bank", BANK), made.define("shop", BANK)
    purse = made.ask(bank, "open_purse", "alice")
    made.ask(shop, "pay", purse, 10)
    with pytest.raises(ValueError, match="cannot deposit"):
        made.ask(shop, "pay", purse, -1)
    made.upgrade("shop", f"{BANK}\n# more", "mended")
    kref = made.controller.queue_to_root("bank", "open_purse", ["bob"])
    made.controller.run()
    made.controller.release(kref)
    made.controller.run()
    yield made
    made.close()


@pytest.mark.parametrize("case", TOLD)
def test_the_story_of_another_event_has_what_was_told(later: Stage, case: str) -> None:
    """A notification has the outcome, a start its parameters, a collection its objects."""
    summary, told = TOLD[case]
    story = later.controller.lens.story(crank(later, summary))
    assert story.told == told
    assert [line for line in story.lines() if line.startswith("told: ")] == [f"told: {said}" for said in told]


def test_the_outcomes_of_a_notification_are_bounded() -> None:
    """What else a notification brought is listed in the vat's own names, and cut."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        root = session.define(
            "root",
            """
from swingset.vat import E, remotable

@remotable
class Root:
    def many(self):
        return [E(self).one(number) for number in range(50)]

    def one(self, number: int):
        return number

def build_root_object():
    return Root()
""",
        )
        session.wait(E(root).many())
        stories = [world.lens.story(number) for number in range(1, world.crank + 1)]
        assert max(len(story.told) for story in stories) <= 22


def test_a_request_has_a_story_too(stage: Stage) -> None:
    """What a host asked for is told with the rows that it changed."""
    first = next(iter(stage.controller.history.records()))
    story = stage.controller.lens.story(first)
    assert story.step.title == "request 1"
    assert story.step.summary == "vat notebook begins in its host's interpreter"
    assert story.changes == ("vat notebook: live, incarnation 0",)


def test_records_are_found_by_number_whatever_the_commits(tmp_path: Path) -> None:
    """Each record of a world of many commits is found by its number, and each crank by its own."""
    with swingset.open_world(tmp_path / "my.world", worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        for number in range(5):
            world.queue_to_root("bank", "open_purse", [f"o{number}"], policy="none")
            world.run() if number % 2 else world.commit()
        recorded, known = Recorded(world.world), list(world.history.records())
        assert [recorded.number(record.number) for record in known] == known
        assert [recorded.crank(number).crank for number in range(1, world.crank + 1)] == [
            record.crank for record in known if isinstance(record, swingset.CrankRecord)
        ]
        assert recorded.number(0) is recorded.number(known[-1].number + 1) is None
        assert list(recorded.after()) == known
        assert list(recorded.before(lambda _: True, known[-1].number)) == known[-2::-1]


def test_what_was_pruned_is_said_to_be_gone() -> None:
    """Causes of what is left are found as before; the error says which cranks there are."""
    with swingset.open_world(worker="local") as world:
        root = world.create_vat("bank", (("bank", BANK),))
        for number in range(12):
            world.queue_to_object(root, "open_purse", [f"o{number}"], policy="none")
            world.run()
        whole = {number: world.lens.cause(number).step for number in range(1, world.crank + 1)}
        first = world.history.prune(before=9).first
        assert 1 < first <= 9
        for number in range(first, world.crank + 1):
            assert world.lens.cause(number).step == whole[number]
            assert world.lens.cause(number).up[0].kind == "request"
        words = (
            f"no record of crank 1: the past up to crank {first - 1} was pruned; crank {first} is the first"
        )
        with pytest.raises(swingset.KernelError, match=words):
            world.lens.cause(1)


def test_looking_changes_nothing(tmp_path: Path) -> None:
    """The file has the same bytes after every view of its history as before."""
    path = tmp_path / "my.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
    before = path.read_bytes()
    with swingset.open_world(path, look_only=True) as world:
        digest = world.digest()
        for number in range(1, world.crank + 1):
            assert str(world.lens.cause(number)) != str(world.lens.story(number))
        assert len(swingset.search(world).steps) == len(list(swingset.merge({"": world.history.records()})))
        assert swingset.sql(world, "SELECT count(*) FROM changes").rows[0][0] > 0
        assert len(swingset.dataframe(world, "records")) == swingset.export_spans(
            world, InMemorySpanExporter()
        )
        assert swingset.export_trace(world, tmp_path / "trace.json") > 0
        assert world.digest() == digest
    assert path.read_bytes() == before


def test_the_command_tells_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset cause` and `swingset story` print what the lens says, and refuse by name."""
    path = str(tmp_path / "my.world")
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
        cause, story = str(world.lens.cause(2)), str(world.lens.story(2))
    assert main(["cause", path, "2"]) == 0
    assert capsys.readouterr().out == cause + "\n"
    assert main(["story", path, "2"]) == 0
    assert capsys.readouterr().out == story + "\n"
    assert main(["cause", path, "77"]) == 1
    assert "no record of crank 77" in capsys.readouterr().err


def test_odd_text_is_drawn_and_forges_no_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Methods, texts, errors and reasons of strangers reach a reader as drawn characters."""
    path = str(tmp_path / "odd.world")
    with swingset.open_world(path, worker="local") as world:
        root = world.create_vat("root", (("root", SOURCE.format(nasty=ALL)),))
        for method, args in (("fail", []), ("say", []), ("name_no_method", []), (ALL, [ALL, {ALL: ALL}])):
            world.queue_to_object(root, method, args)
        world.run()
        world.vats.suspend("root", ALL)
        world.commit()
        last, records = world.crank, list(world.history.records())
        for record in records:
            check(str(world.lens.cause(record)))
            check(str(world.lens.story(record)))
        assert len(swingset.search(world, text="forged").steps) > 3
        check(str(swingset.search(world)))
        check(str(swingset.search(world, method=ALL)))
        check(str(swingset.search(world, text=ALL, vat=ALL, object=ALL)))
    for number in range(1, last + 1):
        main(["cause", path, str(number)])
        main(["story", path, str(number)])
    main(["find", path])
    printed = capfd.readouterr()
    check(printed.out)
    assert not printed.err


def test_a_sender_that_is_not_there_ends_the_chain(tmp_path: Path) -> None:
    """A file may name senders that do not exist or come later; the chain ends, and says so."""
    from swingset.world.codec import Unpacking, compress

    path = tmp_path / "my.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", BANK),))
        world.queue_to_root("bank", "open_purse", ["alice"], policy="none")
        world.run()
        sender = world.lens.cause(2).step.sender
    for other in (999, 7):
        copy = Path(shutil.copy(path, tmp_path / f"{other}.world"))
        with sqlite3.connect(copy) as db:
            seq, packed = db.execute("SELECT max(seq), records FROM commits").fetchone()
            plain = Unpacking(packed, 1 << 20, "").reader()(1 << 20)
            changed = plain.replace(f'"sender":{sender}'.encode(), f'"sender":{other}'.encode())
            assert changed != plain
            db.execute("UPDATE commits SET records = ? WHERE seq = ?", (compress(changed), seq))
        db.close()
        with swingset.open_world(copy, look_only=True) as world:
            cause = world.lens.cause(2)
            assert cause.up == ()
            assert f"record {other}" in cause.origin


def test_values_in_words() -> None:
    """Each form that a body can have is written as Python would, and what cannot be read stays as it is."""
    from swingset.model.capdata import CapData
    from swingset.model.values import call_in_words, value_in_words

    def named(slot: str, iface: str | None) -> str:
        return f"{iface}<{slot}>"

    known: dict[str, str] = {
        "#null": "None",
        "#true": "True",
        '#"a"': "'a'",
        '#"!#a"': "'#a'",
        '#"+99999999999999999999"': "99999999999999999999",
        '#"#NaN"': "nan",
        '#["$0.Alleged: Purse","$0","&1"]': "[Purse<ko1>, None<ko1>, None<kp2>]",
        '#"$9"': "'$9'",
        '#{"#tag":"tuple","payload":[1,2]}': "tuple([1, 2])",
        '#{"#error":"no","name":"ValueError"}': "ValueError: no",
        '#{"a":{"!#b":1.5}}': "{'a': {'#b': 1.5}}",
        "#[": "#[",
        "no": "no",
        "": "",
        '#"\\u001b[2J"': "'\\x1b[2J'",
    }
    for body, words in known.items():
        assert value_in_words(CapData(body, ("ko1", "kp2")), named) == words
    calls: dict[str, str] = {
        '#["m",[1],{"k":"v"}]': "m(1, k='v')",
        '#["m",[]]': "m()",
        '#["!#m",[]]': "#m()",
        '#["m"]': '#["m"]',
        "#7": "#7",
    }
    for body, words in calls.items():
        assert call_in_words(CapData(body), named) == words
    assert len(value_in_words(CapData('#"' + "x" * 50_000 + '"'), named)) <= 160
    deep: Any = "[" * 80 + "]" * 80
    assert value_in_words(CapData("#" + deep), named).startswith("#[[[")
