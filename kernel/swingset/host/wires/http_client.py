"""What vats fetch by HTTP, on the thread with the sockets: one connection for each request.

A request is sent once, to the address that it was checked for: nothing is redirected, no cookie is kept, no
proxy and no password of the environment is used, and an answer comes as it is, without a content encoding
that could grow. An answer that is too large or too slow costs its own request. What came goes into the inbox,
and waits while that is full.

Whether anything was sent decides what a failure says: nothing was, or it is not known whether it was done.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from swingset.host.wires.http_checks import REPEATABLE
from swingset.host.wires.http_inputs import Fault
from swingset.host.wires.keys import NeedsExtra
from swingset.model.visible import one_line

_AGENT = "swingset"


class Broken(Exception):
    """A request has failed, for a fault."""

    def __init__(self, words: str, *, code: str) -> None:
        super().__init__(words)
        self.fault: Fault = (code, words)


def httpx() -> Any:
    """The package; raises `NeedsExtra` without it."""
    try:
        import httpx as package
    except ImportError:
        raise NeedsExtra("fetching needs the package httpx: pip install 'swingset-nb[net]'") from None
    return package


class Fetcher:
    """Sends requests; each answer is a dict of `status`, `headers` and `body`."""

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What certificates are checked with."""
        return ssl.create_default_context()

    async def fetch(self, row: Mapping[str, Any], secret: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a request. `secret` headers are added. Raises `Broken`."""
        package, sent = httpx(), asyncio.Event()
        again = row["method"] in REPEATABLE

        async def trace(name: str, _info: Any) -> None:
            if name.endswith("send_request_headers.started"):
                sent.set()

        try:
            async with asyncio.timeout(row["seconds"]):
                return await self._fetch(package, row, secret, trace)
        except (TimeoutError, package.TimeoutException):
            words = f"no whole answer came within {row['seconds']:g} seconds"
            raise _lost(words, sent.is_set(), again, code="timed-out") from None
        except package.RemoteProtocolError as problem:
            # One class for two things: the connection ended, or what came is no HTTP.
            if "disconnected" in str(problem):
                raise _lost(_said(problem), sent.is_set(), again, code="disconnected") from None
            raise _lost(_said(problem), sent.is_set(), again, code="malformed") from None
        except (package.TransportError, package.InvalidURL, OSError, ssl.SSLError) as problem:
            raise _lost(_said(problem), sent.is_set(), again, code="disconnected") from None

    async def _fetch(
        self, package: Any, row: Mapping[str, Any], secret: Mapping[str, str], trace: Any
    ) -> dict[str, Any]:
        headers = {
            "accept": "*/*",
            "user-agent": _AGENT,
            **dict(row["headers"]),
            **secret,
            "accept-encoding": "identity",
        }
        request = package.Request(
            row["method"],
            row["url"],
            headers=headers,
            content=row["body"] or None,
            extensions={"trace": trace},
        )
        alone = package.Limits(max_keepalive_connections=0)
        verify = self.context if row["url"].startswith("https:") else False  # to read all takes long
        async with package.AsyncHTTPTransport(verify=verify, limits=alone, retries=0) as transport:
            response = await transport.handle_async_request(request)
            try:
                return await _read(response, row)
            finally:
                await response.aclose()


async def _read(response: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > row["bytes"]:
            raise Broken(f"the answer has more than {row['bytes']:,} bytes", code="too-large")
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    found: bytes | str = bytes(body)
    if row["text"]:
        try:
            found = body.decode()
        except UnicodeDecodeError:
            raise Broken("the answer is no text in UTF-8: fetch it as bytes", code="not-text") from None
    return {"status": int(response.status_code), "headers": headers, "body": found}


def _lost(words: str, sent: bool, again: bool, *, code: str) -> Broken:
    if not sent and code != "timed-out":
        return Broken(f"nothing was sent: {words}", code="unreachable")
    if again or not sent:
        return Broken(words if sent else f"nothing was sent: {words}", code=code)
    return Broken(f"it is not known whether it was done: {words}", code="outcome-unknown")


def _said(problem: BaseException) -> str:
    return one_line(str(problem) or type(problem).__name__, 200)
