"""Names that the glossary strikes out stay out, and its rows can be read."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from swingset.model.glossary import find, terms
from swingset_nb import commands
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook

ROOT = Path(__file__).parent.parent.parent
PLACES = ("kernel", "swingset_nb", "docs", "notebooks", "benchmarks", "README.md", "SECURITY.md", "Makefile")
READ = {".py", ".md", ".js", ".mjs", ".ipynb", ".toml", ""}


def struck_out() -> list[str]:
    """The names in the last column of the glossary."""
    return [name for term in terms() for name in term.not_said]


def test_every_row_is_read() -> None:
    """No row of the file is left out, each has terms and a meaning, and CONTRIBUTING.md says where it is."""
    path = ROOT / "kernel" / "swingset" / "glossary.md"
    rows = [line for line in path.read_text().splitlines() if line.startswith("| ") and "| say |" not in line]
    assert len(rows) == len(terms()) > 80
    assert sum(row.count("~~`") for row in rows) == len(struck_out())
    assert all(term.meaning and all(term.words) for term in terms())
    said = [word for term in terms() for word in term.words if "(" not in term.written]
    assert len(said) == len({*said}), "each term has one row"
    assert "kernel/swingset/glossary.md" in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Every text of the project by its path, but for what was installed or generated beside it."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", *PLACES],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    names = listed or [
        str(path.relative_to(ROOT))
        for place in PLACES
        for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"))
        if "node_modules" not in path.parts
    ]
    paths = [ROOT / name for name in names]
    return {
        str(path.relative_to(ROOT)): path.read_text(errors="replace")
        for path in paths
        if path.is_file() and path.suffix in READ and path.name != "glossary.md"
    }


def test_the_glossary_strikes_names_out() -> None:
    """There is something to look for."""
    assert len(struck_out()) > 20


@pytest.mark.parametrize("name", struck_out())
def test_an_old_name_stays_out(name: str, texts: dict[str, str]) -> None:
    """No code, page, notebook or command uses a name that was given up."""
    whole = re.compile(rf"(?<![\w]){re.escape(name)}(?!\w)" if name[-1].isalnum() else re.escape(name))
    found = [
        f"{path}:{text[: match.start()].count(chr(10)) + 1}"
        for path, text in texts.items()
        for match in whole.finditer(text)
    ]
    assert not found


WORDS = {
    "README.md": (
        *("vat", "vats", "capability", "object-capability", "reference", "references", "message"),
        *("eventual messages", "identity", "state", "code", "run-queue", "run queue", "c-list", "c-lists"),
        *("kernel", "confined", "metered", "deterministic", "heap", "heap images", "E", "D", "promise"),
        *(
            "rejects",
            "rejected",
            "incarnation",
            "upgraded",
            "refused",
            "abandoned",
            "broken",
            "kind",
            "store",
        ),
        *("crank", "cranks", "digest", "checkpoints", "computrons", "worker", "wasm", "local", "fork"),
        *("rehearsal", "durable", "remotable", "root", "baggage", "guard", "powers", "parameters"),
        *("pipelines", "session", "devices", "meters", "transcript", "confinement", "cell"),
    ),
    "docs/README.md": (
        *("collections", "watchers", "disconnected", "garbage", "archive", "mirror", "bundles", "admin node"),
        *(
            "mailbox",
            "bridge",
            "suspending",
            "paused",
            "policies",
            "replay",
            "branch",
            "breakpoints",
            "rings",
        ),
        *("trace", "causes", "contract", "notified", "notify", "adopted", "facets", "critical", "limits"),
    ),
    "notebooks/concepts.ipynb": (
        *("object capability", "vref", "kref", "exports", "imports", "fulfilled", "settled", "settles"),
        *("resolver", "pipelining", "delivery", "delivers", "send", "method", "unresolved", "deciders"),
        *("subscribers", "holders", "parked", "suspended", "resumed", "terminated", "snapshot", "migrated"),
        *("handle", "host", "engine", "notebook", "determinism"),
    ),
}
"""What each page, with those that it lists, uses as terms, in the forms in which it does."""


@pytest.mark.parametrize(("page", "word"), [(page, word) for page, words in WORDS.items() for word in words])
def test_help_explains_every_word(page: str, word: str) -> None:
    """`%swingset help WORD` gives the meaning of a row, for a subcommand of that name too."""
    shown = commands.run(cast(Notebook, None), f"help {word}")
    assert shown is not None
    assert any(term.meaning in shown.plain() for term in terms()), page


ORDINARY = {
    *("account", "call", "cell", "code", "contract", "deliver", "go back", "hold", "import", "library"),
    *(
        "limit",
        "local",
        "look",
        "lost",
        "message",
        "method",
        "moment",
        "notebook",
        "offer",
        "open",
        "outputs",
    ),
    *("pause", "record", "request", "restart", "return", "send", "state", "step", "store", "story", "undo"),
    *("share", "fetch", "upgrade", "version"),
}
"""Terms that say what the word says everywhere, so that a page may use them before it says more of them."""

_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def first_uses(page: str) -> Iterator[tuple[str, str, bool]]:
    """Each term that a page uses outside of code: with its line, and whether it is explained or linked there.

    A term is explained where it is emphasised, and linked where it is in the text of a link.
    """
    text = (ROOT / page).read_text()
    if page.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        text = text.partition("\n\n")[2]  # the title is a name, and the first text tells its words
    marked = _LINK.sub(r"*\1*", _CODE.sub(" ", text))
    for term in terms():
        ways = "|".join(re.escape(word) for word in term.words)
        found = re.search(rf"(?<![\w-])(?:{ways})(?:s|es|ed|d|ing|al|led)?(?![\w-])", marked, re.IGNORECASE)
        if found is not None and not ORDINARY & {*term.words}:
            begin, end = marked.rfind("\n", 0, found.start()) + 1, marked.find("\n", found.end())
            line, before = marked[begin:end], marked[begin : found.start()]
            yield found[0], line, before.replace("**", "*").count("*") % 2 == 1


@pytest.mark.parametrize("page", ["README.md", "notebooks/concepts.ipynb"])
def test_a_term_is_explained_or_linked_at_its_first_use(page: str) -> None:
    """Somebody who knows Python and nothing of this reads the page without a word that it leaves open."""
    uses = list(first_uses(page))
    assert len(uses) > 15
    assert [(word, line) for word, line, told in uses if not told] == []


@pytest.mark.parametrize(
    ("word", "row"),
    [
        ("Notified", "notification, notify"),
        ("policies", "policy"),
        ("dropped anchors", None),
        ("metered", "metered"),
        ("meters", "meter"),
        ("run queue", "run-queue"),
        ("committed", "commit"),
        ("s", None),
        ("", None),
    ],
)
def test_a_word_is_found_in_another_form(word: str, row: str | None) -> None:
    """Plural, past and `-ing` lead to the row; a word of its own row comes first; nothing is made up."""
    found = find(word)
    assert (found.written if found else None) == row


def test_what_is_no_word_is_no_term() -> None:
    """It is refused, and not explained by what only looks like it."""
    with pytest.raises(BadArguments, match="no term of the glossary"):
        commands.run(cast(Notebook, None), "help hovercraft")
