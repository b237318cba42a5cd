"""What a vat's Python lacks is told with what does the same, for what a confined vat really raises."""

from __future__ import annotations

import pytest

from swingset.guest.base.errors import RemoteError
from swingset_nb.advice import advice
from swingset_nb.lacking import lacking, lacking_for
from tests.staging import Stage

RUNS = """
    from swingset.vat import remotable

    @remotable
    class Runs:
        async def run(self, source: str):
            names = {}
            exec(source, names)
            if "go" in names:
                await names["go"]()

    def build_root_object():
        return Runs()
"""


@pytest.fixture(scope="module")
def runs() -> Stage:
    """A confined vat that runs sources."""
    stage = Stage("wasm")
    stage.define("runs", RUNS)
    return stage


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import numpy", "another engine has numpy: `%%vat NAME --worker wasm-numpy`"),
        ("import pandas", "another engine has pandas: `%%vat NAME --worker wasm-pandas`"),
        ("import matplotlib.pyplot", "another engine has matplotlib: `%%vat NAME --worker wasm-full`"),
        ("import ssl", "no vat has ssl, which needs the machine"),
        ("import tkinter", "no vat has tkinter"),
        ("import helpers", "`%%module helpers` on the first line of a cell"),
        ("import requests.auth", "`%swingset module requests --package`"),
        ("import zoneinfo; zoneinfo.ZoneInfo('Europe/Pari')", "`zoneinfo.available_timezones()` has"),
        ("import threading; threading.Thread(target=print).start()", "a vat has one thread"),
        ("from concurrent.futures import ThreadPoolExecutor as T; T().submit(print)", "a vat has one thread"),
        ("import multiprocessing as m; m.Process(target=print).start()", "a vat starts no processes"),
        ("import socket; socket.socket()", "a vat has no network"),
        ("import socket; socket.create_connection(('a.b', 80))", "a vat has no network"),
        ("import urllib.request as u; u.urlopen('http://a.b/')", "a vat has no network"),
        ("import subprocess; subprocess.run(['ls'])", "a vat starts no processes"),
        ("import os; os.system('ls')", "a vat starts no processes"),
        ("open('x.txt')", "a vat has no files"),
        ("open('x.txt', 'w')", "a vat has no files"),
        ("open('/usr/local/lib/x', 'w')", "a vat has no files"),
        ("import os; os.listdir('.')", "a vat has no files"),
        ("import tempfile; tempfile.mkdtemp()", "a vat has no files"),
        ("input()", "nobody types into a vat"),
        ("import threading; threading.Event().wait()", "`await` a promise instead"),
        ("import asyncio\nasync def go():\n    await asyncio.sleep(1)", "`await E(timer).delay(n)`"),
        ("import asyncio\nasync def go():\n    await asyncio.gather()", "`await Promise.all([...])`"),
        ("import time; time.sleep(1)", "`await E(timer).delay(n)`"),
    ],
)
def test_what_is_missing_is_told_with_what_does_the_same(runs: Stage, source: str, words: str) -> None:
    """Either the vat's own error says it, or the advice below it."""
    with pytest.raises(RemoteError) as caught:
        runs.ask(runs.session.root("runs"), "run", source)
    assert words in "\n".join([str(caught.value), *lacking(caught.value)])


def test_a_vat_that_does_not_start_gets_the_same_advice() -> None:
    """Most imports are at the top of a cell, and the engine to take has all that its code imports."""
    words = "No module named 'numpy'"
    assert lacking_for("ModuleNotFoundError", words)[0].endswith("numpy: `%%vat NAME --worker wasm-numpy`")
    sources = ["import numpy, json\nimport helpers", "def f():\n    from pandas import DataFrame"]
    (hint,) = lacking_for("ModuleNotFoundError", words, sources)
    assert hint == "another engine has numpy, pandas: `%%vat NAME --worker wasm-pandas`"


@pytest.mark.parametrize(("library", "kind"), [("numpy", "wasm-numpy"), ("pandas", "wasm-pandas")])
def test_a_value_that_a_vat_cannot_read_leads_to_the_smallest_engine(library: str, kind: str) -> None:
    """Its name is in the line to type."""
    words = f"a {library} array came, and vat a has no {library}: pass x.tolist() instead"
    assert lacking_for("TypeError", words)[0].startswith(
        f"another engine has it: `%%vat NAME --worker {kind}`"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ModuleNotFoundError", "No module named 'a b`c'"),
        ("ModuleNotFoundError", "No module named '" + "x" * 5_000 + "'"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'x'"),
        ("ValueError", "[Errno 44] x"),
    ],
)
def test_other_errors_get_no_advice(kind: str, words: str) -> None:
    """Nor is anything repeated that is no name."""
    assert lacking_for(kind, words) == []


def test_errors_of_the_notebook_itself_get_none() -> None:
    """There a missing file is a missing file."""
    assert advice(FileNotFoundError("[Errno 44] x")) == lacking(FileNotFoundError("[Errno 44] x")) == []
