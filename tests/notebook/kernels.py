"""IPython kernels to talk to, as a front end would, and shells without one for what needs no kernel."""

from __future__ import annotations

import os
import queue
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

TIMEOUT = 120
_ANSI = re.compile("\x1b\\[[0-9;]*m")

BANK = """%%vat bank{options}
from swingset.vat import durable, remotable

@durable
class Purse:
    owner: str
    balance: int = 0

    def deposit(self, amount: int) -> int:
        if amount < 0:
            raise ValueError(f"cannot deposit {{amount}}")
        self.balance += amount
        return self.balance

@remotable
class Bank:
    def open_purse(self, owner: str):
        print("opening", owner)
        return Purse(owner=owner)

def build_root_object():
    return Bank()
"""
"""The raise is in line 11 of the cell, counted as the user counts: the magic is line 1."""


def bank(options: str = "") -> str:
    """The bank's cell."""
    return BANK.format(options=f" {options}" if options else "")


@dataclass
class Ran:
    """What came back from one cell."""

    status: str
    printed: str = ""
    shown: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None

    @property
    def plain(self) -> str:
        """All results as plain text."""
        return "\n".join(data.get("text/plain", "") for data in self.shown)

    @property
    def traceback(self) -> str:
        """The error as it is shown, without colours."""
        return _ANSI.sub("", "\n".join(self.error["traceback"])) if self.error else ""


class Kernel:
    """One Jupyter kernel with our extension loaded, in a folder of its own; a `with` kills it at the end."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=os.environ | {"SWINGSET_PROGRESS_AFTER": "600"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(TIMEOUT)
        self.next_cell: str | None = None
        """What the last cell offered as the text of the next one."""
        assert self.run("%load_ext swingset_nb").status == "ok"

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def run(self, code: str) -> Ran:
        """Run one cell."""
        ran = Ran("?")

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    ran.printed += content["text"]
                case "execute_result" | "display_data":
                    ran.shown.append(content["data"])
                case "update_display_data":
                    ran.updates.append(content["data"])
                case "error":
                    ran.error = content

        reply = self.client.execute_interactive(code, output_hook=hear, timeout=TIMEOUT, allow_stdin=False)
        ran.status = reply["content"]["status"]
        offered = [each["text"] for each in reply["content"]["payload"] if each["source"] == "set_next_input"]
        self.next_cell = offered[-1] if offered else None
        return ran

    def open_bank(self, world: str = "it.world") -> None:
        """Open a world on local workers, and define the bank in it."""
        self.run(f"%swingset open {world} --worker local")
        self.run(bank())

    def quiet(self, expression: str) -> str:
        """The value of an expression, had without running any cell, so that no hook of one is called."""
        reply = self.client.execute(
            "", silent=True, user_expressions={"value": expression}, reply=True, timeout=TIMEOUT
        )
        value = reply["content"]["user_expressions"]["value"]
        return str(value["data"]["text/plain"] if value["status"] == "ok" else value["evalue"])

    def wait_until(self, expression: str, value: str) -> str:
        """Ask for an expression without running a cell until it has a value; what it has in the end."""
        for _ in range(200):
            if (found := self.quiet(expression)) == value:
                break
            time.sleep(0.1)
        return found

    def heard(self, text: str) -> bool:
        """Whether a text is printed or shown, under whatever cell."""
        for _ in range(1_000):
            try:
                message = self.client.get_iopub_msg(timeout=20)
            except queue.Empty:
                return False
            if text in str(message["content"]):
                return True
        return False

    def comm(self, comm: str, data: dict[str, Any]) -> None:
        """Send a message of a widget, as its front end would."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def complete(self, code: str) -> list[str]:
        """What completion offers at the end of `code`."""
        self.client.complete(code, len(code))
        while True:
            try:
                message = self.client.get_shell_msg(timeout=TIMEOUT)
            except queue.Empty:  # pragma: no cover - a kernel that hangs
                pytest.fail("the kernel did not answer a completion request")
            if message["msg_type"] == "complete_reply":
                return list(message["content"]["matches"])

    def kill(self) -> None:
        """SIGKILL: no clean-up of any sort."""
        self.manager.shutdown_kernel(now=True)
        self.client.stop_channels()


def shown_by(panel: Any) -> dict[str, Any]:
    """What a panel sends to its page, but for its script and what every widget has."""
    own = {name for name in panel.trait_names(sync=True) if not name.startswith("_")}
    state: dict[str, Any] = panel.get_state(sorted(own - {"layout", "tabbable", "tooltip"}))
    return state
