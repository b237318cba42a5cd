"""Vats that do anything a guest may do, at random, and check all that they are told.

A wild vat keeps its own books: what it imported and can still reach, what it exported, which promises it
knows. The books lie in its vatstore, so they share the fate of each crank, and a replay or an upgrade finds
them. Objects are known by their owner and its name for them (`A/o+10`), and that identity travels in every
body beside the slot, where the kernel never looks. So each vat can tell whether the kernel still means by a
name what it meant when it first used it, without any help from the kernel's counts.

Chance is drawn from the vat's name, incarnation and position, so a worker that is brought back repeats
itself. What goes wrong on purpose (a crash, an illegal syscall, an exit) is asked for by the test instead: it
is never part of a transcript that is replayed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from swingset.model import syscalls
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Fault
from swingset.workers.base import HeapImage, SyscallHandler, VatSpec
from tests.workers.heapless import Heapless

CRASH, ILLEGAL, EXIT, EXIT_FAILING = "crash", "illegal", "exit", "exit-failing"

Told = Callable[[str, str, list[str]], None]
"""Hears (vat, kind of delivery, identities) before a vat believes that objects are dropped or retired."""


class Broken(AssertionError):
    """The kernel told a vat something that contradicts the vat's books."""


@dataclass
class Books:
    """What one vat believes. Imports and promises are keyed by vref, and so are exports."""

    quiet: bool = False
    next: int = 10
    imports: dict[str, list[Any]] = field(default_factory=dict)  # vref -> [identity, reachable]
    exports: dict[str, str] = field(default_factory=dict)  # vref -> known | dropped
    promises: dict[str, list[Any]] = field(default_factory=dict)  # vref -> [identity, decides, waits]
    gone: list[str] = field(default_factory=list)

    def to_text(self) -> str:
        return json.dumps(self.__dict__)

    @classmethod
    def from_text(cls, text: str | None) -> Books:
        return cls(**json.loads(text)) if text else cls()


class WildWorker(Heapless):
    """One incarnation of one wild vat."""

    kind = "wild"

    def __init__(self, spec: VatSpec, factory: WildFactory) -> None:
        self._spec = spec
        self._factory = factory
        self._position = 0
        self._books = Books(exports={"o+0": "known"})

    # The worker

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        live = limits.seconds is not None
        mood = self._mood(delivery, live) if delivery[0] != "bringOutYourDead" else None

        def ask(*call: Any) -> Any:
            status, value = syscall(syscalls.read(list(call)))
            if status != "ok":
                raise Broken(f"{self._spec.name}: {list(call)}: {value}")
            return value

        self._ask = ask
        spec = self._spec
        self._random = random.Random(f"{self._factory.seed}/{spec.name}/{spec.incarnation}/{self._position}")
        self._position += 1
        self._hear(delivery, live)
        if mood == CRASH:
            self._act()
            return DeliveryResult(Fault("guest-crashed", "it was to crash"))
        if mood == ILLEGAL:
            syscall(syscalls.read(["dropImports", ["o-999999"]]))
            return DeliveryResult()
        if mood in (EXIT, EXIT_FAILING):
            self._act()
            ask("exit", mood == EXIT_FAILING, {"body": '#"enough"', "slots": []})
            return DeliveryResult()
        if self._books.quiet:
            self._let_go()
        else:
            self._act()
        ask("vatstoreSet", "books", self._books.to_text())
        return DeliveryResult(computrons=1)

    def _mood(self, delivery: list[Any], live: bool) -> str | None:
        """What is to go wrong with this delivery, if the test asks for it."""
        return self._factory.moods.pop(self._spec.name, None) if live else None

    # Hearing

    def _hear(self, delivery: list[Any], live: bool) -> None:
        books = self._books
        match delivery:
            case ["startVat", _]:
                self._begin()
            case ["message", target, message]:
                self._learn_target(target)
                method, data = self._read(message["methargs"])
                self._learn(data)
                if message["result"] is not None:
                    self._learn_promise(message["result"], f"result {method}", decides=True)
                if method == "quiet":
                    books.quiet = True
            case ["notify", resolutions]:
                batch = [vpid for vpid, _ in resolutions]
                # The outcome of one promise may mention others that are settled too: all come at once.
                self._check(batch[0] in books.promises, f"is told of {batch[0]}, which it does not know")
                for vpid, outcome in resolutions:
                    self._check(vpid not in books.gone, f"is told of {vpid} again")
                    self._learn(self._read(outcome["data"])[1], batch)
                for vpid in batch:
                    books.promises.pop(vpid, None)
                    books.gone.append(vpid)
            case ["bringOutYourDead"]:
                pass
            case ["dropExports", vrefs]:
                for vref in vrefs:
                    self._check(books.exports.get(vref) == "known", f"is told to drop {vref}")
                    books.exports[vref] = "dropped"
                self._tell(live, "dropExports", vrefs)
            case ["retireExports", vrefs]:
                for vref in vrefs:
                    self._check(books.exports.get(vref) == "dropped", f"is told to retire {vref}")
                    self._end_export(vref)
                self._tell(live, "retireExports", vrefs)
            case ["retireImports", vrefs]:
                identities = []
                for vref in vrefs:
                    known = books.imports.pop(vref, None)
                    self._check(known is not None and not known[1], f"is told to retire its {vref}: {known}")
                    assert known is not None
                    identities.append(known[0])
                    books.gone.append(vref)
                if live:
                    self._factory.told(self._spec.name, "retireImports", identities)
            case _:
                raise Broken(f"{self._spec.name}: {delivery}")

    def _begin(self) -> None:
        """Find the books of the last incarnation: what was durable is there, the rest is forgotten."""
        self._books = books = Books.from_text(self._ask("vatstoreGet", "books"))
        if not books.exports:
            books.exports["o+0"] = "known"
        for vref in [vref for vref in books.exports if vref != "o+0" and not vref.startswith("o+d")]:
            self._end_export(vref)
        for vref, known in list(books.promises.items()):
            known[1] = False
            if not known[2]:
                del books.promises[vref]
                books.gone.append(vref)

    def _tell(self, live: bool, kind: str, vrefs: list[str]) -> None:
        if live:
            self._factory.told(self._spec.name, kind, [f"{self._spec.name}/{vref}" for vref in vrefs])

    def _learn_target(self, vref: str) -> None:
        books = self._books
        if vref.startswith("p"):
            known = books.promises.get(vref)
            self._check(
                known is not None and known[1], f"gets a message for {vref}, which it does not decide"
            )
        else:
            self._check(vref in books.exports, f"gets a message for {vref}, which is gone")
            books.exports[vref] = "known"

    def _learn(self, data: list[tuple[str, str]], batch: Sequence[str] = ()) -> None:
        books = self._books
        for vref, identity in data:
            if vref.startswith("p"):
                if vref not in batch:
                    self._learn_promise(vref, identity)
            elif "+" in vref:
                self._check(identity == f"{self._spec.name}/{vref}", f"is given {vref} as {identity}")
                self._check(vref in books.exports, f"is given {vref}, which is gone")
                books.exports[vref] = "known"
            else:
                self._check(vref not in books.gone, f"is given {vref} again, which is retired")
                known = books.imports.setdefault(vref, [identity, True])
                self._check(known[0] == identity, f"is given {vref} as {identity}, but it was {known[0]}")
                known[1] = True

    def _learn_promise(self, vref: str, identity: str, *, decides: bool = False) -> None:
        books = self._books
        self._check(vref not in books.gone, f"hears of {vref} again, which is retired")
        if vref not in books.promises:
            self._check("-" in vref, f"hears of {vref}, which it never made")
            books.promises[vref] = [identity, False, False]
        known = books.promises[vref]
        known[1] = known[1] or decides
        if not known[1] and not known[2]:
            known[2] = True
            self._ask("subscribe", vref)

    def _read(self, data: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
        """A method (or `=`) and the references with their identities; kernel-made data has none."""
        body = json.loads(data["body"][1:])
        if not data["slots"]:
            return (body[0] if isinstance(body, list) and body else "="), []
        if isinstance(body, str):
            return "=", [(data["slots"][0], body.partition(".")[2].removeprefix("Alleged: "))]
        return body[0], list(zip(data["slots"], body[1], strict=True))

    # Acting

    def _act(self) -> None:
        for _ in range(self._random.choice((0, 1, 1, 2, 2, 3))):
            self._random.choices(
                (self._send, self._resolve, self._drop, self._retire, self._retire_exports, self._abandon),
                (10, 6, 5, 4, 3, 1),
            )[0]()

    def _let_go(self) -> None:
        """Settle what it decides and forget what it imported."""
        books = self._books
        for vref in [vref for vref, known in books.promises.items() if known[1]]:
            self._settle(vref, False, {"body": '#"done"', "slots": []})
        for vref in list(books.imports):
            self._forget(vref, retire=True)

    def _reference(self) -> tuple[str, str]:
        """Something to mention, old or new, and its identity."""
        books, chance = self._books, self._random.random()
        if chance < 0.45 and (reachable := [v for v, known in books.imports.items() if known[1]]):
            vref = self._random.choice(reachable)
            return vref, books.imports[vref][0]
        if chance < 0.6 and books.promises:
            vref = self._random.choice(list(books.promises))
            return vref, books.promises[vref][0]
        if chance < 0.65:
            vref = f"p+{self._take()}"
            books.promises[vref] = [f"{self._spec.name}/{vref}", True, False]
            return vref, books.promises[vref][0]
        if chance < 0.8 and books.exports:
            vref = self._random.choice(list(books.exports))
        else:
            vref = self._random.choice(("o+{}", "o+d10/{}", "o+v11/{}")).format(self._take())
        books.exports[vref] = "known"
        return vref, f"{self._spec.name}/{vref}"

    def _data(self, method: str | None = None) -> dict[str, Any]:
        chosen = dict(self._reference() for _ in range(self._random.choice((0, 1, 1, 2))))
        if method is None and len(chosen) == 1 and self._random.random() < 0.7:
            ((vref, identity),) = chosen.items()
            return {"body": f'#"{"&0." if vref[0] == "p" else "$0.Alleged: "}{identity}"', "slots": [vref]}
        return {"body": "#" + json.dumps([method or "=", list(chosen.values())]), "slots": list(chosen)}

    def _send(self) -> None:
        books, vref = self._books, self._reference()[0]
        message: dict[str, Any] = {"methargs": self._data("m"), "result": None}
        if self._random.random() < 0.6:
            message["result"] = result = f"p+{self._take()}"
            books.promises[result] = [f"{self._spec.name}/{result}", False, True]
        self._ask("send", vref, message)
        if message["result"]:
            self._ask("subscribe", message["result"])

    def _resolve(self) -> None:
        decided = [vref for vref, known in self._books.promises.items() if known[1]]
        if decided:
            vref = self._random.choice(decided)
            self._settle(vref, self._random.random() < 0.2, self._data())

    def _settle(self, vref: str, rejected: bool, data: dict[str, Any]) -> None:
        self._ask("resolve", [[vref, rejected, data]])
        del self._books.promises[vref]
        self._books.gone.append(vref)

    def _drop(self) -> None:
        reachable = [vref for vref, known in self._books.imports.items() if known[1]]
        if reachable:
            self._forget(self._random.choice(reachable), retire=self._random.random() < 0.6)

    def _retire(self) -> None:
        dropped = [vref for vref, known in self._books.imports.items() if not known[1]]
        if dropped:
            self._forget(self._random.choice(dropped), retire=True)

    def _forget(self, vref: str, *, retire: bool) -> None:
        known = self._books.imports[vref]
        if known[1]:
            self._ask("dropImports", [vref])
            known[1] = False
        if retire:
            self._ask("retireImports", [vref])
            del self._books.imports[vref]
            self._books.gone.append(vref)

    def _retire_exports(self) -> None:
        for vref in [vref for vref, status in self._books.exports.items() if status == "dropped"]:
            if vref != "o+0":
                self._ask("retireExports", [vref])
                self._end_export(vref)

    def _abandon(self) -> None:
        exports = [vref for vref in self._books.exports if vref != "o+0"]
        if exports:
            vref = self._random.choice(exports)
            self._ask("abandonExports", [vref])
            self._end_export(vref)

    def _end_export(self, vref: str) -> None:
        del self._books.exports[vref]
        self._books.gone.append(vref)

    def _take(self) -> int:
        self._books.next += 1
        return self._books.next

    def _check(self, good: bool, what: str) -> None:
        if not good:
            raise Broken(f"vat {self._spec.name} {what}")


class WildFactory:
    """Makes wild workers; `moods` says who is to fail at its next delivery."""

    kind = "wild"
    image_id: str | None = None
    library: bytes | None = None

    def __init__(self, seed: int, told: Told) -> None:
        self.seed = seed
        self.told = told
        self.moods: dict[str, str] = {}

    def start(self, spec: VatSpec) -> WildWorker:
        return WildWorker(spec, self)

    def restore(self, spec: VatSpec, image: HeapImage) -> WildWorker:
        raise AssertionError("wild vats have no images")
