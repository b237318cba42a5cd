"""Fixes of durable kinds: a tag that is kept, a field or facet that comes back, a migration's stub.

A stub lists every field that both versions have, because a migration must return each of them. What it leaves
out it names in a comment: the author decides whether that may go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from swingset.lens.source.blocks import Block, Code
from swingset.lens.source.fixing import Fix, Place, Sources, indented
from swingset.model.reports import Fault

_DURABLE = re.compile(r"^(\s*@(?:[\w.]+\.)?durable)\b\s*(\(\s*\)|\()?")
_VERSION = re.compile(r"\bversion\s*=\s*\d+")
_ZEROS = {"int": "0", "str": '""', "bool": "False", "float": "0.0", "bytes": 'b""'}
_MARK = re.compile(r"@(?:[\w.]+\.)?(?:durable|virtual|remotable)\b[^#]*")
_FACET = re.compile(r"@(?:[\w.]+\.)?facet\b[^#]*")
_MOST_EDITS = 50
_PLAIN = ("int", "str", "bool", "float")
_MOST_CLASSES = 3


def lost(sources: Sources, tag: str) -> Iterator[Fix]:
    """A kind that is stored and not in the code: keep its tag, make it durable again, or bring it back."""
    old = sources.old_class(tag)
    same = None if old is None else sources.new("class", old.block.name)
    if old is not None and same is not None:
        why = f"records of {tag} are stored, so its class has to stay durable"
        if set(_fields(old)) <= set(_fields(same)):
            yield from _as_durable(sources, old, same, why)
        else:
            yield from sources.back("class", old.block.name, why)
        return
    members = {block.name for block in old.block.inner if block.name} if old is not None else set()
    ranked = [
        (len(members & {block.name for block in place.block.inner}), place) for place in sources.fresh()
    ]
    ranked = sorted(ranked, key=lambda pair: -pair[0])[:_MOST_CLASSES]
    if re.fullmatch(r"[\w. -]{1,100}", tag):
        for shared, place in ranked:
            if shared or (old is None and len(ranked) == 1):
                name = place.block.name
                why = (
                    f"records of {tag} are stored; with the tag, {name} is the same kind and takes them over"
                )
                yield Fix(
                    f'@durable(tag="{tag}") above class {name}',
                    place.part,
                    _marked(place, f'tag="{tag}"'),
                    why,
                )
    if old is not None:
        yield from sources.back("class", old.block.name, f"records of {tag} are stored, and need their class")


def class_back(sources: Sources, match: re.Match[str], _refusal: Fault) -> Iterator[Fix]:
    """The class of a kind or a value as it runs."""
    old = sources.old_class(match[1])
    if old is not None:
        yield from sources.back("class", old.block.name, f"what is stored was made with this {match[1]}")


def lost_field(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A field that records have and the code has not: keep it, or let a migration drop or rename it."""
    both = _both(sources, refusal)
    if both is None or match[1] not in _fields(both[0]):
        return
    old, new = both
    gone = [name for name in _fields(old) if name not in _fields(new)]
    fresh = [name for name in _fields(new) if name not in _fields(old)]
    renamed = _renamed(old, new, gone, fresh)
    if not renamed:
        yield from _kept_field(sources, old, new, match[1])
    yield from _migration(old, new, refusal, renamed)


def other_field(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A field with another annotation: keep the old one, or let a migration convert the values."""
    both = _both(sources, refusal)
    if both is None or match[1] not in _fields(both[0]) or match[1] not in _fields(both[1]):
        return
    old, new = both
    was, now = _fields(old)[match[1]], _fields(new)[match[1]]
    if not was.shares and not now.shares:
        source = new.code.replaced(now.first, now.last, _moved(old, new, was))
        why = f"stored records have `{_annotation(was)}` there"
        yield Fix(f"keep `{match[1]}: {_annotation(was)}`", new.part, source, why)
    yield from _migration(old, new, refusal, {})


def no_default(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A new field without a default: give it one."""
    both = _both(sources, refusal)
    field = None if both is None else _fields(both[1]).get(match[1])
    if both is None or field is None or field.shares:
        return
    new, noted = both[1], _annotation(field)
    zero = _zero(noted)
    added = f" = {zero}" if zero is not None else " | None = None"
    source = new.code.spliced(field.line.tokens[-1].end, added)
    why = f"stored records have no {match[1]}, so they need a value for it"
    yield Fix(f"give {match[1]} a default: `{match[1]}: {noted}{added}`", new.part, source, why)


def no_migration(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A version to which no migration leads: a stub of one."""
    both = _both(sources, refusal)
    if both is not None:
        old, new = both
        gone = [name for name in _fields(old) if name not in _fields(new)]
        fresh = [name for name in _fields(new) if name not in _fields(old)]
        renamed = _renamed(old, new, gone, fresh)
        yield from _stub(old, new, int(match[1]), int(match[2]), renamed)


def lost_facet(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A facet that others may hold: give the methods that had it their facets back."""
    both = _both(sources, refusal)
    if both is None:
        return
    old, new = both
    before, there = old.block.inside("def"), new.block.inside("def")
    had = [name for name, method in before.items() if _has_facet(method, match[1])]
    changed = [name for name in had if name in there]
    if len(changed) > _MOST_EDITS:
        return
    edits = []
    for name in changed:
        was, now = before[name], there[name]
        marks = _moved(old, new, was)[: was.head - was.first]
        if _drops(new, now, marks, _FACET):
            return
        edits.append((now.first, now.head - 1, marks))
    source = new.code.with_blocks(edits)
    why = f"others may hold a facet {match[1]!r} of {new.block.name}"
    if changed:
        methods = ", ".join(f"{name}()" for name in changed)
        yield Fix(f"give {methods} the facet {match[1]!r} again", new.part, source, why)
    elif had:
        yield from method_back(sources, had[0], new.block.name)


def not_returned(sources: Sources, match: re.Match[str], refusal: Fault) -> Iterator[Fix]:
    """A migration that leaves out a field: let it return the old value."""
    kind = str(refusal.details.get("kind", ""))
    new, old = sources.new_class(kind), sources.old_class(kind)
    function = None if new is None else new.block.inside("def").get(match[1])
    if new is None or function is None:
        return
    words, field = function.line.words, match[2]
    at = words.index("(") + 1 if "(" in words else len(words)
    given = words[at] if at < len(words) and words[at].isidentifier() else ""
    value = f'{given}["{field}"]' if given and old is not None and field in _fields(old) else None
    if value is None:
        noted = _fields(new).get(field)
        value = None if noted is None else _zero(_annotation(noted))
    edits = [
        (block.line.tokens[1].end, f'"{field}": {value}, ', 0)
        for block in function.inner
        if value is not None and block.line.words[:2] == ["return", "{"]
    ]
    if len(edits) > _MOST_EDITS:
        return
    source = new.code.with_edits(edits)
    why = f"a migration has to return every field of its version, and {match[1]} returns no {field}"
    yield Fix(f'return "{field}": {value} in {match[1]}()', new.part, source, why)


def method_back(sources: Sources, method: str, wanted: str = "") -> Iterator[Fix]:
    """A method that the running class has and the new one has not."""
    for name in [wanted] if wanted else sources.classes():
        old, new = sources.old("class", name), sources.new("class", name)
        if old is None or new is None or method in new.block.inside("def"):
            continue
        was = old.block.inside("def").get(method)
        if was is None or not new.block.opens:
            continue
        text = _moved(old, new, was)
        before = [block.name for block in old.block.inner if block.last < was.first]
        near = [block for block in new.block.inner if block.sort == "def" and block.name in before]
        at = (near[-1] if near else new.block).last
        source = new.code.replaced(at + 1, at, ["", *text])
        why = f"{name} has to answer {method}()"
        fix = Fix(f"bring back {method}() of class {name}", new.part, source, why)
        yield from sources.with_imports(fix, text, old.code)


def signature_back(sources: Sources, name: str, method: str) -> Iterator[Fix]:
    """A method whose arguments or annotations no longer fit what others send."""
    old, new = sources.old("class", name), sources.new("class", name)
    was = None if old is None else old.block.inside("def").get(method)
    now = None if new is None else new.block.inside("def").get(method)
    if old is None or new is None or was is None or now is None:
        return
    if was.line.words[-1] == now.line.words[-1] == ":" and was.line.words != now.line.words:
        head = indented(
            old.code.lines[was.head - 1 : was.head_end], old.code.indent(was), new.code.indent(now)
        )
        source = new.code.replaced(now.head, now.head_end, head)
        why = f"a recorded message to {name} does not fit the new one"
        yield Fix(f"write the signature of {method}() as it runs", new.part, source, why)


def _both(sources: Sources, refusal: Fault) -> tuple[Place, Place] | None:
    """The running and the new class of the kind that a refusal is about."""
    told = refusal.details.get("kinds")
    tag = str(told[0]) if isinstance(told, list) and told else ""
    old, new = sources.old_class(tag), sources.new_class(tag)
    return None if old is None or new is None else (old, new)


def _as_durable(sources: Sources, old: Place, new: Place, why: str) -> Iterator[Fix]:
    marks = _moved(old, new, old.block)[: old.block.head - old.block.first]
    if _drops(new, new.block, marks, _MARK):
        return
    source = new.code.replaced(new.block.first, new.block.head - 1, marks)
    title = f"{' '.join(mark.strip() for mark in marks)} above class {new.block.name}"
    yield from sources.with_imports(Fix(title, new.part, source, why), marks, old.code)


def _drops(place: Place, block: Block, marks: list[str], known: re.Pattern[str]) -> bool:
    """Whether other decorators would take the place of one, or of a comment, that they do not replace."""
    kept = {mark.strip() for mark in marks}
    above = (line.strip() for line in place.code.lines[block.first - 1 : block.head - 1])
    return any(line not in kept and known.fullmatch(line) is None for line in above)


def _marked(place: Place, argument: str) -> str:
    """A source whose `@durable` above a class has one more argument."""
    for number in range(place.block.first, place.block.head):
        line = place.code.lines[number - 1]
        found = _DURABLE.match(line)
        if found is not None:
            rest = line[found.end() :]
            more = f"({argument}, " if found[2] == "(" else f"({argument})"
            return place.code.replaced(number, number, [found[1] + more + rest])
    return place.code.source


def _versioned(place: Place, version: int) -> str:
    for number in range(place.block.first, place.block.head):
        line = place.code.lines[number - 1]
        if _DURABLE.match(line) and _VERSION.search(line):
            return place.code.replaced(number, number, [_VERSION.sub(f"version={version}", line, count=1)])
    return _marked(place, f"version={version}")


def _fields(place: Place) -> dict[str, Block]:
    return place.block.inside("field")


def _annotation(field: Block) -> str:
    words = field.line.words[2:]
    text, level = "", 0
    for word in words:
        level += {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}.get(word, 0)
        if word == "=" and level == 0:
            break
        text += f" {word} " if word == "|" else f"{word} " if word == "," else word
    return text.strip()


def _zero(annotation: str) -> str | None:
    """A default for a field of some type, if there is an obvious one."""
    if annotation in _ZEROS:
        return _ZEROS[annotation]
    if annotation.endswith("| None") or annotation.startswith("Optional["):
        return "None"
    opens = {"list": "[]", "dict": "{}", "tuple": "()"}
    return opens.get(annotation.partition("[")[0].lower())


def _renamed(old: Place, new: Place, gone: list[str], fresh: list[str]) -> dict[str, str]:
    """The one new field that takes the place of the one that is gone, if their types are the same."""
    if len(gone) != 1 or len(fresh) != 1:
        return {}
    same = _annotation(_fields(old)[gone[0]]) == _annotation(_fields(new)[fresh[0]])
    return {fresh[0]: gone[0]} if same else {}


def _kept_field(sources: Sources, old: Place, new: Place, name: str) -> Iterator[Fix]:
    was = _fields(old)[name]
    if was.shares or not new.block.opens:
        return
    text = _moved(old, new, was)
    if "=" not in was.line.words and (zero := _zero(_annotation(was))) is not None:
        text = [*text[:-1], f"{text[-1]} = {zero}"]
    before = [block.name for block in old.block.inner if block.last < was.first]
    near = [field for field in _fields(new).values() if field.name in before]
    at = near[-1].last if near else _start(new)
    source = new.code.replaced(at + 1, at, text)
    why = "stored records have it; nothing has to use it"
    yield from sources.with_imports(Fix(f"keep the field {name}", new.part, source, why), text, old.code)


def _start(place: Place) -> int:
    """The line after which the body of a class begins: its head, or its docstring."""
    first = place.block.inner[0] if place.block.inner else None
    is_doc = first is not None and first.sort == "other" and first.line.tokens[0].string[-1:] in "\"'"
    return first.last if first is not None and is_doc else place.block.head_end


def _migration(old: Place, new: Place, refusal: Fault, renamed: dict[str, str]) -> Iterator[Fix]:
    found = re.search(r"make it version (\d{1,9}), and say in @migrate\((\d{1,9}), ", refusal.message)
    if found is not None:
        bumped = _versioned(new, int(found[1]))
        block = Code(bumped).named("class", new.block.name)
        if block is not None:
            place = Place(new.part, Code(bumped), block)
            yield from _stub(old, place, int(found[2]), int(found[1]), renamed)


def _stub(old: Place, new: Place, before: int, after: int, renamed: dict[str, str]) -> Iterator[Fix]:
    """A migration between two versions that takes over all fields, if each has a value."""
    had, has = _fields(old), _fields(new)
    if not new.block.opens:
        return
    items = []
    for name, field in has.items():
        source = renamed.get(name, name)
        if source in had:
            value = _converted(f'old["{source}"]', _annotation(had[source]), _annotation(field))
        else:
            value = _zero(_annotation(field)) if "=" not in field.line.words else ""
        if value is None:
            return
        if value:
            items.append(f'"{name}": {value}')
    gone = [name for name in had if name not in has and name not in renamed.values()]
    fields = list(has.values())
    margin = new.code.indent(fields[0]) if fields else new.code.indent(new.block) + "    "
    prefix = next((line.words[1] + "." for line in new.block.decorators if line.words[2:3] == ["."]), "")
    name = f"to_version_{after}"
    lines = [
        "",
        f"{margin}@{prefix}migrate({before}, {after})",
        f"{margin}@staticmethod",
        f"{margin}def {name}(old):",
        *([f"{margin}    # the old record also has: {', '.join(gone)}"] if gone else []),
        f"{margin}    return {{{', '.join(items)}}}",
    ]
    at = fields[-1].last if fields else _start(new)
    if new.code.lines[at : at + 1] not in ([], [""]):
        lines.append("")
    source = new.code.replaced(at + 1, at, lines)
    code = Code(source)
    if not prefix and "migrate" not in code.imports():
        source = code.importing({"migrate": "swingset.vat"})
    does = [f"renames {was} to {now}" for now, was in renamed.items()] + [f"drops {name}" for name in gone]
    what = " and ".join(does) or "takes over every field"
    why = f"stored records of version {before} go through it when they are next used"
    yield Fix(f"version {after}, with a migration that {what}", new.part, source, why)


def _converted(value: str, was: str, now: str) -> str | None:
    """An expression for a value of another type; None if it is not plain how to make one."""
    if was == now or now in (f"{was} | None", f"Optional[{was}]"):
        return value
    return f"{now}({value})" if now in _PLAIN and was in _PLAIN else None


def _has_facet(method: Block, facet: str) -> bool:
    return any(
        "facet" in line.words[:4] and token.string[1:-1] == facet
        for line in method.decorators
        for token in line.tokens
    )


def _moved(old: Place, new: Place, block: Block) -> list[str]:
    """The lines of a block of the old class, indented as the new class is."""
    if block is old.block:
        return indented(old.code.text(block), old.code.indent(block), new.code.indent(new.block))
    inside = next((each for each in new.block.inner if each.sort != "other"), None)
    wanted = new.code.indent(inside) if inside is not None else new.code.indent(new.block) + "    "
    return indented(old.code.text(block), old.code.indent(block), wanted)
