"""Pictures, HTML and Markdown out of vats are shown as a stranger's: built anew, with nothing that runs."""

from __future__ import annotations

import base64
import io
import random
import re
import struct
import zlib
from functools import partial
from html.parser import HTMLParser
from typing import Any

import pandas
import pytest

from swingset.vat import Html, Markdown, Picture
from swingset_nb.frames import frame_html, frame_text
from swingset_nb.png import MOST_PIXELS, BadPicture, checked
from swingset_nb.sanitised import MOST_TEXT, safe_html, safe_markdown
from tests.conftest import WORKERS, MakeStage
from tests.notebook.kernels import Kernel


def part(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    width: int = 2,
    height: int = 3,
    *,
    header: bytes | None = None,
    pixels: bytes | None = None,
    packed: bytes | None = None,
    extra: bytes = b"",
    end: bytes | None = None,
) -> bytes:
    """A grey picture, with parts of it replaced."""
    rows = b"".join(b"\0" + bytes(width) for _ in range(height)) if pixels is None else pixels
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0) if header is None else header
    body = part(b"IDAT", zlib.compress(rows) if packed is None else packed)
    last = part(b"IEND", b"") if end is None else end
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + extra + body + last


def test_a_picture_is_written_again_without_what_is_no_picture() -> None:
    """Its texts and profiles are gone, and its pixels are the same."""
    found = checked(png(extra=part(b"tEXt", b"Author\0me") + part(b"pHYs", bytes(9))))
    assert (found.width, found.height) == (2, 3)
    assert b"Author" not in found.data
    assert checked(found.data).data == found.data
    assert checked(png() + b"<script>").data == png()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is no PNG"),
        (b"GIF89a", "it is no PNG"),
        (png()[:-6], "its end is missing"),
        (png().replace(b"IDAT", b"IDAU"), "a part of it is damaged"),
        (png(end=b""), "its end is missing"),
        (png(header=struct.pack(">IIBBBBB", 0, 3, 8, 0, 0, 0, 0)), "0 by 3 pixels"),
        (png(header=struct.pack(">IIBBBBB", 1 << 20, 1 << 20, 8, 0, 0, 0, 0)), "pixels are none, or more"),
        (png(header=struct.pack(">IIBBBBB", 2, 3, 8, 0, 0, 0, 1)), "not supported"),
        (png(header=struct.pack(">IIBBBBB", 2, 3, 3, 0, 0, 0, 0)), "not supported"),
        (png(pixels=bytes(100)), "more or fewer pixels"),
        (png(pixels=b""), "more or fewer pixels"),
        (png(pixels=bytes(50_000_000)), "more or fewer pixels"),
        (png(extra=part(b"ABCD", b"")), "a part that is unknown"),
        (png(extra=part(b"PLTE", bytes(769))), "too large"),
        (png(extra=part(b"IHDR", bytes(13))), "has two"),
        (png(header=bytes(12)), "its header is damaged"),
        (
            png(header=struct.pack(">IIBBBBB", 1, 40_000_000, 1, 0, 0, 0, 0)),
            "more than 30,000 along one side",
        ),
        (
            png(header=struct.pack(">IIBBBBB", 40_000_000, 1, 1, 0, 0, 0, 0)),
            "more than 30,000 along one side",
        ),
        (png(header=struct.pack(">IIBBBBB", 6_000, 6_000, 16, 6, 0, 0, 0)), "bytes, more than 160,000,000"),
        (png(packed=zlib.compress(bytes(9)) + b"x"), "more or fewer pixels"),
        (png(packed=zlib.compress(bytes(9)) + bytes(1 << 17)), "more or fewer pixels"),
        (png(packed=zlib.compress(bytes(9))[:-1]), "more or fewer pixels"),
        (png(packed=zlib.compress(bytes(9))[:-1] + b"x"), "its pixels are damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30_000_000), "are more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_is_refused(data: bytes, words: str) -> None:
    """A small file cannot be a large picture, and nothing of it is passed on unread."""
    with pytest.raises(BadPicture, match=words):
        checked(data)


def test_a_picture_with_any_byte_changed_is_a_picture_or_refused() -> None:
    """No other error comes out of any of them."""
    chance = random.Random(1)
    for _ in range(2_000):
        data = bytearray(png())
        data[chance.randrange(8, len(data))] = chance.randrange(256)
        try:
            checked(bytes(data))
        except BadPicture:
            continue


class Reads(HTMLParser):
    """What a browser would find: the tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


GOOD = "data:image/png;base64," + base64.b64encode(png()).decode()
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><p>x</p></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src=//evil></iframe>",
    "<style>@import '//evil'</style>",
    "<p style='background:url(//evil)' onclick=alert(1) id=a class=b>x</p>",
    "<base href=//evil>",
    "<form action=//evil><input><button>x</button></form>",
    "<meta http-equiv=refresh content='0;//evil'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<![foo[<img src=x>",
    "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<img src='data:image/png;base64,AAAA'>",
    "<td colspan=1e9>",
    "</div></div></body><script>x</script>",
    "<div" * 1_000,
    "<b>" * 1_000 + "x",
    "$\\href{javascript:alert(1)}{x}$",
    "\\(\\require{html}\\)",
    "<x-y onclick=1>z</x-y>",
    "<textarea></textarea><script>",
    "<plaintext><b>x",
    "&#x202e;x",
    "<img src='" + GOOD + "' alt='\"><script>'>",
    "<template><script>x</script></template>",
    "\x00<\x00script>",
    "&#" + "9" * 5_000 + ";",
    "&#x" + "F" * 5_000 + ";",
    "<img alt='&#" + "9" * 5_000 + ";'>",
    "<img src='&#" + "9" * 5_000 + "'>",
    "<td colspan='&#" + "9" * 5_000 + "'>",
    "&#0;&#xD800;&#1114112;&#x110000;&#99999999;",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30])
@pytest.mark.parametrize("safe", [safe_html, safe_markdown])
def test_nothing_of_a_stranger_runs_or_loads(text: str, safe: object) -> None:
    """Only tags of the list are left, without attributes, and nothing is read as a formula."""
    shown = safe(text)  # type: ignore[operator]
    allowed = {"colspan", "rowspan"}
    for tag, attrs in Reads(shown).found:
        assert tag not in ("script", "style", "svg", "iframe", "a", "form", "input", "meta", "base", "object")
        if tag == "img":
            assert set(attrs) == {"alt", "src", "style"}
            assert str(attrs["src"]).startswith("data:image/png;base64,")
            checked(base64.b64decode(str(attrs["src"]).partition(",")[2], validate=True))
        else:
            assert set(attrs) <= allowed
    bare = re.sub(r"<span>[$\\]</span>", "", shown)
    assert "$" not in bare
    assert "\\(" not in bare
    assert "\u202e" not in shown
    assert len(re.findall(r"<(?!/|br|hr|img)", shown)) == shown.count("</")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<h1>A</h1><p>x <b>y</p>", "<h1>A</h1><p>x <b>y</b></p>"),
        ("<table><td colspan=2>1 &lt; 2</table>", '<table><td colspan="2">1 &lt; 2</td></table>'),
        ("<ul><li>a<li>b</ul>", "<ul><li>a<li>b</li></li></ul>"),
        ("a<br>b<br/>c", "a<br>b<br>c"),
        ("<script>x</script>y", "y"),
        ("<b>1", "<b>1</b>"),
        ("&#0000065;&#66;&#x43;", "ABC"),
    ],
)  # fmt: skip
def test_html_keeps_text_lists_and_tables(text: str, shown: str) -> None:
    """Written again, and closed."""
    assert safe_html(text) == shown


def test_a_picture_in_html_is_shown() -> None:
    """If the page brings it along."""
    assert f'src="{GOOD}"' in safe_html(f"<img src='{GOOD}' alt=x>")


def test_the_pictures_of_a_page_have_one_bound_together() -> None:
    """Small files of large pictures are shown until their pixels are too many; the rest is named in words."""
    side = 5_000
    large = png(
        header=struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0), pixels=bytes(side * (1 + side // 8))
    )
    page = f"<img alt=x src='data:image/png;base64,{base64.b64encode(large).decode()}'>" * 3
    shown = safe_html(page + f"<img src='{GOOD}'>")
    assert 2 * side * side > MOST_PIXELS
    assert (shown.count("<img"), shown.count("left out: 5,000 by 5,000 pixels are none, or more")) == (2, 2)
    assert GOOD in shown


@pytest.mark.parametrize("level", [0, 9])
def test_pixels_of_several_pieces_are_read(level: int) -> None:
    """A picture whose pixels do not fit one piece, packed well or not at all, is the same picture."""
    large = png(2_000, 1_500, packed=zlib.compress((b"\0" + bytes(2_000)) * 1_500, level))
    assert checked(large).data == large


ESC = "a\x1b]0;x\x07\u202e"
LONG = "y" * 1_000_000
ODD_FRAMES = [
    pandas.DataFrame({ESC: [1]}),
    pandas.DataFrame({"a": [ESC]}),
    pandas.DataFrame({"a": [[ESC]]}),
    pandas.DataFrame({"a": [1]}, index=pandas.Index([ESC], name=ESC)),
    pandas.DataFrame({"a": pandas.Categorical([ESC])}),
    pandas.DataFrame({"a": ["$\\href{javascript:alert(1)}{x}$"], "$": [1], "\\(x\\)": [1]}),
    pandas.DataFrame({"<script>": ["<img src=x>"]}),
    pandas.DataFrame({("a", ESC): [1]}),
    pandas.DataFrame({("a", LONG): [1]}),
    pandas.DataFrame({LONG: [1] * 60}),
    pandas.DataFrame({LONG.encode(): [1] * 60}),
    pandas.DataFrame({"a": [1] * 60}, index=[*range(59), LONG]),
    pandas.DataFrame({"a": [1] * 60}, index=pandas.Index(range(60), name=LONG)),
    pandas.DataFrame({"a": [1] * 60}).rename_axis(columns=LONG),
    pandas.DataFrame({"a": [LONG] * 9}),
    pandas.DataFrame(index=range(10_000_000)),
    pandas.Series([ESC], index=[ESC], name=ESC),
    pandas.Series([1], name=LONG),
    pandas.Series([LONG]),
    pandas.Series(["a"], dtype=pandas.CategoricalDtype(["a", ESC, *(f"{at}{LONG}" for at in range(3))])),
    pandas.Index([ESC], name=ESC),
    pandas.Index([LONG] * 60),
    pandas.array([ESC], dtype="string"),
    pandas.array([LONG] * 60, dtype="string"),
    pandas.Series([LONG.encode()] * 60).array,
]


@pytest.mark.parametrize("value", ODD_FRAMES, ids=range(len(ODD_FRAMES)))
def test_a_frame_of_a_stranger_is_drawn_safely(value: object) -> None:
    """No sign moves the cursor, nothing is a formula or a tag, and a long label makes no large output."""
    shown = [frame_text(value)]
    assert len(shown[0]) < 10_000
    html = frame_html(value) if isinstance(value, pandas.DataFrame) else None
    if html is not None:
        shown.append(html)
        assert len(html) < 20_000
        assert not set(re.findall(r"</?(\w+)", html)) & {"script", "img", "a"}
        bare = re.sub(r"<span>[$\\]</span>", "", html)
        assert "$" not in bare
        assert "\\" not in bare
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", "".join(shown))
    assert LONG[:2_000] not in "".join(shown)


def test_a_plain_frame_looks_as_pandas_draws_it() -> None:
    """Nothing of it is changed."""
    frame = pandas.DataFrame({"city": ["Rome", "Oslo"], "t": [1.5, None]}, index=[3, "x"])
    assert frame_text(frame) == repr(frame)
    assert frame_html(frame) == frame._repr_html_()


def test_options_of_pandas_make_no_large_output() -> None:
    """A reader may show more rows and longer texts, up to a bound."""
    options = ("display.max_rows", None, "display.max_colwidth", None, "display.max_columns", None)
    with pandas.option_context(*options):
        assert len(frame_text(pandas.DataFrame({"a": [LONG] + ["b"] * 900}))) <= 100_000
        assert len(frame_html(pandas.DataFrame([["x"] * 900] * 900)) or "") < 1_000_001


TABLE = (
    "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
    "<tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table>"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# A *b*", "<h1>A <i>b</i></h1>"),
        ("- a\n- b\n  c", "<ul><li>a</li><li>b c</li></ul>"),
        ("1. a\n2. **b**", "<ol><li>a</li><li><b>b</b></li></ol>"),
        ("```python\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"),
        ("a | b\n--|--\n1 | `2`", TABLE),
        ("> a\n> b", "<blockquote>a b</blockquote>"),
        ("---", "<hr>"),
        ("a\nb\n\nc", "<p>a b</p><p>c</p>"),
        ("[x](http://a.b/)", "<p>x (http://a.b/)</p>"),
        ("![x](http://a.b/c.png)", "<p>x (http://a.b/c.png)</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
    ],
)  # fmt: skip
def test_markdown_keeps_its_structure(text: str, shown: str) -> None:
    """Headings, lists, tables, quotes, code and emphasis."""
    assert safe_markdown(text) == shown


SIGNS = [
    *("`", "*", "[", "](", "|", "-", "#", " ", "<", "<!--", "<![", "<?", "<a ", "</a ", "<a '", "<a \"'"),
    *(
        "<script></script ",
        "<img src=",
        "<img src='",
        "&",
        "&#",
        "> ",
        "- ",
        "a|\n-|\n",
        "<b>",
        "</b>",
        "<svg>",
    ),
    *("<td colspan=", "<b x='>", "<b a='><b a=\">"),
]


@pytest.mark.parametrize("sign", SIGNS)
def test_long_texts_are_shown_or_cut_at_once(sign: str) -> None:
    """No text keeps the notebook busy, however it is made."""
    text = sign * (MOST_TEXT // len(sign))
    assert safe_markdown(text) is not None
    assert safe_html(text) is not None
    assert "are more than" in safe_html(text * 2 + "xx")


SHOWS = """
    from swingset.vat import Html, Markdown, Picture, remotable

    @remotable
    class Shows:
        def same(self, value: Picture | Html | Markdown):
            return value

        def drawn(self, png: bytes):
            return Picture(png, "a <picture>")

    def build_root_object():
        return Shows()
"""


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("value", [Picture(png(), "x"), Html("<b>x"), Markdown("# x")], ids=repr)
def test_they_pass_by_copy(make_stage: MakeStage, worker: str, value: object) -> None:
    """The same value comes back from a vat."""
    stage = make_stage(worker)
    shows = stage.define("shows", SHOWS)
    found = stage.ask(shows, "same", value)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("kind", [Html, Markdown, partial(Picture, b"")])
def test_they_are_named_in_a_short_line_without_signs(kind: Any) -> None:
    """In an f-string or a list too, and the same text in full if it is short."""
    assert "'a'" in repr(kind("a"))
    for text in (ESC, LONG, "\n", "\u2028", "\x9b31m"):
        assert repr([kind(text)]).isprintable()
        assert len(repr(kind(text))) < 200


def test_a_notebook_shows_them(kernel: Kernel) -> None:
    """A picture as a picture with its text, HTML and Markdown as safe HTML, and a bad picture in words."""
    kernel.run("%swingset open shows.world --worker local")
    kernel.run("%%vat shows\n" + SHOWS.replace("\n    ", "\n"))
    kernel.run(f"png = {png()!r}\nfrom swingset.vat import Html, Markdown, Picture")
    (shown,) = kernel.run("await E(shows).drawn(png)").shown
    assert base64.b64decode(shown["image/png"]) == png()
    assert shown["text/plain"] == "<picture of 2 by 3 pixels: a <picture>>"
    (shown,) = kernel.run("await E(shows).drawn(b'x')").shown
    assert shown == {"text/plain": "<a picture that is not shown: it is no PNG>"}
    (shown,) = kernel.run("await E(shows).same(Html('<b onclick=x>y'))").shown
    assert shown["text/html"] == "<b>y</b>"
    (shown,) = kernel.run("await E(shows).same(Markdown('# y'))").shown
    assert shown["text/html"] == "<h1>y</h1>"
    told = kernel.run("[await E(shows).same(Picture(b'', '\\x1b[31m\\u202e')), Html('x' * 9_999)]").plain
    assert "<Picture of 0 bytes: '\\x1b[31m\\u202e'>" in told
    assert len(told) < 1_000
    (shown,) = kernel.run("import pandas\nodd = pandas.DataFrame({'a\\x1b[31m': ['$x$']})\nodd").shown
    assert "a\\x1b[31m" in shown["text/plain"]
    assert "<td><span>$</span>x<span>$</span></td>" in shown["text/html"]
    told = kernel.run("[odd, odd.columns, odd['a\\x1b[31m'], odd.columns.array]").plain
    assert told.count("a\\x1b[31m") == 4
    assert "\x1b" not in told
    kernel.run("%unload_ext swingset_nb")
    assert "\x1b" in kernel.run("odd").shown[0]["text/plain"]
    kernel.run("%load_ext swingset_nb")


FIGURE = """
    import matplotlib.pyplot as plt
    from swingset.vat import Picture, remotable

    @remotable
    class Draws:
        def figure(self):
            figure, axes = plt.subplots()
            axes.plot([1, 3, 2])
            return figure

        def axes(self):
            return plt.subplots()[1]

        def picture(self):
            return Picture.of(self.figure(), "a line")

    def build_root_object():
        return Draws()
"""


@pytest.mark.slow
def test_a_figure_of_a_vat_arrives_as_a_picture(make_stage: MakeStage) -> None:
    """Returned as it is, or drawn with a text; the axes alone are refused with the fix."""
    stage = make_stage("wasm-full")
    draws = stage.define("draws", FIGURE)
    picture = stage.ask(draws, "figure")
    assert checked(picture.png).width > 300
    assert stage.ask(draws, "picture") == Picture(picture.png, "a line")
    with pytest.raises(TypeError, match=r"pass x\.figure, which arrives as a picture"):
        stage.ask(draws, "axes")
    assert io.BytesIO(picture.png).read(4) == b"\x89PNG"


DATA = """%%vat {name} --worker {worker}
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from swingset.vat import remotable

@remotable
class Data:
    def array(self):
        return np.arange(3)

    def frame(self):
        return pd.DataFrame({{"city": ["Rome", "<b>"], "t": [1.5, 2.0]}})

    def figure(self, frame: pd.DataFrame):
        axes = frame.plot(x="city")
        plt.close(axes.figure)
        return axes.figure

def build_root_object():
    return Data()
"""


@pytest.mark.slow
def test_a_notebook_gets_data_and_figures_of_the_scientific_engine(kernel: Kernel) -> None:
    """An array, a frame as a table, and a figure as a picture; the lean engine says which one has numpy."""
    kernel.run("%swingset close")
    kernel.run("%swingset open data.world")
    assert "vat data runs now" in kernel.run(DATA.format(name="data", worker="wasm-full")).plain
    assert kernel.run("await E(data).array()").plain == "array([0, 1, 2], dtype=int32)"
    (shown,) = kernel.run("frame = await E(data).frame()\nframe").shown
    assert "<td>Rome</td>" in shown["text/html"]
    assert "<b>" not in shown["text/html"]
    (shown,) = kernel.run("await E(data).figure(frame)").shown
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    refused = kernel.run(DATA.format(name="lean", worker="wasm"))
    assert "No module named 'numpy'" in refused.traceback
    assert "another engine has numpy, matplotlib, pandas: `%%vat NAME --worker" in refused.traceback
