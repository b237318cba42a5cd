"""What a contract lets others change by a decision: parameters with ranges, and pure functions.

A module for contracts. The contract declares its parameters, and the functions that it starts with, in every
incarnation. It keeps the one `Governed` in its baggage, and gives it to its governor alone; who holds it
changes them. The contract itself reads `governed.get(name)` and calls `governed.call(name, ...)`.

A parameter is an int or a text of a list. A function is a graph of modules that imports nothing: it computes
with its arguments and no more, as far as its author keeps to Python's rules. It is imported anew in each
incarnation.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import durable
from swingset.vat.contract import import_bundle, provide

MOST_TEXT = 10_000

_declared: dict[str, dict[str, Any]] = {}
"""The ranges that this incarnation declares, by the parameter's name."""

_first: dict[str, Any] = {}
"""The functions that the code has, by name."""

_imported: dict[str, Any] = {}
"""The functions that were decided, by name, as this incarnation has imported them."""


@durable
class Governed:
    """The right to change the parameters and functions of one contract, within what it declares."""

    values: Any = None
    modulecaps: Any = None

    def get(self, name: str) -> Any:
        """The value of a parameter."""
        rule = self._rule(name)
        return (self.values or {}).get(name, rule["initial"])

    def get_parameters(self) -> dict[str, Any]:
        """All parameters."""
        return {name: self.get(name) for name in _declared}

    def check_parameter(self, name: str, value: Any) -> None:
        """Raise `ValueError` if there is no such parameter, or its declaration does not allow the value."""
        check(name, self._rule(name), value)

    def set_parameter(self, name: str, value: Any) -> None:
        """Change a parameter; raises `ValueError` if its declaration does not allow the value."""
        self.check_parameter(name, value)
        self.values = {**(self.values or {}), name: value}

    def set_function(self, name: str, modulecap: object) -> None:
        """Change a function; raises `ValueError` for an unknown one, and what importing it raises."""
        if name not in _first:
            raise ValueError(f"there is no function {name!r:.60}; there are: {', '.join(sorted(_first))}")
        _imported[name] = function_of(modulecap, name)
        self.modulecaps = {**(self.modulecaps or {}), name: modulecap}

    def _rule(self, name: str) -> dict[str, Any]:
        if name not in _declared:
            raise ValueError(f"there is no parameter {name!r:.60}; there are: {', '.join(sorted(_declared))}")
        return _declared[name]

    def _call(self, name: str, *args: Any) -> Any:
        return _imported.get(name, _first[name])(*args)


def check(name: str, rule: dict[str, Any], value: Any) -> None:
    """Raise `ValueError` for a value that a declaration does not allow."""
    if "choices" in rule:
        if value not in rule["choices"]:
            raise ValueError(f"{name} is one of {', '.join(map(str, rule['choices']))}, got {value!r:.60}")
    elif type(value) is not int or not rule["least"] <= value <= rule["most"]:
        raise ValueError(f"{name} is an int from {rule['least']} to {rule['most']}, got {value!r:.60}")


def function_of(modulecap: object, name: str) -> Any:
    """The function that a graph defines under a name; raises `ValueError` if there is none."""
    module = import_bundle(modulecap, name=name, pure=True)
    found = vars(module).get(name)
    if not callable(found):
        raise ValueError(f"the graph defines no function {name}")
    return found


def governed(baggage: Any, parameters: dict[str, dict[str, Any]], functions: dict[str, Any]) -> Governed:
    """The `Governed` of a contract, the same in each incarnation, under the declarations of this one.

    A parameter is declared as `{"initial": 5, "least": 0, "most": 100}` or as `{"initial": "a", "choices":
    [...]}`. If this incarnation declares a narrower range than the value that was decided, it does not start.
    """
    _declared.clear()
    _first.clear()
    _imported.clear()
    _declared.update(parameters)
    _first.update(functions)
    found: Governed = provide(baggage, "governed", Governed)
    for name, rule in parameters.items():
        check(name, rule, rule["initial"])
        check(name, rule, found.get(name))
    for name, modulecap in (found.modulecaps or {}).items():
        if name not in functions:
            raise ValueError(f"the function {name} was decided, and this code has none of that name")
        _imported[name] = function_of(modulecap, name)
    return found


def call(found: Governed, name: str, *args: Any) -> Any:
    """Call a function of a contract: the one that was decided, or else that of its code."""
    return found._call(name, *args)
