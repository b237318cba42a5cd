"""The netlayer of the page about netlayers, installed as the page says, carries what two worlds say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from swingset.netlayers.finding import GROUP, netlayer, transports
from tests.docs.test_docs import DOCS, fences
from tests.scenarios.linked import BANK, Side, with_session


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page's netlayer as a package with its entry point; returns its transport."""
    found = {fence.language: fence.text for fence in fences(DOCS / "netlayers.md")}
    (points,) = tomllib.loads(found["toml"])["project"]["entry-points"].items()
    assert points[0] == GROUP
    ((transport, where),) = points[1].items()
    (tmp_path / f"{where.partition(':')[0]}.py").write_text(found["python"])
    about = tmp_path / "of_the_page-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: of-the-page\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{transport} = {where}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return str(transport)


def test_the_netlayer_of_the_page_is_found_and_carries(installed: str) -> None:
    """Two worlds listen, fetch and call by it, and nobody who dials is proved."""
    assert installed in transports()
    assert netlayer(installed).framing == "prefix"
    alice, bob = Side(), Side()
    alice.other, bob.other = bob, alice
    with_session(alice)
    alice.session.define("bank", BANK)
    for side in (alice, bob):
        assert f".{installed}" in side.world.net.listen(installed)
    theirs = bob.fetch(alice.shared(transport=installed))
    assert [bob.ask(theirs, "deposit", amount) for amount in (1, 2)] == [1, 3]
    assert [(each.state, each.proven) for each in alice.world.net.peers()] == [("live", False)]
    assert [(each.state, each.proven) for each in bob.world.net.peers()] == [("live", True)]
    bob.close()
    alice.close()
