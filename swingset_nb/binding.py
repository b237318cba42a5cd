"""Which names of a world may become names of the notebook.

The names in a world file were chosen by whoever made it. Bound as they come, one of them could take the
place of `print` or `get_ipython`, or of the user's own variable. So a name is given only where it means
nothing yet; the others are told of, and can be had under another name. What the user asks for by name, as
with `%%vat bank`, replaces what they have, but never what Python or IPython give a meaning to.
"""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Mapping
from typing import Any

from swingset.guest.sending.eventual import E
from swingset.model.visible import one_line

LONGEST = 100
OF_IPYTHON = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open", "display"})
SHOWN = 10
"""How many names are listed in a sentence."""


def unfit(name: str, hidden: Mapping[str, Any] | None = None) -> str | None:
    """Why a name can be nobody's in a notebook, or None; `hidden` are names that IPython keeps for itself."""
    if not name.isidentifier() or len(name) > LONGEST or unicodedata.normalize("NFKC", name) != name:
        return "is no name of Python's"
    if keyword.iskeyword(name):
        return "is a word of Python's"
    if name.startswith("_"):
        return "begins with _"
    if hasattr(builtins, name) or name in OF_IPYTHON or name in (hidden or ()):
        return "means something else in every notebook"
    return None


class Binding:
    """The names of one shell that stand for something in a world."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.given: dict[str, Any] = {}
        self.withheld: dict[str, Any] = {}
        """What could not be given under its own name."""
        self.stale: dict[str, object] = {}
        """Variables that held something of a state that was left: they make way for names that come back."""

    def bind(self, names: Mapping[str, Any]) -> None:
        """Bind names that the user has asked for."""
        self.given.update(names)
        self._shell.push(dict(names))
        for name in names:
            self.withheld.pop(name, None)

    def offer(self, names: Mapping[str, Any]) -> list[str]:
        """Bind those of the names that are free; answers which these are. The others are withheld."""
        free = {name: value for name, value in names.items() if self._is_free(name)}
        self.withheld.update({name: value for name, value in names.items() if name not in free})
        self.bind(free)
        return sorted(free)

    def offer_e(self) -> None:
        """Give back the name `E`, where it has been lost and means nothing else."""
        if "E" not in self._shell.user_ns:
            self.bind({"E": E})
        elif self._shell.user_ns["E"] is E:
            self.given["E"] = E

    def _is_free(self, name: str) -> bool:
        if unfit(name, self._shell.user_ns_hidden) is not None or name == "E":
            return False
        namespace = self._shell.user_ns
        if name not in namespace:
            return True
        value = namespace[name]
        return any(name in known and value is known[name] for known in (self.given, self.stale))

    def forget(self) -> None:
        """The names stand for nothing any more."""
        self.given, self.withheld = {}, {}

    def told(self) -> list[str]:
        """What to say of the names that are withheld."""
        said = []
        if self._shell.user_ns.get("E") is not E:
            said.append("E means something else here: `from swingset.vat import E as ...` for what sends")
        if not self.withheld:
            return said
        names = sorted(one_line(name, 60) for name in self.withheld)
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        return [
            *said,
            f"not given, for these names mean something else here, or cannot be names: "
            f"{', '.join(names[:SHOWN])}{more}; `%swingset name {names[0]} as NEW` gives one another name",
        ]
