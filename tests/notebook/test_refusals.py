"""Every refusal of the notebook has a next step."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import swingset_nb
from swingset.core.errors import KernelError, VatFault
from swingset.guest.base.ended import LifeEndedError
from swingset.model.reports import Fault
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError
from swingset_nb import errors

KINDS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.SwingSetError | errors.Interrupted)
}
HERE = Path(swingset_nb.__file__).parent


def refusals() -> list[tuple[str, ast.Call]]:
    """Each call that makes an error of the notebook's own, with its place."""
    return [
        (f"{path.name}:{node.lineno}", node)
        for path in sorted(HERE.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS
    ]


@pytest.mark.parametrize(("place", "call"), refusals(), ids=[place for place, _ in refusals()])
def test_a_refusal_says_what_to_do(place: str, call: ast.Call) -> None:
    """It is made with a hint beside its message: a line to type, or what to change."""
    _message, *hints = call.args
    assert hints, f"{place} refuses without a next step"


def test_all_of_them_are_looked_at() -> None:
    """There are dozens, of every class."""
    assert len(refusals()) > 40
    assert {"SwingSetError", "BadArguments", "NoWorldOpen", "Interrupted"} <= KINDS


@pytest.mark.parametrize(
    "error",
    [KernelError("no"), WorldError("no"), WorkerError("no"), LifeEndedError("no")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_layers_below_has_a_next_step_too(error: Exception) -> None:
    """One that nothing else advises on."""
    assert errors.explain(error, lambda _part: None)[-1].startswith("→ ")
    assert errors.explain(error, lambda _part: None, ["do this"])[-1] == "→ do this"


@pytest.mark.parametrize("what", [errors.VatFailed, errors.UpgradeRefused])
def test_code_that_fails_has_a_next_step(what: type[errors.VatFailed]) -> None:
    """Also an exception of the user's own, about which nothing is known."""
    fault = VatFault("bank", "no vat was made", Fault("start-failed", "odd", "ValueError"))
    assert errors.vat_failed(fault, what, {}).hints
