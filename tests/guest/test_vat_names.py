"""The names that vat authors import: each says how it is used."""

from __future__ import annotations

import re

import pytest

import swingset.vat
import swingset.vat.contract
import swingset.vat.explicit
import swingset.vat.patterns
import swingset.vat.testing

MODULES = (
    swingset.vat,
    swingset.vat.contract,
    swingset.vat.explicit,
    swingset.vat.patterns,
    swingset.vat.testing,
)
NAMES = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if not isinstance(getattr(module, name), str)
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_for_vat_authors_shows_how_it_is_used(name: str) -> None:
    """Its docstring has code in which the name stands; that of an exception says when it is raised."""
    meant = NAMES[name]
    doc = meant.__doc__ or ""
    if isinstance(meant, type) and issubclass(meant, BaseException):
        assert len(doc.split()) >= 5
        return
    code = [*re.findall(r"`([^`]+)`", doc), *re.findall(r"\n {4,}(.+)", doc)]
    assert any(name.rpartition(".")[2].lower() in line.lower() for line in code), doc
