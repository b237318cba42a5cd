"""Which facets of a cohort are exported: one letter each, in the order of their numbers."""

from __future__ import annotations

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import Cohort, amplify, durable, facet, provide, remotable

@durable
class Thing(Cohort):
    value: int = 0

FACETS

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage

    def give(self, name):
        return getattr(amplify(Thing, provide(self.baggage, "thing", make)).facets, name)

def make():
    return Thing().facets.one

def build_root_object(baggage):
    return Root(baggage)
"""


def source(*facets: str) -> str:
    """A kind with these facets, and a root that makes one and gives out what it is asked for."""
    methods = [
        f'    @facet("{name}")\n    def is_{name}(self):\n        return "{name}"\n' for name in facets
    ]
    return SOURCE.replace("FACETS", "\n".join(methods))


def test_letters_stay_where_they_are_when_facets_are_added() -> None:
    """A cohort of which the first facet is exported and the second is not is `rn`, and then `rnnr`."""
    first = Bench(source("one", "two")).up()
    first.ask("give", "one")
    assert first.store["vom.es.o+d10/1"] == "rn"
    after = first.upgrade(source("one", "two", "other", "zero")).up()
    assert after.store["vom.es.o+d10/1"] == "rn"
    after.ask("give", "zero")
    assert after.store["vom.es.o+d10/1"] == "rnnr"
    assert after.ask("is_zero", target="o+d10/1:3") == "zero"
    assert after.ask("is_one", target="o+d10/1:0") == "one"
