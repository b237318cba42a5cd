"""Contracts: vats whose author writes what the parties get, and not how a vat is started or upgraded.

A contract is a function `start(terms, private, baggage)` that returns its facets, one for the creator and one
for the public. It runs once in each incarnation. The first time it makes what it needs and puts it into its
baggage; later it finds it there, through the same `provide(...)`. What kinds and helpers all instances share
is made by `prepare(baggage)`, which runs before it. The instance's baggage lies inside that of the
installation, so that neither has to know the names that the other uses.

A contract says what an upgrade may do to it. `none`: its facets may end with the incarnation, and it is never
upgraded. `can_be_upgraded`: its facets are durable, and other code may take over. `can_upgrade`: it is such
code itself. A restart is an upgrade to the same code with new private arguments. The facets that come out of
`start` must be the ones that the parties hold already, or the upgrade is refused and nothing has changed.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from .baggage import StoredMap
from .context import current
from .passable import brief
from .remotables import interface_of, remotable
from .remote_errors import VatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

NONE, CAN_BE_UPGRADED, CAN_UPGRADE = "none", "can_be_upgraded", "can_upgrade"
FACETS = ("creator", "public")

_LEVEL, _TERMS, _PRIVATE, _FACETS = "contract.level", "contract.terms", "contract.private", "contract.facets"


def provide_map(baggage: MutableMapping[str, Any], name: str) -> StoredMap:
    """The durable map of that name inside a baggage, empty at first; its keys are str."""
    if not isinstance(baggage, StoredMap):
        raise TypeError(f"provide_map wants a baggage, got {brief(baggage)}")
    if type(name) is not str or not name or "/" in name:
        raise TypeError(f"a map in a baggage has a name without slashes, got {brief(name)}")
    return baggage.inner(name)


@remotable
class ContractRoot:
    """What the holder of a contract's vat can do with it: start it once, and fetch its facets."""

    def __init__(self, contract: _Contract) -> None:
        self._contract = contract

    async def start(self, terms: Any = None, private: Any = None) -> dict[str, Any]:
        """Start the contract; returns its facets, `{"creator": ..., "public": ...}`."""
        return await self._contract.start(terms, private)

    def creator_facet(self) -> Any:
        """The facet for whoever started the contract."""
        return self._contract.facet("creator")

    def public_facet(self) -> Any:
        """The facet for everybody."""
        return self._contract.facet("public")

    def terms(self) -> Any:
        """What the parties agreed to when the contract was started."""
        return self._contract.baggage.get(_TERMS)

    def upgradable(self) -> str:
        """What an upgrade may do: `none`, `can_be_upgraded` or `can_upgrade`."""
        return self._contract.level


class _Contract:
    """One incarnation of one contract."""

    def __init__(
        self, start: Callable[..., Any], level: str, prepared: Any, baggage: MutableMapping[str, Any]
    ) -> None:
        self.level = level
        self.baggage = baggage
        self._start = start
        self._prepared = prepared
        self._facets: dict[str, Any] | None = None

    async def start(self, terms: Any, private: Any) -> dict[str, Any]:
        if self._facets is not None:
            raise VatError("the contract is started already", code="already-started")
        facets = await self._run(terms, private)
        self.baggage[_TERMS], self.baggage[_PRIVATE] = terms, private
        if self.level != NONE:
            self.baggage[_FACETS] = facets
        self._facets = facets
        return facets

    async def restart(self, given: Mapping[str, Any]) -> None:
        if _TERMS not in self.baggage:
            return  # prepared in the last incarnation, and not started yet
        if _FACETS not in self.baggage:
            raise _failed("original contract facets were not durable")
        if "terms" in given:
            raise TypeError(
                "the terms of a contract are fixed when it is started: give new private arguments"
            )
        private = given["private"] if "private" in given else self.baggage[_PRIVATE]
        facets = await self._run(self.baggage[_TERMS], private)
        before = self.baggage[_FACETS]
        changed = [name for name in FACETS if facets.get(name) is not before.get(name)]
        if changed:
            raise _failed("facets returned by contract changed identity", f" ({', '.join(changed)})")
        self.baggage[_PRIVATE] = private
        self._facets = facets

    def facet(self, name: str) -> Any:
        if self._facets is None:
            raise VatError("the contract is not started", code="not-started")
        return self._facets.get(name)

    async def _run(self, terms: Any, private: Any) -> dict[str, Any]:
        offered = {
            "terms": terms,
            "private": private,
            "baggage": provide_map(self.baggage, "instance"),
            "prepared": self._prepared,
        }
        facets = await _called(self._start, offered)
        if type(facets) is not dict or not facets or set(facets) - set(FACETS):
            raise TypeError(f'start() must return {{"creator": ..., "public": ...}}, not {brief(facets)}')
        for name in FACETS:
            if name in facets and interface_of(facets[name]) is None:
                raise TypeError(
                    f"the {name} facet must be an object of this vat, not {brief(facets[name])}: "
                    "make its class @durable or @remotable"
                )
        if self.level != NONE:
            for name in facets:
                current().slots.encode_durable(facets[name], f"the {name} facet of an upgradable contract")
        return facets


def contract(
    start: Callable[..., Any],
    *,
    prepare: Callable[..., Any] | None = None,
    upgradable: str = NONE,
) -> Callable[..., Any]:
    """Make a vat of a contract: `build_root_object = contract(start, upgradable="can_upgrade")`.

    `start` and `prepare` are handed those of these that they name: `terms`, `private`, `baggage`, and
    `prepared`, which is what `prepare` returned. A vat that is given the parameters `{"terms": ...,
    "private": ...}` starts the contract at once, otherwise `E(root).start(terms, private)` does.
    """
    if upgradable not in (NONE, CAN_BE_UPGRADED, CAN_UPGRADE):
        raise TypeError(f"upgradable is none, can_be_upgraded or can_upgrade, not {brief(upgradable)}")

    async def build_root_object(parameters: Any, baggage: StoredMap) -> ContractRoot:
        given = _parameters(parameters)
        if _LEVEL in baggage and upgradable != CAN_UPGRADE:
            raise VatError(
                f"contract cannot upgrade: the new code is declared {upgradable!r}, "
                f"and only {CAN_UPGRADE!r} takes over from another incarnation",
                code="cannot-upgrade",
            )
        prepared = await _called(prepare, {"baggage": baggage}) if prepare is not None else None
        made = _Contract(start, upgradable, prepared, baggage)
        if _LEVEL in baggage:
            await made.restart(given)
        elif parameters is not None:
            await made.start(given.get("terms"), given.get("private"))
        baggage[_LEVEL] = upgradable
        return ContractRoot(made)

    return build_root_object


def _parameters(parameters: Any) -> dict[str, Any]:
    if parameters is None:
        return {}
    if type(parameters) is not dict or set(parameters) - {"terms", "private"}:
        wanted = '{"terms": ..., "private": ...}'
        raise TypeError(f"a contract takes the parameters {wanted}, got {brief(parameters)}")
    return parameters


async def _called(function: Callable[..., Any], offered: dict[str, Any]) -> Any:
    code = function.__code__
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    unknown = [name for name in named if name not in offered]
    if unknown:
        raise TypeError(
            f"{function.__name__} asks for {', '.join(unknown)}; it can have {', '.join(offered)}"
        )
    result = function(**{name: offered[name] for name in named})
    return await result if isinstance(result, CoroutineType) else result


def _failed(words: str, more: str = "") -> VatError:
    return VatError(f"restart_contract failed: {words}{more}", code="restart-failed")
