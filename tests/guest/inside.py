"""Tests whose body is vat code.

What a collection does is seen best by code that has one in its hands. `@inside(source)` makes a test of a
function that is not run here: its text is put behind the source of a vat, and a message has it run there, on
the engine at hand. It may use whatever that source defines and `swingset.vat` offers, `pytest.raises`, and
under the name `imports` ten objects of another vat, `o-50` to `o-59`. Parameters are those of the test.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any

from tests.guest.guest_bench import Bench

HEAD = """
import json, math, re
from typing import Annotated, Any
from swingset.vat import *
from swingset.vat.explicit import *
from swingset.vat.patterns import *

class pytest:
    class raises:
        def __init__(self, kind, match=""):
            self.kind, self.match = kind, match
        def __enter__(self):
            return self
        def __exit__(self, kind, error, trace):
            assert error is not None, f"nothing was raised, wanted {self.kind}"
            if not isinstance(error, self.kind):
                return False
            self.value = error
            assert re.search(self.match, str(error)), f"{error!s} does not match {self.match}"
            return True
"""

ROOT = """
@remotable
class Tester:
    def run(self, *others):
        global imports
        imports = others
        {call}

def build_root_object():
    return Tester()
"""

imports: tuple[Any, ...] = ()
"""What these tests call the objects of another vat that they are given."""

IMPORTS = tuple(f"o-{number}" for number in range(50, 60))


def inside(source: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the body of a test in a vat whose code begins with this source."""

    def wrap(function: Callable[..., None]) -> Callable[..., None]:
        text = _text_of(function)

        def test(**given: Any) -> None:
            call = f"{function.__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"
            code = HEAD + source + text + ROOT.format(call=call)
            told = Bench(code).up().ask(
                "run", *[f"${n}.Alleged: Thing" for n in range(10)], slots=IMPORTS
            )  # fmt: skip
            if told is not None:
                line = code.splitlines()[told["trace"][-1][1] - 1].strip() if told["trace"] else ""
                raise AssertionError(f"{told['name']}: {told['#error']}, in the vat at `{line}`")

        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(test, name, getattr(function, name))
        test.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return test

    return wrap


def _text_of(function: Callable[..., None]) -> str:
    """The text of a function without its decorators and annotations."""
    tree = ast.parse(dedent(inspect.getsource(function)))
    (made,) = tree.body
    assert isinstance(made, ast.FunctionDef)
    made.decorator_list, made.returns = [], None
    for argument in made.args.args:
        argument.annotation = None
    return f"\n{ast.unparse(made)}\n"
