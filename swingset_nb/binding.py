"""Decides which names of a world become names of the notebook.

The names in a world file were chosen by whoever made it. One of them could replace `print`, `get_ipython` or
a variable of the user. So a name is bound only if it has no meaning in the notebook yet. The user is told of
the others, and can bind them under another name. A name that the user asks for, as with `%%vat bank`, is
bound too, but never over a name of Python or IPython, or over what the user holds by it (`vat_names`).

`E` and `fetch` of the library are bound while a world is open. `E` is so at home in the code of vats that no
name of a world may take its place; `fetch` gives way to any.
"""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from swingset.guest.sending.eventual import E
from swingset.host.variables.looking import is_reference
from swingset.model.visible import one_line
from swingset_nb import fetch

LONGEST = 100
OURS: Mapping[str, Any] = {"E": E, "fetch": fetch}
"""What the library binds itself, if its name is free."""
OF_IPYTHON = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open", "display"})
SHOWN = 10
"""How many names a sentence lists."""


def unfit(name: str, hidden: Mapping[str, Any] | None = None) -> str | None:
    """Why a name cannot be bound in a notebook, or None; `hidden` are IPython's own names."""
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
    """The names of one shell that are bound to references into a world."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.given: dict[str, Any] = {}
        self.withheld: dict[str, Any] = {}
        """The names that were not bound, with their values."""
        self.stale: dict[str, object] = {}
        """Variables with references of a state that was left; names that come back replace them."""

    def bind(self, names: Mapping[str, Any]) -> None:
        """Bind names that the user has asked for."""
        self.given.update(names)
        self._shell.push(dict(names))
        for name in names:
            self.withheld.pop(name, None)

    def offer(self, names: Mapping[str, Any]) -> list[str]:
        """Bind the names that are free, and return them; the others are withheld."""
        free = {name: value for name, value in names.items() if self._is_free(name)}
        self.withheld.update({name: value for name, value in names.items() if name not in free})
        self.bind(free)
        return sorted(free)

    def unbind(self, names: Iterable[str]) -> list[str]:
        """Unbind names, and return those that were bound."""
        gone = []
        for name in names:
            self.given.pop(name, None)
            if name not in self.withheld and name in self._shell.user_ns:
                del self._shell.user_ns[name]
                gone.append(name)
            self.withheld.pop(name, None)
        return sorted(gone)

    def rebind(self, names: Mapping[str, Any]) -> list[str]:
        """Bind names to the values that they had before, whatever they mean now, and return these names."""
        hidden = self._shell.user_ns_hidden
        fit = {name for name in names if name not in self.withheld and unfit(name, hidden) is None} - {"E"}
        self.withheld.update({name: value for name, value in names.items() if name not in fit})
        references = {name: names[name] for name in fit if is_reference(names[name])}
        self.bind(references)
        for name in (
            fit - references.keys()
        ):  # it is the user's own object, which stays when the world is closed
            self.given.pop(name, None)
            self._shell.user_ns[name] = names[name]
        return sorted(fit)

    def offer_ours(self) -> list[str]:
        """Bind `E` and `fetch` again, where they were deleted; returns those that have no other meaning."""
        namespace = self._shell.user_ns
        ours = {name: value for name, value in OURS.items() if namespace.get(name, value) is value}
        self.bind({name: value for name, value in ours.items() if name not in namespace})
        self.given.update(ours)
        return sorted(ours)

    def gives_way(self, name: str) -> bool:
        """Whether a name stands for something of the library, and a vat may take it."""
        return name != "E" and name in OURS and self._shell.user_ns.get(name) is OURS[name]

    def _is_free(self, name: str) -> bool:
        if unfit(name, self._shell.user_ns_hidden) is not None or name == "E":
            return False
        namespace = self._shell.user_ns
        if name not in namespace:
            return True
        value = namespace[name]
        return any(name in known and value is known[name] for known in (self.given, self.stale))

    def let_go(self) -> None:
        """Forget the values of names that mean something else by now: to remember one would keep it alive."""
        namespace = self._shell.user_ns
        for known in (self.given, self.stale):
            for name in [name for name, value in known.items() if namespace.get(name) is not value]:
                del known[name]

    def forget(self) -> None:
        """Forget all names."""
        self.given, self.withheld = {}, {}

    def other_e(self) -> list[str]:
        """The message about `E`, if it means something else."""
        if self._shell.user_ns.get("E", E) is E:
            return []
        return ["E has another meaning here: to send, use `from swingset.vat import E as ...`"]

    def told(self) -> list[str]:
        """The messages about names that are withheld."""
        said = self.other_e()
        if not self.withheld:
            return said
        names = sorted(one_line(name, 60) for name in self.withheld)
        more = f" and {len(names) - SHOWN:,} more, listed by `%swingset names`" if len(names) > SHOWN else ""
        return [
            *said,
            f"not bound, because these names have another meaning here or are not valid names: "
            f"{', '.join(names[:SHOWN])}{more}; `%swingset name {names[0]} as NEW` gives one another name",
        ]
