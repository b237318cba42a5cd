"""How Sphinx reads the pages. `build.py` puts the pages together, and runs it."""

from __future__ import annotations

from typing import Any

from IPython.lib.lexers import IPython3Lexer
from pygments.lexers.python import Python3Lexer
from pygments.lexers.special import TextLexer

project = "swingset-nb"
html_title = "swingset-nb"
html_theme = "furo"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = [".trees"]
myst_heading_anchors = 3
nb_execution_mode = "off"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_custom_sections = [("Source", "notes_style")]
html_show_sphinx = False
default_role = "literal"


def mark_code(_app: Any, _what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Tell reStructuredText that an indented block behind a paragraph is code, as readers of it see."""
    for place in range(len(lines) - 1, 0, -1):
        before = lines[place - 2] if place > 1 else ""
        if lines[place].startswith("    ") and not lines[place - 1] and before and not before.startswith(" "):
            lines[place:place] = ["::", ""]


def setup(app: Any) -> None:
    """Teach it the languages of the fences, and how docstrings show code."""
    app.add_lexer("vat", Python3Lexer)
    app.add_lexer("python", IPython3Lexer)
    for plain in ("", "report", "ipythontb"):
        app.add_lexer(plain, TextLexer)
    app.connect("autodoc-process-docstring", mark_code, priority=400)
