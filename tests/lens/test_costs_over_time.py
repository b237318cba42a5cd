"""What vats cost over time and what they take in the file: numbers that add up, in small answers."""

from __future__ import annotations

import base64
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

import swingset
from swingset.command.cli import main
from swingset.lens.pictures.costs_picture import draw_costs
from swingset.lens.pictures.paper import DARK
from swingset.lens.watching import costs_over_time as costing
from swingset.world.records import CrankRecord
from tests.staging import Stage

BANK = """
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str

@remotable
class Bank:
    def __init__(self, baggage):
        self.baggage = baggage

    def keep(self, name, size):
        self.baggage[name] = "x" * size
        return len(self.baggage)

    def work(self, times):
        return sum(number * number for number in range(times))

def build_root_object(baggage):
    return Bank(baggage)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed world in which two confined vats have worked and stored, and one was terminated."""
    path = tmp_path_factory.mktemp("costs") / "busy.world"
    stage = Stage("wasm", path)
    bank, shop = stage.define("bank", BANK), stage.define("shop", BANK)
    for times in (10, 2_000, 20):
        stage.ask(bank, "work", times)
    stage.ask(shop, "keep", "a", 5_000)
    stage.controller.checkpoint("here")
    stage.ask(shop, "keep", "b", 20_000)
    gone = stage.define("gone", BANK, worker="local")
    stage.ask(gone, "work", 1)
    stage.controller.terminate_vat("gone", "no use")
    stage.controller.run()
    stage.close()
    return path


@pytest.fixture(scope="module")
def world(path: Path) -> Iterator[swingset.Controller]:
    """The same world, to be looked at."""
    with swingset.open_world(path, look_only=True, workers=False) as opened:
        yield opened


def cranks(world: swingset.Controller) -> list[CrankRecord]:
    return [record for record in world.history.records() if isinstance(record, CrankRecord)]


@pytest.mark.parametrize("columns", [1, 4, 60, 1_000])
def test_everything_is_counted_once_whatever_the_columns_are(
    world: swingset.Controller, columns: int
) -> None:
    """Vats, methods and columns each add up to what the records say, and columns follow each other."""
    found = swingset.costs_over_time(world, columns=columns)
    spent = sum(record.computrons or 0 for record in cranks(world))
    ran = sum(record.vat is not None for record in cranks(world))
    assert (found.computrons, found.deliveries) == (spent, ran)
    assert sum(vat.computrons for vat in found.vats) == sum(method.total for method in found.methods) == spent
    assert sum(sum(each.computrons) for each in found.bins) == spent
    assert sum(sum(each.deliveries) for each in found.bins) == ran
    assert len(found.bins) <= columns
    edges = [(each.first, each.last) for each in found.bins]
    assert (edges[0][0], edges[-1][1]) == (1, world.crank)
    assert all(before[1] + 1 == after[0] for before, after in pairwise(edges))
    assert all(first <= last for first, last in edges)


def test_a_method_has_its_median_its_worst_and_its_share(world: swingset.Controller) -> None:
    """The crank of the worst delivery is named, so that its cause can be asked for."""
    found = swingset.costs_over_time(world, vat="bank")
    work = next(method for method in found.methods if method.method == "work()")
    costs = {
        record.crank: record.computrons or 0
        for record in cranks(world)
        if record.vat == "bank" and costing.what_ran(record) == "work()"
    }
    assert (work.deliveries, work.measured) == (3, 3)
    assert work.median == sorted(costs.values())[1]
    assert work.worst == max(costs.values()) == costs[work.worst_crank or 0]
    assert work.share == work.total * 1_000 // found.computrons
    assert {method.vat for method in found.methods} == {"bank"}


def test_what_a_vat_stores_and_its_heap_are_known_over_time(world: swingset.Controller) -> None:
    """They last until something else is recorded; a vat that is not metered has none of a heap."""
    found = swingset.costs_over_time(world)
    shop = next(vat for vat in found.vats if vat.vat == "shop")
    assert shop.stored is not None
    assert shop.stored > 25_000
    assert shop.memory is not None
    assert shop.memory % 65_536 == 0
    place = found.vats.index(shop)
    stored = [each.stored[place] for each in found.bins]
    assert stored[-1] == shop.stored
    known = [size for size in stored if size is not None]
    assert 5_000 < known[known.index(known[-1]) - 1] < 20_000
    heaps = [each.memory[place] for each in found.bins]
    assert heaps[0] is None
    assert heaps[-1] == shop.memory
    assert next(vat for vat in found.vats if vat.vat == "notebook").memory is None


def test_a_stretch_is_what_came_after_a_crank_and_up_to_another(world: swingset.Controller) -> None:
    """Two neighbours together cost what the whole does."""
    whole = swingset.costs_over_time(world).computrons
    halves = [swingset.costs_over_time(world, until=5), swingset.costs_over_time(world, since=5)]
    assert sum(half.computrons for half in halves) == whole
    assert halves[0].headline().startswith("cranks 1 to 5: ")
    assert swingset.costs_over_time(world, since=world.crank).headline() == "no cranks"


def test_the_dearest_have_rows_and_the_others_are_added_up(
    world: swingset.Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many vats and methods there are, nothing is lost from the sums."""
    monkeypatch.setattr(costing, "MOST_VATS", 1)
    found = swingset.costs_over_time(world, most=2)
    assert [vat.vat for vat in found.vats][1] == "3 others"
    assert found.vats[1].others
    assert sum(vat.deliveries for vat in found.vats) == found.deliveries
    assert len(found.methods) == 2
    assert found.more_methods > 2
    assert found.lines()[-1] == f"and {found.more_methods:,} more methods"


@pytest.mark.parametrize("wrong", [{"vat": "nonesuch"}, {"columns": 0}, {"columns": 10_000}, {"most": 0}])
def test_what_cannot_be_asked_for_is_refused(world: swingset.Controller, wrong: dict[str, object]) -> None:
    """A refusal says what can be."""
    with pytest.raises(swingset.KernelError, match=r"there are: bank|a number from 1 to 1,000"):
        swingset.costs_over_time(world, **wrong)  # type: ignore[arg-type]


def test_the_picture_is_the_same_for_the_same_costs_and_has_dark_paper(world: swingset.Controller) -> None:
    """It is well-formed, names each vat, has no script, and a dark colour for each light one."""
    found = swingset.costs_over_time(world)
    picture = draw_costs(found)
    assert picture == draw_costs(swingset.costs_over_time(world))
    texts = [element.text for element in ET.fromstring(picture.svg).iter() if element.text]
    for vat in found.vats:
        assert any(vat.vat in text for text in texts)
    assert "bytes of heap" in texts
    body = re.sub("<style>.*?</style>", "", picture.svg)
    assert {*re.findall(r"'(#[0-9a-f]{6})'", body)} <= DARK.keys()
    assert "script" not in picture.svg
    assert base64.b64decode(picture.data_uri.partition(",")[2]).decode() == picture.svg


def test_a_picture_stays_small(world: swingset.Controller) -> None:
    """It has as many columns as were asked for, not as many as there are cranks."""
    assert len(draw_costs(swingset.costs_over_time(world, columns=4)).svg) < 6_000


def test_the_tables_are_for_programs(world: swingset.Controller) -> None:
    """`memory` has a row for each record of bytes, by the name of the vat."""
    frame = swingset.dataframe(world, "memory")
    shop = frame[frame["vat"] == "shop"]
    assert int(shop["stored"].dropna().iloc[-1]) > 25_000
    assert shop["heap"].notna().any()
    question = "SELECT max(heap) FROM memory WHERE vat = 'notebook'"
    assert swingset.sql(world, question).rows == ((None,),)


def test_what_each_vat_takes_adds_up_below_the_file(world: swingset.Controller) -> None:
    """The largest comes first; a terminated vat has only its past; the host has what no vat did."""
    found = swingset.storage(world)
    sizes = {vat.vat: vat for vat in found.vats}
    assert [vat.total for vat in found.vats] == sorted((vat.total for vat in found.vats), reverse=True)
    assert sum(vat.total for vat in found.vats) + found.host.total + found.elsewhere < found.file
    assert sizes["shop"].store > 25_000
    assert sizes["shop"].images > 0
    assert sizes["bank"].transcript > 0
    assert sizes["gone"].terminated
    assert sizes["gone"].store == 0
    assert sizes["gone"].history > 0
    costs = world.history.costs()
    assert sum(vat.history for vat in (*found.vats, found.host)) <= costs.changes + costs.records


def test_many_vats_are_added_up(world: swingset.Controller) -> None:
    """The others together take what each of them takes."""
    whole, short = swingset.storage(world), swingset.storage(world, most=1)
    assert [vat.vat for vat in short.vats] == [whole.vats[0].vat, "3 others"]
    assert sum(vat.total for vat in short.vats) == sum(vat.total for vat in whole.vats)
    with pytest.raises(swingset.KernelError, match="ask for 1 or more"):
        swingset.storage(world, most=0)


def test_what_a_file_says_of_its_images_is_bounded(path: Path, tmp_path: Path) -> None:
    """Numbers that are too large to be added up, or below zero, raise nothing."""
    for odd in (1 << 62, -(1 << 62)):
        copy = tmp_path / f"odd{odd}.world"
        shutil.copy(path, copy)
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("UPDATE snapshots SET new_bytes = ?, size = ?", (odd, odd))
        with swingset.open_world(copy, look_only=True, workers=False) as world:
            assert all(0 <= vat.images < 1 << 40 for vat in swingset.storage(world).vats)
            assert all(vat.memory is None for vat in swingset.costs_over_time(world).vats)


def test_looking_leaves_digest_and_file_as_they_are(path: Path) -> None:
    """Costs and storage are read, and nothing is written."""
    with swingset.open_world(path, workers=False) as world:
        digest = world.digest()
        swingset.costs_over_time(world)
        swingset.storage(world)
        assert world.digest() == digest


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["costs"], "cranks 1 to "),
        (["costs", "--since", "3", "--most", "1"], "more methods"),
        (["storage"], "the file: "),
        (["storage", "--most", "1"], "3 others: "),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_the_commands_print_it(
    path: Path, capsys: pytest.CaptureFixture[str], command: list[str], says: str
) -> None:
    """`swingset costs` and `swingset storage` print lines."""
    assert main([command[0], str(path), *command[1:]]) == 0
    assert says in capsys.readouterr().out
