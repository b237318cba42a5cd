"""The picture of a proposal's modules: the same bytes each time, and text for text of strangers."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from swingset.lens.pictures.graph_picture import MOST_MODULES, draw_graph
from swingset.lens.source.judging import judged

RUNNING = (("module scale", "HUNDRED = 100\n"), ("shop", "import scale\n"))


def test_modules_are_drawn_with_what_is_new_of_them() -> None:
    """Each has its word in its box, and the words of the picture count them."""
    proposed = (
        ("module scale", "HUNDRED = 100\n"),
        ("module odd", "import scale\nimport gc\n"),
        ("shop", "import scale\nimport odd\n"),
    )
    found = judged("shop", proposed, RUNNING)
    picture = draw_graph(found)
    assert picture.words == "Modules: 1 known, 1 changed, 1 new, 1 exit"
    said = [
        text.text for text in ElementTree.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert [("scale", "known") in pairwise(said), "new, not judged" in said] == [
        True,
        True,
    ]
    assert "exit, new" in said
    assert draw_graph(judged("shop", proposed, RUNNING)) == picture


def test_circles_strange_names_and_many_modules_are_drawn() -> None:
    """A circle of imports ends, markup is text, and what is too much is counted."""
    circle = (("module a", "import b\n"), ("module b", "import a\n"), ("<b>&'", "import a\n"))
    svg = draw_graph(judged("shop", circle, None)).svg
    assert "&lt;b&gt;&amp;" in svg
    ElementTree.fromstring(svg)
    many = tuple((f"module m{number}", "") for number in range(MOST_MODULES + 3))
    assert draw_graph(judged("shop", many, None)).words.endswith("; 3 are not drawn")
    ElementTree.fromstring(draw_graph(judged("shop", (), ())).svg)
