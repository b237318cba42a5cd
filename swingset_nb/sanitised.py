"""HTML and Markdown that a stranger wrote, made safe to show: built anew of a few tags and of text.

Nothing of the input is passed on but text, which is escaped. A tag that is on the list is written again
without its attributes, and closed where it has to be. So no script runs, nothing is loaded from elsewhere,
nothing looks like a button of the notebook, and there is no rule of HTML that a reader could understand in
another way. Pictures are those that a page brings along, each checked by `png`.

The dollar sign and the backslash stand alone, each in an element of its own, because a notebook would read a
text between two of them as a formula, which has commands.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import string
from collections.abc import Callable

from swingset.model.visible import visible
from swingset_nb.png import MOST_PIXELS, BadPicture, Png, checked

MOST_TEXT = 200_000
"""The most characters of HTML or Markdown."""

_MOST_READ = 20
"""How often each character is read, on average, to look for the end of a tag."""

_MOST_DEEP = 100
_KEPT = frozenset(
    ("p", "div", "span", "b", "strong", "i", "em", "u", "s", "sub", "sup", "small", "code", "pre", "kbd",
     "samp",      "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "dl", "dt", "dd",
     "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "figure", "figcaption")
)  # fmt: skip
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SINGLE = frozenset(("br", "hr"))
_DROPPED = frozenset(
    ("script", "style", "template", "svg", "math", "iframe", "object", "noscript", "noembed", "noframes",
     "head",      "title", "textarea", "select", "xmp", "plaintext", "audio", "video", "canvas")
)  # fmt: skip
"""Elements that are left out with their content."""

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,30})(?=[\s/>])")
_STOP = re.compile(r"""[>"']""")
_ATTRIBUTE = re.compile(r"""([A-Za-z]{1,20})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'<>=]+))""")
_SPAN = re.compile(r"""\b(colspan|rowspan)=["']?([0-9]{1,3})\b""", re.IGNORECASE)
_LONG_REFERENCE = re.compile(r"&#(?:[0-9]{10,}|[xX][0-9A-Fa-f]{10,});?")
_PICTURE = "data:image/png;base64,"
_OF_FORMULAS = re.compile(r"[$\\]")
_IMG_STYLE = "max-width:100%;height:auto"


def safe_text(text: str) -> str:
    """Text as HTML that shows just that."""
    return without_formulas(html.escape(visible(text), quote=True))


def without_formulas(escaped: str) -> str:
    """HTML with the signs of formulas alone; its tags must have none."""
    return _OF_FORMULAS.sub(lambda found: f"<span>{found[0]}</span>", escaped)


def safe_html(text: str) -> str:
    """HTML that shows the text, lists, tables and pictures of a stranger's HTML."""
    if len(text) > MOST_TEXT:
        return safe_text(f"{len(text):,} characters of HTML are more than the {MOST_TEXT:,} that are shown")
    return _Builder(text).built()


def _img(png: Png, alt: str) -> str:
    source = _PICTURE + base64.b64encode(png.data).decode()
    words = html.escape(visible(alt, 500), quote=True)
    return f'<img alt="{words}" src="{source}" style="{_IMG_STYLE}">'


class _Builder:
    """Builds HTML anew while it reads a stranger's. It reads each character a bounded number of times."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lower = text.translate(_LOWER)  # which keeps the places of all characters
        self._out: list[str] = []
        self._open: list[str] = []
        self._budget = _MOST_READ * len(text)
        self._pixels = MOST_PIXELS

    def built(self) -> str:
        """What is left of the text, with every element closed."""
        text, at = self._text, 0
        while at < len(text):
            tag = text.find("<", at)
            end = len(text) if tag < 0 else tag
            self._out.append(safe_text(_unescaped(text[at:end])))
            at = end if tag < 0 else self._markup(tag)
        return "".join(self._out) + "".join(f"</{tag}>" for tag in reversed(self._open))

    def _markup(self, at: int) -> int:
        """Read what begins with `<`; returns where it ends."""
        text = self._text
        if text.startswith(("<!", "<?"), at):
            closer = "-->" if text.startswith("<!--", at) else ">"
            end = text.find(closer, at)
            return len(text) if end < 0 else end + len(closer)
        found = _TAG.match(text, at)
        end = self._end_of_tag(found.end()) if found is not None else -1
        if found is None or end < 0:
            self._out.append(safe_text("<"))
            return at + 1
        name, attributes = found[2].lower(), text[found.end() : end]
        if found[1]:
            self._close(name)
        elif name in _DROPPED:
            closing = self._lower.find(f"</{name}", end)
            return len(text) if closing < 0 else (text.find(">", closing) + 1 or len(text))
        else:
            self._begin(name, attributes)
        return end + 1

    def _end_of_tag(self, at: int) -> int:
        """Where the `>` of a tag is, -1 if it has none: one in a quoted value does not count."""
        text, begun = self._text, at
        while self._budget > 0:
            found = _STOP.search(text, at)
            if found is None:
                self._budget -= len(text) - begun
                return -1
            if found[0] == ">":
                self._budget -= found.start() - begun
                return found.start()
            at = text.find(found[0], found.end()) + 1
            if not at:
                self._budget -= len(text) - begun
                return -1
        return -1

    def _begin(self, name: str, attributes: str) -> None:
        if name == "img":
            values = {key.lower(): _value(*given) for key, *given in _ATTRIBUTE.findall(attributes)}
            self._out.append(self._image(values))
        elif name in _SINGLE:
            self._out.append(f"<{name}>")
        elif name in _KEPT and len(self._open) < _MOST_DEEP:
            spans = _SPAN.findall(attributes) if name in ("td", "th") else []
            self._open.append(name)
            kept = "".join(f' {key.lower()}="{int(value)}"' for key, value in spans[:2])
            self._out.append(f"<{name}{kept}>")

    def _close(self, name: str) -> None:
        if name in self._open:
            while (closed := self._open.pop()) != name:
                self._out.append(f"</{closed}>")
            self._out.append(f"</{name}>")

    def _image(self, values: dict[str, str]) -> str:
        source, alt = values.get("src", ""), values.get("alt", "")
        try:
            if not source.startswith(_PICTURE):
                raise BadPicture("only a PNG that the page brings along is shown")
            data = base64.b64decode(source.removeprefix(_PICTURE), validate=True)
            png = checked(data, self._pixels)
        except (BadPicture, binascii.Error, ValueError) as problem:
            return f"<span>[{safe_text(f'picture {alt[:200]!r} left out: {problem}')}]</span>"
        self._pixels -= png.width * png.height
        return _img(png, alt)


def _value(*given: str) -> str:
    return _unescaped(next((text for text in given if text), ""))


def _unescaped(text: str) -> str:
    """Text with its character references read. One with many digits is none, and would be a large int."""
    return html.unescape(_LONG_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", text))


# Markdown

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_ITEM = re.compile(r" *(?:([-*+])|\d{1,9}[.)]) +(.*)")
_INLINE = re.compile(
    r"(?<!`)`([^`]{1,500})`(?!`)|\*\*([^*]{1,500})\*\*|(?<![\w*])\*([^*\s][^*]{0,500})\*(?![\w*])"
    r"|!?\[([^\[\]]{0,300})\]\(([^()\s]{0,500})\)"
)


def safe_markdown(text: str) -> str:
    """HTML that shows a stranger's Markdown: headings, lists, tables, quotes, code and emphasis.

    Raw HTML in it is shown as text. A link is shown with its address, and a picture is only named.
    """
    if len(text) > MOST_TEXT:
        return safe_text(
            f"{len(text):,} characters of Markdown are more than the {MOST_TEXT:,} that are shown"
        )
    return "".join(_blocks(text.replace("\r\n", "\n").split("\n")))


def _blocks(lines: list[str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        fence, level, item = _FENCE.match(line), _level(line), _ITEM.match(line)
        if fence is not None:
            mark = fence[1]
            code, at = _until(lines, at + 1, lambda inner: inner.strip().startswith(mark))  # noqa: B023
            out.append(f"<pre><code>{safe_text(chr(10).join(code))}</code></pre>")
            at += 1
        elif not line.strip():
            at += 1
        elif _is_rule(line):
            out.append("<hr>")
            at += 1
        elif level:
            out.append(f"<h{level}>{_inline(line[level:].strip().rstrip('#').strip())}</h{level}>")
            at += 1
        elif item is not None:
            tag = "ul" if item[1] else "ol"
            items, at = _items(lines, at, bool(item[1]))
            out.append(f"<{tag}>{''.join(f'<li>{_inline(text)}</li>' for text in items)}</{tag}>")
        elif line.lstrip().startswith(">"):
            quoted, at = _until(lines, at, lambda inner: not inner.lstrip().startswith(">"))
            said = " ".join(inner.lstrip().removeprefix(">").strip() for inner in quoted)
            out.append(f"<blockquote>{_inline(said)}</blockquote>")
        elif "|" in line and at + 1 < len(lines) and _is_dashes(lines[at + 1]):
            rows, at = _until(lines, at + 2, lambda inner: "|" not in inner)
            head = "".join(f"<th>{_inline(cell)}</th>" for cell in _cells(line))
            body = "".join(
                f"<tr>{''.join(f'<td>{_inline(c)}</td>' for c in _cells(row))}</tr>" for row in rows
            )
            out.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        else:
            more, at = _until(lines, at + 1, _ends_paragraph)
            out.append(f"<p>{_inline(' '.join([line, *more]).strip())}</p>")
    return out


def _level(line: str) -> int:
    """The level of a heading; 0 for another line."""
    level = len(line) - len(line.lstrip("#"))
    return level if 1 <= level <= 6 and line[level : level + 1] == " " else 0


def _is_rule(line: str) -> bool:
    signs = line.replace(" ", "")
    return len(signs) >= 3 and signs in ("-" * len(signs), "*" * len(signs), "_" * len(signs))


def _is_dashes(line: str) -> bool:
    return "-" in line and not line.strip("|:- ")


def _ends_paragraph(line: str) -> bool:
    marked = _FENCE.match(line) or _ITEM.match(line) or _level(line)
    return not line.strip() or bool(marked) or _is_rule(line)


def _until(lines: list[str], at: int, ends: Callable[[str], bool]) -> tuple[list[str], int]:
    end = at
    while end < len(lines) and not ends(lines[end]):
        end += 1
    return lines[at:end], end


def _items(lines: list[str], at: int, bullets: bool) -> tuple[list[str], int]:
    items: list[str] = []
    while at < len(lines):
        item = _ITEM.match(lines[at])
        if item is not None and bool(item[1]) == bullets:
            items.append(item[2])
        elif item is None and lines[at].startswith(" ") and lines[at].strip() and items:
            items[-1] += " " + lines[at].strip()
        else:
            break
        at += 1
    return items, at


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _inline(text: str) -> str:
    out, at = [], 0
    for found in _INLINE.finditer(text):
        out.append(safe_text(text[at : found.start()]))
        at = found.end()
        code, strong, emphasis, label, address = found.groups()
        if code is not None:
            out.append(f"<code>{safe_text(code)}</code>")
        elif strong is not None:
            out.append(f"<b>{safe_text(strong)}</b>")
        elif emphasis is not None:
            out.append(f"<i>{safe_text(emphasis)}</i>")
        else:
            out.append(safe_text(f"{label} ({address})" if address else label))
    return "".join([*out, safe_text(text[at:])])
