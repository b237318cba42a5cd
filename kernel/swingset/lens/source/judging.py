"""What a proposal would put in the place of a vat's code, module by module, beside what runs.

Each module is `known` (the running code has the same source under the same name), `changed` (another source
under the name), `moved` (the same source under another name) or `new`. Beside that stand the libraries that
have audited exactly its source. Findings say what a reader could overlook: an exit that the running code has
not got, a module that bears the name of an audited one and is another, text that looks like other text, code
that no reading can follow. None of them is a proof of anything: a proposal without findings does what its
source says.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from swingset.lens.source.audited import AuditedLibrary
from swingset.lens.source.difference import Difference
from swingset.lens.source.graphs import SHORT, ModuleFacts, ModuleGraph, graph_of
from swingset.model.counting import plural
from swingset.model.modules import Parts, module_of
from swingset.model.visible import one_line

Standing = Literal["known", "changed", "moved", "new"]

FindingCode = Literal[
    "name-of-another",
    "exit-added",
    "undeclared-exit",
    "unused-exit",
    "no-declaration",
    "cannot-be-judged",
    "unused-module",
    "module-removed",
    "name-of-python",
    "odd-name",
    "name-twice",
    "no-such-target",
    "not-pure",
]


@dataclass(frozen=True)
class Finding:
    """Something about a proposal that a reader has to know: a code, the module if it is about one, and
    words.
    """

    code: FindingCode
    words: str
    module: str | None = None

    def __str__(self) -> str:
        return self.words if self.module is None else f"{one_line(self.module, 80)}: {self.words}"


@dataclass(frozen=True)
class JudgedModule:
    """One module of a proposal: how it stands to the running code, and who has audited exactly this source.

    `difference` is set if it is changed or new.
    """

    name: str
    standing: Standing
    audits: tuple[str, ...]
    facts: ModuleFacts
    difference: Difference | None

    @property
    def version(self) -> str:
        """The beginning of the hash of its source."""
        return self.facts.hash[:SHORT]


@dataclass(frozen=True)
class Judged:
    """A proposal, read beside the code that runs.

    `exits` are all imports that lead out of the graph, and `new_exits` those that the running code has not
    got. `removed` are the modules that the running code has and the proposal has not.

    Source:
        Ours; the proposal dissector that was thought of for SwingSet's chain.
    """

    target: str
    modules: tuple[JudgedModule, ...]
    exits: tuple[str, ...]
    new_exits: tuple[str, ...]
    removed: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def is_judged(self) -> bool:
        """Whether reading it can follow all that it does.

        Example:
            >>> session.modules.define("sly", "exec('x = 1')")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("sly"))
            >>> session.proposals.judge(1).is_judged
            False
        """
        return not any(finding.code == "cannot-be-judged" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One sentence.

        Example:
            >>> session.modules.define("shop", "def build_root_object(): ...")
            True
            >>> proposal = session.proposals.propose("bank", session.devices.modulecap("shop"))
            >>> session.proposals.judge(1).verdict
            '1 changed module, and reading follows all of it.'
        """
        counts = [
            (sum(module.standing == standing for module in self.modules), standing)
            for standing in ("known", "changed", "moved", "new")
        ]
        said = [(count, standing) for count, standing in counts if count]
        if len(said) == 1:
            words = plural(len(self.modules), f"{said[0][1]} module")
        else:
            each = ", ".join(f"{count} {standing}" for count, standing in said)
            words = f"{plural(len(self.modules), 'module')} ({each})"
        audited = sum(bool(module.audits) for module in self.modules)
        words += f", {audited} audited" if audited else ""
        if not self.is_judged:
            return f"{words}; it cannot be judged: what it does is not in its source."
        return f"{words}, and reading follows all of it."


def judged(
    target: str,
    proposed: Parts,
    running: Parts | None,
    libraries: Iterable[AuditedLibrary] = (),
    *,
    pure: bool = False,
) -> Judged:
    """Read a proposal beside the running code; None if there is no vat of that name.

    What runs already, or was audited, is taken as judged: a reader looks at what is new to everybody.

    With `pure`, code that is imported for a function: it has no business with any exit.
    """
    accepted = list(libraries)
    graph, before = graph_of(proposed), graph_of(running or ())
    pairs = _paired(graph, before)
    hashes = {facts.hash for facts in before.modules}
    modules = tuple(
        _module(target, facts, pairs.get(facts.name), hashes, accepted) for facts in graph.modules
    )
    names = {facts.name for facts in graph.modules}
    paired = {old.name for old in pairs.values() if old is not None}
    removed = tuple(
        facts.name for facts in before.modules if facts.name not in names and facts.name not in paired
    )
    had = set(before.exits)
    new_exits = tuple(name for name in graph.exits if name not in had)
    findings = [*_of_graph(graph, proposed, had if running else None), *_of_modules(modules, accepted)]
    findings += [
        Finding("module-removed", "it is in the running code, and is gone", name) for name in removed
    ]
    if running is None:
        findings.insert(0, Finding("no-such-target", f"there is no vat {one_line(target, 80)}"))
    if pure and graph.exits:
        findings.insert(0, Finding("not-pure", f"a function, and it imports {_named(graph.exits)}"))
    return Judged(target, modules, graph.exits, new_exits, removed, tuple(findings))


def _paired(graph: ModuleGraph, before: ModuleGraph) -> dict[str, ModuleFacts | None]:
    """What each module of a graph takes the place of: that of its name; and the own cell that of the old
    one.
    """
    by_name = {facts.name: facts for facts in before.modules}
    pairs = {facts.name: by_name.get(facts.name) for facts in graph.modules}
    own = [facts for facts in graph.modules if module_of(facts.name) is None][-1:]
    old = [facts for facts in before.modules if module_of(facts.name) is None][-1:]
    if own and old and pairs[own[0].name] is None and old[0].name not in pairs:
        pairs[own[0].name] = old[0]
    return pairs


def _module(
    target: str,
    facts: ModuleFacts,
    old: ModuleFacts | None,
    hashes: set[str],
    accepted: list[AuditedLibrary],
) -> JudgedModule:
    audits = tuple(said for library in accepted if (said := library.says(facts.hash)) is not None)
    standing: Standing = "new"
    if old is not None:
        standing = "known" if old.hash == facts.hash else "changed"
    elif facts.hash in hashes:
        standing = "moved"
    source = old.source if old is not None else None
    difference = (
        None if standing in ("known", "moved") else Difference(target, facts.name, source, facts.source)
    )
    return JudgedModule(facts.name, standing, audits, facts, difference)


def _of_graph(graph: ModuleGraph, proposed: Parts, had: set[str] | None) -> list[Finding]:
    found = []
    if graph.declared is None:
        words = "it declares no exits: it is no modulecap, and may import anything when it runs"
        found.append(Finding("no-declaration", words))
    found += [
        Finding("exit-added", f"it imports {one_line(name, 80)}, and the running code does not")
        for name in graph.exits
        if had is not None and name not in had
    ]
    found += [
        Finding("undeclared-exit", f"it imports {one_line(name, 80)} and does not declare it")
        for name in graph.undeclared
    ]
    for name in sorted(set(graph.declared or ()) - set(graph.exits)):
        words = f"it declares the exit {one_line(name, 80)}, which no line of it imports"
        found.append(Finding("unused-exit", words))
    found += [
        Finding("unused-module", "nothing in the graph imports it by name", f"module {name}")
        for name in graph.unused()
    ]
    times = Counter(name for name, _ in proposed)
    found += [
        Finding("name-twice", "two parts have this name, and the last one counts", name)
        for name in sorted(times)
        if times[name] > 1
    ]
    return found


def _of_modules(modules: Iterable[JudgedModule], accepted: list[AuditedLibrary]) -> list[Finding]:
    found = []
    audited = {name for library in accepted for name, _ in library.modules.values()}
    for module in modules:
        name = module_of(module.name)
        bare = name or module.name
        if bare in audited and not module.audits:
            words = "it has the name of an audited module, and is not the source that was audited"
            found.append(Finding("name-of-another", words, module.name))
        if name is not None and (name.partition(".")[0] in sys.stdlib_module_names or name == "swingset"):
            found.append(Finding("name-of-python", "it takes the place of a module of Python's", module.name))
        if not module.name.isascii() or any(not char.isprintable() for char in module.name):
            found.append(Finding("odd-name", "its name has characters that look like others", module.name))
        if module.standing != "known" and not module.audits:
            found += [
                Finding("cannot-be-judged", f"line {doubt.line}: {doubt.words}", module.name)
                for doubt in module.facts.doubts
            ]
    return found


def _named(names: Iterable[str]) -> str:
    return ", ".join(one_line(name, 80) for name in names)
