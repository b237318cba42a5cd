"""An editor's debugger attaches to a past delivery, as it does to any Python program."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import swingset
from tests.conftest import MakeStage
from tests.time.test_tracing import BANK, played

pytest.importorskip("debugpy", reason="debugpy is not installed: the extra `debug` has it")

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
import swingset
from tests.time.test_tracing import BANK

with swingset.open_world(worker="wasm") as world:
    world.create_vat("bank", (("bank", BANK),))
    purse = world.queue_to_root("bank", "open_purse", ["alice"])
    world.queue_to_object(purse, "deposit", [10])
    world.run()
    before = world.digest()
    print(swingset.debug(world, world.crank, listen=0), flush=True)
    print(world.digest() == before, flush=True)
"""


class Editor:
    """As much of an editor as attaches to debugpy, stops and steps."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._socket.makefile("rb")
        self._sent = 0

    def send(self, command: str, **arguments: Any) -> int:
        self._sent += 1
        request = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._sent

    def ask(self, command: str, **arguments: Any) -> Any:
        number = self.send(command, **arguments)
        return self.wait(lambda said: said.get("request_seq") == number).get("body")

    def event(self, name: str) -> Any:
        return self.wait(lambda said: said.get("event") == name)["body"]

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            size = -1
            while line := self._file.readline().strip():
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            assert size >= 0, "the debugger has hung up"
            said: dict[str, Any] = json.loads(self._file.read(size))
            if wanted(said):
                return said

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.mark.timeout(90)
def test_an_editor_stops_at_the_line_of_the_cell() -> None:
    """It attaches, stands at the first line of the method with its source, sees values, and steps on."""
    running = subprocess.Popen(
        [sys.executable, "-Xfrozen_modules=off", "-c", dedent(PROGRAM)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert running.stdout is not None
        port = int(running.stdout.readline().rpartition(":")[2])
        editor = Editor(port)
        editor.ask("initialize", adapterID="test", pathFormat="path")
        editor.send("attach", justMyCode=False)
        editor.wait(lambda said: said.get("event") == "initialized")
        editor.ask("configurationDone")
        thread = editor.event("stopped")["threadId"]
        frame = editor.ask("stackTrace", threadId=thread)["stackFrames"][0]
        assert (frame["name"], frame["line"]) == ("deposit", 10)
        source = editor.ask("source", sourceReference=frame["source"]["sourceReference"])
        assert source["content"].rstrip() == BANK.rstrip()
        found = editor.ask("evaluate", expression="amount, self.balance", frameId=frame["id"])
        assert found["result"] == "(10, 0)"
        editor.ask("next", threadId=thread)
        editor.event("stopped")
        frame = editor.ask("stackTrace", threadId=thread)["stackFrames"][0]
        assert (frame["name"], frame["line"]) == ("deposit", 12)
        editor.ask("continue", threadId=thread)
        assert running.stdout.readline().startswith("the delivery did what the record says")
        assert running.stdout.readline() == "True\n"
        editor.close()
    finally:
        running.kill()
        running.wait()
        if running.stdout is not None:
            running.stdout.close()


def test_an_untrusted_file_runs_nothing_here(make_stage: MakeStage, tmp_path: Path) -> None:
    """The code of a file that is not trusted is not repeated in this interpreter."""
    stage = make_stage("wasm", tmp_path / "my.world")
    crank = played(stage)
    stage.close()
    with (
        swingset.open_world(tmp_path / "my.world", look_only=True) as world,
        pytest.raises(swingset.KernelError, match="unconfined"),
    ):
        swingset.debug(world, crank, listen=0)
