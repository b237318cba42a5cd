"""A vat keeps the guest library that it was started on, and a library from a file never runs in the host."""

from __future__ import annotations

import _thread
import hashlib
import json
import re
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from swingset.core.errors import VatFault
from swingset.host.base.opened import Opened
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.workers.base import LibraryUnusable
from swingset.workers.local import LocalWorkerFactory
from swingset.workers.wasm import bake, engine, guest_library
from swingset.workers.wasm.engine import WasmWorkerFactory, make_factory, prepare_engine
from swingset.workers.wasm.guest_library import GuestLibrary
from swingset.world.errors import WorldError
from swingset.world.file import WorldFile
from tests.meddling import altered

BANK = """
from swingset.vat import durable, provide, remotable

@durable
class Purse:
    balance: int = 0

    def add(self, amount: int):
        self.balance += amount
        return self.balance

def build_root_object(baggage):
    purse = provide(baggage, "purse", Purse)
    calls = []

    @remotable
    class Bank:
        def add(self, amount: int):
            calls.append(amount)
            return [purse.add(amount), len(calls)]

    return Bank()
"""


def opened(where: Path | WorldFile, factory: WasmWorkerFactory) -> Controller:
    """The world on an engine with a library of its own."""
    world = where if isinstance(where, WorldFile) else WorldFile.open(where)
    return Controller(Opened(world, {"wasm": factory, "local": LocalWorkerFactory()}))


def add(controller: Controller, vat: str, amount: int) -> Any:
    """What a vat answers to a message; None where it does not."""
    result = controller.queue_to_root(vat, "add", [amount])
    assert result is not None
    controller.run()
    found = controller.resolution(result)
    controller.release(result)
    return found


def library_of(controller: Controller, vat: str) -> str | None:
    return controller.kernel.vat(vat).library


# Another release: the text of the library has changed.

Change = Callable[[GuestLibrary], GuestLibrary]


def with_source(name: str, change: Callable[[str], str]) -> Change:
    """The same library with one module changed."""

    def changed(library: GuestLibrary) -> GuestLibrary:
        package, source = library.sources[name]
        sources = library.sources | {name: (package, change(source))}
        return GuestLibrary(library.interface, library.bootstrap, library.standard, sources)

    return changed


SUPERVISOR = "swingset.guest.supervisor"
RELEASES: dict[str, Change] = {
    "a comment": with_source(SUPERVISOR, lambda text: text + "# a newer release\n"),
    "dearer turns": with_source(
        SUPERVISOR,
        lambda text: text.replace("_buffer.clear()\n    delivery", "sum(range(999))\n    delivery"),
    ),
    "another limit": with_source(
        SUPERVISOR, lambda text: text.replace("_BUFFER_LIMIT = 256", "_BUFFER_LIMIT = 1")
    ),
    "a module more": lambda library: GuestLibrary(
        library.interface,
        library.bootstrap,
        library.standard,
        library.sources | {"swingset.guest.newer": (False, "WORDS = 'newer'\n")},
    ),
    "another bootstrap": lambda library: GuestLibrary(
        library.interface, "NEWER = True\n" + library.bootstrap, library.standard, library.sources
    ),
    "standard modules": lambda library: GuestLibrary(
        library.interface, library.bootstrap, (*library.standard, "calendar", "secrets"), library.sources
    ),
}


def release(change: Change, monkeypatch: pytest.MonkeyPatch) -> WasmWorkerFactory:
    """The engine of a release whose library has changed, in a process that knows no other."""
    newer = change(bake.installed(bake.library_sources()))
    assert newer != bake.installed(bake.library_sources())
    monkeypatch.setattr(bake, "library_sources", lambda: newer.sources)
    monkeypatch.setattr(bake, "BOOTSTRAP", newer.bootstrap)
    monkeypatch.setattr(bake, "STANDARD", newer.standard)
    monkeypatch.setattr(engine, "_factories", {})
    return prepare_engine()


@pytest.fixture
def older() -> WasmWorkerFactory:
    return prepare_engine()


@pytest.mark.parametrize("change", RELEASES)
@pytest.mark.parametrize("images", [True, False], ids=["from images", "from transcripts"])
def test_vats_go_on_when_the_library_has_changed(
    change: str, images: bool, tmp_path: Path, older: WasmWorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old vat goes on as on the old release, to the digest; new and upgraded ones run on the new one."""
    path = tmp_path / "a.world"
    controller = opened(path, older)
    controller.create_vat("bank", (("bank", BANK),))
    assert add(controller, "bank", 5) == [5, 1]
    if images:
        controller.checkpoint("saved")
    controller.close()
    shutil.copy(path, tmp_path / "control.world")
    control = opened(tmp_path / "control.world", older)

    newer = release(RELEASES[change], monkeypatch)
    assert newer.image_id != older.image_id
    controller = opened(path, newer)
    assert (add(controller, "bank", 1), add(control, "bank", 1)) == ([6, 2], [6, 2])
    assert (controller.digest(), controller.history.activity_digest()) == (
        control.digest(),
        control.history.activity_digest(),
    )
    bank = controller.kernel.vat("bank")
    assert controller.kernel.warehouse.verify(bank) == control.kernel.warehouse.verify(bank)
    old = library_of(controller, "bank")

    controller.create_vat("other", (("other", BANK),))
    new = library_of(controller, "other")
    assert old != new
    with pytest.raises(VatFault):
        controller.upgrade_vat("bank", (("bank", "1 / 0"),))
    assert library_of(controller, "bank") == old
    assert add(controller, "bank", 1) == [7, 3]
    before = controller.world.head
    controller.upgrade_vat("bank", (("bank", BANK),))
    assert library_of(controller, "bank") == new
    assert add(controller, "bank", 1) == [8, 1]

    controller.history.go_back_to_commit(before)
    assert (library_of(controller, "bank"), add(controller, "bank", 1)) == (old, [8, 4])
    controller.close()
    control.close()


def test_a_fork_and_an_export_bring_libraries_along(
    tmp_path: Path, older: WasmWorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal, a copy and a pruned world have every library that a vat of theirs may come back on."""
    path = tmp_path / "a.world"
    with opened(path, older) as controller:
        controller.create_vat("bank", (("bank", BANK),))
        controller.create_vat("gone", (("gone", BANK),))
    with opened(path, release(RELEASES["dearer turns"], monkeypatch)) as controller:
        add(controller, "bank", 1)
        controller.upgrade_vat("gone", (("gone", BANK),))
        controller.world.export(tmp_path / "copy.world")
        with controller.fork() as fork:
            assert add(fork, "bank", 1) == [2, 2]
            assert fork.kernel.warehouse.verify(fork.kernel.vat("bank"))[0] == 3
        assert controller.world.prune().libraries == 0
    with opened(tmp_path / "copy.world", prepare_engine()) as copy:
        assert (add(copy, "bank", 1), add(copy, "gone", 1)) == ([2, 2], [1, 1])


def test_a_library_goes_with_the_last_commit_that_names_it(
    tmp_path: Path, older: WasmWorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning drops a library that only a branch which nobody can name has run on."""
    path = tmp_path / "a.world"
    with opened(path, older) as controller:
        controller.create_vat("bank", (("bank", BANK),))
    with opened(path, release(RELEASES["a comment"], monkeypatch)) as controller:
        before = controller.world.head
        controller.create_vat("other", (("other", BANK),))
        controller.history.go_back_to_commit(before)
        assert controller.world.prune().libraries == 1
        assert add(controller, "bank", 1) == [1, 1]


def test_a_local_vat_has_no_library_of_its_own() -> None:
    """What runs in the host is the host's own library, and the world keeps none."""
    with open_world(None, worker="local") as controller:
        controller.create_vat("bank", (("bank", BANK),))
        assert library_of(controller, "bank") is None
        assert controller.world.row("SELECT count(*) FROM libraries") == (0,)


# A stranger's file: the library is whatever the stranger wrote.


def content(**changes: Any) -> bytes:
    """The installed library's text, with some of it replaced."""
    said = json.loads(bake.installed(bake.library_sources()).content())
    return json.dumps(said | changes).encode()


def module(source: str, name: str = "swingset.guest.stranger") -> bytes:
    """The installed library with a module more, which is loaded last."""
    modules = json.loads(content())["modules"]
    return content(modules=[*modules, [name, False, source]])


def supervisor(source: str) -> bytes:
    """The installed library with another supervisor."""
    modules = [row for row in json.loads(content())["modules"] if row[0] != SUPERVISOR]
    return content(modules=[*modules, [SUPERVISOR, False, source]])


MARK = "import sys; open({mark!r}, 'w').close()"

UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no JSON": (lambda: b"import os", "no JSON text"),
    "no UTF-8": (lambda: b"\xff\xfe", "no JSON text"),
    "deep": (lambda: b"[" * 200_000, "no JSON text"),
    "a list": (lambda: b"[]", "interface"),
    "long number": (lambda: b'{"interface":' + b"9" * 10_000 + b"}", "no JSON text"),
    "later interface": (lambda: content(interface=5), "speaks interface 5, this host speaks 1, 2, 3, 4"),
    "no interface": (lambda: content(interface=True), "speaks interface True"),
    "worded interface": (lambda: content(interface="\x1b[2J" * 99), "speaks interface"),
    "more than that": (lambda: content(more=1), "and nothing else"),
    "no modules": (lambda: content(modules=[]), "1 to 2000"),
    "odd module": (lambda: content(modules=[["swingset", 1, ""]]), "a module is"),
    "a module twice": (lambda: content(modules=[["swingset", True, ""]] * 2), "each once"),
    "a standard module": (lambda: module("", "os"), "not os"),
    "a name that is code": (lambda: content(standard=["os; print(1)"]), "no name of a module"),
    "half a character": (lambda: content(bootstrap="\ud800"), "half of a character"),
}

UNUSABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no library": (lambda: b"import os", "no JSON text"),
    "another interface": (lambda: content(interface=5), "speaks interface 5, this host speaks 1, 2, 3, 4"),
    "bootstrap fails": (lambda: content(bootstrap="1 / 0"), "ZeroDivisionError"),
    "bootstrap is silent": (lambda: content(bootstrap="pass"), "printed"),
    "bootstrap lies": (lambda: content(bootstrap="print(10 ** 9)"), "printed"),
    "bootstrap lies at length": (lambda: content(bootstrap="print('9' * 5000)"), "printed"),
    "prints": (lambda: module("print('\x1b[2J hello')"), "printed"),
    "fails": (lambda: module("1 / 0"), "ZeroDivisionError"),
    "no Python": (lambda: module("def"), "SyntaxError"),
    "loops": (lambda: module("while True: pass"), "took more than"),
    "leaves": (lambda: module("import os; os._exit(3)"), "could not be loaded"),
    "eats memory": (lambda: module("x = bytearray(1 << 30)"), "MemoryError"),
    "recurses": (lambda: module("def f(): f()\nf()"), "could not be loaded"),
    "knocks": (lambda: module("import _host; _host.call(b'D')"), "could not be loaded"),
    "writes": (lambda: module(MARK), "could not be loaded"),
    "no supervisor": (lambda: content(modules=[["swingset", True, ""]]), "KeyError"),
    "no turn": (lambda: supervisor(""), "AttributeError"),
}

DAMAGED: dict[str, tuple[str, str]] = {
    "missing": ("DELETE FROM libraries", "is not in the file"),
    "renamed": (f"UPDATE vats SET library = 'l1-{64 * '0'}' WHERE name = 'bank'", "is not in the file"),
    "no zstd": ("UPDATE libraries SET content = x'00'", "cannot be unpacked"),
    "cut off": ("UPDATE libraries SET content = substr(content, 1, 100)", "cannot be unpacked"),
    "another's": ("UPDATE libraries SET content = x'28b52ffd200058000000'", "guest library"),
}

UNFIT: dict[str, Callable[[], bytes]] = {
    "turn is no function": lambda: supervisor("turn = 5"),
    "turn fails": lambda: supervisor("def turn(): 1 / 0"),
    "turn loops": lambda: supervisor("def turn():\n    while True: pass"),
    "turn says nothing": lambda: supervisor("def turn(): pass"),
    "turn says too much": lambda: supervisor("import _host\ndef turn(): _host.call(b'R[]')"),
    "turn lies": lambda: supervisor(
        'import _host\ndef turn():\n    _host.call(b"D")\n    _host.call(b\'R{"status":"ok"}\')'
    ),
    "turn writes": lambda: supervisor("def turn():\n    " + MARK),
    "turn does something else": lambda: supervisor(
        'import _host\ndef turn():\n    _host.call(b"D")\n    _host.call(b\'S[["vatstoreSet","a","b"]]\')'
    ),
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of two confined vats and a local one."""
    path = tmp_path_factory.mktemp("honest") / "honest.world"
    with opened(path, prepare_engine()) as controller:
        for name, worker in (("bank", "wasm"), ("other", "wasm"), ("own", "local")):
            controller.create_vat(name, (("bank", BANK),), worker=worker)
            assert add(controller, name, 5) == [5, 1]
    return path


def tampered(honest: Path, tmp_path: Path, *statements: tuple[str, tuple[Any, ...]]) -> Controller:
    """The world after a stranger's statements."""
    path = tmp_path / "stranger.world"
    shutil.copy(honest, path)
    with sqlite3.connect(path) as db:
        for statement, given in statements:
            db.execute(statement, given)
    db.close()
    return opened(path, prepare_engine())


def stranger(honest: Path, tmp_path: Path, text: bytes) -> Controller:
    """The world with a stranger's library for two of its vats, one of which runs in the host."""
    said = text.replace(b"{mark!r}", json.dumps(json.dumps(str(tmp_path / "mark")))[1:-1].encode())
    kept = "l1-" + hashlib.sha256(said).hexdigest()
    return tampered(
        honest,
        tmp_path,
        ("INSERT INTO libraries VALUES(?, ?)", (kept, zstandard.ZstdCompressor().compress(said))),
        ("UPDATE vats SET library = ? WHERE name IN ('bank', 'own')", (kept,)),
    )


def check_only_its_own_vat(controller: Controller, tmp_path: Path, code: str, words: str) -> None:
    """The vat is suspended with words, the others go on, and an upgrade helps; nothing ran in the host."""
    assert add(controller, "bank", 1) is None
    bank = controller.kernel.vat("bank")
    assert bank.state == "suspended"
    assert bank.reason is not None
    assert bank.reason.startswith(f"{code}: ")
    assert words in bank.reason
    assert len(bank.reason) < 6_000
    assert add(controller, "own", 1) == [6, 2]
    controller.upgrade_vat("bank", (("bank", BANK),))
    controller.run()
    assert add(controller, "bank", 1) == [7, 2]  # what was parked came first
    assert not (tmp_path / "mark").exists()
    controller.close()


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_text_that_is_no_library_is_told(case: str) -> None:
    """A library is held against its form before anything is done with it."""
    text, words = UNREADABLE[case]
    with pytest.raises(LibraryUnusable, match=re.escape(words)):
        guest_library.read(text())


@pytest.mark.unreplayed("it alters the library that its file keeps")
@pytest.mark.parametrize("case", UNUSABLE)
def test_a_library_that_cannot_be_used_suspends_its_own_vats(
    case: str, honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no library, speaks another interface or does not load is told, and keeps nobody else."""
    monkeypatch.setattr(bake, "FUEL", 3_000_000_000)
    text, words = UNUSABLE[case]
    controller = stranger(honest, tmp_path, text())
    assert add(controller, "other", 1) == [6, 2]
    check_only_its_own_vat(controller, tmp_path, "library-unusable", words)


@pytest.mark.unreplayed("it alters the library that its file keeps")
@pytest.mark.parametrize("case", DAMAGED)
def test_a_library_that_was_damaged_suspends_its_vats(case: str, honest: Path, tmp_path: Path) -> None:
    """A library that is gone or altered is missed when a vat is to come back on it."""
    statement, words = DAMAGED[case]
    check_only_its_own_vat(tampered(honest, tmp_path, (statement, ())), tmp_path, "library-unusable", words)


@pytest.mark.parametrize("name", ["", "l1-0", "\x1b[2J", "b1-" + "0" * 128, "L1-" + "0" * 64])
def test_a_name_that_no_library_has_is_refused(name: str, honest: Path, tmp_path: Path) -> None:
    """A world whose vats name what cannot be a library is not opened, as with all small tables."""
    with pytest.raises(WorldError, match="no id of a guest library"):
        tampered(honest, tmp_path, ("UPDATE vats SET library = ? WHERE name = 'bank'", (name,)))


@pytest.mark.unreplayed("it alters the library that its file keeps")
@pytest.mark.parametrize("case", UNFIT)
def test_a_library_that_is_not_what_it_was_is_found_out(case: str, honest: Path, tmp_path: Path) -> None:
    """One that loads, and then does not do what the old one did, does not repeat the vat's transcript."""
    check_only_its_own_vat(stranger(honest, tmp_path, UNFIT[case]()), tmp_path, "replay-diverged", "")


@pytest.mark.unreplayed("it alters the library that its file keeps")
def test_a_huge_library_is_not_unpacked(honest: Path, tmp_path: Path) -> None:
    """A library that unpacks to more than any has is refused by the size that it announces."""
    check_only_its_own_vat(
        stranger(honest, tmp_path, b" " * (64 << 20)), tmp_path, "library-unusable", "at most"
    )


@pytest.mark.unreplayed("it alters the library that its file keeps")
def test_baking_stops_at_an_interrupt(honest: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the loading of a library that takes long, and nothing is concluded from it."""
    controller = stranger(honest, tmp_path, module("for number in range(1 << 40): pass  # for long"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        threading.Timer(0.5, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            add(controller, "bank", 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert controller.kernel.vat("bank").state == "live"
    assert controller.kernel.store.queues.length() == 1
    controller.close()


@pytest.mark.unreplayed("it alters the library that its file keeps")
def test_a_bad_library_is_baked_once(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Baking that has failed fails again at once, however many vats want it."""
    factory, baked = make_factory("lean", bake.library_sources()), []
    bake_it = bake.bake

    def counted(*given: Any) -> Any:
        baked.append(1)
        return bake_it(*given)

    monkeypatch.setattr(bake, "bake", counted)
    text = module("raise SystemExit('no')")
    with WorldFile.open(tmp_path / "a.world") as world:
        kept = world.libraries.put(text)
        with opened(world, factory) as controller:
            for name in ("a", "b", "c"):
                controller.create_vat(name, (("bank", BANK),))
            controller.kernel.warehouse.discard_all()
            altered(world, "update vats set library = ?", (kept,))
            for name in ("a", "b", "c"):
                assert add(controller, name, 1) is None
    assert len(baked) == 1
