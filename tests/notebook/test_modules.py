"""`%%module` and `%swingset module`: define, see who is behind, upgrade together, and complete imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel

MONEY = """%%module money{options}
def cents(euros):
    return euros * {factor}
"""

SHOP = """%%vat {name}
import money
from swingset.vat import remotable

@remotable
class Shop:
    def price(self, euros: int):
        return money.cents(euros)

def build_root_object():
    return Shop()
"""


def money(factor: object, options: str = "") -> str:
    return MONEY.format(factor=factor, options=options)


@pytest.fixture(scope="module")
def shops(kernel: Kernel) -> Kernel:
    """A notebook with a module and two vats that import it."""
    kernel.run("%swingset open shops.world --worker local")
    assert "module money is defined: version" in kernel.run(money(100)).plain
    for name in ("one", "two"):
        assert "made of this cell and module money" in kernel.run(SHOP.format(name=name)).plain
    return kernel


def test_vats_that_are_behind_are_shown_and_upgraded_together(shops: Kernel) -> None:
    """A changed cell changes no vat; every overview names the word that upgrades, and the word does."""
    changed = shops.run(money(10)).plain
    assert "no vat has changed yet" in changed
    assert "-    return euros * 100" in changed
    word = "`%swingset module money --upgrade`"
    for overview in ("%swingset", "%swingset vats", "%swingset module", "%vat one", SHOP.format(name="one")):
        said = shops.run(overview).plain
        assert word in said, overview
        assert "older version" in said, overview
    assert shops.run("await E(one).price(1), await E(two).price(1)").plain == "(100, 100)"
    assert "one and two" in shops.run("%swingset module money --upgrade").plain
    assert shops.run("await E(one).price(1), await E(two).price(1)").plain == "(10, 10)"
    assert "older version" not in shops.run("%swingset").plain


def test_a_refused_upgrade_shows_the_line_and_changes_nothing(shops: Kernel) -> None:
    """The line is counted as in the cell, whose first line is the magic."""
    shops.run(money(10))
    refused = shops.run("%%module money --upgrade\nX = 1\nY = 1 / 0\n")
    assert "UpgradeRefused" in refused.traceback
    assert "nothing has changed" in refused.traceback
    assert "vat one, module money, line 3 of its cell" in refused.traceback
    assert "----> 3 Y = 1 / 0" in refused.traceback
    assert "older version" not in shops.run("%swingset").plain
    noted = shops.run("%%module slip\ndef f(:\n").plain
    assert "line 2 does not parse" in noted


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%swingset module nothing", "`%%module nothing` on the first line of a cell"),
        ("%swingset module ./nothing.py", "./nothing.py cannot be read"),
        ("%swingset module nothing --upgrade", "%swingset module"),
        ("%swingset module nothing --package", "no package"),
        ("%swingset module numpy --package", "not pure Python"),
        ("%%module json\nX = 1", "is a module of Python's own"),
        ("%%module\nX = 1", "NAME"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_next_step(shops: Kernel, line: str, words: str) -> None:
    """As an error of the notebook, never as a UsageError."""
    ran = shops.run(line)
    assert ran.status == "error"
    assert "UsageError" not in ran.printed
    assert words in ran.traceback


def test_files_and_packages_become_modules(shops: Kernel, tmp_path: Path) -> None:
    """A package shows its licence and size first, and is taken on a second word."""
    (tmp_path / "tools.py").write_text("X = 1\n")
    assert "module tools is defined" in shops.run(f"%swingset module {tmp_path}/tools.py").plain
    first = shops.run("%swingset module iniconfig --package").plain
    assert "licence: MIT" in first
    assert "characters, pure Python" in first
    assert "iniconfig" not in shops.run("%swingset module").plain
    assert "is in this world" in shops.run("%swingset module iniconfig --package --yes").plain
    assert "iniconfig" in shops.run("%swingset module").plain
    assert "it is a package" in shops.run("%swingset module iniconfig").plain
    assert "not defined any more" in shops.run("%swingset module iniconfig --drop").plain


@pytest.mark.parametrize(
    ("code", "offered", "withheld"),
    [
        ("%%vat new --worker wasm\nimport mon", {"money"}, set()),
        ("%%vat new --worker wasm\nimport num", {"numbers"}, {"numpy"}),
        ("%%vat new --worker wasm-full\nimport num", {"numbers", "numpy"}, set()),
        ("%%vat new --worker wasm\nimport json, pan", set(), {"pandas"}),
        ("%%kind A --vat new --worker wasm\nfrom swi", {"swingset"}, set()),
        ("%%vat one\nfrom money import c", {"cents"}, set()),
        ("%%vat one\nfrom collections import Order", {"OrderedDict"}, set()),
        ("%swingset module mon", {"money"}, set()),
        ("%%module mon", {"money"}, set()),
    ],
)
def test_imports_complete_to_what_the_vat_can_import(
    shops: Kernel, code: str, offered: set[str], withheld: set[str]
) -> None:
    """The modules of the world and of the engine, and not what the notebook has installed."""
    found = set(shops.complete(code))
    assert offered <= found
    assert not withheld & found


def test_what_is_not_there_is_told_with_the_words_that_define_it(shops: Kernel) -> None:
    """In the error of the cell, with its line, and the vat is made once the module is defined."""
    code = SHOP.format(name="late").replace("import money", "import money, later")
    ran = shops.run(code)
    assert "line 2 of its cell" in ran.traceback
    assert "`%%module later` on the first line of a cell" in ran.traceback
    shops.run("%%module later\nX = 1\n")
    assert "made of this cell and module later and module money" in shops.run(code).plain


def test_undo_takes_a_definition_back(shops: Kernel) -> None:
    """Like everything that a cell did to the world."""
    shops.run("%%module fleeting\nX = 1\n")
    assert "fleeting" in shops.run("%swingset module").plain
    assert "  module fleeting is gone" in shops.run("%swingset undo").plain
    assert "fleeting" not in shops.run("%swingset module").plain
    assert "  module fleeting is back" in shops.run("%swingset redo").plain
    shops.run("%%module fleeting\nX = 2\n")
    assert "  module fleeting is as it was" in shops.run("%swingset undo").plain
    shops.run("%swingset undo")


def test_a_notebook_runs_from_the_top_again(shops: Kernel) -> None:
    """In a new session the same cells change nothing, and a module has to be run again or accepted."""
    shops.run(money(10))
    shops.run("%swingset close")
    shops.run("%swingset open shops.world --worker local")
    strange = shops.run(SHOP.format(name="three"))
    assert "%swingset module money --keep" in strange.traceback
    assert "defined exactly so" in shops.run(money(10)).plain
    assert "already runs exactly this" in shops.run(SHOP.format(name="one")).plain
    assert "vat three runs now" in shops.run(SHOP.format(name="three")).plain
