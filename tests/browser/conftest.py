"""A real JupyterLab and a real Chromium, for the few journeys that nothing smaller can show."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STARTUP = 60
ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
OPEN = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const widget = await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
  await widget.context.ready; await widget.revealed; await widget.sessionContext.ready;
  await widget.sessionContext.session.kernel.info;
  window.notebook = widget;
}"""

OPEN_ALONE = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  while (!app.shell.currentWidget?.sessionContext) await new Promise((go) => setTimeout(go, 50));
  const widget = app.shell.currentWidget;
  await widget.context.ready; await widget.sessionContext.ready;
  await widget.sessionContext.session.kernel.info;
  window.notebook = widget;
}"""

RUN = """const {content} = window.notebook;
  content.activeCellIndex = content.widgets.length - 1;
  await window.jupyterapp.commands.execute('notebook:insert-cell-below');
  content.activeCell.model.sharedModel.setSource(code);
  window.ran = window.jupyterapp.commands.execute('notebook:run-cell')"""

EDIT = """async () => {
  const {content} = window.notebook;
  content.activeCellIndex = content.widgets.length - 1;
  await window.jupyterapp.commands.execute('notebook:insert-cell-below');
  await window.jupyterapp.commands.execute('notebook:enter-edit-mode');
}"""
"""Adds a cell at the end, with the cursor in it."""


@pytest.fixture(scope="package")
def chromium() -> str:
    """The path of Debian's Chromium, or a skip that says what is missing."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed: apt-get install chromium, or run `make browser` as root")
    return found


@pytest.fixture(scope="package")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: SWINGSET_PICTURES, or a temporary folder."""
    folder = Path(os.environ.get("SWINGSET_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab of its own: its address, and the folder that it serves."""
    home = tmp_path_factory.mktemp("lab")
    served = home / "notebooks"
    served.mkdir()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, served)
    config = home / "lab_config.py"
    config.write_text(
        "from jupyterlab.galata import configure_jupyter_server\n"
        "configure_jupyter_server(c)\n"
        "c.ServerApp.ip = '127.0.0.1'\nc.ServerApp.port = 0\nc.ServerApp.allow_root = True\n"
        f"c.ServerApp.root_dir = {str(served)!r}\n"
        "c.LabApp.extension_manager = 'readonly'\nc.LabApp.news_url = None\n"
        "c.JupyterNotebookApp.expose_app_in_browser = True\n"
    )
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    names += ("JUPYTERLAB_SETTINGS_DIR",)
    environment = os.environ | {name: str(home / name.lower()) for name in names}
    subprocess.run([sys.executable, "-m", "swingset_nb.install"], env=environment, check=True)
    settings = home / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    log = (home / "lab.log").open("w")
    command = [sys.executable, "-m", "jupyterlab", f"--config={config}", "--no-browser"]
    server = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=subprocess.STDOUT)
    try:
        runtime = home / "jupyter_runtime_dir" / f"jpserver-{server.pid}.json"
        yield _address(runtime, server, home / "lab.log"), served
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _address(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(STARTUP * 10):
        if server.poll() is not None:
            break
        if runtime.exists():
            try:
                return str(json.loads(runtime.read_text())["url"]).rstrip("/")
            except ValueError:
                pass  # half written
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Any]:
    """Chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGS)
        yield running
        running.close()


class Lab:
    """One page with a notebook open, in JupyterLab or, if it is `alone`, in Notebook 7 of the same server."""

    def __init__(self, page: Any, url: str, served: Path, *, alone: bool = False) -> None:
        self.page = page
        self.url = url
        self.served = served
        self.alone = alone
        self.strangers: list[str] = []
        page.set_default_timeout(60_000)
        page.on("request", self._note)

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.strangers.append(request.url)

    def open(self, path: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{self.url}/notebooks/{path}" if self.alone else f"{self.url}/lab?reset")
        self.page.wait_for_function("() => window.jupyterapp")
        if self.alone:
            self.page.evaluate(OPEN_ALONE)
        else:
            self.page.evaluate(OPEN, path)

    def run_all(self) -> None:
        """Run every cell, past those that are meant to fail, and wait for the last."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def run(self, code: str) -> Any:
        """Add a cell at the end, run it to its end, and return its locator."""
        return self._run(code, "await window.ran")

    def begin(self, code: str) -> Any:
        """Add a cell at the end, begin to run it, and return its locator."""
        return self._run(code, "")

    def _run(self, code: str, then: str) -> Any:
        self.page.evaluate(f"async (code) => {{ {RUN}; {then} }}", code)
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").last
        cell.scroll_into_view_if_needed()
        return cell

    def type(self, text: str) -> Any:
        """Add a cell at the end, type a text in it as a user does, and return its locator."""
        self.page.evaluate(EDIT)
        self.page.keyboard.type(text)
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").last
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-mod-completer-enabled").wait_for()  # before that, Tab would indent
        return cell


def new_page(browser: Any) -> Any:
    """A page of the size that the tests expect."""
    return browser.new_page(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")


@pytest.fixture
def notebook_page(lab: tuple[str, Path], browser: Any) -> Iterator[Lab]:
    """A fresh page on the server."""
    url, served = lab
    page = new_page(browser)
    yield Lab(page, url, served)
    page.close()


@pytest.fixture(scope="module", params=["JupyterLab", pytest.param("Notebook 7", marks=pytest.mark.slow)])
def front(request: pytest.FixtureRequest, lab: tuple[str, Path], browser: Any) -> Iterator[Lab]:
    """A page in each front end, which all tests of a module share; Notebook 7 is in the slow sweep."""
    url, served = lab
    page = new_page(browser)
    shared = Lab(page, url, served, alone=request.param == "Notebook 7")
    yield shared
    assert shared.strangers == []
    page.close()
