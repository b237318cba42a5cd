"""What a person does in an hour, in JupyterLab and in Notebook 7: read, complete, share code, undo, stop.

One page, one kernel and one world serve all of it in each front end, because a page is what takes long. Each
test uses names of its own.
"""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Lab
from tests.browser.test_journeys import world

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SPIN = """%%vat spin --seconds 600 --computrons 1e15
from swingset.vat import remotable

@remotable
class Spin:
    def go(self, rounds: int):
        for number in range(rounds):
            pass
        return rounds

def build_root_object():
    return Spin()"""
MONEY = "%%module money\ndef cents(euros):\n    return euros * {factor}"
SHOP = """%%vat {name}
import money
from swingset.vat import remotable

@remotable
class Shop:
    def price(self, euros: int):
        return money.cents(euros)

def build_root_object():
    return Shop()"""
DATA = """%%vat {name} --worker {worker}
import numpy as np
import pandas as pd
from swingset.vat import remotable

@remotable
class Data:
    def array(self):
        return np.arange(3) * 1.5

    def frame(self):
        return pd.DataFrame({{"city": ["Rome", "<b>Oslo"], "t": [1.5, 2.0]}})

    def figure(self, frame: pd.DataFrame):
        import matplotlib.pyplot as plt
        axes = frame.plot(x="city")
        plt.close(axes.figure)
        return axes.figure

def build_root_object():
    return Data()"""


@pytest.fixture(scope="module")
def hour(front: Lab) -> Lab:
    """A notebook with a world and a counter `c` in it, in each front end."""
    world(front, "hour-alone" if front.alone else "hour")
    return front


def shot(hour: Lab, pictures: Path, name: str) -> None:
    """A picture of the page, for a human eye."""
    hour.page.screenshot(path=pictures / f"{'notebook-7' if hour.alone else 'lab'}-{name}.png")


def complete(hour: Lab, typed: str, offered: str, taken: str) -> None:
    """Type in a new cell, press Tab, see what is offered, and take it."""
    from playwright.sync_api import expect

    cell = hour.type(typed)
    hour.page.keyboard.press("Tab")
    expect(hour.page.locator(".jp-Completer-item").first).to_contain_text(offered, timeout=30_000)
    hour.page.keyboard.press("Enter")
    expect(cell.locator(".cm-content")).to_contain_text(taken)


def signature(hour: Lab, *lines: str) -> None:
    """Press Shift-Tab where the cursor is, and read what comes."""
    from playwright.sync_api import expect

    hour.page.keyboard.press("Shift+Tab")
    tooltip = hour.page.locator(".jp-Tooltip")
    for line in lines:
        expect(tooltip).to_contain_text(line)
    hour.page.keyboard.press("Escape")


def test_a_reference_is_read_completed_and_inspected(hour: Lab, pictures: Path) -> None:
    """It says what it is; Tab completes the method, Shift-Tab shows what it is called with, `?` the whole."""
    from playwright.sync_api import expect

    shown = hour.run("c")
    expect(shown.locator(".jp-OutputArea-output b")).to_have_text("Counter of counter")
    expect(shown).to_contain_text("Counter of counter · count 1 · methods up")
    complete(hour, "await E(c).u", "up", "await E(c).up")
    hour.page.keyboard.type("(")
    signature(hour, "up() -> int", "line 7 of cell counter")
    complete(hour, "c.", "E(c).up", "E(c).up")
    hour.type("c")
    signature(hour, "Counter of counter", "count 1")
    shot(hour, pictures, "references")
    expect(hour.run("c?")).to_contain_text("Counter of counter")
    expect(hour.run("c.up?")).to_contain_text("Method of: Counter of counter")
    expect(hour.run("c.up()")).to_contain_text("use `await E(c).up()`")


def test_answers_and_refusals_are_shown(hour: Lab) -> None:
    """A table, a picture that is drawn, the line of an error, and the word that was meant."""
    from playwright.sync_api import expect

    expect(hour.run("%swingset clists counter").locator("table")).to_contain_text("Counter")
    image = hour.run("%swingset picture").locator("img[alt*='counter']")
    assert image.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 500
    expect(hour.run("await E(counter).made()")).to_contain_text("this cell, line 1")
    expect(hour.run("%swingset hlep")).to_contain_text("did you mean")


def test_two_vats_on_one_module_are_upgraded_together(hour: Lab, pictures: Path) -> None:
    """A changed module says who runs the older one, and one word upgrades both."""
    from playwright.sync_api import expect

    expect(hour.run(MONEY.format(factor=100))).to_contain_text("module money is defined")
    for name in ("kiosk", "store"):
        expect(hour.run(SHOP.format(name=name))).to_contain_text("made of this cell and module money")
    complete(hour, "%%vat third\nimport mone", "money", "import money")
    changed = hour.run(MONEY.format(factor=10))
    expect(changed).to_contain_text("no vat has changed yet")
    expect(changed).to_contain_text("`%swingset module money --upgrade`".strip("`"))
    prices = "await E(kiosk).price(1), await E(store).price(1)"
    expect(hour.run(prices)).to_contain_text("(100, 100)")
    expect(hour.run("%swingset module money --upgrade")).to_contain_text("kiosk and store")
    expect(hour.run(prices)).to_contain_text("(10, 10)")
    shot(hour, pictures, "modules")


def test_three_cells_are_taken_back_and_done_again(hour: Lab, pictures: Path) -> None:
    """With the names that they bound; what comes afterwards counts on from there."""
    from playwright.sync_api import expect

    for cell in ("d = await E(counter).make()", "await E(d).up()", "await E(d).up()"):
        hour.run(cell)
    undone = hour.run("%swingset undo 3")
    expect(undone).to_contain_text("took back cells")
    expect(undone).to_contain_text("names that are gone: d")
    expect(hour.run("d")).to_contain_text("an undo took d back: `%swingset redo` does it again")
    shot(hour, pictures, "undo")
    expect(hour.run("%swingset redo")).to_contain_text("names as they were: d")
    expect(hour.run("d")).to_contain_text("count 2")
    expect(hour.run("await E(d).up()")).to_contain_text("3")


def test_a_runaway_is_stopped_and_cancelled(hour: Lab, pictures: Path) -> None:
    """The stop button says what it stopped; a click in the panel drops it, and so does a word."""
    from playwright.sync_api import expect

    hour.run("%swingset panel")
    panel = hour.page.locator(".sw-panel")
    expect(panel.locator("button.sw-cancel")).to_be_hidden()
    expect(hour.run(SPIN)).to_contain_text("runs now")
    for way in ("click", "word"):
        stuck = hour.begin("await E(spin).go(10**15)")
        # The line of progress: the delivery is under way.
        expect(stuck).to_contain_text("computrons", timeout=30_000)
        hour.page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='interrupt']").click()
        expect(stuck).to_contain_text("in the middle of the message go() in vat spin", timeout=30_000)
        expect(stuck).to_contain_text("%swingset cancel")
        if way == "click":
            panel.scroll_into_view_if_needed()
            panel.locator("button.sw-cancel").click()
            expect(panel.locator(".sw-did")).to_contain_text("the message go() is dropped")
            expect(panel.locator("button.sw-cancel")).to_be_hidden()
            shot(hour, pictures, "cancelled")
        else:
            hour.page.wait_for_timeout(500)  # the kernel drops what comes in right behind an interrupt
            expect(hour.run("%swingset cancel")).to_contain_text("the message go() is dropped")
        expect(hour.run("await E(spin).go(5)")).to_contain_text("5")


def test_data_is_refused_by_the_lean_engine(hour: Lab, pictures: Path) -> None:
    """A cell that imports numpy, and an array for a vat without it: which side lacks it, and what helps."""
    from playwright.sync_api import expect

    refused = hour.run(DATA.format(name="lean", worker="wasm"))
    expect(refused).to_contain_text("No module named 'numpy'")
    expect(refused).to_contain_text("another engine has numpy, matplotlib, pandas: `%%vat NAME --worker")
    hour.run(SPIN)
    told = hour.run("import numpy\nawait E(spin).go(numpy.arange(3))")
    expect(told).to_contain_text("vat spin has no numpy: pass x.tolist() instead")
    shot(hour, pictures, "lean")


@pytest.mark.slow
def test_data_and_figures_come_out_of_the_scientific_engine(hour: Lab, pictures: Path) -> None:
    """An array, a frame as a table with its text as text, and a figure that is drawn."""
    from playwright.sync_api import expect

    expect(hour.run(DATA.format(name="data", worker="wasm-full"))).to_contain_text("runs now")
    expect(hour.run("await E(data).array()")).to_contain_text("array([0. , 1.5, 3. ])")
    table = hour.run("frame = await E(data).frame()\nframe").locator("table")
    expect(table).to_contain_text("<b>Oslo")
    image = hour.run("await E(data).figure(frame)").locator(".jp-RenderedImage img")
    assert image.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 300
    shot(hour, pictures, "data")


def colour_in(hour: Lab, image: Any) -> str:
    """The colour of one point of a picture, beside its left edge, as the page shows it."""
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    clip = {"x": box["x"] + 4, "y": box["y"] + box["height"] / 2, "width": 1, "height": 1}
    png = hour.page.screenshot(clip=clip)
    packed, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            packed += png[place + 8 : place + 8 + length]
        place += 12 + length
    return "#" + zlib.decompress(packed)[1:4].hex()


def colour_soon(hour: Lab, image: Any, colour: str) -> str:
    """The same once it is the colour given, or after some seconds: a page fades between themes."""
    until = time.monotonic() + 10
    while (seen := colour_in(hour, image)) != colour and time.monotonic() < until:
        hour.page.wait_for_timeout(50)
    return seen


THEMES = {"JupyterLab Dark": "#14191f", "JupyterLab Light": "#ffffff"}
"""The themes, and the paper of pictures in them."""

EVERYTHING = """import struct, zlib, pandas
from IPython.display import display
from swingset.vat import Picture
from swingset_nb.render import Diff

for line in ("", "clists", "story", "costs"):
    display(get_ipython().run_line_magic("swingset", line))
display(Diff(["-before", "+after"]), c, pandas.DataFrame({"a": [1, 2]}))

def part(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

clear = part(b"IHDR", struct.pack(">IIBBBBB", 24, 24, 8, 6, 0, 0, 0))
clear += part(b"IDAT", zlib.compress(bytes(24 * (1 + 24 * 4)))) + part(b"IEND", b"")
display(Picture(b"\\x89PNG\\r\\n\\x1a\\n" + clear, "nothing"))"""
"""Shows an answer of each form, and a picture of a vat that has no paper of its own."""


CONTRASTS = """() => {
  const output = window.notebook.content.widgets.at(-1).outputArea.node;
  const parts = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[0-9.]+/g).map(Number);
    const scale = colour.startsWith('color(') ? 255 : 1;
    return [scale * red, scale * green, scale * blue, alpha];
  };
  const over = (top, sheet) => [0, 1, 2].map((at) => top[at] * top[3] + sheet[at] * (1 - top[3]));
  const luminance = (colour) => {
    const light = colour.map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  };
  const texts = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
  const poor = [];
  let seen = 0;
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    if (!text) continue;
    const sheets = [];
    for (let at = texts.currentNode.parentElement; at; at = at.parentElement) {
      sheets.unshift(parts(getComputedStyle(at).backgroundColor));
    }
    const sheet = sheets.reduce((below, top) => over(top, below), [255, 255, 255]);
    const ink = over(parts(getComputedStyle(texts.currentNode.parentElement).color), sheet);
    const [dark, bright] = [luminance(ink), luminance(sheet)].sort((one, other) => one - other);
    seen += 1;
    if ((bright + 0.05) / (dark + 0.05) < 4.5) poor.push([text, ink, sheet]);
  }
  return [seen, poor];
}"""
"""How many texts the last output has, and those that differ too little from what they lie on."""


def test_everything_can_be_read_in_both_themes(hour: Lab, pictures: Path) -> None:
    """Pictures follow the theme whatever the browser prefers, and texts differ from what they lie on."""
    shown = hour.run(EVERYTHING)
    for theme, paper in THEMES.items():
        change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
        hour.page.evaluate(change, theme)
        hour.page.wait_for_function("(theme) => document.body.dataset.jpThemeName === theme", arg=theme)
        for preferred in ("light", "dark"):
            hour.page.emulate_media(color_scheme=preferred)
            chart = shown.locator("img[alt*='computrons']")
            assert colour_soon(hour, chart, paper) == paper, (theme, preferred)
        assert colour_soon(hour, shown.locator(".jp-RenderedImage img"), "#ffffff") == "#ffffff"
        seen, poor = hour.page.evaluate(CONTRASTS)
        assert seen > 100
        assert poor == [], theme
        shot(hour, pictures, theme.rpartition(" ")[2].lower())
