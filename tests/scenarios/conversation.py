"""A conversation of two confined vats, run by a process of its own: `conversation.py PATH FROM TO SAVE`.

Prints what came of it, for another process to compare. Nothing in it depends on the session's incarnations,
because it is the host that asks.
"""

from __future__ import annotations

import json
import sys

from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData

ALICE = """
from swingset.vat import E, durable, provide, remotable

@durable
class Book:
    pages: int = 0
    last: str = ""

def build_root_object(baggage):
    book = provide(baggage, "book", Book)
    seen = {"one", "two", "three"}

    @remotable
    class Alice:
        async def talk(self, bob, rounds):
            for number in range(rounds):
                answer = await E(bob).answer(number, {"words": [str(number)] * 5})
                seen.add(answer["text"])
                book.pages += 1
                book.last = ",".join(sorted(seen)[-3:])
                baggage[f"page {number}"] = answer
            print(hash("text"), sorted(seen)[:3])
            return book

    return Alice()
"""

BOB = """
from swingset.vat import E, remotable

@remotable
class Note:
    def __init__(self, text):
        self.text = text

@remotable
class Bob:
    def __init__(self):
        self.notes = {}

    def answer(self, number, words):
        self.notes[Note(number)] = {word: object() for word in words["words"]}
        return {"text": f"{number}: {len(self.notes)} {hash(str(number)) % 1000}", "of": [1.5, None, number]}

def build_root_object():
    return Bob()
"""


def talk(controller: Controller, rounds: int) -> None:
    """Have Alice talk to Bob for some rounds, of two deliveries each."""
    kernel = controller.kernel
    alice, bob = kernel.root_of("alice"), kernel.root_of("bob")
    result = kernel.queue_message(alice, CapData(f'#["talk",["$0.Alleged: bob",{rounds}]]', (bob,)))
    kernel.release_result(result)
    controller.run()


def found(controller: Controller) -> dict[str, object]:
    """What has to be equal: the world, and of each vat transcript, heap and computrons."""
    kernel = controller.kernel
    vats = {}
    for name in ("alice", "bob"):
        vat = kernel.vat(name)
        span = kernel.store.vats.span(vat.id)
        vats[name] = [span.position, span.hash, kernel.warehouse.heap_digest(vat), span.computrons]
    return {"vats": vats, "crank": kernel.cranks.count}


def main(path: str, start: int, end: int, save: bool) -> None:
    """Tell one stretch of four, each 50 deliveries long; `save` it with heap images, or leave transcripts."""
    with open_world(path, worker="wasm") as controller:
        if start == 0:
            controller.create_vat("alice", (("alice", ALICE),))
            controller.create_vat("bob", (("bob", BOB),))
        for _ in range(start, end):
            talk(controller, 25)
        if save:
            controller.checkpoint(f"after {end}")
        print(json.dumps(found(controller)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "save")
