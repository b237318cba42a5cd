"""The three forms of an answer: nothing a vat says can become markup in any of them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from swingset.host.base.outputs import Output
from swingset.lens.source.difference import Difference
from swingset_nb.console import marked
from swingset_nb.render import Diff, Line, Listing, Message, Shown, Stack, Table
from swingset_nb.sides import SideBySide

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">|`*_[a](javascript:x)'
SHOWN: list[Shown] = [
    Message(HOSTILE, [HOSTILE], [f"type `{HOSTILE}`"]),
    Table(HOSTILE, [HOSTILE, "b"], [[HOSTILE, 1], [("x", HOSTILE), None]], notes=[HOSTILE]),
    Table(HOSTILE, ["a"], [], HOSTILE),
    Diff([f"+{HOSTILE}", f"-{HOSTILE}", "````", f" {HOSTILE}"]),
    SideBySide.of(Difference("vat", HOSTILE, f"x = 1\n{HOSTILE}\n\n", f"x = 2\n{HOSTILE}\n{HOSTILE}")),
]


class Tags(HTMLParser):
    """Collects the tags and attributes of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("shown", [*SHOWN, Stack(SHOWN)])
def test_hostile_text_stays_text(shown: Shown) -> None:
    """HTML holds none of the tags or handlers that the text spells."""
    tags = Tags()
    tags.feed(shown.html())
    assert not tags.tags & {"script", "img"}
    assert tags.attributes <= {"style", "scope", "colspan"}


FORMULA = "$$\\href{javascript:x}{x}$$ \\(\\rule{9em}{9em}\\) \\[x\\]"


@pytest.mark.parametrize(
    "shown",
    [
        Message(FORMULA, [FORMULA], [f"type `{FORMULA}`"]),
        Line(["Purse of bank", FORMULA]),
        Table(FORMULA, [FORMULA], [[FORMULA]], notes=[FORMULA]),
        Table(FORMULA, ["a"], [], FORMULA, [FORMULA]),
        Listing(FORMULA, [FORMULA]),
        Diff([f"+{FORMULA}", FORMULA]),
        SideBySide.of(Difference("vat", FORMULA, FORMULA, f"{FORMULA} more")),
    ],
)
def test_a_text_is_no_formula(shown: Shown) -> None:
    """A notebook draws what stands between dollars or behind a backslash, but nothing that is in `<pre>`."""
    drawn = re.sub(r"<pre.*?</pre>", "", shown.html(), flags=re.DOTALL)
    assert not re.search(r"[$\\]", drawn.replace("<span>$</span>", "").replace("<span>\\</span>", ""))
    assert not re.search(r"\$\$|\\[(\[]", drawn)


@pytest.mark.parametrize("shown", SHOWN[:3])
def test_markdown_is_escaped(shown: Shown) -> None:
    """Outside of code no angle bracket, pipe or link of a vat's text is live."""
    outside = "".join(shown.markdown().split("`")[::2])
    assert "<" not in outside
    assert "[a](" not in outside


def test_a_table_has_three_forms() -> None:
    """Plain text is aligned, markdown is a table, HTML has a caption and column headings."""
    table = Table("vats", ["vat", "n"], [["bank", 1200], ["shop", 3]])
    assert table.plain() == "vats\nvat   n\n────  ─────\nbank  1,200\nshop  3"
    assert "| bank | 1,200 |" in table.markdown()
    assert '<th scope="col"' in table.html()


def test_an_empty_table_says_so() -> None:
    """No rows: one sentence instead of a frame around nothing."""
    assert Table("run-queue", ["a"], [], "empty").plain() == "run-queue: empty"


def test_outputs_carry_the_name_on_every_line() -> None:
    """A vat cannot print a line that looks like another vat's."""
    assert marked(Output(1, "bank", "stdout", "a\nshop │ b\n")) == ["bank │ a", "bank │ shop │ b"]
    assert marked(Output(1, "bank", "stderr", "x")) == ["bank (stderr) │ x"]
    assert marked(Output(1, "bank", "notice", "x\x1b[2J\u202e")) == ["bank (notice) │ x\\x1b[2J\\u202e"]
