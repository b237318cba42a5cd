"""The vats of the scenario of votes: a shop, a governor of it, and a town that proposes, votes and looks."""

from __future__ import annotations

from swingset import lib

GOVERNANCE = lib.source("governance")

SHOP = """
from swingset.vat.contract import contract, durable, provide

@durable
class Shop:
    sold: int = 0

    def sell(self) -> int:
        self.sold += 1
        return self.sold * PRICE

PRICE = 5

def start(terms, baggage):
    return {"public": provide(baggage, "shop", Shop)}

build_root_object = contract(start, upgradable="can_upgrade")
"""

DEARER = SHOP.replace("PRICE = 5", "PRICE = 7")

TOWN = """
from swingset.vat import D, E, remotable

@remotable
class Town:
    async def settle(self, admin, governance, bundles):
        self.bundles = bundles
        made = await E(admin).create_vat_by_name("shop", {"name": "shop"})
        kit = await E(made["root"]).start({}, None)
        council = await E(governance).make_electorate("council", ["ann", "bob"])
        self.voters = council["voters"]
        powers = {"admin_node": made["adminNode"]}
        self.governor = await E(governance).make_governor(council["electorate"], "shop", powers)
        self.shop = kit["public"]
        print("settled", await E(self.shop).sell())

    async def propose(self, name):
        cap = D(self.bundles).get_named_bundlecap(name)
        proposal = D(self.bundles).propose("shop", cap)
        self.question = await E(self.governor).ask_code(proposal)
        print("asked", D(proposal).get()["number"])

    async def vote(self, who, position):
        await E(self.voters[who]).cast(self.question, position)
        print(who, "has voted")

    async def close(self):
        print(await E(self.question).close())

    async def look(self):
        found = await E(self.question).get_details()
        print(found["counts"], found["result"], await E(self.shop).sell())

def build_root_object():
    return Town()
"""
