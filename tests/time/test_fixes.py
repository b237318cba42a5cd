"""Each refusal of the catalogue that has a cure by rule is cured: the fixed source passes the rehearsal."""

from __future__ import annotations

import pytest

import swingset
from swingset.host.rehearsal import rehearse_upgrade
from swingset.lens.blocks import Code
from swingset.lens.fixes import fixes_of_answers
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
