"""Small things that were silently otherwise: defaults of kinds, paths into copies, what is printed twice."""

from __future__ import annotations

import pytest

from tests.guest.test_values_from_state import COLLECTOR, ORACLE
from tests.staging import Stage

KINDS = """
    import dataclasses
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

    @remotable
    class Root:
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
