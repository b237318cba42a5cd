"""Each refusal of the catalogue that has a cure by rule is cured: the fixed source passes the rehearsal."""

from __future__ import annotations

from typing import Any

import pytest

import swingset
from swingset.host.code.rehearsal import rehearse_upgrade
from swingset.lens.source.blocks import Code
from swingset.lens.source.fixes import fixes_of_answers
from tests.time.bad_upgrades import BAD_UPGRADES, BadUpgrade
from tests.time.test_bad_upgrades import world_of

CURES: dict[str, tuple[str, ...]] = {
    "kind renamed": ('@durable(tag="Purse") above class Account', "bring back class Purse"),
    "durable kind made remotable": ("write class Purse as it runs",),
    "field lost": ("keep the field notes", "version 2, with a migration that drops notes"),
    "field renamed": ("version 2, with a migration that renames owner to holder",),
    "annotation of a field changed": (
        "keep `balance: int`",
        "version 2, with a migration that takes over every field",
    ),
    "new field without a default": ("give limit a default: `limit: int = 0`",),
    "version without a migration": ("version 2, with a migration that takes over every field",),
    "migration leaves out a field": ('return "balance": old["balance"] in checked()',),
    "facet lost": ("give read() the facet 'guest' again",),
    "interface not implemented": ("bring back withdraw() of class Purse",),
    "module that is not there": ("leave out `import bookkeeping`",),
    "name that is not defined": ("write Bank for Banque",),
    "no root object": ("rename build_root to build_root_object", "bring back function build_root_object"),
    "root object is a number": ("write function build_root_object as it runs",),
    "key of the baggage renamed at the start": ("write the key 'started' for 'starts'",),
    "method removed": ("bring back withdraw() of class Purse",),
    "method renamed": ("bring back deposit() of class Purse",),
    "guard of an argument narrowed": ("write the signature of greet() as it runs",),
    "guard of an answer narrowed": ("write the signature of deposit() as it runs",),
    "argument without a default": ("write the signature of interest() as it runs",),
    "adopted promise forgotten": ("bring back on_adopted() of class Heir",),
    "watcher lost": ("@durable above class Listener",),
}
"""The titles of the fixes by the name of the case; no other case has one."""

TRIED = [case for case in BAD_UPGRADES if case.worker == "local"]
"""A case on the other worker is an endless loop, and has no cure; it takes seconds."""


@pytest.mark.unaudited
@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.name)
def test_a_cure_makes_the_rehearsal_good(case: BadUpgrade) -> None:
    """The titles are those of the table, and with the source of each the upgrade goes through as before."""
    with world_of(case) as world:
        _, fixes = tried(world, case, case.new)
        assert tuple(fix.title for fix in fixes) == CURES.get(case.name, ())
        for fix in fixes:
            assert fix.part == "vat"
            good, more = tried(world, case, fix.source)
            assert good.ok, f"{fix}\n{good.verdict}"
            assert not good.rejected, fix
            assert more == (), fix


def tried(
    world: swingset.Controller, case: BadUpgrade, source: str
) -> tuple[swingset.Rehearsal, tuple[swingset.Fix, ...]]:
    """A rehearsal of a source, with the fixes of a refusal or of the first message that is rejected."""
    code = (("vat", source),)
    found = rehearse_upgrade(world, "vat", code, records="all")
    if found.fault is not None or found.fixes:
        return found, found.fixes
    last = max(1, len(case.messages) - 1)
    return found, swingset.redeliver(world, "vat", code, messages=last).fixes


def test_the_table_names_cases_of_the_catalogue() -> None:
    """Every case with a cure is a case that is tried."""
    assert CURES.keys() <= {case.name for case in TRIED}


OLD = """from swingset.vat import durable, remotable

# what is bought
@durable
class Ware:
\tname: str
\tprice: int = 0  # in cents

@remotable
class Shop:
\tdef sell(self): return Ware("tea")

def build_root_object():
\treturn Shop()
"""

REFUSED = "vat shop: durable kinds Ware are in the store but not in the code: define them again"

STRANGE = (
    (
        "nothing of it is a name",
        'durable kinds W"), os.system("x") are in the store but not in the code',
        OLD,
    ),
    ("no such class anywhere", "durable kinds Nobody are in the store but not in the code", OLD),
    ("broken source", REFUSED, "class (:\n'''"),
    ("empty source", REFUSED, ""),
    ("not a refusal of this library", "\x1b[2Jkinds of nonsense", OLD),
)


@pytest.mark.parametrize(("words", "source"), [case[1:] for case in STRANGE], ids=[x[0] for x in STRANGE])
def test_what_is_strange_in_a_refusal_gets_into_no_source(words: str, source: str) -> None:
    """A refusal is untrusted: nothing raises, and of its words only names that a source has are used."""
    refusal = swingset.Fault("start-failed", words, details={"lostKinds": [words, 3, None]})
    for fix in swingset.fixes(refusal, (("shop", source),), (("shop", OLD),)):
        assert "os.system" not in fix.source
        assert "\x1b" not in fix.title


EDITS = (
    ("tabs and comments stay", "@durable\nclass Good", '@durable(tag="Ware")'),
    ("other arguments stay", "@durable(version=1)\nclass Good", '@durable(tag="Ware", version=1)'),
    ("a module's prefix stays", "@vat.durable()\nclass Good", '@vat.durable(tag="Ware")'),
)


@pytest.mark.parametrize(("head", "line"), [case[1:] for case in EDITS], ids=[x[0] for x in EDITS])
def test_a_fix_changes_its_line_only(head: str, line: str) -> None:
    """All other lines of the new source stay as they are written."""
    new = OLD.replace("@durable\nclass Ware", head)
    refusal = swingset.Fault("start-failed", REFUSED, details={"lostKinds": ["Ware"]})
    fix = swingset.fixes(refusal, (("shop", new),), (("shop", OLD),))[0]
    before, after = new.split("\n"), fix.source.split("\n")
    assert [text for text in after if text not in before] == [line]
    assert len(before) == len(after)


def test_an_import_comes_with_what_is_brought_back() -> None:
    """The class that is stored comes back where it was, and its decorator is imported again."""
    new = OLD.replace("durable, ", "").replace('Ware("tea")', "None")
    new = new[: new.index("# what")] + new[new.index("@remotable") :]
    refusal = swingset.Fault("start-failed", REFUSED, details={"lostKinds": ["Ware"]})
    (fix,) = swingset.fixes(refusal, (("shop", new),), (("shop", OLD),))
    assert fix.title == "bring back class Ware"
    assert fix.source.startswith("from swingset.vat import remotable, durable\n")
    assert fix.source.index("class Ware") < fix.source.index("class Shop")


def test_long_code_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many classes a rejection may be about, each source is split up once."""
    classes = "".join(f"class C{n}:\n    def m{n}(self): return {n}\n\n" for n in range(200))
    read: list[int] = []
    plain = Code.__init__

    def counted(self: Code, source: str) -> None:
        read.append(len(source))
        plain(self, source)

    monkeypatch.setattr(Code, "__init__", counted)
    words = 'rejected TypeError: target has no method "m199"'
    new = classes.replace("def m199", "def other")
    (fix,) = fixes_of_answers(words, (("vat", new),), (("vat", classes),))
    assert fix.title == "bring back m199() of class C199"
    assert len(read) < 6


def lost(kind: str, **details: Any) -> swingset.Fault:
    """A refusal of a lost kind or of one of its facets."""
    return swingset.Fault("start-failed", kind, details=details)


LOST = lost(REFUSED, lostKinds=["Ware"])
FACET = lost("vat shop: others may hold a facet 'guest' of Ware", kinds=["Ware"])
NO_MODULE = lost("No module named 'zz'")
OTHER = lost("Ware.n: expected `int` as stored, found `str`; keep it", kinds=["Ware"])
NO_DEFAULT = lost("Ware.m: expected a default, found none", kinds=["Ware"])
DURABLE = "from swingset.vat import durable\n"
BROUGHT = "from evil import str, tea\n" + DURABLE + "@durable\nclass Ware:\n    n: str = tea\n"

LEFT = (
    (
        "other statements of a field, new",
        OTHER,
        DURABLE + "@durable\nclass Ware:\n    n: int\n",
        "    n: str; k: int = 3",
    ),
    (
        "a field with another behind it",
        NO_DEFAULT,
        DURABLE + "@durable\nclass Ware:\n    n: int\n",
        "    m: int; k: str = ''",
    ),
)


@pytest.mark.parametrize(
    ("refusal", "running", "line"), [case[1:] for case in LEFT], ids=[x[0] for x in LEFT]
)
def test_a_line_of_many_statements_is_left(refusal: swingset.Fault, running: str, line: str) -> None:
    """Where other statements are on the line, no fix takes its place."""
    new = DURABLE + f"@durable\nclass Ware:\n{line}\n"
    for fix in swingset.fixes(refusal, (("shop", new),), (("shop", running),)):
        assert line in fix.source.split("\n")


IMPORTS = (
    ("none there", "", ["from evil import tea", DURABLE.strip()]),
    ("everything", "from evil import *\n", ["from evil import *", "from evil import tea"]),
    (
        "two statements",
        "from evil import a; import b\n",
        ["from evil import a; import b", "from evil import tea"],
    ),
    ("some", "from evil import a\n", ["from evil import a, tea"]),
    ("in brackets", "from evil import (a)\n", ["from evil import (tea, a)"]),
    ("the name is there", "from good import tea\n", ["from good import tea"]),
    ("the name is assigned", "tea = 1\n", ["tea = 1"]),
)


@pytest.mark.parametrize(("new", "lines"), [case[1:] for case in IMPORTS], ids=[x[0] for x in IMPORTS])
def test_a_fix_says_what_it_imports(new: str, lines: list[str]) -> None:
    """Its reason names each import; none takes the place of a builtin or of a name of the new code."""
    (fix,) = swingset.fixes(LOST, (("shop", new),), (("shop", BROUGHT),))
    assert fix.title == "bring back class Ware"
    after = fix.source.split("\n")
    assert set(lines) <= set(after)
    assert not any("str" in line for line in after if "import" in line)
    assert ("`from evil import tea`" in fix.why) == any("evil" in line and "tea" in line for line in lines)


NOT_OFFERED = (
    ("used in a text with values", NO_MODULE, "import zz\nx = f'{zz.y}'\n", "", "leave out"),
    ("a comment above", LOST, "# k\n@other(1)  # why\nclass Ware:\n    n: str\n", BROUGHT, "@durable above"),
    ("another decorator", LOST, "@other(1)\nclass Ware:\n    n: str\n", BROUGHT, "@durable above"),
)


@pytest.mark.parametrize(
    ("refusal", "new", "running", "title"),
    [case[1:] for case in NOT_OFFERED],
    ids=[x[0] for x in NOT_OFFERED],
)
def test_a_fix_that_would_drop_something_is_not_offered(
    refusal: swingset.Fault, new: str, running: str, title: str
) -> None:
    """What a line uses, other decorators and comments are the author's."""
    found = swingset.fixes(refusal, (("shop", new),), (("shop", running),))
    assert not [fix for fix in found if fix.title.startswith(title)]


def test_line_ends_stay() -> None:
    """A cell whose lines end with CR and LF keeps them."""
    (fix,) = swingset.fixes(NO_MODULE, (("shop", "import zz\r\nx = 1\r\n"),), ())
    assert fix.source == "x = 1\r\n"


MANY = range(1_000)
LONG = (
    ("imports that nothing uses", NO_MODULE, "import zz\n" * 1_000, ""),
    (
        "a key many times",
        lost("key 'balance' not found in baggage"),
        "x = 'balance'\n" * 1_000,
        "x = 'balances'\n" * 1_000,
    ),
    (
        "a class that needs many imports",
        LOST,
        "x = 1\n" * 1_000,
        "".join(f"from m import a{n}\n" for n in MANY)
        + "@durable\nclass Ware:\n"
        + "".join(f"    f{n}: a{n}\n" for n in MANY),
    ),
    (
        "many methods of a facet",
        FACET,
        "@durable\nclass Ware:\n" + "".join(f"    def m{n}(self): pass\n" for n in MANY),
        "@durable\nclass Ware:\n" + "".join(f"    @facet('guest')\n    def m{n}(self): pass\n" for n in MANY),
    ),
    (
        "many new classes",
        LOST,
        DURABLE + "".join(f"@durable\nclass C{n}: pass\n" for n in MANY),
        DURABLE + "@durable\nclass Ware: pass\n",
    ),
)


@pytest.mark.parametrize(("refusal", "new", "running"), [case[1:] for case in LONG], ids=[x[0] for x in LONG])
def test_a_source_is_not_read_for_each_of_its_lines(
    monkeypatch: pytest.MonkeyPatch, refusal: swingset.Fault, new: str, running: str
) -> None:
    """However often a fix changes a source, it is read a few times."""
    read: list[int] = []
    plain = Code.__init__

    def counted(self: Code, source: str) -> None:
        read.append(len(source))
        plain(self, source)

    monkeypatch.setattr(Code, "__init__", counted)
    swingset.fixes(refusal, (("shop", new),), (("shop", running),))
    assert 0 < len(read) < 12
