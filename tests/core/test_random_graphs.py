"""Random small graphs of real vats: whatever is sent, resolved, upgraded and ended, the counts are right.

The stage counts every reference again after each crank. In the end every vat is brought back from its
transcript, which has to repeat what it recorded, and still answers.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from swingset.guest.sending.eventual import E
from tests.staging import Stage

NODE = """
    from swingset.vat import E, durable, make_promise, remotable

    @durable
    class Lasting:
        value: int = 0

        def poke(self):
            self.value += 1
            return self.value

    @remotable
    class Fleeting:
        def poke(self):
            return self

    def build_root_object(baggage):
        held, resolvers = {}, {}

        @remotable
        class Node:
            def make(self, name, lasting):
                held[name] = Lasting() if lasting else Fleeting()
                return held[name]

            def hold(self, name, value):
                held[name] = value

            def keep(self, name):
                try:
                    baggage[name] = held.get(name)
                except TypeError:
                    return False

            def forget(self, name):
                held.pop(name, None)
                baggage.pop(name, None)

            def give(self, name):
                return held.get(name)

            def give_in_list(self, name):
                return [held.get(name), held]

            def pend(self, name):
                held[name], resolvers[name] = make_promise()
                return [held[name]]

            def settle(self, name, other):
                if name in resolvers:
                    resolvers.pop(name).resolve(held.get(other))

            def spoil(self, name):
                if name in resolvers:
                    resolvers.pop(name).reject(ValueError(name))

            def poke(self, name):
                return E(held.get(name)).poke()

            def pass_on(self, name, other, new_name):
                E(other).hold(new_name, held.get(name))

        return Node()
"""

NODES = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from(["x", "y", "z"])
ACTS = st.one_of(
    st.tuples(st.just("make"), NODES, NAMES, st.booleans()),
    st.tuples(st.sampled_from(["keep", "forget", "give", "give_in_list"]), NODES, NAMES),
    st.tuples(st.sampled_from(["pend", "spoil", "poke"]), NODES, NAMES),
    st.tuples(st.just("settle"), NODES, NAMES, NAMES),
    st.tuples(st.just("share"), NODES, NAMES, NODES, NAMES),
    st.tuples(st.just("pass_on"), NODES, NAMES, NODES, NAMES),
    st.tuples(st.sampled_from(["upgrade", "terminate", "reap"]), NODES),
    st.tuples(st.sampled_from(["run", "restart", "pause", "unpause"])),
)


class Graph:
    """Three nodes and a session that stirs them."""

    def __init__(self) -> None:
        self.stage = Stage("local")
        self.roots: dict[str, Any] = {name: self.stage.define(name, NODE) for name in "abc"}

    def act(self, what: str, *how: Any) -> None:
        """One move. Promises that come back are not waited for: they settle when the world runs."""
        stage, controller = self.stage, self.stage.controller
        if what in ("pause", "unpause"):
            getattr(controller.queue, what)()
        elif what == "run":
            stage.session.settle()
        elif what == "restart":
            controller.commit("what was sent is sent")
            stage.session.attach()
            self.roots = {name: stage.session.root(name) for name in "abc"}
        elif what == "upgrade":
            stage.upgrade(how[0], NODE)
        elif what == "reap":
            controller.kernel.store.reaping.schedule(controller.kernel.vat(how[0]).id)
        elif what == "terminate":
            controller.terminate_vat(how[0], "by chance")
            self.roots[how[0]] = stage.define(how[0], NODE)
        elif what in ("share", "pass_on"):
            giver, name, taker, new_name = how
            if what == "share":
                E(self.roots[taker]).hold(new_name, E(self.roots[giver]).give(name))
            else:
                E(self.roots[giver]).pass_on(name, self.roots[taker], new_name)
        else:
            node, *rest = how
            getattr(E(self.roots[node]), what)(*rest).catch(lambda _: None)

    def finish(self) -> None:
        """Let all that waits run, bring every vat back from its transcript, and have each answer."""
        stage, controller = self.stage, self.stage.controller
        controller.queue.unpause()
        stage.session.settle()
        controller.kernel.warehouse.discard_all()
        for root in self.roots.values():
            stage.ask(root, "hold", "x", None)
        stage.close()


@pytest.mark.usefixtures("unrecorded")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(ACTS, max_size=40))
def test_counts_in_random_graphs(acts: list[tuple[Any, ...]]) -> None:
    """In any history of a few vats, no count is off after any crank, and every vat repeats its past."""
    graph = Graph()
    try:
        for what, *how in acts:
            graph.act(what, *how)
        graph.finish()
    finally:
        graph.stage.controller.close()
