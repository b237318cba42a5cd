"""The explorer without a browser: what it sends, what its messages do, and that looking changes nothing."""

from __future__ import annotations

import contextlib
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import swingset
from swingset_nb import extension
from swingset_nb.asleep import cures, parked
from swingset_nb.deltas import merged
from swingset_nb.explorer import MOST_BREAKS, Explorer
from tests.notebook.kernels import bank, shown_by


class Seen:
    """An explorer, and what a page would see of it."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.notebook = shell._swingset_nb.notebook
        self.panel = Explorer(self.notebook)
        self.notebook.panels.append(self.panel)
        self.panel.refresh()

    def press(self, kind: str, **more: object) -> Explorer:
        """Send what a button of the page sends; the world stays sound, whatever it is."""
        self.panel._hear(self.panel, {"kind": kind, **more}, [])
        return self.panel

    def run(self, cell: str) -> None:
        """Run a cell that has to succeed."""
        ran = self.shell.run_cell(cell)
        assert ran.success, ran.error_in_exec

    def kref(self, name: str) -> str:
        """The kref of what a name stands for."""
        return str(self.notebook.world.session.kref_of(self.shell.user_ns[name]))

    def labels(self) -> list[str]:
        """The labels of all rows."""
        return [row["label"] for box in self.panel.world["boxes"] for row in box["rows"]]

    @property
    def crank(self) -> int:
        """The last crank."""
        return int(self.notebook.world.controller.crank)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """A bank with some purses, one of which was used, and an explorer of it."""
    monkeypatch.chdir(tmp_path)
    shell: Any = InteractiveShell()
    extension.load(shell)
    shell.run_cell("%swingset open a.world --worker local")
    shell.run_cell(bank())
    shell.run_cell('purse = await E(bank).open_purse("alice")')
    shell.run_cell("others = [await E(bank).open_purse(f'c{n}') for n in range(5)]")
    shell.run_cell("await E(purse).deposit(10)")
    yield Seen(shell)
    extension.unload(shell)


def test_it_shows_a_past_moment_and_the_present_again(seen: Seen) -> None:
    """A look back shows the rows and fields of then, and neither the world nor its file changes."""
    before = seen.notebook.world.controller.digest()
    assert "Purse alice · 10" in seen.labels()
    seen.press("pick", subject=seen.kref("purse"))
    assert [field["value"] for field in seen.panel.inspector["fields"]] == ["'alice'", "10"]
    panel = seen.press("look", crank=2)
    assert (panel.bar["at"], panel.bar["crank"], panel.tick["what"]) == (2, 2, "open_purse")
    assert "Purse alice · 0" in seen.labels()
    assert [field["value"] for field in panel.inspector["fields"]] == ["'alice'", "0"]
    panel = seen.press("look", crank=0)
    assert (panel.world["boxes"], panel.inspector, panel.tick) == ([], {}, {})
    panel = seen.press("look", crank=10**9)
    assert panel.bar["at"] is None
    assert "Purse alice · 10" in seen.labels()
    assert panel.error == ""
    assert seen.notebook.world.controller.digest() == before


def test_what_has_not_changed_is_not_sent_again(seen: Seen) -> None:
    """A click sends the inspector alone; a cell that changes nothing sends nothing."""
    sent: list[str] = []
    seen.panel.observe(lambda change: sent.append(change["name"]))
    seen.press("pick", subject=seen.kref("purse"))
    assert set(sent) == {"inspector", "turn"}
    sent.clear()
    seen.run("x = 1")
    assert sent == []
    seen.press("open", row="g:nonesuch")
    assert sent == ["turn"]
    sent.clear()
    seen.run("await E(purse).deposit(1)")
    assert set(sent) == {"bar", "timeline", "world", "tick", "patch"}


def test_a_cell_does_not_wait_for_what_is_inspected(seen: Seen) -> None:
    """After a cell the inspector is stale and says so, until the page asks for it again."""
    seen.press("pick", subject=seen.kref("purse"))
    seen.run("await E(purse).deposit(1)")
    values = [field["value"] for field in seen.panel.inspector["fields"]]
    assert (seen.panel.bar["stale"], values) == (True, ["'alice'", "10"])
    panel = seen.press("again")
    values = [field["value"] for field in panel.inspector["fields"]]
    assert (panel.bar["stale"], values) == (False, ["'alice'", "11"])


def test_equal_objects_are_one_row_until_it_is_opened(seen: Seen) -> None:
    """Opening lists them, closing folds them."""
    (row,) = [row for box in seen.panel.world["boxes"] for row in box["rows"] if row["opens"]]
    assert row["count"] == 5
    seen.press("open", row=row["id"])
    assert "c3" in " ".join(seen.labels())
    seen.press("close", row=row["id"])
    assert "Purse c3 · 0" not in seen.labels()


def test_step_run_and_pause(seen: Seen) -> None:
    """Step runs one crank and keeps what vats said; Run ends the pause; both show the present."""
    seen.run("%swingset pause")
    seen.run('second = E(bank).open_purse("bob")')
    assert [each["what"] for each in seen.panel.world["waiting"]] == ["open_purse"]
    seen.press("look", crank=3)
    panel = seen.press("step")
    assert (panel.bar["at"], panel.tick["what"], panel.tick["args"]) == (None, "open_purse", "'bob'")
    assert panel.said == ["bank │ opening bob"]
    panel = seen.press("run")
    assert (panel.bar["paused"], panel.bar["did"]["line"]) == (False, "%swingset run")
    assert seen.shell.user_ns["second"].status == "fulfilled"
    assert seen.press("pause").bar["paused"] is True
    assert "nothing can run" in " ".join(seen.press("step").bar["did"]["lines"])


def test_a_run_stops_at_a_breakpoint(seen: Seen) -> None:
    """Breakpoints are predicates, of which any stops a run; what is no predicate is refused."""
    seen.press("break", predicate='method == "deposit"')
    seen.press("break", predicate="rejection")
    assert seen.panel.bar["breaks"] == ['method == "deposit"', "rejection"]
    seen.run("%swingset pause")
    seen.run("E(bank).open_purse('x'); E(purse).deposit(1); E(purse).deposit(2); None")
    panel = seen.press("run")
    assert panel.tick["args"] == "1"
    assert panel.bar["paused"] is True
    assert "%swingset until" in panel.bar["did"]["line"]
    seen.press("unbreak", predicate="rejection")
    seen.press("unbreak", predicate='method == "deposit"')
    assert seen.press("run").bar["breaks"] == []
    assert seen.panel.world["waiting"] == []
    assert seen.press("whatif").bar["did"] is not None
    panel = seen.press("break", predicate="__import__('os')")
    assert ("no predicate" in panel.error, panel.bar["did"]) == (True, None)
    for number in range(MOST_BREAKS + 1):
        seen.press("break", predicate=f"computrons > {number}")
    assert "breakpoints already" in seen.panel.error


def test_the_world_goes_on_from_the_past(seen: Seen) -> None:
    """First it says what that costs and changes nothing; confirmed, names come back as they were."""
    there = seen.crank
    seen.run("later = await E(bank).open_purse('later')")
    assert "drag the timeline back" in seen.press("branch").error
    seen.press("look", crank=there)
    panel = seen.press("branch")
    assert panel.bar["ask"]["crank"] == there
    assert any("open_purse('later')" in line for line in panel.bar["ask"]["lines"])
    assert seen.press("dismiss").bar["ask"] is None
    assert seen.crank > there
    panel = seen.press("branch", crank=there, confirmed=True)
    assert (panel.error, panel.bar["at"], panel.bar["present"]) == ("", None, there)
    assert panel.bar["did"]["line"] == f"%swingset go-on {there} --yes"
    assert "later" not in seen.shell.user_ns
    seen.run("assert await E(purse).deposit(1) == 11")


def test_what_if_runs_in_a_fork(seen: Seen) -> None:
    """The cell to copy begins at the moment that is shown; dropping a message shows both worlds."""
    before = seen.notebook.world.controller.digest()
    deposit = seen.crank - 1
    assert seen.press("whatif").bar["did"]["line"] == "%%whatif"
    seen.press("look", crank=deposit)
    assert seen.press("whatif").bar["did"]["line"] == f"%%whatif --at {deposit}"
    panel = seen.press("whatif", crank=deposit)
    assert panel.bar["did"]["line"] == f"%whatif --at {deposit} --drop"
    assert "balance" in " ".join(panel.bar["did"]["lines"])
    assert seen.notebook.world.controller.digest() == before


VERBS = [
    ("bind", "purse", {"name": "mine"}, "%swingset name ko21 as mine", "mine stands for"),
    ("bind", "purse", {"name": "print"}, "", "means something else"),
    ("bind", "bank", {"name": "the_bank"}, "%swingset name ko20 as the_bank", "the_bank stands for"),
    ("send", "purse", {"method": "deposit", "args": "5"}, "await E(purse).deposit(5)", "15"),
    ("send", "purse", {"method": "deposit", "args": "amount=5"}, "await E(purse).deposit(amount=5)", "15"),
    ("send", "purse", {"method": "deposit", "args": "-1"}, "await E(purse).deposit(-1)", "cannot deposit"),
    ("send", "bank", {"method": "open_purse", "args": "'x'"}, "await E(bank).open_purse('x')", "Purse"),
    ("send", "purse", {"method": "deposit", "args": "open('/etc/passwd')"}, "", "no value that can be sent"),
    ("send", "purse", {"method": "deposit", "args": "1) + (2"}, "", "are no arguments"),
    ("send", "purse", {"method": "__class__", "args": ""}, "", "no name of a method"),
    ("trace", "purse", {}, "%swingset trace 14", "Purse.deposit returns 10"),
    ("suspend", "v2", {"reason": "to look"}, "%swingset suspend bank 'to look'", "is suspended"),
    ("suspend", "v2", {"reason": "--help"}, "%swingset suspend -- bank --help", "is suspended"),
    ("suspend", "v2", {"reason": "half \ud800"}, "%swingset suspend bank 'half \\ud800'", "is suspended"),
    ("resume", "v2", {}, "", "is not suspended"),
    ("upgrade", "v1", {}, "", "it is the session itself"),
    ("explode", "v2", {}, "", "nothing is called 'explode'"),
    ("send", "ko99", {"method": "x"}, "", "no such thing"),
]


def test_the_page_has_all_that_is_shown_by_the_changes_alone(seen: Seen) -> None:
    """Traits and patches, in the order in which they are sent, make what the kernel has; most are patches."""
    page = shown_by(seen.panel)
    sizes: list[int] = []
    patched: set[str] = set()

    def send(message: Any, buffers: object = None) -> None:
        state = json.loads(json.dumps(message["state"]))
        sizes.append(len(json.dumps(state)))
        page.update(state)
        for name, change in state.get("patch", {}).get("regions", {}).items():
            patched.add(name)
            page[name] = merged(page[name], change)

    seen.panel._send = send
    (group,) = [row["id"] for box in seen.panel.world["boxes"] for row in box["rows"] if row["opens"]]
    looks: list[tuple[str, dict[str, Any]]] = [
        *(("look", {"crank": crank}) for crank in (3, 4, 0, 9, 99)),
        *[("open", {"row": group}), ("pick", {"subject": seen.kref("purse")}), ("search", {"text": "c3"})],
        *[("watch", {"view": "costs"}), ("close", {"row": group}), ("step", {})],
    ]
    for kind, more in looks:
        seen.press(kind, **more)
        assert page == shown_by(seen.panel), kind
    sizes.clear()
    for _ in range(4):
        seen.run("await E(purse).deposit(1)")
        assert page == shown_by(seen.panel)
    seen.run("%swingset go-on 5 --yes")
    assert page == shown_by(seen.panel)
    assert patched >= {"world", "timeline", "inspector"}
    assert max(sizes[:4]) < 3_000, sizes


def test_a_vat_is_upgraded_within_the_panel(seen: Seen) -> None:
    """The verb opens the vat's upgrade panel in this one, which says what has a change; closing ends it."""
    assert seen.panel.bar["changed"] == []
    panel = seen.press("verb", verb="upgrade", subject=seen.kref("purse"))
    first = panel.walkthrough
    assert (panel.error, first.view["vat"], first.view["rows"]) == ("", "bank", [])
    seen.run(bank().replace("+= amount", "+= 2 * amount"))
    assert panel.bar["changed"] == ["bank"]
    assert first.view["rows"]
    assert seen.press("upgrade", vat="bank").walkthrough is first
    first._hear(first, {"kind": "rehearse"}, [])
    assert first.view["told"]["verdict"]["ok"]
    first._hear(first, {"kind": "apply"}, [])
    assert (first.error, panel.bar["changed"]) == ("", [])
    assert [box["incarnation"] for box in panel.world["boxes"] if box["name"] == "bank"] == [1]
    seen.press("shut")
    assert (panel.walkthrough, first.comm) == (None, None)
    assert "that vat has no cell that was changed" in seen.press("upgrade", vat="bank").error
    open_again = seen.press("verb", verb="upgrade", subject="v2").walkthrough
    seen.run("%swingset close")
    assert (panel.walkthrough, open_again.comm, panel.bar["open"]) == (None, None, False)


def test_the_code_of_panels_is_sent_once(seen: Seen) -> None:
    """Panels carry little of their own; if somebody closes the code, the next panel has it again."""
    other = Explorer(seen.notebook)
    assert other.code is seen.panel.code
    assert len(other._esm) < len(other.code._esm) / 20
    other.code.close()
    third = Explorer(seen.notebook)
    assert third.code is not other.code
    assert third.code.comm is not None


@pytest.mark.parametrize(("verb", "subject", "more", "line", "said"), VERBS)
def test_verbs(seen: Seen, verb: str, subject: str, more: dict[str, str], line: str, said: str) -> None:
    """Each does what a line does that one could type, and shows that line; a refusal says what helps."""
    known = {"purse": seen.kref("purse"), "bank": seen.kref("bank")}
    seen.press("verb", verb=verb, subject=known.get(subject, subject), **more)
    if not line:
        assert said in seen.panel.error
        assert seen.panel.bar["did"] is None
        return
    assert seen.panel.error == ""
    assert seen.panel.bar["did"]["line"] == line
    assert said in " ".join(seen.panel.bar["did"]["lines"])


@pytest.mark.parametrize(("method", "args"), [("deposit", "-1"), ("deposit", ""), ("nonesuch", "")])
def test_a_rejected_message_is_handled_by_the_panel(seen: Seen, method: str, args: str) -> None:
    """Its answer is shown once; nothing is recorded as unhandled, and nothing prints."""
    panel = seen.press("verb", verb="send", subject=seen.kref("purse"), method=method, args=args)
    assert "rejected with" in " ".join(panel.bar["did"]["lines"])
    found = str(swingset.console(seen.notebook.world.controller))
    assert "unhandled" not in found
    assert "explorer_verbs" not in found


def test_a_search_takes_any_text(seen: Seen) -> None:
    """Half of a surrogate pair, too, which no file can hold."""
    panel = seen.press("search", text="\ud800")
    assert panel.error == ""
    assert panel.found["hits"] == []


ASLEEP = [
    ("verb", "no answer yet: nothing is left to run", "`%swingset resume bank` lets it go on as it is"),
    ("step", "what waits is parked for suspended vats", "`%swingset resume bank` lets it go on as it is"),
]


@pytest.mark.parametrize(("kind", "said", "cure"), ASLEEP)
def test_a_suspended_vat_says_so_and_what_resumes_it(seen: Seen, kind: str, said: str, cure: str) -> None:
    """Send and Step name the vat, why it is suspended, and the cure: no other code, if a person did it."""
    seen.run("%swingset suspend bank for lunch")
    seen.run("waits = E(purse).deposit(1)")
    panel = seen.press(kind, verb="send", subject=seen.kref("purse"), method="deposit", args="2")
    lines = " ".join(panel.bar["did"]["lines"])
    assert said in lines
    assert "bank" in lines
    assert cure in lines
    assert "better code" not in lines
    assert "for lunch" in seen.notebook.world.controller.vats["bank"].reason


def test_what_is_parked_was_no_delivery(seen: Seen) -> None:
    """The last crank of a suspended vat says that its message was not delivered."""
    seen.run("%swingset suspend bank")
    seen.run("waits = E(purse).deposit(1)")
    for subject in ("v2", seen.kref("purse")):
        found = seen.panel._model.inspect(subject, None)
        assert found is not None
        assert found.last.startswith("deposit(1) → parked, so not delivered yet")


CURES = [
    ("for lunch", ["resume"]),
    (None, ["resume"]),
    ("deposit(1) was interrupted", ["resume"]),
    ("out-of-computrons: too much work", ["upgrade", "resume", "help"]),
    ("start-failed: no build_root_object", ["upgrade", "resume", "help"]),
]


@pytest.mark.parametrize(("reason", "words"), CURES)
def test_better_code_is_a_cure_where_the_code_was_the_cause(reason: str | None, words: list[str]) -> None:
    """A vat that the kernel suspended needs better code; one that a person suspended is resumed."""
    found = cures("bank", reason)
    assert [next(word for word in ("upgrade", "resume", "help") if word in line) for line in found] == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "nothing waits"), (1, "1 event is"), (2000, "2,000 events are")]
)
def test_what_is_parked_is_counted(count: int, words: str) -> None:
    """In good English."""
    assert parked(count).startswith(words)


def test_a_message_that_waits_is_dropped(seen: Seen) -> None:
    """A card of the run-queue has a button for it, and its line says the same."""
    seen.run("%swingset pause")
    seen.run("lost, kept = E(purse).deposit(1), E(purse).deposit(2)")
    first = seen.panel.world["waiting"][0]["id"]
    panel = seen.press("verb", verb="drop", subject=f"waiting:{first}")
    assert panel.error == ""
    assert panel.bar["did"]["line"].startswith("%swingset drop --position ")
    assert [each["args"] for each in panel.world["waiting"] if each["what"] == "deposit"] == ["2"]
    assert "drop which event" in str(seen.shell.run_cell("%swingset drop").error_in_exec)


def test_any_object_gets_a_name_by_its_kref(seen: Seen) -> None:
    """Also one that the notebook does not hold; what is no object, or not there, is refused by name."""
    first = seen.kref("purse")
    seen.run("del purse")
    seen.run("%swingset collect --shown")
    seen.run("kept = await E(bank).open_purse('kept')\nwaits = E(bank).open_purse('soon')")
    other = seen.kref("kept")
    seen.run(f"%swingset name {other} as again")
    assert seen.shell.user_ns["again"] is seen.shell.user_ns["kept"]
    for kref in (first, "ko999", "kp999", seen.kref("waits")):
        refused = seen.shell.run_cell(f"%swingset name {kref} as another")
        assert kref in str(refused.error_in_exec)
        assert "another" not in seen.shell.user_ns
    assert seen.notebook.world.controller.verify() == []


def test_search_finds_names_fields_and_prints(seen: Seen) -> None:
    """A hit of the past leads there, others are inspected."""
    panel = seen.press("search", text="alice")
    kinds = {hit["kind"] for hit in panel.found["hits"]}
    assert kinds >= {"field", "print", "message"}
    printed = next(hit for hit in panel.found["hits"] if hit["kind"] == "print")
    panel = seen.press("pick", subject=printed["subject"], crank=printed["crank"])
    assert panel.bar["at"] == printed["crank"]
    assert panel.inspector["kind"] == "crank"


BAD: list[dict[str, object]] = [
    {"kind": "look"},
    {"kind": "look", "crank": "3"},
    {"kind": "look", "crank": -5},
    {"kind": "look", "crank": True},
    {"kind": "zoom", "since": 9, "until": 3},
    {"kind": "zoom", "since": -(10**30), "until": 10**30},
    {"kind": "zoom", "since": [], "until": {}},
    {"kind": "open", "row": "x" * 10**5},
    {"kind": "close", "row": None},
    {"kind": "pick", "subject": "crank:99999999999999999999"},
    {"kind": "pick", "subject": "waiting:"},
    {"kind": "pick", "subject": "ko" + "9" * 500, "crank": 2},
    {"kind": "search", "text": "\x1b[31m" * 100},
    {"kind": "search"},
    {"kind": "verb", "verb": [], "subject": {}},
    {"kind": "branch", "crank": 10**9, "confirmed": True},
    {"kind": "branch", "crank": -1, "confirmed": True},
    {"kind": "whatif", "crank": 10**9},
    {"kind": "break", "predicate": "(" * 900},
    {"kind": ["look"]},
]


def test_whatever_a_page_sends_the_panel_stays(seen: Seen) -> None:
    """Messages that no button sends neither raise nor change the world, and the next look works."""
    before = seen.notebook.world.controller.digest()
    for message in BAD:
        seen.panel._hear(seen.panel, message, [])
    panel = seen.press("look", crank=None)
    assert panel.error == ""
    assert "Purse alice · 10" in seen.labels()
    assert seen.notebook.world.controller.digest() == before
    state = json.dumps([panel.bar, panel.timeline, panel.world, panel.inspector, panel.tick, panel.found])
    assert "\x1b" not in state
    assert len(state) < 60_000


def test_a_panel_is_docked_where_that_is_possible(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package it is displayed in a place of its own; without it, the refusal says how to do it."""
    entered = list[str]()

    class Sidecar(contextlib.AbstractContextManager[None]):
        def __init__(self, title: str, anchor: str) -> None:
            entered.append(f"{title}, {anchor}")

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("swingset_nb.docking.find_spec", lambda name: None)
    refused = seen.shell.run_cell("%swingset panel --dock").error_in_exec
    assert "Create New View for Output" in " ".join(refused.hints)
    monkeypatch.setattr("swingset_nb.docking.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "sidecar", types.SimpleNamespace(Sidecar=Sidecar))
    seen.run("%swingset panel --dock")
    assert entered == ["a.world, split-right"]
    assert isinstance(seen.notebook.panels[-1], Explorer)
