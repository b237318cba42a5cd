"""Knocks at the door that no guest library makes: what becomes of each, on hosts that stand at two depths.

A case is a line of `KNOCKS`: a title, the bytes as an expression that the vat evaluates, the reason that its
sender hears, and words of the refusal. All of them run in one world per host, one after the other, with a
bystander that has to answer after each. The hosts differ in how deep their stack is when they run the world,
and every digest has to be the same all the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from swingset.guest.base.errors import RemoteError
from tests.staging import Stage

VAT = """
import _host, json
from swingset.vat import remotable

def send(body='#["m",[]]', slots='[]', result='null', target="o+0"):
    return '["send","%s",{"methargs":{"body":%s,"slots":%s},"result":%s}]' % (
        target, json.dumps(body), slots, result)

def nested(depth, inside=""):
    return "[" * depth + inside + "]" * depth

def many(piece, count):
    return ",".join([piece] * count)

def flood(stride):
    pairs = ",".join('["+%d",0]' % (n * stride) for n in range(100_000))
    return '#["ping",[{"#tag":"map","payload":[%s]}]]' % pairs

def S(*syscalls):
    return ("S[" + ",".join(syscalls) + "]").encode()

def R(result):
    return ("R" + result).encode()

class Failing(Exception):
    pass

@remotable
class Root:
    def ping(self):
        return "pong"

    def knock(self, expression):
        knock = eval(expression)
        for each in knock if isinstance(knock, list) else [knock]:
            _host.call(each)

def build_root_object():
    return Root()
"""


class Knock(NamedTuple):
    """One hostile knock, and the reason and words of what its sender hears; no reason: it is let through."""

    title: str
    expression: str
    code: str | None
    words: str


KNOCKS = [
    Knock(
        "lone surrogate and depth 900",
        r"""S(send(slots='["\\ud800"]', result=nested(900)))""",
        "protocol",
        "JSON",
    ),
    Knock(
        "lone surrogate and depth 971",
        r"""S(send(slots='["\\ud800"]', result=nested(971)))""",
        "protocol",
        "JSON",
    ),
    Knock("lone surrogate in a slot", r"""S(send(slots='["\\ud800"]'))""", "protocol", "'send' wants text"),
    Knock("depth 17", "S(nested(17))", "protocol", "deeper than 16 levels"),
    Knock("depth 14", "S(nested(14))", "protocol", "begins with its name"),
    Knock("objects of depth 500", """b'S' + b'{"a":' * 500 + b'1' + b'}' * 500""", "protocol", "deeper than"),
    Knock(
        "depth behind quotes",
        r"""b'S["\\\\\\"",' + b'[' * 980 + b']' * 980 + b']'""",
        "protocol",
        "deeper than",
    ),
    Knock(
        "depth in the result",
        'R(\'{"status":"error","error":{"details":\' + nested(960) + "}}")',
        "protocol",
        "deeper",
    ),
    Knock("depth 980 in a body", "S(send(body='#' + nested(980)))", None, ""),
    Knock("depth 980 in a method", "S(send(body='#[' + nested(980) + ']'))", None, ""),
    Knock("not closed", "b'S' + b'[' * 970", "protocol", "deeper than"),
    Knock(
        "twenty million lists",
        "b'S[' + b'[],' * 20_000_000 + b'[]]'",
        "protocol",
        "more than 1,000,000 values",
    ),
    Knock(
        "five million texts",
        "b'S[' + b'\"\",' * 5_000_000 + b'\"\"]'",
        "protocol",
        "more than 1,000,000 values",
    ),
    Knock("an int of 5,000 digits", "b'S[' + b'9' * 5_000 + b']'", "protocol", "5,000 digits"),
    Knock(
        "an int of 4,000 digits", "b'S[[\"exit\",' + b'9' * 4_000 + b',0]]'", "protocol", "int (very large)"
    ),
    Knock("a float out of range", "b'S[[\"exit\",1e999,0]]'", "protocol", "out of range"),
    Knock("NaN", "b'S[NaN]'", "protocol", "NaN"),
    Knock("not UTF-8", "b'S[\"\\xff\"]'", "protocol", "UTF-8"),
    Knock("a text as a syscall", "b'S[\"send\"]'", "protocol", "begins with its name"),
    Knock("an unknown name", "S(json.dumps(['x' * 5_000_000]))", "protocol", "no syscall"),
    Knock("an odd result", "R('{\"status\":[[[[]]]]}')", "protocol", "R wants"),
    Knock("a map of one hash in the engine", "S(send(body=flood(2**31 - 1)))", None, ""),
    Knock("a map of one hash on a host", "S(send(body=flood(2**61 - 1)))", None, ""),
    Knock(
        "a long key", "S(json.dumps(['vatstoreGet', 'k' * 5_000_000]))", "illegal-syscall", "1000 characters"
    ),
]
"""Cases that end the vat come last, and before them those that cost something when they are repeated."""

DEPTHS = (0, 500)


class Heard(NamedTuple):
    """What one host has to show for a knock."""

    code: str | None
    words: str
    name: str
    bystander: Any
    activity: str
    digest: str


def at_depth(depth: int, act: Any) -> Any:
    """Call a function with so many more frames below it."""
    return act() if depth == 0 else at_depth(depth - 1, act)


def heard(stage: Stage, knock: Knock, bad: Any, bystander: Any) -> Heard:
    """Have the vat knock."""
    code, words, name = None, "", ""
    try:
        assert stage.ask(bad, "knock", knock.expression) is None
    except RemoteError as refused:
        code, words, name = refused.code, str(refused), refused.remote_name
    alive = stage.ask(bystander, "ping")
    activity = stage.controller.kernel.store.activity.digest()
    return Heard(code, words, name, alive, activity, stage.controller.digest())


def all_heard() -> dict[str, Heard]:
    """What every knock came to, in a world of this depth."""
    stage = Stage("wasm")
    try:
        bystander, bad = stage.define("bystander", VAT), stage.define("bad", VAT)
        return {knock.title: heard(stage, knock, bad, bystander) for knock in KNOCKS}
    finally:
        stage.close()


@pytest.fixture(scope="module")
def hosts() -> list[dict[str, Heard]]:
    """What every knock came to, on each host."""
    return [at_depth(depth, all_heard) for depth in DEPTHS]


@pytest.mark.parametrize("knock", KNOCKS, ids=[knock.title for knock in KNOCKS])
def test_a_knock_is_refused_in_the_same_words_on_every_host(
    hosts: list[dict[str, Heard]], knock: Knock
) -> None:
    """Its sender hears the reason, the bystander answers, and both digests are those of the other host."""
    one, other = (host[knock.title] for host in hosts)
    assert (one.code, one.bystander) == (knock.code, "pong")
    assert knock.words in one.words
    assert len(one.words) < 3_000
    assert one == other
