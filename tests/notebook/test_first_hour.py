"""The mistakes of the first hour: each is an error, or a remark, that says what to write instead."""

from __future__ import annotations

import re

import pytest

from swingset.lens.source.stillness import remarks
from swingset_nb.arguments import without_comment
from swingset_nb.cell_forms import reorder, waits
from tests.notebook.kernels import Kernel, bank


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a bank and a purse."""
    kernel.open_bank()
    kernel.run("import asyncio\nfrom swingset.vat import Promise")
    kernel.run("purse = await E(bank).open_purse('alice')\nclass Plain: pass")
    return kernel


AWAIT = "→ `await` the promise for its value: `value = await E(purse).deposit(0)`"
MISTAKES = [
    (
        "x = E(bank).open_purse('z'); x.deposit(1)",
        "AttributeError: x is the promise for the answer to open_purse(), so .deposit cannot be reached"
        " directly: use `await E(x).deposit(...)`, or `(await x).deposit` if it is data",
    ),
    (
        "bank.open_purse('z')",
        "AttributeError: bank lives in another vat, so .open_purse cannot be reached directly:"
        " use `await E(bank).open_purse(owner)`",
    ),
    (
        "purse.balance",
        "AttributeError: purse lives in another vat, so .balance cannot be reached directly:"
        " it is a part of its state, and no method",
    ),
    (
        "purse.depsit",
        "AttributeError: purse lives in another vat, so .depsit cannot be reached directly,"
        " and it has no such method: use `await E(purse).deposit(amount)`",
    ),
    ("bank.total", "and it has no such method: use `await E(bank).open_purse(owner)`"),
    (
        "purse.balance",
        "→ .balance is a part of its state: the class needs a method that returns or changes it",
    ),
    ("await E(purse).balance()", "→ .balance is a part of its state"),
    ("purse.balance", "→ a reference alone in a cell shows its state"),
    (
        "purse.balance = 5",
        "AttributeError: purse lives in another vat, so .balance cannot be set: ask it with a message",
    ),
    (
        "%%vat odd\nclass A: pass\ndef build_root_object(): return A()",
        "→ write @remotable above class A, with `from swingset.vat import remotable`",
    ),
    (
        "%%vat odd\nfrom swingset.vat import durable\n@durable\nclass A: pass\n"
        "def build_root_object(): return A()",
        "→ return an object of a @remotable class that makes the durable ones, or has them in its baggage",
    ),
    ("await E(purse.deposit(1))", "use `await E(purse).deposit(amount)`"),
    ("{'p': purse}['p'].deposit(1)", "use `await E({'p': purse}['p']).deposit(amount)`"),
    ("E(bank).open_purse('z').deposit(1)", "use `await E(E(bank).open_purse('z')).deposit(...)`"),
    (
        "asyncio.create_task(E(purse).deposit(1))",
        "→ E(purse).deposit(1) has sent the message already, it needs no task",
    ),
    (
        "if E(purse).deposit(0): pass",
        "TypeError: the promise for the answer to deposit() is neither true nor false: `await` it",
    ),
    ("not E(purse).deposit(0)", "the promise for the answer to deposit() is neither true nor false"),
    (
        "E(purse).deposit(0) == 0",
        "TypeError: the promise for the answer to deposit() equals no int: compare its value,"
        " `(await x) == ...`",
    ),
    ("E(purse).deposit(0) != 0", "equals no int"),
    ("E(purse).deposit(0) in [1, 2]", "equals no int"),
    ("E(purse).deposit(0) + 3", AWAIT),
    ("3 < E(purse).deposit(0)", AWAIT),
    ("for item in E(purse).deposit(0): pass", AWAIT),
    ("len(E(purse).deposit(0))", AWAIT),
    ("int(E(purse).deposit(0))", AWAIT),
    ("E(purse).deposit(0)[0]", AWAIT),
    ("E(purse).deposit(0)()", AWAIT),
    ("'total ' + E(purse).deposit(0)", AWAIT),
    ("await purse", "→ a reference is no promise: `await E(purse).deposit(amount)` sends it a message"),
    ("purse()", "→ a reference is not the object itself: ask it with a message, `await E(purse).deposit(am"),
    ("purse + bank", "→ a reference is not the object itself: ask it with a message, `await E(x).method("),
    ("await E(purse)", "TypeError: E(purse) sends nothing by itself: await E(purse).deposit(amount)"),
    ("await E([purse][0])", "TypeError: E([purse][0]) sends nothing by itself: await E([purse][0]).deposit("),
    ("await E(\n    purse\n)", "TypeError: E(x) sends nothing by itself: await E(x).deposit(amount)"),
    ("await E(bank)", "TypeError: E(bank) sends nothing by itself: await E(bank).open_purse(owner)"),
    ("E(purse)(1)", "TypeError: E(purse) is not called, a method of it is: await E(purse).deposit(amount)"),
    ("await E(purse).deposit", "TypeError: E(purse).deposit was not called: await E(purse).deposit(amount)"),
    (
        "E(purse).deposit + 1",
        "→ nothing is sent before a method is called: `await E(purse).deposit(amount)`",
    ),
    ("E.deposit(1)", "AttributeError: E.deposit sends to nobody: use `await E(x).deposit(...)`"),
    ("await E(purse)._secret()", "AttributeError: _secret cannot be sent: names that start with _"),
    (
        "await E(5).deposit(1)",
        "→ E(x) is for a reference into the world, or an object of a @remotable or @durable",
    ),
    ("await E(Plain()).greet()", "→ call it directly, x.greet(...), if it is a plain value of this notebook"),
    (
        "await E(purse).depsit(1)",
        'TypeError: target has no method "depsit", has [deposit] (depsit() was sent to Purse of bank)',
    ),
    ("await E(purse).depsit(1)", "→ did you mean .deposit(...)?"),
    ("await E(purse).deposit(amnt=1)", "Purse.deposit: has no parameter 'amnt'; it is deposit(amount: int)"),
    ("await E(bank).open_purse(5)", "TypeError: Bank.open_purse(owner): wanted str, got int 5"),
    ("await E(bank).open_purse(Plain())", "make Plain @remotable or @durable, or pass its data as a dict"),
    ("durable", "→ from swingset.vat import durable"),
    (
        "def pay():\n    await E(purse).deposit(1)",
        "→ `await` works at the top of a cell and in an `async def`",
    ),
    *(
        (cell, "→ `%%time` on the first line of a cell takes the time of all of it, `await` included")
        for cell in (
            "%time await E(purse).deposit(1)",
            "x = 1\n%time y = await E(purse).deposit(1)",
            "%timeit -n1 -r1 await E(purse).deposit(1)",
            "%%timeit -n1 -r1\nx = 1\nawait E(purse).deposit(1)",
            "%prun await E(purse).deposit(1)",
        )
    ),
    *(
        (cell, "TypeError: a promise comes with the right to settle it: promise, resolver = make_promise()")
        for cell in ("Promise()", "Promise(lambda resolve, reject: None)", "Promise(3)")
    ),
    ("await asyncio.run(E(purse).deposit(1))", "→ `await` works at the top of a cell, without asyncio.run"),
    ("E()", "→ E takes the one object that a message is for: `await E(x).method(...)`"),
    ("E(purse).__init__()", "→ E takes the one object that a message is for"),
    ("plain = Plain()\nawait E(plain).greet()", "→ call it directly, plain.greet(...), if it is a plain"),
    ("import pickle; pickle.dumps(purse)", "→ a reference into a world cannot be pickled"),
    ("E = 5\nE(purse).deposit(1)", "→ E has another meaning here: to send, use `from swingset.vat import E"),
    ("del E; E", "→ from swingset.vat import E"),
    ("from swingset.vat import E\n%swingset digest now # all", "too many words: now"),
    ("%swingset UNDOO", "did you mean `%swingset undo`?"),
    ("%swingset PRINT", "did you mean `%swingset describe`?"),
    ("%swingset -h", "did you mean `%swingset help`?"),
    ("%swingset ?", "did you mean `%swingset help`?"),
    (
        "await E(E(purse).deposit(1)).foo()",
        "→ the answer is plain data, no object: `value = await E(purse).deposit(1)`, and then use value",
    ),
    ("async for n in E(purse).deposit(1):\n    pass", "→ `async for` is for a notifier: `await` the promise"),
    ("%swingset import", "did you mean `%swingset module`?"),
    ("%%vat bank --engine full\nx = 1", "→ did you mean --worker wasm-full?"),
    ("%swingset open other.world --engine local", "→ did you mean --worker?"),
    ("%swingset trace", "BadArguments: %swingset trace: N is missing: "),
    ("%swingset upgrade", "BadArguments: no vat has a changed cell"),
    ("%swingset resume", "BadArguments: %swingset resume: VAT is missing: "),
    ("%swingset trace one", "BadArguments: %swingset trace: N has to be a whole number, not 'one'"),
    ("%swingset history --rows x", "%swingset history: --rows has to be a whole number, not 'x'"),
    ("%swingset help qqq", "no term of the glossary\n→ %swingset help\n"),
    ("x = 1\n%%vat other\n", "BadArguments: %%vat stands on the first line of its cell"),
    ("x = 1\n%%module other\n", "BadArguments: %%module stands on the first line of its cell"),
    ("x = 1\n%%whatif\n", "BadArguments: %%whatif stands on the first line of its cell"),
]


@pytest.mark.parametrize(("cell", "told"), MISTAKES, ids=[cell for cell, _ in MISTAKES])
def test_a_mistake_is_told_with_its_fix(opened: Kernel, cell: str, told: str) -> None:
    """It is an error that names what was misused and what to write, without a frame of the library."""
    ran = opened.run(cell)
    assert ran.status == "error"
    assert ran.error is not None, "a front end gets it as an error"
    assert told in ran.traceback
    assert "site-packages" not in ran.traceback
    assert "swingset_nb/" not in ran.traceback
    assert not re.search(r"swingset/\w+/", ran.traceback)
    if told[0] != "→":
        assert told.partition(": ")[2] in ran.error["evalue"] or told in ran.error["evalue"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("print(E(purse).deposit(0))", "<the promise for the answer to deposit(), pending: await it>"),
        ("print(purse, [bank])", "<Purse of bank> [<Bank, root of bank>]"),
        ("print(f'{E(purse).deposit(0)}')", "<the promise for the answer to deposit(), pending: await it>"),
    ],
)
def test_a_printed_promise_says_what_it_is(opened: Kernel, cell: str, shown: str) -> None:
    """It says which answer it is for, and that it is to be awaited."""
    assert shown in opened.run(cell).printed


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (
            "promise = E(purse).deposit(0); promise is None, promise == None, promise == promise",
            "(False, False, True)",
        ),
        (
            "promise in {promise: 1}, [promise].index(promise), hasattr(promise, 'deposit')",
            "(True, 0, False)",
        ),
        ("len(await asyncio.gather(promise, promise))", "2"),
        ("await purse.deposit(1) if hasattr(purse, 'deposit') else 'no'", "'no'"),
    ],
)
def test_what_is_no_mistake_works(opened: Kernel, cell: str, shown: str) -> None:
    """Promises are compared with None and each other, hashed, and awaited by asyncio."""
    ran = opened.run(cell)
    assert ran.plain == shown, ran.traceback


@pytest.mark.parametrize(
    ("cell", "hints"),
    [
        ("E(5).foo()", ["→ E(x) is for a reference into the world", "→ call it directly, x.foo(...), if it"]),
        ("[E(purse).depsit(1) for _ in range(3)]", ["→ did you mean .deposit(...)?"]),
        ("E(bank).open_purse(5)", []),
    ],
)
def test_a_rejection_that_nobody_handles_has_its_next_steps(
    opened: Kernel, cell: str, hints: list[str]
) -> None:
    """They stand below its line, once, as for a promise that is awaited; the next cell has none of them."""
    told = opened.run(f"{cell}; None").printed.splitlines()
    assert "unhandled rejection in notebook: TypeError: " in told[0]
    shown = [line for line in told if line.startswith("→")]
    assert len(shown) == len(hints)
    assert all(line.startswith(hint) for line, hint in zip(shown, hints, strict=True))
    assert "→" not in opened.run("1").printed


def test_a_vat_that_has_ended_is_named(opened: Kernel) -> None:
    """The rejection says whose object it was, for an object as for a root."""
    opened.run(bank().replace("%%vat bank", "%%vat old"))
    opened.run("gone = await E(old).open_purse('x')")
    opened.run("%swingset terminate old")
    told = opened.run("await E(gone).deposit(1)").traceback
    assert "(deposit() was sent to Purse of old) [vat-terminated]" in told
    assert "→ a vat that has ended stays so: get a new object from a vat that lives" in told
    assert "(open_purse() was sent to root of old)" in opened.run("await E(old).open_purse('y')").traceback


@pytest.mark.parametrize(
    "cell",
    [
        "await E(mute).say()",
        "await E(E(mute).say()).say()",
        "await E(asker).ask(mute)",
        "await Promise.all([E(mute).say()])",
    ],
)
def test_a_suspended_vat_is_to_be_resumed(opened: Kernel, cell: str) -> None:
    """The error of an answer that waits for the vat says what to type, and that nothing is lost."""
    code = "\nfrom swingset.vat import E, remotable\n@remotable\nclass A:\n"
    code += "    def say(self): return 5\n    async def ask(self, other): return await E(other).say()\n"
    code += "def build_root_object(): return A()"
    for vat in ("mute", "asker"):
        opened.run(f"%%vat {vat}{code}")
    opened.run("%swingset suspend mute")
    told = opened.run(cell).traceback
    assert "→ `%swingset resume mute` lets it run: what was sent to it is kept, and runs then" in told
    opened.run("%swingset resume mute")


@pytest.mark.parametrize("magic", ["%%vat late", "%%module late", "%%whatif"])
def test_nothing_runs_above_a_refused_magic(opened: Kernel, magic: str) -> None:
    """The code above it has not run; in a text, such a line is none."""
    refused = opened.run(f"above = 1\n\n{magic}\nx = 1").traceback
    assert "→ move the code above it to a cell of its own" in refused
    assert "NameError" in opened.run("above").traceback
    assert opened.run(f"text = '''\n{magic}\nx'''\nlen(text) > 3").plain == "True"


def test_the_doctor_leaves_the_world_as_it_is(opened: Kernel) -> None:
    """It lists what works, beside a world that is open: references go on, and nothing of its own is left."""
    before = opened.run("%swingset digest").plain
    told = opened.run("%swingset doctor").plain
    assert "answered, were upgraded, and came back from their file" in told
    assert "all that is needed works" in told
    assert opened.run("%swingset digest").plain == before
    assert opened.run("await E(purse).deposit(1)").status == "ok"
    assert (
        opened.run("[p.name for p in __import__('pathlib').Path().glob('.swingset-doctor*')]").plain == "[]"
    )


@pytest.mark.parametrize("line", ["cause --help", "cause -h", "go-on 3 --help", "help help --help"])
def test_help_is_an_option_too(opened: Kernel, line: str) -> None:
    """`--help` behind a subcommand says what `help` says of it."""
    assert opened.run(f"%swingset {line}").plain == opened.run(f"%swingset help {line.split()[0]}").plain


def test_an_explained_property_is_not_guessed_at(opened: Kernel) -> None:
    """The error says why no message calls it, and names no other method."""
    opened.run(
        "%%vat helped\nfrom swingset.vat import remotable\n@remotable\nclass A:\n    @property\n"
        "    def prop(self): return 1\n    def nop(self): pass\ndef build_root_object(): return A()"
    )
    told = opened.run("await E(helped).prop()").traceback
    assert "its @property prop is a helper" in told
    assert "did you mean" not in told


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("undo # it", "undo "),
        ("find '#1' x#y # z", "find '#1' x#y "),
        ('when "a # b" #', 'when "a # b" '),
        ("# all", ""),
        ("story 5", "story 5"),
        ("find \\'#x", "find \\'#x"),
    ],
)
def test_a_comment_ends_the_line_of_a_magic(line: str, kept: str) -> None:
    """It begins with a # before which there is a space, in no quotes."""
    assert without_comment(line) == kept


STOPPING = """import sys
def stop(frame, *_):
    if frame.f_code.co_filename.endswith("swingset_nb/references.py"):
        raise KeyboardInterrupt
sys.settrace(stop)
{}"""


@pytest.mark.parametrize("shown", ["purse", "[purse]", "{1: [E(purse).deposit(0)]}"])
def test_an_interrupt_of_a_display_shows_no_machinery(opened: Kernel, shown: str) -> None:
    """It says that it was stopped, and what is kept."""
    ran = opened.run(STOPPING.format(shown))
    opened.run("sys.settrace(None)")
    assert ran.traceback.startswith("KeyboardInterrupt: stopped\n")
    assert "swingset_nb/" not in ran.traceback
    assert ran.traceback.splitlines()[-1].startswith("→ everything up to the last commit is kept")


def test_a_renamed_class_is_told_of_its_tag(opened: Kernel) -> None:
    """The refusal of the upgrade says how the new name keeps the stored objects, and writes the cell."""
    renamed = bank("--upgrade").replace("Purse", "Wallet").replace("open_purse", "open_wallet")
    told = opened.run(renamed).traceback
    assert '→ cure: @durable(tag="Purse") above class Wallet: records of Purse are stored' in told
    assert "incarnation" not in told
    fixed = renamed.replace("@durable\n", '@durable(tag="Purse")\n')
    assert '+@durable(tag="Purse")' in opened.run("%vat bank --fix").plain
    assert opened.next_cell == fixed.replace(" --upgrade", "")
    assert "runs now" in opened.run(fixed).plain
    assert opened.run("await E(purse).deposit(1) > 0").plain == "True"


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("# about it\n\n# more\n%%vat {}\nfrom swingset.vat import remotable\n", 9),
        ("%%vat {}\nfrom swingset.vat import remotable\n", 6),
    ],
)
def test_comments_may_stand_above_a_vat(opened: Kernel, cell: str, line: int) -> None:
    """The vat is made, and errors in it name the lines of the cell."""
    code = "@remotable\nclass A:\n    def fail(self):\n        raise ValueError('x')\n"
    code += "def build_root_object(): return A()"
    name = f"commented{line}"
    assert f"vat {name} runs now" in opened.run(cell.format(name) + code).plain
    assert f"line {line} of its cell, in A.fail" in opened.run(f"await E({name}).fail()").traceback


@pytest.mark.parametrize(
    ("cell", "status", "shown"),
    [
        ("%%time\ntotal = await E(purse).deposit(1)\ntotal > 0", "ok", "True"),
        ("# how long\n%%time\nawait asyncio.sleep(0)", "ok", ""),
        ("%%time\n[await E(purse).deposit(0) for _ in range(2)]\n1 / 0", "error", ""),
        ("%%time\n6 * 7", "ok", "42"),
    ],
)
def test_time_is_taken_over_an_await(opened: Kernel, cell: str, status: str, shown: str) -> None:
    """The cell runs as without it, and the time is printed at its end."""
    ran = opened.run(cell)
    assert (ran.status, ran.plain) == (status, shown)
    assert re.search(r"[Ww]all time: [\d.]+ \w*s", ran.printed)
    assert "time" not in opened.run("1").printed


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "\n\n",
        "# only",
        "x = 1",
        "%%time\nx = 1",
        "%%time",
        "%%timeit\nawait x",
        "'''\n%%vat a\n'''",
        "%%vat a",
    ],
)
def test_other_cells_stay_as_they_are(cell: str) -> None:
    """Only the forms that IPython cannot run are changed."""
    lines = cell.splitlines(keepends=True)
    assert reorder(lines) == lines


@pytest.mark.parametrize("magic", ["%%vat a", "%%kind A --vat a", "%%module a", "%%whatif --at 3"])
def test_a_comment_above_any_of_our_magics_goes_below_it(magic: str) -> None:
    """The lines of code keep their numbers."""
    assert reorder(["# why\n", "\n", f"{magic}\n", "x = 1\n"]) == [f"{magic}\n", "# why\n", "\n", "x = 1\n"]
    assert reorder(["# why\n", magic]) == [f"{magic}\n", "# why\n"]


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("await x", True),
        ("async for x in y: pass", True),
        ("async with x: pass", True),
        ("if a:\n    b = [await c]", True),
        ("async def f():\n    await x", False),
        ("lambda: 1", False),
        ("await (", False),
        ("\x00", False),
        ("(" * 5_000, False),
        ("-" * 100_000 + "1", False),
    ],
)
def test_an_await_at_the_top_is_found(source: str, answer: bool) -> None:
    """Those within functions are none, and a cell that is no Python has none."""
    assert waits(source) is answer


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("import time\ntime.time()", ["time.time"]),
        ("from time import (time as now, sleep)\nx = now() - now()", ["time.time"]),
        ("import datetime as dt\ndt.datetime.now()", ["datetime.datetime.now"]),
        (
            "from datetime import date\nclass A:\n    def f(self): return date.today()",
            ["datetime.date.today"],
        ),
        ("import random\nrandom.choice([1])\nimport time\ntime.time()", ["random.choice", "time.time"]),
        ("import uuid\nuuid.uuid4()\nuuid.uuid4()", ["uuid.uuid4"]),
        ("import time\ntime.gmtime()", ["time.gmtime"]),
        ("import time\ntime.gmtime(5)\ntime.sleep", []),
        ("import random\nr = random.Random(7)\nr.random()", []),
        ("import random\nrandom.seed(7)\nrandom.random()", []),
        ("time.time()\nself.random.random()", []),
        ("import\nfrom\nfrom x import\nimport time.\nfrom time import (\n", []),
    ],
)
def test_clocks_and_chance_are_found(source: str, calls: list[str]) -> None:
    """The first call for a clock and the first for chance are told, by whatever name they are imported."""
    for confined in (True, False):
        assert [remark.call for remark in remarks("vat", source, confined=confined)] == calls


def test_a_vat_with_a_clock_is_told_once(opened: Kernel) -> None:
    """The cell that makes or upgrades the vat says so, with the line and what to do."""
    dice = "\nimport random\nfrom swingset.vat import remotable\n"
    dice += "@remotable\nclass D:\n    def roll(self): return "
    end = "\ndef build_root_object(): return D()"
    made = opened.run("%%vat dice --worker wasm" + dice + "random.randint(1, 6)" + end).plain
    words = "dice, line 6: random.randint(): random numbers in a vat follow from the delivery"
    assert f"{words}, and can be foretold: let the sender pass a seed, `random.Random(seed)`" in made
    assert f"→ {words}" in opened.run("await E(dice).roll()").printed
    assert "random" not in opened.run("await E(dice).roll()").printed
    changed = opened.run("%%vat dice --upgrade" + dice + "random.randint(1, 7)" + end).plain
    assert words in changed
    assert f"→ {words}" in opened.run("await E(dice).roll()").printed
    still = dice + "1\n    def both(\n        self,\n    ):\n        return random.random()" + end
    opened.run("%%vat dice --upgrade" + still)
    assert "→" not in opened.run("await E(dice).roll()").printed, "another method draws them"
    assert "→ dice, line 10: random.random(): random" in opened.run("await E(dice).both()").printed
