"""Modules that vats share: each vat runs the version that it was started with, until it is upgraded."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import apsw
import pytest

import swingset
from swingset import KernelError, StrangeModules, VatFault
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.testing import audit
from swingset.wire.parts import MODULE
from swingset.world.sources import MODULES
from tests.conftest import WORKERS, MakeStage
from tests.staging import Stage
from tests.time.packed import taken_apart

MONEY = """
from swingset.vat import durable

SEEN = []

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int):
        SEEN.append(amount)
        self.balance += amount
        return self.balance

def fail():
    raise ValueError("no money")
"""

BETTER = MONEY.replace("+= amount", "+= 10 * amount")

SHOP = """
import money
from swingset.vat import provide, remotable

@remotable
class Shop:
    def __init__(self, baggage):
        self.purse = provide(baggage, "purse", lambda: money.Purse(owner="shop"))

    def pay(self, amount: int):
        return self.purse.deposit(amount)

    def seen(self):
        return list(money.SEEN)

    def fail(self):
        money.fail()

def build_root_object(baggage):
    return Shop(baggage)
"""

RUN = """
from swingset.vat import remotable

@remotable
class Runner:
    def run(self, source: str):
        names = {"__builtins__": __builtins__, "__name__": "runner"}
        exec(source, names)
        return names.get("answer")

def build_root_object():
    return Runner()
"""


def two_shops(stage: Stage) -> None:
    stage.session.modules.define("money", MONEY)
    for name in ("one", "two"):
        stage.define(name, SHOP)


def pay(stage: Stage, vat: str) -> int:
    return int(stage.ask(stage.session.root(vat), "pay", 1))


def test_two_vats_share_the_source_and_no_state(stage: Stage) -> None:
    """Each runs the module for itself, and its durable kind is a kind of the vat."""
    two_shops(stage)
    assert [pay(stage, "one"), pay(stage, "one"), pay(stage, "two")] == [1, 2, 1]
    assert stage.ask(stage.session.root("two"), "seen") == [1]


def test_a_vat_keeps_its_version_until_it_is_upgraded(stage: Stage) -> None:
    """Another definition changes no vat, is shown as newer, and is what both run once they are upgraded."""
    two_shops(stage)
    assert stage.session.modules.define("money", BETTER)
    assert not stage.session.modules.define("money", BETTER)
    assert pay(stage, "one") == 1
    assert stage.lens.stale_modules() == {"one": ("money",), "two": ("money",)}
    done = stage.session.modules.upgrade("money")
    assert [(vat.vat, vat.incarnation) for vat in done.upgraded] == [("one", 1), ("two", 1)]
    assert stage.lens.stale_modules() == {}
    assert [pay(stage, "one"), pay(stage, "two")] == [11, 10]
    assert stage.session.modules.upgrade("money").upgraded == ()


def test_the_world_finds_the_version_that_a_vat_runs(make_stage: MakeStage, tmp_path: Path) -> None:
    """Reopening, forking, rehearsing, replaying, restarting and unpacking all use the vat's own version."""
    stage = make_stage("wasm", tmp_path / "a.world")
    two_shops(stage)
    pay(stage, "one")
    stage.session.modules.define("money", BETTER)
    stage.close()
    again = make_stage("wasm", tmp_path / "a.world")
    assert pay(again, "one") == 2
    assert again.controller.vats.upgrade_all().ok
    assert pay(again, "one") == 3
    with again.controller.fork() as fork:
        kref = fork.queue_to_root("one", "pay", [1])
        fork.run()
        assert fork.resolution(kref) == 4
    assert swingset.replay(again.controller, full=True).ok
    swingset.export_archive(again.controller, tmp_path / "a.swingset", level="replay")
    swingset.import_archive(tmp_path / "a.swingset", tmp_path / "b.world")
    with swingset.open_world(tmp_path / "b.world", worker="wasm") as other:
        kref = other.queue_to_root("one", "pay", [1])
        other.run()
        assert other.resolution(kref) == 4
        assert other.lens.stale_modules() == {"one": ("money",), "two": ("money",)}


def test_an_archive_of_one_vat_has_no_modules_of_others(tmp_path: Path) -> None:
    """Only those that it imports, in their newest source, go with it."""
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        session = swingset.Session(world)
        session.modules.define("money", MONEY)
        session.modules.define("secret", "KEY = 5")
        session.define("one", SHOP)
        session.define("two", "import secret\n" + SHOP)
        swingset.export_archive(world, tmp_path / "one.swingset", level="debug", vat="one")
    _, artifacts = taken_apart(tmp_path / "one.swingset")
    content = b"".join(artifacts.values())
    assert b"KEY = 5" not in content
    assert b"no money" in content
    swingset.import_archive(tmp_path / "one.swingset", tmp_path / "b.world")
    with swingset.open_world(tmp_path / "b.world", worker="local") as world:
        assert [row.name for row in world.lens.modules()] == ["money"]


def test_a_damaged_bundle_hides_no_other_vat(tmp_path: Path) -> None:
    """The tables of such a world are still shown, and say who is behind."""
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        session = swingset.Session(world)
        session.modules.define("money", MONEY)
        session.define("one", SHOP)
        session.define("two", SHOP + "# altered")
        session.modules.define("money", BETTER)
    with apsw.Connection(str(tmp_path / "a.world")) as db:
        db.execute("UPDATE bundles SET source = replace(source, '# altered', '# changed')")
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        assert world.lens.stale_modules() == {"one": ("money",)}


def test_all_vats_are_upgraded_or_none(stage: Stage) -> None:
    """If the last one refuses, neither the vats nor the module have changed."""
    two_shops(stage)
    strict = SHOP.replace("import money", "import money\nassert money.SEEN == []")
    stage.define("strict", strict)
    before = stage.session.modules.all()
    with pytest.raises(VatFault, match="vat strict: the upgrade was refused"):
        stage.session.modules.upgrade("money", BETTER.replace("SEEN = []", "SEEN = [0]"))
    assert stage.session.modules.all() == before
    assert [pay(stage, "one"), pay(stage, "two")] == [1, 1]
    assert {vat.incarnation for vat in stage.controller.vats} == {0}


def test_a_suspended_vat_is_left_and_named(stage: Stage) -> None:
    """An upgrade would resume it, so it stays as it is, and the others are upgraded."""
    two_shops(stage)
    stage.controller.vats.suspend("two", "audit")
    done = stage.session.modules.upgrade("money", BETTER)
    assert [vat.vat for vat in done.upgraded] == ["one"]
    assert [vat for vat, _ in done.left] == ["two"]
    assert stage.controller.vats["two"].state == "suspended"


def test_an_upgrade_of_a_cell_takes_the_newest_modules(stage: Stage) -> None:
    """It says so by itself that nothing is stale; and a rehearsal does the same."""
    two_shops(stage)
    stage.session.modules.define("money", BETTER)
    assert stage.session.rehearse("one", "one", SHOP + "# more").ok
    stage.upgrade("one", SHOP + "# more")
    assert stage.lens.stale_modules() == {"two": ("money",)}
    assert [pay(stage, "one"), pay(stage, "two")] == [10, 1]


def test_an_error_names_the_line_of_the_module(stage: Stage) -> None:
    """In a method, at the start, and for code that does not parse."""
    two_shops(stage)
    with pytest.raises(RemoteError, match="no money") as caught:
        stage.ask(stage.session.root("one"), "fail")
    assert "module money, line 17 of its cell, in fail" in "\n".join(caught.value.__notes__)
    for source, line in (("\nX = 1\nraise ValueError(1)", 3), ("\ndef f(:", 2)):
        with pytest.raises(VatFault) as fault:
            stage.session.modules.upgrade("money", source)
        assert f"vat one, module money, line {line} of its cell" in "\n".join(fault.value.__notes__)


PACKAGE = {
    "shop.__init__": "from .prices import PRICE\nfrom . import deep\n",
    "shop.prices": "PRICE = 5\n",
    "shop.deep.__init__": "__all__ = ['low', 'here']\nhere = 1\n",
    "shop.deep.low": "from ..prices import PRICE\nfrom ... import nothing_above\n",
    "shop.late": "from shop import prices as p\nprices = p.PRICE\n",
}
FIRST = {"first": "import second\nX = 1\n", "second": "import first\nY = 2\ndef x(): return first.X\n"}
CIRCLE = {"here": "import there\nX = 1\n", "there": "from here import X\n"}
OTHERS = {"json_too": "import json\n", "fails": "import json\n1 / 0\n", "annotated": dedent("""
    from __future__ import annotations
    from dataclasses import dataclass
    from typing import ClassVar

    @dataclass(frozen=True)
    class Point:
        x: int
        zero: ClassVar[int] = 0
""")}  # fmt: skip


@pytest.fixture(scope="module", params=WORKERS)
def runner(request: pytest.FixtureRequest) -> tuple[swingset.Session, object]:
    """A vat that runs sources which import."""
    session = swingset.Session(swingset.open_world(worker=request.param))
    session.modules.define("shop", PACKAGE)
    for name, source in (FIRST | CIRCLE | OTHERS).items():
        session.modules.define(name, source)
    names = ", ".join(["shop", *FIRST, *CIRCLE, *OTHERS])
    imports = f"def never():\n    import {names}\n"
    return session, session.define("runner", RUN + imports)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("import shop; answer = shop.PRICE", 5),
        ("import shop.prices; answer = shop.prices.PRICE", 5),
        ("import shop.prices as p; answer = p.PRICE", 5),
        ("from shop import prices; answer = prices.PRICE", 5),
        ("from shop.prices import *; answer = PRICE", 5),
        ("import shop; answer = hasattr(shop, 'late')", False),
        ("import shop.late; answer = shop.late.prices", 5),
        ("import shop; answer = [shop.__name__, shop.__package__, shop.prices.__package__]", ["shop"] * 3),
        ("import shop, sys; answer = 'shop' in sys.modules", False),
        ("import first; answer = first.second.x()", 1),
        ("import json_too, json; answer = json_too.json is json", True),
        ("import importlib; answer = importlib.import_module('shop.late').prices", 5),
        ("from importlib import import_module as i; answer = i('.prices', 'shop').PRICE", 5),
        ("import importlib as i; answer = i.import_module('json') is i.import_module('json')", True),
        ("import importlib.util as u; answer = u.find_spec('json').name", "json"),
        ("import importlib as i; answer = [i.util.find_spec('shop'), i.__name__]", [None, "importlib"]),
        ("answer = __import__('shop').PRICE", 5),
        ("import annotated as a; answer = [a.Point(1).x, a.Point(2) == a.Point(2)]", [1, True]),
    ],
)  # fmt: skip
def test_import_means_what_it_means_in_python(
    runner: tuple[swingset.Session, object], source: str, answer: object
) -> None:
    """Packages, modules in them, relative imports, and circles that only need names later."""
    session, vat = runner
    assert session.wait(E(vat).run(source)) == answer


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import shop.nowhere", "module shop of vat runner has no module 'nowhere'"),
        ("from shop import nothing", "name 'nothing' from module shop of vat runner, which has PRICE"),
        ("from shop.deep import *", "attempted relative import beyond top-level package"),
        ("import here", "here of vat runner, which is still being run: it imports the module that asks"),
        ("import fails", "division by zero"),
        ("import nowhere", "No module named 'nowhere'"),
        ("import importlib; importlib.import_module('nowhere')", "No module named 'nowhere'"),
        ("import importlib; importlib.import_module('shop.nowhere')", "shop of vat runner has no module"),
        ("import importlib; importlib.import_module('.prices')", "package"),
    ],
)  # fmt: skip
def test_an_import_that_fails_says_why(
    runner: tuple[swingset.Session, object], source: str, words: str
) -> None:
    """And fails the same way when it is tried again, because what has failed is run again."""
    session, vat = runner
    for _ in range(2):
        with pytest.raises(Exception, match=words):
            session.wait(E(vat).run(source))


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("json", "", "json is a module of Python's own"),
        ("swingset", "", "swingset is taken already"),
        ("a-b", "", "use letters, digits and _"),
        ("a..b", "", "use letters, digits and _"),
        ("class", "", "use letters, digits and _"),
        ("", "", "use letters, digits and _"),
        ("é", "", "use letters, digits and _"),
        ("x" * 151, "", "use a str of up to 150 characters"),
        ("big", "#" * 1_000_001, "module big wants its source as a str of up to 1,000,000 characters"),
        ("half", "'\ud800'", "module half wants its source as a str"),
        ("other", {"shop.__init__": ""}, "the modules of package other are called other.__init__"),
        ("many", {f"many.m{n}": "" for n in range(501)}, "501 modules are too many"),
    ],
)
def test_what_cannot_be_a_module_is_refused(name: str, source: object, words: str) -> None:
    """The error says what can, and nothing was stored."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        with pytest.raises(KernelError, match=words):
            session.modules.define(name, source)  # type: ignore[arg-type]
        assert session.modules.all() == []


def test_a_module_found_in_a_file_is_used_only_once_it_is_accepted(tmp_path: Path) -> None:
    """The file may be a stranger's: new code that imports it is refused, and a vat that runs it goes on."""
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        session = swingset.Session(world)
        session.modules.define("money", MONEY)
        session.define("one", SHOP)
    with swingset.open_world(tmp_path / "a.world", worker="local") as world:
        session = swingset.Session(world)
        assert session.modules.strange() == ["money"]
        with pytest.raises(StrangeModules, match="vat two imports module money, found in the file"):
            session.define("two", SHOP)
        assert session.upgrade("one", "one", SHOP + "# more").incarnation == 1
        session.modules.keep("money")
        session.define("two", SHOP)
        session.modules.drop("money")
        assert [(row.name, row.version, len(row.uses)) for row in session.modules] == [("money", None, 2)]
        assert not audit(world.kernel.store)


@pytest.mark.parametrize("name", ["json", "swingset", "__main__"])
def test_old_code_cannot_put_a_module_before_one_of_python(name: str) -> None:
    """A vat in a file may have such a module among its code; new code for it has no use for that one."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        session.define("runner", RUN)
        running = ((MODULE + name, "def dumps(value): return 'taken'"),)
        completed = session.modules.completed("runner", (("runner", f"import {name}"),), running)
        assert [part for part, _ in completed] == ["runner"]


def test_a_module_that_new_code_cannot_have_is_told(make_stage: MakeStage) -> None:
    """The vat runs with it until it is upgraded, and who upgrades it can say so."""
    stage = make_stage("local")
    stage.define("runner", RUN)
    stage.controller.upgrade_vat("runner", ((MODULE + "json", ""), (MODULE + "money", ""), ("runner", RUN)))
    assert stage.session.modules.left_out("runner") == {"json": "json is a module of Python's own"}


def test_a_module_found_in_a_file_is_not_read() -> None:
    """It is refused for what it is, so neither its length nor what it imports matters."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        world.kernel.keep_sources(
            MODULES, ((MODULE + "money", "import more\n" * 1_000_000), (MODULE + "more", ""))
        )
        with pytest.raises(StrangeModules, match="vat two imports module money, found"):
            session.modules.completed("two", (("two", "import money"),))


def test_a_file_cannot_put_a_module_before_one_of_python() -> None:
    """A name that nobody can define is not used, whatever the file has under it."""
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        world.kernel.keep_sources(MODULES, ((MODULE + "json", "1 / 0"), (MODULE, "1 / 0")))
        answer = session.wait(E(session.define("runner", "import json\n" + RUN)).run("answer = 5"))
        assert answer == 5
        assert session.modules.strange() == []


def test_a_host_gives_modules_to_one_vat() -> None:
    """`create_vat` and `upgrade_vat` take them, and restarts and later upgrades keep them."""
    with swingset.open_world(worker="local") as world:
        world.create_vat("one", (("one", SHOP),), modules={"money": MONEY})
        world.upgrade_vat("one", world.vats.parts("one"), modules={"money": BETTER})
        assert world.vats.upgrade_all().ok
        kref = world.queue_to_root("one", "pay", [1])
        world.run()
        assert world.resolution(kref) == 10
        assert [part for part, _ in world.vats.parts("one")] == ["module money", "one"]
        with pytest.raises(KernelError, match="cannot name a module"):
            world.create_vat("two", (("two", SHOP),), modules={"re": ""})


def test_a_configuration_names_files_of_modules(tmp_path: Path) -> None:
    """Each vat gets those that it imports, and those that these import."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "plain.py").write_text(RUN)
    (tmp_path / "money.py").write_text(MONEY + "\nimport more\n")
    (tmp_path / "more.py").write_text("")
    (tmp_path / "world.toml").write_text(
        '[modules]\nmoney = "money.py"\nmore = "more.py"\n'
        '[vats.shop]\nsource = "shop.py"\n[vats.plain]\nsource = "plain.py"\n'
    )
    with swingset.open_world(None, tmp_path / "world.toml", worker="local") as world:
        parts = [[part for part, _ in world.vats.parts(name)] for name in ("shop", "plain")]
        assert parts == [["module money", "module more", "shop"], ["plain"]]
    (tmp_path / "world.toml").write_text('[modules]\njson = "more.py"\n[vats]\n')
    with pytest.raises(swingset.BadConfiguration, match=r"modules: .*json is a module of Python's own"):
        swingset.open_world(None, tmp_path / "world.toml", worker="local")


def test_vats_that_vats_make_import_too(stage: Stage) -> None:
    """A bundle has the modules of its code like its cells."""
    stage.session.modules.define("money", MONEY)
    parts = stage.session.modules.completed("shop", (("shop", SHOP),))
    assert [part for part, _ in parts] == [MODULE + "money", "shop"]
    stage.controller.devices.install_bundle(parts, "shop")
    admin = stage.session.devices.vat_admin()
    made = stage.ask(admin, "create_vat_by_name", "shop")
    assert stage.ask(made["root"], "pay", 3) == 3


def test_a_package_is_read_and_never_run() -> None:
    """Its licence and size are known before any of it is taken, and then vats import it."""
    package = swingset.package_source("attrs")
    assert (package.names, package.licence) == (("attr", "attrs"), "MIT")
    assert package.size == sum(map(len, package.modules.values())) > 100_000
    assert "attr._make" in package.modules
    assert not any("test" in name for name in package.modules)
    with swingset.open_world(worker="local") as world:
        session = swingset.Session(world)
        assert session.modules.define_package(package)
        assert not session.modules.define_package(package)
        source = RUN + "\nimport attrs\n@attrs.define\nclass Point:\n    x: int\nanswer = repr(Point(1))\n"
        source = source.replace('names.get("answer")', "repr(Point(1))")
        assert session.wait(E(session.define("point", source)).run("")) == "Point(x=1)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("numpy", "package numpy is not pure Python, so no vat can import it: it has"),
        ("no-such-thing", "no package .*no-such-thing.* is installed beside this kernel"),
        ("../attrs", "no package"),
        ("", "no package"),
    ],
)
def test_a_package_that_cannot_be_read_says_why(name: str, words: str) -> None:
    """What is compiled, or not there."""
    with pytest.raises(KernelError, match=words):
        swingset.package_source(name)
