"""Vats that move between worlds, by the commands of a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.net.moving.moving import COUNTER
from tests.notebook.kernels import Kernel

BACK = """
import swingset_nb
session = swingset_nb.session()
asked = there.net.fetch(session.net.share(door))
moved = None
while "guest" not in session.controller.vats:
    session.controller.net.wait(0.02)
    session.controller.net.pump()
    if moved is None and there.kernel.store.promises.get(asked).state == "fulfilled":
        moved = there.net.move_vat("counter", there.resolution(asked), name="guest")
"""

OTHER = """
import swingset_nb
import threading
import swingset
there = swingset.open_world()
there.net.listen("in-process")
made = there.net.accept_vats()
there.run()
string = there.net.share(there.resolution(made))

def serve():
    while not done.is_set():
        there.net.wait(0.02)
        there.net.pump()

done = threading.Event()
threading.Thread(target=serve, daemon=True).start()
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with a world and a confined vat, and another world beside it that accepts one vat."""
    with Kernel(tmp_path_factory.mktemp("moving")) as kernel:
        kernel.run("%load_ext swingset_nb")
        kernel.run("%swingset open mine.world --worker wasm")
        kernel.run("%swingset listen in-process")
        kernel.run(f"%%vat counter\n{COUNTER}")
        kernel.run("tally = await E(counter).counter_of()")
        kernel.run(OTHER)
        yield kernel
        kernel.run("done.set()")


def _peer(opened: Kernel) -> str:
    """The beginning of the designator of the other world."""
    peer = "swingset_nb.session().controller.net.peers()[0].peer.split('/')[2][:12]"
    return opened.quiet(peer).strip("'")


def test_a_vat_is_moved_by_a_command(opened: Kernel) -> None:
    """It waits until the vat has moved, says so, and the names of before still work."""
    assert opened.run("await E(tally).inc()").plain == "1"
    assert "no vat has moved" in opened.run("%swingset moves").plain
    opened.run("acceptance = await fetch(string)")
    refused = opened.run("%swingset move counter tally").traceback
    assert "vat counter cannot move: what accepts it has to be " in refused
    assert "[not-there]\n→ `%swingset help not-there` says what to do about it" in refused
    taken = opened.run("%swingset move counter acceptance --as net").traceback
    assert "the name net is kept for a vat of its library or of a session; it may come under" in taken
    assert "→ `%swingset help name-taken` says what to do about it" in taken
    unknown = opened.run("%swingset move counter nothing").traceback
    assert "`%swingset fetch nothing FILE` fetches what the other world has shared" in unknown
    opened.run(f"%swingset petname {_peer(opened)} mum")
    moved = opened.run("%swingset move counter acceptance")
    assert "vat counter has moved to world mum" in moved.plain
    assert "2 objects of it can be reached by the references of before" in moved.plain
    assert "is not connected" not in moved.printed
    assert opened.run("await E(tally).inc()").plain == "2"
    assert "has gone to world mum" in opened.run("%swingset moves").plain
    opened.run("%swingset petname mum --remove")
    assert re.search(r"has gone to world \w{12}\b", opened.run("%swingset moves").plain)
    opened.run(f"%swingset petname {_peer(opened)} mum")
    for line in ("%swingset undo 3", "%swingset undo 3 --yes", "%swingset go-on 3"):
        refused = opened.run(line).traceback
        assert "counter has moved to another world, or has come " in refused
        assert "`%%whatif --at N` runs a cell as of crank N, in a fork" in refused
    changed = opened.run("%%vat counter --upgrade\n# nothing").traceback
    assert "vat counter has moved to world " in changed
    assert opened.run("await E(tally).inc()").plain == "3"
    assert "is no vat whose new home has failed" in opened.run("%swingset moves --take-back v3").traceback
    assert "has moved to world " in opened.run("%swingset move counter acceptance").traceback


def test_vats_are_accepted_by_a_command(opened: Kernel) -> None:
    """A name stands for what is to be shared; a limit that is none is refused."""
    told = opened.run("%swingset accept-vats door --vats 3").plain
    assert "door accepts 3 vats of another world" in told
    assert "Acceptance" in opened.run("door").plain
    assert "`vats` is a number from 1" in opened.run("%swingset accept-vats other --vats 0").traceback
    came = opened.run(BACK).printed
    assert "vat guest has come from another world; `guest` is its root: `await E(guest)." in came
    assert "`await E(guest).method(...)` sends to the root of guest" in opened.run("%swingset moves").plain
    assert opened.run("await E(await E(guest).counter_of()).inc()").plain == "4"
    assert "vatMover" not in opened.run("print(session.names.vats())").printed


def test_references_to_what_has_moved_end_only_if_confirmed(opened: Kernel) -> None:
    """Forgetting the new home of a vat asks first, and so does an undo that ends a link."""
    opened.run("await E(tally).inc()")
    asked = opened.run("%swingset undo").traceback
    assert "counter, which moved there, may end with it" in asked
    assert "`%swingset undo --yes` does it" in asked
    refused = opened.run("%swingset forget mum").traceback
    assert "the references to what has moved there would end: counter" in refused
    assert "`%swingset share NAME` in the new home, and fetch it here" in refused
    assert opened.run("%swingset moves").plain.count("has gone to") == 1
