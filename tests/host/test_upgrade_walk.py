"""An upgrade from change to undo: what a rehearsal tells in words, a trial of the records, and the steps."""

from __future__ import annotations

import pytest

import swingset
from swingset.host.code.rehearsal import rehearse_upgrade
from tests.time.bad_upgrades import BAD_UPGRADES, BANK, ORACLE, BadUpgrade, Call, changed
from tests.time.test_bad_upgrades import world_of

CASES = {case.name: case for case in BAD_UPGRADES}
DROPPED = changed(
    CASES["field lost"].new,
    ("import BigMap,", "import BigMap, migrate,"),
    ("@durable\nclass Purse:", "@durable(version=2, eager=1)\nclass Purse:"),
    (
        "    balance: int = 0\n",
        "    balance: int = 0\n\n    @migrate(1, 2)\n    @staticmethod\n    def dropped(old):\n"
        "        return {'owner': old['owner'], 'balance': old['balance']}\n",
    ),
)
PURSES = tuple(Call("root", "open_purse", (f"owner {n}",), f"purse {n}") for n in range(5))
MIGRATED = BadUpgrade("records are migrated", BANK, PURSES, DROPPED, "answer", "")

TOLD = (
    (MIGRATED, "survives", "5 Purse, with identity and state"),
    (MIGRATED, "lost", "nothing"),
    (MIGRATED, "migrates", "1 Purse, from version 1 to 2, at once"),
    (MIGRATED, "migrates", "4 Purse of version 1, each when it is first used"),
    (MIGRATED, "who notices", "nobody"),
    (MIGRATED, "costs", "1 crank more to migrate the 4 records left"),
    (CASES["exported object of the heap"], "lost", "ko21 (Display), which lives in memory only"),
    (CASES["promise of the heap"], "lost", "promise kp41, which only memory could settle"),
    (CASES["adopted promise forgotten"], "lost", 'has no method \\"on_adopted\\"'),
    (CASES["kind renamed"], "survives", "nothing"),
)


@pytest.mark.unaudited
@pytest.mark.parametrize(("case", "heading", "words"), TOLD, ids=[f"{c.name}, {h}" for c, h, _ in TOLD])
def test_a_rehearsal_tells_what_an_upgrade_does(case: BadUpgrade, heading: str, words: str) -> None:
    """What survives, is lost and migrates, who notices and what it costs, each under its heading."""
    with world_of(case) as world:
        found = rehearse_upgrade(world, "vat", (("vat", case.new),))
        assert any(
            line.startswith(words) or words in line for line in dict(found.consequences.sections())[heading]
        )


def test_who_holds_or_awaits_what_is_lost_is_named() -> None:
    """Another vat that holds an abandoned object, and one that waits for a promise, notice the upgrade."""
    holder = """
from swingset.vat import E, remotable
@remotable
class Holder:
    async def take(self, root):
        self.later = E(root).later()
        self.kept = await E(root).sign()
        return True
def build_root_object():
    return Holder()
"""
    source = ORACLE.replace(
        "    async def ask", "    def sign(self):\n        return Sign()\n\n    async def ask"
    ).replace("@remotable\nclass Oracle", "@remotable\nclass Sign:\n    pass\n\n@remotable\nclass Oracle")
    with swingset.open_world(worker="local") as world:
        world.create_vat("oracle", (("oracle", source),))
        world.create_vat("holder", (("holder", holder),))
        world.queue_to_root("holder", "take", [swingset.Ref(world.vats.root("oracle"))])
        world.run()
        before = world.digest()
        found = rehearse_upgrade(world, "oracle", (("oracle", source + "\n"),))
        assert world.digest() == before
        told = found.consequences.notices
        assert any(line.startswith("holder holds ko") and "(Sign)" in line for line in told), told
        assert any(line.startswith("holder waits for kp") for line in told), told


def test_a_trial_of_the_records_goes_on_until_it_is_stopped() -> None:
    """It visits some records at a time, says how many are left, and changes nothing when it is closed."""
    with world_of(MIGRATED) as world:
        before = world.digest(), world.history.head
        code = (("vat", MIGRATED.new),)
        with swingset.try_records(world, "vat", code) as trial:
            seen = [trial.step(2) for _ in range(4)]
        assert [(each.migrated, each.left, each.done) for each in seen] == [
            (2, 3, False),
            (4, 1, False),
            (5, 0, True),
            (5, 0, True),
        ]
        assert seen[0].lines() == ["2 records migrated: 3 left"]
        assert (world.digest(), world.history.head) == before
        with pytest.raises(swingset.KernelError, match="the trial of the records of vat vat is closed"):
            trial.step()


def test_a_trial_names_the_records_that_do_not_migrate() -> None:
    """Also those that the first check of the upgrade itself would refuse."""
    case = CASES["migration raises on the second record"]
    with world_of(case) as world, swingset.try_records(world, "vat", (("vat", case.new),)) as trial:
        end = trial.step()
        assert (end.migrated, end.left, end.failed, end.done) == (1, 1, 1, True)
        assert end.lines()[0] == "1 record migrated: 1 does not migrate"
        assert "ZeroDivisionError" in end.lines()[1]
        assert "(vat, line 15, in Purse.checked)" in end.lines()[1]


def test_a_trial_of_refused_code_raises() -> None:
    """The refusal is that of the upgrade."""
    case = CASES["no root object"]
    with world_of(case) as world, pytest.raises(swingset.VatFault, match="build_root_object"):
        swingset.try_records(world, "vat", (("vat", case.new),))


STEPS = (
    (MIGRATED, "incarnation 0 brings out its dead, and ends with its heap", "nothing is deleted"),
    (MIGRATED, "incarnation 1 starts with the new code", "not metered"),
    (MIGRATED, "durable kinds are defined again", "Purse, version 2: owner, balance, with older records"),
    (MIGRATED, "records are migrated", "1 Purse, from version 1 to 2"),
    (CASES["exported object of the heap"], "objects of its heap are abandoned", "Display"),
    (CASES["promise of the heap"], "promises that only its heap could settle are rejected", "promise kp41"),
)


@pytest.mark.parametrize(("case", "title", "words"), STEPS, ids=[f"{c.name}, {t}" for c, t, _ in STEPS])
def test_an_upgrade_is_told_step_by_step(case: BadUpgrade, title: str, words: str) -> None:
    """From the request to the commit, out of records: telling changes nothing."""
    with world_of(case) as world:
        world.upgrade_vat("vat", (("vat", case.new),))
        before = world.digest(), world.history.head
        steps = world.vats.upgrade_steps("vat")
        assert (world.digest(), world.history.head) == before
        assert steps[0].title == f"crank {world.crank}: the upgrade of vat"
        assert steps[-1].title.startswith("the crank is committed")
        assert [words in line for step in steps if step.title.startswith(title) for line in step.lines][
            :1
        ] == [True]


def test_what_came_of_an_upgrade_is_told() -> None:
    """A vat that waits for a promise of the heap is notified in a crank of its own."""
    waiting = """
from swingset.vat import E, remotable
@remotable
class Waiting:
    def wait(self, root):
        E(root).later().then(print, lambda problem: print("told"))
def build_root_object():
    return Waiting()
"""
    with swingset.open_world(worker="local") as world:
        world.create_vat("oracle", (("oracle", ORACLE),))
        world.create_vat("waiting", (("waiting", waiting),))
        world.queue_to_root("waiting", "wait", [swingset.Ref(world.vats.root("oracle"))])
        world.run()
        world.upgrade_vat("oracle", (("oracle", ORACLE + "\n"),))
        world.run()
        last = world.vats.upgrade_steps("oracle")[-1]
        assert last.title == "what came of it"
        assert any("waiting" in line for line in last.lines), last


def test_a_vat_that_was_not_upgraded_has_no_steps() -> None:
    """That is an error, with the reason."""
    words = "vat vat was not upgraded, as far as its records go"
    with world_of(MIGRATED) as world, pytest.raises(swingset.KernelError, match=words):
        world.vats.upgrade_steps("vat")
