"""Beginning: the kernel in the launcher, and lessons beside the notebook."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import KernelManager

from swingset_nb import commands, extension, install
from swingset_nb.errors import BadArguments
from swingset_nb.on_lessons import lessons

ROOT = Path(__file__).parents[2]


def test_the_kernel_of_the_launcher_has_the_extension_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A notebook with it needs no `%load_ext`, and the kernel runs the Python that has installed it."""
    assert install.main(["--prefix", str(tmp_path)]) == 0
    assert "Python 3 with swingset" in capsys.readouterr().out
    folder = tmp_path / "share" / "jupyter"
    names = {path.name for path in (folder / "labextensions" / "swingset-nb" / "static").iterdir()}
    assert names == {"remoteEntry.js", "logo.svg", "quickstart.ipynb"}
    spec = json.loads((folder / "kernels" / "swingset" / "kernel.json").read_text())
    assert spec["argv"][0] == sys.executable
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    manager = KernelManager(kernel_name="swingset")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(60)
        heard: list[str] = []
        client.execute_interactive(
            "%swingset",
            timeout=60,
            output_hook=lambda message: heard.append(str(message["content"].get("data"))),
        )
        assert any("no world is open" in text for text in heard)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_wheel_carries_the_kernel_and_every_lesson() -> None:
    """What `pip install` puts beside the package is named in full."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    extension = "share/jupyter/labextensions/swingset-nb"
    assert wheel["shared-data"] == {
        "swingset_nb/kernelspec": "share/jupyter/kernels/swingset",
        "swingset_nb/labextension": extension,
        "swingset_nb/kernelspec/logo-svg.svg": f"{extension}/static/logo.svg",
        "notebooks/quickstart.ipynb": f"{extension}/static/quickstart.ipynb",
    }
    described = json.loads((install.EXTENSION / "package.json").read_text())
    assert described["version"] == project["project"]["version"]
    carried = {
        source: target for source, target in wheel["force-include"].items() if source.endswith(".ipynb")
    }
    assert sorted(carried) == sorted(
        f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")
    )
    assert all(target == f"swingset_nb/lessons/{Path(source).name}" for source, target in carried.items())


def test_a_lesson_is_put_beside_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are listed with their titles; a copy has no outputs, and never replaces a file."""
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell()
    extension.load(shell)
    notebook = shell._swingset_nb.notebook
    try:
        listed = str(commands.run(notebook, "lesson"))
        assert all(name in listed for name in lessons())
        assert "`%swingset lesson quickstart` puts a copy" in listed
        assert "quickstart.ipynb is beside" in str(commands.run(notebook, "lesson quickstart"))
        cells = json.loads((tmp_path / "quickstart.ipynb").read_text())["cells"]
        assert len(cells) > 10
        assert not any(cell.get("outputs") for cell in cells)
        assert "quickstart.ipynb is the next" in str(commands.run(notebook, "lesson"))
        for line, wanted in (("lesson quickstart", "is there already"), ("lesson nothing", "no lesson")):
            with pytest.raises(BadArguments, match=wanted):
                commands.run(notebook, line)
    finally:
        extension.unload(shell)


def test_every_notebook_of_the_project_is_a_lesson() -> None:
    """None is left out of the list, and the list has none that is not there."""
    assert sorted(lessons()) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def _cells(*counts: int | None) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "execution_count": count} for count in counts]})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, "-"),
        (_cells(None, None), "here"),
        (_cells(1, None), "begun"),
        (_cells(1, 2), "done"),
        (_cells(), "here"),
        ("no notebook", "here"),
        ("[" * 100_000, "here"),
        ('{"cells": 5}', "here"),
        ('{"cells": [{"cell_type": "code"}]}', "here"),
        ("[]", "here"),
    ],
)
def test_how_far_a_lesson_is_comes_from_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, wanted: str
) -> None:
    """Whatever lies beside the notebook under the name of a lesson, it is listed and never an error."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "quickstart.ipynb").write_text(text)
    shell = InteractiveShell()
    extension.load(shell)
    try:
        listed = str(commands.run(shell._swingset_nb.notebook, "lesson"))
    finally:
        extension.unload(shell)
    line = next(line for line in listed.splitlines() if line.startswith("quickstart"))
    assert line.split()[-1] == wanted
    assert ("lesson concepts` puts" in listed) is (wanted == "done")
