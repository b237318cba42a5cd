"""One vat held still and let go on from the notebook, and the question why something is alive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel

DESK = """%%vat desk
from swingset.vat import durable, remotable

@durable
class Note:
    words: str

@remotable
class Desk:
    def write(self, words):
        print(words)
        return Note(words)

def build_root_object():
    return Desk()
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Kernel]:
    """A notebook with a world and a vat in it."""
    with Kernel(tmp_path) as kernel:
        kernel.run("%swingset open desk.world --worker local")
        kernel.run(DESK)
        yield kernel


def test_a_vat_is_held_still_and_goes_on(opened: Kernel) -> None:
    """What is sent meanwhile waits, is told of by `%swingset`, and is delivered when the vat is resumed."""
    said = opened.run("%swingset suspend desk for lunch").plain
    assert said.startswith("vat desk is suspended: what comes for it waits")
    opened.run("answer = E(desk).write('hello')")
    status = opened.run("%swingset").plain
    assert "vat desk is suspended: for lunch; 1 event is parked for it" in status
    assert "`%swingset resume desk` lets it go on as it is" in status
    woken = opened.run("%swingset resume desk")
    assert "vat desk goes on" in woken.plain
    assert "desk │ hello" in woken.printed
    assert opened.run("(await answer) is not None").plain == "True"
    assert "vat desk is not suspended" in opened.run("%swingset resume desk").plain


def test_a_vat_is_cloned(opened: Kernel) -> None:
    """The new name stands for the clone's root, others for what is listed; refusals say what to type."""
    opened.run("note = await E(desk).write('one')")
    said = opened.run("%swingset clone desk as annex note=annex_note").plain
    assert said.startswith("vat annex is a clone of desk since crank ")
    assert "annex_note stands for the clone's own" in said
    assert "annex │ two" in opened.run("await E(annex).write('two')").printed
    assert "Note" in opened.run("annex_note").plain
    for line, words in {
        "clone desk as annex": "vat annex exists",
        "clone desk as branch --queued keep": "--queued is one of 'refuse', 'drop', 'duplicate', not 'keep'",
        "clone desk as print": "'print' means something else in every notebook",
        "clone desk as vatAdmin": "the name vatAdmin is kept",
        "clone nobody as other": "there is no vat 'nobody'",
        "clone desk as other note": "wants a name, = and the name of the clone's own",
        "clone desk as other lamp=lamp2": "'lamp' is no reference to an object",
        "clone desk as other note=answer_": "vat other is a clone",
    }.items():
        ran = opened.run(f"%swingset {line}")
        assert words in (ran.traceback if ran.error else ran.plain), line
    undone = opened.run("%swingset undo")
    assert "other" not in opened.run("%swingset vats").plain, undone.plain
    code = opened.run("%%vat annex --upgrade\n" + DESK.partition("\n")[2] + "# changed").plain
    assert "incarnation 1" in code


def test_what_waits_is_given_up(opened: Kernel) -> None:
    """The first message is rejected to whoever sent it, by a code."""
    opened.run("%swingset suspend desk")
    opened.run("answer = E(desk).write('hello')")
    assert "dropped the message write()" in opened.run("%swingset drop desk").plain
    assert "nothing waits for vat desk: there is nothing to drop" in opened.run("%swingset drop desk").plain
    opened.run("%swingset resume desk")
    failed = opened.run("try: await answer\nexcept Exception as problem: print(problem.code)")
    assert failed.printed.strip() == "dropped"


def test_why_something_is_alive(opened: Kernel) -> None:
    """A name of the notebook or of the kernel is explained; a name of neither is refused."""
    opened.run("note = await E(desk).write('hello')")
    said = opened.run("%swingset explain note").plain
    assert said.splitlines()[0].endswith("is held")
    assert said.splitlines()[1].endswith("in its name 'note'")
    kref = said.split()[0]
    assert opened.run(f"%swingset explain {kref}").plain == said
    assert "is no name of an object in the world" in opened.run("%swingset explain nothing").traceback
    assert "0 rings found" in opened.run("%swingset rings").plain


def test_the_session_is_there_for_what_no_magic_does(opened: Kernel) -> None:
    """A cell hands a host function to a vat, and `%swingset` tells of a world that has stopped for good."""
    opened.run("import swingset_nb\nsession = swingset_nb.session()")
    opened.run("twice = session.devices.plugin('twice', lambda n: 2 * n)")
    opened.run(
        "%%vat caller\nfrom swingset.vat import D, remotable\n@remotable\nclass Caller:\n"
        "    def ask(self, device, n): return D(device).call(n)\n"
        "def build_root_object(): return Caller()"
    )
    assert opened.run("await E(caller).ask(twice, 21)").plain == "42"
    opened.run("session.controller.queue_to_root('desk', 'missing', policy='panic')")
    assert opened.run("session.controller.run()").status == "error"
    status = opened.run("%swingset").plain
    assert "stopped for good: kernel panic" in status
    assert "overrule_panic()" in status
    opened.run("session.controller.queue.overrule_panic()")
    assert "stopped for good" not in opened.run("%swingset").plain
    opened.run("%swingset close")
    assert "%swingset open" in opened.run("swingset_nb.session()").traceback
