"""What a contract is started with, and where it keeps it: on both workers."""

from __future__ import annotations

import pytest

from swingset.core.errors import VatFault
from tests.staging import Stage

ISSUER = """
    from swingset.vat import make_promise, remotable

    @remotable
    class Issuer:
        def brand(self):
            return "moola"

        def later(self):
            promise, self.resolver = make_promise()
            return promise

    def build_root_object():
        return Issuer()
"""

HEAD = """
    from swingset.vat.contract import E, contract, durable, provide, provide_map, remotable

    @durable
    class Public:
        pass

    @remotable
    class Fleeting:
        pass
"""

WAITS = f"""{HEAD}
    async def start(terms, baggage):
        print("start runs")
        await E(terms["issuer"]).brand()
        if "fails" in terms:
            raise ValueError("no")
        return {{"public": provide(baggage, "public", Public)}}

    build_root_object = contract(start, upgradable="can_upgrade")
"""

CHANGES = f"""{HEAD}
    def start(terms, private, baggage):
        terms["list"].append("changed")
        return {{"public": provide(baggage, "public", Public)}}

    build_root_object = contract(start, upgradable="can_upgrade")
"""

FLEETING = f"""{HEAD}
    def start(terms, private):
        print("start runs")
        return {{"public": Fleeting()}}

    build_root_object = contract(start, upgradable="LEVEL")
"""

KEEPS = f"""{HEAD}
    def prepare(baggage):
        print("prepare sees", sorted(baggage))
        baggage["instance/orders/1"] = baggage["contract.terms"] = "of prepare"
        provide_map(baggage, "instance")["orders"] = provide_map(baggage, "contract")["terms"] = "a map of it"

    def start(terms, baggage):
        provide_map(baggage, "orders")["1"] = "an order"
        baggage["orders/1"] = "a key with a slash"
        print("start sees", sorted(baggage), dict(provide_map(baggage, "orders")), terms)
        return {{"public": provide(baggage, "public", Public)}}

    build_root_object = contract(start, prepare=prepare, upgradable="can_upgrade")
"""


def test_a_contract_that_waits_in_start_is_started_once(stage: Stage) -> None:
    """While an async start waits, a second one is refused, and the first one ends as if it had been alone."""
    issuer, root = stage.define("issuer", ISSUER), stage.define("c", WAITS)
    first, second = (stage.send(root, "start", {"issuer": issuer, "number": n}) for n in (1, 2))
    stage.session.settle()
    with pytest.raises(Exception, match="the contract is being started already") as caught:
        second.result()
    assert caught.value.code == "already-started"  # type: ignore[attr-defined]
    assert first.result()["public"] is stage.ask(root, "public_facet")
    assert stage.ask(root, "terms")["number"] == 1
    assert stage.log == ["start runs"]


def test_a_start_that_failed_may_be_tried_again(stage: Stage) -> None:
    """A contract whose start raises is not started, holds no terms, and starts with others."""
    issuer, root = stage.define("issuer", ISSUER), stage.define("c", WAITS)
    with pytest.raises(ValueError, match="no"):
        stage.ask(root, "start", {"issuer": issuer, "fails": True})
    assert stage.ask(root, "terms") is None
    assert stage.ask(root, "start", {"issuer": issuer})["public"] is not None


@pytest.mark.parametrize("level", ["can_upgrade", "none"])
def test_terms_do_not_change(stage: Stage, level: str) -> None:
    """What start does to its terms is refused the first time as in later incarnations."""
    root = stage.define("c", CHANGES.replace('"can_upgrade"', f'"{level}"'))
    with pytest.raises(TypeError, match="frozen copy"):
        stage.ask(root, "start", {"list": []})
    copies = CHANGES.replace('terms["list"].append', 'list(terms["list"]).append')
    other = stage.define("d", copies.replace('"can_upgrade"', f'"{level}"'))
    stage.ask(other, "start", {"list": []})
    assert stage.ask(other, "terms") == {"list": []}
    if level == "can_upgrade":
        assert stage.upgrade("d", copies).incarnation == 1
        assert stage.ask(stage.session.root("d"), "terms") == {"list": []}


def test_a_start_that_waits_again_is_named(stage: Stage) -> None:
    """An upgrade that start does not let happen names start, and how to keep what it waited for."""
    issuer, root = stage.define("issuer", ISSUER), stage.define("c", WAITS)
    stage.ask(root, "start", {"issuer": issuer})
    with pytest.raises(VatFault) as caught:
        stage.upgrade("c", WAITS)
    assert (
        "start() runs again, and has to find in its baggage what it waited for" in caught.value.fault.message
    )
    kept = WAITS.replace(
        'await E(terms["issuer"]).brand()',
        'baggage["brand"] = baggage.get("brand") or await E(terms["issuer"]).brand()',
    )
    other = stage.define("d", kept)
    stage.ask(other, "start", {"issuer": issuer})
    assert stage.upgrade("d", kept).incarnation == 1
    with pytest.raises(VatFault, match="start the vat without parameters"):
        stage.define("e", kept, parameters={"terms": {"issuer": issuer}})


def test_a_contract_that_is_never_upgraded_keeps_nothing(stage: Stage) -> None:
    """Private arguments that no upgrade would survive are welcome where there is none, and refused before
    start runs where there is."""
    issuer = stage.define("issuer", ISSUER)
    for level in ("none", "can_be_upgraded"):
        root = stage.define(level, FLEETING.replace("LEVEL", level))
        promise = stage.send(issuer, "later")
        if level == "none":
            facets = stage.ask(root, "start", {"x": [1]}, {"p": promise})
            assert facets["public"] is stage.ask(root, "public_facet")
            assert stage.ask(root, "terms") == {"x": [1]}
            with pytest.raises(VatFault, match="original contract facets were not durable"):
                stage.upgrade(level, FLEETING.replace("LEVEL", "can_upgrade"))
        else:
            with pytest.raises(TypeError, match=r"the private arguments of a contract .* not durable"):
                stage.ask(root, "start", {}, {"p": promise})
            assert stage.ask(root, "terms") is None
    assert stage.log == ["start runs"]


def test_nobody_meets_the_keys_of_the_others(stage: Stage) -> None:
    """Prepare, start, their maps and the contract itself keep things apart, whatever the keys are."""
    root = stage.define("c", KEEPS, parameters={"terms": "t"})
    assert stage.ask(root, "terms") == "t"
    stage.upgrade("c", KEEPS)
    prepared = sorted(["instance/orders/1", "contract.terms"])
    assert stage.log == [
        "prepare sees []",
        "start sees ['orders/1'] {'1': 'an order'} t",
        f"prepare sees {prepared}",
        "start sees ['orders/1', 'public'] {'1': 'an order'} t",
    ]


OLD = f"""{HEAD}
    def start(terms, private, baggage):
        print(f"{{terms}}, {{private}}, {{sorted(baggage)}}")
        old = {{}}
        orders = provide_map(baggage, "orders")
        orders.update({{key.removeprefix("orders/"): value for key, value in old.items()}})
        print(dict(orders))
        return {{"public": provide(baggage, "public", Public)}}

    build_root_object = contract(start, upgradable="can_upgrade")
"""

BEFORE = f"""{HEAD}
    from swingset.vat import remotable

    @remotable
    class Root:
        def __init__(self, facet):
            self.facet = facet

        def public_facet(self):
            return self.facet

    def build_root_object(baggage):
        public = provide(baggage, "instance/public", Public)
        baggage.update({{"contract.level": "can_upgrade", "contract.terms": "old terms"}})
        baggage.update({{"contract.private": "p", "contract.facets": {{"public": public}}}})
        baggage["instance/orders/1"] = "an order"
        return Root(public)
"""
"""A vat that left in its store what a contract did when all of it lay among the keys of the baggage."""


def test_what_contracts_kept_elsewhere_is_found(stage: Stage) -> None:
    """Terms and facets that were stored among the keys of the baggage are found by the next incarnation."""
    public = stage.ask(stage.define("c", BEFORE), "public_facet")
    with pytest.raises(VatFault, match="under keys that begin with 'orders/'") as caught:
        stage.upgrade("c", OLD)
    advice = caught.value.fault.message.split("`")[1]
    assert advice.startswith("old = ")
    fixed = OLD.replace("old = {}", advice)
    assert stage.upgrade("c", fixed).incarnation == 1
    stage.upgrade("c", fixed)
    root = stage.session.root("c")
    assert stage.ask(root, "public_facet") is public
    assert stage.ask(root, "terms") == "old terms"
    assert stage.log[-4:] == [
        "old terms, p, ['orders/1', 'public']",
        "{'1': 'an order'}",
        "old terms, p, ['public']",
        "{'1': 'an order'}",
    ]
