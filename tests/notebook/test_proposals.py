"""`%swingset propose`, the page of a proposal, and libraries of audited modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from swingset import audited_library, read_audited
from tests.notebook.kernels import Kernel

SHOP = """%%{magic} {name}
from swingset.vat import remotable
import scale

@remotable
class Shop:
    def price(self, amount: int) -> int:
        return amount * {factor} // scale.HUNDRED

def build_root_object():
    return Shop()
"""


@pytest.fixture(scope="module")
def proposing(kernel: Kernel) -> Kernel:
    """A notebook with a shop, and two proposals for it."""
    kernel.run("%swingset open proposing.world --worker local")
    kernel.run("%%module scale\nHUNDRED = 100\n")
    kernel.run(SHOP.format(magic="vat", name="shop", factor=5))
    assert kernel.run("await E(shop).price(200)").plain == "10"
    kernel.run(SHOP.format(magic="module", name="dear", factor=50))
    said = kernel.run("%swingset propose shop dear it is time").plain
    assert said.startswith(
        "proposal 1: vat shop becomes dear\n  2 modules (1 known, 1 changed), and reading follows all of it."
    )
    assert "`swingset_nb.session().proposals.reference(1)` is what a vote" in said
    kernel.run("%%module sly\nimport os\nexec('<script>alert(1)</script>')\n")
    assert "it cannot be judged" in kernel.run("%swingset propose shop sly").plain
    return kernel


def test_the_page_has_modules_differences_rehearsal_shadow_and_votes(proposing: Kernel) -> None:
    """In this order, the same each time, and the world is not changed."""
    digest = proposing.run("%swingset digest").plain
    page = proposing.run("%swingset proposal 1").plain
    wanted = [
        "proposal 1: vat shop gets other code",
        "its proposer says: it is time",
        "module scale  known",
        "dear          changed",
        "it leads out to swingset.vat",
        "-        return amount * 5 // scale.HUNDRED",
        "+        return amount * 50 // scale.HUNDRED",
        "rehearsed: The upgrade of shop would go through.",
        "survives",
        "1 recorded message re-delivered: 1 answered differently",
        "no vat counts votes on it",
    ]
    places = [page.find(words) for words in wanted]
    assert -1 not in places, (wanted[places.index(-1)], page)
    assert places == sorted(places)
    assert proposing.run("%swingset proposal 1").plain == page
    assert proposing.run("%swingset digest").plain == digest


def test_what_hides_something_is_shown_as_text(proposing: Kernel) -> None:
    """In every form of the page."""
    answer = proposing.run("%swingset proposal 2 --read")
    assert "cannot-be-judged: sly: line 3: `exec`" in answer.plain
    assert "exit-added: it imports os" in answer.plain
    assert "name-of-another" not in answer.plain
    assert "<script>" not in str(answer.shown[-1]["text/html"])
    assert "rehearsed" not in answer.plain


def test_proposals_are_listed_and_others_refused(proposing: Kernel) -> None:
    """With what to type instead."""
    listed = proposing.run("%swingset proposal").plain
    assert "it is time" in listed
    assert "there is no proposal 9; there are: 1, 2" in proposing.run("%swingset proposal 9").traceback
    assert "no module 'moon' is defined" in proposing.run("%swingset propose shop moon").traceback


def test_a_library_counts_after_it_was_accepted_by_its_digest(proposing: Kernel, tmp_path: Path) -> None:
    """Another file, of whatever name, has another digest."""
    library = audited_library("ann", {"scale": "\nHUNDRED = 100\n"})
    path = tmp_path / "audited.json"
    path.write_text(library.text())
    short = library.digest[:12]
    assert f"digest {short}, which is not accepted" in proposing.run(f"%swingset audited {path}").plain
    assert "audited by" not in proposing.run("%swingset proposal 1 --read").plain.replace("audited by  ", "")
    wrong = proposing.run(f"%swingset audited {path} --accept {'0' * 12}").traceback
    assert "it is another file" in wrong
    assert "counts here" in proposing.run(f"%swingset audited {path} --accept {short}").plain
    assert "audited by ann as scale" in proposing.run("%swingset proposal 1 --read").plain
    assert "ann" in proposing.run("%swingset audited").plain
    written = tmp_path / "written.json"
    line = f"%swingset audited {written} --write 1"
    assert "who has looked into these modules?" in proposing.run(line).traceback
    said = proposing.run(f"{line} --author bob").plain
    assert "says of 2 modules that bob has audited them" in said
    digest = read_audited(written.read_text()).digest[:12]
    assert digest in said
    assert "cannot be written" in proposing.run(f"{line} --author bob").traceback
    assert "no proposal 9" in proposing.run(f"%swingset audited {written}2 --write 9 --author b").traceback
    assert f"{short} counts no more" in proposing.run(f"%swingset audited --withdraw {short}").plain
    assert "audited by ann" not in proposing.run("%swingset proposal 1 --read").plain
    assert "no accepted library is meant" in proposing.run(f"%swingset audited --withdraw {short}").traceback
    path.write_text("{")
    assert "this is no library" in proposing.run(f"%swingset audited {path}").traceback
    assert "cannot be read" in proposing.run(f"%swingset audited {path}.none").traceback


def test_a_vat_that_there_is_not_is_named_when_it_is_proposed_for(proposing: Kernel) -> None:
    """It may be made later, so the proposal is kept; who has mistyped it sees which vats there are."""
    said = proposing.run("%swingset propose shpo dear").plain
    assert "proposal 3: vat shpo becomes dear" in said
    assert "there is no vat shpo; there are: shop" in said


def test_proposals_and_modules_are_completed(proposing: Kernel) -> None:
    """After the vat come modules; a proposal is one of the numbers; who bids sees the methods, too."""
    assert proposing.complete("%swingset propose shop d") == ["dear"]
    assert "2" in proposing.complete("%swingset proposal ")
    assert "price" in proposing.complete("E.bid(ann, base=5)(shop).")
