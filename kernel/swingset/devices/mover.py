"""The mover: what vats that move between worlds need of the kernel, on either side.

Its root belongs to the vat `vatMover` alone, which carries what is said between the worlds. All state is
here, so that an upgrade of that vat breaks nothing but a move that is not decided yet.

A *departure* is a vat of this world that is on its way: its package as pieces, the references beside it, and
what the new home has answered so far. It is kept until the new home has said that the vat is there. An
*acceptance* is the right to send vats here, with limits. An *arrival* is what has come of one vat. Its pieces
are put together and looked at when the old home asks for the objects that will be the vat's exports, which is
before it decides. After that, nothing can be refused.

Rows: `departure.N` and `arrival.N` have plain data; behind a point follow `text.I` with a piece, `refs.I`
and `objects.I` with at most `PORTION` references. `accepts.N` is an acceptance, `gone.VAT` and `came.VAT` a
vat that has moved. The state of a node says of which of these it is.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, NoReturn

from swingset.core.arriving import Arrivals
from swingset.core.departing import MOVER, Departures
from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.core.metering import Metering
from swingset.core.store import KernelStore
from swingset.devices import plain
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData, Ref
from swingset.model.messages import Message, Send
from swingset.model.vat_packages import FORMAT, MOST_BYTES, MOST_ENTRIES, BadPackage, VatPackage, read_package
from swingset.model.visible import one_line

PIECE = 200_000
"""How many characters of a package, in Base64, go in one message: few enough for one between worlds."""

PORTION = 200
"""How many references go in one message."""

MOST_STAGED = 4
"""How many vats may be on their way by one acceptance at the same time."""

UNSAID = "nothing yet"
"""What the new home of a vat has said before it has answered."""

_KINDS = ("departure", "accepts", "arrival")
_LONGEST = 200
_BESIDE = ("refs", "exports")
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class MoverDevice:
    """Serves the device of kind `mover`."""

    kind = MOVER

    def __init__(self, store: KernelStore, departures: Departures, metering: Metering) -> None:
        self._store = store
        self._departures = departures
        self._arrivals = Arrivals(store)
        self._metering = metering

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve the root, a departure, an acceptance or an arrival."""
        given = plain.read(args)
        if context.node == context.device.root:
            served: dict[str, Any] = {"depart": self._depart, "accept": self._accept}
            served["take_back"] = self._take_back
            key = ""
        else:
            node = plain.kept(context, context.node or "", _is_node)
            kind, number = ("", 0) if node is None else next(iter(node.items()))
            served = self._methods(kind)
            key = f"{kind}.{number}"
        if method not in served:
            raise plain.no_method("this node of the mover", method, *served)
        try:
            return plain.write(served[method](context, key, *given))
        except (BadPackage, KernelError) as problem:
            raise DeviceError(str(problem), code=getattr(problem, "code", None)) from None
        except TypeError:
            raise DeviceError(f"{method}() has other arguments", name="TypeError") from None

    def _methods(self, kind: str) -> dict[str, Any]:
        match kind:
            case "departure":
                moving = {"offered": self._offered, "next": self._next, "answered": self._answered}
                return {**moving, "go": self._go, "stay": self._stay, "started": self._started}
            case "accepts":
                return {"offer": self._offer}
            case "arrival":
                return {"take": self._take, "start": self._start, "cancel": self._cancel}
        return {}

    def node_gone(self, state: CapData, context: DeviceContext) -> None:
        """Forget what belonged to a node that nobody holds any more."""
        try:
            found = plain.read(state)
        except DeviceError:
            return
        if not _is_node(found):
            return
        kind, number = next(iter(found.items()))
        if kind == "arrival":
            self._cancel(context, f"{kind}.{number}")
        elif kind == "accepts":
            context.set(f"{kind}.{number}", None)

    def _new(self, context: DeviceContext, kind: str, row: dict[str, Any]) -> Ref:
        number = (plain.kept(context, "count", plain.is_number) or 0) + 1
        context.set("count", plain.write(number))
        context.set(f"{kind}.{number}", plain.write(row))
        return Ref(context.new_node(plain.write({kind: number})), kind)

    def _row(self, context: DeviceContext, key: str) -> dict[str, Any]:
        row: dict[str, Any] | None = plain.kept(context, key, _is_row)
        if row is None:
            raise DeviceError("this move has ended", code="ended")
        return row

    def _change(self, context: DeviceContext, key: str, **parts: Any) -> None:
        context.set(key, plain.write({**self._row(context, key), **parts}))

    def _forget(self, context: DeviceContext, key: str) -> None:
        for each in (key, *context.keys(f"{key}.")):
            context.set(each, None)

    def _kept(self, context: DeviceContext, key: str, what: str) -> list[Any]:
        """All that was kept in portions, in order."""
        found: list[Any] = []
        at = 0
        while (part := plain.kept(context, f"{key}.{what}.{at}", _is_any)) is not None:
            found += part if isinstance(part, list) else [part]
            at += 1
        return found

    # Departures

    def _depart(self, context: DeviceContext, _key: str, vat_id: Any, there: Any, name: Any) -> list[Any]:
        """A vat is to move: `[node, promise, what to offer]`. It is packed, and suspended."""
        vat = self._store.vats.known(plain.text(vat_id, "the vat"))
        packed = self._departures.pack(vat, one_line(plain.text(there, "there"), _LONGEST))
        text = packed.package.text().encode()
        size = len(text)
        if size > MOST_BYTES:
            raise DeviceError(
                f"vat {vat.name} cannot move: it takes {size:,} bytes, and may take {MOST_BYTES:,}",
                code="too-large",
            )
        promise = Ref(context.new_promise())
        row = {
            "vat": vat.id,
            "where": there,
            "incarnation": vat.incarnation,
            "position": self._store.vats.span(vat.id).position,
            "sent": 0,
            "exports": len(packed.exports),
            "result": promise,
        }
        node = self._new(context, "departure", row)
        number = plain.kept(context, "count", plain.is_number)
        key = f"departure.{number}"
        spelt = base64.b64encode(text).decode("ascii")  # quotes within quotes would double, and double again
        for at in range(0, len(spelt), PIECE):
            context.set(f"{key}.text.{at // PIECE}", plain.write(spelt[at : at + PIECE]))
        for what, krefs in (("refs", packed.refs), ("exports", packed.exports)):
            for at in range(0, len(krefs), PORTION):
                refs = [Ref(kref) for kref in krefs[at : at + PORTION]]
                context.set(f"{key}.{what}.{at // PORTION}", plain.write(refs))
        digest = hashlib.sha256(text).hexdigest()
        wanted = vat.name if name is None else plain.text(name, "the name")
        return [node, promise, {"form": FORMAT, "bytes": size, "digest": digest, "name": wanted}]

    def _offered(self, context: DeviceContext, key: str, arrival: Any) -> None:
        """The new home has answered with an arrival: raise unless it is an object of another world."""
        self._row(context, key)
        if not self._departures.is_of_another_world(plain.reference(arrival, "the arrival").kref):
            words = "the other world has answered with an object that is not its own"
            raise DeviceError(words, code="bad-answer")

    def _next(self, context: DeviceContext, key: str) -> list[Any] | None:
        """What to send next: what it is, and the piece or portion; None if all is sent and answered."""
        row = self._row(context, key)
        texts, refs = (len(context.keys(f"{key}.{what}.")) for what in ("text", "refs"))
        at: int = row["sent"]
        self._change(context, key, sent=at + 1)
        if at < texts:
            return ["text", plain.kept(context, f"{key}.text.{at}", _is_any)]
        at -= texts
        if at < refs:
            found = plain.kept(context, f"{key}.refs.{at}", _is_any)
            return ["refs", [[each.kref[1] == "p", each] for each in found]]
        at -= refs
        return ["objects", at] if at < max(-(-row["exports"] // PORTION), 1) else None

    def _answered(self, context: DeviceContext, key: str, objects: Any) -> None:
        """The new home has answered with objects that stand for exports."""
        self._row(context, key)
        found = objects if isinstance(objects, list) else [objects]
        if len(found) > PORTION or not all(isinstance(each, Ref) and each.kref[1] == "o" for each in found):
            raise DeviceError("the other world has not answered with objects", code="bad-answer")
        at = len(context.keys(f"{key}.there."))
        if found:
            context.set(f"{key}.there.{at}", plain.write(found))

    def _go(self, context: DeviceContext, key: str, arrival: Any) -> Ref:
        """Decide the move: the vat departs. Returns the promise for what the new home says to `start`."""
        row = self._row(context, key)
        vat = self._store.vats.known(row["vat"])
        if not self._departures.is_on_its_way(vat, row["incarnation"], row["position"]):
            raise DeviceError(f"vat {vat.name} was resumed here, so it stays", code="resumed")
        self._offered(context, key, arrival)
        start = plain.reference(arrival, "the arrival").kref
        exports = tuple(each.kref for each in self._kept(context, key, "exports"))
        there = tuple(each.kref for each in self._kept(context, key, "there"))
        where = one_line(row["where"], _LONGEST)
        started = self._departures.depart(vat, exports, there, start, context.caller or "", where)
        context.set(f"gone.{vat.id}", plain.write({"name": vat.name, "where": where, "said": UNSAID}))
        outcome = plain.write({"name": vat.name, "where": where, "objects": len(exports)})
        context.settle(row["result"].kref, False, outcome)
        return Ref(started)

    def _started(self, context: DeviceContext, key: str, trouble: Any) -> None:
        """The new home has said that the vat is there; if it has not, the package is kept."""
        vat = self._row(context, key)["vat"]
        gone = self._row(context, f"gone.{vat}")
        if trouble is None:
            self._forget(context, key)
        said = "" if trouble is None else one_line(str(trouble), _LONGEST)
        context.set(f"gone.{vat}", plain.write({**gone, "said": said}))

    def _take_back(self, context: DeviceContext, _key: str, vat: Any) -> str:
        """Make a vat here anew whose new home has not said that it is there. Returns its name."""
        gone = self._row(context, f"gone.{plain.text(vat, 'the vat')}")
        keys = [each for each in context.keys("departure.") if each.count(".") == 1]
        key = next((each for each in keys if self._row(context, each)["vat"] == vat), None)
        if key is None or gone["said"] in ("", UNSAID):
            raise DeviceError(f"vat {gone['name']} cannot be taken back: its move has not failed")
        package = read_package(base64.b64decode("".join(self._kept(context, key, "text"))))
        refs, exports = (tuple(each.kref for each in self._kept(context, key, what)) for what in _BESIDE)
        self._departures.give_back(exports)
        made = self._arrivals.arrive(package, refs, exports, package.name, None)
        context.set(f"gone.{vat}", None)
        self._forget(context, key)
        return made.name

    def _stay(self, context: DeviceContext, key: str, words: Any, code: Any) -> None:
        """The move has failed, and the vat stays: it goes on, unless somebody has resumed it already."""
        row = self._row(context, key)
        vat = self._store.vats.known(row["vat"])
        if self._departures.is_on_its_way(vat, row["incarnation"], row["position"]):
            self._departures.stay(vat)
        told = f"vat {vat.name} has not moved: {one_line(str(words), 2_000)}"
        code = code if isinstance(code, str) and len(code) <= _LONGEST else "move-refused"
        context.settle(row["result"].kref, True, capdata.error("Error", told, code=code))
        self._forget(context, key)

    # Arrivals

    def _accept(self, context: DeviceContext, _key: str, most: Any, vats: Any, meter: Any) -> Ref:
        """A node of a new acceptance."""
        size = min(plain.whole(most, "bytes"), MOST_BYTES)
        if meter is not None:
            self._metering.get(plain.text(meter, "meter"))
        return self._new(
            context, "accepts", {"bytes": size, "vats": plain.whole(vats, "vats"), "meter": meter}
        )

    def _offer(self, context: DeviceContext, key: str, offer: Any) -> Ref:
        """A node of an arrival, if what is offered can be taken."""
        row = self._row(context, key)
        wanted = {"form", "bytes", "digest", "name"}
        if not isinstance(offer, dict) or set(offer) != wanted or not _is_form(offer["form"]):
            self._refuse("format", f"this world takes vats in form {FORMAT} alone: have both use one release")
        if type(offer["bytes"]) is not int or not 0 < offer["bytes"] <= row["bytes"]:
            self._refuse("too-large", f"it takes more than the {row['bytes']:,} bytes that are accepted")
        if not _is_digest(offer["digest"]) or not isinstance(offer["name"], str):
            self._refuse("format", "an offer has a digest of 64 hexadecimal digits, and a name")
        if (trouble := self._arrivals.name_for(offer["name"])) is not None:
            self._refuse("name-taken", f"{trouble}; it may come under another one")
        arrivals = [each for each in context.keys("arrival.") if each.count(".") == 1]
        staged = len([each for each in arrivals if self._row(context, each)["by"] == key])
        if staged >= MOST_STAGED:
            self._refuse("busy", f"{staged} vats are on their way already: try again later")
        if row["vats"] <= staged:
            self._refuse("used", "it accepts no more vats by this object: ask for another")
        told = {name: offer[name] for name in ("bytes", "digest", "name")}
        told |= {"by": key, "meter": row["meter"]}  # it pays, whatever becomes of the acceptance
        return self._new(context, "arrival", {**told, "size": 0, "texts": 0, "refs": 0, "ready": False})

    def _refuse(self, code: str, words: str) -> NoReturn:
        raise DeviceError(f"the other world does not take it: {words}", code=code)

    def _take(self, context: DeviceContext, key: str, what: Any, part: Any, arrival: Any) -> list[Any]:
        """Take a piece or a portion, or answer with a portion of the objects that will be exports."""
        row = self._row(context, key)
        if what == "objects":
            if not row["ready"]:
                self._complete(context, key)
            at = plain.whole(part, "a portion")
            found = plain.kept(context, f"{key}.objects.{at}", lambda value: isinstance(value, list))
            return found or []
        if row["ready"]:
            self._refuse("order", "it is complete, and nothing more can come")
        if what == "text" and isinstance(part, str) and row["refs"] == 0:
            size, whole = row["size"] + len(part), -(-row["bytes"] // 3) * 4
            if size > whole:
                self._refuse("too-large", "it has more bytes than were offered")
            if len(part) != PIECE and (size != whole or not 0 < len(part) < PIECE):
                self._refuse("order", f"each piece but the last one has {PIECE:,} characters")
            context.set(f"{key}.text.{row['texts']}", plain.write(part))
            self._change(context, key, size=size, texts=row["texts"] + 1)
        elif what == "refs" and _is_portion(part) and row["refs"] * PORTION < 2 * MOST_ENTRIES:
            target = plain.reference(arrival, "the arrival").kref
            refs = [self._promise(target) if each is None else each for each in part]
            context.set(f"{key}.refs.{row['refs']}", plain.write(refs))
            self._change(context, key, refs=row["refs"] + 1)
        else:
            self._refuse("order", "what came is no piece of a package, and no portion of references")
        return []

    def _promise(self, arrival: str) -> Ref:
        """A promise that follows the next one that came: it is asked for, as no vat gives a device one."""
        promise = self._store.new_promise(None)
        self._store.enqueue(Send(arrival, Message(capdata.data(["promise", []]), promise)))
        return Ref(promise)

    def _complete(self, context: DeviceContext, key: str) -> None:
        """Look at all that came, and make the objects that will be exports."""
        row = self._row(context, key)
        package = self._package(context, key, row)
        refs = self._kept(context, key, "refs")
        letters = [each.kref[1] for each in refs]
        if letters != package.letters():
            self._refuse("references", "other references came than its package has")
        named = [each.kref for each in refs[: len(refs) - len(package.slots)]]
        if len(set(named)) != len(named):
            self._refuse("same-reference", "two of its references are one object in this world")
        made = self._arrivals.stand_ins(package)
        for at in range(0, len(made), PORTION):
            portion = [Ref(kref, "moved") for kref in made[at : at + PORTION]]
            context.set(f"{key}.objects.{at // PORTION}", plain.write(portion))
        self._change(context, key, ready=True)

    def _package(self, context: DeviceContext, key: str, row: dict[str, Any]) -> VatPackage:
        try:
            text = base64.b64decode("".join(self._kept(context, key, "text")), validate=True)
        except ValueError:
            self._refuse("digest", "what came is not spelt in Base64")
        if hashlib.sha256(text).hexdigest() != row["digest"]:
            self._refuse("digest", "what came is not what was offered")
        try:
            return read_package(text)
        except BadPackage as problem:
            self._refuse(problem.code, str(problem))

    def _start(self, context: DeviceContext, key: str) -> None:
        """The old home has decided: the vat is here from now on."""
        row = self._row(context, key)
        if not row["ready"]:
            self._refuse("order", "it is not complete")
        package = self._package(context, key, row)
        refs = tuple(each.kref for each in self._kept(context, key, "refs"))
        objects = tuple(each.kref for each in self._kept(context, key, "objects"))
        accepts = plain.kept(context, row["by"], _is_row)
        meter, trouble = row["meter"], None
        if meter is not None and self._store.meters.get(meter) is None:
            meter, trouble = None, f"{reasons.METER_EXHAUSTED}: its meter is gone: give it one, and resume it"
        vat = self._arrivals.arrive(package, refs, objects, row["name"], meter, trouble=trouble)
        context.set(f"came.{vat.id}", plain.write({"name": vat.name, "incarnation": package.incarnation}))
        if accepts is not None:
            self._change(context, row["by"], vats=accepts["vats"] - 1)
        self._forget(context, key)

    def _cancel(self, context: DeviceContext, key: str) -> None:
        """The vat does not come."""
        self._forget(context, key)


def _is_any(_value: Any) -> bool:
    return True


def _is_row(value: Any) -> bool:
    return isinstance(value, dict)


def _is_form(value: Any) -> bool:
    return type(value) is int and value == FORMAT


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_portion(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= PORTION
        and all(each is None or (isinstance(each, Ref) and each.kref[1] == "o") for each in value)
    )


def _is_node(value: Any) -> bool:
    """Whether a value is the state of a node of the mover."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in _KINDS
        and plain.is_number(next(iter(value.values())))
    )
