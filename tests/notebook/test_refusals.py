"""Every refusal of the notebook has a next step."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import swingset_nb
from swingset.core.errors import KernelError, VatFault
from swingset.guest.base.ended import LifeEndedError
from swingset.lens.exports.querying import BadQuery
from swingset.model.reports import Fault
from swingset.time.deliveries.past import NotRepeatable
from swingset.workers.base import WorkerError
from swingset.world.errors import NotAWorld, WorldError, WorldLocked
from swingset_nb import errors
from swingset_nb.commands import registered
from swingset_nb.next_steps import STEPS

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


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (WorldLocked("a.world is open in process 7"), "`%swingset close` in the notebook that has it open"),
        (
            NotRepeatable("crank 5 delivered to notebook, whose code runs in its embedder's own interpreter"),
            "`%swingset find --kind send` lists",
        ),
        (NotRepeatable("crank 5 shows no rejection and no fault"), "%swingset test 5 --name NAME --shows"),
        (NotRepeatable("there is no committed crank 500"), "`%swingset find --kind send` lists"),
        (BadQuery("no answer: no such column: foo; vats has id"), '%swingset sql "SELECT'),
        (KernelError("vat bank has no upgrade to undo: it runs"), "`%swingset undo` takes back"),
        (KernelError("a.world has no record of crank 99999"), "`%swingset find` lists"),
        (KernelError("a.world has no record of kp9: the table of promises has all"), "%swingset promises"),
        (KernelError("a.world has no record of ko9"), "%swingset clists"),
        (NotAWorld("a.world is empty"), "`%swingset open other.world`"),
        (KernelError("this world has no market: open one first"), "`%swingset market --open` opens one"),
        (KernelError("this world has a market already, and"), "`%swingset undo` takes back the cell"),
        (KernelError("there is no account anna: there are: ann"), "`%swingset market` lists the accounts"),
        (KernelError("account ann can spend 5, and this bid"), "`%swingset market` lists the accounts"),
        (KernelError("this message does not wait any more: it was"), "`%swingset queue` lists what waits"),
        (KernelError("cap of a bid wants units, an int"), "%swingset help bid"),
        (KernelError("a bid has no price; it has: account"), "%swingset help bid"),
        (KernelError("base of a market wants units"), "%swingset help bid"),
    ],
    ids=str,
)
def test_it_leads_on(error: Exception, step: str) -> None:
    """The step is one that helps after that error, not only a look at where the world stands."""
    assert errors.explain(error, lambda _part: None)[1].startswith(f"→ {step}")


@pytest.mark.parametrize("text", [line for step in STEPS for line in step.lines])
def test_a_step_names_words_that_there_are(text: str) -> None:
    """Each is a line of `%swingset` with options that its word has."""
    for word, rest in re.findall(r"%swingset ([a-z-]+)([^`]*)", text):
        assert set(re.findall(r"--[a-z]+", rest)) <= {*registered()[word].parser.options()}


@pytest.mark.parametrize("what", [errors.VatFailed, errors.UpgradeRefused])
def test_code_that_fails_has_a_next_step(what: type[errors.VatFailed]) -> None:
    """Also an exception of the user's own, about which nothing is known."""
    fault = VatFault("bank", "no vat was made", Fault("start-failed", "odd", "ValueError"))
    assert errors.vat_failed(fault, what, {}).hints
