"""Worlds that are made after a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

import swingset
from swingset import BadConfiguration, Configuration, KernelPanic, VatConfig, VatFault, bootstrap_result

MAIN = dedent("""
    from swingset.vat import E, remotable

    @remotable
    class Main:
        async def bootstrap(self, vats, devices):
            purse = await E(vats["bank"]).purse()
            return [sorted(vats), devices, await E(purse).get()]

    def build_root_object():
        return Main()
""")

BANK = dedent("""
    from swingset.vat import remotable

    @remotable
    class Bank:
        def __init__(self, start):
            self.start = start

        def purse(self):
            return Purse(self.start)

    def build_root_object(parameters):
        return Bank(parameters["start"])
""")

PURSE = dedent("""
    from swingset.vat import durable

    @durable
    class Purse:
        balance: int = 0

        def get(self):
            return self.balance
""")

TOML = """
    bootstrap = "main"

    [vats.main]
    source = "main.py"

    [vats.bank]
    source = "bank.py"
    kinds = { Purse = "purse.py" }
    parameters = { start = 7 }
    options = { reap_interval = 5 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with sources and a configuration."""
    for name, text in (("main.py", MAIN), ("bank.py", BANK), ("purse.py", PURSE), ("my.toml", dedent(TOML))):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_world_is_made_once_and_its_bootstrap_knows_all_vats(folder: Path) -> None:
    """Bootstrap gets every root by name; opening the world again makes nothing anew."""
    path = folder / "my.world"
    with swingset.open_world(path, folder / "my.toml", worker="local") as world:
        world.run()
        result = bootstrap_result(world)
        assert result is not None
        assert world.resolution(result) == [["bank", "main"], {}, 7]
        assert [part for part, _ in world.world.bundles.get(str(world.kernel.vat("bank").bundle))] == [
            "kind Purse",
            "bank",
        ]
        assert world.kernel.vat("bank").options["reap_interval"] == 5
        crank = world.kernel.cranks.count
    with swingset.open_world(path, folder / "my.toml", worker="local") as world:
        assert world.kernel.cranks.count == crank
        assert world.run().cranks == 0
        assert world.resolution(str(bootstrap_result(world))) == [["bank", "main"], {}, 7]


def test_a_configuration_may_be_json_or_python(folder: Path) -> None:
    """The same table in JSON, or as objects, makes the same world."""
    raw = {
        "bootstrap": "main",
        "vats": {
            "main": {"source": "main.py"},
            "bank": {
                "source": "bank.py",
                "kinds": {"Purse": "purse.py"},
                "parameters": {"start": 7},
                "options": {"reap_interval": 5},
            },
        },
    }
    (folder / "my.json").write_text(json.dumps(raw))
    vats = {
        "main": VatConfig((("main", MAIN),)),
        "bank": VatConfig((("kind Purse", PURSE), ("bank", BANK)), {"start": 7}, None, {"reap_interval": 5}),
    }
    digests = set()
    for config in (folder / "my.toml", folder / "my.json", Configuration(vats, "main")):
        with swingset.open_world(config=config, worker="local") as world:
            world.run()
            digests.add((world.digest(), world.history.activity_digest()))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vats = 3", "vats wants a table, got int"),
        ("[vats.a]\n", "vats.a wants source"),
        ('[vats.a]\nsource = "a.py"', "a.py cannot be read: No such file"),
        ('[vats.a]\nsource = "bank.py"\nsauce = 1', "has 'sauce', but knows only source, kinds"),
        ('bootstrap = "b"\n[vats.a]\nsource = "bank.py"', "bootstrap is 'b', which is no vat; there are: a"),
        ("[devices]\nclock = 3", "devices.clock wants the name of a kind"),
        ("= 3", "is not TOML"),
    ],
)
def test_a_bad_configuration_is_refused_with_its_place(folder: Path, text: str, words: str) -> None:
    """The message names the file, the place in it and what was wanted."""
    (folder / "bad.toml").write_text(text)
    with pytest.raises(BadConfiguration, match=r"bad\.toml") as caught:
        swingset.open_world(config=folder / "bad.toml", worker="local")
    assert words in str(caught.value)


def test_a_vat_that_does_not_start_is_named(folder: Path) -> None:
    """The world is closed again, and the error tells the vat and the line."""
    (folder / "bank.py").write_text("def build_root_object():\n    raise ValueError('no')\n")
    with pytest.raises(VatFault, match="vat bank: it could not be created: no"):
        swingset.open_world(folder / "my.world", folder / "my.toml", worker="local")
    swingset.open_world(folder / "my.world", worker="local").close()


def test_a_bootstrap_that_fails_stops_the_kernel(folder: Path) -> None:
    """Its rejection is fatal, as it is for the policy panic."""
    (folder / "main.py").write_text(
        MAIN.replace("purse = await", "raise ValueError('gratuitous error'); await")
    )
    with swingset.open_world(config=folder / "my.toml", worker="local") as world:
        with pytest.raises(KernelPanic, match=r"policy panic: rejected .*gratuitous error"):
            world.run()
        assert "gratuitous error" in str(world.resolution(str(bootstrap_result(world))))
