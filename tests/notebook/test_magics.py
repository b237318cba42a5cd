"""The magics through a real kernel: what they show, and that their errors are errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from swingset.host.base.engines import CONFINING
from tests.notebook.kernels import Kernel, bank


@pytest.fixture(scope="module")
def opened(kernel: Kernel, worker: str) -> Kernel:
    """A kernel with a world open and a bank in it."""
    kernel.run("%swingset close")
    ran = kernel.run(f"%swingset open {worker}.world --worker {worker}")
    assert "a new world" in ran.plain
    assert "vat bank runs now" in kernel.run(bank()).plain
    return kernel


def test_loading_twice_changes_nothing(kernel: Kernel) -> None:
    """A second `%load_ext` adds no second hook: an output is printed once."""
    assert kernel.run("%load_ext swingset_nb").status == "ok"
    assert kernel.run("%reload_ext swingset_nb").status == "ok"


def test_alone_it_says_what_to_type(kernel: Kernel) -> None:
    """`%swingset` with no world says how to open one."""
    kernel.run("%swingset close")
    assert "%swingset open" in kernel.run("%swingset").plain


def test_a_bad_option_is_a_real_error(opened: Kernel) -> None:
    """What argparse refuses is an iopub error with our name, and suggests the option that was meant."""
    ran = opened.run("%%vat bank --upgrde\nx = 1")
    assert ran.status == "error"
    assert ran.error is not None
    assert ran.error["ename"] == "BadArguments"
    assert "--upgrade" in ran.traceback


def test_an_unknown_subcommand_suggests_the_closest(kernel: Kernel) -> None:
    """`%swingset chekpoint` is an error that names `checkpoint`."""
    ran = kernel.run("%swingset chekpoint x")
    assert ran.status == "error"
    assert "did you mean `%swingset checkpoint`?" in ran.traceback


def test_help_is_there_for_every_subcommand(kernel: Kernel) -> None:
    """`%swingset help NAME` works for all that `%swingset help` lists."""
    listed = kernel.run("%swingset help").plain
    names = [line.split()[1] for line in listed.splitlines() if line.startswith("%swingset ")]
    assert len(names) > 15
    for name in names:
        said = kernel.run(f"%swingset help {name}").plain
        assert f"%swingset {name}" in said
        assert "%%swingset" not in said.replace("%%%", "%%swingset"), said


def test_the_question_mark_shows_the_arguments(kernel: Kernel) -> None:
    """`%vat?` and `%%vat?` show the options."""
    for code in ("%vat?", "%%vat?"):
        reply = kernel.client.execute(code, reply=True, timeout=60)
        assert "--upgrade" in str(reply["content"]["payload"])


def test_a_vats_output_carries_its_name(opened: Kernel) -> None:
    """A print in a vat appears under the cell that awaited it, once, marked."""
    assert opened.run('purse = await E(bank).open_purse("alice")').printed == "bank │ opening alice\n"


def test_a_send_without_await_is_delivered_after_the_cell(opened: Kernel) -> None:
    """Messages that nobody waits for are delivered when the cell ends."""
    ran = opened.run('E(bank).open_purse("bob")\nprint("cell ends")')
    assert ran.printed == "cell ends\nbank │ opening bob\n"


def test_an_error_in_a_vat_names_the_users_line(opened: Kernel) -> None:
    """The line quoted is the one the user counts in the cell, and no frame of ours is shown."""
    opened.run('carol = await E(bank).open_purse("carol")')
    ran = opened.run("x = 1\nawait E(carol).deposit(-1)")
    assert ran.error is not None
    assert (ran.error["ename"], ran.error["evalue"]) == ("ValueError", "cannot deposit -1")
    assert "vat bank, line 11 of its cell, in Purse.deposit" in ran.traceback
    assert '> 11             raise ValueError(f"cannot deposit {amount}")' in ran.traceback
    assert "this cell, line 2" in ran.traceback
    assert "swingset/" not in ran.traceback
    assert len(ran.traceback.splitlines()) < 12


def test_what_cannot_be_sent_is_told_in_the_cells_line(opened: Kernel) -> None:
    """An argument that cannot be passed, and a failing callback in the notebook, show no frame of ours."""
    opened.run('hans = await E(bank).open_purse("hans")')
    ran = opened.run("x = 1\nawait E(hans).deposit(open)")
    assert "args[0]" in ran.traceback
    assert "----> 2 await E(hans).deposit(open)" in ran.traceback
    failing = opened.run("def then(value):\n    return 1 / value\nawait E(hans).deposit(0).then(then)")
    assert "----> 2 return 1 / value" in failing.traceback
    for each in (ran, failing):
        assert "swingset/" not in each.traceback


def test_an_unchanged_cell_does_nothing(opened: Kernel) -> None:
    """Running the same cell again says so in one line."""
    assert opened.run(bank()).plain == "vat bank already runs exactly this cell: nothing changed"


def test_a_changed_cell_shows_the_difference_and_waits(opened: Kernel) -> None:
    """A changed cell does not upgrade; it shows the lines, in three forms, and what to type."""
    ran = opened.run(bank().replace("+= amount", "+= amount * 2"))
    assert "-        self.balance += amount\n+        self.balance += amount * 2" in ran.plain
    assert "%%vat bank --upgrade" in ran.plain
    assert set(ran.shown[0]) == {"text/plain", "text/markdown", "text/html"}
    assert "<script" not in ran.shown[0]["text/html"]
    assert "incarnation 0" in opened.run("%vat bank").plain
    opened.run(bank())


def test_an_upgrade_says_what_it_kept_and_lost(opened: Kernel) -> None:
    """`--upgrade` keeps durable objects with their state, and says how many of which kind."""
    opened.run('kept = await E(bank).open_purse("dora")\nawait E(kept).deposit(4)')
    ran = opened.run(bank("--upgrade").replace("+= amount", "+= amount * 2"))
    assert "incarnation 1 runs now" in ran.plain
    assert "Purse kept, with identity and state" in ran.plain
    assert opened.run("await E(kept).deposit(1)").plain == "6"


def test_a_refused_upgrade_changes_nothing(opened: Kernel) -> None:
    """A lost kind and a failing line are named; the vat runs on."""
    before = opened.run("%vat bank").plain.splitlines()[0]
    opened.run('still = await E(bank).open_purse("emil")')
    lost = opened.run(bank("--upgrade").replace("Purse", "Wallet"))
    assert lost.error is not None
    assert lost.error["ename"] == "UpgradeRefused"
    assert "Purse" in lost.error["evalue"]
    assert "nothing has changed" in lost.error["evalue"]
    failing = opened.run(bank("--upgrade") + "\n1 / 0\n")
    assert "ZeroDivisionError" in failing.traceback
    assert "> 24 1 / 0" in failing.traceback
    broken = opened.run(bank("--upgrade") + "\ndef (:\n")
    assert "SyntaxError" in broken.traceback
    assert "> 24 def (:" in broken.traceback
    assert opened.run("%vat bank").plain.splitlines()[0] == before
    assert opened.run("await E(still).deposit(0)").plain == "0"


def test_while_paused_messages_wait(opened: Kernel) -> None:
    """Awaiting in a paused world says so and what to type; stepping and running deliver."""
    opened.run("%swingset pause")
    opened.run('waiting = E(bank).open_purse("frida")')
    ran = opened.run("await waiting")
    assert ran.error is not None
    assert ran.error["ename"] == "StillPending"
    assert "paused with 1 event" in ran.traceback
    assert "%swingset step" in ran.traceback
    assert "open_purse()" in opened.run("%swingset queue").plain
    stepped = opened.run("%swingset step")
    assert stepped.printed == "bank │ opening frida\n"
    assert "delivered" in stepped.plain
    assert "the pause is over" in opened.run("%swingset run").plain
    assert "Purse" in opened.run("await waiting").plain


def test_without_autorun_nothing_runs_after_a_cell(opened: Kernel) -> None:
    """`%config SwingSet.autorun = False` leaves messages in the queue until a run."""
    opened.run("%config SwingSet.autorun = False")
    assert opened.run('E(bank).open_purse("gil")\nNone').printed == ""
    assert opened.run("%swingset run").printed == "bank │ opening gil\n"
    opened.run("%config SwingSet.autorun = True")


PLAYER = """%%vat {}
from swingset.vat import E, remotable

@remotable
class Player:
    def hit(self, me, other) -> None:
        E.send_only(other).hit(other, me)

def build_root_object():
    return Player()
"""
"""Two of them send to each other for ever."""


@pytest.fixture
def players(opened: Kernel) -> Iterator[Kernel]:
    """Two players who have not begun."""
    opened.run(PLAYER.format("left"))
    opened.run(PLAYER.format("right"))
    yield opened
    opened.run("%swingset terminate left")
    opened.run("%swingset terminate right")
    opened.run("%swingset run")


@pytest.mark.parametrize("code", ["await E(left).hit(left, right)\nawait E(left).never()", "%swingset run"])
def test_an_interrupt_stops_between_cranks(players: Kernel, code: str) -> None:
    """An interrupt ends a run that has no end, in a cell with `await` too, and the world is paused then."""
    players.run("%swingset pause")
    players.run("E.send_only(left).hit(left, right)\nNone")
    players.run("%config SwingSet.run_limit = 0")
    code = f"get_ipython().run_line_magic('swingset', 'run')\n{code}" if code.startswith("await") else code
    timer = threading.Timer(1.5, players.manager.interrupt_kernel)
    timer.start()
    ran = players.run(code)
    timer.join()
    players.run("%config SwingSet.run_limit = 100000")
    assert ran.error is not None
    assert ran.error["ename"] == "Interrupted"
    assert "the world is paused now" in ran.error["evalue"]
    assert "swingset/" not in ran.traceback
    assert "paused" in players.run("%swingset").plain


def test_progress_leaves_nothing_behind(players: Kernel) -> None:
    """What a long run shows is taken back when it ends; a short run shows nothing."""
    players.run("%swingset pause")
    players.run("E.send_only(left).hit(left, right)\n%config SwingSet.run_limit = 20\nNone")
    quick = players.run("%swingset run")
    assert ["ran 20 cranks" in data["text/plain"] for data in quick.shown] == [True]
    players.run("%config SwingSet.progress_after = 0.0")
    slow = players.run("%swingset run")
    assert slow.shown[0]["text/plain"].startswith("… running: crank")
    assert slow.updates[-1] == {}
    bar = players.run("import swingset_nb\nshow = swingset_nb.progress_bar('forks')\nshow(0, 2)\nshow(2, 2)")
    assert bar.shown[0]["text/plain"] == f"… forks {'░' * 30} 0 of 2"
    assert bar.updates[-1] == {}
    players.run("%config SwingSet.progress_after = 600.0")
    players.run("%config SwingSet.run_limit = 100000")


def test_a_cell_stops_at_the_limit_of_cranks(players: Kernel) -> None:
    """A world that never comes to rest gives the cell back after `run_limit` cranks."""
    players.run("%config SwingSet.run_limit = 50")
    ran = players.run("E.send_only(left).hit(left, right)\nNone")
    assert "stopped after 50 cranks" in ran.printed
    players.run("%config SwingSet.run_limit = 100000")


def test_a_kind_in_a_cell_of_its_own(opened: Kernel) -> None:
    """`%%kind` cells are drafted, become part of the vat, and can be upgraded alone."""
    kind = """%%kind Coin --vat mint{}
from swingset.vat import durable, remotable

@durable
class Coin:
    value: int = 0
    def worth(self) -> int:
        return self.value{}
"""
    assert "drafted" in opened.run(kind.format("", "")).plain
    mint = "%%vat mint\n@remotable\nclass Mint:\n    def make(self, n: int):\n        return Coin(value=n)\n"
    assert "kind Coin" in opened.run(mint + "def build_root_object():\n    return Mint()\n").plain
    assert opened.run("coin = await E(mint).make(3)\nawait E(coin).worth()").plain == "3"
    assert "differs" in opened.run(kind.format("", " * 2")).plain
    assert "incarnation 1" in opened.run(kind.format(" --upgrade", " * 2")).plain
    assert opened.run("await E(coin).worth()").plain == "6"


def test_replace_begins_anew_only_if_the_new_code_starts(opened: Kernel) -> None:
    """`--replace` with failing code changes nothing; with good code the old state is gone."""
    one = "%%vat one{}\nfrom swingset.vat import remotable\n@remotable\nclass One:\n    def get(self):\n"
    one += "        return {}\ndef build_root_object():\n    return One()\n"
    opened.run(one.format("", "1"))
    ran = opened.run(one.format(" --replace", "2") + "1 / 0\n")
    assert "nothing has changed" in ran.traceback
    assert opened.run("await E(one).get()").plain == "1"
    assert "with all its state" in opened.run(one.format(" --replace", "2")).plain
    assert opened.run("await E(one).get()").plain == "2"


def test_names_that_cannot_name_a_vat(opened: Kernel) -> None:
    """Keywords, `E`, `notebook` and what is no identifier are refused."""
    for name in ("class", "E", "notebook", "a-b", "_x", "1a"):
        ran = opened.run(f"%%vat {name}\nx = 1")
        assert ran.error is not None, name
        assert ran.error["ename"] == "BadArguments"


def test_checkpoint_and_resume_bring_names_back(opened: Kernel) -> None:
    """After a resume, values and names are those of the checkpoint; later names are gone and listed."""
    opened.run('ina = await E(bank).open_purse("ina")\nawait E(ina).deposit(1)')
    assert "checkpoint early" in opened.run("%swingset checkpoint early").plain
    opened.run('await E(ina).deposit(1)\nlater = await E(bank).open_purse("later")')
    assert "early" in opened.run("%swingset checkpoints").plain
    ran = opened.run("%swingset go-back early")
    assert "gone from the notebook: later" in ran.plain
    first = int(opened.run("await E(ina).deposit(0)").plain)
    assert first in (1, 2)  # the bank doubles deposits by now
    assert "NameError" in opened.run("later").traceback
    missing = opened.run("%swingset go-back never")
    assert "there are: early" in missing.traceback


def test_completion(opened: Kernel) -> None:
    """Subcommands, options, vats and checkpoints are completed."""
    assert "%swingset" not in opened.complete("%swingset clis")
    assert opened.complete("%swingset clis") == ["clists"]
    assert "bank" in opened.complete("%swingset clists b")
    assert "bank" in opened.complete("%%vat ba")
    assert "--upgrade" in opened.complete("%%vat bank --up")
    assert opened.complete("%swingset go-back ear") == ["early"]
    assert set(opened.complete("%swingset open x.world --worker wasm")) == {*CONFINING}


def test_a_long_print_is_cut_and_control_characters_are_spelt(opened: Kernel) -> None:
    """A vat can neither flood the page nor steer the terminal."""
    loud = "%%vat loud\nfrom swingset.vat import remotable\n@remotable\nclass Loud:\n    def shout(self):\n"
    loud += "        print('\\n'.join(['x'] * 1000))\n        print('\\x1b[31mred\\rover')\n"
    opened.run(loud + "def build_root_object():\n    return Loud()\n")
    printed = opened.run("await E(loud).shout()").printed
    assert "and 80" in printed or "more lines" in printed
    assert "\x1b" not in printed
    assert printed.count("\n") < 300


def test_unloading_takes_everything_away(kernel: Kernel) -> None:
    """After `%unload_ext` the world is closed and the magics are gone; loading again works."""
    kernel.run("%unload_ext swingset_nb")
    assert "not found" in kernel.run("%swingset").printed
    assert kernel.run("%load_ext swingset_nb").status == "ok"
    assert "no world is open" in kernel.run("%swingset").plain


def test_upgrade_and_replace_together_are_refused(opened: Kernel) -> None:
    """A cell that asks to keep the state and to delete it does neither."""
    ran = opened.run(bank("--upgrade --replace"))
    assert ran.error is not None
    assert ran.error["ename"] == "BadArguments"
    assert "give one of them" in ran.traceback


def test_another_worker_for_a_running_vat_is_refused(opened: Kernel, worker: str) -> None:
    """A vat does not move; the error says how to begin it anew elsewhere."""
    other = "wasm" if worker == "local" else "local"
    ran = opened.run(bank(f"--worker {other}"))
    assert ran.error is not None
    assert ran.error["ename"] == "BadArguments"
    assert f"%%vat bank --replace --worker {other}" in ran.traceback


def test_a_vat_cannot_take_the_name_of_a_builtin(opened: Kernel) -> None:
    """A vat named `print` would take `print` away from the notebook."""
    ran = opened.run(bank().replace("%%vat bank", "%%vat print"))
    assert ran.error is not None
    assert "means something else" in ran.traceback
    assert opened.run("print('still')").printed == "still\n"


def test_a_changed_cell_gives_the_name_back(opened: Kernel) -> None:
    """Whoever lost the name of a vat gets it by running its cell, changed or not."""
    ran = opened.run("del bank\n")
    assert ran.status == "ok"
    assert "nothing has changed yet" in opened.run(bank() + "\n# changed").plain
    assert opened.run("bank").status == "ok"
    opened.run(bank())


def test_a_file_name_with_a_space_is_quoted_in_hints(opened: Kernel, worker: str) -> None:
    """What a hint says to type can be typed."""
    ran = opened.run("%swingset checkpoint 'two words'")
    assert "%swingset go-back 'two words'" in ran.plain
    ran = opened.run(f"%swingset export '{worker} copy.world'")
    assert f"`%swingset open '{worker} copy.world'`, there or elsewhere" in ran.plain


def test_export_into_a_missing_folder(opened: Kernel) -> None:
    """A folder that is not there is named in an error of ours."""
    ran = opened.run("%swingset export nowhere/copy.world")
    assert ran.error is not None
    assert ran.error["ename"] == "WorldMissing"
    assert "create it first" in ran.traceback


def test_a_cell_that_no_file_can_hold(opened: Kernel) -> None:
    """Half of a surrogate pair in a cell is refused before it gets anywhere."""
    ran = opened.run("get_ipython().run_cell_magic('vat', 'odd', 'x = \"\\ud800\"')")
    assert ran.error is not None
    assert "write it as an escape" in ran.traceback
    assert "odd" not in opened.run("%swingset vats").plain


def test_a_path_in_the_home_folder(opened: Kernel) -> None:
    """`~` is the home folder, as everywhere."""
    ran = opened.run("%swingset export ~/nowhere-at-all/x.world")
    assert ran.error is not None
    assert "~" not in ran.error["evalue"]
