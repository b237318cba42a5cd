"""Nothing that is stored or sent is evaluated, looked up by its name, unpickled or imported.

The sources are searched for every call that could do so. Each that is there stands in a list with the reason
why what it is given is the project's own, or the user's own code.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

NAMES = frozenset({"eval", "exec", "compile", "__import__"})
"""Functions that make something of a text."""

LOOKING = frozenset({"getattr", "setattr", "delattr", "attrgetter", "methodcaller"})
"""Functions that find something by its name, harmless where the name is in the source."""

ALSO = frozenset(
    {
        *("import_module", "literal_eval", "run_module", "run_path", "get_type_hints", "find_spec"),
        *("getline", "getlines", "system", "popen", "Popen"),
    }
)
"""Functions of that sort in modules, harmless where what they are given is in the source."""

SHELL = frozenset({"run_cell", "run_code", "run_line_magic", "run_cell_magic", "ev", "ex"})
"""Methods of IPython's shell that run a text."""

TEMPLATES = frozenset({"format", "format_map", "substitute", "safe_substitute"})
"""Methods of a template, harmless where that is in the source."""

REGEX = frozenset({"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
"""Functions of `re`, harmless where the pattern is in the source."""

MODULES = frozenset(
    {"pickle", "marshal", "shelve", "dill", "cloudpickle", "runpy", "code", "codeop", "imp", "yaml"}
)
"""Modules for which there is no use here."""

GUEST = "kernel/swingset/guest"
OWN_CODE = "the vat's own code says it"
SOURCE = "a name that is in this source"
WHY = {
    # Code of vats, which is what a worker is for. Unconfined workers are made for trusted worlds only.
    f"{GUEST}/loader.py _run compile": "the parts of a vat, in its own worker",
    f"{GUEST}/loader.py _run exec": "the parts of a vat, in its own worker",
    f"{GUEST}/loader.py _flags getattr": SOURCE,
    "kernel/swingset/lens/source/fixes.py fixes search": "a pattern of the table in that module",
    "kernel/swingset/lens/source/fixes.py _no_module search": "a name that a pattern of words has found",
    f"{GUEST}/loader.py is_module find_spec": "a name without a dot: nothing is imported for it",
    f"{GUEST}/passing/frames.py _column_from_data getattr": SOURCE,
    f"{GUEST}/passing/late_copies.py _load import_module": SOURCE,
    f"{GUEST}/passing/late_copies.py _load find_spec": SOURCE,
    f"{GUEST}/fonts.py find_spec find_spec": "the module of fonts, which the engine has",
    f"{GUEST}/fonts.py __getattr__ getattr": "matplotlib's own code asks for a name of its own module",
    f"{GUEST}/modules.py __getattr__ getattr": "the vat's own code asks for a name of importlib",
    f"{GUEST}/modules.py _import_module import_module": OWN_CODE,
    f"{GUEST}/modules.py _import __import__": "an `import` in the vat's own code, in its own worker",
    # What a class or a function in the source of a vat says of itself.
    f"{GUEST}/guards/annotations.py evaluate eval": "an annotation: "
    + OWN_CODE
    + "; stored ones go to `spelling`",
    f"{GUEST}/guards/interfaces.py _function compile": "a signature of an interface: " + OWN_CODE,
    f"{GUEST}/guards/interfaces.py _function exec": "a signature of an interface: " + OWN_CODE,
    f"{GUEST}/guards/conformance.py adopt_interface getattr": "a method of an interface: " + OWN_CODE,
    f"{GUEST}/kinds/kind_checks.py call_finishers getattr": SOURCE,
    f"{GUEST}/kinds/kind_checks.py _check_finisher getattr": SOURCE,
    f"{GUEST}/guards/class_checks.py line_of getattr": SOURCE,
    f"{GUEST}/lasting/randomness.py  getattr": SOURCE,
    f"{GUEST}/lasting/randomness.py patched getattr": SOURCE,
    f"{GUEST}/lasting/randomness.py patched setattr": SOURCE,
    f"{GUEST}/lasting/randomness.py _swap_ids getattr": "what the module `uuid` of this interpreter has",
    f"{GUEST}/lasting/randomness.py _swap_ids setattr": "what the module `uuid` of this interpreter has",
    f"{GUEST}/guards/patterns.py matching compile": "a pattern: "
    + OWN_CODE
    + "; `spelling` takes no other in a session",
    f"{GUEST}/kinds/classes.py fit_class setattr": "a field of a class: " + OWN_CODE,
    f"{GUEST}/passing/copies.py _of_dataclass getattr": "a field of a dataclass: " + OWN_CODE,
    f"{GUEST}/guards/structures.py _dataclass getattr": "a field of a dataclass: " + OWN_CODE,
    f"{GUEST}/kinds/migration.py marked_migrations setattr": "a method of a class: " + OWN_CODE,
    f"{GUEST}/lasting/call_log.py __getattr__ getattr": "what the vat's own code does with its output",
    f"{GUEST}/base/logged.py format format": "what the vat's own code logs, laid out in its own worker",
    f"{GUEST}/base/logged.py emit format": "what the vat's own code logs, laid out in its own worker",
    f"{GUEST}/base/errors.py _family getattr": "a name out of a fixed list of builtin exceptions",
    # Developers' tools, which run in the guest only.
    "kernel/swingset/workers/agents/terminal.py  import marshal": "modules of the pinned interpreter",
    "kernel/swingset/workers/agents/terminal.py exec_module exec": "modules of the pinned interpreter",
    # Names in the source of the host.
    "kernel/swingset/__init__.py __getattr__ getattr": SOURCE,
    "kernel/swingset/core/device_board.py _listeners getattr": SOURCE,
    "kernel/swingset/net/sessions.py within getattr": SOURCE,
    "kernel/swingset/net/sessions.py check_room getattr": SOURCE,
    "kernel/swingset/cluster/pools.py  import pickle": "from the caller, who may run code there",
    "kernel/swingset/cluster/pools.py of import cloudpickle": "it only packs, for the cluster of the caller",
    "kernel/swingset/cluster/trials.py send getattr": "a message's name, which `E` only writes down",
    "kernel/swingset/command/looking.py _vats getattr": SOURCE,
    "kernel/swingset/host/sessions/session_devices.py call getattr": "the embedder's own call",
    "kernel/swingset/workers/wasm/wasi.py answer_for getattr": "the imports of the engine that we ship",
    "kernel/swingset/world/edge.py in_words format": "a template of the tables in that module",
    "kernel/swingset/world/tables.py __init__ attrgetter": SOURCE,
    "kernel/swingset/world/tables.py getters getattr": SOURCE,
    "kernel/swingset/world/tables.py getters attrgetter": SOURCE,
    "kernel/swingset/host/sessions/people.py expression getline": "the file of a frame of this process",
    "swingset_nb/widget.py bring getattr": SOURCE,
    "swingset_nb/places.py lines getline": "the file of a frame of this process, to show a line of it",
    "swingset_nb/places.py _line getline": "the file of a frame of this process, to show a line of it",
    "swingset_nb/limits.py chosen getattr": SOURCE,
    "swingset_nb/limits.py shown getattr": SOURCE,
    "swingset_nb/limits.py _raised getattr": SOURCE,
    "swingset_nb/on_limits.py limits_of_vat getattr": SOURCE,
    "swingset_nb/next_steps.py next_steps search": SOURCE,
    "swingset_nb/outs.py forget_shown getattr": SOURCE,
    "swingset_nb/outs.py forget_shown setattr": SOURCE,
    "swingset_nb/explorer_verbs.py _sent getattr": "of `E(...)`, which makes a message of any name",
    "swingset_nb/plain_data.py plain getattr": "a field of a class that is in this source",
    "swingset_nb/what_if.py _compiled compile": "the user's own cell",
    "swingset_nb/what_if.py _ran eval": "the user's own cell",
    "swingset_nb/extension.py load getattr": SOURCE,
    "swingset_nb/extension.py load setattr": SOURCE,
    "swingset_nb/extension.py load delattr": SOURCE,
    "swingset_nb/extension.py remove setattr": SOURCE,
    "swingset_nb/extension.py loaded getattr": SOURCE,
    "swingset_nb/extension.py unload getattr": SOURCE,
    "swingset_nb/extension.py unload delattr": SOURCE,
}


def called(node: ast.Call) -> tuple[str, bool] | None:
    """What a call does that has to be looked at, and whether it is given a text of the source."""
    function = node.func
    name = function.id if isinstance(function, ast.Name) else ""
    if isinstance(function, ast.Attribute):
        name = function.attr
        if isinstance(function.value, ast.Name) and function.value.id == "re":
            return (name, _constant(node.args[0])) if name in REGEX else None
        if name in TEMPLATES:
            template = function.value
            fixed = isinstance(template, ast.Name) and template.id.isupper()  # a constant of its module
            return name, fixed or _constant(template)
        if name in SHELL:
            return name, False
    elif name in NAMES:
        return name, False
    if name in LOOKING:
        return name, len(node.args) > 1 and _constant(node.args[1])
    return (name, bool(node.args) and _constant(node.args[0])) if name in ALSO else None


def _constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def found() -> dict[str, str]:
    """Every such call as `file function call`, with the line it is in."""
    calls: dict[str, str] = {}
    for path in sorted([*(ROOT / "kernel").rglob("*.py"), *(ROOT / "swingset_nb").rglob("*.py")]):
        name = str(path.relative_to(ROOT))
        for function, node in _walk(ast.parse(path.read_text("utf-8")), ""):
            if isinstance(node, ast.Call) and (call := called(node)) is not None and not call[1]:
                calls[f"{name} {function} {call[0]}"] = f"{name}:{node.lineno}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                )
                for module in modules:
                    if module.partition(".")[0] in MODULES:
                        calls[f"{name} {function} import {module}"] = f"{name}:{node.lineno}"
    return calls


def _walk(node: ast.AST, function: str) -> list[tuple[str, ast.AST]]:
    """Every node with the name of the function that it is in, outermost first."""
    nodes = []
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not function:
            inside = child.name
        nodes.append((function, child))
        nodes += _walk(child, inside)
    return nodes


def test_every_evaluation_has_a_reason() -> None:
    """Whoever adds one has to say here whose text it is."""
    calls = found()
    new = [f"{where}: {call}" for call, where in calls.items() if call not in WHY]
    assert not new, "\n".join(new)


def test_no_reason_is_left_over() -> None:
    """What is allowed here is there."""
    assert set(WHY) - set(found()) == set()
