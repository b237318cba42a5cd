"""A host of contracts: it installs contracts from modulecaps that it was given, and starts instances of them.

An installation is a vat of its own, started from the graph and never used: a zygote. Its code has run, its
modules are imported, and its contract is prepared. Each instance is a clone of it, so starting one takes no
longer than its own `start`. Instances share nothing but what the installation was given, which is nothing.

An instance is a vat too, because Python cannot keep two contracts apart in one. Who starts it gets its facets
and its admin node, and so decides who may upgrade it: a governor, for example. The host keeps neither. It
keeps the modulecap, so the source stays installed.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import Baggage, E, durable, remotable


@durable
class Installation:
    """One graph of modules as a contract that can be started, as often as wanted."""

    name: str
    modulecap: object
    root: object
    admin_node: object
    started: int = 0

    def get_modulecap(self) -> object:
        """The graph."""
        return self.modulecap

    async def start(self, terms: Any = None, private: Any = None, name: str | None = None) -> dict[str, Any]:
        """Start an instance: `{"creator": ..., "public": ..., "admin_node": ...}`.

        Raises what the contract's `start` raises; then the instance is ended.
        """
        self.started += 1
        options = {"name": name or f"{self.name}-{self.started}"}
        made = await E(self.admin_node).fork([self.root], options)
        try:
            facets = await E(made["refs"][0]).start(terms, private)
        except Exception as problem:
            await E(made["adminNode"]).terminate_with_failure("it did not start")
            raise problem
        return {**facets, "admin_node": made["adminNode"]}


@remotable
class ContractHost:
    """Installs contracts."""

    def __init__(self, baggage: Baggage) -> None:
        self._baggage = baggage

    async def install(self, modulecap: object, name: str) -> Installation:
        """Start a vat of the graph, from which instances are cloned. Raises what its start raises."""
        made = await E(self._baggage["admin"]).create_vat(modulecap, {"name": name})
        return Installation(name, modulecap, made["root"], made["adminNode"])


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> ContractHost:
    """Make the root. The first incarnation gets `vatAdmin` as the parameter `admin`; the baggage keeps it."""
    if "admin" not in baggage:
        baggage["admin"] = (parameters or {})["admin"]
    return ContractHost(baggage)
