"""What the inspector's buttons do with what was clicked: each is a line that one could type.

A verb runs that line through the same commands as a cell, and returns it with its answer. Only sending a
message has no command: it is a line of Python, whose arguments are read here and never evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

from swingset.guest.base.promises import Promise
from swingset.guest.sending.eventual import E
from swingset.host.sessions.pending import StillPending
from swingset.model.visible import one_line
from swingset.time.explorer.answers import Inspected, Verb
from swingset_nb.asleep import cures
from swingset_nb.commands import run
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.hints import waits_for
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import events_wait

_MOST_TEXT = 2_000


@dataclass(frozen=True)
class Did:
    """What was done: the line that does it in a cell, and what it answered."""

    line: str
    lines: tuple[str, ...]


def done_by(notebook: Notebook, it: Inspected, verb: str, content: Mapping[str, Any]) -> Did:
    """Do a verb with a subject; raises `SwingSetError` if it cannot be done, with what helps."""
    _require(it, verb)
    said = {name: str(content.get(name, "")).strip()[:_MOST_TEXT] for name in ("name", "reason")}
    if verb == "send":
        method, args = (str(content.get(name, ""))[:_MOST_TEXT] for name in ("method", "args"))
        return _sent(notebook, _object(notebook, it), method.strip(), args)
    if verb == "bind":
        return _typed(notebook, f"name {_object(notebook, it)} as {quote(said['name'])}")
    if verb == "trace":
        return _typed(notebook, f"trace {it.last_crank}")
    if verb == "drop" and it.kind == "message":
        number = it.subject.removeprefix("waiting:q")
        return _typed(notebook, f"drop --position {int(number)}")
    vat = _vat(notebook, it)
    if verb == "suspend":
        return _typed(notebook, f"suspend {_plain(vat, *([said['reason']] if said['reason'] else []))}")
    if verb in ("resume", "drop"):
        return _typed(notebook, f"{verb} {_plain(vat)}")
    raise BadArguments(f"{verb} is not done in this way", "%swingset help")


def vat_to_upgrade(notebook: Notebook, it: Inspected) -> str:
    """The name of the vat that an upgrade of a subject is about; raises `SwingSetError` if there is none."""
    _require(it, "upgrade")
    return _vat(notebook, it)


def _require(it: Inspected, verb: str) -> None:
    """Refuse a verb that a subject does not have, or that cannot be done now."""
    offered: dict[str, Verb] = {each.verb: each for each in it.verbs}
    known = offered.get(verb)
    if known is None:
        raise BadArguments(
            f"nothing is called {one_line(verb, 40)!r} here", f"there are {', '.join(offered)}"
        )
    if not known.enabled:
        raise SwingSetError(f"{known.label} cannot be done: {known.why}", "click what it can be done with")


def _plain(*words: str) -> str:
    """Words of a line that are no options, whatever they begin with."""
    marked = ["--"] if any(word.startswith("-") for word in words) else []
    return " ".join([*marked, *map(quote, words)])


def _typed(notebook: Notebook, rest: str) -> Did:
    """Run a subcommand as if it was typed."""
    shown = run(notebook, rest.strip())
    return Did(f"%swingset {rest.strip()}", () if shown is None else tuple(shown.plain().split("\n")))


def _vat(notebook: Notebook, it: Inspected) -> str:
    """The name of the vat of a subject."""
    for vat in notebook.require().controller.vats:
        if vat.id == it.vat:
            return vat.name
    raise BadArguments(f"{it.title} is of no vat", "%swingset vats")


def _object(notebook: Notebook, it: Inspected) -> str:
    """The kref of a subject, or of the root of a vat."""
    if it.kind == "vat":
        return notebook.require().controller.vats.root(_vat(notebook, it))
    return it.subject


def _sent(notebook: Notebook, kref: str, method: str, args: str) -> Did:
    """Send a message from the notebook, run, and say what was answered."""
    if not method.isidentifier() or method.startswith("_"):
        raise BadArguments(f"{one_line(method, 60)!r} is no name of a method", "letters, digits and _")
    session = notebook.require().session
    given, named = _arguments(notebook, method, args)
    reference = session.reference(kref, kref)
    name = next((name for name, value in notebook.own() if value is reference), None)
    promise = getattr(E(reference), method)(*given, **named)
    promise.then(None, lambda _reason: None)  # the panel shows the outcome, so a rejection is handled
    line = f"await E({name or kref}).{method}({args.strip()})"
    notebook.flush()
    if notebook.require().controller.queue.paused:
        return Did(line, ("it waits: the world is paused, and Step delivers it",))
    notebook.settle()
    if promise.status == "pending":
        return Did(line, _why_no_answer(notebook, promise))
    found = session.references.describe(promise)
    return Did(line, (found.pieces()[0], *found.pieces()[1:]))


def _why_no_answer(notebook: Notebook, promise: Promise[Any]) -> tuple[str, ...]:
    """What a message waits for after a run, and what makes a suspended vat go on."""
    world = notebook.require()
    if world.waiting():
        return (f"no answer yet: {events_wait(world)} in the run-queue, and Run runs on",)
    try:
        world.session.wait(promise)
    except StillPending as problem:
        vats = {vat.name: vat.reason for vat in world.lens.vats()}
        hints = [hint for name in waits_for(world, problem) for hint in cures(name, vats.get(name))]
        return (f"no answer yet: {one_line(str(problem), 400)}", *hints)
    return ("no answer yet",)


def _arguments(notebook: Notebook, method: str, args: str) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as Python writes them: literals, and names of the notebook."""
    hint = "numbers, texts in quotes, lists, dicts, and names of this notebook: 10, 'alice', to=purse"
    try:
        call = ast.parse(f"{method}({args}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadArguments(f"{one_line(args, 80)!r} are no arguments", hint) from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise BadArguments(f"{one_line(args, 80)!r} are no arguments", hint)
    own = dict(notebook.own())

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=found) if type(found) in (int, float, str, bytes, bool, type(None)):
                return found
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as found)):
                return -found
            case ast.Name(id=name) if name in own:
                return own[name]
            case ast.List(elts=elts):
                return [value(each) for each in elts]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return {value(key): value(each) for key, each in zip(keys, values, strict=True) if key}
        raise BadArguments(f"{one_line(ast.unparse(node), 80)!r} is no value that can be sent so", hint)

    if any(each.arg is None for each in call.keywords):
        raise BadArguments("** cannot be used here", hint)
    return [value(each) for each in call.args], {str(each.arg): value(each.value) for each in call.keywords}
