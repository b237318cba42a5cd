"""The picture of a cause: lanes and arrows that say what its lines say, the same bytes each time, bounded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from swingset.lens.history.cause import Cause, Effect, Step
from swingset.lens.pictures.cause_picture import MOST_DOWN, MOST_UP, draw_cause
from swingset.lens.pictures.paper import DARK
from tests.host.test_said import ALL, check
from tests.lens.test_cause import BANK, crank
from tests.staging import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A shop that pays into a purse of the bank."""
    made = Stage("local")
    bank, shop = made.define("bank", BANK), made.define("shop", BANK)
    purse = made.ask(bank, "open_purse", "alice")
    made.ask(shop, "pay", purse, 10)
    made.ask(shop, "pay", purse, 20)
    yield made
    made.close()


def texts(svg: str) -> list[str]:
    """All that is written in a picture."""
    tree = ET.fromstring(svg)
    return [element.text or "" for element in tree.iter("{http://www.w3.org/2000/svg}text")]


def arrows(svg: str) -> int:
    return svg.count("marker-end=")


def test_each_event_has_a_row_and_each_sending_an_arrow(stage: Stage) -> None:
    """The chain from the request down is drawn, with the vats as lanes; neighbours have no arrow."""
    cause = stage.controller.lens.cause(crank(stage, "deposit(10)"))
    svg = draw_cause(cause).svg
    written = texts(svg)
    for step in (*cause.up, cause.step, *(effect.step for effect in cause.down), *cause.before, *cause.after):
        assert any(str(step)[:50] in text for text in written), step
    assert {"bank", "shop", "notebook", "host"} <= {*written}
    assert arrows(svg) == len(cause.up) + len(cause.down)
    assert any(text.startswith("❝ crank ") for text in written), "it printed"


def test_it_is_the_same_each_time_in_light_and_dark(stage: Stage) -> None:
    """No address, no time, no order of a hash; and each colour has one on dark paper."""
    cause = stage.controller.lens.cause(crank(stage, "pay("))
    picture = draw_cause(cause)
    assert picture == draw_cause(stage.controller.lens.cause(cause.step.crank))
    body = re.sub("<style>.*?</style>", "", picture.svg)
    assert {*re.findall(r"'(#[0-9a-f]{6})'", body)} <= DARK.keys()
    assert picture.words.startswith(str(cause.step))
    assert "crank 5 from request" in picture.words


def step(number: int, vat: str, sender: int | None = None, summary: str = "go()") -> Step:
    return Step(number, number, summary, "send", vat, "delivered", None, sender)


def test_a_long_chain_is_drawn_as_far_as_there_is_room() -> None:
    """The nearest events and the first lanes are drawn, and the picture says how many are not."""
    up = tuple(step(number, f"v{number % 40}", number - 1) for number in range(999, 0, -1))
    down = tuple(Effect(1, step(number, "sink", 1_000)) for number in range(1_001, 1_500))
    picture = draw_cause(Cause(step(1_000, "me", 999), up, "", down, True, (), ()))
    assert arrows(picture.svg) == MOST_UP + MOST_DOWN
    assert f"{999 - MOST_UP:,} senders further up are not drawn" in texts(picture.svg)
    assert f"more than {499 - MOST_DOWN:,} events that came of it are not drawn" in texts(picture.svg)
    assert any(text.endswith(" others") for text in texts(picture.svg))
    assert len(picture.svg) < 30_000


def test_what_failed_has_a_sign_and_what_strangers_named_is_escaped() -> None:
    """Markup in a name is text, and what comes from records is drawn characters already."""
    made = Step(3, 3, "<script>go()</script> & 'x'", "send", "<b>&", "stopped", None, None, failed=True)
    svg = draw_cause(Cause(made, (), "", (), False, (), ())).svg
    assert "✕ crank 3: <script>go()</script> & 'x': stopped" in texts(svg)
    assert "<script" not in svg


def test_texts_of_vats_are_drawn_characters(stage: Stage) -> None:
    """An argument with control characters neither breaks the picture nor hides in it."""
    shop = stage.session.root("shop")
    stage.ask(shop, "open_purse", ALL)
    picture = draw_cause(stage.controller.lens.cause(crank(stage, "open_purse('\\x1b")))
    check("\n".join(texts(picture.svg)))
    check(picture.words)
