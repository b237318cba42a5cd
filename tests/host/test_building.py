"""Worlds are built whole or not at all, of what can be, and give away no name of the library's."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import swingset
from swingset import BadConfiguration, Configuration, KernelError, VatConfig, VatFault
from swingset.core.options import host_options
from swingset.guest.base.errors import RemoteError
from swingset.host.worlds.opening import open_world
from swingset.testing import audit
from tests.conftest import MakeStage
from tests.staging import Stage

PLAIN = dedent("""
    from swingset.vat import remotable

    @remotable
    class Plain:
        def ping(self):
            return "pong"

        def wake(self, now):
            print("woken", now)

    def build_root_object():
        return Plain()
""")

BAD = "def build_root_object():\n    raise ValueError('not yet')\n"

MAIN = dedent("""
    from swingset.vat import D, E, remotable

    @remotable
    class Main:
        async def bootstrap(self, vats, devices):
            if "clock" in devices:
                D(devices["clock"]).alarm(5, vats["a"])
            if "weather" in devices:
                return D(devices["weather"]).call("here")
            if "vatAdmin" in vats:
                made = await E(vats["vatAdmin"]).create_vat_by_name("plain")
                return [sorted(vats), await E(made["root"]).ping()]
            if "post" in devices:
                D(devices["post"]).send({"n": 1})
            return None

    def build_root_object():
        return Main()
""")


def vat(source: str, **more: Any) -> VatConfig:
    """A vat of one cell."""
    return VatConfig((("a", source),), **more)


# Whole or not at all


def test_a_configuration_that_failed_can_be_built_when_it_is_better(tmp_path: Path) -> None:
    """The vats before the one that fails are not made either, and the file can be used for the next try."""
    path = tmp_path / "my.world"
    devices = {"clock": "timer"}
    half = Configuration({"a": vat(PLAIN), "b": vat(BAD)}, "a", devices)
    with pytest.raises(VatFault, match="vat b: it could not be created: not yet"):
        swingset.open_world(path, half, worker="local")
    with swingset.open_world(path, worker="local") as world:
        assert list(world.vats) == []
        assert world.kernel.store.devices.all() == []
    whole = Configuration({"a": vat(PLAIN), "b": vat(PLAIN)}, None, devices)
    with swingset.open_world(path, whole, worker="local") as world:
        assert [known.name for known in world.vats] == ["a", "b"]
        assert audit(world.kernel.store) == []


def test_a_build_that_was_killed_begins_anew(tmp_path: Path) -> None:
    """Vats that a killed process had made are not in the way of the process after it."""
    killer = "import os, signal\ndef build_root_object():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    script = dedent(f"""
        import swingset
        from swingset import Configuration, VatConfig
        vats = {{"a": VatConfig((("a", {PLAIN!r}),)), "b": VatConfig((("b", {killer!r}),))}}
        swingset.open_world("my.world", Configuration(vats), worker="local")
    """)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    whole = Configuration({"a": vat(PLAIN), "b": vat(PLAIN)})
    with swingset.open_world(tmp_path / "my.world", whole, worker="local") as world:
        assert [known.name for known in world.vats] == ["a", "b"]


# Devices and services


def test_a_device_of_any_name_is_polled(tmp_path: Path) -> None:
    """The host finds the one timer of the world, however it is called."""
    config = Configuration({"a": vat(PLAIN), "b": vat(MAIN)}, "b", {"clock": "timer"})
    with swingset.open_world(config=config, worker="local") as world:
        said: list[str] = []
        world.outputs.listen(lambda output: said.append(output.text.strip()))
        world.run()
        assert world.devices.next_alarm() == 5
        assert world.devices.poll(10) == 1
        world.run()
        assert said == ["woken 10"]
        assert [(device.name, device.kind) for device in world.kernel.store.devices.all()] == [
            ("clock", "timer")
        ]
        world.devices.service("timer")
        assert len(world.kernel.store.devices.all()) == 1


def test_one_of_several_devices_is_named(local: Stage) -> None:
    """Where the world has two of a kind the host has to say which, and hears of those there are."""
    devices = local.controller.devices
    devices.add("summer", "timer")
    devices.add("winter", "timer")
    with pytest.raises(KernelError, match="several devices of kind timer, say which one: summer, winter"):
        devices.poll(1)
    devices.poll(7, device="winter")
    devices.poll(3, device="summer")
    with pytest.raises(KernelError, match="it was 7, the poll says 5"):
        devices.poll(5, device="winter")
    with pytest.raises(KernelError, match=r"no device 'autumn' of kind timer .* summer, winter"):
        devices.poll(5, device="autumn")


def test_looking_at_a_device_makes_none(local: Stage) -> None:
    """A world without a timer, a mailbox or a bridge has none after it was asked about them."""
    devices = local.controller.devices
    assert (devices.next_alarm(), devices.outbox(), devices.bridge_outbound()) == (None, {}, [])
    assert local.controller.kernel.store.devices.all() == []


def test_a_host_function_can_be_a_device_of_the_configuration() -> None:
    """A device of kind plugin calls the function that was handed in under the device's name."""
    config = Configuration({"b": vat(MAIN)}, "b", {"weather": "plugin"})
    with swingset.open_world(config=config, worker="local") as world:
        session = swingset.Session(world)
        session.devices.plugin("weather", lambda place: f"rain {place}")
        world.run()
        assert world.resolution(str(swingset.bootstrap_result(world))) == "rain here"
        session.close()


@pytest.mark.parametrize("worker", ["local", "wasm"])
def test_bootstrap_can_make_vats_of_bundles(tmp_path: Path, worker: str) -> None:
    """A configuration gives its vats the library's, and code by name that vats can be made of."""
    for name, text in (("main.py", MAIN), ("plain.py", PLAIN)):
        (tmp_path / name).write_text(text)
    (tmp_path / "my.toml").write_text(
        'bootstrap = "main"\nservices = ["vatAdmin", "timer"]\n'
        '[vats.main]\nsource = "main.py"\n[bundles.plain]\nsource = "plain.py"\n'
    )
    with swingset.open_world(config=tmp_path / "my.toml", worker=worker) as world:
        world.run()
        told = world.resolution(str(swingset.bootstrap_result(world)))
        assert told == [["main", "timer", "vatAdmin"], "pong"]
        assert world.devices.service("vatAdmin") == world.kernel.root_of("vatAdmin")


# What is refused

OPTIONS: list[tuple[object, str]] = [
    ({"bogus": 1}, "unknown option str 'bogus'; there are: account, computrons"),
    ({"meter": "m99"}, "there is no meter 'm99'"),
    ({"critical": "no"}, "option critical wants True or False, got str 'no'"),
    ({"computrons": "many"}, "option computrons wants None or an int from 1, got str 'many'"),
    ({"reap_interval": "often"}, "option reap_interval wants None or an int from 1, got str 'often'"),
    ({"reapInterval": 0}, "option reapInterval wants None or an int from 1, got int 0"),
    ({"reapInterval": 1, "reap_interval": 1}, "option reap_interval is given twice"),
    ({"on_starvation": "explode"}, 'option on_starvation wants "suspend" or "terminate"'),
    ({"seconds": "x"}, "option seconds wants None or a number of seconds above 0"),
    ({"console_bytes": -1}, "option console_bytes wants an int from 0, got int -1"),
    ({1: 2}, "unknown option int 1"),
    (["critical"], "options want a dict, got list"),
]


@pytest.mark.parametrize(
    "source", [(("a", PLAIN),), b"x", 5, [PLAIN]], ids=lambda source: type(source).__name__
)
def test_a_source_that_is_no_text_is_refused(local: Stage, source: Any) -> None:
    """It is named before there is a vat, and the world goes on."""
    with pytest.raises(TypeError, match=f"the source of a is a text, not {type(source).__name__}"):
        local.session.define("a", source)
    assert [known.name for known in local.controller.vats] == ["notebook"]


@pytest.mark.parametrize(
    "parts", ["text", (("a", 5),), (("a",),), (5,), (("a", PLAIN, 1),), (("a", "\ud800"),)]
)
def test_parts_that_are_none_are_refused(local: Stage, parts: Any) -> None:
    """Nothing is stored that the world could not read back."""
    with pytest.raises(TypeError, match="is no pair of a name and a text"):
        local.controller.create_vat("a", parts)
    assert [known.name for known in local.controller.vats] == ["notebook"]


@pytest.mark.parametrize(("options", "words"), OPTIONS)
def test_options_of_the_host_are_checked(local: Stage, options: Any, words: str) -> None:
    """An option that the kernel could not use is refused before there is a vat, and named."""
    with pytest.raises(KernelError) as caught:
        local.define("a", PLAIN, options=options)
    assert words in str(caught.value)
    assert [known.name for known in local.controller.vats] == ["notebook"]


UNUSABLE: list[tuple[object, str]] = [
    *[
        ({"seconds": value}, "option seconds wants None or a number of seconds above 0, up to")
        for value in (
            0,
            -1,
            0.0,
            -0.5,
            True,
            False,
            math.inf,
            -math.inf,
            math.nan,
            10**400,
            10**9 + 1,
            1e308,
            "inf",
            [1],
        )
    ],
    *[
        ({"console_bytes": value}, "option console_bytes wants an int from 0")
        for value in (-1, 1 << 31, True, 1.0, None, "1")
    ],
    *[
        ({name: value}, f"option {name} wants None or an int from 1")
        for name in ("computrons", "memory_pages", "reap_interval", "reap_gc_krefs", "reap_computrons")
        for value in (0, -1, True, 1.0, math.inf, math.nan, 1 << 62, "1")
    ],
    *[
        ({name: value}, f"option {name} wants True or False")
        for name in ("never_reap", "enable_pipelining", "critical")
        for value in (0, 1, None, "yes")
    ],
    *[
        ({"on_starvation": value}, "option on_starvation wants")
        for value in (None, True, "SUSPEND", ["suspend"])
    ],
    *[({"meter": value}, "option meter wants None or the id of a meter") for value in (1, True, ["m1"])],
    ({1: 2}, "unknown option int 1"),
]


@pytest.mark.parametrize("changing", [False, True])
@pytest.mark.parametrize(("options", "words"), UNUSABLE)
def test_what_the_kernel_could_not_use_is_no_option(options: Any, words: str, changing: bool) -> None:
    """Infinity, bools for numbers, and what is just outside the bounds are refused at once, and named."""
    if changing and "enable_pipelining" in options:
        words = "unknown option str 'enable_pipelining'"
    with pytest.raises(KernelError) as caught:
        host_options("a", options, changing=changing)
    assert words in str(caught.value)


EDGES: list[dict[str, object]] = [
    *[{"seconds": value} for value in (None, 5e-324, 0.5, 1, 10**9, 1e9)],
    *[{"console_bytes": value} for value in (0, (1 << 31) - 1)],
    *[
        {name: value}
        for name in ("computrons", "reap_interval", "reap_gc_krefs", "reap_computrons")
        for value in (None, 1, (1 << 62) - 1)
    ],
    *[{name: value} for name in ("never_reap", "critical") for value in (True, False)],
    *[{"on_starvation": value} for value in ("suspend", "terminate")],
]


@pytest.mark.parametrize("options", EDGES)
def test_the_least_and_the_most_of_an_option_are_accepted(options: dict[str, Any]) -> None:
    """What is just within the bounds is kept as it was given, and changing to it works as well."""
    assert host_options("a", options) == host_options("a", options, changing=True) == options


def test_what_is_for_good_cannot_be_changed() -> None:
    """A vat is told at its start whether it gets messages early, and everything else may change."""
    assert host_options("a", {"enable_pipelining": True}) == {"enable_pipelining": True}
    with pytest.raises(KernelError, match="unknown option str 'enable_pipelining'"):
        host_options("a", {"enable_pipelining": True}, changing=True)


def test_a_host_may_spell_options_as_a_vat_does(local: Stage) -> None:
    """The kernel keeps them under its own names."""
    local.define("a", PLAIN, options={"reapInterval": 3, "never_reap": True, "enablePipelining": True})
    kept = {"reap_interval": 3, "never_reap": True, "enable_pipelining": True}
    assert local.controller.kernel.vat("a").options == kept


@pytest.mark.parametrize(
    "name", ["", "no spaces", "a\nb", "a\n", "n" * 200, "ä", "a/b", "timer", "vatAdmin", "notebook"]
)
def test_names_of_the_host_are_checked(name: str) -> None:
    """A vat has a name that can be written anywhere, and none that the library's own vats go by."""
    with open_world(None, worker="local") as world:
        with pytest.raises(KernelError, match=r"(bad|oversized) vat name|is kept for"):
            world.create_vat(name, (("a", PLAIN),))
        assert list(world.vats) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[devices]\nx = "nosuch"', "devices.x: there is no kind of device 'nosuch'; there are: bundle"),
        ('bootstrap = ["a"]\n[vats.a]\nsource = "a.py"', "bootstrap is ['a'], which is no vat"),
        (
            '[vats.a]\nsource = "a.py"\nworker = "xsnap"',
            "worker wants one of wasm, wasm-numpy, wasm-pandas, wasm-full, local",
        ),
        ('[vats.a]\nsource = "latin.py"', "latin.py cannot be read: it is not UTF-8"),
        ('[vats."a b"]\nsource = "a.py"', 'vats.a b: bad vat name "a b"'),
        ('[vats.timer]\nsource = "a.py"', "vats.timer: the name timer is kept for"),
        ('[vats.a]\nsource = "a.py"\noptions = { bogus = 1 }', "unknown option str 'bogus'"),
        ('services = ["clock"]', "services wants a list of some of vatAdmin, timer"),
        ("[bundles.b]\n", "bundles.b wants source"),
    ],
)
def test_a_configuration_is_checked_before_anything_is_made(tmp_path: Path, text: str, words: str) -> None:
    """What cannot be is told with its place in the file, and no world is made."""
    (tmp_path / "a.py").write_text(PLAIN)
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        swingset.open_world(tmp_path / "my.world", tmp_path / "my.toml", worker="local")
    assert words in str(caught.value)
    assert not (tmp_path / "my.world").exists()


SQUATTER = """
    from swingset.vat import E, remotable

    @remotable
    class Squatter:
        async def squat(self, admin, cap, name):
            await E(admin).create_vat(cap, {"name": name})

    def build_root_object():
        return Squatter()
"""


@pytest.mark.parametrize("name", ["timer", "vatAdmin", "notebook"])
def test_a_vat_cannot_pass_for_one_of_the_librarys(make_stage: MakeStage, name: str) -> None:
    """A vat that may make vats makes none that the host would take for its timer."""
    stage = make_stage("local")
    squatter, cap = stage.define("squatter", SQUATTER), stage.session.devices.bundle(PLAIN)
    with pytest.raises(RemoteError, match=f"CreateVatOptions: the name {name} is kept for a vat of the lib"):
        stage.ask(squatter, "squat", stage.session.devices.vat_admin(), cap, name)
    assert stage.ask(stage.session.devices.timer(), "get_current_timestamp") == 0


def test_a_service_is_known_by_what_the_world_remembers(local: Stage) -> None:
    """A vat with a service's name that the library did not make is not handed out as the service."""
    kernel = local.controller.kernel
    first = local.controller.devices.service("timer")
    assert local.controller.devices.service("timer") == first
    local.controller.terminate_vat("timer")
    result = kernel.queue_creation(
        "timer", "local", (("timer", PLAIN),), swingset.host.base.requests.write(None), {}, service=True
    )
    local.session.settle()
    kernel.release_result(result)
    with pytest.raises(KernelError, match="vat timer of this world is not the library's own"):
        local.controller.devices.service("timer")
