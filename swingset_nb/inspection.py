"""`purse?`, `purse.deposit?` and Shift-Tab on references: what a message to them can call.

IPython looks an attribute up in the object, and an object of another vat has none here. So a name that leads
to a reference, or to a method of one, is looked up here first. What is found is a card with the facts, and
IPython's own hooks for the forms of a help text turn the card into text. Front ends ask for the name that the
cursor is on; of `E(purse).deposit(` that is `purse.deposit`. Of `E(purses["alice"]).deposit(` there is no
such name. So where there is a kernel, its answer to front ends looks at the line before it asks for a name.
"""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython.core.oinspect import OInfo

from swingset.guest.base.promises import Promise
from swingset.guest.passing.remotables import Presence
from swingset.lens.present.described import MOST_METHODS, Described
from swingset.lens.source.outlines import MethodOutline
from swingset_nb.references import References

_SENT = re.compile(r"(?<![\w.])E(?:\.send_only)?\(\s*([^\W\d]\w*(?:\[[^\[\]]*\])+)\s*\)\.(\w+)")
_ITEM = re.compile(r"(?<![\w.\])])([^\W\d]\w*(?:\[[^\[\]]*\])+)(?:\.(\w+))?")
_REST = re.compile(r"\w*")
_LONGEST = 1_000
_OF_VATS = ("%%vat", "%%kind", "%%module")


@dataclass(frozen=True)
class Card:
    """The facts about a reference or a method, as headings with texts."""

    facts: tuple[tuple[str, str], ...]

    def plain(self) -> list[tuple[str, str]]:
        """As IPython lays out its own help."""
        return list(self.facts)

    def html(self) -> list[tuple[str, str]]:
        """With everything escaped."""
        return [(html.escape(head), f"<pre>{html.escape(text)}</pre>") for head, text in self.facts]


def reference_card(name: str, found: Described) -> Card:
    """The card of a reference."""
    first, *rest = found.pieces()
    facts = [
        ("Reference", " · ".join([first, *(piece for piece in rest if not piece.startswith("methods "))]))
    ]
    if found.methods:
        listed = [_briefly(method) for method in found.methods[:MOST_METHODS]]
        if len(found.methods) > MOST_METHODS:
            listed.append(f"... and {len(found.methods) - MOST_METHODS:,} more")
        facts.append(("Methods", "\n".join(listed)))
        facts.append(("To send", f"await E({name}).{found.methods[0].name}(...)"))
    if found.doc:
        facts.append(("Docstring", found.doc))
    if found.part:
        facts.append(("Class", f"line {found.line} of cell {found.part}"))
    return Card(tuple(facts))


def method_card(name: str, found: Described, method: MethodOutline) -> Card:
    """The card of a method."""
    how = "async " if method.is_async else ""
    facts = [("Signature", how + method.signature), ("Method of", found.name)]
    facts.append(("To send", f"await E({name}).{method.name}(...)"))
    if method.doc:
        facts.append(("Docstring", method.doc))
    facts.append(("Code", f"line {method.line} of cell {method.part}"))
    return Card(tuple(facts))


def _briefly(method: MethodOutline) -> str:
    first = method.doc.partition("\n")[0]
    return f"{method.signature}: {first}" if first else method.signature


class Inspection:
    """The inspection of references in one shell."""

    def __init__(self, shell: Any, references: References) -> None:
        self._shell = shell
        self._references = references
        self._before: Callable[..., OInfo] | None = None
        self._answer: Callable[..., Any] | None = None

    def install(self) -> None:
        """Look references up first."""
        self._before = self._shell._ofind
        self._shell._ofind = self._find
        kernel = getattr(self._shell, "kernel", None)
        if kernel is not None:
            self._answer = kernel.do_inspect
            kernel.do_inspect = self._do_inspect
        hooks = dict(self._shell.inspector.mime_hooks)
        hooks |= {"text/plain": _plain, "text/html": _html}
        self._shell.inspector.mime_hooks = hooks

    def remove(self) -> None:
        """Leave it to IPython."""
        del self._shell._ofind  # the method of the class is there again
        if self._answer is not None:
            del self._shell.kernel.do_inspect
        hooks = dict(self._shell.inspector.mime_hooks)
        self._shell.inspector.mime_hooks = {
            form: hook for form, hook in hooks.items() if hook not in (_plain, _html)
        }

    def card(self, wanted: str) -> Card | None:
        """The card for a name that leads to a reference, or to a method of one."""
        name, dot, method_name = wanted.strip().rpartition(".")
        name, method_name = (name, method_name) if dot else (method_name, "")
        value = self._references.find(name)
        if not isinstance(value, Presence | Promise):
            return None
        found = self._references.describe(value)
        if found is None:
            return None
        if not dot:
            return reference_card(name, found)
        method = found.method(method_name)
        return None if method is None else method_card(name, found, method)

    def at(self, code: str, cursor: int) -> Card | None:
        """The card for an item or its method, `E(purses["alice"]).deposit(`, if the cursor is on its call.

        IPython would look for the name alone, `purses`.
        """
        if code.lstrip().startswith(_OF_VATS):
            return None
        end = cursor + len(_REST.match(code[cursor : cursor + 100])[0])  # type: ignore[index]
        line = code[:end].rpartition("\n")[2][-_LONGEST:]
        for form in (_SENT, _ITEM):
            for found in reversed(list(form.finditer(line))):
                rest = line[found.end() :]
                if not rest or (rest[0] == "(" and rest.count("(") > rest.count(")")):
                    return self.card(f"{found[1]}.{found[2]}" if found[2] else found[1])
        return None

    def _do_inspect(self, code: str, cursor_pos: int, *given: Any, **options: Any) -> Any:
        assert self._answer is not None, "it is installed"
        card = self.at(code, cursor_pos)
        if card is None:
            return self._answer(code, cursor_pos, *given, **options)
        inspector = self._shell.inspector
        data = inspector.format_mime({"text/plain": card.plain(), "text/html": card.html()})
        if not self._shell.enable_html_pager:
            data.pop("text/html", None)
        reply = {"status": "ok", "found": True, "data": data, "metadata": {}}
        return _later(reply) if inspect.iscoroutinefunction(self._answer) else reply

    def _find(self, oname: str, *given: Any, **options: Any) -> OInfo:
        card = self.card(oname)
        if card is not None:
            return OInfo(ismagic=False, isalias=False, found=True, namespace="", parent=None, obj=card)
        assert self._before is not None, "it is installed"
        return self._before(oname, *given, **options)


async def _later(reply: dict[str, Any]) -> dict[str, Any]:
    return reply


def _plain(data: Any) -> list[tuple[str, str]] | None:
    return data.obj.plain() if type(data.obj) is Card else None


def _html(data: Any) -> list[tuple[str, str]] | None:
    return data.obj.html() if type(data.obj) is Card else None
