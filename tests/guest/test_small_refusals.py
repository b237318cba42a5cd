"""Small things that were silently otherwise: defaults of kinds, paths into copies, what is printed twice."""

from __future__ import annotations

import pytest

from swingset.core.errors import VatFault
from swingset.guest.sending.eventual import E
from tests.guest.test_values_from_state import COLLECTOR, ORACLE
from tests.staging import Stage

FOR_THE_OBJECT = {"self": 1}

KINDS = """
    import dataclasses
    from typing import Literal
    from swingset.vat import durable, register_copy, remotable

    @register_copy("bag")
    @dataclasses.dataclass(frozen=True)
    class Bag:
        items: list

    @durable
    class Purse:
        tags: list = [1]
        balance: int = 0

    @durable
    class Gold(Purse):
        balance = 7

    @durable
    class Heavy(Gold):
        weight: int = 1

    @durable
    class Choice:
        of: Literal["b", "a", None] = None

    @remotable
    class Root:
        def anything(self, **given):
            return given

        def choice(self):
            return Choice("a")

        def defaults(self):
            return [Purse().balance, Gold().balance, Heavy().balance, Gold.balance]

        def default_of_the_class(self):
            Purse.tags.append(2)

        def tags(self):
            return Purse().tags

        def bag(self):
            return [Bag([{1}])]

        def wrong(self):
            @durable
            class Wrong:
                write: list = dataclasses.field(default_factory=list)

    def build_root_object():
        return Root()
"""


def test_defaults_of_kinds(stage: Stage) -> None:
    """A subclass gives another default without an annotation, and nobody changes one through the class."""
    root = stage.define("v", KINDS)
    assert stage.ask(root, "defaults") == [0, 7, 7, 7]
    with pytest.raises(TypeError, match="frozen copy"):
        stage.ask(root, "default_of_the_class")
    assert stage.ask(root, "tags") == [1]
    with pytest.raises(TypeError, match=r"Wrong\.write: a default is written as it is, `= \[\]`"):
        stage.ask(root, "wrong")


def test_an_argument_cannot_take_the_place_of_the_object(stage: Stage) -> None:
    """A method that takes any keywords is not given one that is called as its own object is."""
    root = stage.define("v", KINDS)
    assert stage.ask(root, "anything", other=1) == {"other": 1}
    with pytest.raises(TypeError, match="has no parameter 'self'"):
        stage.session.wait(E(root).anything(**FOR_THE_OBJECT))


def test_the_order_of_a_literal_says_nothing(stage: Stage) -> None:
    """An upgrade may write the choices of a Literal in another order, and not drop one."""
    root = stage.define("v", KINDS)
    choice = stage.ask(root, "choice")
    stage.upgrade("v", KINDS.replace('"b", "a", None', 'None, "a", "b"'))
    assert stage.ask(stage.session.root("v"), "choice") is not choice
    with pytest.raises(VatFault, match="expected Literal"):
        stage.upgrade("v", KINDS.replace('"b", "a", None', '"a", None'))


def test_the_path_into_a_copy_is_named(stage: Stage) -> None:
    """What cannot pass inside a registered object is told with its path."""
    root = stage.define("v", KINDS)
    with pytest.raises(TypeError, match=r"\[0\]\.items\[0\] is a set of 1, which cannot be passed"):
        stage.ask(root, "bag")


def test_a_resumed_function_prints_what_is_new(stage: Stage) -> None:
    """What a resumable function has printed before an upgrade is not printed again after it."""
    printing = COLLECTOR.replace('items.append("first")', 'print("before")').replace(
        "return [items, table]", 'print("after"); return [items, table]'
    )
    oracle, root = stage.define("oracle", ORACLE), stage.define("v", printing)
    stage.send(root, "collect", oracle, [])
    stage.session.settle()
    for number in range(2):
        stage.upgrade("v", f"{printing}    # {number}")
    assert stage.log == ["before"]
    stage.ask(oracle, "answer", "x")
    stage.session.settle()
    assert stage.log == ["before", "after"]
