"""Builds the site: the pages, the notebooks, and a reference made of docstrings and of the words' own help.

    python docs/site/build.py [OUT]

What Sphinx reads is put together in a folder of its own, in the shape of the repository, so that a link on a
page leads to the same place on the site as in a checkout. Notebooks appear with their stored outputs, which
the tests compare; nothing is executed here. The reference names everything that the public
modules export, every magic and every subcommand: it is written anew for each build and cannot drift.
A warning of Sphinx ends the build.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.cmd.build import build_main

from swingset.command.cli import parser
from swingset_nb import commands, magics
from swingset_nb.on_lessons import lessons

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
FOLDERS = ("docs", "docs/design", "notebooks", "benchmarks")
GLOSSARY = "kernel/swingset/glossary.md"
MODULES = {
    "swingset": ("swingset", "What an embedder and a notebook use."),
    "swingset.vat": ("vat", "What the code of a vat uses."),
    "swingset.vat.patterns": ("vat-patterns", "What narrows an annotation or an iteration."),
    "swingset.vat.explicit": ("vat-explicit", "Kinds and collections without classes."),
    "swingset.vat.contract": ("vat-contract", "What the code of a contract uses."),
    "swingset.vat.testing": ("vat-testing", "What tests of vat code use."),
    "swingset.testing": ("testing", "What tests of whole worlds use."),
    "swingset.cluster": ("cluster", "Forks of a world by the thousand, and worlds that fail over."),
}
"""The public modules: the page of each, and what it is for."""


def gather(source: Path) -> None:
    """Put together what Sphinx reads."""
    for name in PAGES:
        shutil.copy(ROOT / name, source / name)
    for folder in FOLDERS:
        for page in sorted((ROOT / folder).glob("*.md")) + sorted((ROOT / folder).glob("*.ipynb")):
            (source / folder).mkdir(exist_ok=True)
            shutil.copy(page, source / folder / page.name)
    shutil.copytree(ROOT / "docs" / "pictures", source / "docs" / "pictures")
    (source / GLOSSARY).parent.mkdir(parents=True)
    shutil.copy(ROOT / GLOSSARY, source / GLOSSARY)
    shutil.copy(Path(__file__).with_name("conf.py"), source / "conf.py")
    write_reference(source / "reference")
    (source / "index.md").write_text(_index(source))


def _index(source: Path) -> str:
    text = (source / "README.md").read_text()
    (source / "README.md").unlink()
    return "\n".join(
        [
            text,
            _tree(
                "Notebooks",
                (f"notebooks/{name}" for name in lessons()),
            ),
            _tree("Concepts", _listed(source, "docs")),
            _tree("Design", _listed(source, "docs/design")),
            _tree(
                "Reference",
                (f"reference/{page.stem}" for page in sorted((source / "reference").glob("*.md"))),
            ),
            _tree(
                "The project",
                (
                    *("CHANGELOG", "CONTRIBUTING", "SECURITY", "benchmarks/README"),
                    GLOSSARY.removesuffix(".md"),
                ),
            ),
        ]
    )


def _listed(source: Path, folder: str) -> list[str]:
    """The pages of a folder, in the order in which its first page lists them."""
    order = (source / folder / "README.md").read_text()
    names = sorted(
        (page.stem for page in (source / folder).glob("*.md")), key=lambda name: order.find(f"({name}.md)")
    )
    return [f"{folder}/{name}" for name in names]


def _tree(caption: str, pages: Iterable[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])


def write_reference(folder: Path) -> None:
    """Write the pages of the reference."""
    folder.mkdir()
    seen = set[int]()
    for name, (page, summary) in MODULES.items():
        (folder / f"{page}.md").write_text(_module(name, summary, seen))
    (folder / "magics.md").write_text(_magics())
    (folder / "command.md").write_text(_command())


def _module(name: str, summary: str, seen: set[int]) -> str:
    """The page of a module; what another page has already is there without a place in the index."""
    module = importlib.import_module(name)
    lines = [f"# {name}", "", summary, ""]
    for word in sorted(module.__all__, key=str.lower):
        thing = getattr(module, word)
        again = ["   :no-index:"] if id(thing) in seen else []
        seen.add(id(thing))
        lines += [
            "```{eval-rst}",
            f".. {_directive(thing)}:: {name}.{word}",
            *_options(thing),
            *again,
            "```",
            "",
        ]
    return "\n".join(lines)


def _directive(thing: Any) -> str:
    if inspect.isclass(thing):
        return "autoexception" if issubclass(thing, BaseException) else "autoclass"
    return "autofunction" if inspect.isfunction(thing) else "autodata"


def _options(thing: Any) -> list[str]:
    return ["   :members:"] if inspect.isclass(thing) else []


def _magics() -> str:
    lines = ["# Magics", ""]
    for line in (magics.VAT, magics.KIND, magics.MODULE, magics.LOOK, magics.WHATIF):
        lines += [f"## {line.prog}", "", f"{line.description[:1].upper()}{line.description[1:]}.", ""]
        lines += ["```text", line.usage_line(), *line.described(), "```", ""]
    for found in commands.registered().values():
        lines += [f"## %swingset {found.name}", "", f"{found.summary[:1].upper()}{found.summary[1:]}.", ""]
        lines += ["```text", found.parser.usage_line(), *found.parser.described(), "```", ""]
    return "\n".join(lines)


def _command() -> str:
    command = parser()
    lines = ["# The command", "", "```text", command.format_help().rstrip(), "```", ""]
    (subcommands,) = (action for action in command._actions if isinstance(action, argparse._SubParsersAction))
    for name, each in subcommands.choices.items():
        lines += [f"## swingset {name}", "", "```text", each.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def main() -> int:
    """Build the site; the exit status of Sphinx."""
    given = argparse.ArgumentParser(description="build the site")
    given.add_argument("out", nargs="?", default=str(ROOT / "build" / "site"), help="where to put the pages")
    out = given.parse_args().out
    with tempfile.TemporaryDirectory() as work:
        source = Path(work)
        gather(source)
        return build_main(["-W", "--keep-going", "-q", "-b", "html", "-d", str(source / ".trees"), work, out])


if __name__ == "__main__":
    sys.exit(main())
