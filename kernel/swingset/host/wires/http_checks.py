"""What a vat says when it fetches and answers by HTTP, looked at before anything is written.

A vat gets one origin and a path prefix. What it asks for is put behind the prefix as text, and is refused
if any server could read it as something above or beside: empty segments, dots however often they are encoded,
slashes and backslashes in disguise. Headers are refused that would change how the request is read, or to whom
it goes. All of it is refused with the code `refused`, and nothing was sent then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from swingset.core.device_board import DeviceError
from swingset.model.foreign import shown
from swingset.model.visible import one_line

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""What may be sent again when it is not known whether it was done."""

MOST_BODY = 5_000_000
"""How many bytes a body has at most, in either direction: a value of a world has at most ten million."""

_LONGEST_PATH = 2_000
_LONGEST_QUERY = 8_000
_MOST_HEADERS = 64
_HEADER_BYTES = 16_000
_ROUNDS = 4
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*\Z", re.ASCII)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])\Z", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]*\Z", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_FRAMING = frozenset(
    """
    connection content-length expect host http2-settings keep-alive te trailer transfer-encoding upgrade
    """.split()  # noqa: SIM905
)


def refused(words: str) -> DeviceError:
    """The error for what is not done."""
    return DeviceError(words, name="PermissionError", code="refused")


@dataclass(frozen=True)
class Base:
    """An origin and a path prefix, which begins and ends with a slash."""

    scheme: str
    authority: str
    prefix: str

    @classmethod
    def of(cls, url: object) -> Base:
        """The base that a URL is. Raises `ValueError`."""
        if not isinstance(url, str):
            raise ValueError(f"a URL is a text, not {shown(url)}")
        shown_url = one_line(url, 100)
        if not _PRINTABLE.match(url):  # the parser would leave out some of it
            raise ValueError(f"{shown_url!r} has a character that no URL has: use its ASCII form")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"{shown_url!r} begins with neither https:// nor http://")
        if "@" in parts.netloc:
            raise ValueError(f"{shown_url!r} has a user or a password: give headers instead")
        host, port = parts.hostname or "", parts.port
        named = f"[{host}]" if ":" in host else host
        if not _HOST.match(named):
            raise ValueError(f"{shown_url!r} has no host that can be read: use its ASCII form")
        if parts.query or parts.fragment or url[-1:] in "?#":
            raise ValueError(f"{shown_url!r} goes on behind its path: the prefix is all before ? and #")
        prefix = parts.path or "/"
        if not prefix.startswith("/") or not prefix.endswith("/"):
            raise ValueError(f"{shown_url!r} is a prefix, so it ends with a slash")
        trouble = path_trouble(prefix[1:])
        if trouble:
            raise ValueError(f"{shown_url!r}: {trouble}")
        return cls(parts.scheme, named if port is None else f"{named}:{port}", prefix)

    @property
    def text(self) -> str:
        """The base as a URL."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def under(self, path: object) -> Base:
        """The base below a path. Raises `DeviceError`."""
        below = checked_path(path)
        if below and not below.endswith("/"):
            raise refused(f"a prefix ends with a slash, and {one_line(below, 60)!r} does not")
        return Base(self.scheme, self.authority, self.prefix + below)

    def url(self, path: object, query: object) -> str:
        """The URL of a path below the base, with a query. Raises `DeviceError`."""
        asked = checked_query(query)
        return self.text + checked_path(path) + (f"?{asked}" if asked else "")


def checked_path(path: object) -> str:
    """A path that stays below whatever it is put behind. Raises `DeviceError`."""
    if not isinstance(path, str):
        raise refused(f"a path is a text, not {shown(path)}")
    trouble = path_trouble(path)
    if trouble:
        raise refused(f"the path {one_line(path, 60)!r} {trouble}")
    return path


def path_trouble(path: str) -> str:
    """What is wrong with a path behind a prefix; empty if nothing is."""
    if len(path) > _LONGEST_PATH:
        return f"has more than {_LONGEST_PATH:,} characters"
    if path.startswith("/"):
        return "begins with a slash: it is put behind the prefix, so leave the slash out"
    if not _PATH.match(path):
        return "has a character that no path has: percent-encode it, and give a query by `query`"
    segments = path.split("/")
    if any(not segment for segment in segments[:-1]):
        return "has an empty segment"
    for segment in segments:
        trouble = _segment_trouble(segment)
        if trouble:
            return trouble
    return ""


def _segment_trouble(segment: str) -> str:
    """What a server that decodes a segment once more, or cuts its parameters, could read in it."""
    for _ in range(_ROUNDS):
        if segment.partition(";")[0].rstrip(" .") == "" and segment.startswith("."):
            return "has a segment of dots, which leads out of the prefix"
        if any(char in "/\\" or char < " " or char == "\x7f" for char in segment):
            return "has a slash, a backslash or a control character in disguise"
        decoded = unquote(segment, errors="replace")
        if decoded == segment:
            return ""
        segment = decoded
    return "is encoded more often than any reader would decode it"


def checked_query(query: object) -> str:
    """A query as text, of a dict of texts, numbers, or lists of them. Raises `DeviceError`."""
    if query is None:
        return ""
    if not isinstance(query, Mapping):
        raise refused(f"a query is a dict, not {shown(query)}")
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(name, str) or type(each) not in (str, int, float, bool):
                raise refused(f"a query has texts, numbers and lists of them, not {shown(each)}")
            said = str(each).lower() if type(each) is bool else str(each)
            pairs.append((name, said))
    try:
        found = urlencode(pairs)
    except UnicodeEncodeError:
        raise refused("a query has half of a character in it") from None
    if len(found) > _LONGEST_QUERY:
        raise refused(f"a query has at most {_LONGEST_QUERY:,} characters")
    return found


def checked_headers(headers: object, *, answer: bool = False) -> list[list[str]]:
    """Headers as pairs, of a dict; with `answer`, those of an answer. Raises `DeviceError`."""
    if headers is None:
        return []
    if not isinstance(headers, Mapping):
        raise refused(f"headers are a dict, not {shown(headers)}")
    if len(headers) > _MOST_HEADERS:
        raise refused(f"there are at most {_MOST_HEADERS} headers")
    found = [_header(name, value, answer) for name, value in headers.items()]
    if sum(len(name) + len(value) for name, value in found) > _HEADER_BYTES:
        raise refused(f"all headers have at most {_HEADER_BYTES:,} bytes")
    return found


def _header(name: object, value: object, answer: bool) -> list[str]:
    if not isinstance(name, str) or not _TOKEN.match(name):
        raise refused(f"the name of a header is a word, not {one_line(str(name), 60)!r}")
    small = name.lower()
    if small in _FRAMING or small.startswith(("proxy-", "sec-")):
        raise refused(f"the header {small} is for who carries it")
    if small == "accept-encoding" and not answer:
        raise refused("answers come as they are: there is no accept-encoding")
    if not isinstance(value, str) or not _VALUE.match(value):
        raise refused(f"the header {small} is a text of one line, in Latin-1")
    return [small, value.strip(" \t")]


def checked_body(body: object) -> bytes:
    """A body as bytes. Raises `DeviceError`."""
    if body is None:
        return b""
    try:
        found = body.encode() if isinstance(body, str) else body
    except UnicodeEncodeError:
        raise refused("the body has half of a character in it") from None
    if type(found) is not bytes:
        raise refused(f"a body is bytes or a text, not {shown(body)}")
    if len(found) > MOST_BODY:
        raise refused(f"a body has at most {MOST_BODY:,} bytes")
    return found


def checked_methods(methods: object) -> list[str]:
    """Names of methods, in the order of `METHODS`. Raises `ValueError`."""
    known = list(methods) if isinstance(methods, list | tuple) else []
    if not known or any(each not in METHODS for each in known):
        raise ValueError(f"methods are some of {', '.join(METHODS)}, in a list, not {shown(methods)}")
    return [each for each in METHODS if each in known]


def checked_answer(answer: Any) -> dict[str, Any]:
    """What a vat answers a request with, as status, headers and body. Raises `DeviceError`."""
    if answer is None:
        return {"status": 204, "headers": [], "body": b""}
    if isinstance(answer, str | bytes):
        kind = "text/plain; charset=utf-8" if isinstance(answer, str) else "application/octet-stream"
        return {"status": 200, "headers": [["content-type", kind]], "body": checked_body(answer)}
    if not isinstance(answer, Mapping) or not _within(answer, ("status", "headers", "body")):
        raise refused(
            f"an answer is a text, bytes, None, or a dict of status, headers and body, not {shown(answer)}"
        )
    status = answer.get("status", 200)
    if type(status) is not int or not 200 <= status <= 599:
        raise refused(f"a status is a number from 200 to 599, not {shown(status)}")
    headers, body = checked_headers(answer.get("headers"), answer=True), answer.get("body")
    if isinstance(body, str) and all(name != "content-type" for name, _ in headers):
        headers.append(["content-type", "text/plain; charset=utf-8"])
    return {"status": status, "headers": headers, "body": checked_body(body)}


def _within(names: Iterable[object], known: Iterable[str]) -> bool:
    return set(names) <= set(known)
