"""Random graphs of data, references and promises on their way into a vat, through it, and out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.guest.passing import smallcaps
from swingset.guest.passing.passable import Tagged, copy_passable
from swingset.guest.passing.smallcaps import DecodeError
from tests.guest.guest_bench import Bench, capdata, close_vats, host_only, wasm_only
from tests.guest.test_smallcaps import MALFORMED, NO_SURROGATES, SCALARS, VALUES, exactly

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import durable, make_promise, remotable

@durable
class Node:
    pass

@remotable
class Root:
    def nodes(self): return [Node() for _ in range(3)]
    def echo(self, value): return value
    def keep(self, promises): self.kept = promises
    async def edges(self):
        found = []
        for promise in self.kept:
            found.append([next(i for i, p in enumerate(self.kept) if p is item) for item in await promise])
        return found
    def graph(self, edges: list):
        made = [make_promise() for _ in edges]
        for (_, resolver), targets in zip(made, edges):
            resolver.resolve([made[target][0] for target in targets])
        return [promise for promise, _ in made]

def build_root_object():
    return Root()
"""

NAMES = [*[(f"o-{n}", f"Alleged: N{n}") for n in range(50, 54)], ("d-70", "Alleged: Timer")]
NAMES += [("o+0", "Alleged: Root"), *[(f"o+d10/{n}", "Alleged: Node") for n in (1, 2, 3)]]
NAMES += [(f"p-{n}", "") for n in (80, 81, 82)]
MARK = "\x00"  # of a leaf that stands for a reference

GRAPHS = st.recursive(
    SCALARS
    | st.integers(0, len(NAMES) - 1).map(lambda index: f"{MARK}{index}")
    | st.one_of(st.dates(), st.timedeltas(), st.decimals(), st.fractions()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(NO_SURROGATES, inner, max_size=4),
        st.dictionaries(SCALARS, inner, max_size=3),
        st.builds(Tagged, st.sampled_from(["usd", "#x"]), inner),
        inner.map(lambda shared: [shared, {"again": shared}]),
    ),
    max_leaves=25,
)


def with_references(value: Any) -> dict[str, Any]:
    """Capdata of a graph, its marks written as references: `$0.Alleged: X`, then `$0`, or `&0`."""
    slots: list[str] = []

    def write(tree: Any) -> Any:
        if isinstance(tree, list):
            return [write(item) for item in tree]
        if isinstance(tree, dict):
            return {key: write(item) for key, item in tree.items()}
        if not isinstance(tree, str) or tree[:1] != MARK or not tree[1:].isdigit():
            return tree
        vref, iface = NAMES[int(tree[1:])]
        if vref in slots:
            return f"{'&' if vref[0] == 'p' else '$'}{slots.index(vref)}"
        slots.append(vref)
        return f"&{len(slots) - 1}" if vref[0] == "p" else f"${len(slots) - 1}.{iface}"

    tree = write(json.loads(smallcaps.encode(value, lambda _: ()).body[1:]))
    return {"body": "#" + json.dumps(tree, separators=(",", ":"), ensure_ascii=False), "slots": slots}


def echo(value: Any) -> None:
    """A vat that echoes a graph answers with the very capdata it was sent."""
    bench = Bench(SOURCE).up()
    bench.send("nodes")
    bench.take()
    sent = with_references([value])
    call = {"body": f'#["echo",{sent["body"][1:]}]', "slots": sent["slots"]}
    delivery = ["message", "o+0", {"methargs": call, "result": "p-60"}]
    assert bench.vat.deliver(delivery) == {"status": "ok"}
    (answer,) = [call for call in bench.take() if call[0] == "resolve"]
    assert answer == ["resolve", [["p-60", False, with_references(value)]]]
    close_vats()


EDGES = st.integers(1, 6).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size - 1), max_size=4), min_size=size, max_size=size)
)


def promises_in(edges: list[list[int]]) -> None:
    """Promises that come settled with lists of each other are those in the lists."""
    bench = Bench(SOURCE).up()
    names = [f"p-{80 + index}" for index in range(len(edges))]
    bench.send("keep", [f"&{index}" for index in range(len(names))], slots=tuple(names), result=None)
    assert bench.take() == [["subscribe", name] for name in names]
    result = bench.send("edges")
    batch = []
    for name, targets in zip(names, edges, strict=True):
        order = list(dict.fromkeys(targets))
        body = [f"&{order.index(target)}" for target in targets]
        batch.append((name, False, capdata(body, *[names[target] for target in order])))
    bench.notify(*batch)
    assert bench.take() == [["resolve", [[result, False, capdata(edges)]]]]
    close_vats()


def promises_out(edges: list[list[int]]) -> None:
    """Settled promises that hold lists of each other leave in one batch, each told once with its list."""
    bench = Bench(SOURCE).up()
    result = bench.send("graph", edges)
    ((name, batch),) = bench.take()
    assert (name, batch[0][0], len(batch)) == ("resolve", result, len(edges) + 1)
    names = batch[0][2]["slots"]
    told = {vpid: data for vpid, _, data in batch[1:]}
    assert told.keys() == set(names)
    for vpid, targets in zip(names, edges, strict=True):
        indices = [int(item[1:]) for item in json.loads(told[vpid]["body"][1:])]
        assert [told[vpid]["slots"][index] for index in indices] == [names[target] for target in targets]
    close_vats()


Play = Callable[[Any], None]


@host_only
@pytest.mark.parametrize(("play", "graphs"), [(echo, GRAPHS), (promises_in, EDGES), (promises_out, EDGES)])
def test_random_graphs_keep_their_form(play: Play, graphs: st.SearchStrategy[Any]) -> None:
    """Whatever a graph is made of, it comes in, goes through and leaves with the same references and data."""
    settings(max_examples=80, deadline=None)(given(graphs)(play))()


@wasm_only
@pytest.mark.parametrize(("play", "graphs"), [(echo, GRAPHS), (promises_in, EDGES), (promises_out, EDGES)])
def test_random_graphs_keep_their_form_in_the_engine(play: Play, graphs: st.SearchStrategy[Any]) -> None:
    """The engine's Python reads and writes what this one does, to the letter."""
    settings(max_examples=25, deadline=None)(given(graphs)(play))()


def test_object_is_called_by_its_name_where_it_is_met_first() -> None:
    """Also in a dict whose first keys are strings and whose others are not."""
    for value in ({"a": f"{MARK}0", None: f"{MARK}0"}, {"a": {"b": f"{MARK}1", 1: 2}, 3: [f"{MARK}1"]}):
        echo(value)


def outcome(bench: Bench, body: str) -> str:
    """What becomes of a message with this body."""
    delivery = ["message", "o+0", {"methargs": {"body": body, "slots": []}, "result": "p-60"}]
    assert bench.vat.deliver(delivery) == {"status": "ok"}
    ((_, ((_, rejected, data),)),) = bench.take()
    assert rejected
    return str(json.loads(data["body"][1:])["#error"])


def test_malformed_body_stops_no_vat() -> None:
    """A message that no encoder wrote, however deep or long, is rejected, and the vat serves the next."""
    bench = Bench(SOURCE).up()
    for body in MALFORMED:
        assert outcome(bench, body).startswith("the message cannot be read: "), body[:50]
    assert bench.ask("echo", 5) == 5


# Letters that each Python knows: a complaint quotes the text, and a newer letter is quoted in another way.
KNOWN = st.text(st.characters(max_codepoint=0x17F), max_size=20)
STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | KNOWN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KNOWN, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=20, deadline=None)
@given(st.lists(STRANGE, min_size=12, max_size=12))
def test_any_body_is_read_or_refused(trees: list[Any]) -> None:
    """Whatever text a stranger writes, a vat on either engine says the same of it, and goes on."""
    bench = Bench(SOURCE).up()
    for tree in trees:
        for body in (tree if isinstance(tree, str) else "", "#" + json.dumps(tree)):
            assert outcome(bench, body).startswith(("the message cannot be read: ", "target has no method"))
        sent = capdata(["echo", [tree]])
        delivery = ["message", "o+0", {"methargs": sent, "result": "p-61"}]
        assert bench.vat.deliver(delivery) == {"status": "ok"}
        ((_, ((_, rejected, data),)),) = bench.take()
        told = json.loads(data["body"][1:])["#error"] if rejected else data["body"]
        assert told == reading(capdata(tree)["body"])
    close_vats()


def reading(body: str) -> str:
    """What an echo says of a body: the same, or why it cannot be read."""
    try:
        return smallcaps.encode(smallcaps.decode(body, none), lambda _: ()).body
    except DecodeError as exc:
        return f"the message cannot be read: {exc}"


def none(sigil: str, index: int, iface: str | None) -> Any:
    """There are no slots."""
    raise DecodeError(f"slot {index} of 0")


@host_only
@given(VALUES)
@settings(max_examples=100)
def test_message_within_a_vat_is_like_one_between_vats(value: Any) -> None:
    """The copy that a receiver in the same vat is given is what a receiver elsewhere would read."""
    body = smallcaps.encode(value, lambda _: ()).body
    copied = copy_passable(value)
    assert exactly(copied, smallcaps.decode(body, lambda *_: None))
    assert smallcaps.encode(copied, lambda _: ()).body == body
