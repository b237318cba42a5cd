"""What a host's server does with a request for a site: it becomes an input of the world, and waits.

It waits for a bounded time, and only so many wait at once. A page of another site cannot use the site of a
person who looks at it: the name of the host has to be one that the server has, and where a
browser says from which page a request comes, that has to be the site itself or one that the host has named. A
link on another page may be followed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from swingset.host.wires.http_sockets import Sockets
from swingset.host.wires.wire_inbox import Inbox
from swingset.netlayers.http_server import Request, Response, ServerSocket, refusal
from swingset.netlayers.secured import is_loopback

MOST_WAITING = 100
"""How many requests of all sites wait for their answers at once."""

_MOST_FIELDS = 200
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_ENDED = ("timed-out", "the site has not answered in time")


class Waiting:
    """The requests of one life of the device that wait for their answers."""

    def __init__(self, inbox: Inbox, sockets: Sockets, life: str) -> None:
        self.inbox = inbox
        self.sockets = sockets
        self._life = life
        self._count = 0
        self._replies: dict[str, asyncio.Future[Response | None]] = {}

    def __len__(self) -> int:
        return len(self._replies)

    async def ask(self, method: str, prefix: str, request: Request, seconds: float) -> tuple[str, Any]:
        """Ask the world; returns the name of the request, and the response, or None to take a WebSocket."""
        if len(self._replies) >= MOST_WAITING or self.inbox.full:
            return "", refusal(503)
        self._count += 1
        name = f"{self._life}-{self._count}"
        reply = self._replies[name] = asyncio.get_running_loop().create_future()
        response: Response | None = refusal(504)
        if method == "knocked":
            self.sockets.expect(name)  # what is said over it before it is there has to wait
        try:
            self.inbox.put(method, name, prefix, _said(request, prefix))
            response = await asyncio.wait_for(reply, seconds)
        except TimeoutError:
            self.inbox.put("closed", name, _ENDED, None)
        finally:
            self._replies.pop(name, None)
            if response is not None:
                self.sockets.forget(name)
        return name, response

    def reply(self, name: str, response: Response | None) -> None:
        """Answer a request, if it still waits."""
        found = self._replies.get(name)
        if found is not None and not found.done():
            found.set_result(response)

    def end(self) -> None:
        """Answer all requests: the world has gone somewhere else."""
        for name in list(self._replies):
            self.reply(name, refusal(503))


class SiteApp:
    """One site, mounted at its prefix."""

    def __init__(self, prefix: str, site: Mapping[str, Any], waiting: Waiting, *, secure: bool) -> None:
        self._prefix = prefix
        self._site = site
        self._waiting = waiting
        self._secure = secure
        self._names: dict[int, str] = {}

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        unfit = self._unfit(request)
        if unfit is not None:
            return unfit
        _, response = await self._waiting.ask("requested", self._prefix, request, self._site["seconds"])
        found: Response = refusal(500) if response is None else response
        return found

    async def refuse(self, request: Request) -> Response | None:
        """Have the world take a WebSocket, or refuse it."""
        unfit = self._unfit(request)
        if unfit is not None:
            return unfit
        name, found = await self._waiting.ask("knocked", self._prefix, request, self._site["seconds"])
        if found is None:
            self._names[id(request)] = name
        response: Response | None = found
        return response

    async def talk(self, request: Request, socket: ServerSocket) -> None:
        """Carry what is said over a WebSocket."""
        await self._waiting.sockets.carry(self._names.pop(id(request)), socket)

    def _unfit(self, request: Request) -> Response | None:
        """The refusal of a request that is for another host, or from the page of another."""
        host = request.header("host") or ""
        known = _HOST.fullmatch(host)
        if known is None:
            return refusal(421)
        named = known[1].strip("[]").lower()
        if not self._secure and not is_loopback(named) and named not in self._site["hosts"]:
            return refusal(421)
        origin = request.header("origin")
        own = f"{'https' if self._secure else 'http'}://{host}"
        if origin is not None and origin != own and origin not in self._site["origins"]:
            return refusal(403)
        return refusal(403) if origin is None and self._is_foreign(request) else None

    def _is_foreign(self, request: Request) -> bool:
        """Whether a browser says that a page of another site has asked for this, as a picture or a script.

        A link that a person follows is none, so what a GET does has to be harmless.
        """
        if request.header("sec-fetch-site") not in ("cross-site", "same-site"):
            return False
        if request.method == "GET" and request.header("sec-fetch-mode") == "navigate":
            return request.header("sec-fetch-dest") != "document"
        try:
            page = urlsplit(request.header("referer") or "")
        except ValueError:
            return True
        return f"{page.scheme}://{page.netloc}" not in self._site["origins"]


def _said(request: Request, prefix: str) -> dict[str, Any]:
    """A request as vats get it."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    try:
        query = dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        query = {}
    return {
        "method": request.method,
        "path": request.path[len(prefix) :],
        "url": request.path + (f"?{request.query}" if request.query else ""),
        "query": query,
        "headers": headers,
        "body": request.body,
    }


def response_of(answer: Mapping[str, Any]) -> Response:
    """The response that a vat's answer is."""
    headers = tuple((str(name), str(value)) for name, value in answer["headers"])
    body = answer["body"]
    if not body and answer["status"] >= 400 and not headers:
        return refusal(answer["status"])
    return Response(answer["status"], headers, body)
