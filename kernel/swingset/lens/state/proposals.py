"""The proposals of a world, read off the state of its bundle devices; and what is voted about them.

Nothing runs. What is read may be a stranger's: a row that is no proposal is left out, and `verify` reports
it.

A vat that counts votes on a proposal has a record that names the proposal. What such a record says is what
that vat says. It is shown with the vat's name, and proves nothing about any other vat.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.device_board import SOURCES
from swingset.core.store import KernelStore
from swingset.lens.state.records import Records, descriptors, kind_tag
from swingset.model import capdata
from swingset.model.capdata import CapData, NotPlain, Ref
from swingset.model.foreign import Unreadable, read_json
from swingset.model.proposals import ROWS, is_row, parameters_key
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.world.vats import TERMINATED

BALLOT_KIND = "Question"
"""The tag of the records that are shown as ballots."""

_TELLING = ("title", "positions", "counts", "status", "outcome", "closes_at", "quorum", "electorate_size")
"""The fields of such a record that are shown."""


@dataclass(frozen=True)
class ProposalRow:
    """One proposal: vat `target` should become the bundle, with these parameters.

    `part` is empty for the whole code of the vat, and else names what of it, such as a function that it lets
    others set. `node` is the kernel's name of the proposal.
    """

    number: int
    target: str
    bundle: str
    part: str
    note: str
    parameters: CapData
    node: str


@dataclass(frozen=True)
class Ballot:
    """What a vat says about the votes on a proposal: the names of what it has counted, and in words how
    much.
    """

    vat: str
    said: tuple[tuple[str, str], ...]


def proposal_rows(store: KernelStore) -> list[ProposalRow]:
    """The proposals of a world, by number."""
    found = []
    for device in store.devices.all():
        if device.kind != SOURCES:
            continue
        for key in store.devices.keys(device.id, ROWS):
            row = _row(store, device.id, key)
            if row is not None:
                found.append(row)
    return found


def _row(store: KernelStore, device: str, key: str) -> ProposalRow | None:
    digits = key.partition(".")[2]
    kept = store.devices.load(device, key)
    if kept is None or not (digits.isascii() and digits.isdigit() and len(digits) == 15):
        return None
    try:
        row = capdata.read(kept)
    except NotPlain:
        return None
    if not is_row(row):
        return None
    number, node = int(digits), row["proposal"]
    assert isinstance(node, Ref)
    parameters = store.devices.load(device, parameters_key(number)) or capdata.NOTHING
    texts = (row["target"], row["bundle"], row["part"], row["note"])
    return ProposalRow(number, *texts, parameters, node.kref)


def ballots(store: KernelStore, node: str) -> list[Ballot]:
    """What vats have counted about the proposal of a node."""
    found = []
    records = Records(store)
    tags = {
        vat: {number: kind_tag(text) for number, text in texts.items()}
        for vat, texts in descriptors(store).items()
    }
    for vat in store.vats.all():
        entry = store.clists.by_kref(vat.id, node)
        if entry is None or vat.state == TERMINATED:
            continue
        named = {mention.instance for mention in records.naming(vat.id, entry.vref)}
        for instance in sorted(each for each in named if each is not None):
            number = instance.removeprefix("o+d").partition("/")[0]
            if tags.get(vat.id, {}).get(number) == BALLOT_KIND:
                found.append(Ballot(vat.name, _said(store, vat.id, instance)))
    return found


def _said(store: KernelStore, vat: str, instance: str) -> tuple[tuple[str, str], ...]:
    try:
        raw = read_json(store.vatstore.get(vat, f"vom.{instance}") or "{}")
    except Unreadable:
        return ()
    said = []
    for field in _TELLING:
        value = raw.get(field) if isinstance(raw, dict) else None
        if isinstance(value, dict):
            try:
                said.append((field, value_in_words(CapData.from_json(value), _name)))
            except capdata.MalformedCapData:
                said.append((field, "what cannot be read"))
    return tuple((field, one_line(words, 300)) for field, words in said)


def _name(slot: str, iface: str | None) -> str:
    return one_line(f"{iface or 'object'} {slot}", 80)
