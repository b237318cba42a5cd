"""`import_bundle`: code that a vat was given as a capability, run inside it.

A modulecap stands for one graph of modules, exactly. A vat that imports it gets the names that the graph's
own cell defines, as those of a module. The source comes from the world and is in no transcript, only its hash
is.

The graph declares its exits, the modules that it imports and does not bring along. The importer may fill them
with objects of its own. What is neither in the graph, nor filled, nor declared cannot be imported. A graph
with an exit that is neither filled nor a module of the interpreter is refused before any of it runs.

Python has no compartments. Imported code can do whatever its vat can, so what must be kept from it is kept in
another vat: a contract has a vat of its own, and what it should not touch is in another.

Nothing of this outlives the incarnation, except kinds: their tags begin with the name of the import, so those
of two bundles never collide. So a vat that keeps a modulecap imports it again in `build_root_object`.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from swingset.wire.parts import declared_exits, is_raw, module_of

from .base.context import current
from .base.errors import VatError
from .lasting.randomness import patched
from .loader import is_module, run_parts
from .passing.passable import DICTS, brief
from .sending.device_calls import D, DevicePresence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .liveslots import Liveslots


def import_bundle(
    modulecap: object, exits: Mapping[str, Any] | None = None, *, name: str | None = None, pure: bool = False
) -> ModuleType:
    """Run the code that a modulecap stands for, and return what it defines, as a module.

    `exits` fills exits of the graph: by the name that the code imports, an object, or a dict with the names
    of a module. `name` is what the module is called, and with what the tags of its kinds begin; without it
    they are as the code has them. `pure` refuses code that imports anything which is not in the graph. Raises
    TypeError for something other than a modulecap, VatError if the exits do not fit, and what the code
    raises.

        rates = import_bundle(modulecap, {"policy": {"BASE": 5}}, name="rates", pure=True)
        rates.fee(100)

    Source:
        `importBundle(await D(bundlecap).getBundle(), {endowments})`.
    """
    if not isinstance(modulecap, DevicePresence):
        raise TypeError(
            f"import_bundle wants a modulecap, got {brief(modulecap)}: `session.devices.modulecap`"
        )
    if name is not None and (type(name) is not str or not name.isidentifier()):
        raise TypeError(f"import_bundle: name wants a name like that of a module, got {brief(name)}")
    vat: Liveslots = current()
    parts = _parts(D(modulecap).get_bundle())
    filled = {each: _module(each, value) for each, value in (exits or {}).items()}
    _check_exits(parts, filled, pure)
    own = name or next((part for part, _ in reversed(parts) if module_of(part) is None), "bundle")
    module = ModuleType(own)
    before, vat.kinds.prefix = vat.kinds.prefix, "" if name is None else f"{name}."
    try:
        with patched():
            namespace = run_parts(vat.code_name, parts, own, filled)
    finally:
        vat.kinds.prefix = before
    vars(module).update(namespace)
    return module


def _parts(given: Any) -> list[list[str]]:
    parts = [[str(part), str(source)] for part, source in given]
    if is_raw(parts):
        raise VatError("this bundle is a vat without liveslots: it cannot be imported", code="not-importable")
    return parts


def _check_exits(parts: list[list[str]], filled: Mapping[str, Any], pure: bool) -> None:
    declared = declared_exits(parts)
    if declared is None:
        raise VatError(
            "this bundle declares no exits, so nobody can know what it imports: make it with"
            " `session.devices.modulecap`",
            code="not-importable",
        )
    if unknown := sorted(filled.keys() - declared):
        words = f"{', '.join(unknown)}: the exits of this bundle are {', '.join(sorted(declared)) or 'none'}"
        raise VatError(f"import_bundle cannot fill {words}", code="not-importable")
    left = declared - filled.keys()
    if pure and left:
        raise VatError(
            f"this bundle is not pure: it imports {', '.join(sorted(left))}, which it has not got",
            code="not-importable",
        )
    if open_exits := sorted(each for each in left if not is_module(each.partition(".")[0])):
        raise VatError(
            f"this bundle imports {', '.join(open_exits)} from its importer: fill them,"
            f' `import_bundle(cap, {{"{open_exits[0]}": ...}})`',
            code="not-importable",
        )


def _module(name: str, value: Any) -> Any:
    """What an import of a filled exit gives: a module with the names of a dict, or the object itself."""
    if type(value) not in DICTS:
        return value
    module = ModuleType(name)
    vars(module).update({str(key): each for key, each in value.items()})
    return module
