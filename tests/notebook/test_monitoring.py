"""Watching a world from a notebook: the console, the last error or print, and what went wrong lately."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel, Ran

CLERK = """%%vat clerk
import sys
from swingset.vat import E, remotable

@remotable
class Clerk:
    def say(self, text):
        print(text)

    def warn(self):
        print("WARNING:clerk:low", file=sys.stderr)

    def forget(self):
        E(self).fail()

    def fail(self):
        raise ValueError("no money")

def build_root_object():
    return Clerk()
"""


def html_of(ran: Ran) -> str:
    """What a page shows of a cell's result."""
    return str(ran.shown[-1]["text/html"])


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a world open in which a clerk has spoken and failed."""
    kernel.run("%swingset close")
    kernel.run("%swingset open monitoring.world --worker local")
    kernel.run(CLERK)
    kernel.run("await E(clerk).say('good morning')")
    kernel.run("await E(clerk).warn()")
    return kernel


def test_what_went_wrong_since_the_last_look_comes_first(opened: Kernel) -> None:
    """`%swingset` tells of an error once, with its crank and what to type."""
    opened.run("%swingset")
    opened.run("await E(clerk).forget()")
    told = opened.run("%swingset").plain.splitlines()
    assert told[1].startswith("  went wrong in crank ")
    assert "forget() of vat clerk: unhandled rejection in clerk: ValueError: no money" in told[1]
    crank = told[1].split(" crank ")[1].split(",")[0]
    assert f"→ `%swingset cause {crank}` says what led to the last error" in told
    assert "went wrong" not in opened.run("%swingset").plain
    assert "forget() to root of clerk" in opened.run(f"%swingset cause {crank}").plain


def test_many_errors_are_counted(opened: Kernel) -> None:
    """The last of them are shown, with a line that lists all."""
    opened.run("%swingset")
    opened.run("for _ in range(8):\n    E(clerk).forget()")
    told = opened.run("%swingset").plain
    assert told.count("went wrong in crank") == 5
    assert "3 errors before these since you last looked" in told
    hint = next(line for line in told.splitlines() if "--level error --since" in line)
    listed = opened.run(hint.split("`")[1]).plain
    assert "8 errors" in listed


def test_a_suspended_vat_comes_before_the_list_of_vats(opened: Kernel) -> None:
    """It is told for as long as it is suspended."""
    opened.run("%swingset suspend clerk for lunch")
    told = opened.run("%swingset").plain.splitlines()
    assert told[1].startswith("  vat clerk is suspended: for lunch")
    assert told[2].startswith("  vats: clerk")
    opened.run("%swingset resume clerk")


def test_the_console_lists_the_worst_first(opened: Kernel) -> None:
    """With a level and a vat; each line has its crank and its method."""
    rows = opened.run("%swingset console clerk").plain.splitlines()
    levels = [row.split()[0] for row in rows[3:] if row[:5] in ("error", "warni", "print")]
    assert levels == sorted(levels, key=["error", "warning", "print"].index)
    assert "good morning" in opened.run("%swingset console").plain
    warned = opened.run("%swingset console --level warning").plain
    assert "WARNING:clerk:low" in warned
    assert "good morning" not in warned
    assert opened.run("%swingset console --level loud").status == "error"


def test_the_last_error_or_print_needs_no_number(opened: Kernel) -> None:
    """`cause` and `story` are about the last crank that printed or rejected something."""
    opened.run("await E(clerk).say('good night')")
    opened.run("x = 1")
    assert "say('good night')" in opened.run("%swingset cause").plain.splitlines()[0]
    assert "  │ good night" in opened.run("%swingset story").plain
    assert opened.run("await E(clerk).fail()").status == "error"
    assert "fail() to root of clerk" in opened.run("%swingset cause").plain.splitlines()[0]


def test_costs_have_a_chart_and_two_tables(opened: Kernel) -> None:
    """In a world whose vats are not metered, deliveries are compared."""
    shown = opened.run("%swingset costs")
    assert '<img alt="Costs over time, cranks 1 to ' in html_of(shown)
    assert "data:image/svg+xml;base64," in html_of(shown)
    assert "not metered" in shown.plain
    assert "clerk     forget()" in shown.plain
    assert html_of(opened.run("%swingset costs")) == html_of(shown)
    assert "notebook" not in opened.run("%swingset costs clerk").plain
    assert opened.run("%swingset costs clerk --since 99999").plain == "no deliveries in these cranks"


def test_a_vat_that_is_gone_can_still_be_asked_about(opened: Kernel) -> None:
    """Its console and its costs are in the history; a name that no vat ever had is refused."""
    opened.run(CLERK.replace("%%vat clerk", "%%vat late"))
    opened.run("await E(late).say('last words')")
    opened.run("%swingset terminate late")
    assert "last words" in opened.run("%swingset console late").plain
    assert "say()" in opened.run("%swingset costs late").plain
    for word in ("console", "costs"):
        refused = opened.run(f"%swingset {word} nonesuch").traceback
        assert "there is no vat 'nonesuch'; there are: clerk, late, notebook" in refused
        assert refused.endswith("→ %swingset vats")


def test_storage_is_listed_by_vat(opened: Kernel) -> None:
    """What counts has a row for each vat; what is in the file has one for the past and the host too."""
    shown = opened.run("%swingset vats --storage").plain.splitlines()
    counts, files = shown.index("what counts, by vat"), shown.index("bytes of the file, by vat")
    assert counts < files
    assert {line.split("  ")[0] for line in shown[counts + 3 : counts + 5]} == {"notebook", "clerk"}
    assert {line.split("  ")[0] for line in shown[files + 3 : files + 6]} == {
        "notebook",
        "clerk",
        "late, terminated",
    }
    assert shown[files + 6].startswith("the host  ")


def test_a_trace_has_a_link_that_downloads_it(opened: Kernel) -> None:
    """It is a file beside the notebook, named by the crank; a file elsewhere has no link."""
    shown = opened.run("%swingset export-trace")
    assert "trace events are in monitoring-" in shown.plain
    name = shown.plain.split(" are in ")[1].split(",")[0]
    assert f'<a href="{name}" download ' in html_of(shown)
    assert "http" not in html_of(shown)
    assert opened.run("%swingset export-trace").status == "ok"
    assert opened.run("import json; len(json.load(open('" + name + "'))['traceEvents']) > 10").plain == "True"
    assert "<a " not in html_of(opened.run("%swingset export-trace ../elsewhere.json"))


def test_a_cause_is_drawn_above_its_lines(opened: Kernel) -> None:
    """The picture is an image with words; as text there are only the lines."""
    opened.run("await E(clerk).say('drawn')")
    shown = opened.run("%swingset cause")
    assert shown.plain.splitlines()[0].endswith("say('drawn') to root of clerk ko20")
    assert '<img alt="crank ' in html_of(shown)
    assert "data:image/svg+xml;base64," in html_of(shown)
    assert len(html_of(shown)) < 40_000


def test_process_order_lists_all_that_the_vat_did(opened: Kernel) -> None:
    """`--process` lists the deliveries of one vat, however many there are, and says if there may be more."""
    shown = opened.run("%swingset cause --process --rows 100").plain
    assert "message order" not in shown
    assert "the creation of vat clerk" in shown
    assert shown.count("forget() to root of clerk") == 9
    short = opened.run("%swingset cause --process --rows 5").plain
    assert "`--rows 20` or `--all`" in short


def test_nothing_to_be_asked_about_is_said(opened: Kernel) -> None:
    """In a new world there is no last error; and what was said is there after a restart."""
    opened.run("%swingset close")
    opened.run("%swingset open quiet.world --worker local")
    assert "nothing has happened in this world yet" in opened.run("%swingset cause").traceback
    assert "nothing was said" in opened.run("%swingset console").plain
    opened.run("%swingset close")
    opened.run("%swingset open monitoring.world --worker local")
    assert "good night" in opened.run("%swingset console clerk").plain
    assert "went wrong" not in opened.run("%swingset").plain
