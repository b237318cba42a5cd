"""What hostile vats propose: words that look like the answer of a device, and more than there is room for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.core.device_board import DeviceContext
from swingset.devices.bundles import BundleDevice
from swingset.model.capdata import CapData
from swingset.model.proposals import parameters_key
from swingset.model.sourced import naming
from swingset.testing import audit
from tests.core.raw import RawWorld
from tests.meddling import atomic

NOTHING = {"body": "#[]", "slots": []}


class World:
    """A raw vat A with a bundle device as d-70, and a bundle of which it has the capability."""

    def __init__(self) -> None:
        self.raw = RawWorld("A")
        self.device = BundleDevice(self.raw.world.bundles)
        self.raw.kernel.devices.install(self.device)
        self.raw.kernel.introduce(self.raw.ids["A"], self.raw.kernel.add_device("bundles", "bundle"))
        with atomic(self.raw.kernel):
            self.bundles = [self._installed(source) for source in ("mine = 1", "secret = 2")]
        (self.cap,) = self.call("d-70", "get_bundlecap", f'["{self.bundles[0]}"]')[1]["slots"]

    @property
    def context(self) -> DeviceContext:
        return self.raw.kernel.devices.context("bundles")

    def _installed(self, source: str) -> str:
        context = self.context
        return self.device.install([("own", self.device.upload(source, context))], "own", context)

    def call(self, node: str, method: str, args: str = "[]", *slots: str) -> Any:
        """Have the vat call a node, in a crank that nothing may be wrong with."""
        answers: list[Any] = []
        given = {"body": f"#{args}", "slots": list(slots)}
        report = self.raw.run_in("A", lambda ask: answers.append(ask(["callNow", node, method, given])))
        assert (report.fault, audit(self.raw.store)) == (None, [])
        return answers[0]

    def propose(self, parameters: str) -> Any:
        return self.call("d-70", "propose", f'["t","$0.bundlecap",{parameters}]', self.cap)


ABSENT = "b1-00"
NAMED = ["a bundle of the world", "its own bundle", "no bundle"]


def named_in(world: World, which: str) -> str:
    return dict(zip(NAMED, [*reversed(world.bundles), ABSENT], strict=True))[which]


@pytest.mark.parametrize("which", NAMED)
def test_parameters_that_look_like_source_are_refused(which: str) -> None:
    """The proposer gets a TypeError, no proposal is made, and the world goes on."""
    world = World()
    failed, error = world.propose(naming(named_in(world, which)).json)
    assert failed
    assert "parameters are data" in error["body"]
    failed, error = world.call("d-70", "get_proposal", '["+1"]')
    assert failed
    failed, node = world.propose('"plain"')
    assert not failed
    assert world.call(node["slots"][0], "get_parameters") == [False, {"body": '#"plain"', "slots": []}]


@pytest.mark.parametrize("which", NAMED)
def test_parameters_of_an_earlier_world_give_no_source(which: str) -> None:
    """What a file has kept from before is an error of each reader, and not of the world."""
    world = World()
    _, node = world.propose('"plain"')
    with atomic(world.raw.kernel):
        world.context.set(parameters_key(1), CapData(naming(named_in(world, which)).body))
    failed, error = world.call(node["slots"][0], "get_parameters")
    assert failed
    assert "the answer of get_parameters() cannot pass" in error["body"]
    assert world.call(node["slots"][0], "get")[0] is False


ALMOST = ['{"#source": "b1-00"}', '{"#source":7}', '["{#source}"]', '{"source":"b1-00"}', '{"#source":"b1"}x']


@pytest.mark.parametrize("text", ALMOST)
def test_what_only_resembles_it_is_never_taken_for_source(text: str) -> None:
    """The reader gets exactly what was proposed, or the proposer an error."""
    world = World()
    failed, node = world.propose(text)
    if not failed:
        answer = world.call(node["slots"][0], "get_parameters")
        assert json.loads(answer[1]["body"][1:]) == json.loads(text)


def test_a_bundlecap_still_answers_with_the_source() -> None:
    """What the device names by itself, a vat gets in the place of the name."""
    world = World()
    failed, answer = world.call(world.cap, "get_bundle")
    assert (failed, json.loads(answer["body"][1:])) == (False, [["own", "mine = 1"]])


class Echo(BundleDevice):
    """A device of the host's under the same kind, which answers with what it is given."""

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        return args


def test_a_device_of_that_kind_that_echoes_gives_no_source() -> None:
    """Who passes on what a vat said names nothing, whatever kind of device it is."""
    world = World()
    world.raw.kernel.devices.install(Echo(world.raw.world.bundles))
    failed, error = world.call("d-70", "get_bundle", naming(world.bundles[1]).json)
    assert failed
    assert "only a bundle device answers with the source" in error["body"]


TOO_LARGE = [
    (f'"{"x" * 100_000}"', "", 0, "at most 100,000 characters"),
    ("[" + ",".join(f'"${at}"' for at in range(1, 1_002)) + "]", "", 1_001, "1,000 references"),
    ("null", "x" * 10_001, 0, "note has at most 10,000 characters"),
]


@pytest.mark.parametrize(("parameters", "note", "more", "words"), TOO_LARGE)
def test_a_proposal_has_a_bound(parameters: str, note: str, more: int, words: str) -> None:
    """No vat pays for it, so it is small, and nothing of a larger one is kept."""
    world = World()
    kept = world.raw.store.devices.kept()
    names = [f"o+{number}" for number in range(1, more + 1)]
    args = f'["t","$0.bundlecap",{parameters},"","{note}"]'
    failed, error = world.call("d-70", "propose", args, world.cap, *names)
    assert failed
    assert words in error["body"]
    assert world.raw.store.devices.kept() == kept


def test_all_proposals_have_a_bound_together() -> None:
    """Who fills the room is refused, what is there stays, and a smaller one may still pass."""
    world = World()
    large = f'"{"x" * 99_990}"'

    def fill(ask: Any) -> None:
        given = {"body": f'#["t","$0.bundlecap",{large}]', "slots": [world.cap]}
        answers.extend(ask(["callNow", "d-70", "propose", given]) for _ in range(200))

    answers: list[Any] = []
    assert world.raw.run_in("A", fill).fault is None
    refused = [error["body"] for failed, error in answers if failed]
    assert 0 < len(refused) < 10
    assert all("all proposals of a world have at most 20,000,000" in words for words in refused)
    assert world.propose('"small"')[0] is False
    assert world.call("d-70", "get_proposal", '["+1"]')[0] is False
