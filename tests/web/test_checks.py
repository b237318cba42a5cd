"""What a vat asks for by HTTP stays below its prefix, and in its lines."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swingset.core.device_board import DeviceError
from swingset.host.wires.http_checks import (
    Base,
    checked_answer,
    checked_body,
    checked_headers,
    checked_query,
)

BASE = Base.of("https://api.example/v1/")
DOTS = ("..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%25252e.", "..;", "..;x=1", "...", "%2e", ".", ". .")
SLASHES = ("/", "%2f", "%2F", "%252f", "\\", "%5c", "%5C", "%255c")
STRANGE = (
    "\r\n",
    "%0d%0a",
    "%00",
    "\0",
    " ",
    "ä",
    "．．",
    "\u2024",
    "#x",
    "?x",
    "[",
    "^",
    "|",
    '"',
    "<",
    "%",
    "%g1",
)
OTHERS = (
    "//evil.example/",
    "///evil",
    "https://evil.example/",
    "http:///x",
    "/etc/passwd",
    "a//b",
    "a///",
    "//",
    "/%2e%2e/",
    "@/../",
    "x/..",
    "x/../..",
    "./",
    "x/.",
    "\\\\evil\\",
    "\\evil",
    "a\\..\\b",
    "\tx",
    "x\n",
)
BAD = sorted(
    {
        *OTHERS,
        *(f"{left}{dots}{slash}x" for left in ("", "a/") for dots in DOTS for slash in ("/", "%2f", "%5c")),
        *(f"a{slash}..{slash}b" for slash in SLASHES),
        *(f"a{slash}b" for slash in SLASHES[1:]),
        *(f"a{strange}b" for strange in STRANGE),
        *(f"{dots}" for dots in DOTS),
    }
)


def test_a_path_that_could_leave_the_prefix_is_refused() -> None:
    """Dots, slashes and strange characters in every disguise are refused, with the code `refused`."""
    assert len(BAD) > 120
    for path in BAD:
        with pytest.raises(DeviceError) as caught:
            BASE.url(path, None)
        assert caught.value.code == "refused"
        with pytest.raises(DeviceError):
            BASE.under(path + "/")


GOOD: list[Any] = [
    "",
    "x",
    "x/",
    "x/y.json",
    "a.b/..c",
    ".well-known/x",
    "@scope/name",
    "100%25",
    "a:b",
    "~x;v=1",
    "%C3%A4",
]


def test_a_path_below_the_prefix_is_taken_as_it_is() -> None:
    """What stays below is put behind the prefix."""
    for path in GOOD:
        assert BASE.url(path, None) == f"https://api.example/v1/{path}"


@given(st.text(st.sampled_from(".%/\\2eEfF5cC;@:?#ax "), max_size=12))
def test_no_path_leaves_the_prefix(path: str) -> None:
    """What is taken is below the prefix also for a reader that decodes twice, and joins as browsers do."""
    try:
        url = BASE.url(path, None)
    except DeviceError:
        return
    for seen in (url, unquote(url), unquote(unquote(url)), unquote(url).replace("\\", "/")):
        joined = urljoin("https://api.example/v1/", seen)
        assert urlsplit(joined).netloc == "api.example"
        assert joined.startswith("https://api.example/v1/")


NO_ORIGINS: list[Any] = [
    None,
    5,
    "",
    "api.example/",
    "ftp://api.example/",
    "file:///etc/",
    "javascript:x/",
    "https:///x/",
    "https://",
    "https://api.example/v1",
    "https://u@api.example/",
    "https://u:p@api.example/",
    "https://api.example:x/",
    "https://api.example:99999/",
    "https://api.example/?x=/",
    "https://api.example/#/",
    "https://a b/",
    "https://api.example/../",
    "https://api.example/a/%2e%2e/",
    "https://ä.example/",
    "https://a\r\nb/",
    "https://api.example/v1/ ",
    "https://[::1/",
    "https://api.example//",
]


def test_what_is_no_origin_is_refused() -> None:
    """An origin is http or https, a host, and a prefix that ends with a slash."""
    for url in NO_ORIGINS:
        with pytest.raises(ValueError, match=r".+"):
            Base.of(url)


NO_HEADERS: list[Any] = [
    5,
    [["a", "b"]],
    {"host": "evil"},
    {"Host": "evil"},
    {"content-length": "0"},
    {"transfer-encoding": "x"},
    {"connection": "x"},
    {"upgrade": "h2c"},
    {"proxy-authorization": "x"},
    {"sec-websocket-key": "x"},
    {"te": "x"},
    {"expect": "x"},
    {"a\r\nb": "c"},
    {"a": "b\r\nc: d"},
    {"a": "b\nc"},
    {"a": "b\0"},
    {"": "x"},
    {"a b": "x"},
    {"a:": "x"},
    {"a": 5},
    {5: "a"},
    {"a": "\u0100"},
    {"ä": "x"},
    {"a": "x" * 20_000},
    {f"h{number}": "x" for number in range(65)},
    {"accept-encoding": "gzip"},
]


def test_a_header_that_changes_the_request_is_refused() -> None:
    """Headers are one line each, and none says how the request is carried or to whom."""
    for headers in NO_HEADERS:
        with pytest.raises(DeviceError) as caught:
            checked_headers(headers)
        assert caught.value.code == "refused"


def test_a_query_is_written_as_one() -> None:
    """Texts, numbers and lists of them are quoted; all else is refused."""
    assert checked_query({"a": "b&c=d#?/../", "n": 1, "l": ["x", "y"], "t": True}) == (
        "a=b%26c%3Dd%23%3F%2F..%2F&n=1&l=x&l=y&t=true"
    )
    refused: tuple[Any, ...] = (
        "a=b",
        5,
        {"a": None},
        {"a": {}},
        {5: "a"},
        {"a": "\ud800"},
        {"a": "x" * 9_000},
    )
    for bad in refused:
        with pytest.raises(DeviceError):
            checked_query(bad)


def test_a_body_and_an_answer_are_bounded_plain_data() -> None:
    """An answer is a text, bytes, nothing, or a status with headers and a body."""
    assert checked_answer("ä")["body"] == "ä".encode()
    assert checked_answer(None)["status"] == 204
    assert checked_answer({"status": 201, "headers": {"X": "y"}, "body": b"z"}) == {
        "status": 201,
        "headers": [["x", "y"]],
        "body": b"z",
    }
    for bad in (
        5,
        [1],
        {"x": 1},
        {"status": 100},
        {"status": 600},
        {"status": True},
        {"headers": {"a": "\n"}},
    ):
        with pytest.raises(DeviceError):
            checked_answer(bad)
    for body in (5, "\ud800", b"x" * 5_000_001):
        with pytest.raises(DeviceError):
            checked_body(body)
