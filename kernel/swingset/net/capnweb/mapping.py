"""Map functions of a client: recorded instructions, applied to each item of an array, or to another value.

An instruction is an expression whose numbers are variables: 0 is the item, a positive number the result of an
earlier instruction, and a negative one a capture. The last instruction is the result. So the function can
call what it was given and what that returns, and nothing else of the session.

It does a bounded amount of work for each input of the protocol: in instructions, and in the size of what it
makes of data that it uses again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swingset.wire.grammar import BODY_LIMIT

from ..extents import extent
from ..sessions import OverLimit
from ..values import Failure, Malformed, Ref, Refused, Tagged
from .paths import checked
from .reading import Reader, Scope

if TYPE_CHECKING:
    from ..core import Core

MOST_INSTRUCTIONS = 100
"""How many instructions a map function has at most."""

MOST_STEPS = 5_000
"""How many instructions are applied for one input, over all items."""

MOST_WITHIN = 10
"""How deep map functions may be in each other."""


class Mapping:
    """The map functions of one input."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._steps = 0
        self._used = 0
        self._within = 0

    def remap(self, conn: str, scope: Scope, number: Any, path: Any, captures: Any, instructions: Any) -> Ref:
        """A promise for what a map function makes of what is at a number; raises `Malformed`."""
        if type(captures) is not list or type(instructions) is not list or not instructions:
            raise Malformed("a map has captures and instructions")
        result = self._core.cells.new(["own"])
        held = [self._capture(scope, each) for each in captures]
        base = scope.value(number)
        try:
            parts = checked(path)
            if len(instructions) > MOST_INSTRUCTIONS:
                raise Refused(f"a map function has at most {MOST_INSTRUCTIONS} instructions")
            subject = self._core.web.later.part(conn, base, parts) if parts else base
            waits = [subject.name] if isinstance(subject, Ref) and subject.is_promise else []
            self._core.web.later.when(conn, [subject, held], waits, ["map", instructions, result])
        except Refused as problem:
            self._core.cells.reject(result, Failure(str(problem), "TypeError"))
        return Ref(result)

    @staticmethod
    def _capture(scope: Scope, capture: Any) -> Any:
        if type(capture) is not list or len(capture) != 2 or capture[0] not in ("import", "export"):
            raise Malformed("a capture of a map is an import or an export")
        if capture[0] == "import":
            return scope.value(capture[1])
        return scope.introduced(capture[1], promise=False)

    def apply(self, conn: str, value: Any, captures: list[Any], instructions: list[Any], result: str) -> None:
        """Apply a map function, and settle a cell with what it makes; raises `Refused`."""
        if value is None:
            self._core.cells.settle(result, False, None)
            return
        if isinstance(value, Tagged) and value.tag == "tuple":
            value = value.value
        waits: dict[str, None] = {}
        if self._within >= MOST_WITHIN:
            raise Refused(f"map functions are at most {MOST_WITHIN} deep in each other")
        self._within += 1
        try:
            if type(value) is list:
                made: Any = [self._item(conn, item, captures, instructions, waits) for item in value]
            else:
                made = self._item(conn, value, captures, instructions, waits)
        finally:
            self._within -= 1
        self._core.web.later.when(conn, made, waits, ["settle", result])

    def _item(
        self, conn: str, item: Any, captures: list[Any], instructions: list[Any], waits: dict[str, None]
    ) -> Any:
        variables = [item]
        made: Any = None
        for instruction in instructions:
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise Refused(f"map functions do at most {MOST_STEPS} steps at a time: map less at once")
            reader = Reader(self._core, conn, _Variables(self, variables, captures))
            try:
                made = reader.read(instruction)
            except OverLimit:
                raise
            except Malformed as problem:
                raise Refused(f"the map function is none: {problem}") from None
            if reader.refused is not None:
                raise Refused(reader.refused)
            variables.append(made)
        waits.update(reader.waits)
        return made

    def use(self, value: Any) -> None:
        """Count data that is used once more; raises `Refused` if that makes too much."""
        if not isinstance(value, Ref):
            self._used += extent(value)
            if self._used > BODY_LIMIT:
                raise Refused("the map function makes more data than a message may have: map less at once")


class _Variables:
    """The numbers of a map function."""

    def __init__(self, mapping: Mapping, variables: list[Any], captures: list[Any]) -> None:
        self._mapping = mapping
        self._variables = variables
        self._captures = captures

    def value(self, number: Any) -> Any:
        """A variable, or a capture."""
        if type(number) is int and 0 <= number < len(self._variables):
            found = self._variables[number]
        elif type(number) is int and 0 < -number <= len(self._captures):
            found = self._captures[-number - 1]
        else:
            raise Malformed("a map function names what it was not given")
        self._mapping.use(found)
        return found

    def introduced(self, number: Any, *, promise: bool) -> Ref:  # noqa: ARG002
        """Nothing."""
        raise Malformed("a map function introduces nothing")
