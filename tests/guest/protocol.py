"""What the kernel would end a vat for: a small copy of its side of the c-list.

Every bench keeps one and looks at all that its vat says. So whatever else a test of the guest library is
about, it shows too that the vat let go of nothing twice, of nothing it does not know, and mentioned nothing
that it had let go of.
"""

from __future__ import annotations

import json
from typing import Any


def _is_import(vref: str) -> bool:
    return vref[:2] in ("o-", "d-")


def _is_export(vref: str) -> bool:
    return vref[:2] == "o+"


class Protocol:
    """The references that one vat and its kernel share: whether each is reachable, by name."""

    def __init__(self) -> None:
        self.imports: dict[str, bool] = {}
        self.exports: dict[str, bool] = {}
        self.broken: list[str] = []

    def delivered(self, delivery: list[Any]) -> None:
        """The kernel speaks: what it mentions the vat may mention too."""
        if delivery[0] in ("dropExports", "retireExports", "retireImports"):
            for vref in delivery[1]:
                if delivery[0] == "dropExports":
                    self.exports[vref] = False
                elif delivery[0] == "retireExports":
                    self.exports.pop(vref, None)
                else:
                    self.imports.pop(vref, None)
            return
        for vref in _mentioned(delivery):
            if _is_import(vref):
                self.imports[vref] = True
            elif _is_export(vref):
                self.exports[vref] = True

    def said(self, call: list[Any]) -> None:
        """The vat speaks."""
        match call:
            case ["dropImports", vrefs]:
                for vref in vrefs:
                    if not self.imports.get(vref):
                        self.broken.append(f"dropImports of {vref}, which it does not hold: {vrefs}")
                    self.imports[vref] = False
            case ["retireImports", vrefs]:
                for vref in vrefs:
                    if self.imports.get(vref) is not False:
                        self.broken.append(f"retireImports of {vref}, which is not a dropped import: {vrefs}")
                    self.imports.pop(vref, None)
            case ["retireExports", vrefs]:
                for vref in vrefs:
                    if self.exports.get(vref) is not False:
                        self.broken.append(f"retireExports of {vref}, which is not a dropped export: {vrefs}")
                    self.exports.pop(vref, None)
            case ["send" | "resolve" | "subscribe" | "callNow" | "exit", *_]:
                for vref in _mentioned(call):
                    if _is_export(vref):
                        self.exports[vref] = True
                    elif _is_import(vref) and not self.imports.get(vref):
                        self.broken.append(f"{call[0]} mentions {vref}, which it does not hold")

    def upgraded(self) -> Protocol:
        """What is left for the next incarnation: exports that are not durable are abandoned."""
        after = Protocol()
        after.imports = self.imports
        durable = {vref: held for vref, held in self.exports.items() if vref.startswith("o+d")}
        after.exports = durable
        return after


def _mentioned(value: Any) -> list[str]:
    """The names of references in a delivery or a syscall: targets, and the slots of whatever has some."""
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "slots" in part:
                found.extend(part["slots"])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(json.loads(json.dumps(value)))
    if value[0] in ("message", "send", "callNow"):
        found.append(value[1])
    return found
