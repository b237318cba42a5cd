"""How vats end: once, for everybody in the same words, and with a last word for the host."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import KernelPanic
from swingset.guest.base.errors import RemoteError
from swingset.guest.base.resolvers import make_promise
from tests.scenarios.admin import Admin
from tests.staging import Stage

HEART = """
    from swingset.vat import remotable

    @remotable
    class Heart:
        def __init__(self, powers):
            self.powers = powers

        def stop(self, words, failed):
            self.powers.exit(words, failed=failed)

        def fail(self, words, failed):
            self.powers.exit(ValueError(words), failed=failed)

    def build_root_object(powers):
        return Heart(powers)
"""

ENDED = {
    "terminate_with_failure": ("again",),
    "upgrade": ("the bundlecap", {}),
    "change_options": ({"reapInterval": 5},),
    "change_options, wrongly": ({"bogus": 5},),
}
"""What an admin node is asked after its vat has ended, with its arguments."""


@pytest.mark.parametrize("method", ENDED)
def test_a_vat_that_has_ended_says_so_whatever_is_asked(admin: Admin, method: str) -> None:
    """Each request is rejected with the words and the code that a message to the vat is rejected with."""
    _, node = admin.create()
    admin.ask(node, "terminate_with_failure", "enough")
    given = [admin.counter if item == "the bundlecap" else item for item in ENDED[method]]
    with pytest.raises(RemoteError) as caught:
        admin.ask(node, method.partition(",")[0], *given)
    assert (str(caught.value), caught.value.code) == ("vat terminated", "vat-terminated")


def test_of_two_who_end_a_vat_the_second_hears_that_it_has_ended(stage: Stage) -> None:
    """Both messages wait at the same time; `done` has the reason of the first."""
    admin = Admin(stage, False)
    _, node = admin.create()
    first, second = (stage.send(node, "terminate_with_failure", words) for words in ("one", "two"))
    assert admin.wait(first) is None
    with pytest.raises(RemoteError) as caught:
        admin.wait(second)
    assert str(caught.value) == "vat terminated"
    with pytest.raises(RemoteError, match="one"):
        admin.ask(node, "done")


WORDS: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "a text": ("stop", ("out of disk", True), "vat heart asked to end: out of disk"),
    "a text of one that leaves well": ("stop", ("bye", False), "vat heart asked to end: bye"),
    "an error": ("fail", ("no space", True), "vat heart asked to end: ValueError: no space"),
    "data": ("stop", ([1, {"a": 2}], True), 'vat heart asked to end: [1,{"a":2}]'),
    "nothing": ("stop", (None, True), "vat heart asked to end"),
    "what would steer a terminal": (
        "stop",
        ("red \x1b[31m\nstopped: all is well", True),
        r"vat heart asked to end: red \x1b[31m⏎stopped: all is well",
    ),
}


@pytest.mark.parametrize("what", WORDS)
def test_the_last_words_of_a_critical_vat_reach_the_host(stage: Stage, what: str) -> None:
    """The panic has them, in one visible line, and so it is for whoever asks later."""
    method, args, words = WORDS[what]
    heart = stage.define("heart", HEART, options={"critical": True})
    with pytest.raises(KernelPanic) as caught:
        stage.ask(heart, method, *args)
    assert str(caught.value) == f"critical vat heart was terminated: vat terminated: {words}"
    assert stage.controller.kernel.cranks.panic == str(caught.value)
    stage.controller.queue.overrule_panic()
    assert stage.controller.kernel.cranks.panic is None


def test_the_reason_given_for_the_end_of_a_critical_vat_reaches_the_host(stage: Stage) -> None:
    """That of whoever holds its admin node; those who send to the vat do not hear it."""
    admin = Admin(stage, False)
    root, node = admin.create(name="heart", critical=stage.session.devices.critical_vat_key())
    with pytest.raises(KernelPanic, match=r"^critical vat heart was terminated: vat terminated: burnt down$"):
        admin.ask(node, "terminate_with_failure", "burnt down") or admin.ask(node, "done")
    stage.controller.queue.overrule_panic()
    with pytest.raises(RemoteError) as caught:
        admin.ask(root, "thirteen")
    assert str(caught.value) == "vat terminated"


def test_very_long_last_words_are_cut(stage: Stage) -> None:
    """A million characters do not become a million in every error."""
    heart = stage.define("heart", HEART, options={"critical": True})
    with pytest.raises(KernelPanic) as caught:
        stage.ask(heart, "stop", "x" * 1_000_000, True)
    assert len(str(caught.value)) <= 2_000


def test_a_promise_that_the_session_decides_has_a_kref_once_it_is_given_out(stage: Stage) -> None:
    """It is the one that the promise table shows, and gone when the promise is settled."""
    keeper = stage.define("keeper", KEEPER)
    promise, resolver = make_promise()
    assert stage.session.kref_of(promise) is None
    stage.ask(keeper, "put", [promise])
    kref = stage.session.kref_of(promise)
    [row] = [row for row in stage.lens.promises() if row.kref == kref]
    assert (row.state, row.decider) == ("unresolved", "notebook")
    follower, chain = make_promise()
    chain.resolve(promise)
    assert stage.session.kref_of(follower) == kref
    resolver.resolve(5)
    assert stage.ask(keeper, "get") == 5
    assert stage.session.kref_of(promise) is None


KEEPER = """
    from swingset.vat import BigMap, remotable

    @remotable
    class Keeper:
        def __init__(self):
            self.kept = BigMap("kept", durable=False)

        def put(self, items):
            self.kept["p"] = items[0]

        def is_kept(self, items):
            return self.kept["p"] is items[0]

        async def get(self):
            return await self.kept["p"]

    def build_root_object():
        return Keeper()
"""


def test_a_virtual_map_keeps_a_promise_of_another_vat(stage: Stage) -> None:
    """The promise comes back the same, before and after the dead are brought out, and settles."""
    keeper = stage.define("keeper", KEEPER)
    promise, resolver = make_promise()
    stage.ask(keeper, "put", [promise])
    for _ in range(2):
        assert stage.ask(keeper, "is_kept", [promise]) is True
        stage.controller.gc.reap_all()
        stage.session.settle()
    waiting = stage.send(keeper, "get")
    resolver.resolve("here")
    assert stage.session.wait(waiting) == "here"
