"""HTTP as a device: what the service vat `http` asks of the host while it runs.

A call changes nothing outside. A request and its promise stand in the device's state until the answer is
recorded, so they outlive restarts and upgrades; all else that is to be sent stands there until the commit,
and the host takes it from there (`http_line`). Each node is one right: an origin with its prefix and methods,
a site with its prefix, one side of a WebSocket. What a call asks for is checked here, by the node's state,
whoever calls.

The code is in every host, also in a fork; only a world that is open for good has somebody who sends. So in
a fork requests stay unanswered.
"""

from __future__ import annotations

from typing import Any, ClassVar

from swingset.core.device_board import DeviceError
from swingset.host.controls.own_devices import Device, DeviceCall
from swingset.host.wires.http_checks import (
    Base,
    checked_answer,
    checked_body,
    checked_headers,
    checked_methods,
    refused,
)
from swingset.model.capdata import Ref
from swingset.model.foreign import shown
from swingset.model.visible import one_line

NAME = "http"
OUT, ASK, CONN, SITE = "out.", "ask.", "conn.", "site."
"""How the keys begin: of what is to be sent, of requests, of WebSockets, and of sites."""

MUCH, MOST_UNSENT = 1 << 18, 2 << 20
"""After how many unsent bytes a sender waits, and how many there are at most on one WebSocket."""

MOST_ASKED = 100
"""How many requests of one origin may wait for their answers."""

MOST_CONNECTIONS = 100
"""How many WebSockets a world has open at most."""

MOST_MESSAGE = 1 << 20


class HttpDevice(Device):
    """Serves the device of kind `http`."""

    kind: ClassVar[str] = NAME

    def __init__(self) -> None:
        self.wrote = False
        """Whether something may be there to send."""

    # The root, which only the service vat has.

    def origin(self, call: DeviceCall, spec: dict[str, Any]) -> Ref:
        """Make an origin, as the host has asked for it."""
        self._of(call, None)
        state = {"what": "origin", "origin": self._next(call, "origins"), **spec}
        return call.new_node(state)

    def site(self, call: DeviceCall, spec: dict[str, Any]) -> Ref:
        """Make a site, as the host has asked for it."""
        self._of(call, None)
        for key in call.state:
            if key.startswith(SITE) and call.state[key]["prefix"] == spec["prefix"]:
                raise DeviceError(f"the prefix {spec['prefix']} is served already", name="ValueError")
        number = self._next(call, "sites")
        call.state[f"{SITE}{number}"] = spec
        return call.new_node({"what": "site", "site": number})

    # Origins

    def describe(self, call: DeviceCall) -> dict[str, Any]:
        """What a node is for: never the headers that the host adds."""
        state = call.node_state or {}
        if state.get("what") == "site":
            return {"prefix": self._site(call)["prefix"]}
        state = self._of(call, "origin")
        return {"url": _base(state).text, "methods": state["methods"], "sockets": state["sockets"]}

    def narrow(self, call: DeviceCall, path: str, methods: list[str] | None) -> Ref:
        """An origin below a path, or with fewer methods."""
        state = dict(self._of(call, "origin"))
        state["base"] = list(vars(_base(state).under(path)).values())
        if methods is not None:
            state["methods"] = [each for each in state["methods"] if each in checked_methods(methods)]
            state["sockets"] = False
        return call.new_node(state)

    def ask(
        self, call: DeviceCall, method: str, path: str, query: Any, headers: Any, body: Any, text: bool
    ) -> Ref:
        """Write a request down; returns the promise for its answer."""
        state = self._of(call, "origin")
        if method not in state["methods"]:
            allowed = ", ".join(state["methods"])
            raise refused(f"{one_line(str(method), 20)} is not among the methods of this origin: {allowed}")
        row = self._row(state, path, query, headers)
        row |= {"method": method, "body": checked_body(body), "text": text is True}
        if row["body"] and method in ("GET", "HEAD"):
            raise refused(f"a {method} has no body")
        waiting = call.state.get(f"waiting.{state['origin']}", 0)
        if waiting >= MOST_ASKED:
            words = f"{MOST_ASKED} requests of this origin wait for their answers"
            raise DeviceError(words, name="RuntimeError", code="too-much-waiting")
        call.state[f"waiting.{state['origin']}"] = waiting + 1
        promise = row["promise"] = call.new_promise()
        number = self._next(call, "count")
        call.state[f"{ASK}{number:015d}"] = row
        self._write(call, "ask", f"{number:015d}")
        return promise

    def connect(
        self, call: DeviceCall, path: str, query: Any, headers: Any, listener: Any, connection: Any
    ) -> list[Ref]:
        """Write down that a WebSocket is wanted; returns its node, and the promise for the connection."""
        state = self._of(call, "origin")
        if not state["sockets"]:
            raise refused("this origin has no WebSockets")
        row = self._row(state, path, query, headers)
        row["url"] = "ws" + row["url"].removeprefix("http")
        name = f"a{self._next(call, 'count')}"
        promise = call.new_promise()
        self._add(call, name, {"promise": promise, "connection": connection, "wanted": row}, listener)
        self._write(call, "connect", name)
        return [call.new_node({"what": "connection", "name": name}), promise]

    def _row(self, state: dict[str, Any], path: str, query: Any, headers: Any) -> dict[str, Any]:
        limits = {name: state[name] for name in ("origin", "at_once", "seconds", "bytes")}
        return {"url": _base(state).url(path, query), "headers": checked_headers(headers), **limits}

    # WebSockets

    def say(self, call: DeviceCall, data: Any) -> Ref | None:
        """Write down a message; returns a promise for room if there is little."""
        key, row = self._connection(call)
        if not isinstance(data, str | bytes):
            raise refused(f"a message is a text or bytes, not {shown(data)}")
        size = len(checked_body(data))
        if size > MOST_MESSAGE:
            raise refused(f"a message has at most {MOST_MESSAGE:,} bytes")
        if row["unsent"] + size > MOST_UNSENT:
            words = f"{row['unsent']:,} bytes wait to be sent: await what `send` returns"
            raise DeviceError(words, name="RuntimeError", code="too-much-waiting")
        row["unsent"] += size
        self._write(call, "say", key.removeprefix(CONN), data)
        wait = None
        if row["unsent"] > MUCH:
            wait = row["room"] or call.new_promise()
            row["room"] = wait
        call.state[key] = row
        return wait

    def hang_up(self, call: DeviceCall, code: int, reason: str) -> None:
        """Write down that a WebSocket is to be closed."""
        fits = type(code) is int and (code == 1000 or 3000 <= code <= 4999)
        if not fits or not isinstance(reason, str) or len(reason.encode(errors="replace")) > 120:
            raise refused("a WebSocket is closed with 1000, or 3000 to 4999, and at most 120 bytes of reason")
        key, row = self._connection(call, closed=True)
        if row is not None:
            self._write(call, "hang-up", key.removeprefix(CONN), code, reason)

    def _connection(self, call: DeviceCall, *, closed: bool = False) -> tuple[str, Any]:
        key = CONN + self._of(call, "connection")["name"]
        row = call.state.get(key)
        if row is None and not closed:
            raise DeviceError("this WebSocket is closed", name="ConnectionError", code="disconnected")
        return key, row

    # Sites

    def open(self, call: DeviceCall, door: Ref) -> None:
        """Remember whom to call with what comes to a site."""
        site = self._site(call)
        call.state[f"{SITE}{self._of(call, 'site')['site']}"] = {**site, "door": door}
        self._write(call, "site", site["prefix"])

    def withdraw(self, call: DeviceCall) -> None:
        """Serve a site no more."""
        site = call.state.pop(f"{SITE}{self._of(call, 'site')['site']}", None)
        if site is not None:
            self._write(call, "site", site["prefix"])

    def reply(self, call: DeviceCall, name: str, answer: Any) -> None:
        """Answer a request."""
        self._of(call, "site")
        self._write(call, "reply", name, checked_answer(answer))

    def fail(self, call: DeviceCall, name: str, status: int, words: str) -> None:
        """Answer a request that has failed; the words are sent only if the site says so."""
        shows = self._site(call).get("errors") is True
        body = words.encode(errors="replace")[:10_000] if shows else b""
        headers = [["content-type", "text/plain; charset=utf-8"]] if body else []
        self._forget(call, name)
        self._write(call, "reply", name, {"status": status, "headers": headers, "body": body})

    def admit(self, call: DeviceCall, name: str, listener: Any) -> None:
        """Take a WebSocket, for a listener."""
        self._of(call, "site")
        key = f"{CONN}{name}"
        row = call.state.get(key)
        if not isinstance(listener, Ref):
            raise DeviceError(f"opened() returns a listener, not {shown(listener)}", name="TypeError")
        if row is None:
            said = {"code": "disconnected", "reason": "who has asked for it is gone"}
            call.send(listener, "closed", said)
            return
        call.state[key] = {**row, "listener": listener}
        self._write(call, "admit", name)

    def _forget(self, call: DeviceCall, name: str) -> None:
        if f"{CONN}{name}" in call.state:
            del call.state[f"{CONN}{name}"]

    def _site(self, call: DeviceCall) -> dict[str, Any]:
        found: dict[str, Any] = call.state.get(f"{SITE}{self._of(call, 'site')['site']}") or {
            "prefix": "",
            "closed": True,
        }
        return found

    # What all have in common

    def _of(self, call: DeviceCall, what: str | None) -> dict[str, Any]:
        """The state of the node that was called, if it is one of a kind. Raises `DeviceError`."""
        state = call.node_state
        found = state.get("what") if isinstance(state, dict) else None
        if found != what:
            raise DeviceError(f"this is {what or 'for the root'} only", name="TypeError")
        return state or {}

    def _add(self, call: DeviceCall, name: str, row: dict[str, Any], listener: Any) -> None:
        if not isinstance(listener, Ref):
            raise DeviceError(f"a listener is an object, not {shown(listener)}", name="TypeError")
        self.add_connection(call, name, {**row, "listener": listener})

    def add_connection(self, call: DeviceCall, name: str, row: dict[str, Any]) -> None:
        """Write down a WebSocket. Raises `DeviceError` if there are too many."""
        if sum(key.startswith(CONN) for key in call.state) >= MOST_CONNECTIONS:
            words = f"this world has {MOST_CONNECTIONS} WebSockets open"
            raise DeviceError(words, name="RuntimeError", code="too-much-waiting")
        call.state[CONN + name] = {"listener": None, "unsent": 0, "room": None, **row}

    def _next(self, call: DeviceCall, counter: str) -> int:
        number = int(call.state.get(counter, 0)) + 1
        call.state[counter] = number
        return number

    def _write(self, call: DeviceCall, *said: Any) -> None:
        call.state[f"{OUT}{self._next(call, 'written'):015d}"] = list(said)
        self.wrote = True


def _base(state: dict[str, Any]) -> Base:
    return Base(*state["base"])
