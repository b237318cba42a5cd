"""References in cells: what they show, what Tab offers after them, and what `?` and Shift-Tab say."""

from __future__ import annotations

import queue
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.notebook.kernels import TIMEOUT, Kernel, Ran

SHOP = """%%vat shop
from swingset.vat import remotable

@remotable
class Shop:
    def take(self, purse):
        "Keep a purse."
        self.purse = purse

def build_root_object():
    return Shop()
"""


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a bank, a shop that holds a purse, and a promise of each sort."""
    kernel.open_bank()
    kernel.run(SHOP)
    kernel.run(
        "purse = await E(bank).open_purse('<b>al')\nawait E(purse).deposit(10)\nawait E(shop).take(purse)"
    )
    kernel.run("again = E(bank).open_purse('bob')\npurses = {'al': purse, 'all': [purse, bank]}")
    return kernel


PURSE = "Purse of bank · owner '<b>al' · balance 10 · methods deposit · held by shop"


@pytest.mark.parametrize("path", ["purse", "purses['al']", 'purses["all"][0]', "purses['all'][0]"])
@pytest.mark.parametrize("word", ["describe", "explain", "cause"])
def test_a_word_takes_items_of_lists_and_dicts(opened: Kernel, word: str, path: str) -> None:
    """As Tab and Shift-Tab do; it says the same as of the name."""
    assert opened.run(f"%swingset {word} {path}").plain == opened.run(f"%swingset {word} purse").plain != ""


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("purse", PURSE),
        ("bank", "Bank, root of bank · methods open_purse"),
        ("shop", "Shop, root of shop · methods take"),
        ("purses", "{'al': <Purse of bank>, 'all': [<Purse of bank>, <Bank, root of bank>]}"),
        (
            "[again, E(purse).deposit(0), E(purse).deposit(0)]",
            "[<promise for open_purse(), fulfilled with Purse of bank>,"
            "\n <promise for deposit(), pending>,\n <promise for deposit(), pending>]",
        ),
        (
            "again",
            "promise for open_purse() · fulfilled with Purse of bank · owner 'bob' · balance 0"
            " · methods deposit · `await` it for its value",
        ),
        (
            "E(purse).deposit(0)",
            "promise for deposit() · not settled yet: its message deposit() waits to run",
        ),
        ("E(purse).deposit", "nothing is sent yet, deposit of Purse of bank is not called: add (...)"),
        ("E(purse)", "nothing is sent yet to Purse of bank: add .method(...)"),
    ],
)
def test_a_reference_is_shown_in_words(opened: Kernel, cell: str, shown: str) -> None:
    """A reference alone in a cell says what it stands for, in a container its name."""
    ran = opened.run(cell)
    assert ran.plain == shown
    html = ran.shown[0].get("text/html", "")
    assert "<b>al" not in html
    if cell == "purse":
        assert html == (
            "<div><b>Purse of bank</b> · owner &#x27;&lt;b&gt;al&#x27; · balance 10 · methods deposit"
            " · held by shop</div>"
        )


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("await E(purse).", ["deposit"]),
        ("await E(purse).dep", ["deposit"]),
        ("x = 1; E.send_only( purse ).d", ["deposit"]),
        ("E(purses['al']).", ["deposit"]),
        ('E(purses["all"][1]).', ["open_purse"]),
        ("E(again).", ["deposit"]),
        ("purse.", ["E(purse).deposit"]),
        ("total = purse.de", ["E(purse).deposit"]),
        ("purses['al'].", ["E(purses['al']).deposit"]),
        ("E(purse).nonesuch", []),
        ("%%vat other\nE(purse).", []),
    ],
)
def test_tab_offers_the_methods_of_a_remote_object(opened: Kernel, typed: str, offered: list[str]) -> None:
    """After `E(purse).` the names of methods, after `purse.` the whole send, in the cell of a vat nothing."""
    assert opened.complete(typed) == offered


@pytest.mark.parametrize("typed", ["purses.it", "import json\njson.dum", "len(purses).bit_l"])
def test_tab_on_other_values_is_pythons(opened: Kernel, typed: str) -> None:
    """What is no reference is completed as everywhere."""
    assert opened.complete(typed)


def inspected(kernel: Kernel, code: str) -> str:
    """What Shift-Tab shows with the cursor at the end of `code`, without colours."""
    kernel.client.inspect(code, len(code), 0)
    return _text(_reply(kernel, "inspect_reply")["data"])


def _reply(kernel: Kernel, kind: str) -> dict[str, Any]:
    while True:
        try:
            message = kernel.client.get_shell_msg(timeout=TIMEOUT)
        except queue.Empty:  # pragma: no cover - a kernel that hangs
            pytest.fail("the kernel did not answer")
        if message["msg_type"] == kind:
            content: dict[str, Any] = message["content"]
            return content


def _text(data: dict[str, str]) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", data.get("text/plain", ""))


METHOD = """Signature: deposit(amount: int) -> int
Method of: Purse of bank
To send:   await E(purse).deposit(...)
Code:      line 9 of cell bank"""


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("await E(purse).deposit(", METHOD),
        ("E(purse).deposit", METHOD),
        ("purse.deposit", METHOD),
        ("E(shop).take(", "Docstring: Keep a purse."),
        ("x = 1\nawait E(purses['al']).deposit(", "Method of: Purse of bank"),
        ('E(purses["all"][1]).open_purse(owner=str(', 'await E(purses["all"][1]).open_purse(...)'),
        ("purses['al'].deposit", "To send:   await E(purses['al']).deposit(...)"),
        ("purses['al'].deposit(", "Method of: Purse of bank"),
        ('x = purses["all"][1]', "Methods:   open_purse(owner"),
        ("purses['none']", "dict"),
        ("purse", "Methods:   deposit(amount: int) -> int"),
        ("purse", "Class:     line 5 of cell bank"),
        ("again", "Reference: promise for open_purse() · fulfilled with Purse of bank"),
        ("len", "Return the number of items in a container."),
        ("purses.keys", "D.keys()"),
    ],
)
def test_shift_tab_shows_the_signature(opened: Kernel, typed: str, told: str) -> None:
    """Of a method signature, docstring, cell and line; of other values what IPython shows."""
    assert told in inspected(opened, typed)


@pytest.fixture
def paged(opened: Kernel) -> Iterator[Any]:
    """Runs a cell, and returns what it put into the pager."""

    def run(code: str) -> str:
        opened.client.execute(code)
        (page,) = _reply(opened, "execute_reply")["payload"]
        return _text(page["data"])

    return run


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("purse.deposit?", METHOD),
        ("E(purse).deposit?", METHOD),
        ("await E( purse ).deposit()?", METHOD),
        ("purse?", "Reference: Purse of bank · owner '<b>al'"),
        ("len?", "container"),
    ],
)
def test_a_question_mark_opens_the_same(paged: Any, typed: str, told: str) -> None:
    """`?` after a reference or a method shows the card in the pager."""
    assert told in paged(typed)


def test_looking_changes_nothing(opened: Kernel) -> None:
    """Display, Tab, Shift-Tab and `?` leave the digest and the crank as they were."""

    def state() -> Ran:
        return opened.run("%swingset digest")

    before = state().plain
    for look in ("purse", "again", "purses", "purse?"):
        opened.run(look)
    opened.complete("E(purse).")
    inspected(opened, "purse.deposit")
    assert state().plain == before


@pytest.mark.parametrize("shown", ["many", "{'all': many}", "%swingset names"])
def test_a_list_of_promises_is_shown_without_a_look_at_the_queue(opened: Kernel, shown: str) -> None:
    """Each is called by its message and how it stands: a walk over what waits, for each of them, is none."""
    opened.run(
        "from swingset.lens.present import described\nwalks = []\nbefore = described._Describing._unsettled\n"
        "described._Describing._unsettled = lambda *given: walks.append(1) or before(*given)"
    )
    ran = opened.run(f"many = [E(purse).deposit(0) for _ in range(20)]\none = many[0]\n{shown}")
    assert ran.status == "ok", ran.traceback
    assert opened.run("described._Describing._unsettled = before\nlen(walks)").plain == "0"


def test_unloading_gives_everything_back(kernel: Kernel) -> None:
    """Without the extension a shell shows and finds values as before."""
    hooks = "dict(get_ipython().inspector.mime_hooks), '_ofind' in vars(get_ipython())"
    kernel.run("%unload_ext swingset_nb")
    assert kernel.run(hooks).plain == "({}, False)"
    assert kernel.run("%load_ext swingset_nb").status == "ok"
