"""Histories of two worlds that exchange mail, as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import swingset
from swingset import Arrival, MergedRecord, Passage, Ref, RequestRecord

POST = """
from swingset.vat import D, remotable

def build_root_object():
    mailbox = None

    @remotable
    class Post:
        def use(self, device):
            nonlocal mailbox
            mailbox = device
            D(mailbox).register(self)

        def say(self, peer: str, words: str):
            D(mailbox).send(peer, words)

        def deliver(self, peer: str, number: int, words: str):
            D(mailbox).ack(peer, number)
            if not words.endswith("!"):
                D(mailbox).send(peer, words + "!")

    return Post()
"""


def carry(worlds: dict[str, swingset.Controller], times: int = 1) -> None:
    """Carry all mail between two worlds, and let it be answered."""
    for _ in range(times):
        for name, other in permutations(worlds):
            box = worlds[name].devices.outbox().get(other)
            if box is not None:
                worlds[other].devices.receive(name, box["messages"], box["ack"])
        for world in worlds.values():
            world.run()


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, swingset.Controller]]:
    """Ann says two words to Bob, who answers; all mail is carried more often than once."""
    made = {name: swingset.open_world(worker="local") for name in ("ann", "bob")}
    for world in made.values():
        node = world.devices.node("mailbox")
        root = world.create_vat("post", (("post", POST),))
        world.queue_to_object(root, "use", [Ref(node)])
        world.run()
    for words in ("one", "two"):
        made["ann"].queue_to_root("post", "say", ["bob", words])
        made["ann"].run()
        carry(made, 2)
    yield made
    for world in made.values():
        world.close()


def merged(worlds: dict[str, swingset.Controller], *names: str) -> list[MergedRecord]:
    return list(swingset.merge({name: worlds[name].history.records() for name in names or worlds}))


def check(found: list[MergedRecord], worlds: dict[str, swingset.Controller]) -> None:
    """Each record comes once, in its own order."""
    for name, world in worlds.items():
        own = [item.record for item in found if item.world == name]
        assert own == list(world.history.records())


@pytest.mark.parametrize("names", [("ann", "bob"), ("bob", "ann")], ids="-".join)
def test_no_message_arrives_before_it_is_sent(
    worlds: dict[str, swingset.Controller], names: tuple[str, ...]
) -> None:
    """Whichever world is named first, each arrival comes after the record that sent it, and names it."""
    found = merged(worlds, *names)
    check(found, worlds)
    sent: dict[Passage, tuple[int, int]] = {}
    arrived: list[Arrival] = []
    for place, item in enumerate(found):
        for passage in item.sent:
            sent[passage] = place, item.record.number
        for arrival in item.received:
            assert sent[arrival.passage][0] < place
            assert arrival.sent_in == sent[arrival.passage][1]
            arrived.append(arrival)
    assert sorted(arrival.passage for arrival in arrived) == [
        ("ann", "bob", 1),
        ("ann", "bob", 2),
        ("bob", "ann", 1),
        ("bob", "ann", 2),
    ]
    assert sorted(sent) == sorted(arrival.passage for arrival in arrived)


def test_several_mailboxes_of_a_world_are_told_apart(tmp_path: Path) -> None:
    """Each mailbox counts its own messages; if each has a name, every arrival finds what sent it."""
    made = {name: swingset.open_world(worker="local") for name in ("ann", "bob")}
    boxes = {"ann": {"ann": "home", "ann-office": "office"}, "bob": {"bob": "home", "bob-office": "office"}}
    for name, world in made.items():
        for address, device in boxes[name].items():
            node = world.devices.add(device, "mailbox")
            root = world.create_vat(address, ((address, POST),))
            world.queue_to_object(root, "use", [Ref(node)])
    for sender, receiver in (("ann", "bob-office"), ("ann-office", "bob"), ("ann-office", "bob-office")):
        made["ann"].queue_to_root(sender, "say", [receiver, f"from {sender}"])
    for _ in range(2):
        for world in made.values():
            world.run()
        for name, other in (("ann", "bob"), ("bob", "ann")):
            for address, device in boxes[name].items():
                for peer, box in made[name].devices.outbox(device=device).items():
                    mail = address, box["messages"], box["ack"]
                    made[other].devices.receive(*mail, device=boxes[other][peer])
    for world in made.values():
        world.run()
    mailboxes = {address: (name, device) for name, own in boxes.items() for address, device in own.items()}
    for names in (("ann", "bob"), ("bob", "ann")):
        found = list(swingset.merge({name: made[name].history.records() for name in names}, mailboxes))
        check(found, made)
        sent = {passage: item.record.number for item in found for passage in item.sent}
        arrivals = [arrival for item in found for arrival in item.received]
        assert sorted(arrival.passage for arrival in arrivals) == sorted(sent)
        assert len(sent) == 6
        assert all(arrival.sent_in == sent[arrival.passage] for arrival in arrivals)
    path, exporter = tmp_path / "trace.json", InMemorySpanExporter()
    swingset.export_trace(made, path, mailboxes=mailboxes)
    arrows = [
        event for event in json.loads(path.read_text())["traceEvents"] if "/mail " in event.get("id", "")
    ]
    assert len(arrows) == 2 * 6
    swingset.export_spans(made, exporter, mailboxes=mailboxes)
    assert sum(len(span.links) for span in exporter.get_finished_spans()) == 6
    for bad in ({"carol": ("carol", "x")}, {"bob": ("ann", "home")}):
        with pytest.raises(swingset.KernelError, match="mailbox"):
            list(swingset.merge({name: made[name].history.records() for name in made}, bad))
    for world in made.values():
        world.close()


def test_mail_of_a_world_that_is_not_there_has_no_sender(worlds: dict[str, swingset.Controller]) -> None:
    """One history alone is complete, and says of what arrived only where it is from."""
    found = merged(worlds, "bob")
    check(found, {"bob": worlds["bob"]})
    arrivals = [arrival for item in found for arrival in item.received]
    assert [(arrival.passage, arrival.sent_in) for arrival in arrivals] == [
        (("ann", "bob", 1), None),
        (("ann", "bob", 2), None),
    ]
    assert not [item for item in found if item.sent]


def test_histories_that_contradict_each_other_are_shown_all_the_same(
    worlds: dict[str, swingset.Controller],
) -> None:
    """If each says that it heard before it spoke, every record still comes, in its own order."""
    histories: dict[str, list[Any]] = {}
    for name, world in worlds.items():
        records = list(world.history.records())
        heard = [item for item in records if isinstance(item, RequestRecord) and item.verb == "receive"]
        histories[name] = [*heard, *(item for item in records if item not in heard)]
    found = list(swingset.merge(histories))
    for name, records in histories.items():
        assert [item.record for item in found if item.world == name] == records
    first = next(item for item in found if item.received)
    assert [arrival.sent_in for arrival in first.received] == [None]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"peer": 7, "messages": []},
        {"peer": "ann", "messages": None},
        {"peer": "ann", "messages": [None, [], ["x"], [True, "a"], [-1, "a"], [10**40, "a"]]},
    ],
    ids=str,
)
def test_odd_requests_bring_nothing(arguments: dict[str, Any]) -> None:
    """A file may have any JSON in a request; what is no mail is passed on as it is."""
    record = RequestRecord(1, 1, 0, "receive", arguments)
    (only,) = swingset.merge({"bob": [record]})
    assert (only.record, only.received) == (record, ())


def test_a_message_that_is_carried_twice_arrives_once() -> None:
    """The mailbox delivers a number once, so only its first carrying is an arrival."""
    mail = RequestRecord(1, 1, 0, "receive", {"peer": "ann", "messages": [[1, "a"]]})
    again = replace(mail, number=2, arguments={"peer": "ann", "messages": [[1, "a"], [2, "b"]]})
    found = list(swingset.merge({"bob": [mail, again]}))
    assert [[arrival.passage.number for arrival in item.received] for item in found] == [[1], [2]]
