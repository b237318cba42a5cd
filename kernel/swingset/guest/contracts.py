"""Contracts: vats whose author writes what the parties get, without the start and the upgrade of a vat.

A contract is a function `start(terms, private, baggage)` that returns its facets, one for the creator and one
for the public. It runs once in each incarnation. The first time it makes its objects and puts them into its
baggage; later it finds them there, through the same `provide(...)`. Kinds and helpers that all instances
share are made by `prepare(baggage)`, which runs first. The instance's baggage is a separate map, and so is
that of this module, so their keys never collide.

The terms never change: they are stored before `start` runs, and `start` gets the stored, frozen copy, the
first time as well as later. So terms that an upgrade would refuse are refused at once.

A contract declares what an upgrade may do to it. `none`: its facets may end with the incarnation, it is never
upgraded, and nothing of it is stored. `can_be_upgraded`: its facets are durable, and other code may take
over. `can_upgrade`: its code can take over from another incarnation. A restart is an upgrade to the same code
with new private arguments. After an upgrade `start` must return the facets that the parties hold already;
otherwise the upgrade is refused and rolled back.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from .base.context import current
from .base.errors import VatError
from .guards.remotable import remotable
from .passing.passable import brief, frozen
from .passing.remotables import method_table_of
from .stores.baggage import StoredMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping

    from .liveslots import Liveslots
    from .stores.vat import Vat

NONE, CAN_BE_UPGRADED, CAN_UPGRADE = "none", "can_be_upgraded", "can_upgrade"
FACETS = ("creator", "public")

_LEVEL, _TERMS, _PRIVATE, _FACETS, _STARTED = "level", "terms", "private", "facets", "started"


def provide_map(baggage: MutableMapping[str, Any], name: str) -> StoredMap:
    """Return the durable map with a name inside a baggage, which is empty at first; its keys are str.

    Raises TypeError for something other than a baggage, or for a name that is empty or has a slash, and
    LookupError if an older form of the map lies in the baggage.

        members = provide_map(baggage, "members")

    Source:
        `provideDurableMapStore` of vat-data.
    """
    baggage = _stored(baggage, "provide_map")
    if type(name) is not str or not name or "/" in name:
        raise TypeError(f"a map in a baggage has a name without slashes, got {brief(name)}")
    found = baggage.inner(name)
    vat: Vat = current()
    if vat.incarnation and not found and baggage.has_any(f"{name}/"):
        # Before maps were apart from the baggage, their entries were entries of it, with such keys.
        raise LookupError(
            f"the map {name!r} in {baggage!r} is empty, and what a map of that name held may lie beside it, "
            f"under keys that begin with '{name}/': take them out first, `old = {{key: baggage.pop(key) for "
            f"key in list(baggage) if key.startswith('{name}/')}}`, or give the map another name"
        )
    return found


def _stored(baggage: MutableMapping[str, Any], who: str) -> StoredMap:
    if not isinstance(baggage, StoredMap):
        raise TypeError(
            f"{who} wants a baggage, got {brief(baggage)}: where vat code is tried without a vat, "
            "Baggage() makes one"
        )
    return baggage


@remotable
class ContractRoot:
    """The root of a contract's vat: `async def open(root: ContractRoot): return await E(root).start(terms)`.

    It starts the contract once, and returns its facets.

    Source:
        The vat of a contract in Zoe (`startInstance`), without Zoe: one contract, its terms and its facets.
    """

    def __init__(self, contract: _Contract) -> None:
        self._contract = contract

    async def start(self, terms: Any = None, private: Any = None) -> dict[str, Any]:
        """Start the contract; returns its facets, `{"creator": ..., "public": ...}`.

        Its `start` gets `terms`, which everybody may read, and `private`, which nobody else may. Raises
        VatError if it is started already, and what the contract's `start` raises.
        """
        return await self._contract.start(terms, private)

    def creator_facet(self) -> Any:
        """The facet for the creator of the contract; raises VatError before it is started."""
        return self._contract.facet("creator")

    def public_facet(self) -> Any:
        """The facet for the public; raises VatError before the contract is started."""
        return self._contract.facet("public")

    def terms(self) -> Any:
        """The terms that the contract was started with; None before that."""
        return self._contract.terms

    def upgradable(self) -> str:
        """What an upgrade may do to it: `none`, `can_be_upgraded` or `can_upgrade`."""
        return self._contract.level


class _Contract:
    """One incarnation of one contract."""

    def __init__(self, start: Callable[..., Any], level: str, prepared: Any, baggage: StoredMap) -> None:
        self.level = level
        self.terms: Any = None
        self._kept = _kept(baggage)
        self._instance = baggage.inner("instance", hidden=True)
        self._start = start
        self._prepared = prepared
        self._starting = False
        self._facets: dict[str, Any] | None = None

    async def start(self, terms: Any, private: Any) -> dict[str, Any]:
        if self._starting:
            being = "" if self._facets is not None else "being "
            raise VatError(f"the contract is {being}started already", code="already-started")
        self._starting = True
        try:
            terms, private = self._keep(_TERMS, terms), self._keep(_PRIVATE, private)
            facets = await self._run(terms, private)
        except BaseException:
            self._starting = False
            for name in (_TERMS, _PRIVATE):
                self._kept.pop(name, None)
            raise
        if self.level != NONE:
            self._kept[_FACETS] = facets
        self._kept[_STARTED] = True
        self._facets, self.terms = facets, terms
        return facets

    async def restart(self, given: Mapping[str, Any]) -> None:
        if _STARTED not in self._kept:
            return  # the last incarnation was prepared, and not started
        if _FACETS not in self._kept:
            raise _failed("original contract facets were not durable")
        if "terms" in given:
            raise TypeError(
                "the terms of a contract are fixed when it is started: give new private arguments"
            )
        if "private" in given:
            self._keep(_PRIVATE, given["private"])
        self._starting = True
        terms = self._kept[_TERMS]
        facets = await self._run(terms, self._kept[_PRIVATE])
        before = self._kept[_FACETS]
        changed = [name for name in FACETS if facets.get(name) is not before.get(name)]
        if changed:
            raise _failed("facets returned by contract changed identity", f" ({', '.join(changed)})")
        self._facets, self.terms = facets, terms

    def _keep(self, name: str, value: Any) -> Any:
        """Store an argument of `start` and read it back, or only freeze it if there are no upgrades."""
        if self.level == NONE:
            return frozen(value)
        try:
            self._kept[name] = value
        except TypeError as exc:
            raise TypeError(
                f"the {'terms' if name == _TERMS else 'private arguments'} of a contract that is declared "
                f"{self.level!r} are kept for the next incarnation: {exc}"
            ) from None
        return self._kept[name]

    def facet(self, name: str) -> Any:
        if self._facets is None:
            raise VatError("the contract is not started", code="not-started")
        return self._facets.get(name)

    async def _run(self, terms: Any, private: Any) -> dict[str, Any]:
        offered = {
            "terms": terms,
            "private": private,
            "baggage": self._instance,
            "prepared": self._prepared,
        }
        facets = await _called(self._start, offered)
        if type(facets) is not dict or not facets or set(facets) - set(FACETS):
            raise TypeError(f'start() must return {{"creator": ..., "public": ...}}, not {brief(facets)}')
        for name in FACETS:
            if name in facets and method_table_of(facets[name]) is None:
                raise TypeError(
                    f"the {name} facet must be an object of this vat, not {brief(facets[name])}: "
                    "make its class @durable or @remotable"
                )
        if self.level != NONE:
            for name in facets:
                vat: Vat = current()
                vat.slots.encode_durable(facets[name], f"the {name} facet of an upgradable contract")
        return facets


def contract(
    start: Callable[..., Any],
    *,
    prepare: Callable[..., Any] | None = None,
    upgradable: str = NONE,
) -> Callable[..., Any]:
    """Make a vat of a contract: `build_root_object = contract(start, upgradable="can_upgrade")`.

    `start` gets those of these arguments that it names: `terms`, `private`, `baggage`, and `prepared`, which
    is what `prepare(baggage)` returned. A vat with the parameters `{"terms": ..., "private": ...}` starts the
    contract at once; otherwise `E(root).start(terms, private)` starts it. Raises TypeError for another value
    of `upgradable` than `none`, `can_be_upgraded` and `can_upgrade`. Only code that is declared
    `can_upgrade` takes over from an earlier incarnation; VatError refuses other code.

    Source:
        `start`, `prepare` and `meta.upgradability` of a contract of Zoe.
    """
    if upgradable not in (NONE, CAN_BE_UPGRADED, CAN_UPGRADE):
        raise TypeError(f"upgradable is none, can_be_upgraded or can_upgrade, not {brief(upgradable)}")

    async def build_root_object(parameters: Any, baggage: StoredMap) -> ContractRoot:
        given = _parameters(parameters)
        kept = _kept(_stored(baggage, "a contract"))
        _take_over(baggage, kept)
        if _LEVEL in kept and upgradable != CAN_UPGRADE:
            raise VatError(
                f"contract cannot upgrade: the new code is declared {upgradable!r}, "
                f"and only {CAN_UPGRADE!r} takes over from another incarnation",
                code="cannot-upgrade",
            )
        again = _LEVEL in kept
        prepared = None
        if prepare is not None:
            with _telling("prepare() may only wait for what is in this vat"):
                prepared = await _called(prepare, {"baggage": baggage})
        made = _Contract(start, upgradable, prepared, baggage)
        if again:
            with _telling(
                "start() runs again, and has to find in its baggage what it waited for the first time: "
                'keep the answer, `if "brand" not in baggage: baggage["brand"] = await E(issuer).brand()`'
            ):
                await made.restart(given)
        elif parameters is not None:
            with _telling(
                "start() waits for another vat, so start the vat without parameters, and the contract with "
                "`E(root).start(terms, private)`"
            ):
                await made.start(given.get("terms"), given.get("private"))
        kept[_LEVEL] = upgradable
        return ContractRoot(made)

    return build_root_object


def _kept(baggage: StoredMap) -> StoredMap:
    return baggage.inner("contract", hidden=True)


def _take_over(baggage: StoredMap, kept: StoredMap) -> None:
    """Move the state of a contract that is stored among the keys of the baggage into maps of its own."""
    if f"contract.{_LEVEL}" not in baggage or _LEVEL in kept:
        return
    instance = baggage.inner("instance", hidden=True)
    for key in list(baggage):
        head, _, rest = key.partition("/")
        if head == "instance" and rest:
            instance[rest] = baggage.pop(key)
    for name in (_LEVEL, _TERMS, _PRIVATE, _FACETS):
        if f"contract.{name}" in baggage:
            kept[name] = baggage.pop(f"contract.{name}")
    if _TERMS in kept:
        kept[_STARTED] = True


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Give this advice in the error if the start of the vat does not end in its delivery."""
    vat: Liveslots = current()
    vat.waiting_in_start = what
    yield
    vat.waiting_in_start = None


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
