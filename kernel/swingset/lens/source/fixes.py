"""Fixes of code that an upgrade refuses: what to change in the source, if that follows from the refusal.

A refusal says which kind, field, method or name is the obstacle, and the code that runs shows how it was. So
many refusals have a mechanical cure: the old tag above the new class, a migration that drops a field, the
method that an interface asks for. Whether that is what the author wants, only the author knows; a fix is
offered and never made. It is no proof either: rehearse the changed source.

The refusal and the running code may be a stranger's. Out of the refusal come only names and numbers, and a
name is used only if one of the sources has it. Nothing is run.
"""

from __future__ import annotations

import difflib
import re
import tokenize
from collections.abc import Callable, Iterator

from swingset.lens.source import fixes_of_kinds as kinds
from swingset.lens.source.blocks import Code
from swingset.lens.source.fixing import Fix, Sources
from swingset.model.modules import Parts, module_of
from swingset.model.reports import Fault

MOST = 4
"""How many fixes are offered at most."""
_LONGEST = 4_000
_MOST_EDITS = 50
_WORDS = re.compile(r"\w+|\W+")
_ROOT = "build_root_object"
_Fixer = Callable[[Sources, re.Match[str], Fault], Iterator[Fix]]


def fixes(refusal: Fault, code: Parts, running: Parts) -> tuple[Fix, ...]:
    """Fixes of the code of a vat that an upgrade or a rehearsal refuses, the most likely one first.

    Args:
        refusal: the fault of the refusal: `Rehearsal.fault`, or `VatFault.fault`.
        code: the names and sources of the parts that were refused.
        running: those that the vat runs.
    Returns:
        At most four; none if nothing follows from the refusal. Rehearse the source of the one you choose.
    Source:
        Ours.
    Example:
        >>> running = world.vats.parts("bank")
        >>> renamed = (("bank", dict(running)["bank"].replace("Purse", "Wallet")),)
        >>> refusal = session.rehearse("bank", *renamed[0]).fault
        >>> [fix.title for fix in swingset.fixes(refusal, renamed, running)][0]
        '@durable(tag="Purse") above class Wallet'
    """
    sources, words = Sources(code, running), refusal.message[:_LONGEST]
    found: list[Fix] = []
    for pattern, fixer in _CASES:
        if (match := re.search(pattern, words)) is not None:
            found += fixer(sources, match, refusal)
            break
    return _offered(found, sources)


def fixes_of_answers(words: str, code: Parts, running: Parts) -> tuple[Fix, ...]:
    """Fixes of code that goes through, but rejects what the running code answers, in these words."""
    sources = Sources(code, running)
    found: list[Fix] = []
    if (match := _NO_METHOD.search(words[:_LONGEST])) is not None:
        found += kinds.method_back(sources, match[1])
    elif (match := _GUARD.search(words[:_LONGEST])) is not None:
        found += kinds.signature_back(sources, match[1], match[2])
    return _offered(found, sources)


def _offered(found: list[Fix], sources: Sources) -> tuple[Fix, ...]:
    """Those that change a cell, each once."""
    once = {(fix.part, fix.source): fix for fix in reversed(found)}
    good = [
        fix
        for fix in reversed(once.values())
        if module_of(fix.part) is None and fix.source != sources.code.get(fix.part)
    ]
    return tuple(good[:MOST])


_NO_METHOD = re.compile(r'target has no method \\?"(\w{1,100})\\?"')
_GUARD = re.compile(r"\b(\w{1,100})\.(\w{1,100})(?:\(\w{0,100}\)(?: returned)?: wanted|: missing ')")


def _lost_kinds(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    told = refusal.details.get("lostKinds")
    tags = told if isinstance(told, list) and told else match[1].split(", ")
    for tag in tags[:1]:
        yield from kinds.lost(sources, str(tag))


def _lost_kind(sources: Sources, match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    yield from kinds.lost(sources, match[1])


def _without_method(sources: Sources, match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    yield from kinds.method_back(sources, match[2], match[1])


def _no_module(sources: Sources, match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    """The import of a module that is not there, if nothing uses it."""
    name = match[1]
    for part, source in sources.code.items():
        code = sources.read(source)
        alone = [block for block in code.top if block.line.words == ["import", name]]
        rest = code.with_blocks((block.first, block.last, []) for block in alone)
        if alone and re.search(rf"\b{name}\b", rest) is None:
            why = f"there is no module {name} in the vat, and nothing in the cell uses it"
            yield Fix(f"leave out `import {name}`", part, rest, why)


def _no_name(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A name that is not defined: import it, or write the one that it resembles."""
    name = match[1]
    part = refusal.trace[-1].part if refusal.trace else ""
    if part not in sources.code:
        return
    code = sources.read(sources.code[part])
    known: set[str] = set()
    for source in sources.code.values():
        each = sources.read(source)
        known |= {block.name for block in each.top if block.sort in ("class", "def")} | set(each.imports())
    module = next(
        (sources.read(source).imports().get(name) for source in sources.running.values() if name in source),
        None,
    )
    if module is not None:
        why = f"{name} is not defined in the new code; the running code imports it"
        yield Fix(f"import {name} from {module}", part, code.importing({name: module}), why)
    line = refusal.trace[-1].line
    for near in difflib.get_close_matches(name, sorted(known), 2):
        text = code.lines[line - 1] if line <= len(code.lines) else ""
        text = "".join(near if word == name else word for word in _WORDS.findall(text))
        if text:
            why = f"{name} is not defined, {near} is"
            yield Fix(f"write {near} for {name}", part, code.replaced(line, line, [text]), why)


def _no_root(sources: Sources, _match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    """No function that makes the root: rename the one that resembles it, or bring back the old one."""
    why = f"a vat begins with {_ROOT}"
    for part, source in sources.code.items():
        code = sources.read(source)
        names = [block.name for block in code.top if block.sort == "def"]
        for near in difflib.get_close_matches(_ROOT, names, 1):
            block = code.named("def", near)
            assert block is not None
            at = block.line.words.index(near)
            token = block.line.tokens[at]
            source = code.spliced(token.start, _ROOT, len(near))
            yield Fix(f"rename {near} to {_ROOT}", part, source, f"{why}, not with {near}")
    yield from sources.back("def", _ROOT, why)


def _root_as_it_runs(sources: Sources, _match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    yield from sources.back("def", _ROOT, "the running one returns an object that can be the root")


def _no_key(sources: Sources, match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    """A key that the baggage does not have: the one that the running code uses in its place."""
    had = {text for source in sources.running.values() for text in _texts(source)}
    has = {text for source in sources.code.values() for text in _texts(source)}
    for near in difflib.get_close_matches(match[1], sorted(had - has), 1):
        for part, source in sources.code.items():
            code = sources.read(source)
            edits = [
                ((token.start[0], token.start[1] + 1), near, len(match[1]))
                for token in _strings(code)
                if token.string[1:-1] == match[1]
            ]
            if 0 < len(edits) <= _MOST_EDITS:
                why = f"the baggage has no key {match[1]!r}; the running code stores it as {near!r}"
                yield Fix(f"write the key {near!r} for {match[1]!r}", part, code.with_edits(edits), why)


def _texts(source: str) -> set[str]:
    return {token.string[1:-1] for token in _strings(Code(source))}


def _strings(code: Code) -> Iterator[tokenize.TokenInfo]:
    """The plain texts in a source, in order: those in one pair of quotes and without a prefix."""
    waiting = list(code.top)
    found: list[tokenize.TokenInfo] = []
    for block in waiting:
        waiting += block.inner
        for line in (block.line, *block.decorators):
            found += [token for token in line.tokens if token.type == tokenize.STRING]
    plain = (token for token in found if re.fullmatch(r"""(["'])\w{1,100}\1""", token.string))
    yield from sorted(plain, key=lambda token: token.start)


_CASES: tuple[tuple[str, _Fixer], ...] = (
    (r"durable kinds (.{1,1000}?) are in the store but not in the code", _lost_kinds),
    (r"is of the kind '([^']{1,100})', which is not defined", _lost_kind),
    (r"was made for \W?(\w{1,100})\b.*: (?:the code has no such class|expected)", kinds.class_back),
    (r"(?:^|\.)(\w{1,100}): expected `.*` as stored, found no such field", kinds.lost_field),
    (r"^\S{1,200}\.(\w{1,100}): expected .* as stored, found .*; keep ", kinds.other_field),
    (r"\.(\w{1,100}): expected a default, found ", kinds.no_default),
    (r"expected a migration from version (\d{1,9}),.* to version (\d{1,9}), found", kinds.no_migration),
    (r"others may hold a facet '(\w{1,100})'", kinds.lost_facet),
    (r"^(\S{1,100}): expected .* as stored, found .*; (?:a kind|keep it)", kinds.class_back),
    (r"by [\w.]{1,200}?(\w{1,100}) \(.* it returned no '(\w{1,100})'", kinds.not_returned),
    (r"^(\w{1,100}) does not implement \w+: it has no method (\w{1,100})", _without_method),
    (r"^No module named '(\w{1,100})'", _no_module),
    (r"^name '(\w{1,100})' is not defined", _no_name),
    (r"defines no build_root_object", _no_root),
    (r"^build_root_object of vat .* (?:must return|waits for)", _root_as_it_runs),
    (r"^key '(\w{1,100})' not found in baggage", _no_key),
)
"""The sorts of refusals: a pattern of its words, and what makes the fixes for it."""

__all__ = ["MOST", "Fix", "fixes", "fixes_of_answers"]
