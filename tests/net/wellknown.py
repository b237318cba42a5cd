"""The five objects that peers publish for interoperability tests, in a world of the bench."""

from __future__ import annotations

from typing import Any

from swingset.net.values import Ref, Symbol
from tests.net.bench import Method, World

BUILDER = b"JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
ECHO = b"IO58l1laTyhcrgDKbEzFOO32MDd6zE5w"
GREETER = b"VMDDd1voKWarCe2GvgLbxbVFysNzRPzx"
PAIR = b"IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"
ENLIVENER = b"gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB"


def said(method: str, args: tuple[Any, ...]) -> list[Any]:
    """The arguments as they stood on the wire, for an object that has no methods."""
    return list(args) if method == "call" else [Symbol(method), *args]


def publish(world: World) -> None:
    """Share the five objects."""

    def factory(method: str, spec: list[Symbol]) -> Ref:
        colour, model = spec
        text = f"Vroom! I am a {colour.name} {model.name} car!"
        return Ref(world.object(lambda method: text))

    def greet(method: str, who: Ref) -> bool:
        world.call(who.name, "call", "Hello")
        return True

    def pair(method: str) -> list[Ref]:
        promise = world.promise()

        def resolve(method: str, value: Any) -> None:
            world.settle(promise, method == "break", value)

        return [Ref(promise), Ref(world.object(resolve))]

    published: dict[bytes, Method] = {
        BUILDER: lambda method: Ref(world.object(factory)),
        ECHO: lambda method, *args: said(method, args),
        GREETER: greet,
        PAIR: pair,
        ENLIVENER: lambda method, ref: Ref(world.follow(ref.name)),
    }
    for swissnum, method in published.items():
        world.share(world.object(method), swissnum)
