"""The plugin device: functions of the host that vats may call at once.

A notebook hands in a function under a name, and gives the device node to the vats that may call it. The
function runs in the host with all the host's powers, in the middle of the caller's crank; rolling the crank
back does not undo what the function did. The function is gone when the session ends. The node stays, and a
call of it raises an error until a function is handed in under that name again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.devices import plain
from swingset.model.capdata import CapData, Ref

Function = Callable[[CapData], CapData]
"""Takes the list of arguments and returns the answer, both without references."""


class PluginDevice:
    """Serves devices of kind `plugin`."""

    kind = "plugin"

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def hand_in(self, name: str, function: Function, context: DeviceContext) -> str:
        """Let vats call a function; returns its device node, always the same one for a name.

        For a device with the function's own name, that is the device's root.
        """
        self._functions[name] = function
        if name == context.device.name:
            return context.device.root
        node = plain.kept_reference(context, f"plugin.{name}", "d")
        if node is None:
            node = context.new_node(plain.write({"plugin": name}))
            context.set(f"plugin.{name}", plain.write(Ref(node, name)))
        return node

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Run the function that the called node stands for."""
        state = plain.kept(context, context.node or "", _is_plugin)
        if method != "call":
            raise plain.no_method("a host function", method, "call")
        name = str(state["plugin"]) if state is not None else context.device.name
        function = self._functions.get(name)
        if function is None:
            words = f"host function {json.dumps(name)} is not here: the session that handed it in has ended"
            raise DeviceError(
                f"{words}; hand it in again under that name", name="LookupError", code="no-plugin"
            )
        if args.slots:
            raise plain.not_plain(f"host function {json.dumps(name)}")
        answer = function(args)
        if answer.slots:
            raise DeviceError(f"host function {json.dumps(name)} answered with a reference", name="TypeError")
        return answer


def _is_plugin(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("plugin"), str)
