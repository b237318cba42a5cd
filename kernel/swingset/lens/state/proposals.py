"""The proposals of a world, read off the state of its bundle devices; and what is voted about them.

Nothing runs. What is read may be a stranger's: a row that is no proposal is left out, and `verify` reports
it.

A vat that lets others set its functions has a record of which graph each was imported from. So a function can
be read beside the one that was decided before it; that is what the vat's own store says, too.

A vat that counts votes on a proposal has a record that names the proposal. What such a record says is what
that vat says. It is shown with the vat's name, and proves nothing about any other vat.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.device_board import SOURCES
from swingset.core.store import KernelStore
from swingset.lens.state.records import ONE, Records, descriptors, kind_tag, of_vats
from swingset.model import capdata
from swingset.model.capdata import CapData, NotPlain, Ref
from swingset.model.foreign import Unreadable, read_json
from swingset.model.proposals import ROWS, is_row, parameters_key
from swingset.model.values import value_in_words
from swingset.model.visible import one_line
from swingset.world.vats import TERMINATED

GOVERNED_KIND = "Governed"
"""The tag of the records that say which functions were decided."""

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


def standing(store: KernelStore, row: ProposalRow) -> str | None:
    """The bundle in whose place a proposal would put another: what its target runs, or has imported."""
    vat = next((vat for vat in store.vats.all() if vat.name == row.target and vat.state != TERMINATED), None)
    if vat is None:
        return None
    return decided_part(store, vat.id, row.part) if row.part else vat.bundle


def decided_part(store: KernelStore, vat: str, part: str) -> str | None:
    """The bundle from which a part of a vat was imported, as the vat's store says; None if it says nothing.

    It is not known either if several of its records have the part, from bundles that differ.
    """
    found = set()
    for number, text in descriptors(store, ONE, vat).get(vat, {}).items():
        if (kind_tag(text) or "").rpartition(".")[2] == GOVERNED_KIND:
            for _, _, value in of_vats(store, f"vom.o+d{number}/", ONE, vat):
                vref = _part_of(value, part)
                bundle = None if vref is None else _bundle(store, vat, vref)
                if bundle is not None:
                    found.add(bundle)
    return found.pop() if len(found) == 1 else None


def _part_of(value: str, part: str) -> str | None:
    """The modulecap of a part in a record, by the vat's name of it."""
    try:
        raw = read_json(value)
        kept = raw.get("modulecaps") if isinstance(raw, dict) else None
        caps = capdata.read(CapData.from_json(kept))
    except (Unreadable, NotPlain, capdata.MalformedCapData):
        return None
    cap = caps.get(part) if isinstance(caps, dict) else None
    return cap.kref if isinstance(cap, Ref) else None


def _bundle(store: KernelStore, vat: str, vref: str) -> str | None:
    """The bundle that a vat's import stands for, if it is a modulecap."""
    entry = store.clists.by_vref(vat, vref)
    node = None if entry is None else store.objects.get(entry.kref)
    if entry is None or node is None:
        return None
    for device in store.devices.all():
        if device.id == node.owner and device.kind == SOURCES:
            kept = store.devices.load(device.id, entry.kref)
            try:
                known = None if kept is None else capdata.read(kept)
            except NotPlain:
                return None
            bundle = known.get("bundle") if isinstance(known, dict) else None
            return bundle if isinstance(bundle, str) else None
    return None


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
