"""Proposals that hide what they do: each is shown for what it is, or as what cannot be judged.

The corpus is data. Each case is a graph, how it differs from what runs, and which findings a reader has to
get. No case runs: reading shows it. What only a run shows, such as a facet that is given away, is rehearsed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from swingset import KernelError, RemoteError, audited_library, lib, read_audited
from swingset.host.code.accepting import Accepted
from swingset.lens.source.graphs import MOST_READ, graph_of
from swingset.lens.source.judging import Finding
from swingset.model.capdata import CapData
from swingset.model.modules import EXITS, exits_source
from tests.meddling import crank
from tests.staging import Stage

SCALE = "HUNDRED = 100\n"
SHOP = """
from swingset.vat import remotable
import scale

@remotable
class Shop:
    def price(self, amount: int) -> int:
        return amount * 5 // scale.HUNDRED

def build_root_object():
    return Shop()
"""


@dataclass
class Case:
    """A proposal in the place of the shop: its parts, or changes of them, and what reading it finds."""

    finds: set[str]
    shop: str = SHOP
    scale: str = SCALE
    exits: list[str] | None = field(default_factory=lambda: ["swingset.vat"])
    more: list[tuple[str, str]] = field(default_factory=list)
    says: str = ""


def inserted(line: str) -> str:
    """The shop with a line in its method."""
    return SHOP.replace("        return amount", f"        {line}\n        return amount")


NO, DOUBT = set[str](), {"cannot-be-judged"}
CASES: dict[str, Case] = {
    "the same code": Case(NO),
    "another price, in the open": Case(NO, shop=SHOP.replace("* 5", "* 50")),
    "an audited name with another hash": Case({"name-of-another"}, scale="HUNDRED = 1\n"),
    "a dependency swapped under its name": Case(
        {"name-of-another"}, scale="class _Zero:\n    pass\nHUNDRED = 10**9\n"
    ),
    "an exit added and declared": Case(
        {"exit-added"}, shop="import time\n" + SHOP, exits=["swingset.vat", "time"], says="time"
    ),
    "an exit added to a dependency": Case(
        {"exit-added", "name-of-another"}, scale="import json\n" + SCALE, exits=["json", "swingset.vat"]
    ),
    "an exit that is not declared": Case(
        {"exit-added", "undeclared-exit"}, shop="import time\n" + SHOP, says="does not declare"
    ),
    "an exit that is declared and not used": Case(
        {"unused-exit"}, exits=["socket", "swingset.vat"], says="socket"
    ),
    "no declaration": Case({"no-declaration"}, exits=None),
    "an import in a function": Case(
        {"exit-added"}, shop=inserted("import random"), exits=["random", "swingset.vat"]
    ),
    "an import by a computed name": Case(
        DOUBT | {"exit-added"},
        shop="import importlib\n" + inserted("importlib.import_module('o' + 's')"),
        exits=["importlib", "swingset.vat"],
        says="computed",
    ),
    "__import__": Case(DOUBT, shop=inserted("__import__('os')"), says="__import__"),
    "exec of a text": Case(DOUBT, shop=inserted("exec(self.note)"), says="exec"),
    "eval under another name": Case(DOUBT, shop="run = eval\n" + SHOP, says="eval"),
    "compile": Case(DOUBT, shop=inserted("compile('1', '', 'eval')")),
    "the builtins": Case(DOUBT, shop=inserted("__builtins__['open']"), says="__builtins__"),
    "the globals of a function": Case(DOUBT, shop=inserted("self.price.__globals__"), says="__globals__"),
    "the classes of everything": Case(DOUBT, shop=inserted("().__class__.__base__.__subclasses__()")),
    "an attribute by a computed name": Case(DOUBT, shop=inserted("getattr(self, 'pr' + 'ice')")),
    "an attribute by the name of machinery": Case(DOUBT, shop=inserted("getattr(self, '__globals__')")),
    "all objects of the vat": Case(
        DOUBT | {"exit-added"}, shop="import gc\n" + SHOP, exits=["gc", "swingset.vat"], says="gc"
    ),
    "names that are not written": Case(
        DOUBT | {"exit-added"}, shop="from math import *\n" + SHOP, exits=["math", "swingset.vat"]
    ),
    "code of another graph": Case(
        DOUBT | {"exit-added"},
        shop="from swingset.vat.contract import import_bundle\n" + inserted("import_bundle(self.cap)"),
        exits=["swingset.vat", "swingset.vat.contract"],
    ),
    "text that turns around": Case(DOUBT, shop=SHOP + "# \u202e price ten\n", says="how its lines look"),
    "text of no width": Case(DOUBT, shop=SHOP + "# am\u200bount\n", says="how its lines look"),
    "a module that nothing imports": Case(
        {"unused-module"}, more=[("module spare", "X = 1\n")], says="spare"
    ),
    "a module with the name of Python's": Case(
        {"name-of-python"}, shop="import json\n" + SHOP, more=[("module json", "dumps = str\n")]
    ),
    "a name with look-alike letters": Case(
        {"odd-name", "unused-module"}, more=[("module sc\u0430le", SCALE)]
    ),
    "a declaration that does more": Case(
        DOUBT | {"undeclared-exit"},
        exits=None,
        more=[(EXITS, '__exists__ = ["swingset.vat"]; import os\n')],
        says="declaration",
    ),
    **{
        f"a declaration that is {what}": Case(
            DOUBT | {"undeclared-exit"}, exits=None, more=[(EXITS, text)], says="declaration"
        )
        for what, text in {
            "too deep": "[" * 100_000,
            "too deep within": '__exits__ = ["swingset.vat", ' + "[" * 100_000,
            "an object": "__exits__ = " + '{"a":' * 100_000,
            "a text": '__exits__ = "["',
            "a number of many digits": "__exits__ = [" + "9" * 100_000 + "]",
            "empty": "",
        }.items()
    },
    "a source that is no Python": Case(
        DOUBT | {"unused-module", "unused-exit"}, shop="def build_root_object(:\n", says="no Python"
    ),
    "a source that is too deep": Case(
        DOUBT | {"unused-module", "unused-exit"}, shop=SHOP + "x = " + "-" * 50_000 + "1\n"
    ),
    "a source that is too long": Case(DOUBT | {"name-of-another"}, scale=SCALE + "#" * MOST_READ),
    "a module that is gone": Case(
        {"module-removed"}, shop=SHOP.replace("import scale", "").replace("scale.HUNDRED", "100"), scale=""
    ),
}
"""What reading has to find; the corpus of the page too."""

UNFOLLOWED = [
    "import json\nx = json.codecs.builtins.eval(DATA)",
    "import json\nrun = json.codecs",
    "import json\nm = json.decoder.scanner.re.enum.sys",
    "import json as j\nm = j.codecs",
    "import json\nk = json\nm = k.codecs",
    "import json\nm = [json][0].codecs",
    "import json\ngetattr(json, 'codecs')",
    "import json.decoder\nm = json.decoder.scanner.re",
    "from json import decoder\nm = decoder.scanner.re",
    "from re import enum",
    "from re import enum as e",
    "import random\nm = random._os",
    "from random import _os",
    "import warnings\nm = warnings.sys",
    "import collections\nm = collections._sys",
    "import swingset.vat as v\nm = v.sys",
    "x = swingset.sys",
    "import timeit\ntimeit.timeit(DATA)",
    "from typing import get_type_hints",
    "import typing\ntyping.get_type_hints(f)",
    "import string\nstring.Formatter()",
    "from string import Formatter as F",
    "@getattr\ndef f(): pass",
    "list(map(getattr, [1], ['a']))",
    "look = getattr",
    "getattr(x, '__globals__')",
    "getattr(x, 'sys')",
    "match x:\n    case object(__globals__=g): pass",
    "match x:\n    case object(__odd__=g): pass",
    "class A:\n    __match_args__ = (NAME,)",
    "f = \uff45\uff56\uff41\uff4c",
]
"""Ways from what a source names to what it does not."""

FOLLOWED = [
    "import json\njson.dumps(1)",
    "import re\nre.compile('a').match('b')",
    "import datetime\ndatetime.datetime(2026, 1, 1)\ndatetime.time(1)",
    "from datetime import datetime, time\ndatetime.now",
    "import copy\ncopy.copy(1)",
    "import collections.abc\nclass A(collections.abc.Mapping): pass",
    "from collections import abc, namedtuple\nP = namedtuple('P', 'a b')",
    "from swingset.vat import E, durable\nE(x).select(1)",
    "def f(problem): return problem.code, self.types, problem._own",
    "getattr(x, 'price')",
    "match x:\n    case Point(left=1): pass",
    "import dataclasses\n@dataclasses.dataclass\nclass A: pass",
]
"""What good code has, of which reading follows all."""


@pytest.mark.parametrize("source", UNFOLLOWED)
def test_a_way_that_no_reading_follows_is_a_doubt(source: str) -> None:
    """The page says that the proposal cannot be judged, with the line."""
    (facts,) = graph_of((("own", f"DATA = 1\n{source}"),)).modules
    assert facts.doubts
    assert all(doubt.line > 1 for doubt in facts.doubts)


@pytest.mark.parametrize("source", FOLLOWED)
def test_what_reading_follows_is_no_doubt(source: str) -> None:
    """Who means well is not accused."""
    (facts,) = graph_of((("own", source),)).modules
    assert facts.doubts == ()


@pytest.mark.parametrize("kit", ["contract_host", "governance", "tokens"])
def test_the_librarys_own_kits_are_read_whole(kit: str) -> None:
    """All but `governed`, which imports what it is told to, give a page nothing to doubt."""
    (facts,) = graph_of((("own", lib.source(kit)),)).modules
    assert facts.doubts == ()


@pytest.fixture(scope="module")
def shop() -> Iterator[Stage]:
    """A shop that runs, and a library of its audited modules."""
    stage = Stage("local")
    stage.session.modules.define("scale", SCALE)
    stage.define("shop", SHOP)
    stage.session.proposals.accept(audited_library("ann", {"scale": SCALE}, "small"))
    yield stage
    stage.close()


def parts_of(case: Case) -> list[tuple[str, str]]:
    """The parts of the proposed graph."""
    scale = [("module scale", case.scale)] if case.scale else []
    exits = [(EXITS, exits_source(case.exits))] if case.exits is not None else []
    return [*scale, *case.more, *exits, ("shop", case.shop)]


def proposed(stage: Stage, case: Case) -> int:
    """Propose a case; its number."""
    session = stage.session
    cap = session.devices.bundle(tuple(parts_of(case)))
    session.proposals.propose("shop", cap)
    return session.proposals.all()[-1].number


@pytest.mark.parametrize("name", CASES)
def test_a_proposal_that_hides_something_is_shown_for_what_it_is(shop: Stage, name: str) -> None:
    """Reading it finds what it hides, with words, and finds nothing else."""
    case = CASES[name]
    found = shop.session.proposals.judge(proposed(shop, case))
    said = "\n".join(map(str, found.findings))
    assert {finding.code for finding in found.findings} - {"no-declaration"} == case.finds - {
        "no-declaration"
    }, said
    assert case.says in said
    assert found.is_judged == ("cannot-be-judged" not in case.finds)
    assert ("cannot be judged" in found.verdict) != found.is_judged


def test_modules_are_known_changed_moved_new_and_audited(shop: Stage) -> None:
    """A module is known by the hash of its source, in every graph, whatever its name."""
    parts = [("module scale", SCALE), ("module size", SCALE), ("module odd", "import size\n")]
    source = SHOP.replace("* 5", "* 6").replace("import scale", "import scale\nimport odd")
    cap = shop.session.devices.bundle((*parts, (EXITS, exits_source(["swingset.vat"])), ("better", source)))
    shop.session.proposals.propose("shop", cap)
    found = shop.session.proposals.judge(shop.session.proposals.all()[-1].number)
    standings = {module.name: module.standing for module in found.modules}
    assert standings == {
        "module scale": "known",
        "module size": "moved",
        "module odd": "new",
        "better": "changed",
    }
    audits = {module.name: module.audits for module in found.modules if module.audits}
    assert audits == dict.fromkeys(["module scale", "module size"], ("audited by ann as scale: small",))
    (changed,) = [module for module in found.modules if module.standing == "changed"]
    assert changed.difference is not None
    assert "-        return amount * 5 // scale.HUNDRED" in changed.difference.unified()
    assert found.verdict.startswith("4 modules (1 known, 1 changed, 1 moved, 1 new), 2 audited, and reading")


def test_an_upgrade_that_gives_a_facet_away_is_shown_by_its_rehearsal(local: Stage) -> None:
    """Who would hold what it did not hold before is in the report, and the world is not changed."""
    bank = """
        from swingset.vat import E, durable, provide, remotable

        @durable
        class Mint:
            def make(self) -> int:
                return 1

        @remotable
        class Bank:
            def __init__(self, baggage):
                self.mint = provide(baggage, "mint", Mint)

        def build_root_object(baggage, parameters):
            root = Bank(baggage)
            return root
    """
    friend = """
        from swingset.vat import remotable

        @remotable
        class Friend:
            def take(self, gift):
                self.gift = gift

        def build_root_object():
            return Friend()
    """
    local.define("bank", bank)
    root = local.define("friend", friend)
    sly = bank.replace(
        "            return root\n", "            E(parameters).take(root.mint)\n            return root\n"
    )
    local.session.modules.define("sly", dedent(sly))
    cap = local.session.devices.modulecap("sly")
    local.session.proposals.propose("bank", cap, root)
    found = local.session.proposals.rehearse(1)
    assert found.ok
    told = dict(found.consequences.sections())
    (given,) = [line for line in told["who gets access"] if line.startswith("friend gets")]
    assert "Mint" in given
    assert given.endswith("of bank")
    assert local.controller.vats["bank"].incarnation == 0


def test_a_proposal_never_changes_and_keeps_its_graph(local: Stage) -> None:
    """It is data of the world: it is there after everybody has dropped it, and another definition is
    another.
    """
    session = local.session
    session.modules.define("rates", "X = 1\n")
    proposal = session.proposals.propose("nobody", session.devices.modulecap("rates"), note="<b>fair</b>")
    row = session.proposals.get(1)
    session.modules.define("rates", "X = 2\n")
    assert session.proposals.parts(1)[-1] == ("rates", "X = 1\n")
    assert session.proposals.reference(1) is proposal
    said = session.devices.call(proposal, "get")
    assert (said["number"], said["target"], said["bundle"]) == (1, "nobody", row.bundle)
    assert [str(each) for each in session.proposals.judge(1).findings] == ["there is no vat nobody"]
    with pytest.raises(KernelError, match="no proposal 2; there are: 1"):
        session.proposals.get(2)
    with pytest.raises(RemoteError, match="no proposal 2"):
        session.proposals.reference(2)
    with pytest.raises(RemoteError, match="requires a modulecap"):
        session.proposals.propose("nobody", proposal)
    with pytest.raises(RemoteError, match="at most 10,000 characters"):
        session.proposals.propose("x" * 10_001, session.devices.modulecap("rates"))
    with pytest.raises(RemoteError, match="has no method 'set'"):
        session.devices.call(proposal, "set", 1)


def test_what_is_too_much_to_be_read_is_a_doubt() -> None:
    """Reading a bundle takes time in proportion to a bound, and the rest cannot be judged."""
    long = "#" * (MOST_READ - 1)
    found = graph_of(tuple((f"module m{number}", long) for number in range(8)))
    assert [bool(module.doubts) for module in found.modules] == [False] * 5 + [True] * 3


FORGED = {
    "no json": ("{", "it is"),
    "another format": ('{"format": 2}', 'no "format" 1'),
    "half a character": ("\ud800", "half a character"),
    "half a character in it": ('{"format": 1, "author": "\ud800", "modules": {}}', "half a character"),
    "no author": ('{"format": 1, "modules": {}}', 'wants an "author"'),
    "a hash that is none": ('{"format": 1, "author": "x", "modules": {"12": ["a", "b"]}}', "wants a hash"),
    "a module without a name": (
        '{"format": 1, "author": "x", "modules": {"' + "0" * 128 + '": ["a"]}}',
        "a name and a note",
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_file_that_is_no_library_is_refused(case: str) -> None:
    """Whatever is in it."""
    text, words = FORGED[case]
    with pytest.raises(KernelError, match=words):
        read_audited(text)


def test_a_forged_library_is_another_file_and_audits_no_other_source() -> None:
    """Its digest differs, control characters of it reach nobody, and a hash cannot be put on another
    source.
    """
    true = audited_library("ann", {"scale": SCALE})
    forged = read_audited(true.text().replace('"ann"', '"\\u001b[31mann"'))
    assert forged.digest != true.digest
    assert "\x1b" not in forged.author
    (digest,) = true.modules
    assert true.says(digest) == "audited by ann as scale"
    assert true.says(graph_of((("module scale", SCALE + "# x\n"),)).modules[0].hash) is None


CLAIMS = ["ann as shop; audited by bob", 'ann" as shop; "bob', "ann as shop", "ann:", "\\", ""]


@pytest.mark.parametrize("place", ["author", "name", "note"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_no_text_of_an_author_passes_for_another_author(place: str, claim: str) -> None:
    """What is not one word stands in quotes, with its own quotes escaped."""
    texts = {"author": "eve", "name": "rates", "note": "seen", place: claim}
    library = audited_library(texts["author"], {texts["name"]: SCALE}, texts["note"])
    said = library.says(next(iter(library.modules)))
    assert said is not None
    shown = {what: text if text.isalnum() else json.dumps(text) for what, text in texts.items()}
    note = f": {shown['note']}" if texts["note"] else ""
    assert said == f"audited by {shown['author']} as {shown['name']}{note}"


@pytest.mark.parametrize(
    "part", ["module \x1b[31mred", "module \u202ereversed", "module two\nlines", "\ud800"]
)
def test_a_finding_in_words_has_no_control_characters_of_a_part(part: str) -> None:
    """The name of a part is its author's, and is shown as text of strangers is."""
    words = str(Finding("odd-name", "its name is odd", part))
    assert words.isprintable()
    assert words.endswith(": its name is odd")


def test_a_row_that_is_no_proposal_is_left_out(local: Stage) -> None:
    """Reading a damaged world raises nothing."""
    session: Any = local.session
    session.modules.define("rates", "X = 1\n")
    session.proposals.propose("nobody", session.devices.modulecap("rates"))
    store = local.controller.kernel.store
    device = store.devices.named("bundles")
    assert device is not None
    with crank(local.controller.world):
        for key, body in (("proposal.1", "#1"), ("proposal." + "9" * 15, "#[1]"), ("proposal.x", "{")):
            store.devices.keep(device.id, key, CapData(body))
    assert [row.number for row in session.proposals] == [1]


def test_accepted_libraries_outlast_the_session_and_are_no_part_of_the_world(tmp_path: Path) -> None:
    """They are in a file beside the world, under the digests that were accepted; a copy believes nobody."""
    path, text = tmp_path / "a.world", audited_library("ann", {"scale": SCALE}, "small").text()
    library, other = read_audited(text + "\n"), audited_library("bob", {"rates": "X = 1\n"})
    stage = Stage("local", path)
    digest = stage.controller.digest()
    for each in (library, library, other):
        stage.session.proposals.accept(each)
    assert stage.session.proposals.withdraw(other.digest[:12]) == other
    with pytest.raises(KernelError, match=rf"by 'x'; there are: {library.digest[:12]}"):
        stage.session.proposals.withdraw("x")
    assert stage.controller.digest() == digest
    stage.close()
    shutil.copy(path, tmp_path / "b.world")
    for name, found in (("a.world", [library]), ("b.world", [])):
        stage = Stage("local", tmp_path / name)
        assert stage.session.proposals.accepted() == found
        stage.close()


FORGED_BY_EVE = audited_library("eve", {"a": SCALE}).source

WRONG = {
    "no json": ("{", "is not what this library writes"),
    "another format": ('{"format": 2, "libraries": []}', "is not what this library writes"),
    "no list": ('{"format": 1, "libraries": {}}', "is not what this library writes"),
    "no pair": ('{"format": 1, "libraries": [1]}', "is not what this library writes"),
    "a digest that is none": ('{"format": 1, "libraries": [["x", "{}"]]}', "is not what this library writes"),
    "another digest": (
        json.dumps({"format": 1, "libraries": [["0" * 64, audited_library("ann", {"a": SCALE}).source]]}),
        "is not what this library writes",
    ),
    "a digest of what is not there": (
        json.dumps(
            {"format": 1, "libraries": [[audited_library("ann", {"a": SCALE}).digest, FORGED_BY_EVE]]}
        ),
        "is not what this library writes",
    ),
    "no library": (
        '{"format": 1, "libraries": [["' + "0" * 64 + '", "{}"]]}',
        "is not what this library writes",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_of_accepted_libraries_that_is_none_is_refused_with_what_helps(
    case: str, tmp_path: Path
) -> None:
    """The world opens, and a proposal is not read as if nobody was believed."""
    text, words = WRONG[case]
    path = tmp_path / "a.world.audited"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KernelError, match=f"{words}: put the right file there"):
        Accepted(str(tmp_path / "a.world")).all()


def test_a_library_counts_as_the_file_that_was_accepted(tmp_path: Path) -> None:
    """However it is spelled: its digest is that of its bytes, and still is when the world is opened again."""
    odd = audited_library("ann", {"scale": SCALE}).source.replace(":", " : ")
    library, world = read_audited(odd), str(tmp_path / "a.world")
    Accepted(world).add(library)
    assert Accepted(world).all() == [library]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives a file to another user")
def test_a_file_of_accepted_libraries_of_another_user_is_refused(tmp_path: Path) -> None:
    """Its owner can write it at any time, whatever its mode says."""
    world = str(tmp_path / "a.world")
    Accepted(world).add(audited_library("ann", {"scale": SCALE}))
    os.chown(tmp_path / "a.world.audited", 12_345, -1)
    with pytest.raises(KernelError, match="another user owns"):
        Accepted(world).all()


def test_a_file_of_accepted_libraries_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """So is a link, and one that cannot be written leaves what counted."""
    world = str(tmp_path / "a.world")
    Accepted(world).add(audited_library("ann", {"scale": SCALE}))
    path = tmp_path / "a.world.audited"
    path.chmod(0o622)
    with pytest.raises(KernelError, match=r"others can write .*: chmod 600"):
        Accepted(world).all()
    path.rename(tmp_path / "other")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(KernelError, match=r"it is a link"):
        Accepted(world).all()
    lost = Accepted(str(tmp_path / "none" / "a.world"))
    with pytest.raises(KernelError, match="cannot be written"):
        lost.add(audited_library("ann", {"scale": SCALE}))
    assert lost.all() == []
