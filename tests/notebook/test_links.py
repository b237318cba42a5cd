"""Other worlds in a notebook: sharing, fetching, waiting, and what comes while no cell runs."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.notebook.kernels import Kernel

ROOT = Path(__file__).parents[2]


def served(folder: Path) -> subprocess.Popen[str]:
    """A world in a process of its own, with a bank, that listens."""
    command = [
        sys.executable,
        "-m",
        "tests.scenarios.serving",
        str(folder / "theirs.world"),
        str(folder / "it"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    return process


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with a world, and another world in a process beside it."""
    folder = tmp_path_factory.mktemp("links")
    with Kernel(folder) as kernel:
        kernel.run("%load_ext swingset_nb")
        kernel.run("%swingset open mine.world --worker local")
        kernel.folder = folder
        process = served(folder)
        kernel.process = process
        yield kernel
        kernel.process.kill()
        kernel.process.wait()


def test_a_notebook_uses_an_object_of_another_process(opened: Kernel) -> None:
    """It awaits the object and its answers as if they were here; an error has its line."""
    opened.run("from pathlib import Path")
    opened.run("theirs = await fetch(Path('it'))")
    assert opened.run("await E(theirs).deposit(5)").plain == "5"
    assert opened.run("await E(E(E(theirs).sub_purse()).sub_purse()).deposit(7)").plain == "7"
    failed = opened.run("await E(theirs).deposit(-1)")
    assert "ValueError: no debts" in failed.traceback
    assert re.search(r"  world \w{12}, vat bank, line 9 of its cell, in ", failed.traceback)
    assert "whoever has that world sees there what led to it" in failed.traceback
    assert "dialled" in opened.run("%swingset peers").plain
    assert re.match(r"object of world \w{12}.* connected", opened.run("theirs").plain)
    assert "net" in opened.run("%swingset clists").plain


def test_a_process_that_is_killed_is_reached_again(opened: Kernel) -> None:
    """While it is gone, a message waits; once it is back, that is done, once, and the same name works on."""
    opened.process.kill()
    opened.process.wait()
    opened.run("late = E(theirs).deposit(0)")
    told = opened.run("%swingset peers").plain
    assert re.search(r" cut .* 1 answer, until ", told)
    assert re.search(r"cut: \w{12}\.unix: \S", told)
    assert re.match(r"object of world \w{12}.* not connected: messages wait", opened.run("theirs").plain)
    told = opened.run("%swingset").plain
    assert re.search(
        r"not connected now: \w{12}\.unix; what is sent waits, as 1 answer from there does", told
    )
    opened.process = served(opened.folder)
    assert opened.run("await late").plain == "5"
    assert opened.run("await E(theirs).deposit(1)").plain == "6"


def test_a_link_is_forgotten_by_name(opened: Kernel) -> None:
    """It is ended for good, and what was fetched by a string is fetched again when it is used."""
    assert "no link with abcdefghijkl" in opened.run("%swingset forget ocapn://abcdefghijkl.unix").traceback
    (peer,) = re.findall(r"(\w{12})\.unix +live", opened.run("%swingset peers").plain)
    assert opened.run(f"%swingset forget {peer}").plain.startswith(f"the link with {peer} has ended")
    assert "its owner has ended it" in opened.run("%swingset peers").plain
    assert opened.run("await E(theirs).deposit(0)").plain == "6"


def test_limits_say_what_they_count(opened: Kernel) -> None:
    """Each with its unit; what has no limit says so, and what was changed is marked."""
    shown = opened.run("%swingset peer-limits sessions=20").plain
    assert re.search(r"sessions +20 +worlds at the same time, .* +changed", shown)
    assert re.search(r"peer_bytes +any +bytes of all messages of a peer", shown)
    assert re.search(r"near +0 +1 if peers", shown)
    assert "the limit near is 0 or 1, not 5" in opened.run("%swingset peer-limits near=5").traceback
    none = opened.run("%swingset peer-limits sessions=0").traceback
    assert "the limit sessions is a number from 1 to 1,000,000,000,000, not 0" in none
    opened.run("%swingset peer-limits sessions=usual")


def test_a_string_is_in_no_output_unless_asked_for(opened: Kernel) -> None:
    """It goes to a file for its owner alone."""
    opened.run("%swingset listen unix path=mine.sock")
    opened.run("%%vat counter\nfrom swingset.vat import remotable\n@remotable\nclass Counter:\n"
               "    n = 0\n    def add(self):\n        self.n += 1\n        return self.n\n"
               "def build_root_object():\n    return Counter()")  # fmt: skip
    told = opened.run("%swingset share counter").plain
    assert "the string is in counter.ocapn, which only you can read" in told
    assert "→ whoever types `%swingset fetch counter counter.ocapn` in a notebook" in told
    path = opened.folder / "counter.ocapn"
    assert path.read_text().startswith("ocapn://")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "counter.ocapn is there already" in opened.run("%swingset share counter").traceback
    assert "ocapn://" in opened.run("%swingset share counter --show --label again").plain
    assert "counter  open" in opened.run("%swingset shared").plain
    joined = "other worlds: it listens by unix, shares 2 objects and is connected to 1 other world"
    assert joined in opened.run("%swingset").plain


def test_messages_of_others_are_delivered_while_no_cell_runs(opened: Kernel) -> None:
    """Another world calls what was shared; the notebook does nothing for it."""
    code = (
        "import sys; from pathlib import Path; from swingset.host.worlds.opening import open_world\n"
        "from swingset.host.sessions.session import Session; from swingset.guest.sending.eventual import E\n"
        "with open_world(worker='local') as world:\n"
        "    session = Session(world)\n"
        "    theirs = session.net.fetch(Path(sys.argv[1]))\n"
        "    print([session.wait(E(theirs).add()) for _ in range(3)])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(opened.folder / "counter.ocapn")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout == "[1, 2, 3]\n"
    opened.run("%swingset shared")
    refused = opened.run("%swingset undo")
    assert "this would take back 3 messages of other worlds too" in refused.traceback
    assert "add() to root of counter" in refused.traceback
    assert "`%swingset undo --yes` takes all of that back" in refused.traceback
    cause = opened.run("%swingset find add")
    assert "add() to root of counter" in cause.plain
    assert "received(" not in cause.plain
    told = opened.run("%swingset find --vat net --kind send").plain
    assert re.search(r"a message of (world \w{12}|another world), \d+ bytes", told), told
    assert opened.run("%swingset find b3A6ZGVsaXZlc").plain == "0 found"
    assert opened.run("await E(counter).add()").plain == "4"
    assert "took back cell" in opened.run("%swingset undo").plain
    opened.run("await E(theirs).deposit(0)")
    assert "nothing to do again" in opened.run("%swingset redo").traceback
    assert opened.run("await E(counter).add()").plain == "4"
    assert "took back cell" in opened.run("%swingset undo").plain
    assert "done again" in opened.run("%swingset redo").plain
    assert "world " in opened.run("%swingset explain counter").plain
    assert opened.complete("%swingset unshare co") == ["counter"]
    assert "did you mean `%swingset unshare counter`?" in opened.run("%swingset unshare cuonter").traceback
    told = opened.run("%swingset unshare counter").plain
    assert told.startswith("counter is not given out any more")


def test_what_is_shared_is_told_as_the_world_stands(opened: Kernel) -> None:
    """A world that went back to before a share has none, and says so; `net` is no name of the user's."""
    opened.run("%swingset checkpoint before")
    opened.run("%swingset share counter --to later.ocapn --label later")
    assert "later    open" in opened.run("%swingset shared").plain
    told = opened.run("%swingset go-back before").plain
    assert "from before these were shared, so their strings open nothing: later" in told
    assert "net" not in told
    assert "later    left" in opened.run("%swingset shared").plain
    assert "NameError" in opened.run("net").traceback
    assert "the name net is kept for a vat of the library" in opened.run("%%vat net\nx = 1").traceback


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%swingset listen pigeon", "no netlayer for 'pigeon' here"),
        ("%swingset listen unix path", "'path' is no NAME=TEXT"),
        ("%swingset share nothing", "no name 'nothing' here"),
        ("%swingset share counter --to /nowhere/at/all", "cannot be written (No such file or directory)"),
        ("%swingset share counter --to .", "is there already, and nothing is shared"),
        ("%swingset unshare nothing", "nothing is shared under this"),
        ("%swingset fetch 5 it", "'5' is no name of Python's"),
        ("%swingset fetch E it", "'E' sends messages in every notebook"),
        ("%swingset fetch print it", "'print' means something else in every notebook"),
        ("%swingset fetch it", "nobody can be asked here"),
        ("%swingset fetch it nowhere.ocapn", "the address cannot be read"),
        ("fetch('it')", "`await fetch(Path(FILE))` reads the string from a file"),
        ("%swingset fetch it ocapn-grant:AAAA", "this is a grant: `%swingset accept NAME GRANT`"),
        ("%swingset fetch it ocapn-card:AAAA", "this is a card: `%swingset grant NAME CARD`"),
        ("%swingset fetch it ocapn://nobody", "this is "),
    ],
)
def test_a_line_that_cannot_be_done_is_refused(opened: Kernel, line: str, said: str) -> None:
    """The refusal has the next step, and nothing is shared by it."""
    shared = opened.run("%swingset shared").plain
    failed = opened.run(line)
    assert said in failed.traceback
    assert "→" in failed.traceback
    assert opened.run("%swingset shared").plain == shared


def test_an_error_of_another_world_is_not_drawn_with_the_code_of_this_one(opened: Kernel) -> None:
    """A vat of this world that has the name of the vat of that world is another vat."""
    lines = "\n".join(f"secret_of_mine = {number}" for number in range(20))
    opened.run("%%vat bank\nfrom swingset.vat import remotable\n@remotable\nclass Root: pass\n"
               f"{lines}\ndef build_root_object(): return Root()")  # fmt: skip
    failed = opened.run("await E(theirs).deposit(-1)")
    assert "no debts" in failed.traceback
    assert "secret_of_mine" not in failed.traceback


def test_a_wait_that_is_stopped_does_not_advise_to_send_again(opened: Kernel) -> None:
    """What was sent stays sent, so a cell that runs again sends it once more."""
    opened.process.send_signal(signal.SIGSTOP)
    timer = threading.Timer(1.0, opened.manager.interrupt_kernel)
    timer.start()
    stopped = opened.run("await E(theirs).deposit(1)")
    opened.process.send_signal(signal.SIGCONT)
    assert "stays sent, and may still be done" in stopped.traceback
    assert "sends it once more" in stopped.traceback


def test_a_world_that_is_opened_again_says_that_it_does_not_listen(opened: Kernel) -> None:
    """What it shares is reached only then."""
    opened.run("%swingset close")
    assert (
        "when it listens as before: `%swingset listen`"
        in opened.run("%swingset open mine.world --worker local").plain
    )


def test_worlds_are_introduced_with_nothing_secret(opened: Kernel) -> None:
    """A card and a grant are shown; names for worlds are shown in the place of keys."""
    opened.run("%swingset open mine.world --worker local")
    assert "have this one listen" in opened.run("%swingset introduce").traceback
    opened.run("%swingset listen unix path=again.sock")
    card = re.search(r"ocapn-card:\S+", opened.run("%swingset introduce").plain)
    assert card is not None
    refused = opened.run(f"%swingset grant counter {card[0]}").traceback
    assert "this is the card of this world itself" in refused
    refused = opened.run("%swingset accept theirs ocapn-grant:AAAA").traceback
    assert "is no grant" in refused
    assert "it may have been cut when it was copied" in refused
    assert "→ %swingset help grant" in opened.run("%swingset grant counter nofile").traceback
    assert "of this world itself" in opened.run(f"%swingset follow {card[0]}").traceback
    assert "`%swingset rotate --yes`" in opened.run("%swingset rotate").traceback.replace("→ ", "`") + "`"
    opened.run("await E(theirs).deposit(0)")
    peer = re.search(r"([a-z2-7]{12})\.unix", opened.run("%swingset peers").plain)
    assert peer is not None
    assert opened.complete(f"%swingset petname {peer[1][:6]}") == [peer[1]]
    refused = opened.run(f"%swingset petname {peer[1][:3]} Them").traceback
    assert "at least 6 letters of its designator" in refused
    assert "is called Them here" in opened.run(f"%swingset petname {peer[1]} Them").plain
    assert "Them" in opened.run("%swingset peers").plain
    assert "world Them, vat bank, line 9" in opened.run("await E(theirs).deposit(-1)").traceback
    assert "object of world Them" in opened.run("%swingset clists").plain
    assert "Them" in opened.run("%swingset petname").plain
    assert "no name here any more" in opened.run("%swingset petname Them --remove").plain
    assert "a new key" in opened.run("%swingset rotate --yes").plain


def test_an_address_is_in_no_output_unless_asked_for(opened: Kernel) -> None:
    """Three lines to paste go to a file for its owner alone; clients are served while no cell runs."""
    told = opened.run("%swingset serve counter --label page").plain
    assert "lines to paste are in counter.mjs, which only you can read" in told
    path = opened.folder / "counter.mjs"
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert 'newHttpBatchRpcSession("http://127.0.0.1:' in lines[1]
    assert lines[2] == "console.log(await served.add());"
    assert "counter.mjs is there already" in opened.run("%swingset serve counter").traceback
    assert '("http://127.0.0.1:' in opened.run("%swingset serve counter --show --label shown --once").plain
    address = lines[1].split('"')[1]
    batch = '["push",["pipeline",0,["add"],[]]]\n["pull",1]'
    answer = httpx.post(address, content=batch, trust_env=False, timeout=60)
    assert re.fullmatch(r'\["resolve",1,\d+\]', answer.text)
    assert re.search(r"page +open +1 +web clients", opened.run("%swingset shared").plain)
    assert (
        "a batch of messages of a web client"
        in opened.run("%swingset find --vat net --kind send --all").plain
    )
    told = opened.run("%swingset unshare page").plain
    assert "page is not served any more, and its clients are cut off" in told
    assert httpx.post(address, content=batch, trust_env=False).status_code == 404
    assert "with other options" in opened.run("%swingset listen web origins=https://a.page").traceback
    assert "web" in opened.run("%swingset").plain


def test_going_back_says_which_links_end(opened: Kernel) -> None:
    """At once, by what its links have counted; and once more under the cell in which the link has ended."""
    opened.run("mine = await fetch(Path('it'))")
    opened.run("%swingset checkpoint linked")
    opened.run("await E(mine).deposit(1)")
    assert re.search(r"links that end, .*: \w{12}\.unix", opened.run("%swingset go-back linked").plain)
    told = "has ended: this world has gone back in time"
    assert told in opened.run("await E(mine).deposit(0)").printed
    assert told in opened.run("%swingset").plain
    assert told not in opened.run("1").plain
    assert opened.run("%swingset peers").plain.count("this world has gone back in time") == 1


def test_things_of_one_label_are_told_apart(opened: Kernel) -> None:
    """The list says how each was given out, and taking back the label names the digests."""
    opened.run("%swingset listen unix path=mine.sock")
    opened.run("%swingset share mine --to twice --label twice")
    opened.run("%swingset serve mine --to twice.mjs --label twice")
    listed = opened.run("%swingset shared").plain
    (shared,) = re.findall(r"twice +open .* other worlds +(\w{16})", listed)
    (served,) = re.findall(r"twice +open .* web clients +(\w{16})", listed)
    assert f"give one of their digests, {shared}, {served}" in opened.run("%swingset unshare twice").traceback
    for digest in (shared, served):
        opened.run(f"%swingset unshare {digest}")
    later = opened.run("%swingset listen web origins=https://my.page").traceback
    assert "close the world and open it, and have it listen so before it serves" in later


def test_a_copy_says_that_what_was_fetched_has_to_be_fetched_again(opened: Kernel) -> None:
    """A file copied without its secrets says so as it is opened, and in the answer of what it fetched."""
    opened.run("again = await fetch(Path('it'))")
    opened.run("%swingset commit")
    shutil.copy(opened.folder / "mine.world", opened.folder / "copied.world")
    with Kernel(opened.folder) as other:
        other.run("%load_ext swingset_nb")
        told = other.run("%swingset open copied.world --worker local").plain
        assert "its file of secrets is not beside it, so it is a copy" in told
        failed = other.run("await E(again).deposit(0)").traceback
        assert "Disconnected" in failed
        assert "fetch the object again by its string" in failed
        other.run("from pathlib import Path")
        other.run("again = await fetch(Path('it'))")
        assert other.run("await E(again).deposit(0)").plain.isdigit()
        other.run("%swingset close")
        assert "its file of secrets" not in other.run("%swingset open copied.world --worker local").plain
